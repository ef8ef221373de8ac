
import gemmi
import numpy as np
import pytest
from scipy import fft

from vrs.checks.check import run_check
from vrs.checks.level_A.fscq import FscQ, surroundings
from vrs.io.maps import read_map
from vrs.io.models import atom_positions, read_model
from vrs.numerics import fourier
from vrs.numerics.masks import hard_mask, soft_mask
from vrs.numerics.model_map import model_transform
from vrs.results import Status, Trace
from vrs.simulation import density, reconstruction
from vrs.tests.checks.level_A import models
from vrs.tests.evidence import by_name, changed, evidence
from vrs.tests.numerics.boxes import in_boxes_cut_out
from vrs.tests.proteins import protein

SAMPLING = 1.4
SIZE = 56
RESOLUTION = 4.5


def halves_of(signal, sampling, resolution, seed=3, steepness=150.0):
    """Two halves whose noise is as strong as the signal at a resolution, weaker below."""
    spectrum = fourier.mean_amplitudes(fft.rfftn(signal), signal.shape)
    frequencies = fourier.shell_frequencies(signal.shape, sampling)
    noise = spectrum / np.sqrt(signal.size) * np.exp(
        steepness * (frequencies ** 2 - resolution ** -2) / 4)
    rng = np.random.default_rng(seed)
    return [signal + fourier.filtered(
        rng.standard_normal(signal.shape, dtype=np.float32), sampling,
        lambda squared: np.interp(np.sqrt(squared), frequencies, noise)) for _ in range(2)]


@pytest.fixture(scope="module")
def structure():
    """One chain of an idealised protein, in the middle of the box."""
    whole, _ = protein()
    del whole[0][1]
    positions = atom_positions(whole)
    return moved(whole, SIZE // 2 * SAMPLING - positions.mean(axis=0))


@pytest.fixture(scope="module")
def data(structure):
    signal = density.model_density(structure, SIZE, SAMPLING)
    spectra = reconstruction.spectra_at(signal, SAMPLING, RESOLUTION)
    rng = np.random.default_rng(4)
    half1, half2 = (reconstruction.half_map(signal, SAMPLING, spectra, rng) for _ in range(2))
    volume = (half1 + half2) / 2
    return evidence(volume, SAMPLING, float(np.percentile(volume, 95)), RESOLUTION,
                    half1=half1, half2=half2, model=structure)


@pytest.fixture(scope="module")
def right(data):
    return run_check(FscQ(), data)


def moved(structure, shift):
    return placed(structure, atom_positions(structure) + shift)


def placed(structure, positions):
    copy = structure.clone()
    for site, position in zip(copy[0].all(), positions):
        site.atom.pos = gemmi.Position(*position)
    return copy


def value(result, name):
    return result.metrics[name].value


def test_right_model_is_near_zero(right, structure):
    result, arrays = right
    assert result.status is Status.OK, result.warnings
    assert abs(value(result, "mean_fscqr")) < 0.05
    assert abs(value(result, "percentiles")["50"]) < 0.2
    assert value(result, "beyond_percentage") == 0 == value(result, "no_signal_percentage")
    assert by_name(arrays)["fscq"].shape == (SIZE,) * 3
    assert by_name(arrays)["fscq_model"].shape == (len(atom_positions(structure)),)
    assert any(isinstance(figure, Trace) for figure in result.content)


def test_perfect_model_correlates_with_the_mean_of_the_halves_as_theory_says(right):
    # Where the halves correlate to 0.5, their mean correlates with the signal to 0.816; the
    # model has the B factors by which the signal was made.
    assert abs(value(right[0], "mean_fscqr_of_reference")) < 0.03


def test_voxels_have_the_value_of_the_definition(data, right):
    volume = by_name(right[1])["fscq"]
    around = surroundings(atom_positions(data.model.structure), volume.shape, SAMPLING)
    voxels = np.random.default_rng(5).permutation(np.argwhere(around))[:200]
    transform = model_transform(data.model.structure, volume.shape, SAMPLING, 0.0)
    model = fft.irfftn(transform, s=volume.shape)
    expected = (in_boxes_cut_out(data.half_maps.mean, model, voxels, SAMPLING, 0.67)
                - in_boxes_cut_out(*data.half_maps.both, voxels, SAMPLING, 0.5))
    difference = volume[tuple(voxels.T)] - expected
    # As far as two estimates from the same few coefficients agree.
    assert np.median(np.abs(difference)) < 0.3 and abs(np.median(difference)) < 0.1


def test_atoms_have_the_values_between_the_voxels(right, structure):
    volume, values = by_name(right[1])["fscq"], by_name(right[1])["fscq_model"]
    place = atom_positions(structure)[7, ::-1] / SAMPLING
    low = np.floor(place).astype(int)
    weights = [np.array([1 - part, part]) for part in place - low]
    cube = volume[tuple(slice(start, start + 2) for start in low)]
    assert values[7] == pytest.approx(np.einsum("zyx,z,y,x", cube, *weights), abs=1e-4)
    assert (volume != 0).mean() < 0.5


def test_residues_are_means_of_their_atoms(right, structure):
    by_residue, = right[0].residues
    assert by_residue.exchange == "FscQ"
    first = len(structure[0][0][0])
    expected = by_name(right[1])["fscq_model"][:first].mean()
    assert by_residue.values[0] == pytest.approx(expected, rel=1e-5)


def test_filtered_and_masked_map_is_no_error_of_the_model(data, right):
    mask = soft_mask(hard_mask(data.map.volume, data.map.threshold, SAMPLING, 4.0))
    processed = fourier.filtered(data.map.volume * mask, SAMPLING,
                                 lambda squared: (squared < 6.0 ** -2) * np.exp(30 * squared))
    result, _ = run_check(FscQ(), changed(data, volume=processed,
                                          threshold=float(np.percentile(processed, 95))))
    for name in ("mean_fscqr", "worse_percentage"):
        assert value(result, name) == pytest.approx(value(right[0], name), abs=1e-3)
    # The map by itself, as published, ends at 6 Å, which the model is blamed for.
    assert value(result, "mean_fscqr_of_map") > value(right[0], "mean_fscqr_of_map") + 0.1


def test_b_factors_do_not_matter(data, structure, right):
    odd = structure.clone()
    for number, site in enumerate(odd[0].all()):
        site.atom.b_iso = (-3.0, 0.0, 99.0)[number % 3]
    result, _ = run_check(FscQ(), changed(data, model=odd))
    assert value(result, "mean_fscqr") == pytest.approx(value(right[0], "mean_fscqr"), abs=1e-6)


def wrong_models(structure):
    positions = atom_positions(structure)
    rng = np.random.default_rng(6)
    middle = positions.mean(axis=0)
    other = models.walk(residues=len(positions) // 5)
    return {"shifted": moved(structure, (3.0, 0, 0)),
            "mirrored": placed(structure, middle + (positions - middle) * [1, 1, -1]),
            "other": moved(other, middle - atom_positions(other).mean(axis=0)),
            "anywhere": placed(structure, rng.uniform(3, SIZE * SAMPLING - 3, positions.shape))}


@pytest.mark.parametrize("name", ["shifted", "mirrored", "other", "anywhere"])
def test_wrong_models_are_flagged(data, structure, name):
    result, _ = run_check(FscQ(), changed(data, model=wrong_models(structure)[name]))
    assert result.status is Status.WARNINGS
    assert value(result, "mean_fscqr") > 0.5 and value(result, "worse_percentage") > 90
    assert result.serious_warnings


def test_model_shaken_by_1_angstrom_fails(data, structure):
    result, _ = run_check(FscQ(), changed(data, model=models.shaken(structure, 1.0)))
    # By the fraction of the atoms beyond 1.5, it would pass.
    assert value(result, "beyond_percentage") < 10
    assert len(result.warnings) == 1 and "The mean FSC-Qr" in result.serious_warnings[0]
    result, _ = run_check(FscQ(), changed(data, model=models.shaken(structure, 0.3)))
    assert result.status is Status.OK


def test_more_disorder_is_worse(data, structure, right):
    rng = np.random.default_rng(7)
    shifts = rng.normal(0, 1, atom_positions(structure).shape)
    found = [value(right[0], "mean_fscqr")]
    for size in (0.5, 1.5):
        model = moved(structure, size * shifts)
        found.append(value(run_check(FscQ(), changed(data, model=model))[0], "mean_fscqr"))
    assert np.all(np.diff(found) > 0.1)


def test_atoms_without_signal_have_no_value(data, structure):
    model = moved(structure, -atom_positions(structure).min(axis=0) + 2)
    half1, half2 = (half.copy() for half in (data.half_maps.first, data.half_maps.second))
    rng = np.random.default_rng(8)
    empty = np.s_[:, :, :SIZE // 2 + 4]
    for half in (half1, half2):
        half[empty] = rng.normal(0, half.std(), half[empty].shape)
    result, arrays = run_check(FscQ(), changed(data, model=model, half1=half1, half2=half2))
    assert value(result, "no_signal_percentage") > 10
    assert "no better than noise" in " ".join(result.warnings)
    assert np.isnan(by_name(arrays)["fscq_model"]).mean() == pytest.approx(
        value(result, "no_signal_percentage") / 100)


def test_model_outside_the_map(data, structure):
    result, _ = run_check(FscQ(), changed(data, model=moved(structure, (500.0, 0, 0))))
    assert result.status is Status.NOT_MEASURED and "noise" in result.reason


def test_needs_half_maps(data):
    without = changed(data, half1=None, half2=None)
    assert FscQ().unmet(without) == (Status.NOT_RUN,
                                     "It needs two half maps, which were not given.")
    assert FscQ().unmet(data) is None


def test_box_need_not_be_a_cube(data, right):
    cut = np.s_[2:, :, :SIZE - 3]
    whole = {"volume": data.map.volume, "half1": data.half_maps.first,
             "half2": data.half_maps.second}
    smaller = {name: np.ascontiguousarray(volume[cut]) for name, volume in whole.items()}
    result, _ = run_check(FscQ(), changed(
        data, model=moved(data.model.structure, (0, 0, -2 * SAMPLING)), **smaller))
    assert value(result, "mean_fscq") == pytest.approx(value(right[0], "mean_fscq"), abs=0.05)


def test_models_in_the_order_of_their_quality(test_data):
    found = read_map(test_data("map_model", "emd_2513_frh", "emd_2513.mrc"))
    half1, half2 = halves_of(found.volume, found.sampling, 4.0)
    medians, beyond = [], []
    for rank in (1, 10, 20):
        model = read_model(test_data("map_model", "emd_2513_frh",
                                     "rank%d_daq_score_w9.pdb.gz" % rank)).structure
        result, _ = run_check(FscQ(), evidence(
            found.volume, found.sampling, 0.1, 3.4, half1=half1, half2=half2, workers=2,
            model=moved(model, -np.array(found.origin))))
        medians.append(value(result, "percentiles")["50"])
        beyond.append(value(result, "beyond_percentage"))
    assert medians == sorted(medians)
    assert medians[-1] > 5 * medians[0] and beyond[-1] > 2 * beyond[0]
