"""The half maps themselves: what the report shows and says of them."""

import numpy as np
from scipy import fft, ndimage

from vrs.checks.content import Paragraph
from vrs.checks.results import LevelInput, Note
from vrs.checks.sections import maximum_variance_slices
from vrs.numerics.fourier import shell_counts, shell_frequencies, shell_sums
from vrs.numerics.fsc import correlation, cross_and_powers, first_crossing, shell_correlation

_SAME = 0.9999
_AGREEMENT = 0.9
_ZEROS = 0.5
# Programs that mask softly leave next to nothing of the noise far from the macromolecule.
_SOFT_MASK = 0.01
_LOW_PASS = 1e-3
_COMMON_NOISE = 0.05
_BEYOND = 1.3
_SMOOTHING = 5
_THRESHOLD = 0.143


def describe_half_maps(data, files):
    """Describe two half maps and say what is suspicious about them.

    Parameters
    ----------
    data : ValidationInput
        With half maps.
    files : list of InputFile
        The half maps' files as the user knows them.

    Returns
    -------
    LevelInput
    """
    frequencies = shell_frequencies(data.volume.shape, data.sampling)
    fsc, noise = _halves_by_shell(data)
    # Single shells near the origin have few coefficients and may dip by chance.
    crossing = first_crossing(frequencies, ndimage.uniform_filter1d(fsc, _SMOOTHING), _THRESHOLD)
    limit = crossing.frequency if crossing.falls else None
    reported = 1 / data.resolution if data.resolution else None
    notes = [_sum_note(data, reported or limit or frequencies[-1])]
    notes += _mask_notes(data)
    notes += _low_pass_notes(frequencies, noise)
    if limit or reported:
        notes += _independence_notes(frequencies > _BEYOND * (limit or reported), fsc,
                                     shell_counts(data.volume.shape))
    return LevelInput("Half maps", files, notes, _content(data))


def _halves_by_shell(data):
    """FSC of the halves, and mean power of their half difference, by shell."""
    shape = data.volume.shape
    one, two = (fft.rfftn(half, workers=data.workers) for half in (data.half1, data.half2))
    cross, power1, power2 = shell_sums(shape, lambda z: cross_and_powers(one[z], two[z]))
    noise = (power1 + power2 - 2 * cross) / 4
    return correlation(cross, power1, power2), noise / shell_counts(shape)


def _sum_note(data, limit):
    """How the map and the mean of the halves agree, up to a frequency."""
    mean = (data.half1 + data.half2) / 2
    same = _correlation(mean, data.volume)
    if same > _SAME:
        return Note("The map is the sum or the mean of the two half maps.")
    shape = data.volume.shape
    one, two = (fft.rfftn(volume * data.soft_mask, workers=data.workers)
                for volume in (mean, data.volume))
    agreement = shell_correlation(one, two, shape)
    within = shell_frequencies(shape, data.sampling) <= limit
    middle = float(np.median(agreement[within]))
    if middle < _AGREEMENT:
        return Note("The half maps do not sum to the map: within the mask and up to the "
                    "resolution, the Fourier shell correlation of their mean with the map has a "
                    "median of %.2f only. They may belong to another map, or the map was changed "
                    "by more than a filter, a sharpening or a mask." % middle, "warning")
    return Note("Filtered and sharpened, the mean of the half maps is the map: within the mask and "
                "up to the resolution, their Fourier shell correlation has a median of %.3f."
                % middle)


def _correlation(one, two):
    one, two = one - one.mean(), two - two.mean()
    scale = np.sqrt(np.vdot(one, one) * np.vdot(two, two))
    return float(np.vdot(one, two) / scale) if scale > 0 else 0.0


def _mask_notes(data):
    outside = ~data.hard_mask
    if not outside.any():
        return []
    zeros = np.mean((data.half1 == 0)[outside] & (data.half2 == 0)[outside])
    if zeros > _ZEROS:
        return [Note("The half maps are masked: %.0f %% of the voxels outside the mask are exactly "
                     "zero in both. A mask that the halves share raises their correlation; give "
                     "the halves as they were reconstructed." % (100 * zeros), "warning")]
    noise = np.square(data.half1 - data.half2)
    inside, around = noise[data.hard_mask].mean(), np.median(noise[outside])
    if around < _SOFT_MASK * inside:
        return [Note("The half maps seem to be masked: around the macromolecule they have next to "
                     "no noise. A mask that the halves share raises their correlation; give the "
                     "halves as they were reconstructed.", "warning")]
    return []


def _low_pass_notes(frequencies, noise):
    """Noise that ends before Nyquist was filtered away."""
    left = np.flatnonzero(noise > _LOW_PASS * noise[1:].max())
    if left.size == 0 or left[-1] >= 0.95 * (len(noise) - 1):
        return []
    return [Note("The half maps look low-passed: beyond %.3g Å they have next to no noise. Give "
                 "them unfiltered; beyond the filter nothing can be learnt from them."
                 % (1 / frequencies[left[-1]]), "warning")]


def _independence_notes(beyond, fsc, counts):
    """The noise of the shells beyond the resolution has to be independent."""
    if np.count_nonzero(beyond) < 3:
        return []
    weights = counts[beyond] / counts[beyond].sum()
    mean = float(weights @ fsc[beyond])
    # Coefficients come in conjugate pairs.
    error = np.sqrt(2 / counts[beyond].sum())
    if mean < max(_COMMON_NOISE, 5 * error):
        return []
    return [Note("The half maps do not look independent: beyond the resolution their Fourier shell "
                 "correlation stays at %.2f instead of falling to 0, so they share noise. They "
                 "may come from one common refinement, or were masked together." % mean, "warning")]


def _content(data):
    def slices(volume, what, colours="density"):
        return maximum_variance_slices(
            volume, data.sampling, "Slices of maximum variance of %s." % what,
            "The section of largest variance of %s along each of X, Y and Z." % what, colours)

    return [
        slices(data.half1, "half map 1"),
        slices(data.half2, "half map 2"),
        Paragraph("The difference of the half maps holds their noise only. Where it shows the "
                  "macromolecule, the halves differ in more than noise: in their scale or by an "
                  "error of the alignment."),
        slices(data.half1 - data.half2, "the difference of the half maps", "signed")]
