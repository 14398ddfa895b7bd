"""Cleaning: entries of any format to records, with every repair and drop counted."""
