"""Evidence of simulated particles, for the tests of levels 2 to 4."""

import functools

from vrs.inputs import Run, compose
from vrs.inputs.map import MapEvidence
from vrs.inputs.particles import ParticleEvidence
from vrs.inputs.reported import Reported
from vrs.tests.images.test_search import protein

SAMPLING = 3.5
# Of protein(), Å.
DIAMETER = 140.0


@functools.lru_cache(maxsize=None)
def volume_of(seed=0):
    """A map of Gaussians without symmetry, float32 (64, 64, 64)."""
    volume = protein(seed)
    volume.flags.writeable = False
    return volume


def evidence_of(table, volume=None, resolution=8.0, symmetry="C1", used=None, classes=None,
                seed=0):
    """Evidence with particles, and with the map when there is a volume."""
    seen = None
    if volume is not None:
        seen = MapEvidence(volume, SAMPLING, float(0.1 * volume.max()), (0.0, 0.0, 0.0),
                           header_origin=(0.0, 0.0, 0.0))
    return compose(Run(1, seed), map=seen, reported=Reported(resolution), classes=classes,
                   particles=ParticleEvidence(table, symmetry, DIAMETER, used))
