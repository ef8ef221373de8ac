"""0.f: how fast do the amplitudes fall off, place by place?"""

import numpy as np

from vrs.checks import MAPPING, Check, Criterion, Findings, Quantity, register, resolution
from vrs.checks.level_0.monogenic import (BANDS, LOWEST_FREQUENCY, input_for_ucm, resize,
                                          values_from_ucm)
from vrs.checks.local import (PERCENTILES, local_figures, local_volume, onto_grid, percentiles,
                              spread, spread_criterion)
from vrs.engines.external import ExternalEngine
from vrs.inputs.map import MAP
from vrs.results import plain

_BANDS = 10
_NOISE_QUANTILE = 0.9


# What the public validation service asks.
_SERVICE = (
    Criterion(name="median", metric="percentiles.50", subject="the median local B-factor",
              relation="within", bound=(-300.0, 0.0),
              warning="The median local B-factor is {value:.1f} Å², not between {bound} Å².",
              unit="Å²"),
)


@register
class LocalBFactor(Check):
    """Slopes of the local Guinier plots from monogenic amplitudes."""

    id = "0.f"
    title = "Local B-factor (LocBFactor method)"
    requires = (MAP, resolution(0, 8, service=BANDS))
    explanation = (
        "The spiral transform separates a map into local amplitude and phase at each spatial "
        "frequency. The local B-factor is four times the slope of the logarithm of that amplitude, "
        "weighted by its strength above the background, against the square of the frequency, "
        "between 15 Å and the reported resolution. Strongly negative values are found where the "
        "map fades early: flexible or poorly aligned parts. The published method divides each band "
        "by the sum of its filter, which adds a fall-off of its own (about −50 Å² between 15 and 3 "
        "Å); corrected values, free of this, are given as well.")
    quantities = (
        Quantity("corrected_percentiles", "Å²",
                 "The same with bands of equal energy, corrected for their width; no value where "
                 "this is not possible", MAPPING, PERCENTILES),
        Quantity("percentiles", "Å²",
                 "Percentiles of the local B-factor within the mask (published method)", MAPPING,
                 PERCENTILES),
        Quantity("relative_median", "R²",
                 "Median local B-factor over the square of the reported resolution"),
        Quantity("spread", "Å²", "Percentile 97.5 minus percentile 2.5"),
    )
    references = ("Kaur2021",)
    criteria = (
        Criterion(name="over_sharpened", metric="relative_median",
                  subject="the median local B-factor, divided by the square of the reported "
                  "resolution,", relation="<=", bound=0.0,
                  warning="The local amplitudes grow towards the reported resolution R: the median "
                  "local B-factor is {value:.1f} R² (at most {bound}). The map was sharpened too "
                  "much; sharpen it less.", service=_SERVICE),
        Criterion(name="faded", metric="relative_median",
                  subject="the median local B-factor, divided by the square of the reported "
                  "resolution,", relation=">=", bound=-30.0,
                  warning="The local amplitudes vanish towards the reported resolution R: the "
                  "median local B-factor is {value:.0f} R² (at least {bound} R²). The map was "
                  "filtered to a lower resolution, or the reported one is that of another map; "
                  "check both.", service=()),
        spread_criterion(0.01, "Å²"),
    )
    within_mask = True
    summary_ok = "The local B-factor is in the usual range."
    summary_warnings = "There may be a problem with the local B-factor of the map."

    def compute(self, data):
        resized = resize(data)
        return _findings(data, resized, *local_b_factors(resized))


def _findings(data, resized, published, freed):
    """Findings from both local B-factors within the resized mask."""
    found = percentiles(published)
    volume = local_volume("local_bfactor", onto_grid(published, resized.mask,
                                                     data.map.volume.shape),
                          "Local B-factor (Å²)", "Local B-factor", "Å²", found)
    metrics = plain({"percentiles": found, "spread": spread(found),
               "relative_median": found["50"] / data.reported.resolution ** 2,
               "corrected_percentiles": percentiles(freed)})
    return Findings(metrics, local_figures(data, volume, published, found), [volume])


def _findings_of_ucm(data, local_map):
    resized = resize(data)
    published = values_from_ucm(local_map, resized)
    return _findings(data, resized, published, free_of_bands(published, resized))


LocalBFactor.external = (ExternalEngine(
    name="ucm", label="UCM", package="scipion-em-ucm", plugin="ucm", protocol="ProtLocBFactor",
    map_parameter="vol", mask_parameter="mask_in_molecule", outputs=("bmap.mrc",),
    prepare=lambda data: input_for_ucm(data, numberOfThreads=data.run.workers),
    findings=_findings_of_ucm),)


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
        From :func:`free_of_bands`.
    """
    frequencies, weights = _bands(resized)
    b_factors = np.zeros(np.count_nonzero(resized.mask), np.float32)
    for frequency, weight in zip(frequencies, weights):
        amplitude = resized.bands.amplitude(frequency)
        noise = np.float32(_noise(amplitude[resized.background]))
        inside = amplitude[resized.mask]
        b_factors += np.float32(weight) * (2 * np.log(inside) - np.log(inside + noise))
    # Scaling a filter scales m and n alike, so y shifts by the logarithm.
    published = b_factors - np.float32(weights @ _log_sums(resized, frequencies))
    return published, free_of_bands(published, resized)


def free_of_bands(published, resized):
    """Local B-factors freed of what the bands add to them.

    Parameters
    ----------
    published : numpy.ndarray of float32, (voxels in the mask,)
        Å²; from filters divided by their sum.
    resized : vrs.checks.level_0.monogenic.ResizedMap

    Returns
    -------
    numpy.ndarray of float32, (voxels in the mask,)
        Å²; as with filters of equal energy, and freed of the width of the bands;
        infinite beyond what bands of this width can tell.
    """
    frequencies, weights = _bands(resized)
    energies = np.log([resized.bands.shell_sum(frequency, 2) for frequency in frequencies])
    shift = weights @ (_log_sums(resized, frequencies) - energies / 2)
    true, read = _response(resized.bands, frequencies, weights)
    corrected = np.interp(published + np.float32(shift), read, true, left=-np.inf, right=np.inf)
    return corrected.astype(np.float32)


def _bands(resized):
    """Frequencies of the bands, and the weights by which B is the sum of the y_k."""
    frequencies = np.linspace(LOWEST_FREQUENCY, resized.highest, _BANDS)
    deviations = frequencies ** 2 - np.mean(frequencies ** 2)
    return frequencies, 4 * deviations / np.sum(deviations ** 2)


def _log_sums(resized, frequencies):
    return np.log([resized.bands.shell_sum(frequency) for frequency in frequencies])


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
