import json
import subprocess
import sys

import gemmi
import numpy as np
import pytest

from vrs.checks import run_check
from vrs.checks.level_A import map_model
from vrs.checks.level_A.map_model import MapModel, atom_inclusion, inclusion_curve
from vrs.checks.level_A.placement import model_of
from vrs.io.maps import read_map
from vrs.io.models import atom_positions, read_model
from vrs.results import Metric, Status
from vrs.tests.checks.level_A import models
from vrs.tests.evidence import by_name, changed, evidence

RESOLUTION = 4.0
CCS = ("cc_mask", "cc_box", "cc_volume", "cc_peaks", "cc_main_chain", "cc_side_chain")
RESOLUTIONS = ("d99", "d_model", "d_fsc_model_05", "d_fsc_model_0143", "d_fsc_model_0")
INTEGRIN = ("emd_30342_integrin", "390_emd_30342_A_z4.mrc", "390_7cec_A.cif.gz", 3.9)
APOFERRITIN = ("emd_20026_apoferritin", "emd20026_prot.mrc", "3ajo_fitted_refined.pdb.gz", 1.75)
ACTIN = ("emd_5168_actin", "emd_5168.map", "1J6Z.pdb.gz", 6.6)
POLYMERASE = ("emd_1883_polii", "emd_1883.map.mrc", "1WCM_map_fitted.pdb.gz", 20.0)

# Run on its own: cctbx does not bear with other libraries that are loaded before it.
CCTBX = """
import json, sys
from scitbx.array_family import flex
import numpy as np, iotbx.pdb
from cctbx import crystal
from mmtbx.maps import map_model_cc, mtriage
model, volume, sampling, resolution = sys.argv[1:]
volume = flex.double(np.load(volume))
symmetry = crystal.symmetry([count * float(sampling) for count in volume.all()] + [90] * 3, "P1")
hierarchy = iotbx.pdb.input(model).construct_hierarchy()
options = map_model_cc.master_params().extract().map_model_cc
options.resolution = float(resolution)
run = map_model_cc.map_model_cc(volume.deep_copy(), hierarchy, symmetry, options)
run.run()
found = run.get_results()
figures = {name: getattr(found, name) for name in ("cc_mask", "cc_box", "cc_volume", "cc_peaks")}
figures.update({name: getattr(found, name).cc for name in ("cc_main_chain", "cc_side_chain")})
figures["residues"] = [residue.cc for residue in found.cc_per_residue]
atoms = hierarchy.extract_xray_structure(crystal_symmetry=symmetry)
atoms.scattering_type_registry(table="electron")
options = mtriage.master_params().extract()
options.resolution = float(resolution)
masked = mtriage.mtriage(volume, xray_structure=atoms, crystal_symmetry=symmetry,
                         params=options).get_results().masked
for name in ("d99", "d_model", "d_fsc_model_05", "d_fsc_model_0143", "d_fsc_model_0"):
    figures[name] = getattr(masked, name)
print(json.dumps(figures))
"""


def frh(rank):
    return "emd_2513_frh", "emd_2513.mrc", "rank%d_daq_score_w9.pdb.gz" % rank, 3.4


# Of map_model_cc and mtriage, cctbx-base 2025: correlations as in CCS, mean correlation of
# the residues without water and per cent of them below 0.5, and resolutions as in
# RESOLUTIONS, masked; the first model of each file.
REFERENCE = [
    (INTEGRIN, (0.808, 0.915, 0.810, 0.748, 0.817, 0.801), 0.841, 0.5,
     (4.35, 3.90, 4.15, 3.83, 2.44)),
    (APOFERRITIN, (0.819, 0.682, 0.791, 0.720, 0.846, 0.729), 0.803, 4.3,
     (1.76, 1.80, 2.00, 1.75, 1.53)),
    (ACTIN, (0.529, 0.184, 0.528, -0.358, 0.513, 0.514), 0.540, 32.3,
     None),
    (POLYMERASE, (0.745, 0.812, 0.671, 0.638, 0.854, 0.865), 0.746, 11.9,
     (24.01, 29.00, 29.33, 27.05, 26.04)),
    (frh(1), (0.719, 0.754, 0.741, 0.759, 0.732, 0.712), 0.767, 2.2,
     (3.38, 3.40, 3.58, 3.24, 3.04)),
    (frh(20), (0.428, 0.516, 0.474, 0.513, 0.435, 0.433), 0.456, 50.1,
     (3.38, 3.40, 9.83, 3.33, 3.02)),
]
# With one subunit of a filament the curve fluctuates about the thresholds, and its binning
# decides: no resolutions of actin.


def data_with(structure, volume=None, resolution=RESOLUTION):
    volume = models.noisy_map(models.walk(), 0.05) if volume is None else volume
    return evidence(volume, models.SAMPLING, float(np.percentile(volume, 97)), resolution,
                    model=structure)


def metrics_of(data):
    result, _ = run_check(MapModel(), data)
    assert result.status in (Status.OK, Status.WARNINGS), result.reason
    return {name: metric.value for name, metric in result.metrics.items()}


@pytest.fixture(scope="module")
def right():
    data = data_with(models.walk())
    return data, *run_check(MapModel(), data)


def test_right_model_is_ok(right):
    data, result, arrays = right
    found = {name: metric.value for name, metric in result.metrics.items()}
    assert result.status is Status.OK
    assert found["cc_mask"] > 0.95 and found["cc_box"] > 0.9 and found["cc_volume"] > 0.95
    assert found["bad_residue_percentage"] == 0
    assert found["d_fsc_model_05"] < RESOLUTION and found["reported_ratio"] > 1
    estimate, = result.estimates
    assert (estimate.label, estimate.of_model) == ("map-model FSC 0.5", True)
    assert found["overall_b_factor"] == pytest.approx(60, abs=10)  # of the atoms
    values = by_name(arrays)["residue_cc"]
    assert values.shape == (300,) and values.min() > 0.7
    cc, inclusion = result.residues
    assert len(cc.values) == 60 and np.array_equal(values[::5], cc.values)
    assert inclusion.values.mean() == pytest.approx(found["atom_inclusion"])


def scattered(structure):
    copy = structure.clone()
    rng = np.random.default_rng(4)
    low, high = (getattr(atom_positions(structure), name)(axis=0) for name in ("min", "max"))
    for site in copy[0].all():
        site.atom.pos = gemmi.Position(*rng.uniform(low, high))
    return copy


@pytest.mark.parametrize("wrong", [
    models.moved(models.walk(), (3.0, 0, 0)), models.walk(seed=8), scattered(models.walk()),
    models.moved(models.walk(), (0, 0, 0), mirrored=True)],
    ids=["moved by 3 Å", "other", "random atoms", "mirror image"])
def test_wrong_models_are_flagged(wrong):
    result, _ = run_check(MapModel(), data_with(wrong))
    assert result.status is Status.WARNINGS
    broken = {outcome.name for outcome in result.criteria if outcome.outcome == "broken"}
    assert broken == {"A.a.bad_residue_percentage", "A.a.many_bad_residues",
                      "A.a.reported_ratio"}


@pytest.mark.parametrize("share, resolution, severities", [
    (8.0, 4.0, []), (12.0, 4.0, ["minor"]), (25.0, 4.0, ["minor", "serious"]), (25.0, 15.0, [])])
def test_share_of_bad_residues_by_its_size_and_the_resolution(share, resolution, severities):
    metrics = {"bad_residue_percentage": Metric(share, "%", ""),
               "comparison_resolution": Metric(resolution, "Å", "")}
    result = MapModel().judge(metrics)
    assert [found.severity for found in result.criteria if found.warnings] == severities


def test_model_of_nothing_is_flagged():
    noise = np.random.default_rng(5).normal(size=(models.BOX,) * 3).astype(np.float32)
    result, _ = run_check(MapModel(), data_with(models.walk(), noise))
    assert result.metrics["d_fsc_model_05"].value is None
    assert [found.metric for found in result.criteria if found.warnings] == [
        "bad_residue_percentage", "bad_residue_percentage", "reported_ratio", "atom_inclusion"]


def test_one_bad_residue_is_found():
    structure = models.walk()
    outwards = atom_positions(structure)[-5:].mean(axis=0) - models.BOX * models.SAMPLING / 2
    for atom in structure[0]["A"][59]:
        atom.pos += gemmi.Position(*(9.0 * outwards / np.linalg.norm(outwards)))
    values = run_check(MapModel(), data_with(structure))[0].residues[0].values
    assert np.argmin(values) == 59 and values[59] < 0.5
    assert np.count_nonzero(values < 0.5) == 1 and np.median(values) > 0.9


def test_correlations_by_brute_force(right):
    data, result, _ = right
    shape, sampling = data.map.volume.shape, data.map.sampling
    calculated = map_model.model_map.model_map(data.model.structure, shape, sampling, RESOLUTION)
    mask = map_model.model_map.model_mask(data.model.structure, shape, sampling)
    count = np.count_nonzero(mask)

    def highest(volume):  # one voxel more, as published
        return volume >= np.sort(volume, axis=None)[-count - 1]

    regions = {"cc_mask": mask, "cc_box": np.ones_like(mask), "cc_volume": highest(calculated),
               "cc_peaks": highest(calculated) | highest(data.map.volume)}
    for name, region in regions.items():
        expected = np.corrcoef(data.map.volume[region], calculated[region])[0, 1]
        assert result.metrics[name].value == pytest.approx(expected, abs=1e-5)


def test_without_resolution(right):
    found = metrics_of(data_with(models.walk(), resolution=None))
    assert found["reported_ratio"] is None
    assert found["comparison_resolution"] == found["unmasked_d_model"]
    assert found["cc_mask"] > 0.9
    assert run_check(MapModel(), data_with(models.walk(), resolution=None))[0].status is Status.OK


def test_real_resolution_is_used_where_it_is_better_than_3():
    # At 1.5 Å/voxel nothing finer than 3 Å exists; on a finer grid the correlation tells.
    structure = models.walk(12)
    shift = -atom_positions(structure).mean(axis=0) + 16.0
    structure = models.moved(structure, shift)
    volume = map_model.model_map.model_map(structure, (46, 44, 40), 0.8, 1.8)
    data = evidence(volume, 0.8, float(np.percentile(volume, 97)), 1.8, model=structure)
    assert metrics_of(data)["cc_box"] > 0.999


def test_outside_the_box_and_without_density():
    structure = models.walk()
    for atom in structure[0]["A"][0]:
        atom.pos += gemmi.Position(500, 0, 0)
    volume = models.noisy_map(models.walk(), 0.0)
    volume[:, :, :24] = 0
    result, arrays = run_check(MapModel(), data_with(structure, volume))
    assert len(result.residues[0].values) == 59 and np.isnan(by_name(arrays)["residue_cc"][0])
    assert "1 residue lies outside" in result.content[0].text
    assert result.metrics["bad_residue_percentage"].value > 10


def test_no_atom_in_the_box():
    result, _ = run_check(MapModel(), data_with(models.moved(models.walk(), (500, 0, 0))))
    assert result.status is Status.NOT_MEASURED and "No atom" in result.reason


def test_model_that_does_not_fit():
    data = data_with(models.walk())
    data = changed(data, misfit="The model does not fit.")
    result, _ = run_check(MapModel(), data)
    assert result.status is Status.WARNINGS
    assert result.warnings == ["The model does not fit. Level A measures it where it lies."]
    assert result.metrics["fit_margin"].value == -0.3


def test_atom_inclusion():
    volume = np.zeros((8, 10, 12), np.float32)
    volume[4, 5, 6] = 1.0
    structure = models.walk(2)
    atoms = [site.atom for site in structure[0].all()][:5]
    places = [(6, 5, 4), (6.4, 5, 4), (6.6, 5, 4), (-0.5, 5, 4), (6, 5, 4)]
    for atom, place in zip(atoms, places):
        atom.pos = gemmi.Position(*(1.5 * np.array(place)))
    atoms[4].element = gemmi.Element("H")
    found = atom_inclusion(volume, 1.5, 0.5, structure)
    np.testing.assert_array_equal(found[:5], [1, 1, 0, 0, np.nan])


@pytest.mark.parametrize("percentile, broken", [
    (97, []), (99.97, ["A.a.atom_inclusion"]), (30, ["A.a.enclosed_mass_ratio"])])
def test_contour_against_the_model(percentile, broken):
    structure, volume = models.walk(), models.noisy_map(models.walk())
    data = evidence(volume, models.SAMPLING, float(np.percentile(volume, percentile)), RESOLUTION,
                    model=structure)
    result, _ = run_check(MapModel(), data)
    assert [found.name for found in result.criteria if found.warnings] == broken
    enclosed = np.count_nonzero(volume >= data.map.threshold) * models.SAMPLING ** 3 / 1207
    assert result.metrics["model_mass"].value == pytest.approx(60 * 0.07108, rel=1e-3)
    assert result.metrics["enclosed_mass_ratio"].value == pytest.approx(
        enclosed / (60 * 0.07108), rel=1e-3)


def test_mass_that_was_given_goes_before_that_of_the_model():
    volume = models.noisy_map(models.walk())
    data = evidence(volume, models.SAMPLING, float(np.percentile(volume, 30)), RESOLUTION,
                    model=models.walk(), mass=50.0)
    result, _ = run_check(MapModel(), data)
    assert result.metrics["enclosed_mass_ratio"].value is None and result.status is Status.OK


def test_inclusion_curve_falls_with_the_contour():
    volume = np.zeros((8, 10, 12), np.float32)
    volume[4, 5, 6] = 1.0
    structure = models.walk(2)
    atoms = [site.atom for site in structure[0].all()]
    for atom in atoms:
        atom.pos = gemmi.Position(0, 0, 0)
    for atom, x in zip(atoms, (6, 6.25, 6.5, 6.75)):  # N, CA, C, O see 1, 0.75, 0.5 and 0.25
        atom.pos = gemmi.Position(1.5 * x, 7.5, 6)
    atoms[5].element = gemmi.Element("H")
    thresholds = np.array([0.0, 0.25, 0.3, 0.75, 1.0, 1.1])
    everything, backbone = inclusion_curve(volume, 1.5, thresholds, structure)
    assert everything * 9 == pytest.approx([9, 4, 3, 2, 1, 0])
    assert backbone * 7 == pytest.approx([7, 4, 3, 2, 1, 0])
    here = atom_inclusion(volume, 1.5, 0.3, structure)
    assert np.nanmean(here) == pytest.approx(everything[2])


def test_backbone_and_main_chain():
    names = ["N", "CA", "C", "O", "CB", "OXT"]
    structure = models.walk(1)
    structure[0]["A"][0].add_atom(gemmi.Atom())
    structure[0]["A"][0][5].name = "OXT"
    water = gemmi.Residue()
    water.name = "HOH"
    oxygen = gemmi.Atom()
    oxygen.name = "O"
    water.add_atom(oxygen)
    structure[0]["A"].add_residue(water)
    assert [site.atom.name for site in structure[0].all()] == names + ["O"]
    assert map_model._backbone(structure).tolist() == [True] * 4 + [False] * 3
    assert map_model._main_chain(structure).tolist() == [True] * 5 + [False] * 2


def placed(test_data, folder, map_file, model_file, resolution):
    found = read_map(test_data("map_model", folder, map_file))
    structure = read_model(test_data("map_model", folder, model_file)).structure
    data = evidence(found.volume, found.sampling, float(np.percentile(found.volume, 97)),
                    resolution, model=structure, origin=found.origin, placed=False)
    return changed(data, model=model_of(data))


@pytest.fixture(scope="module")
def measured(test_data):
    """Result of a case, computed once."""
    results = {}

    def find(case):
        if case not in results:
            results[case] = run_check(MapModel(), placed(test_data, *case))[0]
        return results[case]
    return find


@pytest.mark.parametrize("case, correlations, mean, bad, resolutions", REFERENCE,
                         ids=[row[0][2] for row in REFERENCE])
def test_figures_of_cctbx(measured, case, correlations, mean, bad, resolutions):
    result = measured(case)
    found = {name: metric.value for name, metric in result.metrics.items()}
    # cctbx takes the map for periodic; what differs most are models that leave the box.
    assert [found[name] for name in CCS] == pytest.approx(correlations, abs=0.005)
    assert found["mean_residue_correlation"] == pytest.approx(mean, abs=0.01)
    assert found["bad_residue_percentage"] == pytest.approx(bad, abs=1.0)
    if resolutions is not None:
        # Its steps are 0.1 Å for d_model, and ours a shell for the FSC.
        assert [found[name] for name in RESOLUTIONS] == pytest.approx(resolutions, rel=0.04)


def test_models_come_in_the_order_of_their_quality(measured):
    found = [{name: metric.value for name, metric in measured(frh(rank)).metrics.items()}
             for rank in (1, 10, 20)]
    for name in ("cc_mask", "cc_box", "cc_main_chain", "cc_side_chain", "atom_inclusion"):
        values = [metrics[name] for metrics in found]
        assert values == sorted(values, reverse=True)
    assert found[0]["cc_mask"] - found[-1]["cc_mask"] > 0.25
    bad = [metrics["bad_residue_percentage"] for metrics in found]
    assert max(bad[:2]) < 10 < 25 < bad[2]


def test_real_model_moved_by_3_angstrom_is_flagged(test_data, measured):
    assert measured(INTEGRIN).status is Status.OK
    data = placed(test_data, *INTEGRIN)
    data = changed(data, model=models.moved(data.model.structure, (3.0, 0, 0)))
    assert len(run_check(MapModel(), data)[0].serious_warnings) >= 2


def test_side_by_side_with_cctbx(test_data, measured, tmp_path):
    known = subprocess.run([sys.executable, "-c", "import mmtbx.maps"], capture_output=True)
    if known.returncode:
        pytest.skip("needs cctbx (pip install cctbx-base)")
    data = placed(test_data, *INTEGRIN)
    data.model.structure.make_mmcif_document().write_file(str(tmp_path / "model.cif"))
    np.save(tmp_path / "map.npy", np.ascontiguousarray(data.map.volume.T, float))
    done = subprocess.run(
        [sys.executable, "-c", CCTBX, str(tmp_path / "model.cif"), str(tmp_path / "map.npy"),
         str(data.map.sampling), str(data.reported.resolution)],
        stdout=subprocess.PIPE, check=True, universal_newlines=True)
    expected = json.loads(done.stdout.splitlines()[-1])
    result = measured(INTEGRIN)
    for name in CCS:
        assert result.metrics[name].value == pytest.approx(expected[name], abs=0.005)
    for name in RESOLUTIONS:
        assert result.metrics[name].value == pytest.approx(expected[name], rel=0.04)
    np.testing.assert_allclose(result.residues[0].values, expected["residues"], atol=0.01)
