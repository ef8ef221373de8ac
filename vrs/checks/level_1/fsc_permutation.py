"""1.b: up to which frequency do the half maps agree more than chance allows?"""

import numpy as np

from vrs.checks import Check, Findings, Quantity, register
from vrs.checks.estimates import ratio_criterion, reported_ratio
from vrs.inputs.half_maps import HALF_MAPS
from vrs.inputs.map import MAP
from vrs.numerics.fourier import raised_cosine, shell_counts, shell_frequencies
from vrs.numerics.fsc import first_telling_shell, shell_correlation
from vrs.numerics.masked_fsc import masked_transform
from vrs.numerics.permutation import permutation_test
from vrs.results import SERIOUS, Curve, Mark, Paragraph, Plot, Series, plain

_LEVEL = 0.01
# Of the coefficients, the part that stays independent within the inscribed ball.
_EFFECTIVE = 0.7
_EDGE = 4


@register
class FscPermutation(Check):
    """Significance of the Fourier shell correlation by permutations."""

    id = "1.b"
    title = "FSC permutation"
    requires = (MAP, HALF_MAPS)
    explanation = (
        "Where the half maps hold only noise, their Fourier shell correlation (FSC) is due to "
        "chance. What chance can produce is found by permuting the Fourier coefficients of one "
        "half within each shell many times: the p-value of a shell is the fraction of permutations "
        "that correlate as well as the true order. The p-values are corrected for the number of "
        "shells, so that at most 1 % of the shells called significant are expected to be noise. "
        "The resolution is that of the last shell before the first one that is not significant. "
        "There is no fixed limit for the FSC, and no mask other than the ball that fits into the "
        "box.")
    quantities = (
        Quantity("permutations", "", "Permutations of each shell, at least"),
        Quantity("ratio", "",
                 "Reported resolution over that of the permutation test; 0 when there is none"),
        Quantity("resolution", "Å",
                 "Resolution of the last shell before the first that is not significant"),
        Quantity("significant_shells", "", "Shells whose correlation is significant"),
    )
    references = ("Beckers2020",)
    estimates = {"resolution": "FSC permutation"}
    criteria = (ratio_criterion("ratio", "the permutation test", SERIOUS),)
    summary_ok = "The half maps correlate significantly up to the reported resolution."
    summary_warnings = ("The half maps may not correlate significantly up to the reported "
                        "resolution.")

    def compute(self, data):
        frequencies = shell_frequencies(data.half_maps.first.shape, data.map.sampling)
        curve, test = permute_half_maps(data)
        last = last_significant(test.q_values)
        resolution = 1 / frequencies[last] if last else None
        metrics = plain({
            "resolution": resolution,
            "ratio": reported_ratio(data, resolution),
            "significant_shells": int(np.sum(test.q_values <= _LEVEL)),
            "permutations": test.permutations,
        })
        content = [Paragraph(_sentence(data, resolution, last, len(curve) - 1)),
                   _plot(data, frequencies, curve, test, resolution)]
        return Findings(metrics, content, [Curve(
            "fsc_in_ball", "FSC of the half maps within the inscribed ball", frequencies, curve)])


def permute_half_maps(data):
    """Permutation test of the half maps within the ball that fits into the box.

    Parameters
    ----------
    data : vrs.inputs.Evidence
        With half maps.

    Returns
    -------
    curve : numpy.ndarray of float64, (shells,)
        Fourier shell correlation within the ball.
    test : vrs.numerics.permutation.PermutationTest
    """
    shape = data.half_maps.first.shape
    ball = inscribed_ball(shape, _EDGE)
    one, two = (masked_transform(half, ball, data.run.workers)
                for half in data.half_maps.both)
    del ball
    curve = shell_correlation(one, two, shape)
    rng = np.random.default_rng(data.run.seed)
    # Shells before have so few coefficients that even a clear signal is not significant.
    start = first_telling_shell(shell_counts(shape))
    return curve, permutation_test(one, two, shape, curve, start, _EFFECTIVE, _LEVEL, rng)


def last_significant(q_values):
    """Last shell before the first that is not significant; None if that is the first.

    Shells that were not tested are passed over.
    """
    tested = np.flatnonzero(np.isfinite(q_values))
    beyond = np.flatnonzero(q_values[tested] > _LEVEL)
    end = beyond[0] if beyond.size else len(tested)
    return int(tested[end - 1]) if end else None


def inscribed_ball(shape, edge):
    """Soft mask of the ball that fits into a box, an ellipsoid if its sides differ.

    Parameters
    ----------
    shape : tuple of int
        Box (z, y, x) in voxels.
    edge : float
        Voxels over which the mask falls from 1 to 0, a raised cosine that ends at the
        border of the box; along the shortest side.

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
    """
    axes = np.ogrid[tuple(slice(-(n // 2), n - n // 2) for n in shape)]
    outwards = np.sqrt(sum(((2 / n * axis) ** 2).astype(np.float32)
                           for axis, n in zip(axes, shape)))
    width = min(edge / (min(shape) / 2), 1.0)
    return raised_cosine(outwards, 1 - width, width)


def _sentence(data, resolution, last, shells):
    if resolution is None:
        return ("Even at the lowest frequencies that can be tested the half maps correlate no more "
                "than chance allows: no resolution can be given.")
    text = "The correlation is significant up to %.2f Å." % resolution
    if last == shells:
        text += (" It is significant at every frequency, so this is the finest detail that these "
                 "voxels can show.")
    if data.reported.resolution:
        text += " The reported resolution is %.2f Å." % data.reported.resolution
    return text


def _plot(data, frequencies, curve, test, resolution):
    significant = test.q_values <= _LEVEL
    marks = [Mark(1 / resolution, "permutations, %.2f Å" % resolution)] if resolution else []
    if data.reported.resolution:
        marks.append(Mark(1 / data.reported.resolution,
                          "reported, %.2f Å" % data.reported.resolution))
    return Plot(
        caption="Fourier shell correlation of the half maps within the ball that fits into the "
                "box, the shells in which it is significant, and the level that one in a hundred "
                "permutations reaches.",
        alt="The correlation against spatial frequency; it is significant in %d shells."
            % np.sum(significant),
        x_label="Spatial frequency (1/Å)", y_label="FSC",
        series=[Series("FSC", frequencies[1:], curve[1:]),
                Series("significant", frequencies[significant], curve[significant], "points"),
                Series("1 % of permutations", frequencies[1:], test.chance[1:], "dashed")],
        marks=marks)
