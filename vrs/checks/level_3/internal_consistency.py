"""3.b: how well do random halves of a class agree, and which classes are mixtures?"""

from dataclasses import dataclass
from typing import Optional

import numpy as np

from vrs.checks import Check, Findings, Quantity, register
from vrs.checks.class_averages import class_table
from vrs.checks.level_3.members import (DETAIL, FEWEST, average_of, in_frame, left_out_sentence,
                                        rows_by_class)
from vrs.checks.particle_images import CLASS_MEMBERS, FIRST_SHELL
from vrs.images.agreement import soft_disc, within
from vrs.images.classify2d import averaged
from vrs.inputs.particles import IMAGES, MEMBERS, PARTICLES
from vrs.numerics.fsc import correlation, cross_and_powers, first_crossing
from vrs.numerics.image_plane import ImagePlane
from vrs.results import Paragraph, Plot, Series, Slice, Slices, plain

_THRESHOLD = 0.5
_HALVES = 10
_FACTOR = 2.0
_FEWEST_CLASSES = 5
_HIGHEST = 0.99
_SHOWN = 3


@register
class InternalConsistency(Check):
    """Fourier ring correlation of random halves of each class."""

    id = "3.b"
    title = "Classification internal consistency"
    requires = (PARTICLES, IMAGES, MEMBERS)
    uses = (CLASS_MEMBERS,)
    explanation = (
        "The members of each class are split at random into halves, %d times, and the averages of "
        "the halves are compared by their Fourier ring correlation (FRC) within the particle's "
        "disc. The resolution of a class is where the mean FRC falls below %g. The signal-to-noise "
        "ratio of the halves, FRC/(1 - FRC), grows in proportion to the number of members if all "
        "of them show the same view. Classes whose ratio is less than 1/%g of that expected from "
        "their size are likely to be mixtures, or badly aligned; the expectation is the median "
        "over all classes, ring by ring up to %g Å. Classes with fewer than %d of the particles "
        "used are not judged." % (_HALVES, _THRESHOLD, _FACTOR, DETAIL, FEWEST))
    quantities = (
        Quantity("classes", "", "Classes that were judged"),
        Quantity("small_classes", "", "Classes with too few particles to be judged"),
        Quantity("particles_used", "", "Particles in the classes that were judged"),
        Quantity("median_resolution", "Å", "Median resolution of the classes"),
        Quantity("best_resolution", "Å", "Best resolution of a class"),
        Quantity("unresolved_classes", "", "Classes whose halves agree at no resolution"),
        Quantity("mixed_classes", "", "Classes with less than 1/%g of the signal-to-noise ratio "
                 "expected from their number of members; no value for fewer than %d "
                 "classes" % (_FACTOR, _FEWEST_CLASSES)),
    )
    references = ("Saxton1982",)

    def compute(self, evidence):
        members = evidence.shared(CLASS_MEMBERS)
        sample, rng = members.sample, np.random.default_rng(evidence.run.seed)
        plane = ImagePlane(sample.box, workers=sample.workers)
        rows = rows_by_class(members)
        curves = {number: _half_correlation(members, chosen, plane, rng)
                  for number, chosen in rows.items()}
        course = _expected_course(curves, rows, sample)
        found = [_class(number, len(rows[number]), curve, course, sample)
                 for number, curve in curves.items()]
        found.sort(key=lambda one: (one.signal, one.number))
        small = len(members.sizes[0]) - len(found)
        mixed = [one for one in found if one.is_mixed]
        metrics = _metrics(found, mixed, small)
        content = [Paragraph(_sentence(metrics, mixed))]
        content += [_figure(found, course, sample), _table(found)]
        content += _pictures(members, rows, mixed, plane)
        return Findings(plain(metrics), content)


@dataclass(frozen=True)
class _Class:
    """A class, its resolution, and its signal.

    Attributes
    ----------
    number, members : int
    resolution : float or None
        Å; None where the halves agree nowhere.
    signal : float
        Signal-to-noise ratio over what is expected of its members; NaN where nothing is.
    """

    number: int
    members: int
    resolution: Optional[float]
    signal: float

    @property
    def is_mixed(self):
        return self.signal < 1 / _FACTOR


def _half_correlation(members, rows, plane, rng):
    """Mean Fourier ring correlation of random halves, (shells,)."""
    places = np.tile(np.arange(len(rows)), (_HALVES, 1))
    first = rng.permuted(places, axis=1) < len(rows) // 2
    halves = np.concatenate([first, ~first]).astype(np.float32)
    sums = np.zeros((2 * _HALVES, len(plane.wave_numbers)), np.complex64)
    weights = np.zeros(sums.shape, np.float32)
    start = 0
    for batch in members.sample.batches(rows):
        values, ctf = in_frame(members, batch, plane)
        chosen = halves[:, start:start + len(values)]
        start += len(values)
        sums += chosen @ (values * ctf)
        weights += chosen @ np.square(ctf)
    disc = soft_disc(plane.box, members.sample.diameter)
    averages = plane.coefficients(within(plane.images(averaged(sums, weights)), disc))
    terms = cross_and_powers(averages[:_HALVES], averages[_HALVES:])
    shells = plane.shells
    curves = [correlation(*(np.bincount(shells, term[repeat]) for term in terms))
              for repeat in range(_HALVES)]
    return np.mean(curves, axis=0)


def _ratio(curve):
    """Signal-to-noise ratio from a correlation of halves."""
    curve = np.clip(curve, 0, _HIGHEST)
    return curve / (1 - curve)


def _expected_course(curves, rows, sample):
    """Median signal-to-noise ratio of halves per member, (shells,); None for few classes."""
    if len(curves) < _FEWEST_CLASSES:
        return None
    return np.median([_ratio(curve) / len(rows[number]) for number, curve in curves.items()],
                     axis=0)


def _class(number, members, curve, course, sample):
    frequencies = np.arange(len(curve)) / (sample.box * sample.sampling)
    resolution = first_crossing(frequencies, curve, _THRESHOLD, FIRST_SHELL).resolution
    return _Class(number, members, resolution, _signal(curve, members, course, sample))


def _signal(curve, members, course, sample):
    """Median over rings of the ratio to what is expected, where that is worth comparing."""
    if course is None:
        return np.nan
    band = np.arange(FIRST_SHELL, sample.shell(DETAIL) + 1)
    expected = members * course[band]
    # The first rings at least, and all that are expected above the threshold.
    telling = (expected >= 1) | (band < FIRST_SHELL + 3)
    return float(np.median((_ratio(curve[band]) / np.maximum(expected, 1e-9))[telling]))


def _metrics(found, mixed, small):
    resolutions = [one.resolution or np.inf for one in found]
    median, best = np.median(resolutions), min(resolutions)
    return {
        "classes": len(found), "small_classes": small,
        "particles_used": sum(one.members for one in found),
        "median_resolution": median if np.isfinite(median) else None,
        "best_resolution": best if np.isfinite(best) else None,
        "unresolved_classes": sum(one.resolution is None for one in found),
        "mixed_classes": len(mixed) if len(found) >= _FEWEST_CLASSES else None}


def _sentence(metrics, mixed):
    text = ("The halves of the classes agree to %s." % (
        "a median resolution of %.1f Å, and those of the best class to %.1f Å" % (
            metrics["median_resolution"], metrics["best_resolution"])
        if metrics["median_resolution"] else
        "no resolution in most classes; those of the best class agree to %.1f Å"
        % metrics["best_resolution"] if metrics["best_resolution"] else "no resolution at all"))
    if metrics["mixed_classes"] is None:
        text += (" With fewer than %d classes there is no basis for an expected "
                 "signal." % _FEWEST_CLASSES)
    elif mixed:
        text += " Likely to be mixtures, or badly aligned: %s class%s %s." % (
            "is" if len(mixed) == 1 else "are", "" if len(mixed) == 1 else "es",
            ", ".join(str(one.number) for one in mixed))
    else:
        text += " No class has much less signal than its number of members would suggest."
    return text + left_out_sentence(metrics["small_classes"])


def _figure(found, course, sample):
    resolved = [one for one in found if one.resolution]
    series = [Series(label, np.array([one.members for one in chosen]),
                     np.array([one.resolution for one in chosen]), "points")
              for label, chosen in (("classes", [one for one in resolved if not one.is_mixed]),
                                    ("likely mixtures", [one for one in resolved if one.is_mixed]))
              if chosen]
    if course is not None:
        sizes = np.unique(np.linspace(FEWEST, max(one.members for one in found), 60).astype(int))
        frequencies = np.arange(len(course)) / (sample.box * sample.sampling)
        expected = [first_crossing(frequencies, size * course / (1 + size * course), _THRESHOLD,
                                   FIRST_SHELL).resolution for size in sizes]
        known = np.array([value is not None for value in expected])
        series.append(Series("expected", sizes[known], np.array(
            [value for value in expected if value is not None]), "dashed"))
    return Plot("Resolution of the classes (FRC of halves at %g) against the number of members."
                % _THRESHOLD, "Resolution of the classes against their size.", "Members",
                "Resolution (Å)", series)


def _table(found):
    rows = [["%d" % one.number, "%d" % one.members,
             "–" if one.resolution is None else "%.1f" % one.resolution,
             "–" if np.isnan(one.signal) else "%.2f" % one.signal] for one in found]
    return class_table(["Class", "Members", "Resolution (Å)", "Signal over expected"], rows,
                       "Classes, least signal for their size first%s.")


def _pictures(members, rows, mixed, plane):
    if not mixed:
        return []
    return [Slices("Averages of the classes with the least signal for their size.",
                   "Averages of likely mixtures.",
                   [Slice("Class %d (%d)" % (one.number, one.members),
                          average_of(members, rows[one.number], plane)[::-1],
                          members.sample.sampling) for one in mixed[:_SHOWN]])]
