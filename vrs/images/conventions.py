"""Whether particle images agree with what a table says of them, or with something else.

Tables come with different conventions, and a wrong one often looks plausible. The images decide:
the mean correlation of some particles with their reprojections is compared between what is
declared and what else it could be.
"""

from dataclasses import dataclass
from typing import Tuple

import numpy as np

from vrs.images.agreement import soft_disc
from vrs.images.classify2d import aligned_images
from vrs.images.ctf import STATES

# An alternative wins by more than so many standard errors of its advantage.
ERRORS = 3.0
MAGNIFICATIONS = np.round(np.arange(0.95, 1.0501, 0.0025), 4)
# A magnification that is off by more than this is a finding.
MAGNIFICATION_LIMIT = 0.01
# States that differ by less than this part of the correlation are alike in the band.
_ALIKE = 0.01
# Half the width of the parabola through the best magnification.
_AROUND = 0.015


@dataclass(frozen=True)
class Hypothesis:
    """Something that could be true of particles, and how well their images agree with it.

    Attributes
    ----------
    name : str
    mean, error : float
        Of the particles' correlations, and its standard error.
    advantage, advantage_error : float
        Mean of the particles' correlations less those of what is declared, and its standard
        error.
    """

    name: str
    mean: float
    error: float
    advantage: float
    advantage_error: float

    @property
    def wins(self):
        """Whether it is better than what is declared by more than 3 standard errors."""
        return self.advantage > ERRORS * self.advantage_error


@dataclass(frozen=True)
class Geometry(Hypothesis):
    """A hypothesis on matrices, shifts and contrast.

    Attributes
    ----------
    transposed : bool
        The matrices have to be transposed.
    opposite_shifts : bool
        The shifts have to change their sign.
    dark : bool
        The protein is darker than its surroundings: the images have to be negated.
    """

    transposed: bool
    opposite_shifts: bool
    dark: bool


@dataclass(frozen=True, eq=False)
class MagnificationScan:
    """Correlation of particles with reprojections of different sampling.

    Attributes
    ----------
    scales : numpy.ndarray, (scales,)
        By how much the images' sampling is larger than is said.
    means, errors : numpy.ndarray, (scales,)
        Mean correlations and their standard errors.
    best, best_error : float
        Scale of the highest correlation, by a parabola, and its standard error; the error is
        infinite where the highest is at an end of the scan.
    """

    scales: np.ndarray
    means: np.ndarray
    errors: np.ndarray
    best: float
    best_error: float

    @property
    def is_off(self):
        """Whether it is off by more than 1 %, and by more than 3 standard errors."""
        off = abs(self.best - 1)
        return off > MAGNIFICATION_LIMIT and (off > ERRORS * self.best_error
                                              or not np.isfinite(self.best_error))


@dataclass(frozen=True, eq=False)
class ConventionTest:
    """What the images of particles say of the conventions of their table.

    Attributes
    ----------
    particles : int
    geometries : tuple of Geometry
        What is declared first, then all that it could be instead.
    states : tuple of Hypothesis
        One for each of ``vrs.images.ctf.STATES``, with the winning geometry, against the
        declared states of the images; none without CTF.
    magnification : MagnificationScan
        With the winning geometry and the declared states.
    """

    particles: int
    geometries: Tuple[Geometry, ...]
    states: Tuple[Hypothesis, ...]
    magnification: MagnificationScan

    @property
    def declared(self):
        """What is declared."""
        return self.geometries[0]

    @property
    def geometry(self):
        """The best geometry if it wins over what is declared, else that."""
        best = max(self.geometries, key=lambda geometry: geometry.mean)
        return best if best.wins else self.declared

    @property
    def state(self):
        """The best state of the images if it wins over what is declared, by 1 % at least.

        None if it does not: where the band has no zero of the CTF, states are hardly told apart.
        """
        best = max(self.states, key=lambda state: state.mean, default=None)
        if best is None or not best.wins or best.advantage < _ALIKE * best.mean:
            return None
        return best


def compare_conventions(images, rotations, shifts, local_search, contrast=None):
    """Compare what is declared of particles with what else it could be.

    Parameters
    ----------
    images : numpy.ndarray of float32, (n, box, box)
        Some 200.
    rotations : numpy.ndarray, (n, 3, 3)
        As declared.
    shifts : numpy.ndarray, (n, 2)
        As declared, pixels.
    local_search : vrs.images.refine.LocalSearch
        With the map, the band and the disc in which correlations are taken. States of images
        differ beyond the first zero of the CTF only.
    contrast : vrs.images.ctf.Contrast
        Of n particles, as declared; none when not given.

    Returns
    -------
    ConventionTest
    """
    rotations, shifts = np.asarray(rotations), np.asarray(shifts)
    turned = rotations.transpose(0, 2, 1)
    tried = [(transposed, opposite) for transposed in (False, True) for opposite in (False, True)]
    found = [local_search.correlations(images, turned if transposed else rotations,
                                       -shifts if opposite else shifts, contrast)
             for transposed, opposite in tried]
    geometries = []
    for dark in (False, True):
        for (transposed, opposite), values in zip(tried, found):
            names = [name for name, true in (("transposed matrices", transposed),
                                             ("opposite shifts", opposite),
                                             ("dark protein", dark)) if true]
            facts = _compared(-values if dark else values, found[0])
            geometries.append(Geometry(", ".join(names) or "as declared", *facts, transposed,
                                       opposite, dark))
    result = ConventionTest(len(images), tuple(geometries), (), None)
    geometry = result.geometry
    right = (images, turned if geometry.transposed else rotations,
             -shifts if geometry.opposite_shifts else shifts)
    sign = -1 if geometry.dark else 1
    states = ()
    if contrast is not None:
        declared = sign * local_search.correlations(*right, contrast)
        states = tuple(
            Hypothesis(state, *_compared(sign * local_search.correlations(
                *right, contrast.in_state(state)), declared)) for state in STATES)
    curves = sign * local_search.scan(*right, MAGNIFICATIONS, contrast)
    return ConventionTest(len(images), tuple(geometries), states, magnification_scan(curves))


def _compared(values, declared):
    """Mean, its error, advantage over what is declared, and its error."""
    difference = values - declared
    return tuple(float(number) for series in (values, difference)
                 for number in (series.mean(), _error(series)))


def _error(values):
    """Standard error of the mean, infinite for a single value."""
    return values.std(axis=-1) / np.sqrt(values.shape[-1] - 1) if values.shape[-1] > 1 else np.inf


def magnification_scan(curves):
    """Best magnification from the correlations of images.

    Parameters
    ----------
    curves : numpy.ndarray, (scales, n)
        Correlation of each image at each of ``MAGNIFICATIONS``.

    Returns
    -------
    MagnificationScan
    """
    means = curves.mean(axis=1)
    highest = means.argmax()
    near = np.abs(MAGNIFICATIONS - MAGNIFICATIONS[highest]) <= _AROUND + 1e-9
    bend, slope, _ = np.polyfit(MAGNIFICATIONS[near] - MAGNIFICATIONS[highest], curves[near], 2)
    best, error = MAGNIFICATIONS[highest], np.inf
    if 0 < highest < len(means) - 1 and bend.mean() < 0:
        offset = -slope.mean() / (2 * bend.mean())
        best = best + offset
        # Of the mean slope at the maximum.
        error = _error(slope + 2 * bend * offset) / (2 * abs(bend.mean()))
    errors = np.broadcast_to(_error(curves), means.shape)
    return MagnificationScan(MAGNIFICATIONS, means, errors, float(best), float(error))


@dataclass(frozen=True)
class PlaneGeometry(Hypothesis):
    """A hypothesis on in-plane angles and shifts.

    Attributes
    ----------
    opposite_psi, opposite_shifts : bool
        Whether angles or shifts have to change their sign.
    """

    opposite_psi: bool
    opposite_shifts: bool


def compare_plane_conventions(images, labels, psi, shifts, diameter, last):
    """Compare signs of in-plane alignments by the strength of class averages.

    The strength is the standard deviation, within the particle's disc, of the low-passed average
    of aligned images: members of a class add up if they are aligned. The values compared are the
    logarithms of the classes' strengths.

    Parameters
    ----------
    images : numpy.ndarray of float32, (n, box, box)
        Members of some classes, a dozen or more of each.
    labels : numpy.ndarray of int, (n,)
        Class of each.
    psi : numpy.ndarray, (n,)
        As declared, degrees.
    shifts : numpy.ndarray, (n, 2)
        As declared, pixels.
    diameter : float
        Of the particle, pixels.
    last : int
        Last shell that counts, in wave numbers.

    Returns
    -------
    tuple of PlaneGeometry
        What is declared first.
    """
    disc = soft_disc(images.shape[-1], diameter)
    classes = np.unique(labels)
    tried = [(turn, move) for turn in (False, True) for move in (False, True)]
    strengths = np.empty((len(tried), len(classes)))
    for row, (turn, move) in enumerate(tried):
        aligned = aligned_images(images, -psi if turn else psi, -shifts if move else shifts, last)
        for column, label in enumerate(classes):
            average = aligned[labels == label].mean(axis=0)
            mean = np.average(average, weights=disc)
            strengths[row, column] = 0.5 * np.log(np.average((average - mean) ** 2, weights=disc))
    return tuple(
        PlaneGeometry(", ".join(name for name, true in (("opposite angles", turn),
                                                        ("opposite shifts", move)) if true)
                      or "as declared", *_compared(values, strengths[0]), turn, move)
        for (turn, move), values in zip(tried, strengths))
