"""Proof that our encoder computes what the reference computes."""
