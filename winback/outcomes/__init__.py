"""What became of a run, and all that is found in it."""
