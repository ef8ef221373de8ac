import re

import numpy as np
import pytest
from scipy import ndimage

from vrs import inputs
from vrs.errors import InputError
from vrs.inputs.half_maps import HALF_MAPS
from vrs.io.maps import write_map
from vrs.numerics import fourier
from vrs.results import Solid, Status
from vrs.tests.checks import phantoms
from vrs.tests.evidence import evidence
from vrs.tests.inputs.reading import read
from vrs.tests.io.files import blob, save

SAMPLING = 1.5
SHAPE = (72, 64, 68)
BOX = (9, 8, 7)


@pytest.fixture(scope="module")
def halves():
    half1, half2, *_ = phantoms.two_domain_halves(SHAPE, SAMPLING, 5.0, 6.0, noise=0.3)
    return half1, half2


@pytest.fixture(scope="module")
def mask():
    _, inside = phantoms.structure(SHAPE, SAMPLING)
    return ndimage.binary_dilation(inside, iterations=2)


def warnings(half1, half2, mask, volume=None):
    mean = (half1 + half2) / 2
    data = evidence(mean if volume is None else volume, SAMPLING, 0.1, 6.0, mask,
                    half1=half1, half2=half2)
    return [note.text for note in HALF_MAPS.describe(data)[0] if note.severity != "informative"]


def test_sound_halves_give_no_warning(halves, mask):
    assert warnings(*halves, mask) == []


def test_the_mean_is_recognised_whatever_its_scale(halves, mask):
    data = evidence(3 * (halves[0] + halves[1]) + 1, SAMPLING, 0.1, 6.0, mask,
                    half1=halves[0], half2=halves[1])
    [note] = HALF_MAPS.describe(data)[0]
    assert note.severity == "informative" and "mean of the half maps is the map" in note.text


def test_a_sharpened_and_masked_mean_is_recognised(halves, mask):
    mean = (halves[0] + halves[1]) / 2
    sharpened = fourier.filtered(mean, SAMPLING, lambda f2: np.exp(60 * f2 / 4)) * mask
    assert warnings(*halves, mask, sharpened) == []


def test_halves_of_another_map(halves, mask):
    other = phantoms.structure(SHAPE, SAMPLING, seed=9)[0]
    [text] = warnings(*halves, mask, other)
    assert "do not sum to the map" in text


def test_halves_of_the_other_hand(halves, mask):
    [text] = warnings(halves[0], halves[1], mask, np.ascontiguousarray(
        ((halves[0] + halves[1]) / 2)[:, :, ::-1]))
    assert "mirror images of the map" in text


def test_halves_of_the_other_sign(halves, mask):
    [text] = warnings(*halves, mask, -(halves[0] + halves[1]) / 2)
    assert "inverted with respect to the map" in text


def test_halves_in_another_place(halves, mask):
    mean = (halves[0] + halves[1]) / 2
    [text] = warnings(*halves, np.roll(mask, 3, axis=0), np.roll(mean, 3, axis=0))
    assert "displaced from the map by 3 voxels along z," in text.replace("-3", "3")


def test_halves_of_a_map_that_was_changed_otherwise(halves, mask):
    mean = (halves[0] + halves[1]) / 2
    other = phantoms.structure(SHAPE, SAMPLING, seed=9)[0]
    other = fourier.filtered(other, SAMPLING, lambda f2: f2 < 5.0 ** -2)
    [text] = warnings(*halves, mask, mean + 0.8 * mean[mask].std() / other[mask].std() * other)
    assert "only partly" in text


def test_zeroed_solvent(halves, mask):
    texts = warnings(halves[0] * mask, halves[1] * mask, mask)
    assert any("are masked: 100 %" in text for text in texts)


def test_solvent_that_was_softly_masked(halves, mask):
    soft = np.clip(ndimage.gaussian_filter(mask.astype(np.float32), 2), 1e-3, 1)
    texts = warnings(halves[0] * soft, halves[1] * soft, mask)
    assert any("next to no noise" in text for text in texts)


def test_low_passed_halves(halves, mask):
    cut = [fourier.filtered(half, SAMPLING, lambda f2: f2 < 5.0 ** -2) for half in halves]
    texts = warnings(*cut, mask)
    assert any("low-pass filtered" in text and "beyond 4.9" in text for text in texts)


def test_halves_that_share_noise(halves, mask):
    shared = np.random.default_rng(3).normal(scale=0.12, size=SHAPE).astype(np.float32)
    texts = warnings(halves[0] + shared, halves[1] + shared, mask)
    assert any("do not look independent" in text for text in texts)


def test_where_noise_is_shared_is_said(halves, mask):
    """Around the macromolecule, or beyond the resolution where a mask left nothing around it."""
    shared = np.random.default_rng(3).normal(scale=0.113, size=SHAPE).astype(np.float32)
    # Both noises are white: the common one has this part of the variance.
    part = 0.113 ** 2 / (0.113 ** 2 + 0.3 ** 2)
    [text] = [text for text in warnings(halves[0] + shared, halves[1] + shared, mask)
              if "independent" in text]
    found = re.search(r"around the macromolecule their fine details have a correlation of "
                      r"(0\.\d\d) instead of 0", text)
    assert float(found.group(1)) == pytest.approx(part, abs=0.02)
    soft = ndimage.gaussian_filter(
        ndimage.binary_dilation(mask, iterations=4).astype(np.float32), 1.5)
    soft[soft < 1e-3] = 0
    masked = [(half + shared) * soft for half in halves]
    [text] = [text for text in warnings(*masked, mask) if "independent" in text]
    found = re.search(r"beyond the resolution their Fourier shell correlation stays at (0\.\d\d) "
                      "instead of falling to 0", text)
    assert float(found.group(1)) == pytest.approx(part, abs=0.03)


def test_zeroed_solvent_is_no_shared_noise(halves, mask):
    """Zeros around the macromolecule are the same in both halves, and no noise."""
    [text] = warnings(halves[0] * mask, halves[1] * mask, mask)
    assert "are masked" in text


def test_halves_without_any_signal(mask):
    rng = np.random.default_rng(4)
    noise = [rng.normal(size=SHAPE).astype(np.float32) for _ in range(2)]
    assert warnings(*noise, mask) == []


# Reading them

@pytest.fixture
def map_path(tmp_path):
    path = str(tmp_path / "map.mrc")
    write_map(path, blob(BOX), 1.5)
    return path


def problems_of(*args, **kwargs):
    with pytest.raises(InputError) as caught:
        read(*args, **kwargs)
    return caught.value.problems


@pytest.fixture
def half_paths(tmp_path):
    return [save(tmp_path / ("half%d.mrc" % number), blob(BOX, seed=number))
            for number in (1, 2)]


def test_half_maps(map_path, half_paths):
    found = read(map_path, 0.3, half1=half_paths[0], half2=half_paths[1])
    np.testing.assert_array_equal(found.half_maps.first, blob(BOX, seed=1))
    np.testing.assert_array_equal(found.half_maps.second, blob(BOX, seed=2))
    assert [source.path for source in found.sources("half_maps")] == half_paths


def test_without_half_maps(map_path):
    found = read(map_path, 0.3)
    assert found.half_maps is None and found.sources("half_maps") == []


def test_half_maps_of_another_box(map_path, half_paths, tmp_path):
    other = save(tmp_path / "small.mrc", blob((9, 8, 6)))
    (problem,) = problems_of(map_path, 0.3, half1=half_paths[0], half2=other)
    assert other in problem and "6 × 8 × 9" in problem and "7 × 8 × 9" in problem


def test_half_maps_of_another_sampling(map_path, half_paths, tmp_path):
    other = save(tmp_path / "coarse.mrc", blob(BOX, seed=2), sampling=1.6)
    (problem,) = problems_of(map_path, 0.3, half1=half_paths[0], half2=other)
    assert other in problem and "1.6 Å" in problem and "1.5 Å" in problem
    assert read(map_path, 0.3, sampling=1.55,
                      half1=half_paths[0], half2=other).map.sampling == 1.55


def test_a_wrong_sampling_is_told_once(map_path, half_paths):
    (problem,) = problems_of(map_path, 0.3, sampling=-1, half1=half_paths[0], half2=half_paths[1])
    assert problem.startswith("The sampling, -1, is not positive")


def test_half_maps_of_nearly_the_same_sampling(map_path, half_paths, tmp_path):
    other = save(tmp_path / "near.mrc", blob(BOX, seed=2), sampling=1.505)
    found = read(map_path, 0.3, half1=half_paths[0], half2=other)
    assert any("near.mrc is 1.505 Å" in note.text for note in found.notes("half_maps"))


def test_what_the_headers_of_half_maps_tell(map_path, half_paths, tmp_path):
    """What only a half's header says stands in the report, and what the map's says only once."""
    def told(first, second):
        found = read(map_path, 0.3, half1=first, half2=second)
        of_map = {note.text for note in found.notes("map")}
        texts = [note.text for note in found.notes("half_maps")]
        assert not any(text.partition(": ")[2] in of_map for text in texts)
        return [text for text in texts if text.startswith(("Half map", "Both half maps"))]

    assert told(*half_paths) == []
    odd = save(tmp_path / "odd.mrc", blob(BOX, seed=2), 1.5, ispg=0)
    assert told(half_paths[0], odd) == ["Half map 2: The header marks the file as images (space "
                                        "group 0); it was read as one volume."]
    moved = [save(tmp_path / name, blob(BOX, seed=seed), 1.5, origin=(3, 0, 0))
             for seed, name in enumerate(("a.mrc", "b.mrc"), 1)]
    assert told(*moved) == ["Both half maps: The header places the first voxel at (3, 0, 0) Å (x, "
                            "y, z)."]


def test_half_map_without_sampling_takes_the_maps(map_path, half_paths, tmp_path):
    other = save(tmp_path / "none.mrc", blob(BOX, seed=2), sampling=0)
    found = read(map_path, 0.3, half1=half_paths[0], half2=other)
    np.testing.assert_array_equal(found.half_maps.second, blob(BOX, seed=2))


def test_identical_half_maps(map_path, half_paths, tmp_path):
    copy = save(tmp_path / "copy.mrc", blob(BOX, seed=1))
    (problem,) = problems_of(map_path, 0.3, half1=half_paths[0], half2=copy)
    assert "identical" in problem and copy in problem and half_paths[0] in problem


def test_half_map_that_is_the_map(map_path, half_paths):
    (problem,) = problems_of(map_path, 0.3, half1=map_path, half2=half_paths[0])
    assert "is the map itself;" in problem


# Matching them

@pytest.fixture
def read_changed(halves, tmp_path):
    """Reads halves of which the second one was changed; gives half 2, notes and path."""
    def make(change, first=halves[0], second=halves[1]):
        paths = [save(tmp_path / name, volume, SAMPLING) for name, volume in (
            ("map.mrc", (halves[0] + halves[1]) / 2), ("one.mrc", first),
            ("two.mrc", change(second).astype(np.float32)))]
        return read(paths[0], 0.3, half1=paths[1], half2=paths[2])
    return make


def close(found, half):
    """Whether a half was brought back, apart from its noise in the match."""
    assert found.half_maps.second.dtype == np.float32
    return np.abs(found.half_maps.second - half).max() < 0.1 * half.std()


def test_sound_halves_are_left_as_they_are(read_changed, halves):
    found = read_changed(lambda half: half)
    assert found.notes("half_maps") == []
    np.testing.assert_array_equal(found.half_maps.second, halves[1])


@pytest.mark.parametrize("change, severity, text", [
    (lambda half: 2 * half, "informative",
     r"a different scale from half map 1; it was multiplied by 0\.(5|49)"),
    (lambda half: half + 3, "informative",
     r"a different offset from half map 1; it was shifted by -(3|2\.9)"),
    (lambda half: 2 * half + 3, "informative", "a different scale and offset"),
    (lambda half: -half, "minor", "The density of half map 2 is inverted"),
    (lambda half: np.roll(half, (2, -1), axis=(0, 2)), "serious",
     r"by -\S+ voxels? along x and \S+ voxels along z; it was moved back")])
def test_what_was_matched_is_said(read_changed, halves, change, severity, text):
    found = read_changed(change)
    [note] = found.notes("half_maps")
    assert note.severity == severity and re.search(text, note.text)
    if "moved" not in text:
        assert close(found, halves[1])


def test_halves_with_nothing_in_common(read_changed):
    rng = np.random.default_rng(6)
    found = read_changed(lambda half: half, *(rng.normal(size=SHAPE).astype(np.float32)
                                              for _ in range(2)))
    [note] = found.notes("half_maps")
    assert note.severity == "serious" and "nothing in common" in note.text


@pytest.mark.parametrize("change, text", [
    (lambda half: half.astype(np.float16), "identical;"),
    (lambda half: 3 * half, "identical, apart from the scale;"),
    (lambda half: -half, "identical, apart from the sign;"),
    (lambda half: np.roll(half, 4, axis=1), "identical, apart from the place;")])
def test_the_same_half_twice(read_changed, halves, change, text):
    with pytest.raises(InputError) as caught:
        read_changed(change, halves[0], halves[0])
    assert text in caught.value.problems[0]


def test_the_map_with_another_scale_as_a_half(read_changed, halves):
    with pytest.raises(InputError) as caught:
        read_changed(lambda half: half, 3 * (halves[0] + halves[1]))
    assert "is the map itself, apart from the scale;" in caught.value.problems[0]


def test_problems_of_half_maps_come_with_the_others(tmp_path):
    problems = problems_of(str(tmp_path / "no.mrc"), "high", half1=str(tmp_path / "none.mrc"),
                           half2=str(tmp_path / "nothing.mrc"))
    for word in ("no.mrc", "high", "none.mrc", "nothing.mrc"):
        assert sum(word in problem for problem in problems) == 1, word


def test_one_half_map_alone(map_path, half_paths):
    (problem,) = problems_of(map_path, 0.3, half1=half_paths[0])
    assert "--half1 and --half2" in problem


def test_what_only_the_data_tell_is_a_reason_of_the_level(map_path, half_paths, tmp_path):
    wrong = blob(BOX)
    wrong[0, 0, 0] = np.nan
    with pytest.warns(RuntimeWarning):
        bad = save(tmp_path / "nan.mrc", wrong)
    given = dict(map=map_path, threshold=0.3, half1=half_paths[0], half2=bad)
    inputs.probe(given)
    found = inputs.load(given)
    assert found.map is not None and found.half_maps is None
    assert "not finite" in found.failures["half_maps"]
    status, reason = HALF_MAPS.unmet(found)
    assert status is Status.NOT_MEASURED and "not finite" in reason


@pytest.mark.parametrize("grey", [1, 1e-9, 1e6])
def test_surfaces_of_the_halves_enclose_what_that_of_the_map_does(halves, mask, grey):
    halves = [half * np.float32(grey) for half in halves]
    mean = (halves[0] + halves[1]) / 2
    threshold = float(np.quantile(mean, 0.97))
    data = evidence(mean, SAMPLING, threshold, 6.0, mask, half1=halves[0], half2=halves[1])
    first, second = [block for block in HALF_MAPS.describe(data)[1] if isinstance(block, Solid)]
    assert "half map 1, smoothed to 6 Å" in first.caption and "half map 2" in second.caption
    for solid in (first, second):
        assert max(solid.volume.shape) <= 64 and solid.volume.dtype == np.float16
        # Of the volume of the map above the threshold, but for what noise lies outside the mask.
        enclosed = np.count_nonzero(solid.volume > solid.level) * solid.sampling ** 3
        inside = ndimage.find_objects(mask.view(np.uint8))[0]
        region = tuple(slice(max(0, side.start - 4), side.stop + 4) for side in inside)
        expected = np.count_nonzero(mean[region] >= threshold) * SAMPLING ** 3
        assert enclosed == pytest.approx(expected, rel=0.05)
    overlap = (first.volume > first.level) & (second.volume > second.level)
    # By chance a twentieth would be in both.
    assert overlap.sum() > 0.4 * (first.volume > first.level).sum()
