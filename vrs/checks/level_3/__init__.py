"""Level 3: do the particles belong to the classes?"""
