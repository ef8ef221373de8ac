"""4.h: how evenly do the orientations of the particles sample Fourier space?"""

from vrs.checks import TEXT, Check, Criterion, Findings, Quantity, register
from vrs.checks.level_4.orientations import (direction_map, require_particles,
                                             sphere_maps)
from vrs.images.sampling import (
    DRAWS, MOST_VIEWS, RADIUS, TILTS, sampling_factor, tilted_sampling)
from vrs.inputs.particles import ANGLES, PARTICLES
from vrs.results import SERIOUS, Paragraph, plain

_FEWEST = 2000
_LIMIT = 0.5
_SIDE_VIEWS = 0.81  # The authors' limit: what views from the side reach.
_OTHER_ORIENTATIONS = "Other supports or detergents may change the orientations."


@register
class SamplingCompensation(Check):
    """Sampling compensation factor of the orientations."""

    id = "4.h"
    title = "Sampling compensation factor"
    requires = (PARTICLES, ANGLES)
    explanation = (
        "Each direction of Fourier space is sampled by the particles whose slab contains it. Where "
        "the sampling is uneven, the signal-to-noise ratio of the map is lower than that of an "
        "even distribution of the same particles; the sampling compensation factor (SCF) is the "
        "ratio of the two. SCF* is lower where no particle samples some directions at all: it is 1 "
        "for an even distribution, 0.81 for views from the side only, and near 0 for views from "
        "the top only. With empty directions SCF* depends on the number of particles; therefore at "
        "most 10,000 are taken, as in the authors' program, and the mean over five random draws is "
        "given. Distributions above 0.81 are fully sampled; below 0.5 the map is likely to be "
        "distorted.")
    quantities = (
        Quantity("scf_star", "", "SCF with a penalty for empty directions, at a Fourier radius of "
                 "50 pixels"),
        Quantity("scf", "", "Sampling compensation factor over the directions that are not empty"),
        Quantity("empty_percentage", "%", "Directions that no particle samples"),
        Quantity("scf_star_of_all", "", "SCF* of all particles instead of 10,000"),
        Quantity("particles_used", "", "Particles in each draw"),
        Quantity("particles", "", "Particles with angles in the table"),
        Quantity("helpful_tilt", "°",
                 "Smallest specimen tilt that would bring SCF* up to the bound"),
        Quantity("tilted_scf_star", "", "SCF* with the specimen at that tilt, or at the best one "
                 "where none is enough"),
        Quantity("advice", "", "What to do next", TEXT),
    )
    references = ("Baldwin2020",)
    criteria = (
        Criterion(name="scf_star", subject="the sampling compensation factor SCF*", relation=">=",
                  bound=_LIMIT,
                  warning="The sampling compensation factor SCF* is {value:.2f} (at least {bound}; "
                  "fully sampled is 0.81 or more): some directions of Fourier space are hardly "
                  "sampled. {metrics[advice]}",
                  severity=SERIOUS),
    )
    summary_ok = "The orientations of the particles sample Fourier space sufficiently."
    summary_warnings = "The orientations of the particles sample Fourier space too unevenly."

    def compute(self, evidence):
        particles = evidence.particles
        views, group = particles.views, particles.group
        require_particles(len(views), _FEWEST, "leave gaps by chance")
        seed = evidence.run.seed
        found = sampling_factor(views, group, seed=seed)
        metrics = {
            "scf_star": found.scf_star,
            "scf": found.scf,
            "empty_percentage": 100 * found.empty_fraction,
            "scf_star_of_all": sampling_factor(views, group, most=None).scf_star,
            "particles_used": found.views_used,
            "particles": len(views),
            "advice": _OTHER_ORIENTATIONS,
        }
        content = [Paragraph(_sentence(found, len(views)))]
        if found.scf_star < _SIDE_VIEWS:
            tilted = tilted_sampling(views, group, _LIMIT, tilts=TILTS[1:], seed=seed)
            metrics["helpful_tilt"] = tilted.sufficient if found.scf_star < _LIMIT else 0.0
            metrics["tilted_scf_star"] = _reached(tilted) if found.scf_star < _LIMIT else None
            metrics["advice"] = _advice(found, tilted)
            if found.scf_star >= _LIMIT:
                content.append(Paragraph(metrics["advice"]))
        content.append(sphere_maps(views, group, found.directions, found.sampling))
        content.append(direction_map(
            "Sampling of the directions of Fourier space, relative to its mean.",
            "The sphere of directions coloured by the number of particles that sample each.",
            found.directions, found.sampling, "Sampling, relative to its mean", "",
            found.directions[found.sampling.argmin()]))
        return Findings(plain(metrics), content)


def _sentence(found, count):
    text = ("SCF* is %.3f and %.1f %% of the directions are empty at a Fourier radius of %d pixels"
            % (found.scf_star, 100 * found.empty_fraction, RADIUS))
    if count > MOST_VIEWS:
        text += ", the mean of %d draws of %s of the %s particles" % (
            DRAWS, format(MOST_VIEWS, ","), format(count, ","))
    return text + ". The limit for full sampling is %.2f." % _SIDE_VIEWS


def _reached(tilted):
    """SCF* at the smallest tilt that is enough, or at the best one."""
    tilt = tilted.best if tilted.sufficient is None else tilted.sufficient
    return float(tilted.scf_star[list(tilted.tilts).index(tilt)])


def _advice(found, tilted):
    """What to do next: data from a tilted specimen, if that would help."""
    best = tilted.scf_star.max()
    if best <= found.scf_star:
        return "Tilting the specimen would not raise SCF*. " + _OTHER_ORIENTATIONS
    if found.scf_star >= _LIMIT:
        return ("If the map shows signs of distortion, tilting the specimen by %.0f° would raise "
                "SCF* to %.2f." % (tilted.best, best))
    if tilted.sufficient is None:
        return "No tilt of the specimen brings SCF* to %g; the best, %.0f°, reaches %.2f. %s" % (
            _LIMIT, tilted.best, best, _OTHER_ORIENTATIONS)
    return ("Collect data from a specimen tilted by %.0f°, which would bring SCF* to %.2f; the "
            "best tilt, %.0f°, reaches %.2f." % (tilted.sufficient, _reached(tilted), tilted.best,
                                                 best))
