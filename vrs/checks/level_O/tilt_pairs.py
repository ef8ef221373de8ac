"""O.c: do pairs of images agree with a known tilt of the specimen, and with the map's hand?"""

import numpy as np

from vrs.checks import TEXT, Check, Criterion, Findings, NotMeasured, Quantity, register
from vrs.checks.shares import share_metrics, share_quantities
from vrs.images.tilt_pairs import RADIUS, SIGNIFICANT, judge_pairs
from vrs.inputs.tilt_pairs import TILT_PAIRS
from vrs.results import SERIOUS, Paragraph, PolarPanel, PolarPlots, plain

# With which a set of which half is right has to be recognised.
_POWER = 0.95
# Of the plot, degrees, if the tilt is small.
_SMALLEST_RADIUS = 60.0


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
        Quantity("hand", "", "\"right\", \"mirrored\" or \"not decided\" (p below %g)"
                 % SIGNIFICANT, TEXT),
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
        if found.power < _POWER:
            raise NotMeasured("The tables hold only %s, which is too few: if half of them agreed "
                              "with the tilt, this would be recognised with a probability of %.0f "
                              "%% (at least %.0f %% is needed). Give more pairs." % (
                                  "1 pair" if count == 1 else "%d pairs" % count,
                                  100 * found.power, 100 * _POWER))
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
    """The plot of the tilts, and what the mirror image of the map would make of it."""
    x, y, z = found.vectors.T
    in_plane = np.abs(z) <= RADIUS
    angle = np.linalg.norm(found.expected)
    largest = min(max(2 * angle, _SMALLEST_RADIUS), 180.0)
    shown = in_plane & (np.linalg.norm(found.vectors, axis=1) <= largest)
    azimuths, radii = np.degrees(np.arctan2(y, x))[shown], np.hypot(x, y)[shown]
    centre = [float(np.degrees(np.arctan2(*found.expected[1::-1]))), float(angle)]
    panels = []
    for label, sign in (("This map", 1), ("Its mirror image", -1)):
        near = np.linalg.norm(found.vectors - sign * found.expected, axis=1) <= RADIUS
        panels.append(PolarPanel(
            "%s: %d near" % (label, np.count_nonzero(near)),
            azimuths + (0 if sign > 0 else 180), radii, near[shown], centre, RADIUS))
    return PolarPlots(
        "Tilt of each pair: the direction of its axis in the images, from x towards y, and its "
        "angle as the distance from the centre; on the right as the mirror image of the map would "
        "show it. The circle encloses the pairs that agree with the tilt of the experiment%s. "
        "%d of %d pairs are shown; of the others the axis is more than %g° out of the plane of the "
        "images or the tilt larger than %.0f°." % (
            "" if is_signed else ", whose sense is not known, so either side may be right",
            np.count_nonzero(shown), len(shown), RADIUS, largest),
        "Polar plots of the tilts of the pairs, for the map and for its mirror image.",
        panels, largest)
