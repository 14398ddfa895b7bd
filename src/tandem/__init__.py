"""Tandem: one shared BERT encoder that labels whole texts and tags their words."""
