import json

import gemmi
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vrs import inputs, levels
from vrs.inputs.micrographs import MICROGRAPHS
from vrs.io.particles import read_particles
from vrs.io.saxs import read_saxs
from vrs.io.workflows import read_workflow
from vrs.numerics.saxs import fit_particle
from vrs.numerics.saxs_model import solvated_model
from vrs.simulation import full_example
from vrs.simulation.full_example import write_full_example
from vrs.simulation.micrographs import simulate_micrograph
from vrs.tests import proteins


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("all")
    with proteins.built_once():
        paths = write_full_example(str(folder), resolution=7.0, sampling=2.2, particle_count=150,
                                   workers=2)
    with open(paths["truth"], encoding="utf-8") as file:
        return paths, json.load(file)


def given(made):
    paths, truth = made
    options = {option.name for option in inputs.all_options()}
    return dict({name: path for name, path in paths.items() if name in options},
                threshold=truth["threshold"], resolution=truth["resolution"],
                symmetry=truth["particles"]["point_group"],
                tilt_angle=truth["tilt_pairs"]["angle"], tilt_axis=truth["tilt_pairs"]["axis"])


def test_it_has_all_that_can_be_validated(made):
    assert levels.levels_for(given(made)) == levels.all_levels()
    assert not inputs.load(given(made)).failures


def test_one_table_has_both_alignments(made):
    """What the table of cryoSPARC says is what the two of RELION do."""
    paths, _ = made
    folder = paths["particles"].rsplit("/", 1)[0]
    table, _ = read_particles(paths["particles"])
    refined, _ = read_particles(folder + "/particles.star")
    members, _ = read_particles(folder + "/classes.star")
    for name in ("rotations", "shifts", "defocus", "subset", "frame", "micrograph"):
        # Single precision, of defocus in Å too.
        np.testing.assert_allclose(getattr(table, name), getattr(refined, name), rtol=1e-6,
                                   atol=1e-5, err_msg=name)
    assert table.files == refined.files and table.micrograph_names == refined.micrograph_names
    turned = np.radians(table.psi - members.psi)
    np.testing.assert_allclose(np.cos(turned), 1, atol=1e-9)
    np.testing.assert_allclose(table.plane_shifts, members.plane_shifts, atol=1e-5)
    np.testing.assert_array_equal(table.plane_class, members.plane_class)


def test_coordinates_are_those_of_particles_on_good_ice(made):
    evidence = inputs.load(given(made))
    found = evidence.micrographs.picked
    assert [len(one.points) for one in found] == [50, 50, 50] and not evidence.micrographs.missing
    _, truth = made
    assert truth["micrographs"]["faults"] == {"micrograph_003.mrc": ["carbon"]}
    side = int(round(1540 / 2.2))
    table = evidence.particles.table
    again = simulate_micrograph([5, 0, 0], (side, side), 2.2, (),
                                truth["particles"]["diameter"], full_example._CROWDING,
                                defocus=table.defocus[:50, :2].mean())
    offsets = np.linalg.norm(found[0].points[:, None] - again.particles, axis=2)
    assert offsets.min(axis=1).max() < 1e-3
    for one in found:
        beside = np.minimum(one.points, side - 1 - one.points).min(axis=1)
        assert beside.min() > truth["particles"]["diameter"] / 2 / 2.2
    assert MICROGRAPHS.describe(evidence)[0]


def test_other_techniques_are_those_of_the_protein(made):
    paths, truth = made
    structure = gemmi.read_structure(paths["model"])
    curve = read_saxs(paths["saxs"]).curve.up_to(0.25)
    assert fit_particle(curve, solvated_model(structure, 0.25)).chi2 == pytest.approx(1, abs=0.3)
    assert truth["crosslinks"]["wrong_links"] == 4
    assert len(read_workflow(paths["workflow"]).steps) == 13
    before, after = (read_particles(paths[name])[0].rotations.astype(float)
                     for name in ("untilted", "tilted"))
    tilts = Rotation.from_matrix(after @ np.swapaxes(before, 1, 2)).as_rotvec(degrees=True)
    right = 40 * np.array([np.cos(np.radians(85)), np.sin(np.radians(85)), 0])
    near = np.linalg.norm(tilts - right, axis=1) < 25
    # Errors of 4° about each axis in both: 5.7° each in the tilt, so that 25° hold all.
    assert near.sum() == pytest.approx(80, abs=1)
    np.testing.assert_allclose(tilts[near].mean(axis=0), right, atol=3 * 5.7 / np.sqrt(80))
    assert tilts[near].std(axis=0) == pytest.approx([5.7] * 3, rel=0.25)


def test_the_readme_has_the_command(made):
    paths, truth = made
    with open(paths["readme"], encoding="utf-8") as file:
        text = file.read()
    assert "--tilted tilted.star \\\n        --tilt-angle 40 --tilt-axis 85 \\" in text
    assert "--threshold %g --resolution %g" % (truth["threshold"], truth["resolution"]) in text
