"""Simulated maps with labelled helices for the two networks of the hand check.

A map is simulated from a structure in a random orientation: electron scattering of
its atoms with an uneven B-factor, fall-off, noise that leaves a signal-to-noise ratio
of 1/3 in the shell of the resolution (an FSC of 0.143 between half maps), then
weighting, sharpening, low-pass and mask as deposited maps have them. What is stored
is what the networks see: 1 Å/voxel, low-passed to 5 Å, normalised.
"""

import hashlib
import json
from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from training import hand_labels, maps
from vrs.checks.level_0 import hand
from vrs.numerics import fourier, masks

_MARGIN = 14.0  # Å around the structure
_SNR_AT_RESOLUTION = 1 / 3


@dataclass
class Conditions:
    """How a map is made.

    Attributes
    ----------
    resolution : float
        Å, where the signal-to-noise ratio is 1/3.
    fall_off : float
        B-factor of the signal before noise, Å².
    uneven : float
        B-factor that the worst part has on top, Å².
    sharpened : float
        Part of the fall-off that sharpening takes back.
    weighted : bool
        Whether shells are weighted by their signal-to-noise ratio.
    ends : bool
        Whether the map ends at its resolution.
    masked : bool
        Whether the solvent was set to zero.
    solvent : float
        Density of the solvent relative to that of the protein.
    noise : float
        Factor on the noise; 0 for a map without noise.
    """

    resolution: float
    fall_off: float
    uneven: float
    sharpened: float
    weighted: bool
    ends: bool
    masked: bool
    solvent: float
    noise: float = 1.0


def random_conditions(rng, resolution=None):
    """Conditions as they vary among deposited maps of 3 to 5 Å.

    Parameters
    ----------
    rng : numpy.random.Generator
    resolution : float, optional
        Å; drawn between 2.5 and 5.2 when absent.

    Returns
    -------
    Conditions
    """
    drawn = rng.uniform(2.5, 5.2)
    return Conditions(
        resolution=drawn if resolution is None else resolution,
        fall_off=rng.uniform(30, 200), uneven=max(0.0, rng.uniform(-100, 150)),
        sharpened=rng.uniform(0, 1.1), weighted=bool(rng.random() < 0.6),
        ends=bool(rng.random() < 0.6), masked=bool(rng.random() < 0.4),
        solvent=rng.uniform(0.0, 0.8),
        noise=0.0 if rng.random() < 0.05 else rng.uniform(0.7, 1.4))


def simulate(structure, conditions, rng):
    """Simulate a map.

    Parameters
    ----------
    structure : gemmi.Structure
    conditions : Conditions
    rng : numpy.random.Generator

    Returns
    -------
    volume : numpy.ndarray of float32, (z, y, x)
        1 Å/voxel, not yet low-passed to 5 Å.
    mask : numpy.ndarray of bool, (z, y, x)
        Within 4 Å of an atom.
    labels : numpy.ndarray of uint8, (z, y, x)
        As :func:`training.hand_labels.label_voxels` gives them.
    """
    scene = maps.place(structure, rng, sampling=1.0, margin=_MARGIN)
    volume, mask = degrade(scene, maps.structure_factors(scene), conditions, rng)
    labels = np.full(scene.shape, hand_labels.OTHER, np.uint8)
    labels[mask] = hand_labels.label_voxels(scene.model, np.argwhere(mask)[:, ::-1])
    return volume, mask, labels


def degrade(scene, transform, conditions, rng):
    """The map of a scene under conditions.

    Parameters
    ----------
    scene : maps.Scene
        At 1 Å/voxel.
    transform : numpy.ndarray of complex64
        Of its density; overwritten.
    conditions : Conditions
    rng : numpy.random.Generator

    Returns
    -------
    volume : numpy.ndarray of float32, (z, y, x)
    mask : numpy.ndarray of bool, (z, y, x)
        Within 4 Å of an atom.
    """
    mask = _near_atoms(scene, 4.0)
    radius = maps.frequency_radius(scene.shape, 1.0)
    transform *= maps.solvent_contrast(radius, conditions.solvent)
    transform *= maps.b_factor_decay(radius, -conditions.fall_off)
    if conditions.uneven:
        transform = _fade_one_end(transform, scene.shape, radius, conditions.uneven, rng)
    transform = _add_noise(transform, mask, radius, conditions, rng)
    volume = maps.to_volume(transform, scene.shape)
    if conditions.masked:
        volume *= masks.soft_mask(masks.dilate(mask, rng.uniform(0, 4), 1.0))
    return volume, mask


def noise_map(shape, rng):
    """Gaussian noise alone, coloured and low-passed as noise of maps is."""
    radius = maps.frequency_radius(shape, 1.0)
    colour = maps.b_factor_decay(radius, rng.uniform(-150, 100))
    limit = radius < 1 / rng.uniform(2.5, 5.0)
    return maps.to_volume(maps.white_noise(shape, rng) * colour * limit, shape)


def what_networks_see(volume):
    """A map at 1 Å/voxel as it is given to the networks, float32 (z, y, x)."""
    density = hand.low_pass(volume, 1.0)
    return np.maximum(density, 0) / hand.local_scale(density, 1.0)


def stored_maps(folder, names, per_structure, seed):
    """Simulate maps into a folder, or find them there.

    Parameters
    ----------
    folder : pathlib.Path
    names : list of str
        Names of structures, ``"1A2K_l_u"``.
    per_structure : int
    seed : int

    Returns
    -------
    list of pathlib.Path
        ``.npz`` files with ``seen`` (float16, what the networks see), ``mask``,
        ``labels`` and ``conditions`` (JSON).
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in names:
        for repeat in range(per_structure):
            path = folder / ("%s_%d.npz" % (name, repeat))
            if not path.exists():
                rng = np.random.default_rng([seed, repeat, number_of(name)])
                conditions = random_conditions(rng)
                volume, mask, labels = simulate(maps.load_structure(name), conditions, rng)
                np.savez(path, seen=what_networks_see(volume).astype(np.float16), mask=mask,
                         labels=labels, conditions=json.dumps(vars(conditions)))
            paths.append(path)
    return paths


def number_of(name):
    """A number for the seed of a structure's maps."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)


def _near_atoms(scene, distance):
    occupied = np.zeros(scene.shape, bool)
    x, y, z = np.rint(scene.positions() / scene.sampling).astype(int).T
    occupied[z, y, x] = True
    return ndimage.distance_transform_edt(~occupied, sampling=scene.sampling) <= distance


def _fade_one_end(transform, shape, radius, b_factor, rng):
    """Blend with a blurred copy, more and more along a random direction."""
    direction = rng.normal(size=3)
    along = sum(part * axis for part, axis in zip(direction, np.ogrid[tuple(map(slice, shape))]))
    weight = ((along - along.min()) / np.ptp(along)).astype(np.float32)
    sharp = maps.to_volume(transform, shape)
    blurred = maps.to_volume(transform * maps.b_factor_decay(radius, -b_factor), shape)
    return fft.rfftn(sharp + weight * (blurred - sharp))


def _add_noise(transform, mask, radius, conditions, rng):
    """Noise, weights, sharpening and end of the map."""
    shape = mask.shape
    noise = maps.white_noise(shape, rng)
    factor = conditions.noise * maps.noise_with_ratio(
        transform, noise, radius, conditions.resolution, _SNR_AT_RESOLUTION, mask.mean())
    frequencies = fourier.shell_frequencies(shape, 1.0)
    power = fourier.mean_amplitudes(transform, shape) ** 2
    noise_power = max(factor ** 2 * np.count_nonzero(mask), 1e-9 * power.max())
    transform = transform + factor * noise
    transform *= maps.b_factor_decay(radius, conditions.sharpened * conditions.fall_off)
    if conditions.weighted:
        ratio = power / noise_power
        transform *= np.interp(radius, frequencies, np.sqrt(ratio / (ratio + 0.5)))
    if conditions.ends:
        transform *= radius <= 1 / conditions.resolution
    return transform
