"""The schema on disk: records, and how their tags stand for spans."""
