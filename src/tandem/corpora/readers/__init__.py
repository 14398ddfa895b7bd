"""Reading corpora: every format as a stream of the same entries."""
