"""Level 2: the two-dimensional class averages."""
