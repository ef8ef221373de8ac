import filecmp
import json
from types import SimpleNamespace

import gemmi
import mrcfile
import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.errors import InputError
from vrs.numerics import masks
from vrs.results import Status
from vrs.simulation import density, protein, write_example
from vrs.tests import proteins
from vrs.tests.evidence import evidence


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    with proteins.built_once():
        paths = write_example(str(tmp_path_factory.mktemp("example")), workers=2)
    with open(paths["truth"], encoding="utf-8") as file:
        truth = json.load(file)
    volumes = {kind: mrcfile.read(paths[kind]) for kind in ("map", "half1", "half2")}
    return SimpleNamespace(paths=paths, truth=truth, volumes=volumes)


@pytest.fixture(scope="module")
def data(example):
    truth = example.truth
    return evidence(example.volumes["map"], truth["sampling"], truth["threshold"],
                    truth["resolution"], workers=2)


def shell_sums(values, shells, count):
    return np.bincount(shells, values.ravel(), count)[:count]


def test_same_arguments_give_the_same_bytes(example, tmp_path):
    again = write_example(str(tmp_path / "again"), workers=1)
    for kind, path in example.paths.items():
        assert filecmp.cmp(path, again[kind], shallow=False), kind


def test_maps_are_even_cubes_with_the_sampling(example):
    for kind, volume in example.volumes.items():
        assert volume.dtype == np.float32
        assert set(volume.shape) == {example.truth["box"]} and volume.shape[0] % 2 == 0
        with mrcfile.open(example.paths[kind], header_only=True) as mrc:
            assert float(mrc.voxel_size.x) == pytest.approx(example.truth["sampling"])
            assert mrc.header.origin.x == mrc.header.nxstart == 0


def test_halves_correlate_as_the_truth_says(example):
    truth = example.truth["half_maps"]
    expected, box = np.array(truth["fsc"]), example.truth["box"]
    one, other = (np.fft.rfftn(example.volumes[kind]) for kind in ("half1", "half2"))
    axis, half_axis = np.fft.fftfreq(box), np.fft.rfftfreq(box)
    radius = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + half_axis ** 2)
    shells, count = np.rint(radius * box).astype(int).ravel(), len(expected)
    weights = np.full(one.shape, 2.0)
    weights[..., [0, -1]] = 1
    cross, power1, power2 = (shell_sums(weights * product, shells, count) for product in
                             ((one * other.conj()).real, np.abs(one) ** 2, np.abs(other) ** 2))
    found = cross / np.sqrt(power1 * power2)
    independent = shell_sums(weights, shells, count) / 2
    # Variance of the FSC of a fixed signal with independent noise in each half.
    error = np.sqrt((1 - expected ** 2) / (2 * independent))
    # The first shells have few coefficients and a spectrum that changes within them.
    assert np.all(np.abs(found - expected)[3:-1] < 5 * error[3:-1] + 0.002)
    assert truth["fsc_0.143_resolution"] == pytest.approx(example.truth["resolution"], abs=0.01)
    assert np.argmax(found[1:] < 0.143) + 1 == pytest.approx(
        box * example.truth["sampling"] / example.truth["resolution"], abs=1.5)


def test_map_is_the_filtered_mean_of_the_halves(example):
    truth, box = example.truth, example.truth["box"]
    fsc = np.array(truth["half_maps"]["fsc"])
    mean = (example.volumes["half1"] + example.volumes["half2"]) / 2
    frequencies = np.fft.rfftfreq(box, truth["sampling"])
    inside = (frequencies > 0) & (frequencies < 1 / truth["resolution"])
    gain = (np.fft.rfftn(example.volumes["map"])[0, 0] / np.fft.rfftn(mean)[0, 0])[inside]
    expected = (np.sqrt(2 * fsc / (1 + fsc))[:len(frequencies)]
                * np.exp(-truth["map"]["sharpening_b_factor"] * frequencies ** 2 / 4))[inside]
    # Maps are stored in single precision.
    assert gain == pytest.approx(expected, rel=1e-3)


def test_model_fits_the_map_and_its_mirror_does_not(example, data):
    truth = example.truth
    structure = gemmi.read_structure(example.paths["model"])
    model = density.model_density(structure, truth["box"], truth["sampling"])
    mask = data.map.hard_mask

    def correlation(volume):
        return np.corrcoef(volume[mask], model[mask])[0, 1]

    assert correlation(data.map.volume) > 0.85
    # Voxel size/2 is the middle, so that the mirror leaves out the first slice.
    mirrored = np.roll(data.map.volume[::-1], 1, axis=0)
    assert correlation(mirrored) < 0.5


def test_truth_agrees_with_the_files(example, data):
    truth = example.truth
    structure = gemmi.read_structure(example.paths["model"])
    assert sum(len(chain) for chain in structure[0]) == truth["protein"]["residues"]
    for chain in structure[0]:
        facts = truth["protein"]["chains"][chain.name]
        assert len(facts["secondary_structure"]) == len(facts["sequence"]) == len(chain)
    enclosed = np.sum(data.map.volume >= truth["threshold"]) * truth["sampling"] ** 3
    assert enclosed == pytest.approx(truth["enclosed_volume"], abs=0.1)
    # 45 % of the protein's volume; the threshold is rounded to three digits.
    assert enclosed == pytest.approx(0.45 * 1210 * truth["protein"]["mass"], rel=0.01)


def test_one_body_in_a_clean_background(data):
    _, sizes = masks.label_components(data.map.raw_mask)
    assert sizes.max() > 0.99 * sizes.sum()
    background = data.map.volume[~data.map.hard_mask]
    assert abs(background.mean()) < 0.001 * background.std()


@pytest.mark.parametrize("item", ["0.a", "0.b", "0.c", "0.d"])
def test_items_on_the_map_alone_are_ok(data, item):
    result, _ = run_check(get_check(item), data)
    assert result.status is Status.OK, result.warnings


def test_readme_names_files_and_command(example):
    with open(example.paths["readme"], encoding="utf-8") as file:
        text = file.read()
    for words in ("vrs validate --map map.mrc --half1 half1.mrc --half2 half2.mrc --model "
                  "model.cif",
                  "--threshold %g --resolution 3.5" % example.truth["threshold"]):
        assert words in text
    assert max(map(len, text.splitlines())) < 100


def test_all_problems_are_named_together(tmp_path):
    with pytest.raises(InputError) as caught:
        write_example(str(tmp_path / "none"), resolution=1.0, sampling=1.1, box=101)
    assert len(caught.value.problems) == 2
    assert not (tmp_path / "none").exists()


def test_box_too_small_for_the_protein(example, tmp_path, monkeypatch):
    model = gemmi.read_structure(example.paths["model"])
    monkeypatch.setattr(protein, "build_protein", lambda *parameters: (model, ""))
    with pytest.raises(InputError, match="needs a box of at least"):
        write_example(str(tmp_path), box=64)
