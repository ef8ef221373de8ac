from dataclasses import replace

import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.checks.level_3.internal_consistency import _half_correlation, _ratio
from vrs.checks.particle_images import CLASS_MEMBERS
from vrs.numerics.image_plane import ImagePlane
from vrs.results import Plot, Slices, Status, Table
from vrs.simulation.particle_sets import class_set
from vrs.tests.checks.particle_sets import SAMPLING, evidence_of, volume_of

CHECK = get_check("3.b")


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return class_set(tmp_path_factory.mktemp("sound"), volume_of(), SAMPLING, 8, 40, 0.02, seed=1,
                     spread=1.0)


def run(table):
    result, _ = run_check(CHECK, evidence_of(table))
    return result, {name: metric.value for name, metric in result.metrics.items()}


def signals(result):
    """Signal over what is expected, by class."""
    [table] = [block for block in result.content if isinstance(block, Table)]
    return {int(row[0]): float(row[3]) for row in table.rows}


def test_classes_of_one_view_have_the_signal_that_is_expected(sound):
    result, found = run(sound.table)
    assert result.status is Status.INFORMATIVE and not result.warnings
    assert (found["classes"], found["particles_used"], found["mixed_classes"]) == (8, 320, 0)
    assert found["best_resolution"] <= found["median_resolution"] < 30
    assert all(0.5 < signal < 2 for signal in signals(result).values())
    [plot] = [block for block in result.content if isinstance(block, Plot)]
    assert [series.label for series in plot.series] == ["classes", "expected"]


def test_mixtures_are_named(sound):
    """One class of the members of four, and one of the members of two."""
    merged = np.array([1, 1, 1, 1, 5, 5, 7, 8])[sound.table.plane_class - 1]
    more = np.concatenate([sound.table.plane_class, merged])
    rows = np.tile(np.arange(320), 2)[(np.arange(640) < 320) | (more < 7)]
    labels = np.concatenate([sound.table.plane_class, merged + 10])[
        (np.arange(640) < 320) | (more < 7)].astype(np.int32)
    result, found = run(replace(sound.table.take(rows), plane_class=labels))
    signal = signals(result)
    assert signal[11] < 0.5 and min(signal[number] for number in range(1, 9)) > 0.5
    assert signal[15] < 0.75
    assert found["mixed_classes"] == sum(value < 0.5 for value in signal.values()) <= 2
    assert "class 11" in result.content[0].text or "classes 11" in result.content[0].text
    [pictures] = [block for block in result.content if isinstance(block, Slices)]
    assert pictures.panels[0].label == "Class 11 (160)"


def test_the_signal_grows_with_the_number_of_members(tmp_path):
    """FRC = (n/2)·SNR / (1 + (n/2)·SNR)."""
    data = class_set(tmp_path, volume_of(), SAMPLING, 2, 160, 0.005, seed=2, spread=0.0)
    members = evidence_of(data.table).shared(CLASS_MEMBERS)
    plane, rng = ImagePlane(members.sample.box), np.random.default_rng(0)
    band = slice(2, members.sample.shell(20.0))
    ratios = []
    for start in (0, 160):
        ratios.append([np.median(_ratio(_half_correlation(
            members, start + np.arange(count), plane, rng)[band])) for count in (40, 160)])
    few, many = np.sum(ratios, axis=0)
    assert many / few == pytest.approx(4, rel=0.3)


def test_halves_of_noise_do_not_agree(tmp_path):
    data = class_set(tmp_path, volume_of(), SAMPLING, 6, 30, 0.05, seed=3, junk=1.0)
    result, found = run(data.table)
    assert found["unresolved_classes"] == 6 and found["median_resolution"] is None
    assert "at no resolution" in result.content[0].text or "no resolution at all" in (
        result.content[0].text)


def test_of_few_classes_nothing_is_expected(sound):
    one, found = run(sound.table.take(sound.table.plane_class == 1))
    assert one.status is Status.INFORMATIVE and found["mixed_classes"] is None
    assert "With fewer than 5 classes" in one.content[0].text
    rows = [np.flatnonzero(sound.table.plane_class == number)[:number] for number in (1, 2, 3)]
    few, _ = run(sound.table.take(np.concatenate(rows)))
    assert few.status is Status.NOT_MEASURED and "at least 20 are needed" in few.reason
