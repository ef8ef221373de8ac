"""Micrographs that stand out by their particles."""

from types import SimpleNamespace

import numpy as np

from vrs.checks.level_4.micrographs import bad_by_micrograph, signal_by_micrograph

MICROGRAPH = np.repeat(np.arange(3, 23), 50)
TABLE = SimpleNamespace(micrograph=MICROGRAPH,
                        micrograph_names=tuple("mic%d.mrc" % number for number in range(30)))
WORDS = ("vrsBad", "Bad particles", "bad")


def test_micrographs_with_more_bad_particles_than_the_others():
    bad = np.arange(1000) % 10 == 0
    [even] = bad_by_micrograph(TABLE, bad, *WORDS)
    assert even.names == list(TABLE.micrograph_names[3:23]) and not even.outside.any()
    np.testing.assert_allclose(even.values, 10)
    bad[MICROGRAPH == 7] = np.arange(50) < 20
    [found] = bad_by_micrograph(TABLE, bad, *WORDS)
    assert [found.names[row] for row in np.flatnonzero(found.outside)] == ["mic7.mrc"]
    assert found.values[4] == 40 and found.badness.argmax() == 4
    [none] = bad_by_micrograph(TABLE, np.zeros(1000, bool), *WORDS)
    assert not none.outside.any()
    assert bad_by_micrograph(SimpleNamespace(micrograph=None), bad, *WORDS) == []


def test_micrographs_with_weak_signal():
    signal = np.random.default_rng(1).normal(1, 0.3, 1000)
    [even] = signal_by_micrograph(TABLE, signal, *WORDS)
    # The mean of 50 has an error of 0.04, and the smallest of 20 lies some two of them below 1.
    assert not even.outside.any() and even.values.min() > 0.85
    signal[MICROGRAPH == 9] -= 0.4
    [found] = signal_by_micrograph(TABLE, signal, *WORDS)
    assert [found.names[row] for row in np.flatnonzero(found.outside)] == ["mic9.mrc"]
    assert found.badness.argmax() == 6
