import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.checks.level_4.similarity import _by_defocus, _by_direction, _weakest
from vrs.images.symmetry import point_group
from vrs.numerics.sphere import spiral
from vrs.results import Plot, Status
from vrs.simulation.particle_sets import particle_set
from vrs.tests.checks.particle_sets import SAMPLING, evidence_of, volume_of

CHECK = get_check("4.a")


def run(folder, count=100, snr=0.05, resolution=12.0, **faults):
    made = particle_set(folder, volume_of(), SAMPLING, count, snr, **faults)
    result, _ = run_check(CHECK, evidence_of(made.table, volume_of(), resolution=resolution))
    return made, result, {name: metric.value for name, metric in result.metrics.items()}


def test_sound_particles_are_one_population_above_chance(tmp_path):
    _, result, found = run(tmp_path)
    assert result.status is Status.INFORMATIVE and found["particles_used"] == 100
    assert found["populations"] == 1 and found["lower_population_percentage"] is None
    assert found["advantage_interval"]["lower"] > 0.15 and found["above_null_percentage"] > 95
    assert found["median_imed"] < found["null_median_imed"]
    # A fit to noise gains something with either map.
    assert found["refined_median_correlation"] >= found["median_correlation"]
    assert 0.05 < found["null_median_correlation"] < 0.3
    gain = found["refined_median_correlation"] - found["null_median_correlation"]
    assert found["advantage"] == pytest.approx(gain, abs=0.03)
    correlation, distance = result.particles
    assert (correlation.name, distance.name) == ("vrsCorrelation", "vrsIMED")
    assert np.median(correlation.values) == pytest.approx(found["median_correlation"])
    assert correlation.rows.tolist() == list(range(100))
    histogram, scatter = [block for block in result.content if isinstance(block, Plot)]
    assert sum(histogram.series[0].y) == sum(histogram.series[1].y) == 100
    assert len(scatter.series[0].x) == 100


def test_correlation_is_what_the_noise_makes_it(tmp_path):
    """√(S/(S + N)) within band and disc."""
    _, _, clean = run(tmp_path / "clean", 50, 1e4)
    # The mask takes the tails of the density away.
    assert clean["median_correlation"] > 0.95
    _, _, one = run(tmp_path / "one", 60, 0.1)
    _, _, other = run(tmp_path / "other", 60, 0.025)
    squared = [found["median_correlation"] ** 2 for found in (one, other)]
    ratios = [value / (1 - value) for value in squared]
    # A fourth of the ratio; medians of 60 are known to some per cent.
    assert ratios[0] / ratios[1] == pytest.approx(4, rel=0.25)


def test_junk_is_a_population_of_its_own(tmp_path):
    made, result, found = run(tmp_path, snr=0.2, junk=0.3)
    assert found["populations"] == 2
    assert found["lower_population_percentage"] == pytest.approx(100 * made.junk.mean(), abs=4)
    assert "two populations" in result.content[0].text
    assert result.particles[0].values[made.junk].max() < 0.3
    # Of junk one in forty is above the null.
    assert found["above_null_percentage"] == pytest.approx(100 * np.mean(~made.junk), abs=6)


def test_dependence_on_the_defocus_is_no_second_population():
    rng = np.random.default_rng(0)
    defocus = np.repeat([0.8, 1.5, 2.4], 100)
    values = 0.2 + 0.1 * defocus - 0.02 * defocus ** 2
    expected, change = _by_defocus(values, defocus)
    np.testing.assert_allclose(expected, values, atol=1e-12)
    assert change == pytest.approx(np.polyfit(defocus, values, 1)[0])
    # Too few defoci for a parabola, or none.
    assert _by_defocus(values, np.full(300, 1.0))[1] is None
    expected, change = _by_defocus(rng.normal(size=300), None)
    assert change is None and np.ptp(expected) == 0


def test_too_few_particles_are_not_judged(tmp_path):
    _, result, _ = run(tmp_path, 20)
    assert result.status is Status.NOT_MEASURED and "at least 50" in result.reason


def test_the_signal_by_direction_is_the_mean_of_the_particles_about_it():
    """Values 1 + z² over a cap about direction d: 1 + ⟨z²⟩, with ⟨z²⟩ = a cos²β + b sin²β."""
    views = spiral(40000, whole=True)
    directions, means = _by_direction(views, point_group("C1"), 1 + views[:, 2] ** 2)
    cosine = np.cos(np.radians(15))
    along = (1 + cosine + cosine ** 2) / 3  # ⟨(v·d)²⟩ over the cap
    across = (1 - along) / 2
    squared = directions[:, 2] ** 2
    np.testing.assert_allclose(means, 1 + along * squared + across * (1 - squared), atol=0.01)
    found = _weakest(directions, means)
    assert abs(found["weakest_direction"][2]) < 0.1 and found["unseen_percentage"] == 0


def test_the_signal_has_no_value_where_nothing_was_seen():
    """Views within 30° of X, and with C4 about Z also about Y."""
    views = spiral(20000, whole=True)
    views = views[views[:, 0] > np.cos(np.radians(30))]
    for name, axes in (("C1", [0]), ("C4", [0, 1])):
        directions, means = _by_direction(views, point_group(name), np.full(len(views), 0.7))
        seen = (np.abs(directions[:, axes]) > np.cos(np.radians(40))).any(axis=1)
        unseen = (np.abs(directions[:, axes]) < np.cos(np.radians(46))).all(axis=1)
        np.testing.assert_allclose(means[seen], 0.7)
        assert np.isnan(means[unseen]).all()
    nothing = _weakest(directions, np.full(len(directions), np.nan))
    assert nothing["weakest_signal"] is None and nothing["unseen_percentage"] == 100
