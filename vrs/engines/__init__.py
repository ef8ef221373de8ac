"""Adapters to external programs and to trained networks."""
