"""Refinement of atomic models against maps, restrained to the geometry they came with."""
