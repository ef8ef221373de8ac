"""How strong signal and noise of particle images are, and images that are as strong."""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from vrs.images.agreement import soft_disc, within
from vrs.images.plane import shifted

_BATCH = 64


@dataclass(frozen=True, eq=False)
class ImageSpectra:
    """Signal and noise of particle images.

    Attributes
    ----------
    signal : numpy.ndarray of float64, (box // 2 + 1,)
        By shell round(|k|): factor of the reprojections' coefficients times CTF in the images.
    noise : numpy.ndarray of float64, (box // 2 + 1,)
        Power of the noise; white noise has its variance in all shells.
    power : numpy.ndarray of float64, (box // 2 + 1,)
        Mean power of the whole images, in the same unit.
    snr : float
        Variance of the signal over that of the noise, over the whole box.
    """

    signal: np.ndarray
    noise: np.ndarray
    power: np.ndarray
    snr: float


def measure_spectra(images, rotations, shifts, projector, diameter, contrast=None):
    """Signal and noise of images whose poses are known.

    The factor of the signal is that of a least-squares fit of the reprojections, times CTF, to
    the images within the disc, shell by shell; noise does not change it but by chance, wrong
    poses lower it. The noise is what lies outside the disc.

    Parameters
    ----------
    images : numpy.ndarray of float32, (n, box, box)
    rotations : numpy.ndarray, (n, 3, 3)
    shifts : numpy.ndarray, (n, 2)
        Pixels.
    projector : vrs.images.projector.Projector
    diameter : float
        Of the particle, pixels.
    contrast : vrs.images.ctf.Contrast
        Of n particles; none when not given.

    Returns
    -------
    ImageSpectra

    Raises
    ------
    ValueError
        If hardly anything of the images lies outside the disc.
    """
    box = projector.plane.box
    shells, counts = _shells(box)
    disc = soft_disc(box, diameter)
    outside = 1 - disc
    if outside.sum() < 0.02 * outside.size:
        raise ValueError("a disc of %g pixels leaves nothing of a box of %d" % (diameter, box))
    sums = np.zeros((5, box // 2 + 1))
    for start in range(0, len(images), _BATCH):
        part = slice(start, start + _BATCH)
        centred = shifted(images[part], np.asarray(shifts)[part])
        model = projector.images(rotations[part],
                                 contrast=None if contrast is None else contrast.take(part))
        image, fitted = (fft.rfft2(within(stack, disc)) for stack in (centred, model))
        quantities = ((image * fitted.conj()).real, _squared(fitted),
                      _squared(fft.rfft2(within(centred, outside))),
                      _squared(fft.rfft2(centred)), _squared(fft.rfft2(model)))
        sums += [np.bincount(shells.ravel(), (values.sum(axis=0) * counts).ravel(),
                             box + 1)[:box // 2 + 1] for values in quantities]
    coefficients = np.bincount(shells.ravel(), counts.ravel(), box + 1)[:box // 2 + 1]
    signal = np.divide(sums[0], sums[1], out=np.zeros(len(coefficients)), where=sums[1] > 0)
    signal = np.maximum(signal, 0)
    noise = sums[2] / (len(images) * coefficients * np.sum(outside.astype(float) ** 2))
    noise[0] = noise[1]  # the mean was taken away
    power = sums[3] / (len(images) * coefficients * box ** 2)
    clean = np.sum(signal[1:] ** 2 * sums[4, 1:]) / (len(images) * box ** 2)
    # In the corners of Fourier space noise counts as in the last shell.
    total = np.sum(noise[np.minimum(shells, box // 2)] * counts)
    return ImageSpectra(signal, noise, power, float(clean / total))


def white_spectra(rotations, projector, snr, contrast=None):
    """Spectra of images with white noise.

    Parameters
    ----------
    rotations : numpy.ndarray, (n, 3, 3)
        Of images whose mean variance is taken for that of the signal.
    projector : vrs.images.projector.Projector
    snr : float
        Variance of the signal over that of the noise.
    contrast : vrs.images.ctf.Contrast
        Of n particles; none when not given.

    Returns
    -------
    ImageSpectra
    """
    box = projector.plane.box
    variances = [projector.images(
        rotations[start:start + _BATCH],
        contrast=None if contrast is None else contrast.take(slice(start, start + _BATCH))
        ).var(axis=(1, 2)) for start in range(0, len(rotations), _BATCH)]
    level = float(np.mean(np.concatenate(variances))) / snr
    flat = np.ones(box // 2 + 1)
    return ImageSpectra(flat, level * flat, level * flat, snr)


def simulate(rotations, shifts, projector, spectra, rng, contrast=None):
    """Images of a map as strong as given ones.

    Noise is Gaussian; that of premultiplied images is multiplied by the CTF like the signal.

    Parameters
    ----------
    rotations : numpy.ndarray, (n, 3, 3)
    shifts : numpy.ndarray, (n, 2)
        Pixels.
    projector : vrs.images.projector.Projector
    spectra : ImageSpectra
    rng : numpy.random.Generator
    contrast : vrs.images.ctf.Contrast
        Of n particles; none when not given.

    Returns
    -------
    numpy.ndarray of float32, (n, box, box)
    """
    box, plane = projector.plane.box, projector.plane
    shells, _ = _shells(box)
    within_plane = plane.shells
    images = np.empty((len(rotations), box, box), np.float32)
    amplitude = np.sqrt(spectra.noise[np.minimum(shells, box // 2)]).astype(np.float32)
    for start in range(0, len(rotations), _BATCH):
        part = slice(start, start + _BATCH)
        some = None if contrast is None else contrast.take(part)
        values = projector.slices(rotations[part]) * spectra.signal[within_plane].astype(np.float32)
        if some is not None:
            values *= some.values(plane.frequencies(projector.image_sampling))
        values *= plane.shifts(-np.asarray(shifts)[part])
        white = rng.standard_normal((len(values), box, box), dtype=np.float32)
        noise = fft.rfft2(white) * amplitude
        if some is not None:
            noise *= _modulation(some, box, projector.image_sampling)
        images[part] = plane.images(values) + fft.irfft2(noise, s=(box, box))
    return images


def _modulation(contrast, box, sampling):
    """By what the noise of images was multiplied; its mean square over a shell of all is 1."""
    shells, counts = _shells(box)
    premultiplied = np.array([state == "premultiplied" for state in contrast.states])
    factors = np.ones((len(contrast),) + shells.shape, np.float32)
    members = np.flatnonzero(premultiplied[contrast.group])
    if members.size:
        y, x = np.meshgrid(fft.fftfreq(box, sampling), fft.rfftfreq(box, sampling), indexing="ij")
        ctf = contrast.in_state("raw").take(members).values(
            np.column_stack([x.ravel(), y.ravel()])).reshape((-1,) + shells.shape)
        weights = counts * np.ones_like(ctf[0])
        sizes = np.bincount(shells.ravel(), weights.ravel())
        power = np.bincount(shells.ravel(), (weights * np.mean(ctf ** 2, axis=0)).ravel()) / sizes
        factors[members] = ctf / np.sqrt(power[shells])
    return factors


def _shells(box):
    """Shell of each coefficient of the half plane, and how often it counts."""
    shells = np.rint(np.hypot(fft.fftfreq(box, 1 / box)[:, None], fft.rfftfreq(box, 1 / box)))
    counts = np.full(shells.shape, 2.0)
    counts[:, 0] = 1
    if box % 2 == 0:
        counts[:, -1] = 1
    return shells.astype(int), counts


def _squared(values):
    return values.real ** 2 + values.imag ** 2
