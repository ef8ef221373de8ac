import numpy as np
import pytest

from vrs import inputs
from vrs.errors import InputError
from vrs.inputs.saxs import SAXS
from vrs.io.saxs import write_saxs
from vrs.numerics.saxs import SaxsCurve


@pytest.fixture
def curve():
    q = np.linspace(0.01, 0.3, 40)
    return SaxsCurve(q, np.exp(-(20 * q) ** 2 / 3), np.full(40, 0.01))


def test_a_curve_is_read_and_described(tmp_path, curve):
    path = tmp_path / "curve.dat"
    write_saxs(str(path), SaxsCurve(10 * curve.q, curve.intensity, curve.sigma), "q in 1/nm")
    path.write_text(path.read_text().replace("1/Å", "1/nm"))
    given = {"saxs": str(path)}
    inputs.probe(given)
    found = inputs.load(given)
    np.testing.assert_allclose(found.saxs.q, curve.q, rtol=1e-6)
    assert [source.term for source in found.sources("saxs")] == ["SAXS curve"]
    assert "converted from 1/nm" in found.notes("saxs")[0].text
    (note,), content = SAXS.describe(found)
    assert note.text == "The SAXS curve has 40 points, q from 0.01 to 0.3 1/Å." and not content


@pytest.mark.parametrize("text, words", [
    (None, "does not exist"), ("", "holds no SAXS curve"),
    ("0.1 1\n" * 30, "no errors of the intensities")])
def test_what_is_no_curve_is_refused(tmp_path, text, words):
    path = tmp_path / "curve.dat"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        inputs.probe({"saxs": str(path)})
    assert len(caught.value.problems) == 1 and caught.value.problems[0].endswith(".")
