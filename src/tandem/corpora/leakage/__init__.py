"""Leakage: held-out texts that are trained on, exactly or nearly."""
