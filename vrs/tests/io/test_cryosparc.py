"""Tables of cryoSPARC: files, passthrough files and groups."""

import numpy as np
import pytest

from vrs.errors import InputError
from vrs.io.cryosparc import read_columns, read_cs

GROUP = """created: 2024-05-01 10:00:00.123456
group:
  description: All particles that were processed, including
    alignments
  name: particles
  title: 'All: particles'
  type: particle
results:
  alignments3D:
    metafile: '>J5_particles.cs'
    num_items: 4
    type: particle.alignments3D
  ctf:
    metafile: '>J5_particles.cs'
    num_items: 4
    type: particle.ctf
  blob:
    metafile: ">J5_passthrough_particles.cs"
    num_items: 4
    type: particle.blob
version: v4.4.1
"""


def cs(path, **columns):
    """Write a .cs file; the names of columns have __ for the slash."""
    columns = {name.replace("__", "/"): np.asarray(values) for name, values in columns.items()}
    rows = np.zeros(len(columns["uid"]), [(name, values.dtype, values.shape[1:])
                                          for name, values in columns.items()])
    for name, values in columns.items():
        rows[name] = values
    with open(str(path), "wb") as stream:
        np.save(stream, rows)
    return str(path)


def problem(path, read=read_columns):
    with pytest.raises(InputError) as caught:
        read(str(path))
    (sentence,) = caught.value.problems
    assert sentence.endswith(".")
    return sentence


@pytest.fixture
def job(tmp_path):
    """A refinement, and its passthrough file in another order."""
    main = cs(tmp_path / "J5_particles.cs", uid=np.uint64([40, 10, 30, 20]),
              alignments3D__pose=np.arange(12.0).reshape(4, 3), ctf__scale=np.arange(4.0))
    cs(tmp_path / "J5_passthrough_particles.cs", uid=np.uint64([10, 20, 30, 40]),
       blob__path=np.array([b">S/a.mrc", b">S/b.mrc", b">S/c.mrc", b">S/d.mrc"]),
       ctf__scale=np.zeros(4))
    return tmp_path, main


def test_passthrough_is_joined_by_uid(job):
    folder, main = job
    columns, count, files = read_columns(main)
    assert count == 4 and files == [main, str(folder / "J5_passthrough_particles.cs")]
    assert columns["blob/path"].tolist() == [b">S/d.mrc", b">S/a.mrc", b">S/c.mrc", b">S/b.mrc"]
    # What the job itself wrote wins.
    assert columns["ctf/scale"].tolist() == [0, 1, 2, 3]


def test_passthrough_of_other_particles_is_not_taken(job):
    folder, main = job
    cs(folder / "J5_passthrough_particles_excluded.cs", uid=np.uint64([1, 2, 3, 40]),
       location__micrograph_path=np.array([b"a"] * 4))
    (folder / "J6_passthrough_broken.cs").write_bytes(b"nothing")
    columns, _, files = read_columns(main)
    assert len(files) == 2 and "location/micrograph_path" not in columns


def test_group_names_its_files(job):
    folder, main = job
    (folder / "J5_particles.csg").write_text(GROUP)
    columns, count, files = read_columns(str(folder / "J5_particles.csg"))
    assert files[0] == main and count == 4
    assert columns["blob/path"][0] == b">S/d.mrc" and columns["uid"].tolist() == [40, 10, 30, 20]


def test_group_whose_files_do_not_belong_together(job):
    folder, _ = job
    (folder / "J5_particles.csg").write_text(GROUP)
    cs(folder / "J5_passthrough_particles.cs", uid=np.uint64([10, 20, 30]),
       blob__path=np.array([b"a"] * 3))
    assert "lacks some" in problem(folder / "J5_particles.csg")


def test_first_and_last_rows(tmp_path):
    uids = np.random.default_rng(0).permutation(1000).astype(np.uint64)
    main = cs(tmp_path / "a.cs", uid=uids, ctf__scale=np.arange(1000.0))
    cs(tmp_path / "a_passthrough.cs", uid=np.arange(1000, dtype=np.uint64),
       blob__idx=np.arange(1000, dtype=np.uint32), blob__path=np.array([b"x"] * 1000))
    columns, count, _ = read_columns(main, rows=10)
    assert count == 1000
    assert columns["ctf/scale"].tolist() == list(range(10)) + list(range(990, 1000))
    np.testing.assert_array_equal(columns["blob/idx"], np.r_[uids[:10], uids[-10:]])


def test_columns_are_not_read_before_they_are_needed(job):
    assert isinstance(read_columns(job[1])[0]["uid"], np.memmap)


def test_what_cannot_be_read(tmp_path):
    assert "No such file" in problem(tmp_path / "none.cs")
    assert "directory" in problem(tmp_path, read_cs)
    (tmp_path / "a.cs").write_bytes(b"\x94CSDAT" + b"0" * 100)
    assert "compressed form" in problem(tmp_path / "a.cs")
    (tmp_path / "b.cs").write_bytes(b"hello")
    assert "damaged" in problem(tmp_path / "b.cs")
    path = cs(tmp_path / "c.cs", uid=np.arange(100, dtype=np.uint64))
    content = open(path, "rb").read()
    (tmp_path / "c.cs").write_bytes(content[:-8])
    assert "damaged" in problem(tmp_path / "c.cs")
    # Numpy's own words for a header that does not end are those of a parser of Python.
    (tmp_path / "c.cs").write_bytes(content.replace(b"}", b"(", 1))
    assert "damaged" in problem(tmp_path / "c.cs")
    (tmp_path / "c.cs").write_bytes(b"PK\x03\x04" + b"0" * 100)
    assert "damaged" in problem(tmp_path / "c.cs")
    with open(str(tmp_path / "d.cs"), "wb") as stream:
        np.save(stream, np.zeros(3))
    assert "not a table" in problem(tmp_path / "d.cs")
    (tmp_path / "e.csg").write_text("group:\n  name: x\n")
    assert "names no file" in problem(tmp_path / "e.csg")


def test_real_files(test_data):
    rows = read_cs(test_data("particles", "formats", "4k_dataset.cs"))
    assert len(rows) == 0 and "alignments_class_2/pose" in rows.dtype.names
    columns, count, files = read_columns(
        test_data("particles", "formats", "cryosparc_J2_particles_exported.cs"))
    assert count == 22 and len(files) == 1 and columns["alignments2D/class"][0] == 4
