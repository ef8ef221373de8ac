"""4.d: does an alignment of our own find the orientations that the particles were given?"""

from dataclasses import dataclass, replace

import numpy as np

from vrs.checks import TEXT, Check, Criterion, Findings, NotMeasured, Quantity, register
from vrs.checks.level_4.coarse import Coarse
from vrs.checks.level_4.micrographs import bad_by_micrograph
from vrs.checks.level_4.orientations import require_particles
from vrs.checks.particle_engines import by_row, in_box, mask_diameter_of, with_particles
from vrs.checks.particle_images import ASSIGNED_PARTICLES, DETAIL, FIRST_SHELL, spread_rows
from vrs.checks.shares import printed_interval, share_metrics, share_quantities
from vrs.engines.external import ExternalEngine
from vrs.images.gallery import Rings, gallery_of_map
from vrs.images.noise import measure_spectra, simulate
from vrs.images.poses import compare_assignments
from vrs.images.projector import Projector
from vrs.images.refine import LocalSearch, Poses, align
from vrs.images.search import Search, shift_grid
from vrs.images.symmetry import asymmetric_unit, orientation_distance
from vrs.inputs.map import MAP
from vrs.inputs.particles import ANGLES, IMAGES, PARTICLES
from vrs.numerics.fourier import low_pass
from vrs.results import SERIOUS, Mark, ParticleValues, Paragraph, Plot, Series, plain

_RESOLUTION, _EDGE = 15.0, 0.01  # Å, 1/Å
# Of the diameter: coarser references do not tell 5° of small particles.
_PART = 1 / 8
# Steps of the search: of directions, in units of resolution over diameter; of shifts, Å; and
# from how many directions local searches start. Half the steps find the same.
_SPACING, _STEP, _STARTS = 1.4, 5.0, 3
_QUANTILE = 0.99
_FAR_ANGLE, _FAR_SHIFT = 5.0, 5.0
# Wrong particles that are borne, %, and standard errors that a share has to exceed.
_SHARE, _ERRORS = 10.0, 3.0
# The expectation says more than chance up to this share, %.
_MOST_EXPECTED = 25.0
_SIMULATED, _MEASURED, _CORRECTIONS = 500, 1000, 2
_FACTORS = (0.5, 2.0)  # Of the signal of a shell, by one correction.
# Share of agreeing particles from which these alone tell how strong the signal is.
_AGREEING = 0.25
_FEWEST = 50
_SEED = 4
# RELION's refinement needs as many at least: one for each half and one that leads.
_RELION_PROCESSES = 3
# In the order of the form of cryoSPARC's plugin.
_CRYOSPARC_GROUPS = ("C", "D", "T", "O")
_ANGLES, _SHIFTS = np.linspace(0, 30, 121), np.linspace(0, 20, 121)


def _excess_criterion(name, share, differs, limit, advice):
    """The criterion on particles that differ although noise does not explain it.

    The service judges the share of those that differ.
    """
    return Criterion(
        name=name, relation="<", bound=_ERRORS, severity=SERIOUS,
        subject="the excess of particles beyond %s over the simulated ones, in standard errors (0 "
        "if it means that fewer than %g %% are wrong)," % (limit, _SHARE),
        warning="An independent alignment gives more particles another %s than noise explains: the "
        "fraction beyond %s exceeds the expected one by {value:.1f} standard errors (below {bound} "
        "expected). %s" % (differs, limit, advice),
        service=(Criterion(
            name=share, metric=share + "_percentage", relation="<", bound=20.0, unit="%",
            subject="the fraction of the particles whose %ss differ by more than %s"
            % (differs, limit),
            warning="{value:.0f} %% of the particles differ by more than %s from an independent "
            "alignment (less than {bound} %% expected)." % limit),))


@register
class IndependentAlignment(Check):
    """Orientations found anew from the low-passed map, compared with those of the table."""

    id = "4.d"
    title = "Independent alignment"
    requires = (MAP, PARTICLES, IMAGES, ANGLES)
    uses = (ASSIGNED_PARTICLES,)
    explanation = (
        "The particles are aligned from scratch: all directions, in-plane angles and shifts are "
        "searched, whatever the table says, with the map low-passed to %g Å as the reference (an "
        "eighth of the diameter for particles below %g Å), and the best three directions are "
        "refined. The result is compared with the table after what images cannot tell was removed: "
        "symmetry, a common rotation and translation of the map, and its hand. Noise alone sends "
        "some particles astray. How many is found by simulation: images of the same map with the "
        "CTFs and orientations of the particles and noise as strong as theirs are aligned in the "
        "same way. How strong the signal is, is measured without the table's orientations, which "
        "would hide it if they were wrong. If noise alone sends a fraction c of the particles "
        "astray, and a fraction s differs, then (s - c)/(1 - c) of them are wrong in the table. A "
        "criterion is not met where these are %g %% or more, and s is larger than c by %g standard "
        "errors." % (_RESOLUTION, _RESOLUTION / _PART, _SHARE, _ERRORS))
    quantities = (
        *share_quantities("beyond_5_degrees",
                          "Particles whose orientations differ by more than 5°"),
        Quantity("expected_beyond_5_degrees_percentage", "%",
                 "The same for simulated particles"),
        Quantity("angle_excess", "", "Standard errors by which the share beyond 5° exceeds the "
                 "simulated one; 0 if this means that fewer than %g %% are wrong" % _SHARE),
        *share_quantities("beyond_5_angstrom",
                          "Particles whose shifts differ by more than 5 Å"),
        Quantity("expected_beyond_5_angstrom_percentage", "%",
                 "The same for simulated particles"),
        Quantity("shift_excess", "", "Standard errors by which the share beyond 5 Å exceeds the "
                 "simulated one; 0 if this means that fewer than %g %% are wrong" % _SHARE),
        Quantity("median_angle", "°", "Median difference of the orientations"),
        Quantity("median_shift", "Å", "Median difference of the shifts"),
        Quantity("expected_median_angle", "°", "The same for simulated particles"),
        Quantity("expected_median_shift", "Å", "The same for simulated particles"),
        Quantity("hand", "", "Whether the table's orientations are those of the map (same) or of "
                 "its mirror image (mirrored)", TEXT),
        Quantity("common_rotation", "°", "Rotation of the whole assignment against the map"),
        Quantity("common_translation", "Å", "Translation of the whole assignment against the map"),
        Quantity("snr", "", "Variance of the signal over that of the noise in the images as "
                 "they were aligned, up to three quarters of the resolution used"),
        Quantity("resolution_used", "Å", "To which the map was low-passed"),
        Quantity("particles_used", "", "Particles that were aligned"),
        Quantity("particles_simulated", "", "Simulated particles that were aligned"),
    )
    references = ("Sorzano2022",)
    criteria = (
        _excess_criterion("angle_excess", "beyond_5_degrees", "orientation", "5°",
                          "Leave out those with a large vrsAngleDifference (vrs_particles.star) "
                          "and refine again."),
        _excess_criterion("shift_excess", "beyond_5_angstrom", "shift", "5 Å",
                          "Extract these particles again with the shifts found, and refine "
                          "again."),
    )
    summary_ok = "An independent alignment finds the orientations of the particles."
    summary_warnings = "An independent alignment does not find the orientations of the particles."

    def compute(self, evidence):
        particles = _particles(evidence)
        aligner = _Aligner.of(evidence, particles)
        return _findings(aligner, particles, *aligner.sample())


def _particles(evidence):
    found = evidence.shared(ASSIGNED_PARTICLES)
    require_particles(len(found.sample), _FEWEST, "leave the shares to chance")
    return found


def _findings(aligner, particles, found, given):
    """Findings from poses that were found; shifts are in pixels, those of the table too."""
    compared = aligner.compared(particles.rotations, given, found)
    expected, snr = _expected(aligner, particles, found, compared)
    rows = particles.sample.rows
    metrics = dict(
        _shares(compared, expected), median_angle=np.median(compared.angles),
        median_shift=np.median(compared.shifts),
        expected_median_angle=np.median(expected.angles),
        expected_median_shift=np.median(expected.shifts), hand=compared.hand,
        common_rotation=orientation_distance(
            np.eye(3)[None], compared.rotation[None], particles.group)[0][0],
        common_translation=np.linalg.norm(compared.translation), snr=snr,
        resolution_used=aligner.resolution, particles_used=len(rows),
        particles_simulated=len(expected.angles))
    _refuse(metrics)
    micrographs = bad_by_micrograph(
        particles.sample.table, (compared.angles > _FAR_ANGLE) | (compared.shifts > _FAR_SHIFT),
        "vrsAlignedElsewhere", "Particles to which an independent alignment gives another "
        "orientation or shift", "aligned elsewhere")
    return Findings(plain(metrics), _content(metrics, compared, expected), micrographs + [
        ParticleValues("vrsAngleDifference", "Angle between the orientations of the table and "
                       "of an independent alignment", "°", rows, compared.angles),
        ParticleValues("vrsShiftDifference", "Distance between the shifts of the table and of "
                       "an independent alignment", "Å", rows, compared.shifts)])


def _for_program(evidence, **parameters):
    """What a program is given to refine the orientations anew, from the map."""
    sample, seen = _particles(evidence).sample, evidence.map
    optics = sample.table.optics[sample.table.group[0]]
    volume = in_box(seen.volume * seen.soft_mask, seen.sampling, optics.image_size,
                    optics.sampling, sample.workers)
    return with_particles(sample, np.arange(len(sample)), volume=volume, sampling=optics.sampling,
                          parameters=parameters)


def _for_relion(evidence):
    sample = _particles(evidence).sample
    return _for_program(
        evidence, symmetryGroup=evidence.particles.symmetry, doCTF=sample.table.has_ctf,
        initialLowPassFilterA=start_resolution(sample.size), numberOfMpi=_RELION_PROCESSES,
        maskDiameterA=mask_diameter_of(sample))


def _for_cryosparc(evidence):
    group, order = _cryosparc_symmetry(evidence.particles.symmetry)
    return _for_program(
        evidence, symmetryGroup=group, symmetryOrder=order, refine_defocus_refine=False,
        refine_ctf_global_refine=False,
        refine_res_init=int(round(start_resolution(_particles(evidence).sample.size))))


def _cryosparc_symmetry(symmetry):
    """Place of a point group in the plugin's list, and the order of its axis."""
    letter, order = symmetry[0].upper(), symmetry[1:] or "1"
    if letter not in _CRYOSPARC_GROUPS or not order.isdigit():
        raise NotMeasured("For the symmetry %s cryoSPARC cannot be chosen, as the orientation of "
                          "its axes may differ; choose another engine." % symmetry)
    return _CRYOSPARC_GROUPS.index(letter), int(order)


def _findings_of(program):
    """Findings from the orientations that a program's refinement found."""
    def findings(evidence, refined):
        particles = _particles(evidence)
        aligner = _Aligner.of(evidence, particles)
        table, given = by_row(refined, len(particles.sample), program), particles.sample.table
        shifts = [np.zeros((len(table), 2)) if one.shifts is None
                  else one.shifts / aligner.coarse.sampling for one in (table, given)]
        made = _findings(aligner, particles, Poses(
            table.rotations.astype(float), shifts[0], np.ones(len(table))), shifts[1])
        made.content.insert(0, Paragraph(
            "%s refined the orientations from scratch, from the map low-passed to %.3g Å and "
            "without those of the table. What is expected from noise is what the built-in "
            "alignment, which has a reference of this resolution throughout, finds with simulated "
            "particles." % (
                program, aligner.resolution)))
        return made
    return findings


IndependentAlignment.external = (
    ExternalEngine(
        name="relion", label="RELION", package="scipion-em-relion", plugin="relion",
        protocol="ProtRelionRefine3D", particles_parameter="inputParticles",
        map_parameter="referenceVolume", outputs=(), sets=("outputParticles",),
        files=("bin/relion_refine_mpi",), prepare=_for_relion, findings=_findings_of("RELION")),
    ExternalEngine(
        name="cryosparc", label="cryoSPARC", package="scipion-em-cryosparc2",
        plugin="cryosparc2", protocol="ProtCryoSparc3DHomogeneousRefine",
        particles_parameter="inputParticles", map_parameter="referenceVolume",
        outputs=(), sets=("outputParticles",), files=("cryosparc_master/bin/cryosparcm",),
        prepare=_for_cryosparc, findings=_findings_of("cryoSPARC")))


@dataclass(frozen=True, eq=False)
class _Aligner:
    """The search, the same for the particles and for simulated ones.

    Attributes
    ----------
    coarse : Coarse
    resolution : float
        Å.
    group : numpy.ndarray, (g, 3, 3)
    projector : Projector
        Of the map as it is; what is compared with is low-passed.
    search : Search
    local_search : LocalSearch
    """

    coarse: Coarse
    resolution: float
    group: np.ndarray
    projector: Projector
    search: Search
    local_search: LocalSearch

    @classmethod
    def of(cls, evidence, particles):
        sample, seen = particles.sample, evidence.map
        resolution = start_resolution(sample.size)
        coarse = Coarse.of(sample, resolution)
        volume = seen.volume * seen.soft_mask
        projector = coarse.projector(evidence, low_pass(
            volume, seen.sampling, 1 / resolution - _EDGE / 2, _EDGE, sample.workers))
        directions = asymmetric_unit(
            particles.group, np.degrees(_SPACING * resolution / sample.size), mirror=True)
        gallery = gallery_of_map(projector, Rings(coarse.box, FIRST_SHELL, coarse.last),
                                 directions)
        reach = _reach(sample) / coarse.sampling
        # Shifted particles are to lie within the disc of the search.
        search = Search(gallery, min(coarse.diameter + 2 * reach, coarse.box - 4.0),
                        coarse.sampling, shift_grid(reach, _STEP / coarse.sampling),
                        sample.workers)
        local = LocalSearch(projector, coarse.diameter, FIRST_SHELL, coarse.last, sample.workers)
        return cls(coarse, resolution, particles.group, coarse.projector(evidence, volume), search,
                   local)

    def images(self, images, contrast):
        """Poses of images, shifts in pixels."""
        return align(self.search, self.local_search, images, contrast, count=_STARTS)

    def sample(self):
        """Poses of all particles, and the shifts of the table in pixels."""
        found, given = [], []
        for batch in self.coarse.sample.batches():
            found.append(self.images(self.coarse.images(batch), batch.contrast))
            given.append(self.coarse.shifts(batch))
        return Poses(*(np.concatenate([getattr(poses, name) for poses in found])
                       for name in ("rotations", "shifts", "correlations"))), np.concatenate(given)

    def compared(self, rotations, shifts, found):
        """Poses that are given, or true, and those that were found."""
        return compare_assignments(rotations, shifts * self.coarse.sampling, found.rotations,
                                   found.shifts * self.coarse.sampling, self.group)

    def measured(self, images, contrast, poses):
        """Spectra of images with given poses."""
        return measure_spectra(images, poses.rotations, poses.shifts, self.projector,
                               self.coarse.diameter, contrast)


def start_resolution(size):
    """Resolution of the reference for a particle of this diameter, both in Å."""
    return float(np.clip(_PART * size, DETAIL, _RESOLUTION))


def _reach(sample):
    """How far from the centre particles are looked for along each axis, Å."""
    shifts = sample.table.shifts
    farthest = 0.0 if shifts is None else float(np.quantile(np.abs(shifts), _QUANTILE))
    return min(farthest + _STEP, sample.box * sample.sampling / 4)


def _agreeing(compared):
    """Rows of particles that tell how strong the signal is."""
    agree = (compared.angles <= _FAR_ANGLE) & (compared.shifts <= _FAR_SHIFT)
    return np.flatnonzero(agree) if np.mean(agree) >= _AGREEING else None


def _taken(poses, rows):
    return Poses(poses.rotations[rows], poses.shifts[rows], poses.correlations[rows])


def _expected(aligner, particles, found, compared):
    """Comparison of simulated particles with the truth, and the signal-to-noise ratio.

    Signal is measured at the poses that were found, of the particles that agree with the table
    where there are enough. Noise that such poses follow makes it seem stronger; by how much
    follows from simulated particles that are treated in the same way.
    """
    coarse, sample = aligner.coarse, particles.sample
    agreeing = _agreeing(compared)
    rows = np.arange(len(sample)) if agreeing is None else agreeing
    rows = rows[spread_rows(len(rows), _MEASURED)]
    batch = sample.batch(rows)
    spectra = aligner.measured(coarse.images(batch), batch.contrast, _taken(found, rows))
    rng = np.random.default_rng(_SEED)
    rows = spread_rows(len(sample), _SIMULATED)
    batch = sample.batch(rows)
    truth = Poses(particles.rotations[rows], coarse.shifts(batch), np.ones(len(rows)))
    apparent = spectra
    for _ in range(_CORRECTIONS):
        images, poses, simulated = _simulated(aligner, truth, spectra, batch.contrast, rng)
        some = np.arange(len(rows)) if agreeing is None else _agreeing(simulated)
        if some is None or apparent.snr == 0:
            raise NotMeasured(_TOO_WEAK % spectra.snr)
        again = aligner.measured(images[some], batch.contrast and batch.contrast.take(some),
                                 _taken(poses, some))
        factors = np.clip(np.divide(apparent.signal, again.signal, where=again.signal > 0,
                                    out=np.ones(len(again.signal))), *_FACTORS)
        spectra = replace(spectra, signal=spectra.signal * factors,
                          snr=spectra.snr * apparent.snr / again.snr)
    return _simulated(aligner, truth, spectra, batch.contrast, rng)[2], spectra.snr


_TOO_WEAK = ("The particles are too noisy to be aligned one by one: their signal-to-noise ratio is "
             "about %.2g. Whether their orientations are right cannot be determined in this way.")


def _simulated(aligner, truth, spectra, contrast, rng):
    """Simulated images, the poses that are found, and their comparison with the truth."""
    images = simulate(truth.rotations, truth.shifts, aligner.projector, spectra, rng, contrast)
    poses = aligner.images(images, contrast)
    return images, poses, aligner.compared(truth.rotations, truth.shifts, poses)


def _shares(compared, expected):
    """Shares beyond the limits, their intervals and what exceeds the expectation, as metrics."""
    metrics = {}
    for name, excess, values, simulated, limit in (
            ("beyond_5_degrees", "angle_excess", compared.angles, expected.angles, _FAR_ANGLE),
            ("beyond_5_angstrom", "shift_excess", compared.shifts, expected.shifts, _FAR_SHIFT)):
        count, beyond = len(values), int(np.sum(values > limit))
        share, chance = beyond / count, float(np.mean(simulated > limit))
        metrics.update({**share_metrics(name, beyond, count),
                        "expected_%s_percentage" % name: 100 * chance,
                        excess: _excess(share, count, chance, len(simulated))})
    return metrics


def _excess(share, count, chance, simulated):
    """Standard errors by which a share exceeds what is expected, if many are wrong."""
    if 100 * (share - chance) < _SHARE * (1 - chance):
        return 0.0
    # Half a particle more of each kind: a share of 1 has an error, too.
    parts = ((share * count + 0.5) / (count + 1), (chance * simulated + 0.5) / (simulated + 1))
    variance = sum(part * (1 - part) / number for part, number in zip(parts, (count, simulated)))
    return (share - chance) / np.sqrt(variance)


def _refuse(metrics):
    """Where noise sends most particles astray nothing can be told."""
    expected = max(metrics["expected_beyond_5_degrees_percentage"],
                   metrics["expected_beyond_5_angstrom_percentage"])
    if expected > _MOST_EXPECTED:
        raise NotMeasured(_TOO_WEAK % metrics["snr"] + " Of simulated particles like these %.0f %% "
                          "end up elsewhere. If the specimen has a symmetry that was not given, "
                          "give it with --symmetry." % expected)


def _content(metrics, compared, expected):
    text = (
        "%.1f %% of the particles differ by more than 5° from the table (95 %% interval %s %%), "
        "where %.1f %% are expected from noise, and %.1f %% by more than 5 Å (%s %%; expected "
        "%.1f %%). The median differences are %.2g° and %.2g Å; %.2g° and %.2g Å are expected." % (
            metrics["beyond_5_degrees_percentage"],
            printed_interval(metrics["beyond_5_degrees_interval"], 1),
            metrics["expected_beyond_5_degrees_percentage"],
            metrics["beyond_5_angstrom_percentage"],
            printed_interval(metrics["beyond_5_angstrom_interval"], 1),
            metrics["expected_beyond_5_angstrom_percentage"],
            metrics["median_angle"], metrics["median_shift"],
            metrics["expected_median_angle"], metrics["expected_median_shift"]))
    content = [Paragraph(text)]
    notes = _frame(metrics, compared)
    if notes:
        content.append(Paragraph(notes))
    return content + [
        _differences("Differences between the orientations of the table and of the independent "
                     "alignment.", "Angle (°)", _ANGLES, compared.angles, expected.angles,
                     Mark(_FAR_ANGLE, "5°")),
        _differences("Differences between the shifts of the table and of the independent "
                     "alignment.", "Distance (Å)", _SHIFTS, compared.shifts, expected.shifts,
                     Mark(_FAR_SHIFT, "5 Å"))]


def _frame(metrics, compared):
    """What is said where the table speaks of a map in another frame."""
    parts = []
    if compared.hand == "mirrored":
        parts.append("The orientations of the table are those of the mirror image of this map: "
                     "the median difference is %.2g° with it and %.2g° without."
                     % (compared.median_angles["mirrored"], compared.median_angles["same"]))
    if metrics["common_rotation"] > _FAR_ANGLE or metrics["common_translation"] > _FAR_SHIFT:
        parts.append("The whole assignment is rotated by %.1f° and displaced by %.1f Å against "
                     "this map, which may have been moved after the refinement."
                     % (metrics["common_rotation"], metrics["common_translation"]))
    return " ".join(parts)


def _differences(caption, label, limits, values, simulated, mark):
    def beyond(differences):
        return 100 * np.mean(np.asarray(differences)[:, None] > limits, axis=0)

    return Plot(caption, "Part of the particles whose difference is larger than a value.", label,
                "Particles that differ by more (%)",
                [Series("particles", limits, beyond(values)),
                 Series("simulated", limits, beyond(simulated), "dashed")], marks=[mark])
