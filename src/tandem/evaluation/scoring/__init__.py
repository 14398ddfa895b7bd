"""Scoring: what a model answers, held against the labels; used while it learns and after."""
