"""How the Fourier shell correlation of two half sets grows with the number of particles."""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from vrs.images.reconstruction import ParticleReconstruction
from vrs.numerics import fourier
from vrs.numerics.fsc import FSC_THRESHOLD, first_crossing, first_telling_shell, shell_correlation

# Particles of both halves together, % of all.
SIZES = (3, 10, 30, 75, 100)
REPEATS = 5
# Ends of the four parts of a block: with these, halves of all sizes are sums of parts.
_ENDS = (3 / 20, 10 / 20, 15 / 20, 1.0)
# A crossing is not known better than to this part of a shell.
_SHELL_ERROR = 0.25


def divided(halves, rng):
    """Five blocks of each half, each of four parts: 3, 7, 5 and 5 % of the half.

    Parameters
    ----------
    halves : pair of numpy.ndarray of int
        Rows of the particles.
    rng : numpy.random.Generator

    Returns
    -------
    list of list of pair of numpy.ndarray
        Rows of each part.
    """
    shuffled = [rng.permutation(rows) for rows in halves]
    blocks = []
    for block in range(REPEATS):
        parts = []
        for start, end in zip((0.0,) + _ENDS[:-1], _ENDS):
            parts.append([rows[_place(rows, block + start):_place(rows, block + end)]
                          for rows in shuffled])
        blocks.append(parts)
    return blocks


def _place(rows, block):
    return int(round(len(rows) * block / REPEATS))


def half_curves(blocks, empty, add, compare):
    """Curves of pairs of halves of all sizes, from one pass over the particles.

    With the parts A, B, C and D of the blocks, the halves of 3 % are the five A, those of 10 % A
    and B, those of 30 % a block with A and B of the next, and those of 75 % all but a block and C
    of the next.

    Parameters
    ----------
    blocks : list of list of pair of numpy.ndarray
        Of :func:`divided`.
    empty : callable
        Makes a :class:`vrs.images.reconstruction.ParticleReconstruction`.
    add : callable
        Adds to one of these the particles of some rows.
    compare : callable
        Makes a curve of two of these.

    Returns
    -------
    dict of int to numpy.ndarray, (repeats, shells)
        For each of ``SIZES``: five repeats, one for 100 %.
    """
    found = {size: [] for size in SIZES}
    left_out, total, before = [], [empty(), empty()], None
    for parts in blocks:
        whole = [empty(), empty()]
        _add_all(add, whole, parts[0])
        found[3].append(compare(*whole))
        _add_all(add, whole, parts[1])
        found[10].append(compare(*whole))
        if before is None:
            first = _joined(whole, [empty(), empty()])
        else:
            found[30].append(compare(*_joined(before, whole)))
        extra = [empty(), empty()]
        _add_all(add, extra, parts[2])
        if before is None:
            first_extra = extra
        else:
            left_out[-1] = _joined(left_out[-1], extra)
        whole = _joined(whole, extra)
        _add_all(add, whole, parts[3])
        total, before = _joined(total, whole), whole
        left_out.append(whole)
    found[30].append(compare(*_joined(before, first)))
    left_out[-1] = _joined(left_out[-1], first_extra)
    found[75] = [compare(*_joined(total, some, -1)) for some in left_out]
    found[100] = [compare(*total)]
    return {size: np.array(curves) for size, curves in found.items()}


def _add_all(add, pair, rows):
    for made, some in zip(pair, rows):
        add(made, some)


def _joined(pair, other, sign=1):
    return [one.combined(two, sign) for one, two in zip(pair, other)]


@dataclass(frozen=True, eq=False)
class Growth:
    """Where the halves' FSC falls below 0.143, for each of ``SIZES``.

    Attributes
    ----------
    frequencies : numpy.ndarray of float64, (sizes,)
        Mean over the repeats, 1/Å.
    errors : numpy.ndarray of float64, (sizes,)
        Their standard errors, 1/Å.
    falls : numpy.ndarray of bool, (sizes,)
        False where the curves do not fall within the box.
    curves : numpy.ndarray of float64, (sizes, shells)
        Mean FSC.
    repeats : dict of int to numpy.ndarray of float64, (repeats, shells)
        The curves that this is the mean of, for each size.
    """

    frequencies: np.ndarray
    errors: np.ndarray
    falls: np.ndarray
    curves: np.ndarray
    repeats: dict


def standard_errors(repeats):
    """Standard errors of the means of the repeats, for each of ``SIZES``.

    Repeats of 3 and 10 % share no particle. Those of 30 % do: of a block's particles half are in
    two of the five, half in one. If each counts by its weight, the variance of the mean is
    (50·2² + 50·1²)/150² = 1/90 of that of one per cent, and the expected variance between repeats
    1/30 - 1/180 = 1/36 of it: the ratio is 2/5, twice that of five without common particles. For
    75 and 100 % it is the error of the jackknife that leaves out a quarter (Efron and Stein 1981,
    doi 10.1214/aos/1176345462), valid for values that change smoothly with the data.

    Parameters
    ----------
    repeats : dict of int to numpy.ndarray, (repeats,)
        Values for each size.

    Returns
    -------
    numpy.ndarray of float64, (sizes,)
    """
    spread = {size: values.std(ddof=1) for size, values in repeats.items() if size < 75}
    whole = np.sqrt(3) * repeats[75].std()
    return np.array([spread[3] / np.sqrt(REPEATS), spread[10] / np.sqrt(REPEATS),
                     spread[30] * np.sqrt(2 / REPEATS), whole, whole])


class HalfComparison:
    """Compares reconstructions of half sets within a soft sphere.

    Parameters
    ----------
    box : int
        Even number of pixels of the images' side.
    sampling : float
        Å/pixel.
    diameter : float
        Of the particle, pixels.
    workers : int

    Attributes
    ----------
    frequencies : numpy.ndarray of float64, (shells,)
        1/Å.
    """

    def __init__(self, box, sampling, diameter, workers=1):
        self._box, self._sampling, self._workers = box, sampling, workers
        axis = np.arange(box) - box // 2
        radius = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis ** 2)
        self._sphere = fourier.raised_cosine(radius, diameter / 2, 3.0).astype(np.float32)
        # Images have no coefficients in the last shells.
        self.frequencies = fourier.shell_frequencies((box,) * 3, sampling)[:box // 2 - 1]
        self._start = first_telling_shell(fourier.shell_counts((box,) * 3))

    def empty(self):
        """A reconstruction without any image yet."""
        return ParticleReconstruction(self._box, self._sampling, self._workers)

    def curve(self, one, other):
        """FSC of two reconstructions, (shells,)."""
        transforms = [fft.rfftn(made.volume() * self._sphere, workers=self._workers)
                      for made in (one, other)]
        return shell_correlation(*transforms, (self._box,) * 3)[:len(self.frequencies)]

    def growth(self, curves):
        """Where curves fall below 0.143.

        The standard error is that of :func:`standard_errors`, but at least a quarter of a shell.

        Parameters
        ----------
        curves : dict of int to numpy.ndarray
            Of :func:`half_curves`.

        Returns
        -------
        Growth
            A curve that is never above counts as falling in the first shell that tells.
        """
        crossings = {size: [first_crossing(self.frequencies, curve, FSC_THRESHOLD, self._start)
                            for curve in curves[size]] for size in SIZES}
        places = {size: np.array([found.frequency or self.frequencies[self._start]
                                  for found in crossings[size]]) for size in SIZES}
        return Growth(
            np.array([places[size].mean() for size in SIZES]),
            np.maximum(standard_errors(places), _SHELL_ERROR * self.frequencies[1]),
            np.array([all(found.falls for found in crossings[size]) for size in SIZES]),
            np.array([curves[size].mean(axis=0) for size in SIZES]), curves)

    def excess(self, one, other):
        """By how many standard errors the FSC of one course exceeds that of another.

        What is compared is the mean FSC of the shells up to the farther of both resolutions,
        pair by pair of the repeats, which hold the same particles. Unlike the places where the
        curves cross a threshold, it changes smoothly with the data: a curve that runs along
        the threshold crosses it anywhere, and nothing can be said of the place.

        Parameters
        ----------
        one, other : Growth
            Of the same blocks of particles.

        Returns
        -------
        numpy.ndarray of float64, (sizes,)
        """
        farthest = np.maximum(one.frequencies, other.frequencies)
        return np.array([self._excess(one, other, frequency)[place]
                         for place, frequency in enumerate(farthest)])

    def _excess(self, one, other, farthest):
        shells = self.frequencies <= farthest
        shells[:self._start] = False
        differences = {size: (one.repeats[size] - other.repeats[size])[:, shells].mean(axis=1)
                       for size in SIZES}
        means = np.array([differences[size].mean() for size in SIZES])
        errors = standard_errors(differences)
        return np.divide(means, errors, out=np.zeros_like(means), where=errors > 0)
