"""The idealised protein, which takes seconds to build: once for all tests of a process."""

import contextlib
import functools

import pytest

from vrs.simulation import protein as simulated

_built = functools.lru_cache(maxsize=None)(simulated.build_protein)


def protein(seed=5, b_factor=80.0, side_chain_rise=60.0):
    """What build_protein gives: a structure, which may be changed, and letters."""
    structure, letters = _built(seed, b_factor, side_chain_rise)
    return structure.clone(), letters


@contextlib.contextmanager
def built_once():
    """Within it the example data sets are made of that protein, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulated, "build_protein", protein)
        yield
