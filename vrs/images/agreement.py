"""How well images agree within a disc.

The disc is centred on the box, so images have to be moved by their shifts first. Its weights w
are soft; means, covariances and norms are those of the weighted pixels.
"""

import numpy as np
from scipy import fft

from vrs.numerics.fourier import raised_cosine

# Width of the raised cosine beyond the particle's radius, pixels.
_EDGE = 3.0


def soft_disc(box, diameter):
    """Weights of the pixels of a particle.

    Parameters
    ----------
    box : int
    diameter : float
        Of the particle, pixels.

    Returns
    -------
    numpy.ndarray of float32, (box, box)
        1 within the diameter, from where a raised cosine falls to 0 over 3 pixels.
    """
    axis = np.arange(box) - box // 2
    radius = np.hypot(axis, axis[:, None])
    return raised_cosine(radius, diameter / 2, _EDGE).astype(np.float32)


def within(images, disc):
    """Images less their mean in a disc, times the disc.

    Parameters
    ----------
    images : numpy.ndarray of float32, (n, box, box)
    disc : numpy.ndarray of float32, (box, box)

    Returns
    -------
    numpy.ndarray of float32, (n, box, box)
    """
    return _deviations(images, disc) * disc


def _means(images, disc):
    return np.tensordot(images, disc, 2) / disc.sum()


def _deviations(images, disc):
    return images - _means(images, disc)[:, None, None]


def covariances(images, references, disc):
    """Weighted means of the products of deviations: of both, of the images, of the references.

    Parameters
    ----------
    images, references : numpy.ndarray of float32, (n, box, box)
    disc : numpy.ndarray of float32, (box, box)

    Returns
    -------
    covariance, variance, reference_variance : numpy.ndarray of float64, (n,)
    """
    deviations = [_deviations(stack, disc).reshape(len(stack), -1)
                  for stack in (images, references)]
    weighted = [stack * disc.ravel() for stack in deviations]
    total = float(disc.sum())
    return tuple(np.einsum("np,np->n", weighted[first], deviations[second], dtype=float) / total
                 for first, second in ((0, 1), (0, 0), (1, 1)))


def correlations(images, references, disc):
    """Pearson's correlation of images with references within a disc.

    Parameters
    ----------
    images, references : numpy.ndarray of float32, (n, box, box)
    disc : numpy.ndarray of float32, (box, box)

    Returns
    -------
    numpy.ndarray of float64, (n,)
        0 where one of both is constant.
    """
    covariance, variance, reference_variance = covariances(images, references, disc)
    scale = np.sqrt(variance * reference_variance)
    return np.divide(covariance, scale, out=np.zeros(len(scale)), where=scale > 0)


def grey_fit(images, references, disc):
    """Least squares a·reference + b of images within a disc.

    Parameters
    ----------
    images, references : numpy.ndarray of float32, (n, box, box)
    disc : numpy.ndarray of float32, (box, box)

    Returns
    -------
    a, b : numpy.ndarray of float64, (n,)
        a is 0 for constant references.
    """
    covariance, _, variance = covariances(images, references, disc)
    a = np.divide(covariance, variance, out=np.zeros(len(variance)), where=variance > 0)
    return a, _means(images, disc) - a * _means(references, disc)


def image_distances(images, references, disc, width=1.0):
    """Image Euclidean distance (IMED) of images from references within a disc.

    √Σ_ij g_ij d_i d_j with g_ij = exp(-|P_i - P_j|²/2σ²)/2πσ², P being the places of the pixels
    (Wang et al. 2005, doi 10.1109/TPAMI.2005.165). d is the image less its least-squares fit
    a·reference + b, times the disc, for images of variance 1 there. It is computed as the norm
    of d smoothed by the root of g, a Gaussian of deviation σ/√2.

    Parameters
    ----------
    images, references : numpy.ndarray of float32, (n, box, box)
    disc : numpy.ndarray of float32, (box, box)
    width : float
        σ, pixels.

    Returns
    -------
    numpy.ndarray of float64, (n,)
        0 for constant images.
    """
    a, b = (values[:, None, None] for values in grey_fit(images, references, disc))
    left = ((images - a * references - b) * disc).astype(np.float32)
    box = len(disc)
    squared = fft.fftfreq(box)[:, None] ** 2 + fft.rfftfreq(box) ** 2
    smoothing = np.exp(-(np.pi * width) ** 2 * squared).astype(np.float32)
    smoothed = fft.irfft2(fft.rfft2(left) * smoothing, s=(box, box))
    sums = np.einsum("nij,nij->n", smoothed, smoothed, dtype=float)
    variance = covariances(images, images, disc)[1]
    return np.sqrt(np.divide(sums, variance, out=np.zeros(len(sums)), where=variance > 0))
