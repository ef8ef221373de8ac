"""What particles of known orientations have beside their mean: a second state.

An image of particle i, in units of its noise, is its CTF times the section of V + z_i D, V
being the mean map, D a difference and z_i, of mean 0, how much of it the particle has: -1/2 or
1/2 for two states that are as frequent. The residual y_i is the image less the mean; with m_i
the section of D times the CTF, and noise of variance 1,

    Σ_i ((y_i·m_i)² - m_i·m_i)

is on average Σ_i z_i² |m_i|⁴: it needs no classes, and noise adds nothing to it. The D of norm 1
that makes it largest is the first principal volume; for two states it is their difference.

What differs from particle to particle without a second state would show, too. So each image and
each m_i lack what a change of the particle's grey scale, envelope, orientation or position would
add to its image.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigh_tridiagonal
from scipy.spatial.transform import Rotation

from vrs.numerics.projection import CentralSections, Reconstruction

_STEPS = 20  # Of Lanczos's method.
# Part of the angle that moves the outer shell by one wave number.
_DIFFERENCE = 0.25


def products(one, other):
    """Scalar products of complex rows as real vectors, over the last axis."""
    return np.einsum("...c,...c->...", _real(one), _real(other))


def _real(values):
    """Real and imaginary parts side by side, (..., 2 coefficients)."""
    return np.ascontiguousarray(values, np.complex64).view(np.float32)


def correlation(one, other):
    """Of two volumes, about 0."""
    return float(np.sum(one * other) / np.sqrt(np.sum(one ** 2) * np.sum(other ** 2)))


@dataclass(frozen=True, eq=False)
class WhiteImages:
    """Coefficients of images in units of their noise.

    Attributes
    ----------
    sections : vrs.numerics.projection.CentralSections
    factors : numpy.ndarray of float64, (shells,)
        Of the coefficients of the map's projections in the images, before they are divided by
        the noise, for shells 0 to the last.
    rotations : numpy.ndarray of float64, (n, 3, 3)
    images : numpy.ndarray of complex64, (n, coefficients)
        Real and imaginary parts of the noise have the variance 1.
    ctf : numpy.ndarray of float32, (n, coefficients)
        Over the noise, so that it takes sections of maps to these images.
    nuisances : numpy.ndarray of complex64, (n, 7, coefficients)
        Orthonormal directions that single particles may differ in.
    """

    sections: CentralSections
    factors: np.ndarray
    rotations: np.ndarray
    images: np.ndarray
    ctf: np.ndarray
    nuisances: np.ndarray

    def __len__(self):
        return len(self.images)

    def take(self, rows):
        """Those of some particles."""
        return replace(self, **{name: getattr(self, name)[rows] for name in (
            "rotations", "images", "ctf", "nuisances")})

    def cleared(self, images):
        """Images without what single particles may differ in."""
        nuisances, values = _real(self.nuisances), _real(images)
        amounts = np.einsum("nqc,nc->nq", nuisances, values)
        return (values - np.einsum("nq,nqc->nc", amounts, nuisances)).view(np.complex64)

    def scaled(self, images):
        """Cleared images of the norm that noise of variance 1 has."""
        free = 2 * images.shape[1] - self.nuisances.shape[1]
        return images * np.sqrt(free / products(images, images))[:, None].astype(np.float32)


def white_images(coefficients, ctf, rotations, projector, sections):
    """Images in units of their noise.

    The map is fitted to the images shell by shell, and what is left is noise.

    Parameters
    ----------
    coefficients : numpy.ndarray of complex64, (n, coefficients)
        About the particles' centres.
    ctf : numpy.ndarray of float32, (n, coefficients)
    rotations : numpy.ndarray, (n, 3, 3)
    projector : vrs.images.projector.Projector
        Of the map.
    sections : vrs.numerics.projection.CentralSections
        Of the box and the shells that are compared.

    Returns
    -------
    WhiteImages
    """
    shells, wave_numbers = sections.shells, sections.wave_numbers

    def over_shells(values):
        return np.bincount(shells, values.sum(axis=0))

    model = projector.slices(rotations, wave_numbers)
    expected = model * ctf
    overlap, power = (over_shells(products_) for products_ in (
        (coefficients * expected.conj()).real, _squared(expected)))
    factors = np.maximum(np.divide(overlap, power, out=np.zeros(len(power)), where=power > 0), 0)
    by_shell = factors[shells].astype(np.float32)
    noise = over_shells(_squared(coefficients - by_shell * expected)) / (
        2 * len(coefficients) * np.maximum(np.bincount(shells), 1))
    deviation = np.sqrt(noise)[shells].astype(np.float32)
    ctf = ctf / deviation
    turns = Rotation.from_rotvec(_DIFFERENCE / shells.max() * np.eye(3)).as_matrix()
    slopes = [projector.slices(turn @ rotations, wave_numbers)
              - projector.slices(turn.T @ rotations, wave_numbers) for turn in turns]
    along = (1j * wave_numbers.T).astype(np.complex64)
    directions = np.stack([model, model * shells.astype(np.float32) ** 2, along[0] * model,
                           along[1] * model] + slopes, axis=1)
    return WhiteImages(sections, factors, np.asarray(rotations, float), coefficients / deviation,
                       ctf, _orthonormal(directions * (by_shell * ctf)[:, None]))


def _orthonormal(directions):
    """Directions (n, q, coefficients) made orthonormal as real vectors."""
    vectors = np.concatenate([directions.real, directions.imag], axis=2)
    norms = np.linalg.norm(vectors, axis=2, keepdims=True)
    vectors /= np.where(norms > 0, norms, 1)
    basis = np.swapaxes(np.linalg.qr(np.swapaxes(vectors, 1, 2))[0], 1, 2)
    size = directions.shape[2]
    return basis[..., :size] + np.complex64(1j) * basis[..., size:]


def _squared(values):
    return values.real ** 2 + values.imag ** 2


class Variability:
    """What particles have beside their mean.

    Parameters
    ----------
    white : WhiteImages
    group : numpy.ndarray, (g, 3, 3)
        Symmetry of the specimen; each particle counts with all its copies.
    mask : numpy.ndarray of float32, (box, box, box)
        Outside of which maps do not differ.

    Attributes
    ----------
    residuals : numpy.ndarray of complex64, (n, coefficients)
        Images less their mean map, cleared and scaled.
    """

    def __init__(self, white, group, mask):
        self._white, self._mask, self._sections = white, mask, white.sections
        self._places = [self._sections.place(white.rotations @ copy) for copy in group]
        made = Reconstruction(self._sections)
        for places in self._places:
            made.insert(places, [white.images], white.ctf)
        mean = white.ctf * self._cut(made.volume(), self._places[0])
        self.residuals = white.scaled(white.cleared(white.images - mean))

    def _cut(self, volume, places):
        return self._sections.cut(self._sections.transform(volume), places)

    def images(self, volume, copy=0):
        """What a difference adds to the images, cleared; numpy.ndarray (n, coefficients)."""
        return self._white.cleared(self._white.ctf * self._cut(volume, self._places[copy]))

    def permuted(self, rng):
        """Residuals of particles in the places of others, as if each had no state."""
        order = rng.permutation(len(self.residuals))
        return self._white.scaled(self._white.cleared(self.residuals[order]))

    def planted(self, volume, rng):
        """Residuals if half of the particles, drawn at random, had a difference more.

        Parameters
        ----------
        volume : numpy.ndarray of float32, (box, box, box)
        rng : numpy.random.Generator

        Returns
        -------
        residuals : numpy.ndarray of complex64, (n, coefficients)
        likelihood_ratio : float
            Mean logarithm of the likelihood ratio of the two states, |m|²/2, by which one image
            tells them apart if the maps are known.
        """
        added = self.images(volume)
        state = rng.choice(np.array([-0.5, 0.5], np.float32), len(added))
        return (self._white.scaled(self.residuals + state[:, None] * added),
                float(np.mean(products(added, added)) / 2))

    def principal_volume(self, residuals, rng):
        """The difference that varies most.

        Lanczos's method with full orthogonalisation, from a random start.

        Parameters
        ----------
        residuals : numpy.ndarray of complex64, (n, coefficients)
        rng : numpy.random.Generator

        Returns
        -------
        numpy.ndarray of float32, (box, box, box)
            Of norm 1, within the mask; its sign is of no meaning.
        """
        shape = self._mask.shape
        vector = (rng.standard_normal(shape) * self._mask).ravel()
        basis, heights, sides = [vector / np.linalg.norm(vector)], [], []
        while True:
            vector = self._covariance(basis[-1].reshape(shape), residuals).ravel().astype(float)
            heights.append(vector @ basis[-1])
            if len(heights) == _STEPS:
                break
            known = np.array(basis)
            for _ in range(2):
                vector -= known.T @ (known @ vector)
            sides.append(np.linalg.norm(vector))
            basis.append(vector / sides[-1])
        largest = eigh_tridiagonal(heights, sides)[1][:, -1]
        return (largest @ np.array(basis)).reshape(shape).astype(np.float32)

    def _covariance(self, volume, residuals):
        """The sum's slope along a volume, but for a factor."""
        total = 0
        for copy, places in enumerate(self._places):
            added = self.images(volume.astype(np.float32), copy)
            weighted = residuals * products(residuals, added)[:, None] - added
            made = Reconstruction(self._sections)
            made.insert(places, [self._white.cleared(weighted)], self._white.ctf)
            total = total + made.back_projection()
        return total * self._mask / (len(residuals) * len(self._places))

    def scores(self, volume):
        """How much particles speak for either end of a difference.

        The volume should be that of other particles. Its scale is the one for two states of the
        same frequency that explains the variance along it.

        Parameters
        ----------
        volume : numpy.ndarray of float32, (box, box, box)

        Returns
        -------
        numpy.ndarray of float64, (n,)
            Logarithm of the likelihood ratio of V + D/2 and V - D/2; 0 for all if there is no
            variance along it.
        """
        added = self.images(volume)
        along, squared = products(self.residuals, added), products(added, added)
        excess = np.sum(along.astype(float) ** 2 - squared) / np.sum(squared.astype(float) ** 2)
        return 2 * np.sqrt(max(excess, 0)) * along.astype(float)
