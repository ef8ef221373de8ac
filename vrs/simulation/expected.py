"""What two half maps have to show, from their signal and their noise, each known by itself."""

from dataclasses import dataclass

import numpy as np
from scipy import fft
from scipy.spatial import cKDTree

from vrs.numerics import fourier
from vrs.numerics.fsc import first_crossing, shell_correlation
from vrs.simulation.reconstruction import Spectra

# Voxels farther than this (Å) from any atom belong to no domain.
REACH = 3.0
_CONE = 20.0
_COARSEST = 15.0


@dataclass
class KnownHalves:
    """Half maps of which signal and noise are known by themselves.

    Attributes
    ----------
    signals, noises : list of numpy.ndarray of float32, (box, box, box)
        What each half is the sum of.
    sampling : float
        Å/voxel.
    workers : int
    """

    signals: list
    noises: list
    sampling: float
    workers: int = 1

    def powers(self, mask=None):
        """Real products of the transforms: signal of one half with that of the other, and the
        mean powers of the signals and of the noises.

        Parameters
        ----------
        mask : numpy.ndarray of float32, (box, box, box), optional
            Multiplies the maps first.

        Returns
        -------
        tuple of numpy.ndarray, (z, y, x // 2 + 1)
        """
        signals, noises = ([self._transform(volume, mask) for volume in volumes]
                           for volumes in (self.signals, self.noises))
        return ((signals[0] * signals[1].conj()).real,
                sum(np.abs(transform) ** 2 for transform in signals) / 2,
                sum(np.abs(transform) ** 2 for transform in noises) / 2)

    def spectra(self, mask=None):
        """Mean powers by shell.

        With images that move, the signals of the halves differ somewhat; what they do not share
        counts as noise.

        Parameters
        ----------
        mask : numpy.ndarray of float32, (box, box, box), optional

        Returns
        -------
        vrs.simulation.reconstruction.Spectra
        """
        shape = self.signals[0].shape
        shared, signal, noise = self.powers(mask)
        shared, signal, noise = fourier.shell_sums(
            shape, lambda z: (shared[z], signal[z], noise[z])) / fourier.shell_counts(shape)
        # Shells that no image reaches have neither.
        noise = np.maximum(signal - shared + noise, np.finfo(np.float32).tiny)
        return Spectra(fourier.shell_frequencies(shape, self.sampling), shared, noise)

    def directional(self, directions, mask=None):
        """Resolution that each direction has to show.

        Parameters
        ----------
        directions : numpy.ndarray, (n, 3)
            Unit vectors (x, y, z).
        mask : numpy.ndarray of float32, (box, box, box), optional

        Returns
        -------
        numpy.ndarray, (n,)
            Where the FSC within 20° of the direction falls to 0.143 beyond 15 Å, Å; infinite
            where it is below already there.
        """
        shape = self.signals[0].shape
        size, shells = shape[0], shape[0] // 2
        products, places, numbers = [], [], []
        powers = self.powers(mask)
        for z, (shell, inside, weights) in enumerate(fourier.shell_planes(shape)):
            y, x = np.divmod(inside, size // 2 + 1)
            planes = np.full(len(inside), z)
            places.append(np.column_stack([x, _signed(y, size), _signed(planes, size)]))
            numbers.append(shell)
            products.append(np.array([power[z].ravel()[inside] for power in powers]) * weights)
        places, numbers = np.concatenate(places), np.concatenate(numbers)
        shared, signal, noise = np.concatenate(products, axis=1)
        both = signal + noise
        lengths = np.linalg.norm(places, axis=1) * np.cos(np.radians(_CONE))
        frequencies = fourier.shell_frequencies(shape, self.sampling)
        # Nearer to the origin a cone holds too few coefficients.
        first = int(np.ceil(size * self.sampling / _COARSEST))
        found = []
        for direction in directions:
            inside = np.abs(places @ direction) >= lengths
            sums = [np.bincount(numbers[inside], values[inside], shells + 1)
                    for values in (shared, both)]
            curve = np.divide(*sums, out=np.zeros(shells + 1), where=sums[1] > 0)
            found.append(first_crossing(frequencies[first - 1:], curve[first - 1:],
                                        0.143).resolution or np.inf)
        return np.array(found)

    def agreement(self, truth):
        """FSC of each half, noise included, with the true density; the mean of both.

        Parameters
        ----------
        truth : numpy.ndarray of float32, (box, box, box)

        Returns
        -------
        numpy.ndarray, (shells,)
        """
        reference = self._transform(truth)
        return np.mean([shell_correlation(self._transform(signal + noise), reference, truth.shape)
                        for signal, noise in zip(self.signals, self.noises)], axis=0)

    def _transform(self, volume, mask=None):
        return fft.rfftn(volume if mask is None else volume * mask, workers=self.workers)


def resolutions(spectra):
    """Where the expected FSC falls below 0.143 and 0.5, Å.

    Returns
    -------
    dict of str to float
    """
    return {"%g" % threshold: round(
        first_crossing(spectra.frequencies, spectra.fsc, threshold).resolution, 3)
        for threshold in (0.143, 0.5)}


def nearest_chain(structure, box, sampling):
    """Which chain each voxel belongs to: that of the nearest atom, within 3 Å.

    Parameters
    ----------
    structure : gemmi.Structure
        In the frame of the map: the first voxel is at the origin.
    box : int
    sampling : float
        Å/voxel.

    Returns
    -------
    numpy.ndarray of int, (box, box, box)
        Number of the chain, from 0; -1 for none.
    """
    atoms = [(atom.pos.tolist(), number) for number, chain in enumerate(structure[0])
             for residue in chain for atom in residue]
    positions, numbers = (np.array(column) for column in zip(*atoms))
    voxels = np.indices((box,) * 3).reshape(3, -1).T[:, ::-1] * sampling
    _, nearest = cKDTree(positions).query(voxels, distance_upper_bound=REACH)
    return np.append(numbers, -1)[nearest].reshape((box,) * 3)


def _signed(wave_numbers, size):
    return np.where(wave_numbers < (size + 1) // 2, wave_numbers, wave_numbers - size)
