"""The idealised protein, which takes seconds to build: once for all tests of a process."""

import functools

from vrs.simulation.protein import build_protein

_built = functools.lru_cache(maxsize=None)(build_protein)


def protein(seed=5, b_factor=80.0, side_chain_rise=60.0):
    """What build_protein gives, a structure to be changed at will and letters."""
    structure, letters = _built(seed, b_factor, side_chain_rise)
    return structure.clone(), letters
