"""Evidence from arrays, for tests of checks."""

from vrs.checks import SharedOutcome
from vrs.checks.level_A.placement import PLACED_MODEL, Placement
from vrs.inputs import Run, compose
from vrs.inputs.half_maps import HalfMaps
from vrs.inputs.map import MapEvidence
from vrs.inputs.model import ModelEvidence
from vrs.inputs.reported import Reported


def evidence(volume, sampling, threshold, resolution=None, mask=None, half1=None, half2=None,
             model=None, misfit="", refinements=0, particles=None, workflow=None, workers=1, seed=0,
             origin=(0.0, 0.0, 0.0), placed=True, mass=None):
    """Evidence as it would be read from files.

    A model is taken to be ``placed`` in the frame of the map, the first voxel at the origin, and
    to fit nowhere when there is a ``misfit``; otherwise its place has to be found.
    """
    found = compose(
        Run(workers, seed), map=MapEvidence(volume, sampling, threshold, origin, mask,
                                              header_origin=origin, mass=mass),
        reported=Reported(resolution), particles=particles, workflow=workflow,
        half_maps=None if half1 is None else HalfMaps(half1, half2),
        model=None if model is None else ModelEvidence(model, refinements))
    if model is not None and placed:
        found.remember(PLACED_MODEL, SharedOutcome(Placement(
            [0.0, 0.0, 0.0], "by the header of the map", 0.0 if misfit else 1.0, [],
            (0.0, 0.0, 0.0), misfit, fits=not misfit)))
    return found


def changed(found, **parts):
    """The same evidence with some arguments of :func:`evidence` different."""
    given = dict(
        volume=found.map.volume, sampling=found.map.sampling, threshold=found.map.threshold,
        origin=found.map.origin, mask=found.map.mask, resolution=found.reported.resolution,
        particles=found.particles, workflow=found.workflow, workers=found.run.workers,
        seed=found.run.seed)
    if found.half_maps is not None:
        given.update(half1=found.half_maps.first, half2=found.half_maps.second)
    if found.model is not None:
        given.update(model=found.model.structure, refinements=found.model.refinements)
    return evidence(**dict(given, **parts))


def by_name(products):
    """Values of products by their names."""
    return {product.name: product.values for product in products}
