"""Level A: does the atomic model agree with the map?"""
