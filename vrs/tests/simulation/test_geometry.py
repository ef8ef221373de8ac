import numpy as np
import pytest

from vrs.simulation import geometry


def test_placed_atom_has_length_angle_and_torsion():
    rng = np.random.default_rng(0)
    first, second, third = rng.normal(size=(3, 5, 3))
    torsions = np.array([-170.0, -60.0, 0.5, 60.0, 120.0])
    placed = geometry.place_atom(first, second, third, 1.5, 110.0, torsions)
    assert np.linalg.norm(placed - third, axis=1) == pytest.approx(1.5)
    back, ahead = second - third, placed - third
    cosine = np.sum(back * ahead, 1) / np.linalg.norm(back, axis=1) / 1.5
    assert np.degrees(np.arccos(cosine)) == pytest.approx(110.0)
    assert geometry.dihedral(first, second, third, placed) == pytest.approx(torsions)


def test_dihedral_is_right_handed():
    # Looking from the second atom to the third, the fourth is clockwise of the first.
    points = np.array([[0, 1, 0], [0, 0, 0], [1, 0, 0], [1, 0, 1.0]])
    assert geometry.dihedral(*points) == pytest.approx(90.0)


def test_chain_has_the_torsions_and_bonds_asked_for():
    rng = np.random.default_rng(1)
    psi, phi = rng.uniform(-180, 180, (2, 6))
    chain = np.concatenate([geometry.IDEAL_RESIDUE[None],
                            geometry.extend_chain(geometry.IDEAL_RESIDUE, psi, phi)])
    found_phi, found_psi = geometry.torsions(chain)
    assert found_phi[1:] == pytest.approx(phi)
    assert found_psi[:-1] == pytest.approx(psi)
    omega = geometry.dihedral(chain[:-1, 1], chain[:-1, 2], chain[1:, 0], chain[1:, 1])
    assert np.abs(omega) == pytest.approx(180.0)
    peptide = np.linalg.norm(chain[1:, 0] - chain[:-1, 2], axis=1)
    assert peptide == pytest.approx(geometry.BOND_C_N)


def test_several_chains_at_once():
    psi, phi = np.random.default_rng(2).uniform(-180, 180, (2, 3, 4))
    together = geometry.extend_chain(geometry.IDEAL_RESIDUE, psi, phi)
    for k in range(3):
        alone = geometry.extend_chain(geometry.IDEAL_RESIDUE, psi[k], phi[k])
        assert together[k] == pytest.approx(alone)


def test_alpha_helix_is_right_handed():
    helix = geometry.regular_chain(12, -57.0, -47.0)
    _, _, turn, rise = geometry.screw(helix[4], helix[5])
    # 3.6 residues per turn and 1.5 Å per residue, which these torsions give with the bond
    # angles of Arnott and Dover 1967; those used here are a degree wider.
    assert 360 / turn == pytest.approx(3.6, abs=0.1)
    assert rise == pytest.approx(1.5, abs=0.08)
    _, _, mirrored, _ = geometry.screw(helix[4] * [1, 1, -1], helix[5] * [1, 1, -1])
    assert mirrored == pytest.approx(-turn)


def test_regular_chain_runs_along_y_about_the_origin():
    helix = geometry.regular_chain(19, -62.0, -42.0)
    carbons = helix[:, 1]
    assert np.hypot(carbons[:, 0], carbons[:, 2]) == pytest.approx(2.28, abs=0.05)
    assert np.all(np.diff(carbons[:, 1]) > 1.4)
    assert carbons[:, 1].mean() == pytest.approx(0, abs=1e-9)


def test_amino_acids_are_left_handed():
    chain = geometry.regular_chain(5, -120.0, 130.0)
    nitrogen, alpha, carbonyl = np.moveaxis(chain, 1, 0)
    beta = geometry.beta_carbons(chain)
    volume = np.sum((nitrogen - alpha) * np.cross(carbonyl - alpha, beta - alpha), axis=1)
    # Engh and Huber 1991: +2.5 Å³ in L amino acids.
    assert volume == pytest.approx(2.5, abs=0.15)


def test_residue_frames_bring_the_ideal_residue_onto_each():
    chain = geometry.regular_chain(4, -60.0, 140.0)
    moved = geometry.IDEAL_RESIDUE @ geometry.residue_frames(chain).transpose(0, 2, 1)
    assert moved + chain[:, 1:2] == pytest.approx(chain)
