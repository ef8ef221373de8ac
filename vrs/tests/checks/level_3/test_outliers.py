from dataclasses import replace
from types import SimpleNamespace

import mrcfile
import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.checks.level_3 import outliers
from vrs.checks.level_3.outliers import free_turns
from vrs.checks.particle_images import CLASS_MEMBERS
from vrs.images.agreement import soft_disc
from vrs.images.classify2d import aligned_images, classify
from vrs.images.ctf import Contrast
from vrs.inputs import Run, compose
from vrs.inputs.particles import ParticleEvidence
from vrs.io.particles import read_particles
from vrs.numerics.image_plane import ImagePlane
from vrs.results import Slices, Status, Table
from vrs.simulation.particle_sets import class_set, particle_set
from vrs.tests.checks.particle_sets import SAMPLING, evidence_of, volume_of

CHECK = get_check("3.a")
GOOD = (26, 28, 50, 22)


def made(folder, junk=0.0, classes=6, members=40, snr=0.1):
    return class_set(folder, volume_of(), SAMPLING, classes, members, snr, seed=1, junk=junk)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return made(tmp_path_factory.mktemp("sound"))


def run(table, **options):
    result, _ = run_check(CHECK, evidence_of(table, **options))
    return result, {name: metric.value for name, metric in result.metrics.items()}


def product(result, name):
    return next(values for values in result.particles if values.name == name)


def contaminations(result):
    """π₀ by class."""
    [table] = [block for block in result.content if isinstance(block, Table)]
    return {int(row[0]): float(row[2]) for row in table.rows}


def test_members_of_sound_classes_are_their_core(sound):
    result, found = run(sound.table)
    assert result.status is Status.OK
    assert (found["classes"], found["small_classes"], found["particles_used"]) == (6, 0, 240)
    assert found["median_contamination"] < 0.05 and found["core_percentage"] > 95
    interval = found["sound_interval"]
    assert interval["lower"] <= found["sound_percentage"] <= interval["upper"]
    # The noise is weak, and no noise agrees as well.
    assert found["noise_percentage"] < 1 and found["above_noise_percentage"] > 95
    assert found["chance_correlation"] < found["noise_correlation"] < found["median_correlation"]
    # √χ² of two components: 0.27 % of normal deviates.
    assert found["distant_percentage"] < 3


@pytest.mark.parametrize("junk", [0.2, 0.4])
def test_junk_is_counted_and_named(tmp_path, junk):
    data = made(tmp_path, junk, 5, 80)
    result, found = run(data.table)
    truth = np.array([data.junk[data.table.plane_class == number].mean()
                      for number in range(1, 6)])
    estimated = np.array([contaminations(result)[number] for number in range(1, 6)])
    assert abs(found["median_contamination"] - np.median(truth)) < 0.15
    # Half of the junk lies below the median of chance, give or take √(n/4) of 16 or 32, and
    # more of pure noise, which has nothing of what is round in the average.
    assert np.abs(estimated - truth).max() < 0.3
    core = product(result, "vrsClassCore")
    assert core.rows.tolist() == list(range(400))
    assert core.values[data.junk].mean() < 0.1 and core.values[~data.junk].mean() > 0.95
    correlation = product(result, "vrsClassCorrelation").values
    assert correlation[~data.junk].min() > correlation[data.junk].max() - 0.1
    assert (result.status is Status.WARNINGS) == (junk == 0.4)
    if junk == 0.4:
        assert "do not belong to their class" in result.warnings[0]
        [pictures] = [block for block in result.content if isinstance(block, Slices)]
        labels = [panel.label for panel in pictures.panels]
        assert [", core" in label for label in labels] == [True] * 3 + [False] * 3


@pytest.mark.parametrize("junk", [0.0, 0.35])
def test_noise_that_was_classified_with_particles_is_found(tmp_path, junk):
    # As a program would: all are aligned to the classes that they make.
    data = particle_set(tmp_path, volume_of(), SAMPLING, 300, 0.1, seed=3, junk=junk)
    images = mrcfile.read(data.table.files[0])
    own = classify(images, SAMPLING, 4, 40.0, 2, 11, 4.0, Contrast.of(data.table), 6, 1)
    result, found = run(replace(
        data.table, rotations=None, psi=own.psi, plane_shifts=own.shifts * SAMPLING,
        plane_class=own.labels.astype(np.int32) + 1))
    # Nearly all of it is aligned well enough to count as core.
    assert product(result, "vrsClassCore").values.mean() > 0.8
    assert found["noise_percentage"] == pytest.approx(100 * data.junk.mean(), abs=10)
    assert found["noise_interval"]["lower"] <= found["noise_percentage"]
    assert (result.status is Status.WARNINGS) == (junk > 0)
    assert all("no better than aligned noise" in warning for warning in result.warnings)


def test_particles_that_cannot_be_told_from_noise_are_not_counted(tmp_path):
    # As many members make an average of particles as weak as these.
    result, found = run(made(tmp_path, classes=2, members=60, snr=0.004).table)
    assert found["above_noise_percentage"] < 33 and found["noise_percentage"] is None
    assert result.status is Status.OK and "cannot be counted" in result.content[0].text


def test_interval_of_the_share_of_noise_holds_the_truth():
    """Where many do not belong to their class the error of their number counts most."""
    rng, noise, found = np.random.default_rng(0), np.array([0.2]), []
    for _ in range(300):
        kind = rng.choice(3, 1000, p=[0.3, 0.3, 0.4])
        correlations = np.array([0.0, 0.2, 0.4])[kind] + rng.normal(0, 0.03, 1000)
        judged = SimpleNamespace(
            rows=kind, below=np.sum(correlations < 0),
            below_median=lambda null, values=correlations: np.sum(values < np.median(null)))
        _, low, high = outliers._like_noise([judged], noise)
        found.append(low <= 0.3 <= high)
    # 95 %, with an error of 1.3; without that error 80 %.
    assert 0.91 < np.mean(found) < 0.99


def test_correlations_are_those_with_the_other_members(sound):
    table = replace(sound.table.take(sound.table.plane_class == 1), defocus=None)
    result, _ = run(table)
    found = product(result, "vrsClassCorrelation").values
    sample = evidence_of(table).shared(CLASS_MEMBERS).sample
    batch = sample.batch(np.arange(40))
    plane = ImagePlane(sample.box, 2, int(sample.box * sample.sampling / 20))
    images = plane.images(plane.coefficients(aligned_images(
        batch.images, table.psi, batch.shifts))).astype(float)
    disc = soft_disc(sample.box, sample.diameter).astype(float)
    for left_out in (0, 7, 39):
        pair = [images[left_out], np.delete(images, left_out, axis=0).mean(axis=0)]
        one, other = (values - np.average(values, weights=disc) for values in pair)
        expected = np.sum(disc * one * other) / np.sqrt(
            np.sum(disc * one ** 2) * np.sum(disc * other ** 2))
        assert found[left_out] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("planted", [0.0, 0.2, 0.4])
def test_images_of_other_classes_among_real_particles(test_data, planted):
    table, _ = read_particles(test_data("particles", "relion5_betagal", "particles_21-25.star"))
    rng = np.random.default_rng(3)
    rows, classes = [], []
    for number in GOOD:
        own = np.flatnonzero(table.plane_class == number)
        others = rng.choice(np.flatnonzero(table.plane_class != number),
                            int(round(len(own) * planted / (1 - planted))), replace=False)
        rows += [own, others]
        classes += [number] * (len(own) + len(others))
    rows = np.concatenate(rows)
    stranger = table.plane_class[rows] != classes
    psi = np.where(stranger, rng.uniform(0, 360, len(rows)), table.psi[rows])
    mixed = replace(table.take(rows), plane_class=np.array(classes, np.int32), psi=psi)
    result, _ = run_check(CHECK, compose(Run(1, 0), particles=ParticleEvidence(
        mixed, "D2", 180.0)))
    estimated = np.array(list(contaminations(result).values()))
    assert abs(np.median(estimated) - planted) < 0.15
    assert np.abs(estimated - planted).max() < 0.25
    core = product(result, "vrsClassCore").values
    assert (result.status is Status.WARNINGS) == (planted == 0.4)
    assert core[~stranger].mean() > 0.9 and np.sum(core[stranger]) <= 0.1 * stranger.sum()


def test_junk_is_found_among_real_particles(test_data):
    # A picker's choice, about 40 % of which show no particle; all of it was aligned to classes.
    table, _ = read_particles(test_data("particles", "relion5_betagal", "particles_21-25.star"))
    result, _ = run_check(CHECK, compose(Run(1, 0), particles=ParticleEvidence(table, "D2", 180.0)))
    assert result.metrics["noise_percentage"].value == pytest.approx(40, abs=10)
    [warning] = result.warnings
    assert "no better than aligned noise" in warning


def test_turns_after_which_an_average_looks_alike_are_left_out():
    plane, disc = ImagePlane(64, 2, 12), soft_disc(64, 44.0)
    y, x = np.mgrid[-32:32, -32:32].astype(float)
    ring = np.exp(-(np.hypot(x, y) - 12) ** 2 / 18)

    def turns(order):
        waves = np.cos(order * np.arctan2(y, x)) * ring
        return free_turns(plane.images(plane.coefficients(waves[None]))[0], plane, disc)

    # The correlation of cos φ with itself, turned by θ, is cos θ.
    # The correlation of cos 2φ with itself, turned by θ, is cos 2θ.
    assert np.setdiff1d(turns(2), [150, 210]).tolist() == (
        list(range(60, 150, 5)) + list(range(215, 305, 5)))
    assert turns(0) is None


def test_round_averages_are_judged_by_moving_their_members(tmp_path):
    y, x = np.mgrid[-32:32, -32:32]
    rng = np.random.default_rng(0)
    ring = np.exp(-(np.hypot(x, y) - 12.0) ** 2 / 18)
    images = ring + rng.normal(0, 0.5, (60, 64, 64))
    images[40:] -= ring
    mrcfile.write(str(tmp_path / "rings.mrcs"), images.astype(np.float32), voxel_size=SAMPLING)
    table = made(tmp_path, classes=1, members=60).table
    table = replace(table, files=(str(tmp_path / "rings.mrcs"),), defocus=None,
                    plane_shifts=np.zeros((60, 2)), psi=rng.uniform(0, 360, 60))
    result, found = run(table)
    assert "One average looks the same when rotated" in result.content[0].text
    # A third of the images are noise.
    assert found["median_contamination"] == pytest.approx(1 / 3, abs=0.25)
    assert product(result, "vrsClassCore").values[:40].mean() > 0.95


def test_small_classes_are_counted_and_not_judged(sound):
    classes = np.array(sound.table.plane_class)
    rows = np.concatenate([np.flatnonzero(classes == 1), np.flatnonzero(classes == 2)[:3],
                           np.flatnonzero(classes == 3)[:1]])
    result, found = run(sound.table.take(rows))
    assert (found["classes"], found["small_classes"], found["particles_used"]) == (1, 2, 40)
    assert "2 more classes have fewer than 20" in result.content[0].text
    few, _ = run(sound.table.take(rows[-4:]))
    assert few.status is Status.NOT_MEASURED and "at least 20 are needed" in few.reason


def test_images_without_values_cannot_be_judged(sound, tmp_path):
    mrcfile.write(str(tmp_path / "flat.mrcs"), np.ones((240, 64, 64), np.float32),
                  voxel_size=SAMPLING)
    result, _ = run(replace(sound.table, files=(str(tmp_path / "flat.mrcs"),)))
    assert result.status is Status.NOT_MEASURED and "check the stacks" in result.reason


def test_particles_without_classes_are_not_run(sound):
    result, _ = run(replace(sound.table, plane_class=None))
    assert result.status is Status.NOT_RUN and "2D classification" in result.reason
