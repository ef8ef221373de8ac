"""2.a: do the class averages look like projections of the map?"""

from dataclasses import replace

import numpy as np

from vrs.checks import TEXT, Check, Criterion, Findings, NotMeasured, Quantity, register
from vrs.checks.class_averages import AVERAGES, CLASS_AVERAGES
from vrs.checks.level_2.matching import (LIMIT, NULLS, PERCENTILE, SPACING, UNKNOWN, compare,
                                         in_contrast_of_map, working_classes, working_map)
from vrs.checks.level_4.orientations import view_map
from vrs.checks.particle_engines import in_box
from vrs.checks.shares import printed_interval, share_metrics, share_quantities
from vrs.engines.external import EngineInput, ExternalEngine
from vrs.images.conventions import ERRORS
from vrs.inputs.map import MAP
from vrs.results import SERIOUS, Paragraph, Plot, Series, Slice, Slices, Table, plain

_SHARE = 20.0
_SHOWN, _LISTED = 5, 30
# Classes that are shown have this part of an even share of the particles.
_SHOWN_SHARE = 0.5


@register
class ReprojectionConsistency(Check):
    """Class averages against the best projections of the map, and of maps of random phases."""

    id = "2.a"
    title = "Reprojection consistency"
    requires = (MAP, AVERAGES)
    uses = (CLASS_AVERAGES,)
    explanation = (
        "Class averages are made without the map, so a correct map has a projection that looks "
        "like each of them. Each average is compared with projections of the map, in "
        "directions %g° apart on the sphere and with all in-plane angles and small shifts, and the "
        "best matches are refined. The correlation is taken within the particle's disc, for detail "
        "from the size of the particle to the resolution of the class (%g Å where it is not "
        "known). Averages of low resolution resemble "
        "a projection of almost any map. The search is therefore repeated with %d maps that have "
        "the power spectrum of the map but random phases, and a class supports the map if it "
        "correlates better with it than with %g %% of those. The mirror image of a map has the "
        "same projections: the hand cannot be determined from classes."
        % (SPACING, UNKNOWN, NULLS, PERCENTILE))
    quantities = (
        Quantity("classes", "", "Class averages that were compared"),
        Quantity("left_out_classes", "", "Class averages that are empty or have few members"),
        Quantity("mean_correlation", "", "Mean correlation with the best projection"),
        Quantity("median_correlation", "", "Median correlation with the best projection"),
        Quantity("median_null_correlation", "",
                 "Median over the classes of the correlation that random-phase maps reach "
                 "(percentile %g)"
                 % PERCENTILE),
        *share_quantities("poor", "Particles whose class correlates below %g, or no better than "
                          "with random-phase maps; the interval is for this number of classes"
                          % LIMIT),
        *share_quantities("unsupported", "Particles whose class correlates no better than with "
                          "random-phase maps; the interval is for this number of classes"),
        *share_quantities("poor_classes", "As poor_percentage, but of the classes, each counted "
                          "once"),
        *share_quantities("unsupported_classes", "As unsupported_percentage, but of the classes, "
                          "each counted once"),
        Quantity("pixel_size_error", "%", "By how much the pixel size of the classes is too small "
                 "for the map (negative: too large); 0 within 3 standard errors"),
        Quantity("contrast", "", "Contrast of the classes with respect to the map: the same or "
                                 "inverted",
                 TEXT),
    )
    criteria = (
        Criterion(name="poor", metric="poor_interval.lower",
                  subject="the fraction of the particles in classes that do not look like "
                  "projections of the map (lower end of its 95 % interval)", relation="<",
                  bound=_SHARE, unit="%",
                  warning="At least {value:.0f} % of the particles are in classes that do not look "
                  "like projections of the map (less than {bound} % expected): the map may be "
                  "wrong, or many particles are something else. Look at the worst classes beside "
                  "their projections.", severity=SERIOUS,
                  service=(Criterion(
                      name="poor_classes", metric="poor_classes_percentage",
                      subject="the fraction of the classes that do not look like projections of "
                      "the map", relation="<=", bound=_SHARE, unit="%",
                      warning="{value:.0f} % of the classes do not look like projections of the "
                      "map (at most {bound} % expected)."),)),
    )
    references = ("Sorzano2022",)
    summary_ok = "The class averages look like projections of the map."
    summary_warnings = "Class averages do not look like projections of the map."

    def compute(self, evidence):
        averages = evidence.shared(CLASS_AVERAGES).averages
        found = compare(working_classes(averages, evidence), evidence)
        occupancy = averages.occupancy
        poor = occupancy[found.poor].sum()
        count = len(occupancy)
        metrics = {
            "classes": count, "left_out_classes": averages.left_out,
            "mean_correlation": found.correlations.mean(),
            "median_correlation": np.median(found.correlations),
            "median_null_correlation": np.median(found.null_limits),
            **share_metrics("poor", poor * count, count),
            **share_metrics("unsupported", occupancy[found.unsupported].sum() * count, count),
            **share_metrics("poor_classes", found.poor.sum(), count),
            **share_metrics("unsupported_classes", found.unsupported.sum(), count),
            "pixel_size_error": _pixel_size_error(found.scan),
            "contrast": "inverted" if found.classes.sign < 0 else "the same"}
        return Findings(plain(metrics), _content(averages, found, metrics))


def _for_xmipp(evidence):
    averages = evidence.shared(CLASS_AVERAGES).averages
    classes = in_contrast_of_map(working_classes(averages, evidence), evidence)
    volume, _, sampling = working_map(evidence, classes)
    symmetry = evidence.particles.symmetry if evidence.has("particles") else "C1"
    # Its program takes the box of the map for that of the averages, whatever their pixel sizes.
    volume = in_box(volume, sampling, classes.box, classes.sampling, evidence.run.workers)
    return EngineInput(volume, classes.sampling, parameters={"symmetryGroup": symmetry.lower()},
                       averages=(classes.images, classes.sampling))


def _findings_of_xmipp(evidence, table):
    """Findings from the correlations of Xmipp, which has no null."""
    averages = evidence.shared(CLASS_AVERAGES).averages
    count, occupancy = len(averages.images), averages.occupancy
    if "maxCC" not in table or not np.array_equal(np.sort(table.get("itemId", ())),
                                                  np.arange(count) + 1):
        raise NotMeasured("Xmipp returned no correlation for some of the %d classes." % count)
    found = table["maxCC"][np.argsort(table["itemId"])]
    poor = found < LIMIT
    metrics = {
        "classes": count, "left_out_classes": averages.left_out,
        "mean_correlation": found.mean(), "median_correlation": np.median(found),
        **share_metrics("poor", occupancy[poor].sum() * count, count),
        **share_metrics("poor_classes", poor.sum(), count)}
    order = np.argsort(found, kind="stable")
    return Findings(plain(metrics), [
        Paragraph("%s Xmipp compared them with the projections of the map. Their mean correlation "
                  "is %.2f and the median %.2f; %.0f %% of the particles (95 %% interval %s %%) "
                  "are in classes that correlate below %g. Only the built-in engine shows whether "
                  "random-phase maps would do as well." % (
                      averages.source, found.mean(), np.median(found),
                      metrics["poor_percentage"], printed_interval(metrics["poor_interval"]),
                      LIMIT)),
        Table(["Class", "Particles (%)", "Correlation", "Verdict"],
              [["%d" % averages.numbers[row], "%.1f" % (100 * occupancy[row]),
                "%.2f" % found[row], "below %g" % LIMIT if poor[row] else "similar"]
               for row in order[:_LISTED]],
              "Class averages, lowest correlation first%s." % _how_many(count))])


ReprojectionConsistency.external = (ExternalEngine(
    name="xmipp", label="Xmipp", package="scipion-em-xmipp", plugin="xmipp3",
    protocol="XmippProtCompareReprojections", map_parameter="inputVolume",
    averages_parameter="inputSet", outputs=("anglesCont.xmd",),
    files=("bin/xmipp_angular_continuous_assign2",), prepare=_for_xmipp,
    findings=_findings_of_xmipp),)


def _how_many(count):
    """How many rows of a table are listed, where these are not all."""
    return " (%d of %d)" % (_LISTED, count) if count > _LISTED else ""


def _pixel_size_error(scan):
    """Percent; None where it could not be found out."""
    if scan is None:
        return None
    error = scan.best - 1
    return 100 * error if scan.is_off or abs(error) > ERRORS * scan.best_error else 0.0


def _content(averages, found, metrics):
    order = np.argsort(found.correlations, kind="stable")
    return [
        Paragraph("%s They were compared at a pixel size of %.2f Å, with a search of %.0f Å around "
                  "their centres." % (averages.source, found.classes.sampling,
                                            found.classes.reach * found.classes.sampling)),
        Paragraph(_outcome(found, metrics)),
        _pictures(averages, found, order),
        _curves(found, order),
        _views(found),
        _table(averages, found, order)]


def _outcome(found, metrics):
    sentences = [
        "The mean correlation of the classes with the map is %.2f and the median %.2f; "
        "random-phase maps reach %.2f (median of the classes)." % tuple(metrics[name] for name in (
            "mean_correlation", "median_correlation", "median_null_correlation")),
        "%.0f %% of the particles (95 %% interval %s %%) are in classes that correlate "
        "below %g or no better than with such maps, %.0f %% in the latter." % (
            metrics["poor_percentage"], printed_interval(metrics["poor_interval"]), LIMIT,
            metrics["unsupported_percentage"])]
    if found.classes.sign < 0:
        sentences.append("The contrast of the classes is inverted with respect to the map, so they "
                         "were inverted.")
    if found.scan is None:
        sentences.append("Too few sharp classes agree with the map to compare the pixel sizes.")
    elif metrics["pixel_size_error"]:
        sentences.append("The classes agree best with the map if their pixel size is %.1f %% %s"
                         "%s." % (abs(metrics["pixel_size_error"]),
                                  "larger" if metrics["pixel_size_error"] > 0 else "smaller",
                                  "; check the pixel sizes of both" if found.scan.is_off else ""))
    return " ".join(sentences)


def _pictures(averages, found, order):
    large = order[averages.occupancy[order] >= _SHOWN_SHARE / len(order)]
    chosen, panels = large[:_SHOWN], []
    for row in chosen:
        shown, projected = found.shown[row], found.reprojections[row]
        for label, image in (("Class %d" % averages.numbers[row], shown),
                             ("reprojection: %.2f" % found.correlations[row], projected),
                             ("difference", shown - projected)):
            panels.append(Slice(label, image[::-1] / shown.std(), found.classes.sampling))
    return Slices(
        "%s, in a row each: class average, reprojection of the map with the correlation, and their "
        "difference. All are shown within the particle's disc and up to the resolution compared, "
        "in standard deviations of the average." % (
            "The class averages" if len(chosen) == len(order) else
            "The class averages with many particles" if len(chosen) == len(large) else
            "The %d class averages with the lowest correlation%s" % (
                len(chosen), "" if len(large) == len(order) else
                ", without classes of few particles")),
        "Class averages beside the most similar projections of the map.", panels)


def _curves(found, order):
    rank = np.arange(1, len(order) + 1)
    return Plot(
        "Correlation of the classes with the map, lowest first, and the correlation that "
        "random-phase maps reach with the same class (percentile %g)." % PERCENTILE,
        "Correlations of the classes with the map and with random-phase maps.",
        "Classes in order of correlation", "Correlation",
        [Series("Map", rank, found.correlations[order]),
         Series("Random phases", rank, found.null_limits[order], "points"),
         Series("Limit", rank, np.full(len(rank), LIMIT), "dashed")])


def _views(found):
    return replace(
        view_map(found.poses.rotations[:, 2], found.group),
        caption="Directions from which the map looks like the classes, relative to an even "
        "distribution.",
        alt="The sphere of directions coloured by the number of classes seen from each.",
        label="Classes, relative to their mean")


def _table(averages, found, order):
    classes = found.classes
    rows = [["%d" % averages.numbers[row], "%.1f" % (100 * averages.occupancy[row]),
             "%.0f" % (classes.box * classes.sampling / classes.last[row]),
             "%.2f" % found.correlations[row], "%.2f" % found.null_limits[row],
             "%.2f" % found.residual_covariance[row],
             "unsupported" if found.unsupported[row] else
             "below %g" % LIMIT if found.poor[row] else "supported"]
            for row in order[:_LISTED]]
    return Table(
        ["Class", "Particles (%)", "Detail (Å)", "Correlation", "Random phases",
         "Covariance of the residual", "Verdict"], rows,
        "Class averages, lowest correlation first%s. The covariance of the residual is that of "
        "neighbouring pixels, relative to the variance of the average: the residual is structured "
        "where this is close to 1 minus the square of the correlation." % _how_many(len(order)))
