import numpy as np
import pytest

from vrs.errors import InputError
from vrs.io.coordinates import by_micrograph, read_coordinates

AUTOPICK = """
# version 50001

data_

loop_
_rlnCoordinateX #1
_rlnCoordinateY #2
_rlnAutopickFigureOfMerit #3
%s
"""


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def problems(path):
    with pytest.raises(InputError) as caught:
        read_coordinates(str(path))
    return caught.value.problems


def test_relion_file_of_one_micrograph(tmp_path):
    path = write(tmp_path / "a_0001_autopick.star", AUTOPICK % "12.5 30.25 0.1\n13 31 0.2")
    picks, = read_coordinates(path)
    assert (picks.micrograph, picks.table, picks.box) == ("a_0001", path, None)
    np.testing.assert_array_equal(picks.points, [[12.5, 30.25], [13, 31]])


@pytest.mark.parametrize("name", ["a_manualpick.star", "a_topazpicks.star", "a.star"])
def test_what_programs_add_to_the_name_is_no_part_of_the_micrograph(tmp_path, name):
    picks, = read_coordinates(write(tmp_path / name, AUTOPICK % "1 2 3"))
    assert picks.micrograph == "a"


def test_folder_of_a_relion_job_with_its_other_tables(tmp_path):
    job = tmp_path / "AutoPick" / "job008"
    write(job / "job.star", "data_job\n\n_rlnJobTypeLabel relion.autopick\n")
    write(job / "autopick.star", "data_coordinate_files\n\nloop_\n_rlnMicrographName\n"
          "_rlnMicrographCoordinates\nm/b.mrc AutoPick/job008/Movies/b_autopick.star\n")
    for name, row in (("b", "1 2 0"), ("a", "3 4 0")):
        write(job / "Movies" / ("%s_autopick.star" % name), AUTOPICK % row)
    found = read_coordinates(job)
    assert [picks.micrograph for picks in found] == ["a", "b"]
    np.testing.assert_array_equal([picks.points[0] for picks in found], [[3, 4], [1, 2]])


def test_relion_list_gives_the_names_of_the_micrographs(tmp_path):
    job = tmp_path / "AutoPick" / "job008"
    listed = write(job / "autopick.star", "data_coordinate_files\n\nloop_\n_rlnMicrographName\n"
                   "_rlnMicrographCoordinates\nMotionCorr/job002/b.mrc "
                   "AutoPick/job008/Movies/b_autopick.star\nMotionCorr/job002/a.mrc "
                   "AutoPick/job008/Movies/a_autopick.star\n")
    write(job / "Movies" / "a_autopick.star", AUTOPICK % "")
    assert "1 of the 2 files" in problems(listed)[0]
    write(job / "Movies" / "b_autopick.star", AUTOPICK % "1 2 0")
    found = read_coordinates(listed)
    assert [picks.micrograph for picks in found] == ["MotionCorr/job002/b.mrc",
                                                     "MotionCorr/job002/a.mrc"]
    assert [len(picks.points) for picks in found] == [1, 0]


def test_relion_particles_are_divided_by_micrograph(tmp_path):
    path = write(tmp_path / "particles.star", "data_optics\n\nloop_\n_rlnOpticsGroup\n1\n\n"
                 "data_particles\n\nloop_\n_rlnMicrographName\n_rlnCoordinateY\n_rlnCoordinateX\n"
                 "z.mrc 1 2\na.mrc 3 4\nz.mrc 5 6\n")
    first, second = read_coordinates(path)
    assert (first.micrograph, second.micrograph) == ("z.mrc", "a.mrc")
    np.testing.assert_array_equal(first.points, [[2, 1], [6, 5]])
    np.testing.assert_array_equal(second.points, [[4, 3]])


def located(count, shape="(2,)<u4", fraction="<f4"):
    """Rows with the columns that tell where cryoSPARC picked particles."""
    return np.zeros(count, [("uid", np.uint64), ("location/micrograph_path", "S20"),
                            ("location/micrograph_shape", shape),
                            ("location/center_x_frac", fraction),
                            ("location/center_y_frac", "<f4")])


def save(path, rows):
    """Write rows as a .cs file."""
    with open(str(path), "wb") as stream:
        np.save(stream, rows)


def test_cryosparc_fractions_are_of_columns_and_rows(tmp_path):
    rows = located(2)
    rows["location/micrograph_path"] = b"J1/motion/a.mrc"
    rows["location/micrograph_shape"] = [3000, 4000]  # rows, columns
    rows["location/center_x_frac"], rows["location/center_y_frac"] = [0.25, 0.5], [0.5, 0.75]
    path = tmp_path / "particles.cs"
    save(path, rows)
    picks, = read_coordinates(path)
    assert picks.micrograph == "J1/motion/a.mrc" and picks.shape == (3000, 4000)
    np.testing.assert_array_equal(picks.points, [[1000, 1500], [2000, 2250]])
    save(path, rows[["uid", "location/center_x_frac"]])
    assert "lacks location/micrograph_path" in problems(path)[0]


@pytest.mark.parametrize("shape, fraction", [("<u4", "<f4"), ("(2,)<u4", "S4")])
def test_cryosparc_locations_of_another_kind_are_refused(tmp_path, shape, fraction):
    save(tmp_path / "a.cs", located(3, shape, fraction))
    assert "its locations are not numbers" in problems(tmp_path / "a.cs")[0]


def test_cryosparc_locations_may_lie_beside_the_particles(tmp_path):
    """The passthrough of a job, its groups and its other tables are in one folder."""
    for name, column in (("J9_particles", "alignments3D/error"),
                         ("J9_micrographs", "micrograph_blob/psize_A")):
        save(tmp_path / (name + ".cs"), np.zeros(2, [("uid", np.uint64), (column, "<f4")]))
    rows = located(2)
    rows["location/micrograph_path"], rows["location/micrograph_shape"] = b">J1/a.mrc", 512
    save(tmp_path / "J9_passthrough_particles.cs", rows)
    write(tmp_path / "J9_particles.csg", "results:\n  a:\n    metafile: '>J9_particles.cs'\n"
          "  location:\n    metafile: '>J9_passthrough_particles.cs'\n")
    for name in ("J9_particles.cs", "J9_particles.csg", "."):
        picks, = read_coordinates(tmp_path / name)
        assert len(picks.points) == 2 and picks.micrograph == ">J1/a.mrc"


def test_cryosparc_names_need_not_be_utf8(tmp_path):
    rows = located(1)
    rows["location/micrograph_path"], rows["location/micrograph_shape"] = b"m\xff.mrc", 512
    save(tmp_path / "a.cs", rows)
    assert read_coordinates(tmp_path / "a.cs")[0].micrograph == "m\ufffd.mrc"


def test_eman_boxes_give_their_corner(tmp_path):
    path = write(tmp_path / "a.box", "10 20 100 100 -3\n\n-5\t0\t100\t100\n")
    picks, = read_coordinates(path)
    assert (picks.micrograph, picks.box) == ("a", 100)
    np.testing.assert_array_equal(picks.points, [[60, 70], [45, 50]])


def test_xmipp_leaves_out_what_was_disabled(tmp_path):
    path = write(tmp_path / "a.pos", "# XMIPP_STAR_1 *\n#\ndata_header\nloop_\n "
                 "_pickingMicrographState\nAuto\ndata_particles\nloop_\n _enabled\n _xcoor\n "
                 "_ycoor\n  1  12  30\n -1  13  31\n")
    picks, = read_coordinates(path)
    np.testing.assert_array_equal(picks.points, [[12, 30]])


@pytest.mark.parametrize("name, text, says", [
    ("a_autopick.star", AUTOPICK % "x 2 3", "not numbers"),
    ("a_autopick.star", AUTOPICK % "nan 2 3", "not finite"),
    ("a_autopick.star", AUTOPICK % "", "holds no coordinates"),
    ("a.star", "data_\n_rlnCoordinateX 1\n", "no column _rlnCoordinateY"),
    ("a.star", "loop_ nonsense", "cannot be read as a STAR table"),
    ("a.box", "1 2 3\n", "corner and the size"),
    ("a.cs", "text", "not a table of cryoSPARC"),
    ("a.txt", "1 2", "does not have the name of a coordinate file"),
])
def test_what_cannot_be_read_is_said(tmp_path, name, text, says):
    found = problems(write(tmp_path / name, text))
    assert len(found) == 1 and says in found[0]


def test_all_problems_of_a_folder_are_told_together(tmp_path):
    write(tmp_path / "a_autopick.star", AUTOPICK % "x 2 3")
    write(tmp_path / "b_autopick.star", AUTOPICK % "inf 2 3")
    write(tmp_path / "c_autopick.star", AUTOPICK % "1 2 3")
    found = problems(tmp_path)
    assert len(found) == 2 and "a_autopick" in found[0] and "b_autopick" in found[1]


def test_folder_without_coordinates_or_with_two_kinds(tmp_path):
    assert "no file of coordinates" in problems(tmp_path)[0]
    write(tmp_path / "a_autopick.star", AUTOPICK % "1 2 3")
    write(tmp_path / "a.box", "1 2 3 4\n")
    assert "several kinds (.box, .star)" in problems(tmp_path)[0]
    assert "no file" in problems(tmp_path / "missing.star")[0]


def test_rows_are_divided_in_the_order_of_the_table():
    found = by_micrograph(["b", "a", "b"], [[0, 1], [2, 3], [4, 5]], "t")
    assert [(picks.micrograph, picks.points.tolist()) for picks in found] == [
        ("b", [[0, 1], [4, 5]]), ("a", [[2, 3]])]
    assert by_micrograph([], np.zeros((0, 2)), "t") == []


def test_real_files(test_data):
    picks, = read_coordinates(test_data("micrograph", "Ucsf_stack_1142_DW_autopick.star"))
    assert picks.micrograph == "Ucsf_stack_1142_DW" and len(picks.points) == 45
    np.testing.assert_allclose(picks.points[0], [839.125024, 19.979167])
    found = read_coordinates(test_data("particles", "starfile.star"))
    assert len(found) == 98 and sum(len(picks.points) for picks in found) == 3796
    with pytest.raises(InputError, match="holds no coordinates"):
        read_coordinates(test_data("particles", "formats", "4k_dataset.cs"))
    folder = test_data("particles", "relion5_betagal")
    names = [picks.micrograph for picks in read_coordinates(folder)]
    assert "20170629_00021_frameImage" in names
