"""Maps whose local resolution is known, made from structures.

What "resolution" means here
----------------------------
The local resolution d of a map at a point is the finer limit of what its surroundings still show:

* where a filter ends the signal, the resolution at which the filter's amplitude is one half;
* where noise does, the resolution at which the power of the signal, in the volume that the
  molecule fills, falls to a third of the noise's. This is where the Fourier shell correlation of
  two half maps passes 0.143 (signal to noise 1/3 in their mean), so that it can be compared with
  a reported resolution.

A map or place without signal has the worst resolution of the range.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from training import maps

_ATOM_VOLUME = 17.0
_SIGNAL_TO_NOISE = 1 / 3
_COPIES = 6
_LEAST_CONTRAST = 2.0


@dataclass(frozen=True)
class Range:
    """A network's range: sampling (Å/voxel), resolutions (Å), and how large scenes are."""

    name: str
    sampling: float
    best: float
    worst: float
    margin: float
    max_extent: float
    field_lengths: tuple


RANGES = {"low": Range("low", 1.0, 2.5, 13.0, 16.0, 75.0, (10.0, 30.0)),
          "high": Range("high", 0.5, 1.5, 6.0, 9.0, 30.0, (6.0, 18.0))}
BOX = 13


@dataclass
class Simulation:
    """A map with known local resolution.

    ``volume`` and ``resolution`` (Å) are float32 (z, y, x), ``mask`` is where a user's mask
    would lie, ``traits`` says how it was made.
    """

    volume: np.ndarray
    resolution: np.ndarray
    mask: np.ndarray
    traits: dict


def simulate(name, span, rng, **traits):
    """A map of a structure, degraded at random.

    Parameters
    ----------
    name : str
        Structure.
    span : Range
    rng : numpy.random.Generator
    **traits
        Fix some of: ``uneven`` (bool), ``limits`` (best and worst resolution, Å), ``noisy``
        (noise and not a filter limits the resolution), ``masked`` (solvent set to zero).

    Returns
    -------
    Simulation
    """
    scene = maps.place(maps.load_structure(name), rng, span.sampling, span.margin,
                       span.max_extent)
    radius = maps.frequency_radius(scene.shape, span.sampling)
    signal = maps.structure_factors(scene)
    if rng.random() < 0.7:
        signal *= maps.solvent_contrast(radius, rng.uniform(0, 0.9), rng.uniform(100, 300))
    chosen = dict(uneven=rng.random() < 0.55, noisy=rng.random() < 0.65,
                  masked=rng.random() < 0.35)
    chosen["limits"] = _limits(span, rng, traits.get("uneven", chosen["uneven"]))
    chosen.update(traits)
    best, worst = chosen["limits"]
    resolution = _field(scene.shape, span, rng, best, worst)
    levels = 1 / np.linspace(1 / best, 1 / worst, _COPIES) if worst > best else np.array([best])
    limited = _limited_by_noise if chosen["noisy"] else _limited_by_filter
    copies, extra, final, more = limited(signal, radius, scene, levels, rng)
    chosen.update(more)
    final = (final * _source_grid(scene.shape, span.sampling, best, rng)
             * _uneven_gain(radius, rng))
    volume = _blend([maps.to_volume(copy * final, scene.shape) for copy in copies],
                    levels, resolution)
    if extra is not None:
        volume += maps.to_volume(extra * final, scene.shape)
    distance = _distance_to_atoms(scene)
    if _contrast(volume, distance) < _LEAST_CONTRAST:
        return simulate(name, span, rng, **traits)  # no user would know where the molecule is
    if chosen["masked"]:
        volume *= _solvent_mask(distance, rng)
    mask = distance <= 3.5 + rng.uniform(0, 0.25) * best
    return Simulation(volume.astype(np.float32), np.maximum(resolution, span.best), mask, chosen)


def noise_map(span, rng, side=72):
    """A map without signal: filtered noise, the mask being what a threshold would show."""
    shape = (side,) * 3
    radius = maps.frequency_radius(shape, span.sampling)
    cut = rng.uniform(span.best, span.worst)
    response = _noise_colour(radius, rng) * maps.b_factor_decay(
        radius, -rng.uniform(0, 6) * cut ** 2)
    if rng.random() < 0.7:
        response = response * _low_pass(radius, cut, rng)
    volume = maps.to_volume(maps.white_noise(shape, rng) * response, shape)
    seeds = volume >= min(rng.uniform(1.5, 3.5) * volume.std(), 0.8 * volume.max())
    mask = ndimage.binary_dilation(seeds, iterations=int(np.ceil(2 / span.sampling)))
    return Simulation(volume.astype(np.float32), np.full(shape, span.worst, np.float32), mask,
                      dict(noise_only=True, limits=(cut, cut)))


def sample_boxes(simulation, count, rng, box=BOX):
    """Boxes around random voxels of the mask.

    Returns
    -------
    boxes : numpy.ndarray of float16, (count, box, box, box)
        Each divided by its largest absolute value.
    resolutions : numpy.ndarray of float32, (count,)
    """
    half = box // 2
    padded = np.pad(simulation.volume, half, mode="wrap")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (box,) * 3)
    voxels = np.argwhere(simulation.mask)
    voxels = voxels[rng.integers(len(voxels), size=count)]
    boxes = windows[tuple(voxels.T)]
    boxes = boxes / np.maximum(np.abs(boxes).max(axis=(1, 2, 3), keepdims=True), 1e-30)
    return boxes.astype(np.float16), simulation.resolution[tuple(voxels.T)]


def _limits(span, rng, uneven):
    # Some maps are finer than the range: they belong to its best end.
    finest = max(0.75 * span.best, 2.1 * span.sampling)
    best = finest if rng.random() < 0.25 else span.best
    ends = np.sort(rng.uniform(best, span.worst, 2))
    if not uneven:
        return (float(rng.uniform(best, span.worst)),) * 2
    if rng.random() < 0.5:  # half of them as narrow as real maps usually are
        ends[1] = min(span.worst, ends[0] * rng.uniform(1.2, 1.8))
    return float(ends[0]), float(ends[1])


def _field(shape, span, rng, best, worst):
    """Smooth random field between two resolutions, as often at one value as at another."""
    if worst <= best:
        return np.full(shape, best, np.float32)
    length = rng.uniform(*span.field_lengths) / span.sampling
    field = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), length / 2,
                                    mode="wrap", truncate=3)
    field = (field - field.mean()) / field.std()
    quantile = 0.5 + 0.5 * np.tanh(0.8 * field * (1 + 0.06 * field ** 2))
    return (best + (worst - best) * quantile).astype(np.float32)


def _limited_by_filter(signal, radius, scene, levels, rng):
    """Copies low-passed at each level, perhaps with a little noise, and a common fall-off."""
    best, worst = levels[0], levels[-1]
    b_factor = rng.uniform(-min(1200, 12 * best ** 2), min(100, 3 * best ** 2))
    kind = _filter_kind(rng)
    copies = [signal * _low_pass(radius, level, rng, kind) for level in levels]
    noise = None
    if rng.random() < 0.5:
        ratio = 10 ** rng.uniform(0.7, 3)
        noise = maps.white_noise(scene.shape, rng) * _noise_colour(radius, rng)
        noise *= np.float32(maps.noise_with_ratio(signal, noise, radius, worst, ratio,
                                                  _filled(scene)))
        noise *= _low_pass(radius, best, rng, kind)
    return copies, noise, maps.b_factor_decay(radius, b_factor), dict(b_factor=b_factor)


def _limited_by_noise(signal, radius, scene, levels, rng):
    """Copies that fade so that each meets the noise at its level; then what users do to maps."""
    best = levels[0]
    fading = rng.uniform(5, 16) * best ** 2
    noise = maps.white_noise(scene.shape, rng) * _noise_colour(radius, rng)
    filled = _filled(scene)
    faded = signal * maps.b_factor_decay(radius, -fading)
    noise *= np.float32(maps.noise_with_ratio(faded, noise, radius, best, _SIGNAL_TO_NOISE,
                                              filled))
    copies = []
    for level in levels:
        band = min(0.02, 0.5 / level)
        excess = (maps.band_power(signal, radius, 1 / level, band) / filled
                  / (_SIGNAL_TO_NOISE * maps.band_power(noise, radius, 1 / level, band)))
        copies.append(signal * maps.b_factor_decay(radius, -2 * np.log(excess) * level ** 2))
    final = np.ones_like(radius)
    if rng.random() < 0.85:
        sharpening = rng.uniform(0, 1.1) if rng.random() < 0.75 else 0
        final = maps.b_factor_decay(radius, sharpening * fading)
        cut = best * rng.uniform(0.8, 1.05)
        # Sharpening is never left without an end.
        final = np.where(radius < 1.5 / cut, final, 0) * _low_pass(radius, cut, rng)
    return copies, noise, final, dict(b_factor=-fading)


def _blend(copies, levels, resolution):
    """Mixture of copies by local resolution, linear in frequency between two levels."""
    if len(copies) == 1:
        return copies[0]
    frequencies = 1 / levels
    place = (frequencies[0] - 1 / resolution) / (frequencies[0] - frequencies[1])
    blended = np.zeros_like(copies[0])
    for index, copy in enumerate(copies):
        blended += copy * np.maximum(0, 1 - np.abs(place - index)).astype(np.float32)
    return blended


def _filter_kind(rng):
    return rng.choice(["cosine", "butterworth", "sharp"], p=[0.6, 0.25, 0.15])


def _low_pass(radius, resolution, rng, kind=None):
    kind = kind or _filter_kind(rng)
    if kind == "butterworth":
        return maps.butterworth(radius, resolution, rng.integers(5, 13))
    width = 0.002 if kind == "sharp" else min(rng.uniform(0.01, 0.06), 0.6 / resolution)
    return maps.raised_cosine(radius, resolution, width)


def _noise_colour(radius, rng):
    """White noise, or with more power at low frequencies."""
    if rng.random() < 0.4:
        return np.ones_like(radius)
    return 1 + rng.uniform(0, 6) * np.exp(-radius ** 2 * rng.uniform(20, 400))


def _uneven_gain(radius, rng):
    """A mild ripple over frequency, as programs scale amplitudes in many ways."""
    phase = 2 * np.pi * (radius * rng.uniform(4, 20) + rng.random())
    return np.exp(rng.uniform(0, 0.4) * np.cos(phase))


def _source_grid(shape, sampling, best, rng):
    """Cut at the Nyquist frequency of a coarser grid that the map may come from."""
    coarse = rng.uniform(sampling, max(sampling, best / 2))
    if rng.random() < 0.6 or coarse <= sampling:
        return 1.0
    limit = 0.5 / coarse
    z, y = (np.abs(fft.fftfreq(size, sampling)) <= limit for size in shape[:2])
    x = fft.rfftfreq(shape[2], sampling) <= limit
    return (z[:, None, None] & y[:, None] & x).astype(np.float32)


def _filled(scene):
    atoms = len(scene.positions())
    return min(1.0, _ATOM_VOLUME * atoms / (np.prod(scene.shape) * scene.sampling ** 3))


def _distance_to_atoms(scene):
    """Distance of each voxel from the nearest atom, Å, as far as 12 Å."""
    empty = np.ones(scene.shape, bool)
    voxels = np.rint(scene.positions()[:, ::-1] / scene.sampling).astype(int)
    empty[tuple(voxels.T)] = False
    return ndimage.distance_transform_edt(empty, sampling=scene.sampling).astype(np.float32)


def _contrast(volume, distance):
    """Mean of the molecule above the solvent, over the solvent's deviation."""
    solvent = volume[distance > 8]
    return (volume[distance <= 2.5].mean() - solvent.mean()) / solvent.std()


def _solvent_mask(distance, rng):
    inner = rng.uniform(3, 8)
    soft = rng.choice([0.01, rng.uniform(1, 6)])
    return 0.5 + 0.5 * np.cos(np.pi * np.clip((distance - inner) / soft, 0, 1))
