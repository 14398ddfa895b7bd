"""Whether what `dvc.lock` records is here, byte for byte, and how to mend what is not."""
