"""Level 5: do the particles come from good places?"""
