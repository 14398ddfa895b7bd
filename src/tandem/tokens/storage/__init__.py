"""The token store: rows of different lengths, memory-mapped."""
