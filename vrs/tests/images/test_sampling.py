import time

import numpy as np
import pytest
from gemmi import cif
from scipy.special import j0

from vrs.images import sampling, symmetry
from vrs.numerics import sphere

NONE = symmetry.point_group("C1")


def about_z(cosines, rng):
    azimuth = rng.uniform(0, 2 * np.pi, len(cosines))
    radius = np.sqrt(1 - cosines ** 2)
    return np.column_stack([radius * np.cos(azimuth), radius * np.sin(azimuth), cosines])


def uniform(count, seed=0):
    rng = np.random.default_rng(seed)
    return about_z(rng.uniform(-1, 1, count), rng)


def side(count, seed=0):
    return about_z(np.zeros(count), np.random.default_rng(seed))


def cap(degrees, count, seed=0):
    rng = np.random.default_rng(seed)
    return about_z(rng.uniform(np.cos(np.radians(degrees)), 1, count), rng)


def top(count):
    return np.tile([0.0, 0.0, 1.0], (count, 1))


def views_of_table(path):
    block = next(block for block in cif.read(str(path)) if block.find_loop("_rlnAngleTilt"))
    rot, tilt = np.radians([[float(value) for value in block.find_loop(column)]
                            for column in ("_rlnAngleRot", "_rlnAngleTilt")])
    return np.column_stack([np.sin(tilt) * np.cos(rot), np.sin(tilt) * np.sin(rot), np.cos(tilt)])


@pytest.mark.parametrize("name", ["C1", "C3", "D2", "I"])
def test_slabs_are_counted_as_one_by_one(name):
    group, views, directions = symmetry.point_group(name), uniform(700), sphere.spiral(900)
    half_widths = [1.2, 1.0, 0.4, 0.01, 0.05]
    sines = np.abs(directions @ symmetry.equivalent_views(views, group).reshape(-1, 3).T)
    expected = [(sines < half_width).sum(axis=1) for half_width in half_widths]
    counts = sampling.slab_counts(views, group, directions, half_widths)
    assert counts.dtype == np.int64 and (counts[0] == 700 * len(group)).all()
    # Single precision decides otherwise where a direction is on the edge of a slab.
    assert np.mean(counts != expected) < 0.01 and np.abs(counts - expected).max() <= 2


def test_factor_of_uniform_views():
    result = sampling.sampling_factor(uniform(10_000), NONE)
    # ⟨s⟩ = n/2ρ = 100; the deviation over draws is .0005.
    assert result.scf_star == pytest.approx(1 / (1 + 1 / 100), abs=0.002)
    assert result.scf == result.scf_star and result.empty_fraction == 0
    assert (result.views_used, result.draws) == (10_000, 1)
    assert result.sampling.mean() == pytest.approx(1) and result.directions.shape == (5000, 3)
    assert result.sampling.std() == pytest.approx(0.1, abs=0.01)


def test_factor_of_views_from_the_side():
    # 8/π² for thin slabs and many views; the width adds .005.
    assert sampling.sampling_factor(side(10_000), NONE).scf_star == pytest.approx(0.804, abs=0.005)
    many = sampling.sampling_factor(side(100_000), NONE, most=None)
    assert many.scf_star == pytest.approx(0.816, abs=0.002)
    thin = sampling.sampling_factor(side(100_000), NONE, 300, most=None)
    assert thin.scf_star == pytest.approx(8 / np.pi ** 2, abs=0.005)


@pytest.mark.parametrize("radius", [20, 50])
def test_factor_of_views_from_the_top(radius):
    result = sampling.sampling_factor(top(2000), NONE, radius)
    # Slabs fill 1/2ρ of the sphere evenly: 2ρ without the penalty, nothing with it.
    assert result.scf == pytest.approx(2 * radius, rel=0.01) and result.scf_star < 0.002
    assert result.empty_fraction == pytest.approx(1 - 1 / (2 * radius), abs=1e-3)


@pytest.mark.parametrize("degrees, expected", [(15, 0.0073), (30, 0.0202), (45, 0.0470),
                                               (60, 0.1158)])
def test_factor_of_caps_is_the_published_programs(degrees, expected):
    result = sampling.sampling_factor(cap(degrees, 10_000), NONE)
    assert result.scf_star == pytest.approx(expected, abs=0.005 * min(1, 20 * expected))
    # All directions are empty that are nearer to z than the widest view's slab.
    empty = 1 - np.sin(np.radians(degrees))
    assert result.empty_fraction == pytest.approx(empty, abs=0.02)


@pytest.mark.parametrize("table, radius, expected", [
    ("starfile.star", 50, 0.4693), ("starfile.star", 20, 0.4949),
    ("emp10076_sim/10076_classD_32_sim.star", 50, 0.4465),
    ("emp10076_sim/10076_classE_32_sim.star", 50, 0.4837)])
def test_factor_of_tables_is_the_published_programs(test_data, table, radius, expected):
    views = views_of_table(test_data("particles", *table.split("/")))
    result = sampling.sampling_factor(views, NONE, radius)
    assert result.scf_star == pytest.approx(expected, abs=1e-4)


def test_many_views_are_drawn():
    views = cap(60, 100_000)
    result = sampling.sampling_factor(views, NONE)
    assert (result.views_used, result.draws) == (10_000, 5)
    # It depends on the number where much is empty.
    assert result.scf_star == pytest.approx(0.1158, abs=0.002)
    everything = sampling.sampling_factor(views, NONE, most=None)
    assert everything.scf_star == pytest.approx(0.013, abs=0.0005)
    assert (everything.views_used, everything.draws) == (100_000, 1)
    again, other = (sampling.sampling_factor(views, NONE, seed=seed) for seed in (0, 1))
    assert again.scf_star == result.scf_star != other.scf_star
    few = sampling.sampling_factor(views[:1000], NONE)
    assert few.scf_star == pytest.approx(0.54, abs=0.03)


def test_few_points_at_small_radii():
    assert len(sampling.sampling_factor(uniform(2000), NONE, 10).directions) == 628


@pytest.mark.parametrize("name", ["C4", "D3", "O"])
def test_copies_by_symmetry_count(name):
    group, views = symmetry.point_group(name), cap(20, 200)
    all_views = symmetry.equivalent_views(views, group).reshape(-1, 3)
    one, other = sampling.sampling_factor(views, group), sampling.sampling_factor(all_views, NONE)
    # Rounding of the copies moves some across the edge of a slab.
    assert one.scf_star == pytest.approx(other.scf_star, abs=1e-4)
    assert one.views_used == 200


def test_tilt_of_views_from_the_top_makes_a_ring():
    result = sampling.tilted_sampling(top(10_000), NONE, 0.5, tilts=[0, 30, 50, 60])
    rings = [sampling.sampling_factor(about_z(np.full(10_000, np.cos(np.radians(tilt))),
                                              np.random.default_rng(5)), NONE).scf_star
             for tilt in (30, 50, 60)]
    assert result.scf_star[1:] == pytest.approx(rings, rel=0.02)
    assert result.scf_star[0] < 0.001 and result.best == 60 and result.sufficient is None


def test_tilt_that_suffices(test_data):
    views = views_of_table(test_data("particles", "starfile.star"))
    result = sampling.tilted_sampling(views, NONE, 0.81)
    assert result.scf_star[0] == pytest.approx(0.4693, abs=1e-4)
    assert result.scf_star[8] < 0.81 <= result.scf_star[9] and result.sufficient == 45
    assert (np.diff(result.scf_star) > 0).all() and result.best == 60
    even = sampling.tilted_sampling(uniform(20_000), NONE, 0.81, tilts=[0, 20, 40])
    assert even.sufficient == 0 and even.scf_star == pytest.approx(np.full(3, 0.99), abs=0.005)


@pytest.mark.parametrize("name, views, expected, mean", [
    ("uniform", uniform(10_000), 0.99, 3.0), ("side", side(10_000), 0.71, 3.08),
    ("cap", cap(30, 10_000), 0.35, 3.24)])
def test_efficiency_of_known_distributions(name, views, expected, mean):
    result = sampling.orientation_efficiency(views, NONE, 3.0, 150.0)
    assert result.efficiency == pytest.approx(expected, abs=0.01)
    assert result.mean_resolution == pytest.approx(mean, abs=0.01)
    assert result.worst_resolution == result.resolutions.max()
    assert result.resolutions.shape == (600,) and result.directions.shape == (600, 3)
    height = abs(result.worst_direction[2])
    assert {"uniform": True, "side": height < 0.1, "cap": height > 0.99}[name]
    empty = {"uniform": 0, "side": 0, "cap": 1 - np.sin(np.radians(30))}[name]
    assert result.empty_fraction == pytest.approx(empty, abs=0.02)


def test_efficiency_of_views_from_the_top():
    result = sampling.orientation_efficiency(top(100), NONE, 3.0, 150.0)
    assert result.efficiency < 0 and abs(result.worst_direction[2]) > 0.99
    # Across z the slab is a full disc.
    assert result.resolutions.min() < 2.5 and result.worst_resolution > 30
    assert result.empty_fraction > 0.95


@pytest.mark.parametrize("resolution, diameter, b_factor", [
    (3.0, 150.0, 160.0), (8.0, 150.0, 160.0), (3.0, 150.0, 0.0), (4.0, 400.0, 60.0)])
def test_uniform_views_give_the_resolution(resolution, diameter, b_factor):
    result = sampling.orientation_efficiency(uniform(20_000), NONE, resolution, diameter, b_factor)
    assert result.mean_resolution == pytest.approx(resolution, rel=0.002)
    assert result.efficiency > 0.99


def test_resolutions_of_side_views_in_closed_form():
    resolution, diameter, b_factor = 4.0, 120.0, 100.0
    shells = (np.arange(60) + 0.5) / 60 / resolution
    tilts = (np.arange(300) + 0.5)[:, None] * np.pi / 600
    cosines, sines = np.cos(tilts), np.sin(tilts)
    falloff = shells ** 2 * np.exp(-b_factor * shells ** 2 / 4)
    half_widths = 1 / (2 * diameter * shells)
    distances = np.arange(0.9, 3, 0.03)

    def half_height(transfer, waves):
        spread = [np.sum(transfer * waves(t)) for t in distances] / np.sum(transfer)
        return np.interp(0.5, spread[::-1], distances[::-1])

    uniform_height = half_height(falloff * np.minimum(half_widths, 1),
                                 lambda t: np.sinc(2 * shells * t))
    # Part of the views about z whose slab holds a direction at that angle to z.
    transfer = falloff * sines * np.arcsin(np.minimum(half_widths / sines, 1))
    result = sampling.orientation_efficiency(side(40_000), NONE, resolution, diameter, b_factor)
    for row in (0, 300, 599):
        height = result.directions[row, 2]
        across = np.sqrt(1 - height ** 2)
        expected = resolution / uniform_height * half_height(
            transfer, lambda t: np.cos(2 * np.pi * t * shells * cosines * height)
            * j0(2 * np.pi * t * shells * sines * across))
        # The views are random: .3 %.
        assert result.resolutions[row] == pytest.approx(expected, rel=0.005)


@pytest.mark.parametrize("name", ["D2", "D7", "O"])
def test_efficiency_counts_copies_by_symmetry(name):
    group, views = symmetry.point_group(name), cap(25, 3000)
    all_views = symmetry.equivalent_views(views, group).reshape(-1, 3)
    one = sampling.orientation_efficiency(views, group, 3.0, 150.0)
    other = sampling.orientation_efficiency(all_views, NONE, 3.0, 150.0)
    assert one.efficiency == pytest.approx(other.efficiency, abs=0.003)
    # Other directions in the table.
    np.testing.assert_allclose(one.resolutions, other.resolutions, rtol=0.01)
    assert one.empty_fraction == pytest.approx(other.empty_fraction, abs=0.005)


def test_a_hundred_thousand_views_take_seconds():
    views = uniform(100_000)
    start = time.process_time()
    sampling.sampling_factor(views, NONE)
    sampling.sampling_factor(views, NONE, 120, most=None)
    sampling.orientation_efficiency(views, NONE, 3.0, 150.0)
    # About 3 s on one core that does nothing else.
    assert time.process_time() - start < 20
