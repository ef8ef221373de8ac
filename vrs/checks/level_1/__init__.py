"""Level 1: what two half maps can tell."""
