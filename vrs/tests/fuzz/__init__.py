"""Inputs damaged at random, from fixed seeds, and what must not happen to them.

``python -m vrs.tests.fuzz 5000`` tries a large number by hand; the suite tries a few.
"""
