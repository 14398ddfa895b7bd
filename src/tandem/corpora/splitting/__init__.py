"""Splitting: records to train, valid and test, which share no text."""
