"""Two-dimensional classes of particle images.

A particle of in-plane angle psi shows its class average at x_image = R x_class - shift, with
R = [[cos psi, sin psi], [-sin psi, cos psi]].
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from scipy import fft

from vrs.images.agreement import soft_disc, within
from vrs.images.gallery import Rings
from vrs.images.plane import PaddedTransforms, shifted
from vrs.images.search import largest_over_angles, peak, shift_grid
from vrs.numerics.image_plane import ImagePlane

_BATCH = 64
ROUNDS = 15
# From this round on, shifts are tried next to the last one only.
_LOCAL_FROM = 5
# Part of the mean of Σ CTF² over the rings (or coefficients) that is added to each.
_FLOOR = 0.05


@dataclass(frozen=True, eq=False)
class Classification:
    """Classes of images and how each is aligned to its own.

    Attributes
    ----------
    classes : int
        How many there are.
    labels : numpy.ndarray of int, (n,)
        0 to classes - 1.
    psi : numpy.ndarray of float64, (n,)
        Degrees.
    shifts : numpy.ndarray of float64, (n, 2)
        Pixels.
    correlations : numpy.ndarray of float64, (n,)
        With the average of the other members.
    """

    classes: int
    labels: np.ndarray
    psi: np.ndarray
    shifts: np.ndarray
    correlations: np.ndarray

    @property
    def sizes(self):
        """Members of each class, (classes,)."""
        return np.bincount(self.labels, minlength=self.classes)


class _References:
    """Class averages on rings: sums of the members' orders and of their mean CTF²."""

    def __init__(self, rings, classes):
        self.rings = rings
        self.sums = np.zeros((classes, rings.orders, len(rings.radii)), np.complex64)
        self.weights = np.zeros((classes, len(rings.radii)), np.float32)
        self.counts = np.zeros(classes, int)

    def add(self, labels, orders, mean_ctf2):
        for label, values, weights in zip(labels, orders, mean_ctf2):
            self.sums[label] += values
            self.weights[label] += weights
            self.counts[label] += 1

    def divided(self, sums, weights):
        """Averages from sums (..., orders, rings) and weights (..., rings)."""
        floor = _FLOOR * weights.mean(axis=-1, keepdims=True)
        total = weights + floor
        return sums / np.where(total > 0, total, np.inf)[..., None, :]

    def power(self, averages):
        """Power of each ring times its radius, (..., rings)."""
        squared = averages.real ** 2 + averages.imag ** 2
        whole = squared[..., 0, :] + squared[..., -1, :] + 2 * squared[..., 1:-1, :].sum(axis=-2)
        return self.rings.radii.astype(np.float32) * whole / self.rings.angles


def classify(images, sampling, classes, diameter, first, last, reach, contrast=None,
             rounds=ROUNDS, seed=0, workers=1):
    """Multi-reference alignment and classification of images.

    The first references are images drawn at random. In each round every image goes to the class
    whose average it correlates with best, over all in-plane angles and the shifts of a grid, and
    the averages are made anew, with the CTF (Penczek, Radermacher and Frank 1992,
    doi 10.1016/0304-3991(92)90011-8). With its own class an image is compared as if it were
    not a member of it, so that its noise does not hold it there. Classes that lose all members
    start again from a member of the largest class.

    Parameters
    ----------
    images : numpy.ndarray of float32, (n, box, box)
    sampling : float
        Å/pixel.
    classes : int
        At most n.
    diameter : float
        Of the particle, pixels.
    first, last : int
        Rings that are compared, in wave numbers.
    reach : float
        How far particles may be off the centre along x and y, pixels.
    contrast : vrs.images.ctf.Contrast
        Of n particles; none when not given.
    rounds : int
    seed : int
    workers : int
        Threads.

    Returns
    -------
    Classification
    """
    rng = np.random.default_rng(seed)
    rings = Rings(images.shape[-1], first, last)
    with ThreadPoolExecutor(workers) as pool:
        starts = range(0, len(images), _BATCH)
        batches = list(pool.map(
            lambda start: _Batch(rings, images[start:start + _BATCH], sampling, diameter,
                                 None if contrast is None
                                 else contrast.take(slice(start, start + _BATCH))), starts))
        references = _References(rings, classes)
        drawn = rng.choice(len(images), classes, replace=False)
        for label, index in enumerate(drawn):
            batch, place = batches[index // _BATCH], index % _BATCH
            batch.labels[place] = label
            batch.assigned[place] = True
        for batch in batches:
            batch.enter(references)
        for number in range(rounds):
            grid = shift_grid(reach, 2.0) if number < _LOCAL_FROM else shift_grid(1.0, 1.0)
            averages = references.divided(references.sums, references.weights)
            right = np.ascontiguousarray(np.moveaxis(averages, 0, 2))
            power = np.ascontiguousarray(references.power(averages).T)
            moves = rings.moves(grid)
            list(pool.map(lambda batch: batch.assign(references, right, power, grid, moves,
                                                     number >= _LOCAL_FROM), batches))
            references = _References(rings, classes)
            for batch in batches:
                batch.enter(references)
            _fill_empty(references, batches, rng)
    return Classification(classes, *(np.concatenate([getattr(batch, name) for batch in batches])
                                     for name in ("labels", "psi", "shifts", "correlations")))


def _fill_empty(references, batches, rng):
    """Give each empty class a member of the largest class."""
    for empty in np.flatnonzero(references.counts == 0):
        largest = int(references.counts.argmax())
        labels = np.concatenate([batch.labels for batch in batches])
        index = rng.choice(np.flatnonzero(labels == largest))
        batch, place = batches[index // _BATCH], index % _BATCH
        orders, weights = batch.contribution([place])
        references.sums[largest] -= orders[0]
        references.weights[largest] -= weights[0]
        references.counts[largest] -= 1
        batch.labels[place] = empty
        references.add([empty], orders, weights)


class _Batch:
    """Some images on rings, and to which class they belong in which position."""

    def __init__(self, rings, images, sampling, diameter, contrast):
        self._rings, count = rings, len(images)
        shape = (count, len(rings.radii), rings.angles // 2)
        samples = rings.samples(within(images, soft_disc(rings.box, diameter)))
        norms = np.sqrt(rings.power(samples).sum(axis=1))
        samples /= np.where(norms > 0, norms, np.inf)[:, None, None]
        self._mean_ctf2 = np.ones(shape[:2], np.float32)
        if contrast is not None:
            ctf = contrast.values(rings.wave_numbers / (rings.box * sampling)).reshape(shape)
            samples *= ctf
            self._mean_ctf2 = np.mean(ctf ** 2, axis=2)
        self._samples = samples
        self.labels, self.assigned = np.zeros(count, int), np.zeros(count, bool)
        self.psi, self.shifts = np.zeros(count), np.zeros((count, 2))
        self.correlations = np.zeros(count)

    def contribution(self, places):
        """Orders of images in the position of their class, (n, orders, rings), and mean CTF²."""
        moved = self._samples[places] * self._rings.moves(self.shifts[places])
        orders = np.swapaxes(self._rings.transformed(moved), 1, 2)
        turns = np.radians(self.psi[places])[:, None] * np.arange(self._rings.orders)
        return (orders * np.exp(-1j * turns).astype(np.complex64)[..., None],
                self._mean_ctf2[places])

    def enter(self, references):
        """Add the images that have a class to its reference."""
        places = np.flatnonzero(self.assigned)
        if places.size:
            references.add(self.labels[places], *self.contribution(places))

    def assign(self, references, right, power, grid, moves, local):
        """Find the best class and position of each image."""
        rings, count = self._rings, len(self.labels)
        base = self.shifts.copy() if local else np.zeros((count, 2))
        samples = self._samples * rings.moves(base) if local else self._samples
        orders = rings.transformed((samples * rings.radii[:, None].astype(np.float32))[:, None]
                                   * moves)
        orders = np.ascontiguousarray(np.moveaxis(orders, 3, 0))
        left = orders.conj()
        norms = np.sqrt(self._mean_ctf2 @ power)
        norms = np.where(norms > 0, norms, np.inf)
        scores = largest_over_angles(left.reshape(len(left), -1, left.shape[3]), right,
                                     rings.angles).reshape(count, len(grid), -1) / norms[:, None]
        others, own_norms = self._without_themselves(references)
        own = fft.irfft(np.einsum("mnsr,nmr->mns", left, others, optimize=True), rings.angles,
                        axis=0) / own_norms[:, None]
        members = np.flatnonzero(self.assigned)
        scores[members, :, self.labels[members]] = own.max(axis=0)[members]
        flat = scores.reshape(count, -1).argmax(axis=1)
        shift, label = np.divmod(flat, scores.shape[2])
        image = np.arange(count)
        curves = fft.irfft(np.einsum("mnr,mrn->mn", left[:, image, shift], right[:, :, label]),
                           rings.angles, axis=0) / norms[image, label]
        stays = self.assigned & (label == self.labels)
        curves[:, stays] = own[:, image[stays], shift[stays]]
        place, self.correlations = peak(curves)
        self.psi, self.shifts, self.labels = place * 360 / rings.angles, base + grid[shift], label
        self.assigned[:] = True

    def _without_themselves(self, references):
        """References of the images' own classes without the image, (n, orders, rings), and
        their norms."""
        orders, weights = self.contribution(slice(None))
        orders[~self.assigned] = 0
        weights = np.where(self.assigned[:, None], weights, 0)
        averages = references.divided(
            references.sums[self.labels] - orders,
            np.maximum(references.weights[self.labels] - weights, 0))
        # What a class of one image leaves is nothing but rounding errors.
        averages[self.assigned & (references.counts[self.labels] < 2)] = 0
        norms = np.sqrt(np.sum(self._mean_ctf2 * references.power(averages), axis=1))
        return averages, np.where(norms > 0, norms, np.inf)


def aligned_images(images, psi, shifts, last=None, workers=1):
    """Images in the position of their class averages.

    Parameters
    ----------
    images : numpy.ndarray of float32, (n, box, box)
    psi : numpy.ndarray, (n,)
        Degrees.
    shifts : numpy.ndarray, (n, 2)
        Pixels.
    last : int
        Shell from which on coefficients are 0; all within box/2 - 1 when not given.
    workers : int

    Returns
    -------
    numpy.ndarray of float32, (n, box, box)
    """
    plane = ImagePlane(images.shape[-1], last=last, workers=workers)
    aligned = np.empty(images.shape, np.float32)
    for part, values, _ in in_class_frame(images, psi, shifts, plane):
        aligned[part] = plane.images(values)
    return aligned


def class_averages(images, classification, sampling=None, contrast=None, workers=1):
    """Averages of the members of classes.

    Parameters
    ----------
    images : numpy.ndarray of float32, (n, box, box)
    classification : Classification
    sampling : float
        Å/pixel; needed with a contrast.
    contrast : vrs.images.ctf.Contrast
        Of n particles: coefficients are Σ CTF·image / (Σ CTF² + 5 % of its mean). Without it
        they are plain means.
    workers : int

    Returns
    -------
    numpy.ndarray of float32, (classes, box, box)
        0 for classes without members.
    """
    plane = ImagePlane(images.shape[-1], workers=workers)
    sums = np.zeros((classification.classes, len(plane.wave_numbers)), np.complex64)
    weights = np.zeros(sums.shape, np.float32)
    for part, values, ctf in in_class_frame(images, classification.psi, classification.shifts,
                                            plane, sampling, contrast):
        member = np.equal.outer(np.arange(classification.classes),
                                classification.labels[part]).astype(np.float32)
        sums += member @ (values * ctf)
        weights += member @ ctf ** 2
    return plane.images(averaged(sums, weights) if contrast is not None
                        else sums / np.where(weights > 0, weights, np.inf))


def averaged(sums, weights):
    """Coefficients of averages from those of their members.

    Parameters
    ----------
    sums : numpy.ndarray of complex64, (n, coefficients)
        Σ CTF·image.
    weights : numpy.ndarray of float32, (n, coefficients)
        Σ CTF².

    Returns
    -------
    numpy.ndarray of complex64, (n, coefficients)
        Σ CTF·image / (Σ CTF² + 5 % of its mean over the coefficients); 0 without members.
    """
    total = weights + _FLOOR * weights.mean(axis=1, keepdims=True)
    return sums / np.where(total > 0, total, np.inf)


def in_class_frame(images, psi, shifts, plane, sampling=None, contrast=None):
    """Coefficients of some images at a time in the position of their class averages.

    Parameters
    ----------
    images : numpy.ndarray of float32, (n, box, box)
    psi : numpy.ndarray, (n,)
        Degrees.
    shifts : numpy.ndarray, (n, 2)
        Pixels.
    plane : vrs.numerics.image_plane.ImagePlane
        Coefficients that are wanted.
    sampling : float
        Å/pixel; needed with a contrast.
    contrast : vrs.images.ctf.Contrast
        Of n particles.

    Yields
    ------
    part : slice
        Which images.
    values : numpy.ndarray of complex64, (part, coefficients)
    ctf : numpy.ndarray of float32, (part, coefficients)
        Their CTF in the same position; 1 without a contrast.
    """
    transforms = PaddedTransforms(plane.box, workers=plane.workers)
    psi = np.asarray(psi, float)
    for start in range(0, len(images), _BATCH):
        part = slice(start, start + _BATCH)
        angle = np.radians(psi[part])
        turns = np.moveaxis(np.array([[np.cos(angle), np.sin(angle)],
                                      [-np.sin(angle), np.cos(angle)]]), 2, 0)
        places = np.einsum("nij,pj->npi", turns, plane.wave_numbers)
        values = transforms.at(transforms.of(shifted(images[part], shifts[part])), places)
        yield part, values, _turned_ctf(psi[part], plane, sampling,
                                        None if contrast is None else contrast.take(part))


def _turned_ctf(psi, plane, sampling, contrast):
    if contrast is None:
        return np.ones((len(psi), len(plane.wave_numbers)), np.float32)
    # A coefficient of the average at azimuth α is the image's at α - psi.
    turned = replace(contrast, defocus=contrast.defocus + np.outer(psi, [0, 0, 1]))
    return turned.values(plane.frequencies(sampling))
