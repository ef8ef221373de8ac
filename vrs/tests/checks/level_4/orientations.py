"""Particles whose views are known, for the tests of level 4."""

import numpy as np
from scipy.spatial.transform import Rotation

from vrs.images.particles import OpticsGroup, ParticleTable
from vrs.inputs import compose
from vrs.inputs.particles import ParticleEvidence
from vrs.inputs.reported import Reported


def table_of(rotations):
    """A table of particles with orientations (n, 3, 3), without images."""
    count = len(rotations)
    return ParticleTable(
        optics=(OpticsGroup(sampling=1.5, image_size=200),), group=np.zeros(count, np.int32),
        contrast=np.zeros(count, np.int8), rotations=np.asarray(rotations, np.float32))


def rotations_of(kind, count, seed=1):
    """Orientations of a kind: "uniform", "side" or "top", or within degrees of the axis."""
    rng = np.random.default_rng(seed)
    rot, psi = rng.uniform(0, 360, (2, count))
    if kind == "uniform":
        return Rotation.random(count, random_state=seed).as_matrix()
    if kind == "side":
        tilt = np.full(count, 90.0)
    elif kind == "top":
        tilt = np.zeros(count)
    else:
        tilt = np.degrees(np.arccos(rng.uniform(np.cos(np.radians(kind)), 1, count)))
    # A = Rz(psi) Ry(tilt) Rz(rot) as frame rotations is the inverse of the same as of points.
    return Rotation.from_euler("ZYZ", np.stack([rot, tilt, psi], axis=1),
                               degrees=True).inv().as_matrix()


def evidence_of(kind, count, resolution=3.0, symmetry="C1", diameter=150.0):
    """Particles alone."""
    return compose(reported=Reported(resolution), particles=ParticleEvidence(
        table_of(rotations_of(kind, count)), symmetry, diameter))
