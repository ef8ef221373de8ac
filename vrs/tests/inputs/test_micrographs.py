import dataclasses

import numpy as np
import pytest

from vrs import inputs, levels
from vrs.errors import InputError
from vrs.inputs.micrographs import MICROGRAPHS
from vrs.io.particles import write_particles_star
from vrs.simulation.micrographs import write_micrograph, write_picks
from vrs.tests.checks.level_4.orientations import rotations_of, table_of

POINTS = np.array([[10.0, 20.0], [60.5, 30.25], [99.0, 79.0]])


@pytest.fixture
def folders(tmp_path):
    """Three micrographs of 80 rows and 100 columns, with picks."""
    for name in ("micrographs", "picks"):
        (tmp_path / name).mkdir()
    rng = np.random.default_rng(0)
    for index in range(3):
        write_micrograph(tmp_path / "micrographs" / ("m%d.mrc" % index),
                         rng.normal(size=(80, 100)), 1.5)
        write_picks(tmp_path / "picks" / ("m%d_autopick.star" % index), POINTS[:index + 1])
    return tmp_path


def given(folder, **changed):
    return dict({"micrographs": str(folder / "micrographs"),
                 "coordinates": str(folder / "picks")}, **changed)


def notes(found):
    return " ".join(note.text for note in found.notes("micrographs"))


def test_folders_are_put_together(folders):
    inputs.probe(given(folders))
    found = inputs.load(given(folders))
    picked = found.micrographs.picked
    assert [len(one.points) for one in picked] == [1, 2, 3]
    assert [one.sampling for one in picked] == [1.5] * 3
    np.testing.assert_allclose(picked[2].points, POINTS)
    assert notes(found) == ""
    assert "6 coordinates in 3 micrographs" in MICROGRAPHS.describe(found)[0][0].text
    assert [level.id for level in levels.levels_for(given(folders))] == ["5"]


def test_one_micrograph_takes_its_own_of_many_coordinates(folders):
    one = given(folders, micrographs=str(folders / "micrographs" / "m1.mrc"))
    picked, = inputs.load(one).micrographs.picked
    assert picked.path.endswith("m1.mrc") and len(picked.points) == 2


def test_missing_micrographs_are_named_and_the_rest_is_used(folders):
    (folders / "micrographs" / "m0.mrc").unlink()
    found = inputs.load(given(folders))
    assert len(found.micrographs.picked) == 2 and found.micrographs.missing == ("m0",)
    assert "1 of the 3 micrographs with coordinates was not found: m0." in notes(found)


def test_the_sampling_is_asked_for_where_no_header_tells_it(folders):
    for path in sorted((folders / "micrographs").iterdir()):
        data = bytearray(path.read_bytes())
        data[40:52] = bytes(12)  # the cell
        path.write_bytes(data)
    with pytest.raises(InputError, match="--sampling-micrographs"):
        inputs.probe(given(folders))
    assert "--sampling-micrographs" in inputs.load(given(folders)).failures["micrographs"]
    told = given(folders, sampling_micrographs="0.83")
    inputs.probe(told)
    assert inputs.load(told).micrographs.picked[0].sampling == 0.83


def test_a_sampling_that_nobody_set_is_told(folders):
    for path in (folders / "micrographs").iterdir():
        write_micrograph(path, np.random.default_rng(0).normal(size=(80, 100)), 1.0)
    assert "exactly 1 Å/pixel" in notes(inputs.load(given(folders)))
    assert notes(inputs.load(given(folders, sampling_micrographs=1.0))) == ""


def particles(folders, coordinates):
    table = dataclasses.replace(
        table_of(rotations_of("side", 6)), micrograph=np.array([0, 1, 1, 2, 2, 2], np.int32),
        micrograph_names=("job/m0.mrc", "job/m1.mrc", "job/m2.mrc"), coordinates=coordinates)
    path = folders / "particles.star"
    write_particles_star(str(path), table)
    return {"micrographs": str(folders / "micrographs"), "particles": str(path)}


def test_coordinates_come_from_the_particles(folders):
    wanted = particles(folders, np.concatenate([POINTS, POINTS]))
    inputs.probe(wanted)
    found = inputs.load(wanted)
    assert [len(one.points) for one in found.micrographs.picked] == [1, 2, 3]
    np.testing.assert_allclose(found.micrographs.picked[0].points, POINTS[:1], atol=1e-3)


def test_particles_without_coordinates_do_not_do(folders):
    wanted = particles(folders, None)
    with pytest.raises(InputError, match="--coordinates"):
        inputs.probe(wanted)
    assert "--coordinates" in inputs.load(wanted).failures["micrographs"]


def test_coordinates_of_larger_micrographs_are_refused(folders):
    wanted = particles(folders, 4 * np.concatenate([POINTS, POINTS]))
    assert "67 % of the coordinates lie outside" in inputs.load(wanted).failures["micrographs"]


@pytest.mark.parametrize("changed, words", [
    (dict(micrographs=""), "without micrographs"), (dict(coordinates=""), "--coordinates"),
    (dict(coordinates="/no/picks"), "no file or folder /no/picks"),
    (dict(coordinates=__file__), "coordinate file; these end with"),
    (dict(micrographs="/no/m.mrc"), "/no/m.mrc"),
    (dict(sampling_micrographs="-1"), "not positive")])
def test_what_is_wrong_is_told(folders, changed, words):
    with pytest.raises(InputError, match=words):
        inputs.probe(given(folders, **changed))


def test_a_file_without_coordinates_is_told_at_once(folders):
    (folders / "none.star").write_text("data_\n")
    with pytest.raises(InputError, match="no column _rlnCoordinateX"):
        inputs.probe(given(folders, coordinates=str(folders / "none.star")))


def test_a_folder_without_micrographs_is_told(folders):
    with pytest.raises(InputError, match="has no micrographs"):
        inputs.probe(given(folders, micrographs=str(folders / "picks")))


def test_other_micrographs_are_told(folders):
    # The names of the picks must not be those of files that lie about in folders above.
    for path in (folders / "picks").iterdir():
        path.rename(path.with_name("of_another_session_" + path.name))
    assert "None of the 3 micrographs" in inputs.load(given(folders)).failures["micrographs"]
