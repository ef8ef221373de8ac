import numpy as np
import pytest

import vrs
from vrs.checks import NotMeasured, get_check, run_check
from vrs.checks.level_5 import cleaner
from vrs.engines.external import ScoredCoordinates
from vrs.cli import main
from vrs.inputs import compose
from vrs.inputs.micrographs import MicrographEvidence, PickedMicrograph
from vrs.numerics.statistics import wilson_interval
from vrs.results import Slices, Status, Table
from vrs.simulation.micrographs import simulate_micrograph, write_micrograph, write_picks
from vrs.tests.checks import recorded

CHECK = get_check("5.a")
SHAPE, SAMPLING, DIAMETER = (440, 480), 6.0, 180.0


@pytest.fixture(scope="module")
def picked(tmp_path_factory):
    """Micrographs and what is picked in them, by name; with the coordinates that lie in faults."""
    folder = tmp_path_factory.mktemp("micrographs")
    found = {}
    for seed, (name, faults) in enumerate((("clean", ()), ("carbon", ("carbon",)),
                                           ("blobs", ("contamination",)))):
        made = simulate_micrograph(seed, SHAPE, SAMPLING, faults, DIAMETER)
        path = str(folder / (name + ".mrc"))
        write_micrograph(path, made.image, SAMPLING)
        inside = ((made.particles > 15) & (made.particles < np.array(SHAPE[::-1]) - 15)).all(axis=1)
        particles = made.particles[inside]
        y, x = np.nonzero(made.bad)
        bad = np.column_stack([x, y])[::max(1, len(x) // 15)] if len(x) else np.zeros((0, 2))
        found[name] = path, particles, bad
    return found


def run(found, **parts):
    evidence = compose(micrographs=MicrographEvidence(tuple(found), **parts))
    result, _ = run_check(CHECK, evidence)
    return result, {name: metric.value for name, metric in result.metrics.items()}


def micrograph(picked, name, planted=True):
    path, particles, bad = picked[name]
    return PickedMicrograph(path, np.vstack([particles, bad]) if planted else particles, SAMPLING,
                            1.5 * DIAMETER)


def test_particles_on_good_ice_are_ok(picked):
    result, found = run([micrograph(picked, "clean")])
    assert result.status is Status.OK and found["suspicious_percentage"] <= 2
    assert found["coordinates"] == len(picked["clean"][1])
    assert (found["micrographs"], found["bad_micrographs"]) == (1, 0)
    assert found["diameter"] == pytest.approx(DIAMETER)
    assert found["diffracting_micrographs"] is None


def test_planted_coordinates_warn_and_are_counted(picked):
    result, found = run([micrograph(picked, name) for name in picked], missing=("gone.mrc",))
    planted = sum(len(bad) for _, _, bad in picked.values())
    share = 100 * planted / found["coordinates"]
    assert result.status is Status.WARNINGS
    assert found["suspicious_percentage"] == pytest.approx(share, abs=0.2 * share)
    interval = found["suspicious_interval"]
    assert interval["lower"] < found["suspicious_percentage"] < interval["upper"]
    assert (found["bad_micrographs"], found["missing_micrographs"]) == (2, 1)
    table, = [part for part in result.content if isinstance(part, Table)]
    assert table.rows[-1][0] == "clean.mrc" and table.rows[-1][3] in ("0", "1", "2")


def test_pictures_have_the_circles_where_the_picks_are(picked):
    path, particles, bad = picked["carbon"]
    result, _ = run([micrograph(picked, "carbon")])
    figure, = [part for part in result.content if isinstance(part, Slices)]
    panel, = figure.panels
    assert panel.pixel_size == SAMPLING and panel.image.shape == SHAPE
    circle = panel.circles[0]
    # The first row is below.
    assert (circle.x, SHAPE[0] - 1 - circle.y) == pytest.approx(tuple(particles[0]))
    assert circle.radius == pytest.approx(DIAMETER / 2 / SAMPLING)
    warned = np.array([circle.warned for circle in panel.circles])
    assert warned[len(particles):].mean() > 0.9 and warned[:len(particles)].mean() < 0.2


def test_a_damaged_micrograph_is_told_and_the_rest_is_used(picked, tmp_path):
    path = tmp_path / "damaged.mrc"
    path.write_bytes(b"nothing")
    broken = PickedMicrograph(str(path), np.ones((3, 2)), SAMPLING)
    result, found = run([broken, micrograph(picked, "clean")])
    assert result.status is Status.OK and found["missing_micrographs"] == 1
    assert "damaged.mrc could not be judged" in result.content[3].text


def test_a_micrograph_that_is_bad_throughout_is_told_by_the_others(picked, tmp_path):
    made = []
    for seed in range(9):
        one = simulate_micrograph(50 + seed, SHAPE, SAMPLING, ("thick",) if seed == 4 else (),
                                  DIAMETER)
        path = str(tmp_path / ("m%d.mrc" % seed))
        write_micrograph(path, one.image, SAMPLING)
        made.append(PickedMicrograph(path, one.particles, SAMPLING, 1.5 * DIAMETER))
    result, found = run(made)
    assert (found["unlike_micrographs"], found["bad_micrographs"]) == (1, 1)
    said = result.content[2].text
    assert "The ice of one micrograph is unlike that of the others: m4.mrc." in said
    assert ("wholly on film" in said) is (SAMPLING > 2)
    table, = [part for part in result.content if isinstance(part, Table)]
    assert table.rows[0][0] == "m4.mrc" and table.rows[0][3:5] == ["100", "0"]
    # Alone it has nothing to be compared with.
    result, found = run(made[4:5])
    assert result.status is Status.OK and found["unlike_micrographs"] is None
    assert "too few micrographs (1)" in result.content[2].text
    # Those of another sampling are no reference.
    other = [PickedMicrograph(one.path, one.points, 1.1 * SAMPLING, one.box) for one in made[:4]]
    assert run(other + made[4:])[1]["unlike_micrographs"] == 0


def test_pixels_that_are_too_coarse_are_told(picked):
    path, particles, _ = picked["clean"]
    result, _ = run([PickedMicrograph(path, particles, 100.0)])
    assert result.status is Status.NOT_MEASURED and "too coarse for a particle" in result.reason


def test_too_few_coordinates_are_not_judged(picked):
    path, particles, _ = picked["clean"]
    result, _ = run([PickedMicrograph(path, particles[:9], SAMPLING)])
    assert result.status is Status.NOT_MEASURED and "only 9 coordinates" in result.reason


def test_without_anything_that_tells_it_the_diameter_is_a_usual_one(picked):
    path, particles, _ = picked["clean"]
    result, found = run([PickedMicrograph(path, particles, SAMPLING)])
    assert found["diameter"] == 250 and "as none was given" in result.content[0].text
    assert result.status is Status.OK


def judged(shares, count):
    return [cleaner._Judged(None, np.where(np.arange(count) < share * count, 0.0, 1.0))
            for share in shares]


def test_the_interval_is_that_of_independent_coordinates_where_micrographs_agree():
    assert cleaner._interval(judged([0.2] * 10, 50)) == pytest.approx(wilson_interval(100, 500))


def test_the_interval_is_that_of_micrographs_where_each_is_good_or_bad():
    # Variance of a mean of 10 that are 0 or 1, with n - 1: share (1 - share) / 9.
    found = cleaner._interval(judged([1, 1] + [0] * 8, 50))
    assert found == pytest.approx(wilson_interval(0.2 * 9, 9))


def test_the_command_reports_on_folders(picked, tmp_path, capfd):
    (tmp_path / "picks").mkdir()
    for name, (path, particles, bad) in picked.items():
        write_picks(tmp_path / "picks" / (name + "_autopick.star"), particles)
    out = tmp_path / "out"
    assert main(["validate", "--micrographs", path[:path.rindex("/")], "--coordinates",
                 str(tmp_path / "picks"), "--threads", "1", "--output", str(out)]) == 0
    assert "Levels assessed: 5; 1 of 1 items passed" in capfd.readouterr().out
    assert (out / "report.pdf").is_file() and (out / "report.json").is_file()


def test_the_labelled_micrograph(test_data):
    report = vrs.validate(
        micrographs=test_data("micrograph", "Ucsf_stack_1142_DW.mrc"),
        coordinates=test_data("micrograph", "Ucsf_stack_1142_DW_autopick.star"),
        sampling_micrographs=4.5, threads=1)
    found = report.items["5.a"]
    # Of 45 picks nine lie on a large ice crystal, and a few more touch what the mask calls bad.
    assert 9 <= found.metrics["suspicious_percentage"].value * 45 / 100 <= 16
    assert found.status is Status.WARNINGS


def test_scores_of_xmipp_are_judged_alike(picked):
    """Its coordinates, in an order of their own, each with a score."""
    given = MicrographEvidence((micrograph(picked, "clean"), micrograph(picked, "carbon")))
    counts = [len(one.points) for one in given.picked]
    which = np.repeat([1, 0], counts[::-1])
    scores = np.where(which == 1, 0.2, 0.95)
    points = np.concatenate([np.rint(one.points) for one in given.picked[::-1]])
    result, _ = recorded.run("5.a", compose(micrographs=given),
                             ScoredCoordinates(which, points, scores))
    found = recorded.values(result)
    assert found["coordinates"] == sum(counts) and found["bad_micrographs"] == 1
    assert found["suspicious_percentage"] == pytest.approx(100 * counts[1] / sum(counts))
    assert "unlike_micrographs" not in found and result.status is Status.WARNINGS
    table, = [part for part in result.content if isinstance(part, Table)]
    assert table.rows[0] == ["carbon.mrc", str(counts[1]), str(counts[1]), "100", "–", "–"]


def test_micrographs_of_several_samplings_are_not_for_xmipp(picked):
    one = micrograph(picked, "clean")
    other = PickedMicrograph(one.path, one.points, 5.0)
    with pytest.raises(NotMeasured, match="one pixel size only"):
        cleaner._input_for_xmipp(compose(micrographs=MicrographEvidence((one, other))))
