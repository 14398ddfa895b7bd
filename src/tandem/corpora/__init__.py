"""Reading, cleaning and splitting corpora into one schema of records."""
