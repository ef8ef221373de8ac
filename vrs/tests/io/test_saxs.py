"""Reading and writing curves of small-angle scattering."""

import numpy as np
import pytest

from vrs.errors import InputError
from vrs.io.saxs import read_saxs, write_saxs
from vrs.numerics.saxs import SaxsCurve

Q = np.linspace(0.01, 0.3, 30)
CURVE = SaxsCurve(Q, 100 * np.exp(-Q ** 2 * 300), 0.01 + 0.1 * Q)


def rows(curve=CURVE, separator=" "):
    return [separator.join("%.6e" % value for value in values)
            for values in zip(curve.q, curve.intensity, curve.sigma)]


def read(tmp_path, lines):
    path = tmp_path / "curve.dat"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_saxs(path)


def assert_is_curve(found, expected=CURVE):
    for name in ("q", "intensity", "sigma"):
        # Seven digits are written.
        np.testing.assert_allclose(getattr(found.curve, name), getattr(expected, name), rtol=1e-6)


def problem(tmp_path, lines):
    with pytest.raises(InputError) as caught:
        read(tmp_path, lines)
    (text,) = caught.value.problems
    assert "curve.dat" in text and text.endswith(".")
    return text


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "curve.dat"
    write_saxs(path, CURVE, "Sample 1, 2 and 3")
    found = read_saxs(path)
    assert_is_curve(found)
    assert found.notes == () and found.path == str(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["curve.dat"]


@pytest.mark.parametrize("lines", [
    rows(), rows(separator=","), rows(separator=", "), rows(separator=";"), rows(separator="\t"),
    [line.replace(".", ",") for line in rows()],
    [line.replace(".", ",") for line in rows(separator=";")],
    [line.replace("e", "D") for line in rows()],
    [line + " 1" for line in rows()], [line + " flag" for line in rows()],
    ["Sample description: 5 mg/ml", "1.0", "30", "q I sigma"] + rows() + ["creator: 1 2", "{", "}"],
    ["### DATA:", "#", "# 30"] + rows() + ["#", "# 1.0 2.0 3.0"],
    ["30 0 1"] + rows(),
    rows()[:10] + ["", "# a comment", ""] + rows()[10:],
    rows()[:-1] + [rows()[-1] + "\x1a"], [""] + rows()])
def test_all_ways_to_write_a_curve(tmp_path, lines):
    found = read(tmp_path, lines)
    assert_is_curve(found)
    assert found.notes == ()


def test_inverse_nanometres(tmp_path):
    tenfold = SaxsCurve(10 * Q, CURVE.intensity, CURVE.sigma)
    for header in ("q I sigma", "s, 1/nm", "q [nm^-1]", "Q_(nm-1)", "sample A-1"):
        found = read(tmp_path, [header] + rows(tenfold))
        assert_is_curve(found)
        (note,) = found.notes
        assert "1/nm" in note
    # The file's word counts, not the range.
    assert_is_curve(read(tmp_path, ["q (1/A), intensity, error"] + rows(tenfold)), tenfold)
    small = SaxsCurve(Q / 2, CURVE.intensity, CURVE.sigma)
    found = read(tmp_path, ["q (nm-1), intensity, error"] + rows(small))
    assert_is_curve(found, SaxsCurve(Q / 20, CURVE.intensity, CURVE.sigma))
    assert_is_curve(read(tmp_path, ["wavelength 0.15 nm"] + rows(small)), small)


def test_unusable_points_are_dropped_and_said(tmp_path):
    lines = rows()
    lines[3] = "0.04 nan 0.1"
    lines[5] = "0.06 1.0 ******"
    lines[7] = "0.08 1.0 0.0"
    lines[8] = "0.09 1.0 -0.1"
    lines[9] = "0.10 1.0 -1"
    lines.insert(0, "0.0 5.0 0.1")
    found = read(tmp_path, lines)
    kept = np.delete(np.arange(30), [3, 5, 7, 8, 9])
    assert_is_curve(found, CURVE[kept])
    assert [note.split()[0] for note in found.notes] == ["3", "3"]
    assert "not positive" in found.notes[1]


def test_points_out_of_order_are_sorted(tmp_path):
    lines = rows()
    found = read(tmp_path, lines[20:] + lines[:20])
    assert_is_curve(found)
    assert "sorted" in found.notes[0]


def test_the_longest_of_several_tables_is_read(tmp_path):
    found = read(tmp_path, rows(CURVE[:25]) + ["second"] + rows())
    assert_is_curve(found)
    assert "2 tables" in found.notes[0]


def test_what_is_not_a_curve(tmp_path):
    two = [" ".join(line.split()[:2]) for line in rows()]
    assert "only two columns" in problem(tmp_path, two)
    assert "no errors" in problem(tmp_path, [line + " 0.0" for line in two])
    assert "all values are numbers" in problem(tmp_path, [line + " nan" for line in two])
    assert "1 different values of q" in problem(tmp_path, ["0.1 " + line.split(" ", 1)[1]
                                                           for line in rows()])
    assert "all values are numbers" in problem(tmp_path, [line + " 1e200" for line in two])
    assert "no SAXS curve" in problem(tmp_path, rows()[:19])
    assert "no SAXS curve" in problem(tmp_path, [])
    assert "no SAXS curve" in problem(tmp_path, ["a text", "without numbers"] * 20)
    assert "15 usable points" in problem(
        tmp_path, rows()[:15] + ["0.2 1.0 0.0"] * 10)
    assert "buffer" in problem(tmp_path, [
        "%g %g %g" % values for values in zip(Q, -CURVE.intensity, CURVE.sigma)])
    assert "GNOM" in problem(tmp_path, ["  ####  G N O M   Version 5.0 (r12593)  ####"] + rows())


def test_files_that_are_no_text(tmp_path):
    path = tmp_path / "curve.dat"
    with pytest.raises(InputError, match="does not exist"):
        read_saxs(path)
    path.write_bytes(b"MAP \0\0\0\0" + bytes(100))
    with pytest.raises(InputError, match="not a text file"):
        read_saxs(path)
    path.write_bytes("# Lysozym, 20 °C\n".encode("latin-1") + "\r\n".join(rows()).encode())
    assert_is_curve(read_saxs(path))


@pytest.mark.parametrize("name, points, first, last", [
    ("2epe.dat", 104, 9.813e-3, 0.4083445), ("lyzexp.dat", 197, 4.138455e-2, 0.4983631),
    ("glucose_isomerase.dat", 474, 1.00967275e-2, 0.282996847),
    ("SASDJQ4.dat", 844, 0.00385, 0.39987), ("SAXS_26996_merged.dat", 431, 0.0141882, 0.407304)])
def test_public_curves(test_data, name, points, first, last):
    found = read_saxs(test_data("saxs", name))
    assert len(found.curve) == points and found.notes == ()
    np.testing.assert_allclose(found.curve.q[[0, -1]], [first, last], rtol=1e-6)
    assert (np.diff(found.curve.q) > 0).all() and (found.curve.sigma > 0).all()


def test_other_public_files_are_no_curves(test_data):
    with pytest.raises(InputError, match="GNOM"):
        read_saxs(test_data("saxs", "glucose_isomerase_gnom.out"))
    with pytest.raises(InputError, match="no SAXS curve"):
        read_saxs(test_data("saxs", "2epe.pdb"))
