import numpy as np
import pytest
from scipy import ndimage

from vrs.checks import get_check, run_check
from vrs.checks.level_1.shell_curves import shell_curves
from vrs.numerics.fourier import filtered, shell_counts, shell_frequencies
from vrs.tests.checks import phantoms
from vrs.tests.evidence import evidence

SHAPE, SAMPLING, RESOLUTION = (64, 64, 64), 1.5, 5.0
ESTIMATES = ("fsc_resolution", "dpr_resolution", "ssnr_resolution", "masked_fsc_resolution",
             "fsc_05_resolution", "fsc_09_resolution", "half_bit_resolution", "noise_resolution",
             "masked_fsc_05_resolution", "masked_ssnr_resolution")


def data_for(half1, half2, resolution=RESOLUTION, mask=None, sampling=SAMPLING, seed=0):
    mask = phantoms.central_box(half1.shape, 2) if mask is None else mask
    return evidence((half1 + half2) / 2, sampling, 0.0, resolution, mask=mask, seed=seed,
                    half1=half1, half2=half2)


def run(*args, **kwargs):
    result, _ = run_check(get_check("1.a"), data_for(*args, **kwargs))
    return result, {name: metric.value for name, metric in result.metrics.items()}


@pytest.fixture(scope="module")
def halves():
    return phantoms.half_maps(SHAPE, SAMPLING, RESOLUTION)


@pytest.fixture(scope="module")
def particle():
    """Halves of a ball with detail to 6 Å in a box of noise, and a mask around it."""
    half1, half2, *_ = phantoms.two_domain_halves(SHAPE, SAMPLING, 6.0, 6.0, noise=0.3)
    _, inside = phantoms.structure(SHAPE, SAMPLING)
    return half1, half2, ndimage.binary_dilation(inside, iterations=2)


def test_resolutions_of_known_halves(halves):
    half1, half2, truth = halves
    result, values = run(half1, half2)

    def where(fsc):
        return RESOLUTION * ((1 / 0.143 - 1) / (1 / fsc - 1)) ** 0.25

    # Within the width of a shell or two.
    assert values["fsc_resolution"] == pytest.approx(RESOLUTION, rel=0.03)
    assert values["fsc_05_resolution"] == pytest.approx(where(0.5), rel=0.03)
    assert values["fsc_09_resolution"] == pytest.approx(where(0.9), rel=0.04)
    assert values["ssnr_resolution"] == pytest.approx(where(1 / 3), rel=0.03)
    # An eighth of the box: its FSC scatters by 0.03, and first crossings are early ones.
    assert values["masked_fsc_resolution"] == pytest.approx(RESOLUTION, rel=0.12)
    assert [estimate.label for estimate in result.estimates] == [
        "FSC", "DPR", "SSNR"]
    assert {curve.name for curve in result.curves} == {
        "fsc", "fsc_masked", "fsc_random_phases", "fsc_corrected"}
    [fsc] = [curve for curve in result.curves if curve.name == "fsc"]
    error = np.abs(fsc.values - truth(fsc.frequencies))[1:]
    assert (error < 4 / np.sqrt(shell_counts(SHAPE))[1:] + 0.01).all()
    np.testing.assert_allclose(fsc.frequencies, shell_frequencies(SHAPE, SAMPLING))


def test_curves_in_the_mask_recover_what_solvent_hides(particle):
    half1, half2, mask = particle
    result, values = run(half1, half2, 6.0, mask)
    assert result.status.value == "ok"
    # The detail fades out around 6 Å, from 5.4 to 6.8 Å.
    assert 5.2 < values["masked_fsc_resolution"] < 6.2
    assert values["masked_fsc_resolution"] < values["fsc_resolution"]
    curves = shell_curves(data_for(half1, half2, 6.0, mask))
    beyond = curves.frequencies > 1 / 4.8
    assert np.abs(curves.corrected[beyond].mean()) < 0.03


@pytest.mark.parametrize("reported, warnings", [(5.0, 1), (3.0, 2), (9.0, 0)])
def test_verdict(halves, reported, warnings):
    # Of these halves the SSNR ends at 6.6 Å, the FSC at 5 Å; the DPR beyond Nyquist, 3 Å.
    result, values = run(*halves[:2], resolution=reported)
    assert len(result.warnings) == warnings
    assert values["fsc_ratio"] == pytest.approx(reported / values["fsc_resolution"])
    assert result.status.value == ("warnings" if warnings else "ok")


def test_noise_of_the_solvent_does_not_count(particle):
    half1, half2, mask = particle
    rng = np.random.default_rng(5)
    # Where the soft mask is 0.
    solvent = ~ndimage.binary_dilation(mask, iterations=5)
    around = [(solvent * rng.normal(scale=0.45, size=mask.shape)).astype(np.float32)
              for _ in range(2)]
    result, values = run(half1 + around[0], half2 + around[1], 6.0, mask)
    assert values["fsc_ratio"] < 0.8 and values["ssnr_ratio"] < 0.8
    assert result.status.value == "ok"
    # Of the corrected FSC at 1/3, which is an SSNR of 1.
    curves = shell_curves(data_for(half1 + around[0], half2 + around[1], 6.0, mask))
    at_limit = np.interp(1 / values["masked_ssnr_resolution"], curves.frequencies,
                         curves.corrected)
    assert at_limit == pytest.approx(1 / 3, abs=0.01)


def test_unknown_resolution_leaves_estimates(halves):
    result, values = run(*halves[:2], resolution=None)
    assert result.status.value == "informative" and "No resolution" in result.reason
    assert values["fsc_ratio"] is None and len(result.estimates) == 3


@pytest.mark.parametrize("seed", range(12))
def test_noise_has_no_resolution(seed):
    half1, half2 = np.random.default_rng(seed).normal(size=(2, 48, 48, 48)).astype(np.float32)
    result, values = run(half1, half2, 4.0)
    assert all(values[name] is None for name in ESTIMATES)
    assert values["fsc_ratio"] == values["dpr_ratio"] == 0
    assert result.status.value == "warnings"
    assert result.warnings == [
        "No resolution was found by the %s, so nothing here supports the reported one."
        % method for method in ("FSC in the mask", "DPR", "SSNR in the mask")]


def test_identical_halves():
    half, _, _ = phantoms.half_maps((32, 32, 32), 2.0, 6.0)
    result, values = run(half, half.copy(), sampling=2.0)
    assert result.status.value == "ok"
    assert all(values[name] == pytest.approx(4.0) for name in ESTIMATES)
    assert values["random_phases_from"] is None
    assert any("never falls" in getattr(part, "text", "") for part in result.content)
    for curve in result.curves:
        np.testing.assert_allclose(curve.values, 1, atol=1e-5)


def test_zeroed_solvent_and_low_passed_halves(particle):
    half1, half2, mask = particle
    halves = [half * mask for half in (half1, half2)]
    _, values = run(*halves, 6.0, mask)
    assert values["fsc_resolution"] == pytest.approx(values["masked_fsc_resolution"], rel=0.15)
    cut = [filtered(half, SAMPLING, lambda f2: np.sqrt(f2) < 10.5 / (64 * SAMPLING))
           for half in (half1, half2)]
    result, values = run(*cut, 6.0, mask)
    # Shell 10 is the last with signal.
    assert 10 < 64 * SAMPLING / values["fsc_resolution"] < 11
    assert all(np.isfinite(curve.values).all() for curve in result.curves)


def test_halves_without_power():
    empty = np.zeros((16, 16, 16), np.float32)
    result, values = run(empty, empty.copy())
    assert result.status.value == "warnings" and values["fsc_resolution"] is None
    assert all(np.isfinite(curve.values).all() for curve in result.curves)


def test_a_dip_in_the_first_shells_does_not_count(halves):
    half1, half2, _ = halves
    wave = filtered(np.random.default_rng(9).normal(size=SHAPE).astype(np.float32), SAMPLING,
                    lambda f2: 10 * (np.sqrt(f2) < 2.5 / (64 * SAMPLING)))
    _, before = run(half1, half2)
    result, after = run(half1 + wave, half2 - wave)
    [fsc] = [curve for curve in result.curves if curve.name == "fsc"]
    assert fsc.values[1] < 0
    assert after["fsc_resolution"] == pytest.approx(before["fsc_resolution"], rel=1e-3)


def test_a_curve_that_comes_back_is_told(particle):
    half1, half2, mask = particle
    common = filtered(np.random.default_rng(9).normal(size=SHAPE).astype(np.float32), SAMPLING,
                      lambda f2: np.sqrt(f2) > 0.28)
    result, values = run(half1 + common, half2 + common, 6.0, mask)
    assert values["fsc_resolution"] > 5
    assert any("rises above" in getattr(part, "text", "") for part in result.content)
    assert result.content[0].rows[0][-1] == "yes"


@pytest.mark.parametrize("change", [
    lambda half: half * np.float32(1e-3) + np.float32(0.01),
    lambda half: half.transpose(1, 2, 0).copy(),
    lambda half: np.rot90(half, axes=(0, 2)).copy()], ids=["scale", "axes", "rotation"])
def test_invariance(particle, change):
    half1, half2, mask = particle
    one = shell_curves(data_for(half1, half2, mask=mask))
    other = shell_curves(data_for(change(half1), change(half2), mask=change(
        mask.astype(np.float32)) > change(np.full(SHAPE, 0.5, np.float32))))
    for name in ("fsc", "dpr", "ssnr", "masked"):
        # Of the origin alone the added level is a part.
        np.testing.assert_allclose(getattr(other, name)[1:], getattr(one, name)[1:], rtol=2e-3,
                                   atol=1e-4)
    # Other random phases.
    np.testing.assert_allclose(other.corrected[1:], one.corrected[1:], atol=0.15)


def test_one_half_of_another_scale(halves):
    half1, half2, _ = halves
    (_, one), (_, other) = run(half1, half2), run(half1, 50 * half2)
    for name in ESTIMATES[:3]:
        assert other[name] == pytest.approx(one[name], rel=1e-3)


def test_seed_decides():
    half1, half2, _ = phantoms.half_maps((32, 32, 32), SAMPLING, RESOLUTION)
    one, two, three = (shell_curves(data_for(half1, half2, seed=seed)).randomised
                       for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, three)


def test_box_of_unequal_sides():
    half1, half2, truth = phantoms.half_maps((48, 64, 81), SAMPLING, RESOLUTION)
    result, values = run(half1, half2)
    assert values["fsc_resolution"] == pytest.approx(RESOLUTION, rel=0.03)
    assert result.curves[0].frequencies[-1] == pytest.approx(40 / (81 * SAMPLING))


def test_halves_displaced_from_the_map_together(particle):
    half1, half2, mask = particle
    moved = [np.roll(half, (3, -4), axis=(0, 2)) for half in (half1, half2)]
    data = evidence((half1 + half2) / 2, SAMPLING, 0.0, 6.0, mask=mask, half1=moved[0],
                    half2=moved[1])
    result, _ = run_check(get_check("1.a"), data)
    assert result.metrics["map_displacement"].value == pytest.approx(5, abs=0.05)
    [text] = [text for text in result.warnings if "displaced" in text]
    assert "by 5.0 voxels (at most 1)" in text
    result, values = run(half1, half2, 6.0, mask)
    assert values["map_displacement"] == 0 and not any("displaced" in text
                                                       for text in result.warnings)


def test_halves_of_another_map_have_no_displacement(particle):
    half1, half2, mask = particle
    other = phantoms.structure(SHAPE, SAMPLING, seed=9)[0]
    data = evidence(other, SAMPLING, 0.0, 6.0, mask=mask, half1=half1, half2=half2)
    result, _ = run_check(get_check("1.a"), data)
    assert "map_displacement" not in result.metrics
