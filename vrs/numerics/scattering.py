"""Small-angle X-ray scattering of particles in water, averaged over all orientations.

A particle is a body with a shell of denser water around it. Both are densities of electrons in
excess of bulk water, blurred by a Gaussian and sampled on a cubic lattice. What the blur does to
the intensities is known exactly and taken back.
"""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import cdist

WATER_DENSITY = 0.334
SHELL_THICKNESS = 3.0
# Lattice spacing and blur, both over the highest q: coefficients that fold back from beyond the
# Nyquist frequency have less than 10⁻⁴ of their amplitude.
_SPACING, _BLUR, _LEAST_Q = 1.0, 0.85, 0.1
# Gaussians end where they have fallen to 4·10⁻⁵.
_REACH = 4.5
_LARGEST_GRID = 400 ** 3
# Distances that differ by less than this part of the spacing are taken as one; intensities at the
# highest q, where little is left of the sums, change by some 10⁻⁴.
_DISTANCE_BIN = 1 / 128
# How far the centres of a ball's outermost voxels are from its surface, in voxels.
_BORDER = 0.3
_CHUNK = 20000
_FEW = 500


@dataclass(frozen=True)
class Lattice:
    """How a density has to be blurred and sampled to scatter right up to some q.

    Attributes
    ----------
    spacing : float
        Å.
    blur : float
        Standard deviation of the Gaussian, Å.
    """

    spacing: float
    blur: float

    @classmethod
    def for_q(cls, q_max, multiple_of=None):
        """The coarsest lattice that serves up to a q, perhaps of whole voxels.

        Parameters
        ----------
        q_max : float
            1/Å; 0.1 if it is less, for the sake of the shell.
        multiple_of : float, optional
            Å, at most 1 / q_max.
        """
        q_max = max(q_max, _LEAST_Q)
        spacing = _SPACING / q_max
        if multiple_of is not None:
            spacing = multiple_of * max(1, int(spacing / multiple_of + 1e-6))
        return cls(spacing, _BLUR / q_max)

    @property
    def reach(self):
        """How far a blurred point reaches, Å."""
        return _REACH * self.blur


@dataclass(frozen=True)
class SolvatedParticle:
    """What a particle in water scatters at any contrast of its hydration shell.

    Attributes
    ----------
    distances : numpy.ndarray of float64, (n,)
        Å.
    pairs : numpy.ndarray of float64, (3, n)
        Sum, over all pairs at these distances in the blurred densities, of the product of
        their electrons in excess of water: pairs within the body (e²), pairs of body and
        shell (e² per e/Å³ of the shell's contrast), pairs within the shell (e² per square of
        that).
    blur : float
        Of the densities, standard deviation in Å.
    volume : float
        Of the body, Å³.
    diameter : float
        Largest distance within the body, Å.
    """

    distances: np.ndarray
    pairs: np.ndarray
    blur: float
    volume: float
    diameter: float

    def partial_intensities(self, q):
        """Intensities from each kind of pairs.

        I(q) = Σ w(r) sin(qr)/(qr) over all distances r (Debye 1915,
        doi 10.1002/andp.19153510606).

        Parameters
        ----------
        q : numpy.ndarray, (points,)
            1/Å.

        Returns
        -------
        numpy.ndarray of float64, (3, points)
            To be multiplied by 1, the contrast and its square.
        """
        q = np.asarray(q, float)
        found = np.empty((len(self.pairs), len(q)))
        step = max(1, int(2e6) // len(self.distances))
        for start in range(0, len(q), step):
            part = slice(start, start + step)
            found[:, part] = self.pairs @ np.sinc(np.outer(self.distances, q[part]) / np.pi)
        return found * np.exp(np.square(self.blur * q))

    def intensity(self, q, contrast):
        """Intensity at a contrast of the shell.

        Parameters
        ----------
        q : numpy.ndarray, (points,)
            1/Å.
        contrast : float
            e/Å³.

        Returns
        -------
        numpy.ndarray of float64, (points,)
            e².
        """
        return contrast ** np.arange(3) @ self.partial_intensities(q)

    def radius_of_gyration(self, contrast):
        """Radius of gyration of the electrons in excess of water.

        Rg² = Σ w(r) r² / 2 Σ w(r): the limit at q = 0 of the slope in a Guinier plot.

        Parameters
        ----------
        contrast : float
            Of the shell, e/Å³.

        Returns
        -------
        float
            Å; NaN where it is not real, as in a particle whose inside is lighter than water.
        """
        weights = contrast ** np.arange(3) @ self.pairs
        square = weights @ self.distances ** 2 / (2 * weights.sum()) - 3 * self.blur ** 2
        return float(np.sqrt(square)) if square > 0 else float("nan")


def solvated_particle(body, shell, shape, lattice, volume, diameter, workers=1):
    """All pair distances in a particle.

    The autocorrelation of what lies on a lattice holds the sums over all its pairs, exactly
    and at the cost of a Fourier transform.

    Parameters
    ----------
    body, shell : numpy.ndarray of complex64, (z, y, x // 2 + 1)
        ``scipy.fft.rfftn`` of the blurred electrons in excess of water at each point of the
        lattice; of the shell for a contrast of 1 e/Å³. The shell's is overwritten.
    shape : tuple of int
        Grid (z, y, x) of :func:`padded`.
    lattice : Lattice
    volume, diameter : float
        Of the body, Å³ and Å.
    workers : int

    Returns
    -------
    SolvatedParticle
    """
    def correlation(power):
        return _sums_by_distance(
            fft.irfftn(power, s=shape, workers=workers, overwrite_x=True))

    # The power is real, and so is the autocorrelation; complex as irfftn wants it anyway.
    pairs = [correlation(body * body.conj()), 2 * correlation(body * shell.conj())]
    np.multiply(shell, shell.conj(), out=shell)
    pairs.append(correlation(shell))
    distances, pairs = _merged(np.array(pairs))
    return SolvatedParticle(lattice.spacing * distances, pairs, lattice.blur, float(volume),
                            float(diameter))


def padded(extent):
    """Grid on which a block does not overlap itself in its autocorrelation.

    Parameters
    ----------
    extent : sequence of int
        Block (z, y, x).

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError
        If it is too large.
    """
    shape = tuple(fft.next_fast_len(2 * int(count), real=True) for count in extent)
    if np.prod(shape, dtype=float) > _LARGEST_GRID:
        raise ValueError("The particle is too large for its scattering up to this q; restrict "
                         "the curve to smaller angles.")
    return shape


def blurred_samples(density, sampling, lattice):
    """A density as blurred electrons on a coarser lattice.

    Parameters
    ----------
    density : numpy.ndarray of float32, (z, y, x)
        e/Å³; 0 up to ``lattice.reach`` from the borders.
    sampling : float
        Å/voxel; the lattice's spacing is a multiple of it.
    lattice : Lattice

    Returns
    -------
    numpy.ndarray of float32
        Electrons per point; the first point is voxel 0.
    """
    step = int(round(lattice.spacing / sampling))
    # Sampled along each axis before the next one is blurred.
    for axis in range(3):
        density = ndimage.gaussian_filter1d(density, lattice.blur / sampling, axis,
                                            mode="constant", truncate=_REACH)
        density = density[(slice(None),) * axis + (slice(None, None, step),)]
    return density * np.float32(lattice.spacing ** 3)


def blurred_points(positions, extent, lattice):
    """Points as Gaussians of weight 1 on a lattice.

    Parameters
    ----------
    positions : numpy.ndarray, (n, 3)
        x, y, z in Å from the first point of the lattice, at least ``lattice.reach`` and a
        spacing from its borders.
    extent : tuple of int
        Of the lattice, (z, y, x).
    lattice : Lattice

    Returns
    -------
    numpy.ndarray of float32, extent
    """
    reach = int(np.ceil(lattice.reach / lattice.spacing))
    near = np.arange(-reach, reach + 1)
    total = np.zeros(int(np.prod(extent)))
    # Few at a time, for there are hundreds of points of the lattice near each.
    for start in range(0, len(positions), _CHUNK // 10):
        places = positions[start:start + _CHUNK // 10, ::-1] / lattice.spacing
        first = np.rint(places).astype(int)
        indices = first[:, :, None] + near
        weights = np.exp(-np.square((indices - places[:, :, None]) * lattice.spacing
                                    / lattice.blur) / 2)
        # So that each has the weight 1 whatever its place between the points.
        weights /= weights.sum(axis=2, keepdims=True)
        z, y, x = (indices[:, axis] for axis in range(3))
        rows = (z * extent[1])[:, :, None] + y[:, None]
        flat = (rows * extent[2])[..., None] + x[:, None, None]
        values = (weights[:, 0, :, None] * weights[:, 1, None])[..., None] \
            * weights[:, 2, None, None]
        total += np.bincount(flat.ravel(), values.ravel(), total.size)
    return total.astype(np.float32).reshape(extent)


def shell_around(mask, sampling, thickness=SHELL_THICKNESS):
    """Which part of each voxel belongs to the shell around a body.

    Parameters
    ----------
    mask : numpy.ndarray of bool, (z, y, x)
        The body.
    sampling : float
        Å/voxel.
    thickness : float
        Å from the borders of the body's voxels.

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
        0 to 1, 0 in the body.
    """
    distances = sampling * ndimage.distance_transform_edt(~mask)
    # Distances are counted from the centre of the body's nearest voxel, which lies a half voxel
    # within a border along the axes, and less in most other directions.
    inward = _BORDER * sampling
    shell = np.clip((thickness + inward + sampling / 2 - distances) / sampling, 0, 1)
    shell[mask] = 0
    return shell.astype(np.float32, copy=False)


def largest_distance(positions):
    """Largest distance between any two points.

    Parameters
    ----------
    positions : numpy.ndarray, (n, 3)
        Å.

    Returns
    -------
    float
        Å.
    """
    if len(positions) > _FEW:
        with suppress(QhullError):  # all of them in a plane have no hull
            positions = positions[ConvexHull(positions).vertices]
    return float(max(cdist(positions[start:start + _FEW], positions).max()
                     for start in range(0, len(positions), _FEW)))


def _sums_by_distance(correlation):
    """Sum of an autocorrelation over all vectors of each squared length, in spacings²."""
    z2, y2, x2 = (np.square(np.rint(fft.fftfreq(count) * count).astype(np.intp))
                  for count in correlation.shape)
    in_plane = (y2[:, None] + x2).ravel()
    sums = np.zeros(z2.max() + y2.max() + x2.max() + 1)
    for square, plane in zip(z2, correlation):
        found = np.bincount(in_plane, plane.ravel())
        sums[square:square + len(found)] += found
    return sums


def _merged(sums):
    """Distances in spacings, and the sums there, with nearly equal distances as one."""
    distances = np.sqrt(np.arange(sums.shape[1]))
    bins = (distances / _DISTANCE_BIN).astype(int)
    first = np.flatnonzero(np.diff(bins, prepend=-1))
    counts = np.diff(first, append=len(bins))
    return np.add.reduceat(distances, first) / counts, np.add.reduceat(sums, first, axis=1)
