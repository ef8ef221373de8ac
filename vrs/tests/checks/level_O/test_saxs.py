import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.checks.criteria import Overrides
from vrs.inputs import compose
from vrs.inputs.map import MapEvidence
from vrs.inputs.model import ModelEvidence
from vrs.inputs.reported import Reported
from vrs.io.saxs import read_saxs
from vrs.numerics.model_map import model_map
from vrs.numerics.saxs import SaxsCurve, guinier_fit
from vrs.numerics.saxs_model import model_mass
from vrs.results import Paragraph, Plot, Status, Table
from vrs.simulation.saxs import simulated_curve
from vrs.tests.numerics import test_saxs_map as balls
from vrs.tests.numerics.test_saxs_model import structure_of, tetramer
from vrs.tests.proteins import protein

CHECK = get_check("O.b")
Q = np.linspace(0.011, 0.3, 150)
BOX, SAMPLING, RESOLUTION = 52, 2.5, 8.0


def run(volume, sampling, threshold, curve, structure=None, resolution=RESOLUTION):
    result, _ = run_check(CHECK, compose(
        map=MapEvidence(volume, sampling, threshold, (0.0, 0.0, 0.0)),
        reported=Reported(resolution), saxs=curve,
        model=None if structure is None else ModelEvidence(structure)))
    return result, {name: metric.value for name, metric in result.metrics.items()}


def run_model(structure, curve, with_model=True, sampling=SAMPLING):
    """The map of a model at 8 Å, its threshold a little below the best."""
    volume = model_map(structure, (BOX,) * 3, SAMPLING, RESOLUTION)
    voxels = 1.1 * 1.21 * model_mass(structure) / SAMPLING ** 3
    threshold = np.sort(volume, axis=None)[-int(voxels)]
    return run(volume, sampling, float(threshold), curve, structure if with_model else None)


def texts(result):
    return " ".join(block.text for block in result.content if isinstance(block, Paragraph))


@pytest.fixture(scope="module")
def dimer():
    structure = protein()[0]
    for site in structure[0].all():
        x, y, z = np.array(site.atom.pos.tolist()) + BOX * SAMPLING / 2
        site.atom.pos.x, site.atom.pos.y, site.atom.pos.z = x, y, z
    return structure


@pytest.fixture(scope="module")
def monomer(dimer):
    structure = dimer.clone()
    del structure[0][1]
    return structure


@pytest.fixture(scope="module")
def curve(dimer):
    return simulated_curve(dimer, seed=1, q=Q)


@pytest.fixture(scope="module")
def right(dimer, curve):
    """What is said of the right map, by whether the model is given."""
    return {with_model: run_model(dimer, curve, with_model) for with_model in (True, False)}


@pytest.mark.parametrize("with_model", [True, False])
def test_the_right_map_passes(dimer, curve, right, with_model):
    result, found = right[with_model]
    assert result.status is Status.OK and found["largest_deviation"] < 4
    guinier = guinier_fit(curve)
    assert (found["rg_curve"], found["rg_curve_error"]) == (guinier.radius, guinier.error)
    assert found["rg_map"] == pytest.approx(guinier.radius, rel=0.02)
    assert found["rg_difference"] == pytest.approx(
        100 * abs(found["rg_map"] / guinier.radius - 1))
    # Of a model whose largest distance between atoms is 92 Å.
    assert found["d_max"] == pytest.approx(92, abs=3 * found["d_max_error"])
    assert found["d_max_map"] == pytest.approx(92, rel=0.05)
    assert found["highest_q"] == pytest.approx(0.25, abs=0.002)
    if with_model:
        assert found["model_chi2"] == pytest.approx(1, abs=0.35)
        assert found["model_cormap_p_value"] > 0.01 and found["model_relative_deviation"] < 2
        assert found["rg_model"] == pytest.approx(guinier.radius, rel=0.01)
        assert found["expected_volume"] == pytest.approx(1.21 * model_mass(dimer))
        assert "loosely constrained" not in texts(result)
    else:
        assert "model_chi2" not in found and "loosely constrained" in texts(result)


@pytest.mark.parametrize("with_model", [True, False])
def test_a_monomer_where_the_curve_is_of_a_dimer_warns(monomer, curve, with_model):
    result, found = run_model(monomer, curve, with_model)
    assert result.status is Status.WARNINGS
    assert found["chi2"] > 100 and found["cormap_p_value"] < 1e-6
    assert found["rg_map"] < 0.75 * found["rg_curve"]
    assert found["largest_deviation"] == pytest.approx(
        max(found["relative_deviation"], found["rg_difference"])) and (
            found["largest_deviation"] > 25)
    assert "oligomeric state" in result.warnings[0]
    if with_model:
        assert found["model_chi2"] > 100


def test_a_dimer_where_the_curve_is_of_a_monomer_warns(dimer, monomer):
    result, found = run_model(dimer, simulated_curve(monomer, seed=2, q=Q))
    assert result.status is Status.WARNINGS and found["rg_map"] > 1.2 * found["rg_curve"]


def test_half_of_a_model_does_not_condemn_the_map(dimer, monomer, curve):
    volume = model_map(dimer, (BOX,) * 3, SAMPLING, RESOLUTION)
    voxels = 1.1 * 1.21 * model_mass(dimer) / SAMPLING ** 3
    result, found = run(volume, SAMPLING, float(np.sort(volume, axis=None)[-int(voxels)]), curve,
                        monomer)
    assert result.status is Status.OK and found["model_chi2"] > 100
    assert "encloses 2.2 times the volume expected from the model" in texts(result)


def test_what_it_shows(right):
    result, found = right[True]
    (table,) = [block for block in result.content if isinstance(block, Table)]
    assert table.columns == ["", "Curve", "Map", "Model"] and len(table.rows) == 5
    assert table.rows[3][1:] == ["%.1f ± %.1f" % (found["rg_curve"], found["rg_curve_error"]),
                                 "%.1f" % found["rg_map"], "%.1f" % found["rg_model"]]
    fits, residuals, distances = [block for block in result.content if isinstance(block, Plot)]
    assert [series.label for series in fits.series] == ["Curve", "Map", "Model"] and fits.log_y
    values = np.concatenate([series.y for series in fits.series])
    assert np.nanmin(values) > 0
    for series, name in zip(residuals.series, ("chi2", "model_chi2")):
        # χ² by its definition, with three fitted parameters; the contour is one more.
        freedom = len(series.y) - 3 - (name == "chi2")
        assert np.sum(series.y ** 2) / freedom == pytest.approx(found[name])
    for series in distances.series:
        assert np.sum(series.y) * (series.x[1] - series.x[0]) == pytest.approx(1)


def test_errors_of_the_wrong_size_do_not_decide(dimer, monomer, curve):
    """χ² of the right map is far above 3 then, and that of the wrong one is not forgiven."""
    small = SaxsCurve(curve.q, curve.intensity, curve.sigma / 4)
    result, found = run_model(dimer, small)
    assert found["chi2"] > 10 and result.status is Status.OK
    large = SaxsCurve(curve.q, curve.intensity, curve.sigma * 4)
    assert run_model(monomer, large)[0].status is Status.WARNINGS


def test_noise_is_no_deviation():
    """A tenth of noise, as large as the errors say."""
    shape = balls.two_balls()
    noisy = balls.curve_of(shape, error=0.1)
    result, found = run(balls.as_map(shape), balls.SAMPLING, 0.5, noisy)
    assert result.status is Status.OK
    # What noise makes of it is not judged.
    assert found["relative_deviation"] > 5 and found["largest_deviation"] > 5
    assert {one.name: one.outcome for one in result.criteria} == {
        "O.b.deviation": "met"}
    assert found["chi2"] == pytest.approx(1, abs=0.4)


def test_one_ball_where_the_curve_is_of_two():
    result, found = run(balls.as_map(balls.two_balls(1)), balls.SAMPLING, 0.5,
                        balls.curve_of(balls.two_balls()))
    assert result.status is Status.WARNINGS and found["largest_deviation"] > 10
    assert len(result.warnings) == 1  # what only says that they differ does not warn
    for bounds, status in (({"O.b.chi2": 1e6}, Status.OK), ({"O.b.cormap": 0.0}, Status.OK),
                           ({"O.b.deviation": 90.0}, Status.OK),
                           ({"O.b.chi2": 1.0, "O.b.cormap": 0.1}, Status.WARNINGS)):
        judged = CHECK.judge(result.metrics, Overrides(bounds))
        assert judged.status is status, bounds
    # The volume at the threshold stands for that of the unknown mass.
    assert found["expected_volume"] == pytest.approx(4 / 3 * np.pi * 20 ** 3, rel=0.03)


def test_without_small_angles_there_is_no_size():
    shape = balls.two_balls()
    curve = balls.curve_of(shape)
    result, found = run(balls.as_map(shape), balls.SAMPLING, 0.5, curve[30:])
    assert result.status is Status.OK and found["chi2"] < 2
    assert found["rg_curve"] is None and found["d_max"] is None and found["rg_difference"] is None
    assert "angles small enough" in texts(result) and "Only the intensities" in texts(result)


def test_aggregates_are_told():
    q = np.linspace(0.005, 0.15, 150)
    intensity = np.exp(-(q * 20) ** 2 / 3) + 2e-6 * q ** -3
    result, _ = run(balls.as_map(balls.two_balls(1)), balls.SAMPLING, 0.5,
                    SaxsCurve(q, intensity, 0.002 * intensity))
    assert "aggregate" in texts(result)


def test_points_shaded_by_the_beam_stop_do_not_count():
    shape = balls.two_balls()
    curve = balls.curve_of(shape, error=0.005)
    shade = 1 - 0.5 * (np.arange(len(curve)) < 2)
    result, found = run(balls.as_map(shape), balls.SAMPLING, 0.5,
                        SaxsCurve(curve.q, curve.intensity * shade, curve.sigma))
    assert result.status is Status.OK and found["chi2"] < 3
    assert "2 points at the start of the curve were left out" in texts(result)


def test_a_trace_is_no_model_to_compare_with():
    trace = structure_of([("ALA", [("CA", "C", (3.8 * i, 0, 0))]) for i in range(20)])
    shape = balls.two_balls()
    result, found = run(balls.as_map(shape), balls.SAMPLING, 0.5, balls.curve_of(shape), trace)
    assert result.status is Status.OK and "model_chi2" not in found
    assert "one atom of each residue" in texts(result)


def test_a_curve_of_wide_angles_is_not_measured():
    shape = balls.two_balls()
    result, _ = run(balls.as_map(shape), balls.SAMPLING, 0.5, balls.curve_of(shape)[145:])
    assert result.status is Status.NOT_MEASURED
    assert "too few points up to q = 0.25 1/Å (5)" in result.reason


def test_a_curve_that_any_particle_fits_is_not_measured():
    shape = balls.two_balls()
    curve = balls.curve_of(shape)
    for intensity, sigma in ((np.full(len(curve), 5.0), np.full(len(curve), 0.1)),
                             (curve.intensity, 1e6 * curve.sigma)):
        result, _ = run(balls.as_map(shape), balls.SAMPLING, 0.5,
                        SaxsCurve(curve.q, intensity, sigma))
        assert result.status is Status.NOT_MEASURED
        assert "a constant fits the curve within its errors" in result.reason


@pytest.mark.parametrize("factor", [10, 0.1])
def test_a_curve_in_another_unit_is_told(factor):
    shape = balls.two_balls()
    curve = balls.curve_of(shape)
    result, _ = run(balls.as_map(shape), balls.SAMPLING, 0.5,
                    SaxsCurve(factor * curve.q, curve.intensity, curve.sigma))
    assert result.status is Status.NOT_MEASURED
    assert "write the unit of q into a comment" in result.reason


def test_without_a_map_it_is_not_run():
    result, _ = run_check(CHECK, compose(saxs=balls.curve_of(balls.two_balls())))
    assert result.status is Status.NOT_RUN and "map" in result.reason


@pytest.mark.parametrize("copies, status", [(4, Status.OK), (2, Status.WARNINGS)])
def test_maps_of_glucose_isomerase(test_data, copies, status):
    """The dimer has nearly the radius of gyration of the tetramer that was measured."""
    structure = tetramer(test_data, copies)
    positions = np.array([site.atom.pos.tolist() for site in structure[0].all()])
    for site, place in zip(structure[0].all(), positions - positions.min(axis=0) + 25):
        x, y, z = place
        site.atom.pos.x, site.atom.pos.y, site.atom.pos.z = x, y, z
    box = int(np.ceil((np.ptp(positions, axis=0).max() + 50) / 2.5))
    volume = model_map(structure, (box,) * 3, 2.5, 8.0)
    threshold = np.sort(volume, axis=None)[-int(1.15 * 1.21 * model_mass(structure) / 2.5 ** 3)]
    curve = read_saxs(test_data("saxs", "glucose_isomerase.dat")).curve
    result, found = run(volume, 2.5, float(threshold), curve, structure)
    assert result.status is status
    # Guinier's radius by another program: 33.64 ± 0.21 Å.
    assert found["rg_curve"] == pytest.approx(33.64, abs=0.21)
    if status is Status.OK:
        assert found["chi2"] < 1.3
        assert found["rg_map"] == pytest.approx(33.64, rel=0.02)
    else:
        assert found["chi2"] > 15 and found["relative_deviation"] > 10
        assert found["rg_difference"] < 10
