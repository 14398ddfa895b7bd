"""Pieces: what a tokenizer makes of words, and which piece belongs to which word."""
