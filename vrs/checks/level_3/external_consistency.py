"""3.c: does a classification of our own find the same classes?"""

import logging
from dataclasses import dataclass, replace

import numpy as np

from vrs.checks import Check, Criterion, Findings, NotMeasured, Quantity, register
from vrs.checks.class_averages import class_table
from vrs.checks.level_3.members import (DETAIL, FEWEST, left_out_sentence, pairs_figure, reach_of,
                                        rows_by_class)
from vrs.checks.particle_engines import by_row, mask_diameter_of, with_particles
from vrs.checks.particle_images import CLASS_MEMBERS, FIRST_SHELL
from vrs.checks.shares import printed_interval, share_metrics, share_quantities
from vrs.engines.external import ExternalEngine
from vrs.images.agreement import soft_disc, within
from vrs.images.classify2d import (ROUNDS, Classification, aligned_images, class_averages,
                                   classify)
from vrs.images.ctf import Contrast
from vrs.images.gallery import Rings, gallery_of_images
from vrs.images.particles import fourier_cropped
from vrs.images.plane import PaddedTransforms
from vrs.images.search import Search, shift_grid
from vrs.inputs.particles import IMAGES, MEMBERS, PARTICLES
from vrs.numerics.image_plane import ImagePlane
from vrs.numerics.statistics import chance_of_at_least
from vrs.results import Paragraph, Plot, Series, plain

_MATCH = 0.8
_CHANCE = 0.01
_FEWEST_CLASSES, _FEWEST_FOR_DISTRIBUTIONS = 5, 30
_MOST_CLASSES, _MOST_PARTICLES, _BOX = 50, 10000, 64
# Averages are compared in positions up to this part of the diameter apart.
_FARTHEST = 0.125
# Own classes that tell how often one of a given size matches.
_NEIGHBOURS = 5

logger = logging.getLogger(__name__)


@register
class ExternalConsistency(Check):
    """The given classes against two classifications of our own."""

    id = "3.c"
    title = "Classification external consistency"
    requires = (PARTICLES, IMAGES, MEMBERS)
    uses = (CLASS_MEMBERS,)
    explanation = (
        "The particles are classified again, twice, into the same number of classes, by "
        "multi-reference alignment that starts from different random particles (%d rounds, detail "
        "up to %g Å). Each given class is aligned to every class of both new classifications and "
        "compared within the particle's disc; its match is the mean of its best correlation with "
        "either classification. The two new classifications show how well two classifications of "
        "these particles can be expected to match, so the given classes should reach a match of %g "
        "as often as new classes of a similar size do. From %d classes on, the distributions of "
        "the matches are compared as well (Kolmogorov-Smirnov test), unless the medians are nearly "
        "the same. At most %d classes and %s of their particles are taken; classes with fewer than "
        "%d of the particles used are left out."
        % (ROUNDS, DETAIL, _MATCH, _FEWEST_FOR_DISTRIBUTIONS, _MOST_CLASSES,
           format(_MOST_PARTICLES, ","), FEWEST))
    quantities = (
        Quantity("classes", "", "Classes that were compared"),
        Quantity("small_classes", "", "Classes with too few particles to be compared"),
        Quantity("particles_used", "", "Particles that were classified"),
        *share_quantities("matched", "Classes whose match with the new classifications is %g or "
                          "better" % _MATCH),
        Quantity("expected_percentage", "%", "The same for new classes of similar size against the "
                 "other new classification"),
        Quantity("match_p_value", "", "Probability of so few matching classes if they match as "
                 "often as new ones do"),
        Quantity("median_match", "", "Median match of the classes"),
        Quantity("expected_match", "", "Median match of the new classifications with each other"),
        Quantity("match_shortfall", "", "Median match of the new classifications with each other "
                 "minus that of the classes"),
        Quantity("p_value", "", "Probability that matches lower by this much come from the same "
                 "distribution as those of the new classifications; no value for fewer than %d "
                 "classes" % _FEWEST_FOR_DISTRIBUTIONS),
    )
    references = ("Penczek1992",)
    criteria = (
        Criterion(name="matches", metric="match_p_value",
                  subject="the probability that so few classes match the new ones", relation=">=",
                  bound=_CHANCE,
                  warning="The given classes match new ones less often than two new "
                  "classifications match each other (p = {value:.2g}, at least {bound} expected): "
                  "they may belong to other particles."),
        Criterion(name="distribution", metric="p_value", unless=(
                      Criterion(name="shortfall", metric="match_shortfall",
                                subject="the median match of new classifications minus that of "
                                "the given classes", relation="<=",
                                bound=0.05),),
                  subject="the probability that the matches come from the distribution of the new "
                  "ones", relation=">=", bound=_CHANCE,
                  warning="The given classes match new ones less well than two new classifications "
                  "match each other (p = {value:.2g}, at least {bound} expected): they may be "
                  "mixtures. Classify again, and compare."),
    )
    summary_ok = "A new classification finds the same classes."
    summary_warnings = "A new classification does not find the same classes."

    def compute(self, evidence):
        members = evidence.shared(CLASS_MEMBERS)
        chosen = _chosen(members, evidence.run.seed)
        compared = _Images.of(members, chosen)
        return _findings(evidence, members, chosen, compared, [
            compared.classified(evidence.run.seed + number, evidence.run.workers)
            for number in (1, 2)])


def _findings(evidence, members, chosen, compared, own):
    """Findings from two new classifications."""
    given = _given(evidence, chosen, compared)
    averages = [compared.averages(one) for one in own]
    targets = [_Targets(compared, average, evidence.run.workers) for average in averages]
    found = [target.best(given) for target in targets]
    matches = _Matches(
        np.mean([best.correlations[:, 0] for best in found], axis=0), compared.given.sizes,
        np.concatenate([targets[1].best(averages[0]).correlations[:, 0],
                        targets[0].best(averages[1]).correlations[:, 0]]),
        np.concatenate([one.sizes for one in own]))
    metrics = _metrics(matches, len(compared.images), len(members.sizes[0]) - len(chosen))
    return Findings(plain(metrics), _content(
        list(chosen), matches, metrics, given, found[0], averages[0], compared))


def _for_program(evidence, **parameters):
    """What a program is given to classify the same particles twice."""
    members = evidence.shared(CLASS_MEMBERS)
    chosen = _chosen(members, evidence.run.seed)
    return with_particles(members.sample, np.concatenate(list(chosen.values())),
                          parameters=dict(parameters, numberOfClasses=len(chosen)))


def _for_relion(evidence):
    sample = evidence.shared(CLASS_MEMBERS).sample
    given = _for_program(evidence, maskDiameterA=mask_diameter_of(sample),
                         doCTF=sample.table.has_ctf, numberOfMpi=1)
    return replace(given, runs=tuple(
        {"extraParams": "--random_seed %d" % (evidence.run.seed + number)} for number in (1, 2)))


def _for_cryosparc(evidence):
    # Each of its runs starts at random.
    return replace(_for_program(evidence), runs=({}, {}))


def _findings_of(program):
    """Findings from the classifications of a program."""
    def findings(evidence, *runs):
        members = evidence.shared(CLASS_MEMBERS)
        chosen = _chosen(members, evidence.run.seed)
        compared = _Images.of(members, chosen)
        made = _findings(evidence, members, chosen, compared, [
            _classification(by_row(run, len(compared.images), program), compared.sampling)
            for run in runs])
        made.content.insert(0, Paragraph(
            "%s classified the particles again, twice; the averages of its classes were made in "
            "the same way as those of the given ones." % program))
        return made
    return findings


def _classification(table, sampling):
    """The classes of a table that have members, with shifts in pixels."""
    numbers, labels = np.unique(table.plane_class, return_inverse=True)
    return Classification(len(numbers), labels.ravel(), table.psi, table.plane_shifts / sampling,
                          np.zeros(len(table)))


ExternalConsistency.external = (
    ExternalEngine(
        name="relion", label="RELION", package="scipion-em-relion", plugin="relion",
        protocol="ProtRelionClassify2D", particles_parameter="inputParticles",
        outputs=(), sets=("outputClasses",), files=("bin/relion_refine",), prepare=_for_relion,
        findings=_findings_of("RELION")),
    ExternalEngine(
        name="cryosparc", label="cryoSPARC", package="scipion-em-cryosparc2",
        plugin="cryosparc2", protocol="ProtCryo2D", particles_parameter="inputParticles",
        outputs=(), sets=("outputClasses",), files=("cryosparc_master/bin/cryosparcm",),
        prepare=_for_cryosparc, findings=_findings_of("cryoSPARC")))


@dataclass(frozen=True, eq=False)
class _Matches:
    """How well classes match, and how many members they have.

    Attributes
    ----------
    given, given_sizes : numpy.ndarray, (classes,)
        Of the given classes with the own classifications.
    own, own_sizes : numpy.ndarray, (2 classes,)
        Of either own classification with the other.
    """

    given: np.ndarray
    given_sizes: np.ndarray
    own: np.ndarray
    own_sizes: np.ndarray

    def of_size(self, count):
        """Own matches of the classes nearest in size to each given one, (classes, count)."""
        off = np.abs(np.log(np.maximum(self.own_sizes, 1) / self.given_sizes[:, None]))
        return self.own[np.argsort(off, axis=1, kind="stable")[:, :count]]

    @property
    def chances(self):
        """How likely an own class of the size of each given one matches, (classes,)."""
        matched = np.sum(self.of_size(_NEIGHBOURS) >= _MATCH, axis=1)
        # Jeffreys' estimate, never 0 nor 1.
        return (matched + 0.5) / (_NEIGHBOURS + 1)

    def p_value(self, matched):
        """Probability that at most so many of the given classes match."""
        return chance_of_at_least(len(self.given) - matched, 1 - self.chances)


def _chosen(members, seed):
    """Rows of the sample by class: the most populated classes and a part of their members."""
    rows = rows_by_class(members)
    if len(rows) < _FEWEST_CLASSES:
        raise NotMeasured("%s enough particles (%d); at least %d such classes are needed." % (
            "Only 1 class has" if len(rows) == 1 else "Only %d classes have" % len(rows), FEWEST,
            _FEWEST_CLASSES))
    largest = sorted(rows, key=lambda number: -len(rows[number]))[:_MOST_CLASSES]
    total = sum(len(rows[number]) for number in largest)
    share, rng = min(1, _MOST_PARTICLES / total), np.random.default_rng(seed)
    return {number: np.sort(rng.choice(rows[number], int(np.ceil(share * len(rows[number]))),
                                       replace=False))
            for number in largest}


@dataclass(frozen=True, eq=False)
class _Images:
    """Images that are classified, and how they were.

    Attributes
    ----------
    images : numpy.ndarray of float32, (n, box, box)
    sampling : float
        Å/pixel.
    diameter : float
        Of the particle, pixels.
    contrast : vrs.images.ctf.Contrast or None
    given : vrs.images.classify2d.Classification
        By whoever made the table.
    band : vrs.numerics.image_plane.ImagePlane
        That is compared.
    """

    images: np.ndarray
    sampling: float
    diameter: float
    contrast: object
    given: Classification
    band: ImagePlane

    @classmethod
    def of(cls, members, chosen):
        sample, rows = members.sample, np.concatenate(list(chosen.values()))
        labels = np.repeat(np.arange(len(chosen)), [len(part) for part in chosen.values()])
        last = sample.shell(DETAIL)
        box = min(sample.box, max(_BOX, 2 * last + 4))
        scale = box / sample.box
        images = np.empty((len(rows), box, box), np.float32)
        shifts, contrasts, start = np.empty((len(rows), 2)), [], 0
        for batch in sample.batches(rows):
            part = slice(start, start + len(batch.rows))
            start = part.stop
            images[part] = fourier_cropped(batch.images, box, sample.workers)
            shifts[part] = scale * batch.shifts
            contrasts.append(batch.contrast)
        given = Classification(len(chosen), labels, members.psi[rows], shifts,
                               np.zeros(len(rows)))
        return cls(images, sample.sampling / scale, scale * sample.diameter,
                   Contrast.joined(contrasts) if contrasts[0] is not None else None, given,
                   ImagePlane(box, last=last, workers=sample.workers))

    @property
    def box(self):
        return self.images.shape[-1]

    @property
    def rings(self):
        return Rings(self.box, FIRST_SHELL, int(self.band.shells.max()))

    def classified(self, seed, workers):
        """A classification of our own."""
        logger.info("Classifying %d particles into %d classes", len(self.images),
                    self.given.classes)
        rings = self.rings
        return classify(self.images, self.sampling, self.given.classes, self.diameter,
                        FIRST_SHELL, int(rings.radii[-1]),
                        reach_of(self.given.shifts, self.diameter), self.contrast, seed=seed,
                        workers=workers)

    def averages(self, classification):
        """Averages of classes, of the band that is compared, (classes, box, box)."""
        whole = class_averages(self.images, classification, self.sampling, self.contrast,
                               self.band.workers)
        return self.band.images(self.band.coefficients(whole))


class _Targets:
    """Class averages that others are compared with, in all positions."""

    def __init__(self, compared, averages, workers):
        disc = soft_disc(compared.box, compared.diameter)
        self._search = Search(gallery_of_images(within(averages, disc), compared.rings),
                              compared.diameter, compared.sampling,
                              shift_grid(_FARTHEST * compared.diameter, 1.0), workers)

    def best(self, images):
        return self._search.best(images)


def _given(evidence, chosen, compared):
    """Averages of the given classes: those of a file, or of the members."""
    if evidence.classes is None:
        return compared.averages(compared.given)
    classes = evidence.classes
    places = {int(number): place for place, number in enumerate(classes.numbers)}
    missing = [str(number) for number in chosen if number not in places]
    if missing:
        raise NotMeasured("The given class averages lack class %s of the particle table; give "
                          "those of the same classification." % ", ".join(missing))
    images = classes.images[[places[number] for number in chosen]]
    return resampled(images, classes.sampling, compared)


def resampled(images, sampling, compared):
    """Class averages at the sampling and in the box of the images, up to 20 Å.

    Parameters
    ----------
    images : numpy.ndarray of float32, (n, size, size)
    sampling : float
        Å/pixel.
    compared : _Images

    Returns
    -------
    numpy.ndarray of float32, (n, box, box)
    """
    size = images.shape[-1] // 2 * 2
    images = fourier_cropped(images, size)
    disc = soft_disc(size, min(compared.diameter * compared.sampling / sampling, size - 4.0))
    ratio = size * sampling / (compared.box * compared.sampling)
    transforms = PaddedTransforms(size, workers=compared.band.workers)
    return compared.band.images(transforms.at(transforms.of(within(images, disc)),
                                              compared.band.wave_numbers * ratio))


def _metrics(matches, particles, small):
    from scipy import stats  # takes long to import
    matched, count = int(np.sum(matches.given >= _MATCH)), len(matches.given)
    if matches.p_value(0) >= _CHANCE:
        raise NotMeasured(
            "Two new classifications match each other too rarely (%d of %d classes at %g or "
            "better) to judge whether the given classes match them; use more particles "
            "(--particles-used)." % (np.sum(matches.own >= _MATCH), len(matches.own), _MATCH))
    return {
        "classes": count, "small_classes": small, "particles_used": particles,
        **share_metrics("matched", matched, count),
        "expected_percentage": 100 * matches.chances.mean(),
        "match_p_value": matches.p_value(matched),
        "median_match": np.median(matches.given), "expected_match": np.median(matches.own),
        "match_shortfall": np.median(matches.own) - np.median(matches.given),
        # Where matches are lower their distribution function is higher.
        "p_value": (stats.ks_2samp(matches.given, matches.of_size(2).ravel(),
                                   alternative="greater").pvalue
                    if count >= _FEWEST_FOR_DISTRIBUTIONS else None)}


def _content(numbers, matches, metrics, given, found, averages, compared):
    order = np.argsort(matches.given, kind="stable")
    content = [Paragraph(_sentence(metrics)), _figure(matches)]
    chances = matches.chances
    rows = [["%d" % numbers[place], "%d" % matches.given_sizes[place],
             "%.2f" % matches.given[place], "%.2f" % chances[place]] for place in order]
    content.append(class_table(["Class", "Particles used", "Match", "New classes matched"], rows,
                               "Classes, worst match first%s."))
    pairs = []
    for place in order[:3]:
        turned = aligned_images(given[place:place + 1], found.psi[place, :1],
                                found.shifts[place, :1])[0]
        pairs.append([("Class %d" % numbers[place], turned),
                      ("best new class (%.2f)" % found.correlations[place, 0],
                       averages[found.direction[place, 0]])])
    content.append(pairs_figure(
        "The classes with the worst match (above), and the classes of the first new classification "
        "that they agree with best (below).", "Pairs of class averages.", pairs,
        soft_disc(compared.box, compared.diameter), compared.sampling))
    return content


def _sentence(metrics):
    return (
        "%.0f %% of the %d classes match new ones at %g or better (95 %% interval %s %%), "
        "while %.0f %% of new classes of similar size match the other new classification; the "
        "median match is %.2f, and %.2f among the new ones.%s" % (
            metrics["matched_percentage"], metrics["classes"], _MATCH,
            printed_interval(metrics["matched_interval"]), metrics["expected_percentage"],
            metrics["median_match"], metrics["expected_match"],
            left_out_sentence(metrics["small_classes"])))


def _figure(matches):
    series = [Series(label, np.linspace(0, 100, len(values)), np.sort(values), style)
              for label, values, style in (("given classes", matches.given, "points"),
                                           ("new classifications", matches.own, "dashed"))]
    return Plot("Matches of the given classes with the new classifications, and of these with each "
                "other, in order.", "Sorted correlations of classes with their best matches among "
                                    "the new ones.",
                "Classes (%)", "Match", series)
