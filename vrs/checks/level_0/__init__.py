"""Level 0: what the map alone can tell."""
