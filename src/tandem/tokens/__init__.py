"""From records to packed token ids with aligned labels."""
