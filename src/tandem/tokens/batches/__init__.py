"""Batches: stored pieces, gathered for a pass through the encoder."""
