"""Packing: the texts of a corpus as windows of pieces, with what was met on the way counted."""
