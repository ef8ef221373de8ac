"""0.f: how fast do the amplitudes fall off, place by place?"""

import numpy as np

from vrs.checks import Check, Criterion, Findings, register
from vrs.checks.level_0.monogenic import KAUR, LOWEST_FREQUENCY, resize, why_not
from vrs.checks.local import (coloured_surface, histogram, median_mark, onto_grid,
                              percentile_table, percentiles)

_BANDS = 10
_NOISE_QUANTILE = 0.9


@register
class LocalBFactor(Check):
    """Slopes of the local Guinier plots from monogenic amplitudes."""

    id = "0.f"
    title = "Local B-factor (LocBfactor)"
    needs = "map, threshold, reported resolution better than 15 Å"
    explanation = (
        "The spiral transform separates a map into local amplitude and phase at each spatial "
        "frequency. The local B-factor is four times the slope of the logarithm of that amplitude, "
        "weighted by its strength above the background, against the square of the frequency, "
        "between 15 Å and the reported resolution. Strongly negative values are found where the "
        "map fades early: flexible or poorly aligned parts. The published method divides each "
        "band by the sum of its filter, which adds a fall-off of its own (about −50 Å² between 15 "
        "and 3 Å); corrected values, free of this, are given beside it.")
    references = (KAUR,)
    criteria = (
        Criterion("median", "percentiles.50", "the median local B-factor", "within",
                  (-300.0, 0.0), "The median local B-factor is {value:.1f} Å², not between "
                  "{bound} Å².", "Å²"),
    )
    summary_ok = "The local B-factor is in the usual range."
    summary_warnings = "There may be a problem with the local B-factor of the map."

    def not_applicable(self, data):
        return why_not(data)

    def compute(self, data):
        resized = resize(data)
        published, freed = local_b_factors(resized)
        found = percentiles(published, "Å²", "Percentiles of the local B-factor within the mask "
                            "(published method)", 0.01)
        corrected = percentiles(freed, "Å²", "The same with bands of equal energy, "
                                "freed of their width; without a value where they cannot be")
        content = [
            percentile_table(found, "Percentiles of the local B-factor."),
            histogram(published, "Local B-factor (Å²)", "Histogram of the local B-factor.",
                      "Distribution of the local B-factor over the voxels of the mask.",
                      [median_mark(found)]),
            coloured_surface(data, "local_bfactor", found, "Local B-factor",
                             "Surface of the map coloured by the local B-factor.")]
        local_map = onto_grid(published, resized.mask, data.volume.shape)
        return Findings({"percentiles": found, "corrected_percentiles": corrected}, content,
                        {"local_bfactor": (local_map, "Local B-factor (Å²)")})


def local_b_factors(resized):
    """Local B-factors within the mask.

    With m_k the amplitude in the band at f_k and n_k its 0.9 quantile in the
    background, y_k = ln(m_k² / (m_k + n_k)); B is four times the least squares slope of
    y_k on f_k² (Kaur et al. 2021, doi 10.1038/s41467-021-21509-5).

    Parameters
    ----------
    resized : vrs.checks.level_0.monogenic.ResizedMap

    Returns
    -------
    published : numpy.ndarray of float32, (voxels in the mask,)
        Å²; with filters divided by their sum.
    corrected : numpy.ndarray of float32, (voxels in the mask,)
        Å²; with filters of equal energy, and freed of the width of the bands;
        infinite beyond what bands of this width can tell.
    """
    bands = resized.bands
    frequencies = np.linspace(LOWEST_FREQUENCY, resized.highest, _BANDS)
    deviations = frequencies ** 2 - np.mean(frequencies ** 2)
    # B is this weighted sum of the y_k.
    weights = 4 * deviations / np.sum(deviations ** 2)
    b_factors = np.zeros(np.count_nonzero(resized.mask), np.float32)
    for frequency, weight in zip(frequencies, weights):
        amplitude = bands.amplitude(frequency)
        noise = np.float32(_noise(amplitude[resized.background]))
        inside = amplitude[resized.mask]
        b_factors += np.float32(weight) * (2 * np.log(inside) - np.log(inside + noise))
    # Scaling a filter scales m and n alike, so y shifts by the logarithm.
    sums = np.log([bands.shell_sum(frequency) for frequency in frequencies])
    energies = np.log([bands.shell_sum(frequency, 2) for frequency in frequencies])
    published = b_factors - np.float32(weights @ sums)
    unit_energy = b_factors - np.float32(weights @ energies / 2)
    true, read = _response(bands, frequencies, weights)
    corrected = np.interp(unit_energy, read, true, left=-np.inf, right=np.inf)
    return published, corrected.astype(np.float32)


def _response(bands, frequencies, weights):
    """What bands of equal energy read for maps of known B-factor, both increasing.

    A band takes in coefficients on both sides of its frequency, and of a steep
    fall-off more from below: the reading falls behind the true value.
    """
    true = np.linspace(-3000, 1000, 801)
    energies = np.array([[bands.shell_sum(frequency, 2, b) for frequency in frequencies]
                         for b in true])
    read = np.log(energies / energies[true == 0]) @ weights / 2
    increasing = np.maximum.accumulate(read)
    return true, increasing


def _noise(background):
    return np.quantile(background, _NOISE_QUANTILE) if background.size else 0.0
