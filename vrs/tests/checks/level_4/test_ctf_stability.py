from dataclasses import replace

import mrcfile
import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.images.ctf import Contrast
from vrs.numerics.image_plane import ImagePlane
from vrs.results import Paragraph, Status, Table
from vrs.results.content import Ranges
from vrs.simulation.particle_sets import particle_set
from vrs.tests.checks.particle_sets import SAMPLING, evidence_of, volume_of

CHECK = get_check("4.i")
COUNT, MICROGRAPHS, WRONG = 480, 12, 4


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Particles of SNR 0.05, 40 of each micrograph."""
    return particle_set(tmp_path_factory.mktemp("set"), volume_of(), SAMPLING, COUNT, 0.05,
                        seed=11, micrographs=MICROGRAPHS)


def off(table, error, micrograph=WRONG):
    """The table with a wrong defocus of one micrograph."""
    defocus = np.array(table.defocus)
    defocus[table.micrograph == micrograph, :2] += error
    return replace(table, defocus=defocus)


def run(table, **kwargs):
    result, _ = run_check(CHECK, evidence_of(table, volume_of(), **kwargs))
    return result, {name: metric.value for name, metric in result.metrics.items()}


def test_a_sound_set_is_ok(made):
    result, found = run(made.table)
    assert result.status is Status.OK, result.warnings
    assert found["judged_micrographs"] == found["micrographs"] == MICROGRAPHS
    assert found["unstable_micrographs_percentage"] == 0
    assert found["unstable_micrographs_interval"]["upper"] > 0
    # 480 particles tell a standard deviation to 4 %.
    assert found["defocus_deviation"] == pytest.approx(found["expected_deviation"], rel=0.3)
    # Forty particles, each to about 900 Å.
    assert 100 < found["median_error"] < 220
    assert found["scale_ratio"]["2.5"] > 0.8 and found["scale_ratio"]["97.5"] < 1.2
    [values] = result.particles
    assert values.name == "vrsDefocusChange" and len(values.values) == COUNT
    assert np.median(values.values) == pytest.approx(0, abs=200)


def test_a_wrong_defocus_of_single_micrographs_is_found(made):
    result, found = run(off(off(made.table, 1000), -1000, micrograph=8))
    assert result.status is Status.WARNINGS and "defocus" in result.warnings[0]
    assert found["unstable_micrographs"] == 2
    [table] = [content for content in result.content if isinstance(content, Table)]
    assert sorted(row[0] for row in table.rows) == ["mic004.mrc", "mic008.mrc"]
    for row in table.rows:
        error = {"mic004.mrc": 1000, "mic008.mrc": -1000}[row[0]]
        # Three standard errors of the micrograph.
        assert float(row[2].split()[0]) == pytest.approx(-error, abs=500)
    [figure] = [content for content in result.content if isinstance(content, Ranges)]
    assert {row.label for row in figure.rows[:2]} == {"mic004.mrc", "mic008.mrc"}


def test_flipped_phases_still_tell_the_defocus(made, tmp_path):
    # They were flipped by the wrong defocus, as programs do that believe in it.
    table = off(made.table, 1000)
    with mrcfile.open(table.files[0]) as stack:
        images = np.array(stack.data)
    plane = ImagePlane(64)
    signs = np.sign(Contrast.of(table).values(plane.frequencies(SAMPLING)))
    mrcfile.write(str(tmp_path / "flipped.mrcs"), plane.images(plane.coefficients(images) * signs),
                  voxel_size=SAMPLING)
    flipped = replace(table, files=(str(tmp_path / "flipped.mrcs"),),
                      optics=(replace(table.optics[0], phase_flipped=True),))
    result, found = run(flipped)
    assert found["unstable_micrographs"] == 1
    assert result.content[-1].rows[0][0] == "mic004.mrc"


def test_without_names_of_micrographs_all_are_one(made):
    nameless = replace(made.table, micrograph=None, micrograph_names=())
    result, found = run(nameless)
    assert found["micrographs"] == 1 and result.status is Status.OK
    assert any("does not name the micrographs" in part.text for part in result.content
               if isinstance(part, Paragraph))
    everywhere = np.array(made.table.defocus) + [700, 700, 0]
    result, found = run(replace(nameless, defocus=everywhere))
    assert result.status is Status.WARNINGS
    # 42 Å is the standard error; the rest is what the rounds leave.
    assert found["micrograph_change"]["50"] == pytest.approx(-700, abs=150)


def test_what_cannot_tell_is_not_judged(made, tmp_path):
    few = replace(made.table, micrograph=np.arange(COUNT, dtype=np.int32) // 3,
                  micrograph_names=tuple(map(str, range(COUNT // 3))))
    result, _ = run(few)
    assert result.status is Status.NOT_MEASURED and "--particles-used" in result.reason
    noise = np.random.default_rng(1).standard_normal((COUNT, 64, 64)).astype(np.float32)
    mrcfile.write(str(tmp_path / "noise.mrcs"), noise, voxel_size=SAMPLING)
    result, _ = run(replace(made.table, files=(str(tmp_path / "noise.mrcs"),)))
    assert result.status is Status.NOT_MEASURED and "do not agree with the map" in result.reason


@pytest.mark.parametrize("change, resolution, status, words", [
    (dict(defocus=None), 8.0, Status.NOT_RUN, "defocus"),
    (dict(), 12.0, Status.NOT_APPLICABLE, "10 Å"),
    (dict(), None, Status.NOT_RUN, "reported resolution")])
def test_what_it_cannot_do_without(made, change, resolution, status, words):
    result, _ = run(replace(made.table, **change), resolution=resolution)
    assert result.status is status and words in result.reason
