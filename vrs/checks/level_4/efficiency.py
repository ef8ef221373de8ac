"""4.g: do the orientations of the particles allow the same resolution in all directions?"""

import numpy as np

from vrs.checks import VECTOR, Check, Criterion, Findings, NotMeasured, Quantity, register
from vrs.checks import resolution as resolution_known
from vrs.checks.estimates import ratio_criterion, reported_ratio
from vrs.checks.level_4.orientations import direction_map, require_particles, view_map
from vrs.errors import InputError
from vrs.images.sampling import B_FACTOR, orientation_efficiency
from vrs.inputs.particles import ANGLES, PARTICLES, particle_diameter
from vrs.results import SERIOUS, Paragraph, plain

_FEWEST = 100  # Of so many even ones chance takes less than a tenth of the efficiency.


@register
class OrientationEfficiency(Check):
    """Widths of the point spread function that the orientations lead to."""

    id = "4.g"
    title = "Angular distribution efficiency"
    requires = (PARTICLES, ANGLES, resolution_known())
    explanation = (
        "Each particle image fills a slab of Fourier space, perpendicular to its direction of view "
        "and the thinner, the larger the particle. The number of slabs at each place gives the "
        "point spread function of the reconstruction, and its width in a direction is the "
        "resolution that the orientations allow in that direction, scaled so that an even "
        "distribution gives the reported resolution in all directions. The efficiency is 1 minus "
        "twice the relative standard deviation of these resolutions: 0.99 for an even "
        "distribution, about 0.7 for views from the side only, and near or below 0 for views from "
        "the top only. It describes the sampling only: a reconstruction that weights its data can "
        "restore weakly sampled directions to some extent, and the efficiency says nothing about "
        "whether the angles are right.")
    quantities = (
        Quantity("efficiency", "", "1 - 2σ/mean of the resolutions over 600 directions"),
        Quantity("mean_resolution", "Å", "Mean resolution over the directions"),
        Quantity("worst_resolution", "Å", "Resolution in the worst direction"),
        Quantity("worst_direction", "", "That direction in the map (x, y, z)", VECTOR),
        Quantity("empty_percentage", "%",
                 "Fraction of Fourier space up to the reported resolution that no particle fills"),
        Quantity("reported_ratio", "", "Reported resolution over the mean resolution of the "
                                       "directions"),
        Quantity("diameter", "Å", "Particle diameter used"),
        Quantity("particles_used", "", "Particles with angles in the table; all are used"),
    )
    references = ("Naydenova2017",)
    criteria = (
        ratio_criterion("reported_ratio", "the distribution of the orientations"),
        Criterion(name="efficiency", subject="the efficiency of the orientation distribution",
                  relation=">=", bound=0.6,
                  warning="The efficiency of the orientation distribution is {value:.2f} (at least "
                  "{bound}): the resolution depends on the direction, as some directions were "
                  "hardly seen; 4.h says whether tilting the specimen would help.",
                  severity=SERIOUS),
    )
    summary_ok = ("The orientations of the particles are spread widely enough for the resolution; "
                  "4.h looks for gaps.")
    summary_warnings = "The orientations of the particles are too uneven for the resolution."

    def compute(self, evidence):
        particles, reported = evidence.particles, evidence.reported.resolution
        count = len(particles.table)
        require_particles(count, _FEWEST, "are uneven by chance")
        try:
            diameter, source = particle_diameter(evidence)
        except InputError as error:
            raise NotMeasured(str(error))
        if diameter <= reported:
            raise NotMeasured("The diameter of the particle, %.4g Å, %s, is not larger than the "
                              "reported resolution, %.4g Å; correct one of the two."
                              % (diameter, source, reported))
        found = orientation_efficiency(particles.views, particles.group, reported, diameter)
        metrics = plain({
            "efficiency": found.efficiency,
            "mean_resolution": found.mean_resolution,
            "worst_resolution": found.worst_resolution,
            "worst_direction": found.worst_direction,
            "empty_percentage": 100 * found.empty_fraction,
            "reported_ratio": reported_ratio(evidence, found.mean_resolution),
            "diameter": diameter,
            "particles_used": count,
        })
        return Findings(metrics, [
            Paragraph("The %s particles allow a resolution of %.2f Å on average and of %.2f Å in "
                      "the worst direction, (x, y, z) = (%.2f, %.2f, %.2f), where an even "
                      "distribution would allow %.2f Å. The diameter of the particle, %.0f Å, is "
                      "%s; the fall-off is taken as a B-factor of %.0f Å²."
                      % ((format(count, ","), found.mean_resolution, found.worst_resolution)
                         # Adding 0 makes -0 a 0.
                         + tuple(np.round(found.worst_direction, 2) + 0)
                         + (reported, diameter, source, B_FACTOR))),
            view_map(particles.views, particles.group),
            direction_map("Resolution that the orientations allow, by direction in the map.",
                          "The sphere of directions coloured by the resolution.",
                          found.directions, found.resolutions, "Resolution", "Å",
                          found.worst_direction)])
