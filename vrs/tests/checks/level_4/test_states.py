from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from vrs.checks import get_check, run_check
from vrs.checks.level_4 import states
from vrs.images.ctf import Contrast
from vrs.numerics.ctf import Optics
from vrs.results import Status
from vrs.simulation.particle_sets import particle_set
from vrs.tests.checks.particle_sets import SAMPLING, evidence_of, volume_of

CHECK, COUNT, SNR = get_check("4.e"), 120, 0.2


@pytest.fixture(scope="module", autouse=True)
def few():
    """A coarse map, and as few permutations as can tell: a hundred pairs give 1/101 or more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(states, "_PERMUTATIONS", 10)
        patch.setattr(states, "_MOST_SHELLS", 10)
        yield


def without_a_part():
    """The map without the outermost tenth of its mass along (1, 1, 1), which is not planted."""
    volume = volume_of()
    z, y, x = np.indices(volume.shape)
    order = np.argsort(-(x + y + z).ravel(), kind="stable")
    cumulated = np.cumsum(volume.ravel()[order], dtype=float)
    less = volume.ravel().copy()
    less[order[:np.searchsorted(cumulated, 0.1 * cumulated[-1])]] = 0
    return less.reshape(volume.shape)


def run(folder, count=COUNT, snr=SNR, **kwargs):
    made = particle_set(folder, volume_of(), SAMPLING, count, snr, **kwargs)
    result, _ = run_check(CHECK, evidence_of(made.table, volume_of()))
    return result, {name: metric.value for name, metric in result.metrics.items()}, made


def test_one_state_is_ok_where_a_second_one_would_be_found(tmp_path):
    result, found, _ = run(tmp_path)
    assert result.status is Status.OK and not result.particles
    assert found["p_value"] > 0.01 > found["planted_p_value"]
    assert found["difference_correlation"] < 0.2 < found["planted_correlation"]
    assert found["power"] > 1500 and found["sizes"] is None
    assert found["particles_used"] == COUNT
    # Shell 10 of 224 Å.
    assert found["resolution_used"] == pytest.approx(22.4)


def test_two_states_are_found_and_told_apart(tmp_path):
    result, found, made = run(tmp_path, second=without_a_part())
    assert result.status is Status.WARNINGS
    assert found["p_value"] < 0.01 and found["difference_correlation"] > 0.3
    assert sum(found["sizes"]) == pytest.approx(100) and found["sizes"][1] > 35
    state, ratio = result.particles
    agreement = np.mean((state.values == 2) == (made.state[state.rows] == 1))
    assert max(agreement, 1 - agreement) > 0.85
    assert np.array_equal(ratio.values > 0, state.values == 1)


def test_too_few_particles_are_not_said_to_be_alike(tmp_path):
    result, _, _ = run(tmp_path, count=110, snr=0.01, second=without_a_part())
    assert result.status is Status.NOT_MEASURED
    assert "too few or too noisy" in result.reason and "110 particles" in result.reason


def test_wrong_angles_and_junk_are_not_a_second_state(tmp_path):
    # So few of them may hide a planted state, which is no warning either.
    result, _, _ = run(tmp_path, wrong_angles=0.2, junk=0.2)
    assert result.status in (Status.OK, Status.NOT_MEASURED)


def test_a_handful_is_refused(tmp_path):
    result, _, _ = run(tmp_path, count=99)
    assert result.status is Status.NOT_MEASURED and "at least 100" in result.reason


def test_planted_parts_hold_a_tenth_and_have_the_symmetry():
    axis = np.arange(16) - 8
    ball = (np.hypot.outer(axis, np.hypot.outer(axis, axis)) < 6).astype(np.float32)
    volume = ndimage.gaussian_filter(ball, 1).astype(np.float32)
    specimen = states._Specimen(volume, ball, 8.0, 20.0)
    half_turn = np.array([np.eye(3), np.diag([-1.0, -1.0, 1.0])])
    for number, part in enumerate(specimen.planted(half_turn)):
        assert part.sum() == pytest.approx(0.1 * (volume * ball).sum(), rel=0.1)
        centre = np.array(ndimage.center_of_mass(part))[::-1] - 8
        # Along z the symmetry leaves one end, along x and y it takes both.
        assert abs(centre[number]) < 1 if number < 2 else centre[number] > 3


def test_images_of_unknown_ctf_are_not_classified(tmp_path):
    # Their defocus would split both halves alike.
    made = particle_set(tmp_path, volume_of(), SAMPLING, 12, SNR)
    result, _ = run_check(CHECK, evidence_of(replace(made.table, defocus=None), volume_of()))
    assert result.status is Status.NOT_RUN and "defocus" in result.reason


def test_images_that_were_multiplied_by_their_ctf_are_divided_again():
    contrast = Contrast((Optics(300.0, 2.7, 0.1),) * 2, np.array([0, 1]),
                        np.full((2, 3), 15000.0), states=("raw", "premultiplied"))
    frequencies = np.column_stack([np.linspace(0.01, 0.06, 50), np.zeros(50)])
    raw = contrast.in_state("raw").values(frequencies)
    noise = np.ones(raw.shape) * (1 + 2j)
    coefficients = (noise * [[1], [1]] * np.array([np.ones(50), raw[1]])).astype(np.complex64)
    ctf = contrast.values(frequencies)
    states._divide(coefficients, ctf, contrast, frequencies)
    kept = np.abs(raw[1]) > 0.1
    assert 30 < kept.sum() < 50
    np.testing.assert_allclose(coefficients[0], noise[0])
    np.testing.assert_allclose(coefficients[1], np.where(kept, noise[1], 0), rtol=1e-5)
    np.testing.assert_allclose(ctf, [raw[0], np.where(kept, raw[1], 0)])
