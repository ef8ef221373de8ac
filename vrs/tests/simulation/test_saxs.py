import numpy as np
import pytest

from vrs.numerics.saxs import fit_particle, guinier_fit
from vrs.numerics.saxs_model import solvated_model
from vrs.simulation.saxs import simulated_curve
from vrs.tests.numerics.test_saxs_model import globule, structure_of


def test_the_model_fits_its_own_curve():
    model = globule()
    curve = simulated_curve(model, seed=4)
    particle = solvated_model(model, 0.3)
    fit = fit_particle(curve, particle)
    # 287 degrees of freedom: a deviation of 0.083.
    assert fit.chi2 == pytest.approx(1, abs=0.3)
    assert fit.cormap_p_value > 0.01
    guinier = guinier_fit(curve)
    assert guinier.radius == pytest.approx(particle.radius_of_gyration(0.01), rel=0.03)
    assert guinier.intensity == pytest.approx(1, rel=0.02)


def test_errors_are_those_of_counts():
    q = np.linspace(0.02, 0.25, 500)
    curves = [simulated_curve(globule(), seed, q, error=0.02) for seed in (1, 2, 1)]
    np.testing.assert_array_equal(curves[0].intensity, curves[2].intensity)
    assert not np.array_equal(curves[0].intensity, curves[1].intensity)
    np.testing.assert_array_equal(curves[0].sigma, curves[1].sigma)
    exact = solvated_model(globule(), 0.25).intensity(q, 0.01)
    exact /= solvated_model(globule(), 0.25).intensity(np.zeros(1), 0.01)
    residuals = (curves[0].intensity - exact) / curves[0].sigma
    # 500 values.
    assert np.std(residuals) == pytest.approx(1, abs=0.15) and abs(residuals.mean()) < 0.2
    assert curves[0].sigma[0] == pytest.approx(0.02 * exact[0])
    # Rings of the detector grow with q, and weak intensities leave the background.
    assert curves[0].sigma[-1] < curves[0].sigma[0]
    relative = curves[0].sigma / exact
    assert relative[-1] > 5 * relative[0]


def test_a_model_without_atoms():
    with pytest.raises(ValueError, match="no atoms"):
        simulated_curve(structure_of([]))
