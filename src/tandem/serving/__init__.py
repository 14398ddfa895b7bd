"""A trained model in use: texts in, typed answers out."""
