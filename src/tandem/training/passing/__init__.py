"""Passing texts through the encoder, over one process or several."""
