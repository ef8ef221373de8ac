"""Defocus, astigmatism, fall-off and strength of particle images whose poses are known.

An image's coefficients X are modelled as g·m·CTF·P plus noise of variance σ²: P are those of the
projection at the given pose, g the strength of the signal in each shell, and m what the images
were multiplied by: 1 for raw images, the sign of the table's CTF for phase-flipped ones and that
CTF for premultiplied ones. The log-likelihood, L = -Σ |X - g m CTF P|²/σ², needs no disc: noise
where the model has nothing does not count. With Z = 2 g m Re(X* P)/σ² and W = (g m |P|)²/σ², it is
Σ Z·CTF - W·CTF² but for a constant; as a change d of the defocus adds π λ s² d to the phase of
the CTF, whatever the particle, L at all changes is a product of matrices.
"""

from dataclasses import dataclass, replace

import numpy as np

from vrs.numerics.image_plane import ImagePlane

# Changes of the defocus that are tried, Å.
REACH, _STEP = 3000.0, 250.0
OFFSETS = np.arange(-REACH, REACH + 1, _STEP)
# Standard errors by which a shell's signal exceeds 0.
_ERRORS = 3
_ROUNDS = 20
_LARGEST_B = 500.0


@dataclass(frozen=True, eq=False)
class Strength:
    """Signal and noise of images, by shell.

    Attributes
    ----------
    last : int
        Last of the shells that show signal; 0 when none does.
    signal : numpy.ndarray of float64, (shells,)
        Factor of the reprojections' coefficients times CTF; 0 beyond the last shell.
    noise : numpy.ndarray of float64, (shells,)
        Mean squared modulus of the noise's coefficients.
    """

    last: int
    signal: np.ndarray
    noise: np.ndarray


class DefocusModel:
    """Compares images with reprojections of other defocus.

    Parameters
    ----------
    projector : vrs.images.projector.Projector
    first, last : int
        Shells of the images' coefficients, in wave numbers.
    """

    def __init__(self, projector, first, last):
        self._projector = projector
        self._plane = ImagePlane(projector.plane.box, first, last)
        self._first, self._shells = first, self._plane.shells
        self._frequencies = self._plane.frequencies(projector.image_sampling)
        self._squared = np.sum(self._frequencies ** 2, axis=1)
        azimuth = np.arctan2(self._frequencies[:, 1], self._frequencies[:, 0])
        self._directions = np.stack([np.ones(len(azimuth)), np.cos(2 * azimuth),
                                     np.sin(2 * azimuth)])

    def strength(self, parts, change=0.0):
        """Signal and noise, by least squares in each shell.

        Parameters
        ----------
        parts : iterable of (images, rotations, shifts, contrast)
            As of :meth:`curves`.
        change : float
            Of the defocus of all, Å.

        Returns
        -------
        Strength
        """
        size = int(self._shells.max())
        sums, count = np.zeros((3, size + 1)), 0
        for part in parts:
            cross, power, image, sine, _, known = self._terms(*part, np.full(len(part[0]), change))
            model = known * sine
            for total, values in zip(sums, (model * cross, model ** 2 * power, image)):
                total += np.bincount(self._shells, values.sum(axis=0, dtype=float), size + 1)
            count += len(cross)
        members = np.maximum(np.bincount(self._shells, minlength=size + 1), 1)
        signal = np.divide(sums[0], sums[1], out=np.zeros(size + 1), where=sums[1] > 0)
        noise = (sums[2] - signal * sums[0]) / (count * members)
        # Half of the noise's variance is along the model.
        is_seen = signal * np.sqrt(2 * sums[1]) > _ERRORS * np.sqrt(noise)
        unseen = np.flatnonzero(~is_seen[self._first:-1] & ~is_seen[self._first + 1:])
        last = self._first + unseen[0] - 1 if unseen.size else size
        last = 0 if last < self._first else int(last)
        signal = np.where((np.arange(size + 1) <= last), np.maximum(signal, 0), 0)
        return Strength(last, signal, noise)

    def curves(self, images, rotations, shifts, contrast, strength, rng):
        """Log-likelihoods over ``OFFSETS``, also of simulated images of the table's defocus.

        Parameters
        ----------
        images : numpy.ndarray of float32, (n, box, box)
        rotations : numpy.ndarray, (n, 3, 3)
        shifts : numpy.ndarray, (n, 2)
            Pixels.
        contrast : vrs.images.ctf.Contrast
            Of n particles, none in the state "corrected".
        strength : Strength
        rng : numpy.random.Generator

        Returns
        -------
        curves, simulated : numpy.ndarray of float64, (n, offsets)
        information : numpy.ndarray of float64, (n,)
            Fisher information of the defocus, 1/Å².
        """
        z, w, sine, cosine = self._weighted(images, rotations, shifts, contrast, strength,
                                            np.zeros(len(images)))
        phase = self._phase_per_defocus(contrast)
        simulated = 2 * w * sine + np.sqrt(2 * w) * rng.standard_normal(w.shape, np.float32)
        curves = [np.empty((len(w), len(OFFSETS))) for _ in range(2)]
        for number in np.unique(contrast.group):
            members = contrast.group == number
            turns = phase[np.flatnonzero(members)[0]][:, None] * OFFSETS
            single, double = (np.concatenate([np.cos(angle), np.sin(angle)]).astype(np.float32)
                              for angle in (turns, 2 * turns))
            s, c, weight = sine[members], cosine[members], w[members]
            squares = np.concatenate([weight * (c ** 2 - s ** 2) / 2, -weight * s * c], axis=1)
            for found, some in zip(curves, (z, simulated)):
                products = np.concatenate([some[members] * s, some[members] * c], axis=1)
                found[members] = products @ single + squares @ double
        information = np.sum(2 * w * (phase * cosine) ** 2, axis=1, dtype=float)
        return curves[0], curves[1], information

    def slopes(self, images, rotations, shifts, contrast, strength, changes):
        """What tells astigmatism, fall-off and strength, at a changed defocus.

        Parameters
        ----------
        images, rotations, shifts, contrast, strength
            As of :meth:`curves`.
        changes : numpy.ndarray, (n,)
            Of the defocus, Å.

        Returns
        -------
        gradient : numpy.ndarray of float64, (n, 3)
            Of the log-likelihood along the mean defocus and along the two components of the
            astigmatism, a·cos 2α + b·sin 2α in the direction α of the image.
        information : numpy.ndarray of float64, (n, 3, 3)
        agreement, weights : numpy.ndarray of float64, (n, shells)
            Their ratio is the strength of the signal relative to the model, of variance
            1/(2·weights).
        """
        z, w, sine, cosine = self._weighted(images, rotations, shifts, contrast, strength, changes)
        slope = self._phase_per_defocus(contrast) * cosine
        gradient = ((z - 2 * w * sine) * slope).astype(float) @ self._directions.T
        pairs = (self._directions[:, None] * self._directions).reshape(9, -1)
        information = (2 * w * slope ** 2).astype(float) @ pairs.T
        shells = np.arange(len(strength.signal))[:, None] == self._shells
        agreement, weights = ((values.astype(float) @ shells.T) for values in (
            z * sine / 2, w * sine ** 2))
        return gradient, information.reshape(-1, 3, 3), agreement, weights

    def squared_frequencies(self, shells):
        """Of the middle of so many shells, 1/Å²."""
        plane = self._plane
        return (np.arange(shells) / (plane.box * self._projector.image_sampling)) ** 2

    def _terms(self, images, rotations, shifts, contrast, changes):
        """Re X*P, |P|², |X|², CTF and its cosine, and the known factor m."""
        image = self._plane.coefficients(images) * self._plane.shifts(shifts)
        model = self._projector.slices(rotations, self._plane.wave_numbers)
        raw = contrast.in_state("raw")
        known = np.ones(model.shape, np.float32)
        ctf = raw.values(self._frequencies)
        states = np.array(contrast.states)[contrast.group]
        flipped, multiplied = states == "phase-flipped", states == "premultiplied"
        known[flipped] = np.sign(ctf[flipped])
        known[multiplied] = ctf[multiplied]
        if np.any(changes):
            raw = replace(raw, defocus=raw.defocus + changes[:, None] * [1.0, 1.0, 0.0])
            ctf = raw.values(self._frequencies)
        before = 0.0 if raw.phase_shift is None else raw.phase_shift
        cosine = replace(raw, phase_shift=np.zeros(len(raw)) + before + 90.0).values(
            self._frequencies)
        cross = (image.conj() * model).real
        return (cross, model.real ** 2 + model.imag ** 2, image.real ** 2 + image.imag ** 2, ctf,
                cosine, known)

    def _weighted(self, images, rotations, shifts, contrast, strength, changes):
        cross, power, _, sine, cosine, known = self._terms(images, rotations, shifts, contrast,
                                                           changes)
        signal, noise = (values[self._shells].astype(np.float32) for values in (
            strength.signal, np.maximum(strength.noise, np.finfo(np.float32).tiny)))
        factor = signal * known
        return 2 * factor * cross / noise, factor ** 2 * power / noise, sine, cosine

    def _phase_per_defocus(self, contrast):
        """Radians per Å of defocus, (n, coefficients)."""
        wavelengths = np.array([optics.wavelength for optics in contrast.optics])
        return (np.pi * wavelengths[contrast.group][:, None] * self._squared).astype(np.float32)


def peaks(curves):
    """Changes of the defocus at which curves are highest, by a parabola.

    Parameters
    ----------
    curves : numpy.ndarray, (n, offsets)

    Returns
    -------
    numpy.ndarray of float64, (n,)
        Å; an end of the range where the curve is highest there.
    """
    highest = curves.argmax(axis=1)
    inner = np.clip(highest, 1, curves.shape[1] - 2)
    before, at, after = (np.take_along_axis(curves, (inner + step)[:, None], 1)[:, 0]
                         for step in (-1, 0, 1))
    bend = before - 2 * at + after
    part = np.divide((before - after) / 2, bend, out=np.zeros(len(bend)), where=bend < 0)
    return OFFSETS[highest] + np.where(inner == highest, part, 0) * _STEP


def common_change(curves, information):
    """Change of the defocus that particles of one micrograph share.

    Where the sum of their log-likelihoods is highest. The standard error is that of the jackknife
    over the particles, but at least what the noise of the images leads to.

    Parameters
    ----------
    curves : numpy.ndarray, (n, offsets)
        Of two particles at least.
    information : numpy.ndarray, (n,)

    Returns
    -------
    change, error : float
        Å.
    """
    total, count = curves.sum(axis=0), len(curves)
    without = peaks(total - curves)
    jackknife = np.sqrt((count - 1) * np.mean((without - without.mean()) ** 2))
    return float(peaks(total[None])[0]), float(max(jackknife, information.sum() ** -0.5))


def astigmatism_change(gradient, information):
    """Change of the astigmatism that particles share, by a step of Fisher's scoring.

    Parameters
    ----------
    gradient : numpy.ndarray, (3,)
    information : numpy.ndarray, (3, 3)
        Sums over the particles of those of :meth:`DefocusModel.slopes`.

    Returns
    -------
    components : numpy.ndarray of float64, (2,)
        Of (U - V)/2 along cos 2α and sin 2α, Å.
    error : float
        Standard error of each, Å.
    """
    covariance = np.linalg.inv(information)
    return (covariance @ gradient)[1:], float(np.sqrt(np.trace(covariance[1:, 1:]) / 2))


def strength_change(agreement, weights, squared):
    """Scale and B-factor of the signal relative to the model, scale·exp(-B s²/4).

    Weighted least squares by Gauss-Newton steps.

    Parameters
    ----------
    agreement, weights : numpy.ndarray, (shells,)
        Sums over particles of those of :meth:`DefocusModel.slopes`.
    squared : numpy.ndarray, (shells,)
        Squared frequencies, 1/Å².

    Returns
    -------
    scale : float
    b_factor : float
        Å², between -500 and 500.
    """
    seen = weights > 0
    ratio, weights, squared = agreement[seen] / weights[seen], weights[seen], squared[seen]
    scale, b_factor = float(np.average(ratio, weights=weights)), 0.0
    for _ in range(_ROUNDS):
        fall = np.exp(-b_factor * squared / 4)
        slopes = np.stack([fall, -scale * fall * squared / 4], axis=1)
        normal = slopes.T @ (weights[:, None] * slopes)
        normal += 1e-9 * np.diag(np.diag(normal)) + 1e-300 * np.eye(2)
        step = np.linalg.solve(normal, slopes.T @ (weights * (ratio - scale * fall)))
        scale, b_factor = scale + step[0], float(np.clip(b_factor + step[1], -_LARGEST_B,
                                                         _LARGEST_B))
    return float(scale), b_factor


def with_astigmatism(defocus, change, components):
    """Defocus U, V and angle after a change of the mean defocus and of the astigmatism.

    Parameters
    ----------
    defocus : numpy.ndarray, (3,)
        U, V in Å and angle in degrees.
    change : float
        Å.
    components : numpy.ndarray, (2,)
        Of :func:`astigmatism_change`.

    Returns
    -------
    numpy.ndarray of float64, (3,)
        U not smaller than V, angle from 0 to 180.
    """
    u, v, angle = defocus
    twice = np.radians(2 * angle)
    vector = (u - v) / 2 * np.array([np.cos(twice), np.sin(twice)]) + components
    half = np.hypot(*vector)
    mean = (u + v) / 2 + change
    return np.array([mean + half, mean - half,
                     np.degrees(np.arctan2(vector[1], vector[0])) / 2 % 180])
