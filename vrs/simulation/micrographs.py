"""Micrographs with particles, and with planted places from which none should come.

The specimen is what the beam meets: how much of it passes, and by how much its phase is shifted.
The microscope adds the contrast transfer and the noise of the electrons, so that good ice and
faults are seen in proportion to their thickness. What is bad, and where, is known.
"""

from dataclasses import dataclass, field
from typing import Dict

import gemmi
import mrcfile
import numpy as np
from scipy import fft, ndimage

from vrs.numerics.ctf import Optics, contrast_transfer

_OPTICS = Optics(300.0, 2.7, 0.1)
_DOSE = 40.0  # electrons/Å²
# Radians per Å of thickness at 300 kV: protein beyond the water that it displaces, frozen water.
_PROTEIN, _WATER = 0.0016, 0.0025
# Å in which the part of the beam that passes falls to 1/e.
_ICE_DEPTH, _CARBON_DEPTH = 3000.0, 1500.0
_ICE = 500.0  # thickness, Å
# Random structure of amorphous films: deviation of the phase in 1 Å², for a film of 100 Å.
_ICE_GRAIN, _CARBON_GRAIN = 0.03, 0.15
_STRONGEST_PHASE = 0.6
# Hexagonal ice.
_LATTICE = (3.90, 3.67, 3.44)
# Detectors, motion and dose weighting damp what is fine, Å².
_DAMPING = 60.0


@dataclass(frozen=True)
class SimulatedMicrograph:
    """A micrograph of which everything is known.

    Attributes
    ----------
    image : numpy.ndarray of float32, (rows, columns)
        Electrons in each pixel; protein is dark, as the microscope takes it.
    sampling, diameter : float
        Å/pixel, and of the particles, Å.
    particles : numpy.ndarray, (particles, 2)
        Their centres along x (columns) and y (rows), pixels; none lies in a fault.
    faults : dict of str to numpy.ndarray of bool, (rows, columns)
        Where each kind of fault is.
    """

    image: np.ndarray
    sampling: float
    diameter: float
    particles: np.ndarray
    faults: Dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def bad(self):
        """Where no particle should come from, bool (rows, columns)."""
        return np.any([np.zeros(self.image.shape, bool)] + list(self.faults.values()), axis=0)


def simulate_micrograph(seed, shape, sampling, faults=(), diameter=180.0, crowding=0.15,
                        gradient=0.1, defocus=15000.0):
    """Draw a micrograph.

    Parameters
    ----------
    seed : int
    shape : tuple of int
        Rows and columns.
    sampling : float
        Å/pixel.
    faults : sequence of str
        Keys of :data:`FAULTS`, or of :data:`THROUGHOUT`.
    diameter : float
        Of the particles, Å.
    crowding : float
        Share of the area that particles cover, 0 to about 0.5.
    gradient : float
        By what part the brightness changes over the micrograph, with the ice and the beam.
    defocus : float
        Å.

    Returns
    -------
    SimulatedMicrograph
    """
    rng = np.random.default_rng(seed)
    specimen = Specimen(rng, shape, sampling, diameter)
    for name in faults:
        (FAULTS.get(name) or THROUGHOUT[name])(specimen)
    specimen.grain(_ICE_GRAIN * np.sqrt(_ICE / 100) * specimen.ice)
    points = specimen.scatter(crowding)
    v, u = specimen.y / specimen.y.max() - 0.5, specimen.x / specimen.x.max() - 0.5
    slopes = rng.normal(size=4)
    slow = slopes[0] * u + slopes[1] * v + slopes[2] * u * v + slopes[3] * (u ** 2 - 1 / 12)
    slow *= gradient / np.ptp(slow)
    passed = np.exp(-_ICE / _ICE_DEPTH * specimen.ice) * specimen.transmission * (1 + slow)
    ideal = passed * (1 - 2 * specimen.contrast(defocus))
    counts = _DOSE * sampling ** 2
    noise = rng.standard_normal(shape, dtype=np.float32)
    image = counts * np.maximum(ideal, 0.01) + np.sqrt(counts * np.maximum(ideal, 0.01)) * noise
    image = specimen.recorded(image)
    return SimulatedMicrograph(image.astype(np.float32), sampling, diameter, points,
                               specimen.faults)


def plant(image, sampling, seed, faults, diameter=180.0, defocus=15000.0):
    """Lay faults over a micrograph, for example over good ice of a real one.

    Parameters
    ----------
    image : numpy.ndarray of float32, (rows, columns)
        Proportional to the electrons, apart from an offset: its deviation becomes that of the
        noise of 40 electrons/Å².
    sampling : float
        Å/pixel.
    seed : int
    faults : sequence of str
        Keys of :data:`FAULTS`.
    diameter : float
        Of the particles, Å.
    defocus : float
        Å.

    Returns
    -------
    SimulatedMicrograph
        Without particles, as nobody knows where they are.
    """
    specimen = Specimen(np.random.default_rng(seed), image.shape, sampling, diameter)
    for name in faults:
        FAULTS[name](specimen)
    counts = _DOSE * sampling ** 2
    beam = counts + (image - image.mean()) * np.sqrt(counts) / image.std()
    empty = np.exp(_ICE / _ICE_DEPTH * (1 - specimen.ice))
    ideal = specimen.transmission * empty * (1 - 2 * specimen.contrast(defocus))
    made = specimen.recorded(beam * np.maximum(ideal, 0.01))
    return SimulatedMicrograph(made.astype(np.float32), sampling, diameter, np.zeros((0, 2)),
                               specimen.faults)


class Specimen:
    """What the beam meets.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
    sampling, diameter : float
        Å.

    Attributes
    ----------
    x, y : numpy.ndarray of float32, (1, columns) and (rows, 1)
        Å.
    ice : numpy.ndarray of float32, (rows, columns)
        Thickness of the ice over that of good ice.
    transmission : numpy.ndarray of float32, (rows, columns)
        Part of the beam that passes everything but the ice.
    phase : numpy.ndarray of float32, (rows, columns)
        Radians.
    faults : dict of str to numpy.ndarray of bool
    """

    def __init__(self, rng, shape, sampling, diameter):
        self.rng, self.shape, self.sampling, self.diameter = rng, shape, sampling, diameter
        self.y = (np.arange(shape[0], dtype=np.float32) * sampling)[:, None]
        self.x = (np.arange(shape[1], dtype=np.float32) * sampling)[None]
        self.ice = np.ones(shape, np.float32)
        self.transmission = np.ones(shape, np.float32)
        self.phase = np.zeros(shape, np.float32)
        self.dead = np.zeros(shape, bool)
        self.faults = {}

    @property
    def extent(self):
        """Å along x and y."""
        return np.array([self.shape[1], self.shape[0]]) * self.sampling

    def mark(self, name, where):
        """Say where a fault is."""
        self.faults[name] = self.faults.get(name, np.zeros(self.shape, bool)) | where

    def texture(self, length):
        """Random field of deviation 1 with structure of a length in Å."""
        step = max(1, int(length / self.sampling / 4))
        small = tuple(-(-size // step) + 1 for size in self.shape)
        noise = self.rng.standard_normal(small).astype(np.float32)
        smooth = ndimage.gaussian_filter(noise, length / self.sampling / step / 2, mode="wrap")
        smooth = ndimage.zoom(smooth / smooth.std(), step, order=1) if step > 1 else smooth
        rows, columns = self.shape
        missing = [(0, max(0, size - have)) for size, have in zip(self.shape, smooth.shape)]
        return np.pad(smooth, missing, mode="edge")[:rows, :columns]

    def inward(self, where):
        """Å to the border of a region, positive within."""
        return self.sampling * (ndimage.distance_transform_edt(where)
                                - ndimage.distance_transform_edt(~where)).astype(np.float32)

    def grain(self, strength):
        """Add the random structure of an amorphous film, of a deviation in 1 Å²."""
        noise = self.rng.standard_normal(self.shape, dtype=np.float32)
        self.phase += strength / self.sampling * noise

    def scatter(self, crowding):
        """Lay particles into ice without faults; returns their centres (x, y), pixels."""
        size = self.diameter / self.sampling
        count = int(crowding * np.prod(self.shape) / (np.pi / 4 * size ** 2))
        points = spread_points(self.rng, self.shape, count, 1.05 * size)
        bad = np.any([np.zeros(self.shape, bool)] + list(self.faults.values()), axis=0)
        free = ndimage.distance_transform_edt(np.pad(~bad, 1, constant_values=True))[1:-1, 1:-1]
        x, y = points.astype(int).T.reshape(2, -1)
        points = points[(free[y, x] > 0.6 * size) | (not bad.any())]
        images = particle_images(self.rng, self.diameter, self.sampling, 12)
        half = images.shape[1] // 2
        padded = np.pad(self.phase, half + 1)
        for x, y in np.rint(points).astype(int) + 1:
            padded[y:y + 2 * half, x:x + 2 * half] += images[self.rng.integers(len(images))]
        self.phase = padded[half + 1:-half - 1, half + 1:-half - 1]
        return points

    def contrast(self, defocus):
        """Half of the relative contrast that the microscope makes of the phases."""
        shape = tuple(fft.next_fast_len(size + 32, real=True) for size in self.shape)
        pads = [(0, whole - size) for whole, size in zip(shape, self.shape)]
        phase = np.pad(np.clip(self.phase, -3, 3), pads, mode="symmetric")
        y, x = np.meshgrid(fft.fftfreq(shape[0], self.sampling),
                           fft.rfftfreq(shape[1], self.sampling), indexing="ij")
        transfer = contrast_transfer(np.column_stack([x.ravel(), y.ravel()]),
                                     [[1.01 * defocus, 0.99 * defocus, 30.0]], _OPTICS)
        transfer = transfer.reshape(y.shape) * np.exp(-_DAMPING / 4 * (x ** 2 + y ** 2))
        seen = fft.irfft2(fft.rfft2(phase) * transfer.astype(np.float32), s=shape)
        return seen[:self.shape[0], :self.shape[1]]

    def recorded(self, image):
        """The image with the pixels that the detector did not record."""
        return np.where(self.dead, image[~self.dead].mean(), image) if self.dead.any() else image


# The faults. Each draws what it needs and changes the specimen.

def _carbon(specimen):
    """The film of a holey grid beyond the curved border of a hole, with ice on it."""
    rng = specimen.rng
    radius, angle = rng.uniform(5000, 15000), rng.uniform(0, 2 * np.pi)
    direction = np.array([np.cos(angle), np.sin(angle)])
    reach = np.abs(specimen.extent * direction).sum() / 2
    middle = specimen.extent / 2 - (radius - rng.uniform(-0.3, 0.6) * reach) * direction
    film = np.hypot(specimen.x - middle[0], specimen.y - middle[1]) > radius
    _lay_film(specimen, film, rng.uniform(100, 300))
    specimen.mark("carbon", film)


def _lay_film(specimen, film, thickness):
    whole = np.clip(0.5 + specimen.inward(film) / 30, 0, 1)
    specimen.transmission *= np.exp(-thickness / _CARBON_DEPTH * whole)
    specimen.phase += (_CARBON_GRAIN * np.sqrt(thickness / 100) / specimen.sampling * whole
                       * specimen.rng.standard_normal(specimen.shape, dtype=np.float32))
    specimen.phase += 0.3 * whole


def _contamination(specimen):
    """Ice crystals from the air: round or lumpy, dark, with fringes at their borders."""
    rng = specimen.rng
    for _ in range(rng.integers(2, 7)):
        radius = np.exp(rng.uniform(np.log(100), np.log(600)))
        middle = rng.uniform(0.05, 0.95, 2) * specimen.extent
        x, y = specimen.x - middle[0], specimen.y - middle[1]
        azimuth = np.arctan2(y, x)
        border = radius * (1 + sum(rng.normal(0, 0.08) * np.cos(wave * azimuth + rng.uniform(0, 6))
                                   for wave in (2, 3, 4)))
        thickness = 2 * radius * np.sqrt(np.clip(1 - (x ** 2 + y ** 2) / border ** 2, 0, 1))
        specimen.transmission *= np.exp(-thickness / _ICE_DEPTH)
        # Weak lenses saturate: beyond a radian the fringes add up to no more contrast.
        specimen.phase += _STRONGEST_PHASE * np.tanh(_WATER * thickness / _STRONGEST_PHASE)
        specimen.mark("contamination", thickness > 0)


def _crystalline(specimen):
    """A patch of crystalline ice: blotches of diffraction contrast, and its lattice."""
    rng = specimen.rng
    where = _patch(specimen, 0.2, 0.6)
    inside = np.clip(specimen.inward(where) / 50, 0, 1)
    blotches = np.tanh(specimen.texture(250) + 0.7 * specimen.texture(80))
    specimen.transmission *= 1 - 0.12 * inside * np.abs(blotches)
    if 2.1 * specimen.sampling < _LATTICE[-1]:
        grains = specimen.texture(600)
        edges = (-np.inf, -0.4, 0.4, np.inf)
        for low, high, spacing in zip(edges, edges[1:], _LATTICE):
            angle = rng.uniform(0, np.pi)
            along = np.cos(angle) * specimen.x + np.sin(angle) * specimen.y
            # Strong enough to survive the damping and the zeros of the transfer.
            specimen.phase += (0.15 * inside * ((grains > low) & (grains <= high))
                               * np.cos(2 * np.pi / spacing * along))
    specimen.mark("crystalline", where)


def _hole(specimen):
    """Broken ice: nothing but vacuum behind a thick border."""
    where = _patch(specimen, 0.05, 0.4)
    inward = specimen.inward(where)
    specimen.ice *= 1 - np.clip(0.5 + inward / 30, 0, 1)
    specimen.ice += 0.8 * np.exp(-(inward / 80) ** 2)
    specimen.mark("hole", inward > -130)


def _crack(specimen):
    """A crack of the ice across the micrograph: a bent bright line with thick borders."""
    rng = specimen.rng
    angle = rng.uniform(0, np.pi)
    middle = rng.uniform(0.25, 0.75, 2) * specimen.extent
    level = (np.cos(angle) * (specimen.x - middle[0]) + np.sin(angle) * (specimen.y - middle[1])
             + 150 * specimen.texture(1500))
    far = np.abs(level)
    width = rng.uniform(40, 120)
    specimen.ice *= np.clip(far / width - 0.5, 0, 1)
    specimen.ice += np.exp(-((far - 1.5 * width) / width) ** 2)
    specimen.mark("crack", far < 3 * width)


def _frame(specimen):
    """A strip along a border that was not recorded, or that an aperture shades."""
    rng = specimen.rng
    axis, first = rng.integers(2), rng.integers(2)
    place = (specimen.y, specimen.x)[axis] * np.ones(specimen.shape, np.float32)
    length = specimen.shape[axis] * specimen.sampling
    width = rng.uniform(0.03, 0.15) * length
    where = place < width if first else place > length - width
    if rng.integers(2):
        specimen.dead |= where
    else:
        specimen.transmission *= 1 - 0.8 * np.clip(0.5 + specimen.inward(where) / 200, 0, 1)
    specimen.mark("frame", specimen.inward(where) > -100)


FAULTS = {"carbon": _carbon, "contamination": _contamination, "crystalline": _crystalline,
          "hole": _hole, "crack": _crack, "frame": _frame}


# What is wrong with a micrograph everywhere. Nothing is marked: all of it is bad.

def _film_throughout(specimen):
    """A film of carbon without holes."""
    specimen.transmission *= np.exp(-200 / _CARBON_DEPTH)
    specimen.grain(_CARBON_GRAIN * np.sqrt(2))


def _thick_throughout(specimen):
    """Ice of three times the thickness."""
    specimen.ice *= 3


def _crystalline_throughout(specimen):
    """Blotches of diffraction contrast, in pixels that do not show the lattice."""
    specimen.transmission *= 1 - 0.12 * np.abs(np.tanh(specimen.texture(250)
                                                       + 0.7 * specimen.texture(80)))


THROUGHOUT = {"film": _film_throughout, "thick": _thick_throughout,
              "blotches": _crystalline_throughout}


def _patch(specimen, least, most):
    """An irregular part of the micrograph."""
    level = specimen.texture(min(specimen.extent) / 2)
    return level > np.quantile(level[::4, ::4], 1 - specimen.rng.uniform(least, most))


def spread_points(rng, shape, count, distance):
    """Random points no closer to each other than a distance.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
        Rows and columns.
    count : int
        At most; fewer where there is no room.
    distance : float
        Pixels.

    Returns
    -------
    numpy.ndarray, (points, 2)
        x and y, pixels.
    """
    rows, columns = shape
    cells, kept = {}, []
    for point in rng.uniform(0, [columns - 1, rows - 1], (8 * count, 2)):
        home = tuple((point // distance).astype(int))
        near = [other for i in (-1, 0, 1) for j in (-1, 0, 1)
                for other in cells.get((home[0] + i, home[1] + j), ())]
        if all(np.hypot(*(point - other)) >= distance for other in near):
            cells.setdefault(home, []).append(point)
            kept.append(point)
            if len(kept) == count:
                break
    return np.array(kept).reshape(-1, 2)


def particle_images(rng, diameter, sampling, count):
    """Phases behind a made-up particle, seen from several directions.

    Parameters
    ----------
    rng : numpy.random.Generator
    diameter, sampling : float
        Å, and Å/pixel.
    count : int

    Returns
    -------
    numpy.ndarray of float32, (count, side, side)
        Radians; the side is even and pixel side // 2 the centre.
    """
    radius, number = diameter / 2, 60
    blobs = rng.standard_normal((number, 3))
    blobs *= rng.uniform(0, 1, (number, 1)) ** (1 / 3) / np.linalg.norm(blobs, axis=1)[:, None]
    width = max(0.12 * radius, sampling)
    half = int(np.ceil(1.2 * radius / sampling))
    grid = np.arange(-half, half) * sampling
    images = np.empty((count, 2 * half, 2 * half), np.float32)
    for image in images:
        turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
        x, y = (blobs @ turn.T)[:, :2].T * (radius - width)
        image[:] = (np.exp(-(grid - y[:, None]) ** 2 / (2 * width ** 2)).T
                    @ np.exp(-(grid - x[:, None]) ** 2 / (2 * width ** 2)))
    # As much protein as fills a ball of 0.8 of the diameter.
    volume = 4 / 3 * np.pi * (0.8 * radius) ** 3
    return images * np.float32(_PROTEIN * volume / (images.sum() / count * sampling ** 2))


def write_micrograph(path, image, sampling):
    """Write a micrograph as an MRC file; the same image always gives the same bytes.

    Parameters
    ----------
    path : str
    image : numpy.ndarray, (rows, columns)
        Written as float32, or as float16 if it is that.
    sampling : float
        Å/pixel.
    """
    with mrcfile.new(str(path), overwrite=True) as mrc:
        mrc.set_data(np.ascontiguousarray(
            image, np.float16 if image.dtype == np.float16 else np.float32))
        mrc.voxel_size = sampling
        # The library's own label carries the time of writing.
        mrc.header.label[0] = "Written by vrs"


def write_picks(path, points):
    """Write coordinates as RELION's pickers do, one file for a micrograph.

    Parameters
    ----------
    path : str
        Best the micrograph's name with ``_autopick.star`` in place of its ending.
    points : numpy.ndarray, (particles, 2)
        x and y, pixels.
    """
    document = gemmi.cif.Document()
    loop = document.add_new_block("").init_loop("_rln", ["CoordinateX", "CoordinateY"])
    loop.set_all_values([["%.2f" % value for value in column] for column in np.transpose(points)])
    with open(str(path), "w", encoding="utf-8") as handle:
        handle.write(document.as_string())
