"""From a declared set to its files: density, noise, half maps, map, model and the truth."""

import json
import os
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any, Dict

import numpy as np
from scipy import fft, ndimage
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from benchmarks.verdicts import faults, structures
from vrs.io.maps import write_map
from vrs.io.models import atom_positions, write_model
from vrs.numerics import fourier
from vrs.numerics.fsc import FSC_THRESHOLD, first_crossing, shell_correlation
from vrs.numerics.masked_fsc import (RANDOMISE_BELOW, masked_transform, randomised_transform,
                                     without_mask)
from vrs.numerics.masks import soft_mask
from vrs.numerics.model_map import density_of_atoms, model_mask
from vrs.numerics.sphere import spiral
from vrs.simulation.orientations import relative_sampling

# Mean B factor, Å²: 18 R² up to 5 Å, then 90 R; 112 at 2.5 Å, 220 at 3.5 Å, 540 at 6 Å. With
# these the FSC falls as steeply as that of real half maps.
_B_FACTOR, _B_TURN = 18.0, 5.0
_LARGEST_B = 300.0
# Part of the fall-off of the map that authors usually take back, and beyond which resolution (Å)
# it grows less.
_SHARPENED, _SHARPENED_LESS = 0.7, 4.0
# Density of vitreous ice, Å/Å³: 3.04 Å in 32.5 Å³, times 0.8, as atoms lack their hydrogens.
_ICE = 0.075
# Below this frequency (1/Å) noise no longer falls: all central sections meet at the origin.
_NOISE_FLOOR = 1 / 40.0
# What regularises the reconstruction where views are few, relative to uniform sampling.
_REGULARISED = 0.05
_VIEWS, _DIRECTIONS = 4000, 3000
_MASK_RADIUS, _MASK_SIGMA = 7.0, 2.0
_LOW_PASS_WIDTH = 0.04
# Displacement of a refined model's residues per Å of resolution, and along how many they move
# together.
_MODEL_ERROR, _TOGETHER = 0.06, 3.0
# Of atoms that the contour encloses, and how far it stays above the noise of the solvent.
_INCLUDED, _ABOVE_NOISE = 0.8, 4.0
_FILES = {"map": "map.mrc", "half1": "half1.mrc", "half2": "half2.mrc", "model": "model.cif"}


@dataclass
class Made:
    """A set, made.

    Attributes
    ----------
    volume, half1, half2 : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel, as the files say.
    threshold, resolution : float
        As reported.
    model : gemmi.Structure or None
        In the frame of the map.
    truth : dict
        What is known beyond that.
    """

    volume: np.ndarray
    half1: np.ndarray
    half2: np.ndarray
    sampling: float
    threshold: float
    resolution: float
    model: Any
    truth: Dict[str, Any] = field(default_factory=dict)


def make(one, workers=1):
    """Simulate a set.

    Parameters
    ----------
    one : benchmarks.verdicts.sets.VerdictSet
    workers : int

    Returns
    -------
    Made
    """
    rng = np.random.default_rng(one.seed)
    scene = scene_of(one, workers)
    views = _views(one.views, rng)
    signal, noises = scene.reconstructed(views, rng)
    sound = [signal + noise for noise in noises]
    resolution = claimed = scene.resolution_of(*sound)
    halves = faults.spoil_halves(one, sound, noises, scene, rng)
    if one.fault in faults.RESOLUTION_IS_CLAIMED:
        sound, claimed = halves, scene.resolution_of(*halves)
    reported = round(float(claimed) * one.overstated, 2)
    volume = scene.final_map(*sound, reported)
    threshold = scene.threshold(volume)
    made = Made(volume, *halves, one.sampling, threshold, reported,
                _refined(scene.modelled, one, rng) if one.model else None)
    made.truth = dict(scene.facts(made), true_resolution=round(float(resolution), 3),
                      worst_sampling=views.worst)
    return faults.spoil(one, made, scene, rng)


def write(one, folder, workers=1):
    """Write a set into a folder.

    Parameters
    ----------
    one : benchmarks.verdicts.sets.VerdictSet
    folder : str
    workers : int

    Returns
    -------
    dict of str to object
        What ``vrs.validate`` takes: paths, threshold and resolution.
    """
    made = make(one, workers)
    os.makedirs(folder, exist_ok=True)
    given = {name: os.path.join(folder, file) for name, file in _FILES.items()}
    for name, volume in zip(_FILES, (made.volume, made.half1, made.half2)):
        write_map(given[name], volume, made.sampling)
    if made.model is None:
        del given["model"]
    else:
        write_model(given["model"], made.model)
    given.update(threshold=made.threshold, resolution=made.resolution)
    with open(os.path.join(folder, "truth.json"), "w", encoding="utf-8") as handle:
        json.dump(dict(made.truth, set=asdict(one), given=dict(
            given, **{name: _FILES[name] for name in _FILES if name in given})), handle, indent=1,
                  ensure_ascii=False)
    return given


def scene_of(one, workers=1, change=lambda structure: structure):
    """What a set shows.

    Parameters
    ----------
    one : benchmarks.verdicts.sets.VerdictSet
    workers : int
    change : callable
        Makes another structure of the one in the middle of the box.

    Returns
    -------
    Scene
    """
    structure = _loaded(one.structure).clone()
    box = one.box or _room(structure, one)
    _place(structure, box, one.sampling)
    return Scene(one, change(structure), box, workers)


@lru_cache(maxsize=2)
def _loaded(name):
    return structures.load(name)


def _room(structure, one):
    reach = np.abs(atom_positions(structure)).max()
    return 2 * fft.next_fast_len(int(np.ceil((reach + one.margin) / one.sampling)))


def _place(structure, box, sampling):
    structures.set_positions(structure, atom_positions(structure) + box // 2 * sampling)


@dataclass
class _Views:
    """How well directions of Fourier space are sampled; uniform is 1 everywhere."""

    directions: Any = None
    sampling: Any = None

    @property
    def worst(self):
        return 1.0 if self.sampling is None else round(float(self.sampling.min()), 3)

    def at(self, shape):
        """Relative sampling of each coefficient, float32 (z, y, x // 2 + 1)."""
        if self.sampling is None:
            return np.float32(1)
        axes = [np.fft.fftfreq(n) for n in shape[:2]] + [np.fft.rfftfreq(shape[2])]
        z, y, x = np.meshgrid(*axes, indexing="ij")
        vectors = np.stack([x, y, z], -1).reshape(-1, 3)
        lengths = np.linalg.norm(vectors, axis=1)
        lengths[0] = 1
        tree = cKDTree(np.concatenate([self.directions, -self.directions]))
        _, nearest = tree.query(vectors / lengths[:, None])
        return self.sampling[nearest % len(self.directions)].reshape(z.shape).astype(np.float32)


def _views(kind, rng):
    """Sampling by a distribution of views around an axis of random direction."""
    turn = Rotation.random(random_state=int(rng.integers(2 ** 31))).as_matrix()
    if kind == "uniform":
        return _Views()
    views = draw_views(kind, _VIEWS, rng)
    directions = spiral(_DIRECTIONS)
    return _Views(directions @ turn.T, relative_sampling(views, directions))


def draw_views(kind, count, rng):
    """Directions of view around z.

    Parameters
    ----------
    kind : str
        "mild", "side", "edge", "top" or "cone" with the half angle of the missing cone.
    count : int
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray, (count, 3)
    """
    azimuth = rng.uniform(-np.pi, np.pi, count)
    if kind == "mild":
        # A third of the particles lie within 45° of the axis.
        height = np.where(rng.random(count) < 1 / 3, rng.uniform(np.cos(np.pi / 4), 1, count),
                          rng.uniform(-1, 1, count))
    elif kind in ("side", "edge"):
        height = np.sin(np.radians(rng.normal(0, 5, count)))
        if kind == "edge":
            azimuth = np.radians(rng.uniform(-25, 25, count))
    else:
        # All views lie within 90° less the half angle of the missing cone.
        cap = np.radians(90 - {"cone20": 20, "cone35": 35, "top": 55}[kind])
        height = rng.uniform(np.cos(cap), 1, count)
    around = np.sqrt(1 - height ** 2)
    return np.column_stack([around * np.cos(azimuth), around * np.sin(azimuth), height])


class Scene:
    """What an imaged structure is made of, in its box."""

    def __init__(self, one, structure, box, workers):
        self.one, self.structure, self.workers = one, structure, workers
        self.shape, self.sampling = (box,) * 3, one.sampling
        self.fold = structures.STRUCTURES[one.structure].fold
        mean_b = _B_FACTOR * one.resolution * min(one.resolution, _B_TURN)
        self.blurred = _beyond_focus(structure) if one.focused else None
        for number, atom in enumerate(structures.atoms_of(structure)):
            atom.b_iso *= mean_b
            if self.blurred is not None and self.blurred[number]:
                atom.b_iso += 150.0
                atom.occ = 0.6
        self.modelled = self._modelled()
        self.mask = self._mask(self.modelled)
        self.hard = self.mask > 0.5

    def density(self):
        """Potential of the structure in ice, float32 (z, y, x)."""
        density = self._atoms(self.structure)
        body = model_mask(self.structure, self.shape, self.sampling).astype(np.float32)
        b = np.median([atom.b_iso for atom in structures.atoms_of(self.structure)])
        inside = ndimage.gaussian_filter(body, np.sqrt(b / 8) / np.pi / self.sampling)
        density -= np.float32(_ICE) * inside
        if self.one.micelle:
            density += self._micelle(inside)
        return density

    def reconstructed(self, views, rng):
        """Signal and noise of each half as a reconstruction from some views has them.

        With the relative sampling s the sum of the data is s·S + √s·N, and their weight s + τ.
        """
        sampled = views.at(self.shape)
        weight = sampled / (sampled + np.float32(_REGULARISED)) * np.float32(1 + _REGULARISED)
        signal = self._filtered(self.density(), weight)
        noise_weight = weight / np.sqrt(np.maximum(sampled, 1e-6))
        noise_weight = np.where(sampled > 0, noise_weight, 0) if np.ndim(sampled) else np.float32(1)
        uneven = self._unevenness()
        noises = [self._noise(noise_weight, uneven, rng) for _ in range(2)]
        level = self._level(signal, noises)
        return signal, [noise * np.float32(level) for noise in noises]

    def evenly_sampled(self, rng):
        """Signal, of exact symmetry, and noise of each half for views from all directions."""
        signal, noises = self.reconstructed(_Views(), rng)
        return symmetrised(signal, self.fold) / np.float32(np.sqrt(self.fold)), noises

    def resolution_of(self, half1, half2):
        """Where the FSC in the mask, freed of the mask's own part, falls to 0.143, Å."""
        curve = self.masked_fsc(half1, half2)
        frequencies = fourier.shell_frequencies(self.shape, self.sampling)
        found = first_crossing(frequencies, curve, FSC_THRESHOLD, start=3).resolution
        # Identical halves agree up to Nyquist; what is claimed of them is what was meant.
        return found or self.one.resolution

    def masked_fsc(self, half1, half2):
        """FSC in the mask with the correction by random phases, (shells,)."""
        one, two = (fft.rfftn(half, workers=self.workers) for half in (half1, half2))
        plain = shell_correlation(one, two, self.shape)
        first = max(2, int(np.argmax(plain < RANDOMISE_BELOW)))
        within = [masked_transform(half, self.mask, self.workers) for half in (half1, half2)]
        rng = np.random.default_rng(0)
        random = [randomised_transform(transform, self.mask, first, rng, self.workers)
                  for transform in (one, two)]
        return without_mask(*(shell_correlation(*pair, self.shape) for pair in (within, random)),
                            first)

    def final_map(self, half1, half2, resolution):
        """The map that is deposited: weighted by its figure of merit, sharpened, low-passed."""
        frequencies = fourier.shell_frequencies(self.shape, self.sampling)
        curve = np.clip(self.masked_fsc(half1, half2), 0, 1)
        end = np.argmax(curve < 0.05) or len(curve)
        curve[end:] = 0
        curve[:3] = np.maximum(curve[:3], curve[3])
        merit = np.sqrt(2 * curve / (1 + curve))
        mean = (half1 + half2) / 2
        if self.one.sharpening == "none":
            volume = fourier.filtered(mean, self.sampling, lambda f2: np.interp(
                np.sqrt(f2), frequencies, merit ** 2), self.workers)
        else:
            b = self._usual_sharpening(mean, merit, frequencies, resolution)
            if self.one.sharpening == "over":
                # Eightfold at the resolution, beyond what is usual.
                b += 4 * np.log(8) * resolution ** 2
            floor = merit if self.one.overstated == 1 else np.maximum(merit, 0.3)
            volume = fourier.filtered(mean, self.sampling, lambda f2: (
                np.interp(np.sqrt(f2), frequencies, floor) * np.exp(b * f2 / 4)
                * fourier.raised_cosine(np.sqrt(f2), 1 / resolution, _LOW_PASS_WIDTH)),
                                      self.workers)
        around = ~self.hard
        volume -= volume[around].mean(dtype=np.float64)
        if self.one.zeroed:
            volume *= self.mask
        return volume.astype(np.float32)

    def threshold(self, volume):
        """The contour that an author would choose: 80 % of the atoms inside, above the noise."""
        values = self.at_atoms(volume)
        noise = float(volume[~self.hard].std(dtype=np.float64))
        level = max(float(np.quantile(values, 1 - _INCLUDED)), _ABOVE_NOISE * noise)
        return float("%.3g" % level)

    def at_atoms(self, volume, structure=None):
        """Density at the atoms, (atoms,)."""
        places = atom_positions(structure or self.modelled)[:, ::-1].T / self.sampling
        return ndimage.map_coordinates(volume, places, order=1)

    def facts(self, made):
        """What is known of the map."""
        inside = np.mean(self.at_atoms(made.volume) >= made.threshold)
        return {"box": self.shape[0], "sampling": self.sampling,
                "atom_inclusion": round(float(inside), 3),
                "enclosed_volume": round(float(np.sum(made.volume >= made.threshold))
                                         * self.sampling ** 3),
                "residues": len(structures.residues_of(self.structure))}

    def halves_of_another(self, rng):
        """Half maps of another structure in the same box."""
        other = _loaded(self.one.other).clone()
        _place(other, self.shape[0], self.sampling)
        scene = Scene(replace(self.one, structure=self.one.other, fault=""), other, self.shape[0],
                      self.workers)
        signal, noises = scene.reconstructed(_Views(), rng)
        return [signal + noise for noise in noises]

    # ------------------------------------------------------------ helpers
    def _modelled(self):
        """What an author would build: in a focused refinement what it was focused on, of a
        filament the subunits that lie in the box as a whole."""
        side = self.shape[0] * self.sampling
        kept = []
        first = 0
        for chain in self.structure[0]:
            positions = np.array([atom.pos.tolist() for residue in chain for atom in residue])
            whole = positions.min() >= 0 and positions.max() <= side
            for residue in chain:
                seen = self.blurred is None or not self.blurred[first]
                kept.append(whole and seen)
                first += len(residue)
        return structures.part_of(self.structure, kept)

    def _mask(self, structure):
        positions = atom_positions(structure) / self.sampling
        empty = np.ones(self.shape, bool)
        index = np.clip(np.rint(positions).astype(int), 0, self.shape[0] - 1)
        empty[index[:, 2], index[:, 1], index[:, 0]] = False
        distance = ndimage.distance_transform_edt(empty) * self.sampling
        return soft_mask(distance < _MASK_RADIUS, _MASK_SIGMA)

    def _atoms(self, structure):
        """Density of atoms; what lies beyond the box does not come in on the other side."""
        box, sampling = self.shape[0], self.sampling
        if structures.STRUCTURES[self.one.structure].kind != "filament":
            return density_of_atoms(structure[0], self.shape, (box * sampling,) * 3)
        pad = 2 * int(np.ceil(40 / sampling))
        length = atom_positions(structure)[:, 2]
        extra = pad + 2 * int(np.ceil(max(0 - length.min(), length.max() - box * sampling)
                                      / sampling))
        moved = structure.clone()
        structures.set_positions(moved, atom_positions(moved) + [0, 0, extra / 2 * sampling])
        tall = density_of_atoms(moved[0], (box + extra, box, box), (
            (box + extra) * sampling, box * sampling, box * sampling))
        return np.ascontiguousarray(tall[extra // 2:extra // 2 + box])

    def _micelle(self, inside):
        """Detergent around the middle of the protein: head groups denser than ice, tails less."""
        z, y, x = (axis * self.sampling for axis in np.ogrid[tuple(
            slice(-(n // 2), n - n // 2) for n in self.shape)])
        middle = atom_positions(self.structure) - self.shape[0] // 2 * self.sampling
        within = middle[np.abs(middle[:, 2]) < 15]
        reach = np.quantile(np.hypot(within[:, 0], within[:, 1]), 0.9) + 12
        radius = np.hypot(x, y) / reach

        def belt(width, height):
            return np.sqrt(radius ** 2 * (reach / width) ** 2 + (z / height) ** 2) < 1

        outer, inner = belt(reach + 5, 21.0), belt(reach, 15.0)
        density = np.where(inner, -0.015, np.where(outer, 0.05, 0)).astype(np.float32)
        density = ndimage.gaussian_filter(density, 3.0 / self.sampling)
        return density * (1 - inside)

    def _unevenness(self):
        """By how much noise is stronger, where the structure is flexible or partly there."""
        atoms = structures.atoms_of(self.structure)
        b = np.array([atom.b_iso for atom in atoms])
        excess = np.clip(b / np.median(b) - 1, 0, 2) + (np.array([a.occ for a in atoms]) < 1)
        weights = np.zeros(self.shape, np.float32)
        counts = np.zeros(self.shape, np.float32)
        index = np.rint(atom_positions(self.structure) / self.sampling).astype(int)
        kept = np.all((index >= 0) & (index < self.shape[0]), axis=1)
        places = tuple(index[kept, axis] for axis in (2, 1, 0))
        np.add.at(weights, places, excess[kept])
        np.add.at(counts, places, 1)
        weights, counts = (ndimage.gaussian_filter(values, 4.0 / self.sampling)
                           for values in (weights, counts))
        return 1 + weights / (counts + 0.02 * counts.max())

    def _noise(self, weight, uneven, rng):
        white = rng.standard_normal(self.shape, dtype=np.float32) * uneven
        if self.fold > 1:
            white = symmetrised(white, self.fold)
        noise = fourier.filtered(white, self.sampling, lambda f2: np.sqrt(_noise_shape(f2)),
                                 self.workers)
        return self._filtered(noise, weight) if np.ndim(weight) else noise

    def _filtered(self, volume, weight):
        transform = fft.rfftn(volume, workers=self.workers)
        transform *= weight
        return fft.irfftn(transform, s=self.shape, workers=self.workers).astype(np.float32)

    def _level(self, signal, noises):
        """Factor of the noise that makes the FSC in the mask 0.143 at the resolution."""
        transforms = [masked_transform(volume, self.mask, self.workers)
                      for volume in [signal] + noises]
        powers = [fourier.mean_amplitudes(np.abs(transform) ** 2, self.shape)
                  for transform in transforms]
        frequencies = fourier.shell_frequencies(self.shape, self.sampling)
        at = 1 / self.one.resolution
        width = 0.06 * at
        near = np.exp(-0.5 * ((frequencies - at) / width) ** 2)
        near /= near.sum()
        # Powers fall exponentially; means of logarithms do not lean to one side.
        power = [float(np.exp(np.sum(near * np.log(np.maximum(one, 1e-30))))) for one in powers]
        return np.sqrt(power[0] * (1 / FSC_THRESHOLD - 1) / np.mean(power[1:]))

    def _usual_sharpening(self, mean, merit, frequencies, resolution):
        """B factor by a Guinier fit between 10 Å (or wider) and the resolution, Å²."""
        amplitudes = np.sqrt(fourier.mean_amplitudes(
            np.abs(masked_transform(mean, self.mask, self.workers)) ** 2, self.shape)) * merit
        band = (frequencies > 1 / max(10, 2 * resolution)) & (frequencies < 1 / resolution)
        band &= amplitudes > 0
        slope = np.polyfit(frequencies[band] ** 2, np.log(amplitudes[band]), 1)[0]
        return max(0.0, -4 * slope) * _SHARPENED * min(1, _SHARPENED_LESS / resolution)


def _noise_shape(squared_frequency):
    """Power of the noise by frequency: central sections thin out."""
    return np.sqrt(squared_frequency + _NOISE_FLOOR ** 2)


def symmetrised(volume, fold):
    """Mean of a map over rotations by 360°/fold about z through voxel N/2; fold 2 or 4.

    Parameters
    ----------
    volume : numpy.ndarray, (n, n, n)
    fold : int

    Returns
    -------
    numpy.ndarray
        Scaled so that white noise keeps its variance.
    """
    def quarter(values):
        # (x, y) → (-y, x) about the voxel N/2 of a periodic box.
        return np.roll(values.transpose(0, 2, 1)[:, :, ::-1], 1, axis=2)

    turns = [volume]
    for _ in range(3):
        turns.append(quarter(turns[-1]))
    return sum(turns[::4 // fold]) / np.float32(np.sqrt(fold))


def _beyond_focus(structure):
    """Which atoms belong to the half that a focused refinement leaves blurred, (atoms,)."""
    positions = atom_positions(structure)
    centred = positions - positions.mean(0)
    axis = np.linalg.svd(centred, full_matrices=False)[2][0]
    numbers = structures.residue_numbers(structure)
    along = np.bincount(numbers, centred @ axis) / np.bincount(numbers)
    return (along > np.quantile(along, 0.6))[numbers]


def _refined(structure, one, rng):
    """The model as refinement leaves it: residues somewhat displaced, B of the sharpened map."""
    model = structure.clone()
    moves = ndimage.gaussian_filter1d(rng.normal(size=(len(structures.residues_of(model)), 3)),
                                      _TOGETHER, axis=0)
    moves *= _MODEL_ERROR * one.resolution / np.sqrt((moves ** 2).sum(1).mean())
    structures.set_positions(model, atom_positions(model)
                             + moves[structures.residue_numbers(model)])
    lowest = min(atom.b_iso for atom in structures.atoms_of(model))
    for atom in structures.atoms_of(model):
        atom.b_iso, atom.occ = float(min(atom.b_iso - 0.8 * lowest, _LARGEST_B)), 1.0
    return model
