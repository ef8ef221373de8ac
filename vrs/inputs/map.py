"""The map: what every level from 0 on judges, with its threshold and its masks."""

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Optional, Tuple

import numpy as np
from scipy import fft

from vrs.errors import InputError
from vrs.inputs import NUMBER, Kind, Loaded, Option, Source, read_value, register
from vrs.io import headers
from vrs.io.maps import MapFile, folder_sha256, probe_map, read_map, read_volume, sha256
from vrs.io.problems import collected, to_mass, to_sampling, to_threshold
from vrs.io.sequences import read_mass
from vrs.numerics import masks
from vrs.numerics.contour import VOLUME_PER_KDA, suggest_threshold
from vrs.numerics.fourier import shell_counts, shell_frequencies, shell_powers
from vrs.results import (INFORMATIVE, MINOR, SERIOUS, Bars, InputReport, Mark, Note, Plot, Series,
                         Surface, Volume)
from vrs.results.content import FREQUENCY
from vrs.results.sections import (central_slices, deviation_projections, maximum_variance_slices,
                                  projections)

# Bars of the histogram, and the power below which a shell was filtered away.
_BINS, _LEAST_POWER = 120, 1e-12
_MASK_LEVEL = 0.5
# Sides of a box that the mask touches, and voxels between its sides and what is not exactly zero,
# in boxes cut around a part of a map.
_CUT_FACES, _FRAME = 3, 8
# Of the voxels at or above the threshold; where the mask holds less, it is not that of the map.
COVERED = 0.5
# Two or three equal bodies that the threshold parts leave at least this to the mask.
_FEW_BODIES = 0.3
# Of the surroundings and of the box: above, the threshold lies within the noise.
_NOISE_ABOVE, _FULL = 0.02, 0.5
# Masks that other programs resampled or filtered leave [0, 1] by rounding.
_MASK_ROUNDING = 1e-3


@dataclass(frozen=True)
class MapEvidence:
    """A map and where the macromolecule is in it; masks are made when first asked for.

    Attributes
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
        Not to be written to.
    sampling : float
        Å/voxel.
    threshold : float
        Contour level that shows the macromolecule.
    origin : tuple of float
        Position (x, y, z) of the first voxel by the header, Å.
    mask : numpy.ndarray of bool, (z, y, x), optional
        The user's own mask, used instead of the constructed one.
    start : tuple of int
        What the header's start fields hold (x, y, z), voxels.
    header_origin : tuple of float
        What the header's origin fields hold (x, y, z): Å by the format, voxels from some programs.
    mass : float, optional
        Of the specimen in the map, kDa.

    Raises
    ------
    InputError
        If no voxel reaches the threshold.
    """

    volume: np.ndarray
    sampling: float
    threshold: float
    origin: Tuple[float, float, float] = (0.0, 0.0, 0.0)
    mask: Optional[np.ndarray] = None
    start: Tuple[int, int, int] = (0, 0, 0)
    header_origin: Tuple[float, float, float] = (0.0, 0.0, 0.0)
    mass: Optional[float] = None

    def __post_init__(self):
        maximum = float(self.volume.max())
        if self.threshold > maximum:
            raise InputError("The threshold, %g, is above the maximum of the map, %g; give a "
                             "lower one." % (self.threshold, maximum))

    @property
    def box(self):
        """Box size (x, y, z) in voxels."""
        return self.volume.shape[::-1]

    @cached_property
    def raw_mask(self):
        """Voxels at or above the threshold, bool (z, y, x)."""
        return self.volume >= self.threshold

    @cached_property
    def constructed_mask(self):
        """Largest component of the raw mask, dilated by 2 Å; bool (z, y, x)."""
        return masks.hard_mask(self.volume, self.threshold, self.sampling)

    @property
    def hard_mask(self):
        """The user's mask, else the constructed one; bool (z, y, x)."""
        return self.constructed_mask if self.mask is None else self.mask

    @cached_property
    def surroundings(self):
        """What lies around the hard mask, see :func:`vrs.numerics.masks.surroundings`."""
        return masks.surroundings(self.hard_mask, self.sampling)

    @cached_property
    def coverage(self):
        """Part of the voxels at or above the threshold that the hard mask holds."""
        return (np.count_nonzero(self.raw_mask & self.hard_mask)
                / max(np.count_nonzero(self.raw_mask), 1))

    @cached_property
    def is_cut_out(self):
        """Whether the box was cut around a part of a larger map.

        Boxes of whole maps are cubes. One that is not was cut where its density is surrounded by
        exact zeros that end next to its sides, or where the mask touches three sides or more.
        """
        if len(set(self.volume.shape)) == 1:
            return False
        return masks.faces_touched(self.hard_mask) >= _CUT_FACES or _is_framed(
            self.volume, self.hard_mask)

    @cached_property
    def soft_mask(self):
        """The hard mask with soft borders, float32 (z, y, x) in [0, 1]."""
        return masks.soft_mask(self.hard_mask)


class _MapKind(Kind):
    name = "map"
    title = "Map"
    words = "a map"
    place = 1
    is_indispensable = True
    options = (
        Option("map", "the map: MRC or CCP4, compressed or not", "Map",
               "The map to be validated, as it is deposited or to be deposited; if there is a "
               "choice, the one that was not masked.", pointer="Volume",
               of_entry=True),
        Option("threshold", "contour level that shows the macromolecule (default: one is "
               "suggested from the map)", "Threshold",
               "Contour level that shows the whole macromolecule and no noise, as recommended for "
               "viewing. If it is left empty, the level that the EMDB entry of the map "
               "recommends is used, or else one suggested from the map; the report says so.",
               NUMBER, "T", to_threshold),
        Option("sampling", "voxel size in Å; overrides the header of the file", type=NUMBER,
               metavar="S", read=to_sampling),
        Option("mask", "your own mask, instead of the one made from the threshold", "Mask",
               "The mask shows where the macromolecule is. It is made from the map and the "
               "threshold. A mask of your own replaces it in every item but 0.b, which judges the "
               "threshold. It must have the same box as the map, and its voxels of 0.5 or more "
               "count as inside.", pointer="VolumeMask"),
        Option("mass", "mass of the specimen in kDa, to compare with what the threshold encloses",
               "Mass of the specimen (kDa)",
               "Mass of everything in the map, all copies and ligands together, without detergent "
               "and lipids. The volume at the threshold is compared with it (0.b). It may be left "
               "empty.", NUMBER, "KDA", to_mass),
        Option("sequence", "sequences of all chains of the specimen (FASTA), instead of its "
               "mass", "Sequences of the specimen",
               "A FASTA file with a record for each chain of the specimen, copies included. Its "
               "mass is calculated from it if the mass is left empty."),
    )

    @property
    def decisive(self):
        return self.options[:1]

    def is_given(self, given):
        return bool(given.get("map"))

    def probe(self, given, probed):
        problems = []
        header = None
        with collected(problems):
            self._threshold(given)
        with collected(problems):
            self._mass(given)
        with collected(problems):
            header = probe_map(given["map"], given.get("sampling"))
        with collected(problems):
            if given.get("mask"):
                mask = headers.read_header(str(given["mask"]))
                problems += headers.volume_problems(mask)
                if header is not None:
                    problems += box_problems("mask", "a mask", mask.path, mask.box, header.box)
        reported = probed.get("reported")
        if header is not None and reported is not None:
            problems += _resolution_problems(reported.resolution, header)
        if problems:
            raise InputError(problems)
        return header

    def load(self, given, evidence):
        problems = []
        level = mass = map_file = mask_file = part = None
        with collected(problems):
            level = self._threshold(given)
        with collected(problems):
            mass = self._mass(given)
        with collected(problems):
            map_file = read_map(str(given["map"]), given.get("sampling"))
        with collected(problems):
            if given.get("mask"):
                mask_file = _read_mask(str(given["mask"]), map_file)
        suggested = []
        if map_file is not None and not problems:
            with collected(problems):
                if level is None:
                    level, suggested = _suggested(map_file, mass)
                part = MapEvidence(map_file.volume, map_file.sampling, level, map_file.origin,
                                   mask_file.volume if mask_file else None,
                                   map_file.start, map_file.header_origin, mass)
        if problems:
            raise InputError(problems)
        notes = list(map_file.notes) + suggested
        sources = [Source("Map", map_file.path)]
        if mask_file:
            notes += mask_file.notes
            sources.append(Source("Own mask", mask_file.path))
        if given.get("sequence"):
            sources.append(Source("Sequences", str(given["sequence"])))
        return Loaded(part, tuple(sources), tuple(notes))

    def _threshold(self, given):
        """The contour level that was given; None without."""
        return read_value(self.options[1], given)

    def _mass(self, given):
        """Mass of the specimen, given or by its sequences; None without."""
        mass = read_value(next(option for option in self.options if option.name == "mass"), given)
        sequence = given.get("sequence")
        return read_mass(sequence) if sequence and mass is None else mass

    def describe(self, evidence):
        return (_mask_findings(evidence.map) + _number_notes(evidence.map,
                                                             evidence.reported.resolution),
                _map_content(evidence.map) + _distributions(evidence)
                + _mask_content(evidence.map))


MAP = register(_MapKind())


def describe_map(evidence):
    """Describe a map and the masks made from it, or the first evidence where there is none.

    Parameters
    ----------
    evidence : vrs.inputs.Evidence

    Returns
    -------
    report : InputReport
        Its isosurface refers to a file named ``"map"``, which the caller adds to
        ``files`` with those of the volumes.
    products : list of vrs.results.Volume
        The masks, to be stored.

    Raises
    ------
    InputError
        If there is no evidence at all, with the reasons.
    """
    data, resolution = evidence.map, evidence.reported.resolution
    if data is None:
        sources = [source for name in evidence.loaded for source in evidence.sources(name)]
        if not sources:
            raise InputError(list(evidence.failures.values()))
        return InputReport(*identity(sources[0]), None, None, None, resolution), []
    identities = {source.term: identity(source) for source in evidence.sources("map")}
    mask_name, mask_sha256 = identities.get("Own mask", ("", ""))
    notes, content = MAP.describe(evidence)
    report = InputReport(
        *identities.get("Map", ("", "")), shape=list(data.box), sampling=float(data.sampling),
        threshold=float(data.threshold), resolution=resolution,
        mask_file_name=mask_name, mask_sha256=mask_sha256,
        notes=evidence.notes("map") + notes, content=content)
    return report, [
        Volume("hard_mask", data.hard_mask, "Mask with hard borders", "Mask", "", "mask",
               (0.0, 1.0)),
        Volume("soft_mask", data.soft_mask, "Mask with soft borders", "Mask", "", "mask",
               (0.0, 1.0))]


def identity(source):
    """Name and SHA-256 of the file of a source; of a folder, that of its listing.

    Parameters
    ----------
    source : vrs.inputs.Source

    Returns
    -------
    (str, str)
    """
    digest = folder_sha256 if os.path.isdir(source.path) else sha256
    return os.path.basename(os.path.normpath(source.path)), digest(source.path)


def box_problems(what, advice, path, box, map_box):
    """The sentence for a volume whose box is not the map's.

    Parameters
    ----------
    what, advice : str
        "mask" and "a mask", for instance.
    path : str
    box, map_box : tuple of int
        x, y, z in voxels.

    Returns
    -------
    list of str
        Empty where the boxes are the same.
    """
    if tuple(box) == tuple(map_box):
        return []
    return ["The %s %s has a box of %s voxels and the map one of %s; give %s in the map's box."
            % (what, path, printed_box(box), printed_box(map_box), advice)]


def printed_box(box):
    """A box size (x, y, z) in print."""
    return "%d × %d × %d" % tuple(box)


def _resolution_problems(resolution, header):
    longest = max(header.box) * header.sampling
    if resolution is None or resolution <= longest:
        return []
    return ["The resolution, %g Å, is beyond the length of the box, %g Å; give the reported "
            "resolution in Å." % (resolution, longest)]


def _suggested(map_file, mass):
    """A contour level where none was given, and what a report says of it."""
    found = suggest_threshold(map_file.volume, map_file.sampling, mass)
    if found is None:
        raise InputError("No threshold was given, and none can be suggested, because nothing "
                         "stands out from the surroundings; give the contour level that shows the "
                         "macromolecule.")
    noise = found.solvent.deviation
    how = {
        "contrast": "halfway from the density of the surroundings, %.3g, to the mean density of "
                    "what is above it" % found.solvent.level,
        "connectivity": "lowered until most of the map is one body",
        "mass": "where the map encloses the volume of the specimen's mass",
        "noise": "3 standard deviations of the noise (%.3g) above the surroundings, as the lower "
                 "level that the specimen's mass asks for would enclose noise"
                 % (noise or 0)}[found.by]
    text = ("No threshold was given; this program suggests %g, %s. At this level the map encloses "
            "the volume of %.3g kDa of protein%s, %.0f %% of it in one body. " % (
                found.threshold, how, found.volume / VOLUME_PER_KDA,
                "" if mass is None else " (the specimen has %.3g kDa)" % mass,
                100 * found.connected))
    if found.in_pieces:
        text += ("The mass of the specimen was not used, because the map falls into pieces at the "
                 "level that encloses it; check the mass. ")
    if noise is None:
        text += "The surroundings were masked out, so their noise is not known. "
    doubtful = found.in_pieces or found.by == "noise"
    return found.threshold, [Note(text + "Look at the map at this level, and give the one that you "
                                  "recommend for viewing.", MINOR if doubtful else INFORMATIVE)]


def _is_framed(volume, mask):
    """Whether most of what is outside the mask is exactly zero, and the rest reaches all sides."""
    density = volume != 0
    if 2 * np.count_nonzero(density & ~mask) > np.count_nonzero(~mask):
        return False
    block = masks.bounding_box(density)
    return all(axis.start <= _FRAME and size - axis.stop <= _FRAME
               for axis, size in zip(block, volume.shape)) and not density.all()


def _mask_findings(data):
    """What is suspicious about threshold and mask."""
    if data.is_cut_out:
        return [Note("The box was cut around a part of a larger map, and the results are about "
                     "this part only. Free space (0.a) is not judged, what surrounds the part need "
                     "not be solvent (0.c), and the edges where density was cut through may look "
                     "like fine detail.", MINOR)] + _coverage_findings(data)
    if data.mask is None and not data.raw_mask.mean() > _FULL and data.hard_mask.mean() > _FULL:
        return [Note("The threshold, %g, is so low that the mask made from it fills %.0f %% of the "
                     "box: noise is taken for the macromolecule. Give a higher threshold, or a "
                     "mask of your own." % (data.threshold, 100 * data.hard_mask.mean()), SERIOUS)]
    above = data.raw_mask[data.surroundings]
    if above.size and above.mean() > _NOISE_ABOVE:
        return [Note("The threshold, %g, lies within the noise: %.0f %% of the surroundings of the "
                     "macromolecule are above it. Give a higher threshold."
                     % (data.threshold, 100 * above.mean()), SERIOUS)]
    return _coverage_findings(data)


def _coverage_findings(data):
    if data.coverage >= COVERED:
        return []
    held = "holds %.0f %% of the voxels at or above the threshold, %g" % (100 * data.coverage,
                                                                         data.threshold)
    if data.mask is not None:
        return [Note("Your mask %s; what is measured within it says nothing about the rest, and "
                     "items measured within it are not called OK." % held, MINOR)]
    return [Note("The mask made from the threshold %s: the map falls into pieces there, or noise "
                 "is above it. What is measured within the mask says nothing about the rest, and "
                 "items measured within it are not called OK. Give another threshold, or a mask of "
                 "your own." % held, MINOR if data.coverage >= _FEW_BODIES else SERIOUS)]


def _number_notes(data, resolution):
    notes = []
    if resolution is not None and resolution < 2 * data.sampling:
        notes.append(Note(
            "The reported resolution, %g Å, is finer than voxels of %g Å can show (%g Å at best); "
            "one of the two is wrong." % (resolution, data.sampling, 2 * data.sampling),
            MINOR))
    if data.threshold <= data.volume.min():
        notes.append(Note(
            "The threshold, %g, is not above the minimum of the map, %g, so the whole box counts "
            "as macromolecule." % (data.threshold, data.volume.min()), MINOR))
    return notes


def _read_mask(path, map_file):
    """The user's mask as a MapFile with a bool volume; map_file may be None."""
    header = headers.read_header(path)
    values, _ = read_volume(header)
    mask = values >= _MASK_LEVEL
    problems = _mask_problems(path, values, mask, map_file)
    if problems:
        raise InputError(problems)
    sampling = header.sampling or (map_file.sampling if map_file else 0.0)
    return MapFile(path, mask, sampling, header.position(sampling),
                   _mask_notes(header, values, map_file))


def _mask_problems(path, values, mask, map_file):
    problems = []
    if map_file is not None:
        problems += box_problems("mask", "a mask", path, mask.shape[::-1],
                                 map_file.volume.shape[::-1])
    low, high = float(values.min()), float(values.max())
    if low < -_MASK_ROUNDING or high > 1 + _MASK_ROUNDING:
        problems.append("The mask %s has values from %g to %g; give one with values between 0 and "
                        "1." % (path, low, high))
    elif high < _MASK_LEVEL:
        problems.append("The mask %s is empty (no voxel reaches %g); give one that holds the "
                        "macromolecule." % (path, _MASK_LEVEL))
    elif low >= _MASK_LEVEL:
        problems.append("The mask %s covers the whole box; give one that leaves the background "
                        "out." % path)
    return problems


def _mask_notes(header, values, map_file):
    notes = []
    if map_file is not None and header.sampling is not None and abs(
            header.sampling / map_file.sampling - 1) > headers.MAX_ANISOTROPY:
        notes.append(Note("The voxel size in the mask's header, %g Å, is not the map's, %g Å; the "
                          "mask was taken voxel by voxel."
                          % (header.sampling, map_file.sampling)))
    if ((values > _MASK_ROUNDING) & (values < 1 - _MASK_ROUNDING)).any():
        notes.append(Note("The mask has soft borders; its voxels of at least %g were taken."
                          % _MASK_LEVEL))
    return notes


def _map_content(data):
    volume, sampling = data.volume, data.sampling
    return [
        central_slices(volume, sampling, "Central slices of the map. The noise around a sound map "
                       "has no structure: no streaks, no rings, no isolated spots.",
                       "Three sections through the centre of the box, along X, Y and Z."),
        maximum_variance_slices(volume, sampling, "Slices of maximum variance of the map.",
                                "The section of largest variance along each of X, Y and Z."),
        projections(volume, sampling, "Projections of the map. Streaks suggest over-represented "
                    "directions, dark halos a wrong CTF correction or a biased reconstruction.",
                    "The map summed along X, Y and Z."),
        deviation_projections(
            volume, sampling, "Standard deviations of the map along X, Y and Z: bright where the "
            "density varies most along the line of sight, dark where a mask left nothing.",
            "The standard deviation of the map along X, Y and Z."),
        Surface(caption="Isosurface of the map at threshold %g. Specks around the macromolecule or "
                "a ragged surface indicate noise at this threshold." % data.threshold,
                alt="The surface of the map at the threshold, seen along X, Y and Z.",
                volume="map", level=float(data.threshold)),
    ]


def _distributions(evidence):
    """How the densities are distributed, and the power over the frequencies."""
    data, resolution = evidence.map, evidence.reported.resolution
    counts, edges = np.histogram(data.volume, _BINS)
    transform = fft.rfftn(data.volume, workers=evidence.run.workers)
    power = shell_powers(transform, data.volume.shape)
    power = power / shell_counts(data.volume.shape) / data.volume.size
    frequencies = shell_frequencies(data.volume.shape, data.sampling)
    known = power[1:] > power[1:].max() * _LEAST_POWER
    return [
        Bars("Histogram of the densities of all voxels, with the threshold. Solvent makes the "
             "peak, the macromolecule the tail on its right; a spike at one value is a region "
             "that was set to it.", "Numbers of voxels by density, on a logarithmic scale.",
             "Density (arbitrary units)", "Voxels", edges, counts,
             [Mark(data.threshold, "threshold, %.4g" % data.threshold)], log_y=True),
        Plot("Rotationally averaged power spectrum of the map: mean square of the Fourier "
             "coefficients by shell. It falls smoothly; rings, steps and rises come from "
             "filters, sharpening or a wrong CTF correction. Shells below 10⁻¹² of the highest "
             "are not shown.", "Power against spatial frequency, on a logarithmic scale.",
             FREQUENCY, "Power (arbitrary units)",
             [Series("Map", frequencies[1:], np.where(known, power[1:], np.nan))], log_y=True,
             marks=[Mark(1 / resolution, "reported, %.4g Å" % resolution)] if resolution else [])]


def _mask_content(data):
    if data.mask is None:
        origin = ("the voxels at or above the threshold, of these the largest connected "
                  "component, dilated by 2 Å")
    else:
        origin = ("the one that the user gave, which replaces the constructed mask in every item "
                  "but 0.b")
    return [
        maximum_variance_slices(
            data.hard_mask, data.sampling, "Mask with hard borders, slices of maximum variance: %s."
            % origin,
            "The section of largest variance of the mask along each of X, Y and Z.", "mask"),
        maximum_variance_slices(
            data.soft_mask, data.sampling, "Mask with soft borders, slices of maximum variance: "
            "the same one convolved with a Gaussian, so that it falls from 1 to 0 within a few "
            "voxels.",
            "The section of largest variance of the soft mask along each of X, Y and Z.", "mask"),
    ]
