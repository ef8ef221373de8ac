"""Level 4: the angular assignment of the particles."""
