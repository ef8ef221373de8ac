"""5.a: do the coordinates lie on good ice?"""

import logging
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Optional

import numpy as np

from vrs.checks import Check, Criterion, Findings, NotMeasured, Quantity, register
from vrs.checks.shares import interval_metric, printed_interval, share_quantities
from vrs.engines.external import EngineInput, ExternalEngine
from vrs.errors import InputError
from vrs.images.micrographs import (FEWEST_ALIKE, FEWEST_PIXELS, ice_measures, score_ice,
                                    unlike_others)
from vrs.inputs.micrographs import MICROGRAPHS, PickedMicrograph
from vrs.inputs.particles import particle_diameter
from vrs.io.micrographs import read_micrograph
from vrs.numerics.statistics import wilson_interval
from vrs.results import (Bars, Circle, Mark, MicrographValues, Paragraph, Slice, Slices, Table,
                         plain)

logger = logging.getLogger(__name__)

_SUSPICIOUS = 0.9
_BOUND = 20.0
_FEWEST = 10
# Å; to take particles as larger than they are costs some sensitivity, as smaller, false alarms.
_USUAL_DIAMETER = 250.0
_COARSEST = 4  # pixels of a micrograph across a particle
_SHOWS_FILM = 2.0  # Å/pixel up to which the grain of film stands out in the spectrum
_BOX = 1.5  # side of a box over the diameter of what is in it
_SHOWN, _LISTED, _PIXELS = 6, 20, 480
_TOLD = 50  # micrographs between messages to the log


@dataclass(frozen=True)
class _Judged:
    """What was found in a micrograph, or why nothing was.

    ``measures`` are those of its ice; ``is_unlike`` says whether it is unlike the others.
    """

    picked: PickedMicrograph
    scores: np.ndarray
    good: Optional[float] = None
    diffracting: Optional[float] = None
    reason: str = ""
    measures: Optional[np.ndarray] = None
    is_unlike: bool = False

    @property
    def suspicious(self):
        return self.scores < _SUSPICIOUS

    @property
    def share(self):
        return float(np.mean(self.suspicious))


@register
class MicrographCleaner(Check):
    """Coordinates scored by the statistics of the micrograph about them."""

    id = "5.a"
    title = "Micrograph cleaner"
    requires = (MICROGRAPHS,)
    explanation = (
        "Particles should come from vitreous ice, and not from carbon, contamination, crystalline "
        "ice, holes, cracks or borders. Each micrograph is compared with its own good ice, the "
        "region where picks lie and where the grey level and the fine detail change only slowly; "
        "features of the size of the particles are compared with what most picks look like. Where "
        "the pixels are fine enough, the diffraction spots of ice crystals from 4.0 to 3.4 Å are "
        "searched for as well. As a micrograph that is bad throughout has no good ice, the power "
        "spectrum and the grey level of its ice are compared with those of the other micrographs, "
        "if there are %d or more: where they differ by more than 6.5 deviations of the set in "
        "the spectrum, or 5 in the grey level, all of its coordinates score 0. Each coordinate "
        "gets a score from 0 to 1, the fraction of the particle that lies on good ice, and is "
        "suspicious below %g." % (
            FEWEST_ALIKE, _SUSPICIOUS))
    quantities = (
        Quantity("coordinates", "", "Coordinates that were judged"),
        *share_quantities("suspicious", "Coordinates with a score below %g" % _SUSPICIOUS),
        Quantity("micrographs", "", "Micrographs that were judged"),
        Quantity("bad_micrographs", "",
                 "Of these, with at least %g %% suspicious coordinates" % _BOUND),
        Quantity("diffracting_micrographs", "",
                 "Of these, with spots of crystalline ice; no value where no pixels are fine "
                 "enough"),
        Quantity("unlike_micrographs", "", "Of these, with ice unlike that of the others; no value "
                 "for fewer than %d" % FEWEST_ALIKE),
        Quantity("missing_micrographs", "",
                 "Micrographs with coordinates that are missing or could not be judged"),
        Quantity("diameter", "Å", "Particle diameter used"),
    )
    references = ("SanchezGarcia2020",)
    criteria = (
        Criterion(name="suspicious", metric="suspicious_percentage",
                  subject="the fraction of the coordinates that is suspicious", relation="<",
                  bound=_BOUND, unit="%",
                  warning="{value:.0f} % of the coordinates are suspicious (less than {bound} % "
                  "expected): many particles may come from carbon, contamination or other "
                  "unsuitable areas; leave them out and refine again."),
    )
    summary_ok = "The particles come from good areas of the micrographs."
    summary_warnings = "Many particles may come from unsuitable areas of the micrographs."

    def compute(self, evidence):
        diameter, source = _diameter(evidence)
        judged = _judge_all(evidence.micrographs.picked, diameter, evidence.run.workers)
        failed = [one for one in judged if one.reason]
        total = sum(len(one.scores) for one in judged)
        if total < _FEWEST and failed:
            raise NotMeasured(Counter(one.reason for one in failed).most_common(1)[0][0])
        found = _compared([one for one in judged if len(one.scores)])
        seen = [one.diffracting for one in found if one.diffracting is not None]
        findings = _findings(found, diameter, source, [_crystals(seen), _unlike(found)] + [
            "%s could not be judged. %s" % (os.path.basename(one.picked.path), one.reason)
            for one in failed[:_SHOWN]])
        findings.metrics.update(
            diffracting_micrographs=sum(part > 0 for part in seen) if seen else None,
            unlike_micrographs=(sum(one.is_unlike for one in found)
                                if len(found) >= FEWEST_ALIKE else None),
            missing_micrographs=len(evidence.micrographs.missing) + len(failed))
        return findings


def _findings(found, diameter, source, remarks):
    """What the scores of the coordinates say."""
    total = sum(len(one.scores) for one in found)
    if total < _FEWEST:
        raise NotMeasured("There are only %d coordinates; at least %d are needed."
                          % (total, _FEWEST))
    found = sorted(found, key=lambda one: (-one.share, -len(one.scores), one.picked.path))
    suspicious = sum(int(one.suspicious.sum()) for one in found)
    interval = interval_metric(_interval(found), 100)
    metrics = {
        "coordinates": total, "suspicious_percentage": 100 * suspicious / total,
        "suspicious_interval": interval, "micrographs": len(found),
        "bad_micrographs": sum(100 * one.share >= _BOUND for one in found),
        "diameter": diameter}
    summary = ("%s of %s coordinates in %s are suspicious (%.1f %%; 95 %% interval %s %%). The "
               "diameter of the particle, %.0f Å, is %s." % (
                   format(suspicious, ","), format(total, ","), _counted(len(found)),
                   100 * suspicious / total, printed_interval(interval, 1), diameter, source))
    return Findings(plain(metrics), [Paragraph(text) for text in [summary] + remarks]
                    + _figures(found, diameter), [MicrographValues(
        "vrsSuspiciousCoordinates", "Coordinates with a score below %g" % _SUSPICIOUS, "%",
        "suspicious coordinates", [one.picked.path for one in found],
        np.array([100 * one.share for one in found]), np.array([one.share for one in found]),
        np.array([100 * one.share >= _BOUND or one.is_unlike for one in found]))])


def _input_for_xmipp(evidence):
    picked, (diameter, _) = evidence.micrographs.picked, _diameter(evidence)
    if len({round(one.sampling, 3) for one in picked}) > 1:
        raise NotMeasured("Xmipp takes micrographs of one pixel size only; choose the built-in "
                          "engine.")
    return EngineInput(picked=tuple(replace(one, box=_BOX * diameter) for one in picked),
                       parameters={"threshold": -1.0, "useGpu": False})


def _findings_of_xmipp(evidence, found):
    """Findings from the scores of coordinates, 1 for good ones."""
    judged = []
    for number, one in enumerate(evidence.micrographs.picked):
        rows = found.micrographs == number
        if rows.any():
            judged.append(_Judged(replace(one, points=found.points[rows]), found.scores[rows]))
    return _findings(judged, *_diameter(evidence), [])


MicrographCleaner.external = (ExternalEngine(
    name="xmipp", label="Xmipp", package="scipion-em-xmipp", plugin="xmipp3",
    protocol="XmippProtDeepMicrographScreen", outputs=(), sets=("outputCoordinates_Full",),
    coordinates_parameter="inputCoordinates", score="_xmipp_goodRegionScore",
    files=("bin/xmipp_deep_micrograph_cleaner", "models/deepMicrographCleaner*"),
    prepare=_input_for_xmipp, findings=_findings_of_xmipp),)


def _diameter(evidence):
    """Diameter in Å and where it comes from, in the middle of a sentence."""
    try:
        return particle_diameter(evidence)
    except InputError:
        boxes = [one.box for one in evidence.micrographs.picked if one.box]
        if boxes:
            return float(np.median(boxes)) / _BOX, "two thirds of the boxes of the picks"
        return _USUAL_DIAMETER, "a typical one, as none was given"


def _judge_all(picked, diameter, workers):
    """One result for each micrograph; no more micrographs than workers are in memory."""
    done = []
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for one in pool.map(lambda each: _judge(each, diameter), picked):
            done.append(one)
            if len(done) % _TOLD == 0 or len(done) == len(picked):
                logger.info("%d of %d micrographs are judged", len(done), len(picked))
    return done


def _judge(picked, diameter):
    if not len(picked.points):
        return _Judged(picked, np.zeros(0))
    try:
        if diameter < _COARSEST * picked.sampling:
            raise NotMeasured("Its pixels of %.3g Å are too coarse for a particle of %.3g Å; check "
                              "the sampling of the micrographs." % (picked.sampling, diameter))
        image = read_micrograph(picked.path).image
        pixels = max(diameter / picked.sampling, FEWEST_PIXELS)
        ice = score_ice(image, pixels, picked.points, picked.sampling)
    except (InputError, NotMeasured) as error:
        return _Judged(picked, np.zeros(0), reason=str(error))
    return _Judged(picked, ice.at(picked.points), float(ice.values.mean()), ice.diffracting,
                   measures=ice_measures(image, pixels, ice))


def _compared(found):
    """Micrographs after those of one sampling were compared with each other."""
    compared = list(found)
    samplings = np.array([round(one.picked.sampling, 3) for one in found])
    for sampling in np.unique(samplings):
        places = np.flatnonzero(samplings == sampling)
        unlike = unlike_others([found[place].measures for place in places],
                               [len(found[place].scores) for place in places])
        for place in places[unlike]:
            compared[place] = replace(found[place], is_unlike=True, good=0.0,
                                      scores=np.zeros_like(found[place].scores))
    return compared


def _unlike(found):
    if len(found) < FEWEST_ALIKE:
        return ("There are too few micrographs (%d) to recognise one that is bad throughout; %d "
                "are needed." % (len(found), FEWEST_ALIKE))
    names = [os.path.basename(one.picked.path) for one in found if one.is_unlike]
    hidden = "" if max(one.picked.sampling for one in found) <= _SHOWS_FILM else (
        " In pixels coarser than %g Å, a micrograph that lies wholly on film is not told from ice."
        % _SHOWS_FILM)
    if not names:
        return "The ice of no micrograph is unlike that of the others." + hidden
    return "%s: %s%s. Look at them, and leave them out unless they are good.%s" % (
        "The ice of one micrograph is unlike that of the others" if len(names) == 1 else
        "The ice of %d micrographs is unlike that of the others" % len(names),
        ", ".join(names[:_SHOWN]), " and others" if len(names) > _SHOWN else "", hidden)


def _interval(found):
    """95 % interval of the share of suspicious coordinates.

    Coordinates of one micrograph share its fate. By how much the variance between micrographs
    exceeds that of independent coordinates, by so much they count less (the design effect of
    cluster samples; Cochran, Sampling Techniques, 1977, section 9A).
    """
    counts = np.array([len(one.scores) for one in found])
    bad = np.array([one.suspicious.sum() for one in found])
    total, share, effect = counts.sum(), bad.sum() / counts.sum(), 1.0
    if len(found) > 1 and 0 < share < 1:
        between = (len(found) / (len(found) - 1) * np.sum((bad - share * counts) ** 2)
                   / total ** 2)
        effect = max(between / (share * (1 - share) / total), 1.0)
    return wilson_interval(bad.sum() / effect, total / effect)


def _crystals(seen):
    if not seen:
        return ("The pixels of the micrographs are too coarse to show the diffraction of ice "
                "crystals.")
    count = sum(part > 0 for part in seen)
    if not count:
        return "No micrograph has spots of crystalline ice."
    return "%s %s spots of crystalline ice." % (_counted(count), "has" if count == 1 else "have")


def _counted(count):
    return "1 micrograph" if count == 1 else "%s micrographs" % format(count, ",")


def _figures(found, diameter):
    scores = np.concatenate([one.scores for one in found])
    counts, edges = np.histogram(scores, np.linspace(0, 1, 21))
    rows = [[os.path.basename(one.picked.path), "%d" % len(one.scores),
             "%d" % one.suspicious.sum(), _percent(one.share), _percent(one.good),
             _percent(one.diffracting)] for one in found[:_LISTED]]
    worst = [one for one in found[:_SHOWN] if one.suspicious.any()] or found[:1]
    part = " (%d of %d)" % (len(rows), len(found)) if len(rows) < len(found) else ""
    return [
        Bars("Scores of the coordinates.", "Histogram of the scores of the coordinates.",
             "Score", "Coordinates", edges, counts, [Mark(_SUSPICIOUS, "suspicious below")]),
        Slices("The micrographs with the largest fraction of suspicious coordinates. Suspicious "
               "ones are circled in thick orange lines and the others in thin blue ones; the "
               "circles have the particle's diameter.",
               "Micrographs with circles around the coordinates.",
               [_picture(one, diameter) for one in worst], "picture", colour_range=[0.0, 1.0]),
        Table(["Micrograph", "Coordinates", "Suspicious", "Suspicious (%)", "Good area (%)",
               "Crystals (%)"], rows, "Micrographs, worst first%s." % part)]


def _percent(part):
    return "–" if part is None else "%.0f" % (100 * part)


def _picture(one, diameter):
    """A micrograph reduced in size, the first row below as usual, with its picks."""
    image = read_micrograph(one.picked.path).image
    step = max(1, -(-max(image.shape) // _PIXELS))
    rows, columns = (size // step for size in image.shape)
    small = image[:rows * step, :columns * step].reshape(rows, step, columns, step).mean((1, 3))
    low, high = np.percentile(small, (1, 99))
    small = np.clip((small - low) / max(high - low, 1e-30), 0, 1)
    places = (one.picked.points + 0.5) / step - 0.5
    sampling = one.picked.sampling * step
    circles = [Circle(float(x), float(rows - 1 - y), diameter / 2 / sampling, bool(warned))
               for (x, y), warned in zip(places, one.suspicious)]
    return Slice("%s: %d of %d suspicious" % (
        os.path.basename(one.picked.path), one.suspicious.sum(), len(one.scores)),
                 np.ascontiguousarray(small[::-1], np.float32), sampling, circles)
