"""O.c: do pairs of images agree with a known tilt of the specimen, and with the map's hand?"""

import numpy as np

from vrs.checks import TEXT, Check, Criterion, Findings, NotMeasured, Quantity, register
from vrs.checks.shares import share_metrics, share_quantities
from vrs.images.tilt_pairs import RADIUS, SIGNIFICANT, judge_pairs
from vrs.inputs.tilt_pairs import TILT_PAIRS
from vrs.results import SERIOUS, Paragraph, Plot, Series, plain

_AROUND = np.radians(np.arange(0, 361, 5))


@register
class TiltPairAgreement(Check):
    """Tilts between the orientations of pairs, compared with that of the experiment."""

    id = "O.c"
    title = "Tilt pairs"
    requires = (TILT_PAIRS,)
    explanation = (
        "When the specimen is tilted between two images of a particle, the orientations assigned "
        "to the two images with a sound map differ by exactly that tilt. Each pair gives a "
        "rotation vector: its direction is the axis of the rotation and its length the angle. "
        "Pairs whose vector is within %g° of the experiment's are counted and compared with random "
        "pairs, by an exact binomial test. In the mirror image of the map the same images give the "
        "opposite vector. Where the axis and the sense of the tilt are known, the pairs therefore "
        "reveal the hand of the map: they cluster at the experiment's vector if the hand is right, "
        "and at the opposite one if it is wrong. The angle between the orientations alone says "
        "little: random pairs that differ by less than 60° differ by 45° on average." % RADIUS)
    quantities = (
        Quantity("pairs", "", "Pairs of images"),
        *share_quantities("clustered", "Pairs within %g° of the experiment's tilt; in either sense "
                          "where its axis was not given" % RADIUS),
        *share_quantities("mirrored_clustered", "Pairs within %g° of the tilt that the mirrored "
                          "map would show" % RADIUS),
        Quantity("chance_percentage", "%", "Random pairs within %g° of the tilt in either "
                                           "sense" % RADIUS),
        Quantity("cluster_p_value", "", "Probability that as many random pairs are near the tilt "
                                        "in either sense"),
        Quantity("mean_tilt", "°", "Mean tilt of the pairs near the tilt in either sense"),
        Quantity("axis", "°", "Direction of the tilt axis in the images from x towards y, as given "
                 "or as found"),
        Quantity("hand_p_value", "", "Probability that as many pairs would support the map if they "
                 "had no preferred hand"),
        Quantity("mirrored_hand_p_value", "",
                 "Probability that as many would support its mirror image"),
        Quantity("hand", "", "\"right\", \"mirrored\" or \"not decided\"", TEXT),
    )
    references = ("Rosenthal2003", "Henderson2011")
    criteria = (
        Criterion(name="cluster", metric="cluster_p_value",
                  subject="the probability that random pairs agree with the tilt as often",
                  relation="<", bound=SIGNIFICANT,
                  warning="The pairs agree with the tilt of the experiment hardly more often than "
                  "random ones (p = {value:.2g}, below {bound} expected): the angles, the tilt "
                  "that was given or the order of the tables may be wrong.",
                  severity=SERIOUS),
        Criterion(name="hand", metric="hand_p_value",
                  subject="the probability that pairs of no preferred hand support the map as "
                  "often", relation="<", bound=SIGNIFICANT,
                  warning="The pairs do not confirm the hand of the map (p = {value:.2g}, below "
                  "{bound} expected).",
                  severity=SERIOUS),
        Criterion(name="mirrored", metric="mirrored_hand_p_value",
                  subject="the probability that they support its mirror image as often",
                  relation=">=", bound=SIGNIFICANT,
                  warning="The pairs agree with the mirror image of the map (p = {value:.2g}, at "
                  "least {bound} expected): the map has the wrong hand, or the sign of the tilt or "
                  "the direction of its axis was given wrongly.",
                  severity=SERIOUS),
    )
    summary_ok = "The orientations of tilt pairs agree with the tilt of the specimen."
    summary_warnings = ("The orientations of tilt pairs do not agree with the tilt of the specimen "
                        "or the hand of the map.")

    def compute(self, evidence):
        pairs = evidence.tilt_pairs
        found = judge_pairs(pairs.untilted.rotations, pairs.tilted.rotations, pairs.group,
                            pairs.angle, pairs.axis)
        count = len(found.vectors)
        if found.least_p_value >= SIGNIFICANT:
            raise NotMeasured("The tables hold only %s, which is too few: random pairs could all "
                              "agree with the tilt (p = %.2g)." % (
                                  "1 pair" if count == 1 else "%d pairs" % count,
                                  found.least_p_value))
        both = found.near + found.near_mirrored
        near = found.near if pairs.axis is not None else both
        tells_hand = pairs.axis is not None and _can_tell(both) and (
            found.cluster_p_value < SIGNIFICANT)
        metrics = {
            "pairs": count,
            **share_metrics("clustered", near, count),
            **(share_metrics("mirrored_clustered", found.near_mirrored, count)
               if pairs.axis is not None else {"mirrored_clustered_percentage": None}),
            "chance_percentage": 100 * found.chance,
            "cluster_p_value": found.cluster_p_value,
            "mean_tilt": _mean_tilt(found),
            "axis": _axis(found.expected, pairs.angle),
            "hand_p_value": found.hand_p_value if tells_hand else None,
            "mirrored_hand_p_value": found.mirrored_p_value if tells_hand else None,
            "hand": found.hand}
        return Findings(plain(metrics), [
            Paragraph(_sentence(found, near, pairs)),
            Paragraph(_verdict(found, pairs.axis, tells_hand)),
            _figure(found, pairs.axis is not None)])


def _can_tell(both):
    """Whether so many pairs, all on the same side, decide on the hand."""
    return 0.5 ** both < SIGNIFICANT


def _axis(expected, angle):
    """Direction of the axis of a tilt vector, degrees."""
    x, y = expected[:2] * np.sign(angle)
    return round(float(np.degrees(np.arctan2(y, x))), 6) % 360


def _mean_tilt(found):
    distances = [np.linalg.norm(found.vectors - sign * found.expected, axis=1) for sign in (1, -1)]
    near = np.min(distances, axis=0) <= RADIUS
    return np.linalg.norm(found.vectors[near], axis=1).mean() if near.any() else None


def _sentence(found, near, pairs):
    where = "of the experiment's tilt" if pairs.axis is not None else (
        "of a tilt by the given angle about the axis that most of them agree with, in either sense")
    return "%d of %d pairs (%.0f %%) are within %g° %s; %.2g %% are expected by chance." % (
        near, len(found.vectors), 100 * near / len(found.vectors), RADIUS, where,
        100 * found.chance / (2 if pairs.axis is not None else 1))


def _verdict(found, axis, tells_hand):
    if axis is None:
        return ("The tilt axis was not given, so the hand of the map is not decided; give the axis "
                "with --tilt-axis, and the tilt with its sign with --tilt-angle.")
    counts = "%d pairs support the map and %d its mirror image" % (
        found.near, found.near_mirrored)
    if found.cluster_p_value >= SIGNIFICANT:
        return counts + ", hardly more than by chance; the hand of the map is not decided."
    if not tells_hand:
        return counts + ", too few for the hand of the map to be decided."
    return counts + {"right": ": the hand of the map is right.",
                     "mirrored": ": the hand of the map is wrong.",
                     "not decided": "; the hand of the map is not decided."}[found.hand]


def _figure(found, is_signed):
    flat = np.abs(found.vectors[:, 2]) <= RADIUS
    labels = (("Near the experiment's tilt", "Near that of the mirrored map") if is_signed
              else ("Near the tilt in one sense", "Near the tilt in the other sense"))
    series = [Series("Pairs", found.vectors[flat, 0], found.vectors[flat, 1], "points")]
    for sign, label, style in zip((1, -1), labels, ("line", "dashed")):
        x, y = sign * found.expected[:2]
        series.append(Series(label, x + RADIUS * np.cos(_AROUND), y + RADIUS * np.sin(_AROUND),
                             style))
    return Plot("Tilts between the two orientations of each pair as rotation vectors; only those "
                "whose component along the direction of view is at most %g° are shown (%d of %d). "
                "The lines enclose the pairs that count as "
                "near." % (RADIUS, np.count_nonzero(flat), len(flat)),
                "Scatter plot of the tilts of the pairs about x and about y.",
                "Tilt about x of the images (°)", "Tilt about y (°)", series)
