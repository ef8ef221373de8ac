"""What the items that look at directions of Fourier space share."""

import numpy as np
from scipy import fft

from vrs.checks.check import NotMeasured
from vrs.numerics import sphere
from vrs.numerics.directional_fsc import LOWEST_SHELL, DirectionalSums, soft_cone
from vrs.numerics.fsc import shell_correlation
from vrs.numerics.masked_fsc import (RANDOMISE_BELOW, masked_transform, randomised_transform,
                                     without_mask)

# Half angle in degrees.
_REGION = 45.0
_SMALLEST_BOX = 4 * LOWEST_SHELL


class MaskedHalves:
    """Directional correlations of the half maps within the soft mask.

    What the mask itself adds is measured with random phases over whole shells, as cones
    hold too few coefficients for that, and taken away.

    Parameters
    ----------
    data : vrs.inputs.Evidence
        With half maps.

    Raises
    ------
    NotMeasured
        For boxes too small to tell directions apart.

    Attributes
    ----------
    sums : DirectionalSums
        Of the masked halves.
    """

    def __init__(self, data):
        if max(data.map.volume.shape) < _SMALLEST_BOX:
            raise NotMeasured("The box is too small: its Fourier shells hold too few "
                              "coefficients to tell directions apart.")
        self._first, self._randomised = _mask_alone(data)
        self.sums = DirectionalSums(
            *(masked_transform(half, data.map.soft_mask, data.run.workers)
              for half in data.half_maps.both), shape=data.map.volume.shape)

    def corrected(self, curves):
        """Curves, float32 (directions, shells), without what the mask adds."""
        return np.array([without_mask(curve, self._randomised, self._first)
                         for curve in curves])

    def global_curve(self):
        """FSC of the halves within the mask, float64 (shells,)."""
        return self.corrected([self.sums.global_curve()])[0]

    def curves(self, directions, cone):
        """Directional FSC; see :meth:`DirectionalSums.curves`."""
        return self.corrected(self.sums.curves(directions, cone))


def by_region(directions, values):
    """Means over wide regions of Fourier space.

    A single direction is worst by chance; the middle of the worst region is not.

    Parameters
    ----------
    directions : numpy.ndarray, (directions, 3)
    values : numpy.ndarray, (directions,)

    Returns
    -------
    axes : numpy.ndarray, (regions, 3)
        Their middles, unit vectors x, y, z.
    means : numpy.ndarray, (regions,)
    """
    axes = sphere.geodesic_directions(4)
    weights = soft_cone(_REGION)(np.abs(axes @ directions.T))
    return axes, weights @ values / weights.sum(axis=1)


def _mask_alone(data):
    """First shell with random phases, and the FSC that masked halves then have."""
    shape = data.map.volume.shape
    transforms = [fft.rfftn(half, workers=data.run.workers) for half in data.half_maps.both]
    unlike = shell_correlation(*transforms, shape)[LOWEST_SHELL:] < RANDOMISE_BELOW
    first = LOWEST_SHELL + (int(unlike.argmax()) if unlike.any() else len(unlike))
    rng = np.random.default_rng(data.run.seed)
    for index, transform in enumerate(transforms):
        transforms[index] = randomised_transform(
            transform, data.map.soft_mask, first, rng, data.run.workers)
    return first, shell_correlation(*transforms, shape)
