"""Level O: do other techniques agree?"""
