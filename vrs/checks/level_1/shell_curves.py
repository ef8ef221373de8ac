"""What the half maps have in common, frequency by frequency."""

from dataclasses import dataclass
from typing import Optional

import numpy as np
from scipy import fft

from vrs.checks.shared import Shared
from vrs.inputs.half_maps import HALF_MAPS
from vrs.inputs.map import MAP
from vrs.numerics.fourier import shell_counts, shell_frequencies, shell_sums
from vrs.numerics.fsc import (Crossing, correlates, correlation, cross_and_powers, first_crossing,
                              first_telling_shell, phase_residual, phase_terms, shell_correlation,
                              signal_to_noise)
from vrs.numerics.masked_fsc import (RANDOMISE_BELOW, independent_part, masked_transform,
                                     randomised_transform, without_mask)
from vrs.results import travels


@travels
@dataclass
class ShellCurves:
    """What the half maps have in common, by shell.

    Attributes
    ----------
    frequencies : numpy.ndarray, (shells,)
        1/Å.
    counts : numpy.ndarray, (shells,)
        Coefficients of each shell.
    fsc, dpr, ssnr : numpy.ndarray, (shells,)
        Without mask; the DPR in degrees. Without the SSNR the last is None.
    masked, randomised, corrected : numpy.ndarray, (shells,)
        FSC within the soft mask, after the phases were randomised, and freed of the
        mask. Without randomised shells the second is None, without a mask all are.
    first_random : int or None
        First shell with random phases.
    independent : float
        Part of the coefficients that stay independent within the mask.
    """

    frequencies: np.ndarray
    counts: np.ndarray
    fsc: np.ndarray
    dpr: np.ndarray
    ssnr: Optional[np.ndarray] = None
    masked: Optional[np.ndarray] = None
    randomised: Optional[np.ndarray] = None
    corrected: Optional[np.ndarray] = None
    first_random: Optional[int] = None
    independent: float = 1.0

    def within_mask(self, threshold):
        """Where the FSC within the mask, freed of the mask, first falls below a threshold.

        Parameters
        ----------
        threshold : float

        Returns
        -------
        vrs.numerics.fsc.Crossing or None
            Without resolution where the halves have nothing in common; None without mask.
        """
        if self.corrected is None:
            return None
        if not correlates(self.corrected, self.counts, self.independent):
            return Crossing(None, True, False)
        return first_crossing(self.frequencies, self.corrected, threshold,
                              first_telling_shell(self.counts))


def shell_curves(data):
    """Correlations of the half maps by shell, without and within the soft mask.

    Phases are random from the first shell on in which the FSC without mask is below 0.8.

    Parameters
    ----------
    data : vrs.inputs.Evidence
        With half maps.

    Returns
    -------
    ShellCurves
    """
    shape = data.half_maps.first.shape
    halves = data.half_maps.both
    masked = shell_correlation(*(masked_transform(half, data.map.soft_mask, data.run.workers)
                                 for half in halves), shape=shape)
    one, two = (fft.rfftn(half, workers=data.run.workers) for half in halves)
    cross, power1, power2, weighted, weights = shell_sums(shape, lambda z: (
        cross_and_powers(one[z], two[z]) + phase_terms(one[z], two[z])))
    fsc = correlation(cross, power1, power2)
    counts = shell_counts(shape)
    first = _first_below(fsc, first_telling_shell(counts))
    randomised, corrected = None, masked
    if first is not None:
        rng = np.random.default_rng(data.run.seed)
        one = randomised_transform(one, data.map.soft_mask, first, rng, data.run.workers)
        two = randomised_transform(two, data.map.soft_mask, first, rng, data.run.workers)
        randomised = shell_correlation(one, two, shape)
        corrected = without_mask(masked, randomised, first)
    return ShellCurves(shell_frequencies(shape, data.map.sampling), counts, fsc,
                       phase_residual(weighted, weights), signal_to_noise(cross, power1, power2),
                       masked, randomised, corrected, first,
                       independent_part(data.map.soft_mask))


def _first_below(fsc, start):
    below = np.flatnonzero(fsc[start:] < RANDOMISE_BELOW)
    return int(below[0]) + start if below.size else None


SHELL_CURVES = Shared("shell_curves", "correlating the half maps", (MAP, HALF_MAPS), shell_curves)
