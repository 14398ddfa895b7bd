"""The encoder, its heads, and the ways into and out of a model folder."""
