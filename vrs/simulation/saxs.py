"""Curves of small-angle X-ray scattering as a synchrotron would measure them."""

import numpy as np

from vrs.numerics.saxs import SaxsCurve
from vrs.numerics.saxs_model import solvated_model

# Background of buffer and camera, as part of the counts, at a q (1/Å).
_BACKGROUND, _REFERENCE_Q = 0.85, 0.2


def simulated_curve(structure, seed=0, q=None, error=0.01, contrast=0.01):
    """The curve that a model in water scatters, with noise.

    σ² = (I(q) + 2c/(1 - c) I(0.2 Å⁻¹)) / kq with c = 0.85: counts of the sample and twice those of
    the buffer, averaged over rings of the detector (Sedlak, Bruetzel and Lipfert 2017,
    doi 10.1107/S1600576717003077).

    Parameters
    ----------
    structure : gemmi.Structure
        As :func:`vrs.numerics.saxs_model.solvated_model` takes it.
    seed : int
    q : numpy.ndarray, (points,), optional
        1/Å, rising; without, 290 points of 0.011 to 0.3.
    error : float
        Relative error of the first point; sets k.
    contrast : float
        Of the hydration shell, e/Å³.

    Returns
    -------
    vrs.numerics.saxs.SaxsCurve
        1 at q = 0 without noise.

    Raises
    ------
    ValueError
        If the model's scattering cannot be computed.
    """
    q = np.linspace(0.011, 0.3, 290) if q is None else np.asarray(q, float)
    particle = solvated_model(structure, max(q[-1], _REFERENCE_Q))
    whole, reference = particle.intensity(np.array([0, _REFERENCE_Q]), contrast)
    intensity = particle.intensity(q, contrast) / whole
    counts = intensity + 2 * _BACKGROUND / (1 - _BACKGROUND) * reference / whole
    sigma = np.sqrt(counts / q)
    sigma *= error * intensity[0] / sigma[0]
    noise = np.random.default_rng(seed).normal(size=len(q))
    return SaxsCurve(q, intensity + sigma * noise, sigma)
