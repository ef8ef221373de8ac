import subprocess
import sys

import gemmi
import numpy as np
import pytest

from vrs.checks import NotMeasured
from vrs.checks.check import run_check
from vrs.checks.level_A import emringer
from vrs.io.maps import read_map
from vrs.io.models import read_model
from vrs.results import Status
from vrs.tests.evidence import changed, evidence

ANGLES = np.arange(0, 360, 5)
# Run on its own: cctbx does not bear with other libraries that are loaded before it.
CCTBX = """
import sys
from scitbx.array_family import flex
import numpy as np, io, iotbx.pdb
from cctbx import uctbx
from mmtbx.ringer import em_scoring, iterate_over_residues
from mmtbx.ringer.emringer import master_params
model, volume, sampling = sys.argv[1:]
found = iterate_over_residues(
    pdb_hierarchy=iotbx.pdb.input(model).construct_hierarchy(), params=master_params().extract(),
    map_data=flex.double(np.load(volume)), log=io.StringIO(),
    unit_cell=uctbx.unit_cell([float(sampling)] * 3 + [90] * 3))
score = em_scoring.main("x", found.results, quiet=True, out=io.StringIO())
print(score.score, score.zscore_max, score.length)
"""


def placed(test_data, folder, map_name, model_name, resolution=3.4, shift=(0, 0, 0)):
    found = read_map(test_data("map_model", folder, map_name))
    structure = read_model(test_data("map_model", folder, model_name)).structure
    shift = np.array(shift) - found.origin
    structure[0].transform_pos_and_adp(gemmi.Transform(gemmi.Mat33(), gemmi.Vec3(*shift)))
    return evidence(found.volume, found.sampling, float(np.percentile(found.volume, 95)),
                    resolution, model=structure)


def synthetic(peaks, heights):
    """Densities that are 0 but for one peak each."""
    densities = np.zeros((len(peaks), 72), np.float32)
    densities[np.arange(len(peaks)), np.asarray(peaks) // 5] = heights
    return densities


def dihedral(one, two, three, four):
    """By the planes of the first and the last three points, IUPAC's sign; degrees."""
    before, along, after = two - one, three - two, four - three
    first, second = np.cross(before, along), np.cross(along, after)
    sine = (second @ before) * np.linalg.norm(along)
    return np.degrees(np.arctan2(sine, second @ first))


def test_angles_are_those_of_chi_1():
    rng = np.random.default_rng(0)
    sites = rng.normal(0, 1.5, (4, 4, 3)) + 12
    axes = np.indices((25, 25, 25), np.float32)
    # Maps that are the coordinates themselves give the points where density is sampled.
    points = np.stack([emringer.chi_densities(axis, 1.0, sites) for axis in axes[::-1]], axis=-1)
    for (nitrogen, alpha, beta, gamma), circle in zip(sites, points):
        off = (dihedral(nitrogen, alpha, beta, circle) - ANGLES + 180) % 360 - 180
        np.testing.assert_allclose(off, 0, atol=1e-2)  # single precision of the map
        for corner in (alpha, beta):
            np.testing.assert_allclose(np.linalg.norm(circle - corner, axis=1),
                                       np.linalg.norm(gamma - corner), rtol=1e-5)


def test_which_angles_count():
    densities = synthetic(ANGLES, np.ones(72))
    off = np.abs((ANGLES - 60) % 120)
    off = np.minimum(off, 120 - off)
    np.testing.assert_array_equal(emringer.rotameric(densities), off <= 30)
    # The chance in the formula belongs to these 39 angles.
    assert emringer.rotameric(densities).sum() == 39
    left_out = np.isin(ANGLES, (30, 150, 270))
    np.testing.assert_array_equal(emringer.counted_by_the_program(densities),
                                  (off <= 30) & ~left_out)


def test_statistics_by_hand():
    # 60 low and 40 high peaks, of which 30 and 38 are rotameric.
    peaks = [60] * 30 + [0] * 30 + [180] * 38 + [240] * 2
    heights = np.repeat([1.0, 2.0], (60, 40))
    densities = synthetic(peaks, heights)
    scan = emringer.scan_thresholds(densities, emringer.rotameric(densities))
    mean = densities.mean()
    np.testing.assert_allclose(scan.thresholds, mean + np.arange(20) * (2 - mean) / 20, rtol=1e-6)
    np.testing.assert_array_equal(scan.counts, np.where(scan.thresholds < 1, 100, 40))
    p = 39 / 72
    all_z, high_z = [(n - total * p) / np.sqrt(total * p * (1 - p))
                     for n, total in ((68, 100), (38, 40))]
    np.testing.assert_allclose(scan.z_scores, np.where(scan.thresholds < 1, all_z, high_z))
    assert scan.scores.max() == pytest.approx(10 * high_z / np.sqrt(100))


def test_score_does_not_depend_on_the_scale_of_the_map():
    rng = np.random.default_rng(1)
    densities = rng.normal(size=(200, 72)).astype(np.float32)
    usual = emringer.rotameric(densities)
    scan = emringer.scan_thresholds(densities, usual)
    scaled = emringer.scan_thresholds(7 * densities + 3, usual)
    np.testing.assert_allclose(scaled.z_scores, scan.z_scores)
    assert abs(scan.z_scores[0]) < 3


def test_flat_map():
    with pytest.raises(NotMeasured):
        emringer.scan_thresholds(np.ones((60, 72), np.float32), np.ones(60, bool))


def test_rolling_window_of_21_residues():
    numbers = np.array([40, 1, 11, 12, 5, 30])
    chains = np.array(["A", "A", "A", "A", "B", "A"])
    usual = np.array([True, True, False, False, True, True])
    found = emringer.rolling_fraction(chains, numbers, usual)
    np.testing.assert_allclose(found, [1, 1 / 2, 1 / 3, 0, 1, 1])


def residue(name, atoms, number="1", altlocs=""):
    made = gemmi.Residue()
    made.name, made.seqid = name, gemmi.SeqId(number)
    for place, atom_name in enumerate(atoms):
        atom = gemmi.Atom()
        atom.name, atom.element = atom_name, gemmi.Element(atom_name[0])
        atom.pos = gemmi.Position(place, place ** 2, 0.5 * place ** 3)
        atom.altloc = altlocs[place] if altlocs.strip() else "\0"
        made.add_atom(atom)
    return made


def test_which_residues_count():
    whole = ("N", "CA", "CB", "CG")
    residues = [
        residue("LEU", whole), residue("ALA", whole[:3], "2"), residue("PRO", whole, "3"),
        residue("VAL", ("N", "CA", "CB", "CG1"), "4"), residue("SER", ("N", "CA", "CB", "OG"), "5"),
        residue("CYS", ("N", "CA", "CB", "SG"), "5A"), residue("LYS", whole[:3], "6"),
        residue("HOH", ("O",), "7"), residue("DA", ("P", "N1"), "8"), residue("MET", whole, "9"),
        residue("GLN", whole, "9"), residue("ARG", whole[:3] + ("CG", "CG"), "10", "ABBBA"),
        residue("TRP", whole + ("CG",), "11", "AAAAB")]
    structure = gemmi.Structure()
    structure.add_model(gemmi.Model(1))
    structure[0].add_chain(gemmi.Chain("A"))
    for one in residues:
        structure[0][0].add_residue(one)
    places, numbers, sites = emringer._side_chains(structure)
    # Only the first residue at 9 counts; the first conformation of 10 is not complete.
    assert list(places) == [0, 4, 5, 9, 12] and list(numbers) == [1, 5, 5, 9, 11]
    np.testing.assert_allclose(sites[-1][3], (3, 9, 13.5))
    structure[0].add_chain(structure[0][0].clone())
    assert list(emringer._side_chains(structure)[0][5:]) == [13, 17, 18, 22, 25]


REFERENCE = [("emd_2513_frh", "emd_2513.mrc", "rank1_daq_score_w9.pdb.gz", 2.430, 5.547, 521),
             ("emd_2513_frh", "emd_2513.mrc", "rank20_daq_score_w9.pdb.gz", 0.077, 0.176, 518),
             ("emd_30342_integrin", "390_emd_30342_A_z4.mrc", "390_7cec_A.cif.gz", 1.837, 3.352,
              333),
             ("emd_20026_apoferritin", "emd20026_prot.mrc", "3ajo_fitted_refined.pdb.gz", 7.237,
              8.346, 133)]


@pytest.mark.parametrize("folder, map_name, model_name, score, max_z, length", REFERENCE)
def test_scores_of_cctbx(test_data, folder, map_name, model_name, score, max_z, length):
    """Figures of cctbx 2025.11."""
    data = placed(test_data, folder, map_name, model_name)
    result, _ = run_check(emringer.EMRinger(), data)
    metrics = result.metrics
    assert metrics["score"].value == pytest.approx(score, abs=1e-3)
    assert metrics["max_z"].value == pytest.approx(max_z, abs=1e-3)
    assert metrics["model_length"].value == length
    assert metrics["corrected_score"].value > score
    assert result.status is (Status.OK if score >= 1 else Status.WARNINGS)


@pytest.mark.parametrize("score, error, b_factor, resolution, word", [
    (1.8, 0.4, -2, 3.5, ""), (0.1, 0.4, -2, 3.5, ""), (0.6, 0.55, -1, 3.5, "too few"),
    (0.1, 0.4, -12, 3.5, "sharpened"), (-0.9, 0.6, -1, 4.5, "Beyond 4 Å")])
def test_when_the_score_decides_nothing(score, error, b_factor, resolution, word):
    found = emringer._obstacle({"score": score, "score_error": error,
                                "relative_b_factor": b_factor, "chance_score": 0.7}, resolution)
    assert word in found and bool(word) == bool(found)


def test_error_of_the_score_is_that_of_repeated_draws():
    rng = np.random.default_rng(5)
    scores, errors = [], []
    for _ in range(300):
        peaks = np.where(rng.random(200) < 0.5, 60, 5 * rng.integers(0, 72, 200))
        densities = synthetic(peaks, 1.0)
        scan = emringer.scan_thresholds(densities, emringer.rotameric(densities))
        scores.append(scan.scores[0])
        errors.append(scan.errors[0])
    assert np.std(scores) == pytest.approx(np.mean(errors), rel=0.1)


@pytest.mark.parametrize("folder, map_name, model_name", [entry[:3] for entry in REFERENCE[1:]])
def test_against_cctbx(test_data, tmp_path, folder, map_name, model_name):
    known = subprocess.run([sys.executable, "-c", "import mmtbx.ringer"], capture_output=True)
    if known.returncode:
        pytest.skip("needs cctbx (pip install cctbx-base)")
    data = placed(test_data, folder, map_name, model_name)
    data.model.structure.make_mmcif_document().write_file(str(tmp_path / "model.cif"))
    np.save(tmp_path / "map.npy", np.ascontiguousarray(data.map.volume.T, float))
    done = subprocess.run(
        [sys.executable, "-c", CCTBX, str(tmp_path / "model.cif"), str(tmp_path / "map.npy"),
         str(data.map.sampling)], stdout=subprocess.PIPE, check=True, universal_newlines=True)
    score, max_z, length = [float(word) for word in done.stdout.split()[-3:]]
    found = emringer.EMRinger().compute(data).metrics
    assert found["score"] == pytest.approx(score, abs=0.02)
    assert found["max_z"] == pytest.approx(max_z, abs=0.02)
    assert found["model_length"] == length


def test_model_that_is_3_angstroms_off_is_not_ok(test_data):
    for shift, status in (((0, 3, 0), Status.WARNINGS), ((2, 2, -1), Status.NOT_MEASURED)):
        data = placed(test_data, *REFERENCE[0][:3], shift=shift)
        result, _ = run_check(emringer.EMRinger(), data)
        assert result.metrics["score"].value < 1 and result.status is status


def test_chance_reaches_its_score_in_one_of_forty_cases():
    rng = np.random.default_rng(6)
    heights = rng.gamma(4, size=150)
    reached = 0
    for _ in range(100):
        densities = synthetic(5 * rng.integers(0, 72, 150), heights)
        scan = emringer.scan_thresholds(densities, emringer.counted_by_the_program(densities))
        reached += scan.scores.max() > emringer.chance_score(densities, draws=60)
    assert reached / 100 == pytest.approx(0.025, abs=0.045)


def test_when_it_does_not_apply(test_data):
    data = placed(test_data, *REFERENCE[2][:3], resolution=5.1)
    result, _ = run_check(emringer.EMRinger(), data)
    assert result.status is Status.NOT_APPLICABLE and "5 Å or better" in result.reason
    short = data.model.structure.clone()
    for name in [chain.name for chain in short[0]][1:]:
        short[0].remove_chain(name)
    while len(short[0][0]) > 40:
        del short[0][0][-1]
    result, _ = run_check(emringer.EMRinger(), changed(data, resolution=3.4, model=short))
    assert result.status is Status.NOT_APPLICABLE and "at least 50 side chains" in result.reason


def test_side_chains_outside_the_map_are_left_out(test_data):
    data = placed(test_data, *REFERENCE[0][:3])
    whole = emringer.EMRinger().compute(data).metrics["model_length"]
    half = changed(data, volume=data.map.volume[:40])
    assert 50 < emringer.EMRinger().compute(half).metrics["model_length"] < whole


def test_values_of_residues(test_data):
    data = placed(test_data, *REFERENCE[0][:3])
    values = emringer.EMRinger().compute(data).products[0]
    assert len(values.values) == 521 and "ALA" not in values.residues
    assert 0 <= values.values.min() and values.values.max() <= 1
