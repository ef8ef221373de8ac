"""What the items that look at directions of Fourier space share."""

import numpy as np
from scipy import fft

from vrs.checks.check import NotMeasured
from vrs.checks.criteria import Criterion
from vrs.checks.quantities import VECTOR, Quantity
from vrs.numerics import sphere
from vrs.numerics.directional_fsc import (LOWEST_SHELL, DirectionalSums, relative_snr,
                                          soft_cone)
from vrs.numerics.fsc import shell_correlation
from vrs.numerics.masked_fsc import (RANDOMISE_BELOW, masked_transform, randomised_transform,
                                     without_mask)
from vrs.results import SERIOUS, Paragraph

# Half angle in degrees.
_REGION = 45.0
_SMALLEST_BOX = 4 * LOWEST_SHELL
_LEAST_SNR = 0.3

SAMPLING_EXPLAINED = (
    "The signal-to-noise ratio along a direction, relative to that of the median direction, shows "
    "how well it was sampled: where views are missing it is near 0, whatever resolution the other "
    "directions give. In elongated or layered molecules it depends somewhat on the direction even "
    "when no views are missing.")
SAMPLED_DIRECTIONS = (
    Quantity("worst_snr", "",
             "Signal-to-noise ratio of the worst direction relative to that of the median one; 0 "
             "where views are missing"),
    Quantity("worst_snr_upper", "", "Upper end of its 95 % interval, the lowest of all directions"),
    Quantity("least_sampled_direction", "", "That direction, in Fourier space (x, y, z)", VECTOR),
)


def sampled_criterion():
    """Criterion that views are missing in no direction; the service asks nothing of the kind.

    Returns
    -------
    Criterion
        Of :data:`SAMPLED_DIRECTIONS`.
    """
    return Criterion(
        name="worst_snr", metric="worst_snr_upper",
        subject="the signal-to-noise ratio of the worst direction relative to the median one "
        "(upper end of its 95 % interval)", relation=">=", bound=_LEAST_SNR,
        warning="Views are missing: in the worst direction of Fourier space the signal-to-noise "
        "ratio is at most {value:.2f} times that of the median direction (at least {bound} "
        "expected), so the map is smeared along it. Collect tilted images, or use other grids.",
        severity=SERIOUS, service=())


def sampled_directions(directions, curves):
    """How well the worst direction is sampled.

    Parameters
    ----------
    directions : numpy.ndarray, (directions, 3)
    curves : numpy.ndarray, (directions, shells)

    Returns
    -------
    metrics : dict of str to object
        Values of :data:`SAMPLED_DIRECTIONS`, none where too few shells tell.
    content : list of Paragraph
    """
    found = relative_snr(curves)
    if found is None:
        return {}, [Paragraph("The FSC falls too steeply to compare the signal-to-noise ratio of "
                              "single directions.")]
    snr, error = found
    upper = snr + 2 * error
    worst = upper.argmin()
    metrics = {"worst_snr": snr[worst], "worst_snr_upper": upper[worst],
               "least_sampled_direction": directions[worst]}
    return metrics, [Paragraph(
        "Relative to the median direction, the signal-to-noise ratio is lowest about (%.2f, "
        "%.2f, %.2f), as x, y, z in Fourier space: %.2f (95 %% interval to %.2f). It is near 0 "
        "where views are missing." % (tuple(directions[worst]) + (snr[worst], upper[worst])))]


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
