"""Two half maps: reconstructions from separate halves of the particles."""

import os
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import fft, ndimage

from vrs.errors import InputError
from vrs.inputs import Kind, Loaded, Option, Source, register
from vrs.inputs.map import box_problems
from vrs.io import headers
from vrs.io.maps import read_map
from vrs.io.problems import collected
from vrs.numerics.fourier import shell_counts, shell_frequencies, shell_sums
from vrs.numerics.half_maps import (compare_with_map, find_masking, find_shared_noise,
                                    match_halves, matched)
from vrs.numerics.masks import bounding_box
from vrs.results import MINOR, SERIOUS, Note, Paragraph, Solid
from vrs.results.sections import maximum_variance_slices

# Below, a half and the map are not looked at for being the same.
_ALIKE = 0.99
_AGREEMENT = 0.9
_LOW_PASS = 1e-3
# Voxels along an axis, below which a displacement is not worth telling.
_TOLD = 0.1
# Voxels between two halves, beyond which their mean is blurred by it.
_BLURRING = 0.5
# Voxels along the longest side of what the surfaces are drawn from, and around the mask.
_DRAWN, _AROUND = 64, 4
# Width of the Gaussian whose transform is one half at the resolution of 1.
_HALF_AT = np.sqrt(2 * np.log(2)) / (2 * np.pi)


@dataclass(frozen=True)
class HalfMaps:
    """Two half maps in the box of the map.

    Attributes
    ----------
    first, second : numpy.ndarray of float32, (z, y, x)
        Not to be written to. The second one has the scale, offset, sign and place of the first.
    """

    first: np.ndarray
    second: np.ndarray

    @property
    def both(self):
        """The two, as a pair."""
        return self.first, self.second

    @cached_property
    def mean(self):
        """Mean of the two, float32 (z, y, x)."""
        return (self.first + self.second) / 2


class _HalfMapsKind(Kind):
    name = "half_maps"
    title = "Half maps"
    words = "two half maps"
    place = 10
    help = ("The two maps reconstructed from separate halves of the particles, in the box of the "
            "map; neither masked nor filtered nor sharpened. The map may come with them, as maps "
            "from refinements and EMDB entries do.")
    from_map = "Those of the map"
    options = (
        Option("half1", "first half map, neither masked nor filtered", "Half map 1",
               "The first half map, as it was reconstructed.", pointer="Volume", of_entry=True),
        Option("half2", "second half map", "Half map 2",
               "The second half map, as it was reconstructed.",
               pointer="Volume", of_entry=True),
    )

    def probe(self, given, probed):
        problems, found = [], []
        paths = _paths(given)
        map_header = probed.get("map")
        for path in paths:
            with collected(problems):
                header = headers.read_header(path)
                problems += (headers.volume_problems(header) + headers.cell_problems(header))
                found.append(header)
                if map_header is not None:
                    problems += box_problems("half map", "half maps", path, header.box,
                                             map_header.box)
                    if given.get("sampling") in (None, "") and header.sampling:
                        problems += _sampling_problems(path, header.sampling, map_header.sampling)
        if problems:
            raise InputError(problems)
        return found

    def load(self, given, evidence):
        workers = evidence.run.workers
        halves, match = _read(_paths(given), evidence.map, given.get("sampling"), workers)
        notes = _header_notes(halves, evidence.notes("map"))
        notes += [note for half in halves for note in _half_notes(half, evidence.map)]
        return Loaded(HalfMaps(halves[0].volume, matched(halves[1].volume, match, workers)),
                      tuple(Source("Half map %d" % number, half.path)
                            for number, half in enumerate(halves, 1)),
                      tuple(notes + _match_notes(match)))

    def describe(self, evidence):
        return _findings(evidence), _content(evidence)


HALF_MAPS = register(_HalfMapsKind())


def _paths(given):
    paths = [str(given[name]) for name in ("half1", "half2") if given.get(name)]
    if len(paths) == 1:
        raise InputError("One half map was given; give both with --half1 and --half2.")
    return paths


def read_halves(paths, whole, sampling=None, workers=1):
    """Read the half maps of a map and check them.

    Parameters
    ----------
    paths : sequence of str
        Two, or none.
    whole : MapFile or MapEvidence or None
        The map, of which ``volume`` and ``sampling`` are asked; None when it could not be
        read.
    sampling : float or str, optional
        Å/voxel; overrides the headers'.
    workers : int

    Returns
    -------
    list of MapFile
        As they are in their files.

    Raises
    ------
    InputError
        If they cannot be read, do not fit the map, or are the same map, be it with another
        scale, offset, sign or place.
    """
    return _read(paths, whole, sampling, workers)[0]


def _read(paths, whole, sampling, workers):
    """The half maps as they are, and how the second one relates to the first one."""
    problems, halves, match = [], [], None
    for path in paths:
        with collected(problems):
            unknown = headers.read_header(str(path)).sampling is None
            halves.append(read_map(str(path), whole.sampling if unknown and whole else sampling))
    for half in halves if whole is not None else []:
        problems += _half_problems(half, whole, workers)
    if len(halves) == 2 and halves[0].volume.shape == halves[1].volume.shape:
        match = match_halves(halves[0].volume, halves[1].volume, workers)
        if match.identical:
            problems.append("The half maps %s and %s are identical%s; give the two "
                            "reconstructions from separate halves of the particles."
                            % (halves[0].path, halves[1].path, _apart(match)))
    if problems:
        raise InputError(problems)
    return halves, match


def _half_problems(half, whole, workers):
    problems = box_problems("half map", "half maps", half.path, half.volume.shape[::-1],
                            whole.volume.shape[::-1])
    if not problems and abs(_correlation(half.volume, whole.volume)) > _ALIKE:
        match = match_halves(whole.volume, half.volume, workers)
        if match.identical:
            problems.append("The half map %s is the map itself%s; give the two reconstructions "
                            "from separate halves of the particles." % (half.path, _apart(match)))
    return problems + _sampling_problems(half.path, half.sampling, whole.sampling)


def _correlation(one, two):
    """Of the voxels of two maps, summed in double precision."""
    covariance = (one * two).mean(dtype=np.float64) - one.mean(dtype=np.float64) * two.mean(
        dtype=np.float64)
    variances = [np.square(volume).mean(dtype=np.float64) - volume.mean(dtype=np.float64) ** 2
                 for volume in (one, two)]
    scale = np.sqrt(max(variances[0], 0) * max(variances[1], 0))
    return float(covariance / scale) if scale > 0 else 0.0


def _apart(match):
    """In what maps differ that are the same otherwise."""
    found = [word for word, differs in (
        ("scale", match.scaled), ("offset", match.is_offset), ("sign", match.inverted),
        ("place", match.shifted)) if differs]
    return ", apart from the %s" % _listed(found) if found else ""


def _listed(words):
    return " and ".join([", ".join(words[:-1])] * (len(words) > 1) + words[-1:])


def _sampling_problems(path, sampling, map_sampling):
    if abs(sampling / map_sampling - 1) <= headers.MAX_ANISOTROPY:
        return []
    return ["The half map %s has voxels of %g Å and the map has voxels of %g Å; give maps with the "
            "same voxel size, or the right voxel size with --sampling."
            % (path, sampling, map_sampling)]


def _header_notes(halves, of_map):
    """What reading the halves found, but for what is said of the map already."""
    known = {note.text for note in of_map}
    found = [[note for note in half.notes if note.text not in known] for half in halves]
    common = [note.text for note in found[0] if note.text in {other.text for other in found[1]}]
    notes = [replace(note, text="Both half maps: " + note.text) for note in found[0]
             if note.text in common]
    return notes + [replace(note, text="Half map %d: %s" % (number, note.text))
                    for number, own in enumerate(found, 1) for note in own
                    if note.text not in common]


def _half_notes(half, whole):
    if abs(half.sampling / whole.sampling - 1) <= headers.SAME_SAMPLING:
        return []
    return [Note("The voxel size of the half map %s is %g Å in its header; the map's, %g Å, is "
                 "used." % (os.path.basename(half.path), half.sampling, whole.sampling))]


def _match_notes(match):
    """How the second half map differed from the first one, and what was done."""
    if not match.related:
        return [Note("The half maps have nothing in common: even at low frequencies they correlate "
                     "no better than noise. Check that both belong to the map.",
                     SERIOUS)]
    notes = []
    steps = [text for text, told in (
        ("multiplied by %.3g" % match.scale, match.scaled or match.inverted),
        ("shifted by %.3g in density" % match.offset, match.is_offset)) if told]
    done = "it was %s to match" % _listed(steps)
    if match.inverted:
        notes.append(Note("The density of half map 2 is inverted; %s half map 1. Check how the "
                          "file was made." % done, MINOR))
    elif match.scaled or match.is_offset:
        what = _listed(["scale"] * match.scaled + ["offset"] * match.is_offset)
        notes.append(Note("Half map 2 has a different %s from half map 1; %s it." % (what, done)))
    if match.shifted:
        notes.append(Note("Half map 2 is displaced from half map 1 by %s; it was moved back. Check "
                          "that both are as they were reconstructed, and that the map was not made "
                          "from displaced halves." % _displacement(match.shift),
                          SERIOUS if np.linalg.norm(match.shift) > _BLURRING else MINOR))
    return notes


def _displacement(shift):
    """A displacement (x, y, z), voxels, in words."""
    return _listed(["%.3g %s along %s" % (round(step, 2), "voxel" if abs(step) <= 1.005 else
                                          "voxels", axis)
                    for step, axis in zip(shift, "xyz") if abs(step) >= _TOLD])


def compared_with_map(evidence):
    """Whether the half maps are those of the map, within its mask and up to its resolution.

    Parameters
    ----------
    evidence : vrs.inputs.Evidence
        With a map and half maps.

    Returns
    -------
    vrs.numerics.half_maps.OfMap
    """
    data, resolution = evidence.map, evidence.reported.resolution
    return compare_with_map(*evidence.half_maps.both, data.volume, data.soft_mask, data.sampling,
                            1 / resolution if resolution else None, evidence.run.workers)


def _findings(evidence):
    """What is suspicious about the halves."""
    data, workers = evidence.map, evidence.run.workers
    halves = evidence.half_maps.both
    masking = find_masking(*halves, data.hard_mask, data.sampling)
    return (_map_notes(compared_with_map(evidence)) + _mask_notes(masking)
            + _low_pass_notes(shell_frequencies(data.volume.shape, data.sampling),
                              _noise_by_shell(evidence))
            + _independence_notes(find_shared_noise(*halves, data.hard_mask, data.sampling,
                                                    workers, masking)))


def _map_notes(found):
    """Whether the halves are those of the map."""
    if found.other:
        return [Note("The half maps do not sum to the map: within the mask and up to the "
                     "resolution, the Fourier shell correlation of their mean with the map has a "
                     "median of %.2f only. They seem to belong to another map; give those from "
                     "which this one was made." % found.agreement, SERIOUS)]
    notes = []
    if found.inverted:
        notes.append(Note("The density of the half maps is inverted with respect to the map; give "
                          "them with the sign of the map.", MINOR))
    if found.mirrored:
        notes.append(Note("The half maps are mirror images of the map; give them with the hand of "
                          "the map.", SERIOUS))
    elif found.shifted:
        notes.append(Note("The half maps are displaced from the map by %s, so the mask does not "
                          "cover them; give them in the position of the map."
                          % _displacement(found.shift), SERIOUS))
    if found.agreement < _AGREEMENT:
        notes.append(Note("The mean of the half maps agrees with the map only partly: within the "
                          "mask and up to the resolution, their Fourier shell correlation has a "
                          "median of %.2f. The map was changed by more than a filter, a sharpening "
                          "or a mask, or comes from another reconstruction."
                          % found.agreement, MINOR))
    elif not notes:
        notes.append(Note("Filters, sharpening and masks aside, the mean of the half maps is the "
                          "map: within the mask and up to the resolution, their Fourier shell "
                          "correlation has a median of %.3f." % found.agreement))
    return notes


def _mask_notes(found):
    if not found.masked:
        return []
    return [Note("The half maps are masked: %.0f %% of the surroundings of the macromolecule have "
                 "next to no noise. A mask that the halves share raises their correlation; give "
                 "the halves as they were reconstructed." % (100 * found.empty), SERIOUS)]


def _noise_by_shell(evidence):
    """Mean power of the half difference, by shell."""
    first, second = evidence.half_maps.both
    noise = fft.rfftn((first - second) / 2, workers=evidence.run.workers)
    (power,) = shell_sums(first.shape, lambda z: (np.square(np.abs(noise[z])),))
    return power / shell_counts(first.shape)


def _low_pass_notes(frequencies, noise):
    """Noise that ends before Nyquist was filtered away."""
    left = np.flatnonzero(noise > _LOW_PASS * noise[1:].max())
    if left.size == 0 or left[-1] >= 0.95 * (len(noise) - 1):
        return []
    return [Note("The half maps look low-pass filtered: beyond %.3g Å they have next to no noise. "
                 "Give them unfiltered; no information remains beyond the cutoff."
                 % (1 / frequencies[left[-1]]), MINOR)]


def _independence_notes(found):
    if not found.shared:
        return []
    where = ("beyond the resolution their Fourier shell correlation stays at %.2f instead of "
             "falling to 0" % found.beyond if np.isnan(found.outside) else
             "around the macromolecule their fine details have a correlation of %.2f instead of 0"
             % found.outside)
    return [Note("The half maps do not look independent: %s, so they share noise. They may come "
                 "from one common refinement, or share particles." % where, SERIOUS)]


def _content(evidence):
    def slices(volume, what, colours="density"):
        return maximum_variance_slices(
            volume, evidence.map.sampling, "Slices of maximum variance of %s." % what,
            "The section of largest variance of %s along each of X, Y and Z." % what, colours)

    first, second = evidence.half_maps.both
    return [
        slices(first, "half map 1"),
        slices(second, "half map 2"),
        Paragraph("The difference of the half maps holds their noise only. Where it shows the "
                  "macromolecule, the halves differ in more than noise, for instance because of an "
                  "alignment error."),
        slices(first - second, "the difference of the half maps", "signed"),
        *(_solid(half, name, evidence) for half, name in ((first, "half map 1"),
                                                          (second, "half map 2")))]


def _solid(half, name, evidence):
    """The surface of a half map that encloses as much as that of the map at the threshold."""
    sampling, resolution = evidence.map.sampling, evidence.reported.resolution
    box = bounding_box(evidence.map.hard_mask)
    region = tuple(slice(max(0, side.start - _AROUND), side.stop + _AROUND) for side in box)
    smooth = ndimage.gaussian_filter(
        half[region], _HALF_AT * max(resolution or 0, 2 * sampling) / sampling)
    factor = -(-max(smooth.shape) // _DRAWN)
    volume = ndimage.zoom(smooth, 1 / factor, order=1, grid_mode=True, mode="nearest")
    # Half maps have values of any size, and float16 those from 1e-7 to 1e5 only.
    volume /= np.abs(volume).max() or 1
    share = np.count_nonzero(evidence.map.raw_mask[region]) / smooth.size
    where = "%g Å" % resolution if resolution else "twice the voxel size"
    return Solid(
        "Surface of %s, smoothed to %s; it encloses as many voxels as that of the map at the "
        "threshold. Both halves should show the same shape." % (name, where),
        "The surface of %s, seen along X, Y and Z." % name, volume.astype(np.float16),
        sampling * half[region].shape[0] / volume.shape[0], float(np.quantile(volume, 1 - share)))
