import gemmi
import numpy as np
import pytest
from scipy import fft

from vrs.numerics import fourier, model_map

SHAPE, SAMPLING = (20, 24, 30), 2.0


def atoms(*positions, b_factor=0.0, element="C"):
    """A structure of atoms at x, y, z in Å."""
    structure, chain, residue = gemmi.Structure(), gemmi.Chain("A"), gemmi.Residue()
    residue.name, residue.seqid = "ALA", gemmi.SeqId("1")
    for position in positions:
        atom = gemmi.Atom()
        atom.name, atom.element = element, gemmi.Element(element)
        atom.pos, atom.b_iso = gemmi.Position(*position), b_factor
        residue.add_atom(atom)
    chain.add_residue(residue)
    structure.add_model(gemmi.Model(1))
    structure[0].add_chain(chain)
    return structure


@pytest.mark.parametrize("b_factor", [0.0, 60.0])
def test_coefficients_are_those_of_direct_summation(b_factor):
    structure = atoms((30.3, 22.1, 19.4), (27.0, 26.5, 21.7), b_factor=b_factor)
    found = model_map.model_transform(structure, SHAPE, SAMPLING) * SAMPLING ** 3
    calculator = gemmi.StructureFactorCalculatorE(
        gemmi.UnitCell(*[count * SAMPLING for count in SHAPE[::-1]], 90, 90, 90))
    # The last ones are close to Nyquist, where a grid of the map's voxels would fold back.
    for x, y, z in [(0, 0, 0), (3, 0, 0), (0, 5, 2), (7, -4, 5), (14, 0, 0), (8, -9, 3)]:
        direct = np.conj(calculator.calculate_sf_from_model(structure[0], (x, y, z)))
        assert abs(found[z, y, x] - direct) < 0.005 * 5.0  # of the two atoms at the origin


def test_given_b_factor_replaces_their_own():
    one, other = (model_map.model_transform(atoms((30, 24, 20), b_factor=b), SHAPE, SAMPLING, 30.0)
                  for b in (0.0, 90.0))
    np.testing.assert_array_equal(one, other)


def test_negative_b_factors_count_as_none():
    one, other = (model_map.model_transform(atoms((30, 24, 20), b_factor=b), SHAPE, SAMPLING)
                  for b in (-40.0, 0.0))
    np.testing.assert_array_equal(one, other)


def test_displacements_that_cannot_be_count_as_isotropic():
    isotropic, impossible = (atoms((30, 24, 20), b_factor=40.0) for _ in range(2))
    impossible[0]["A"][0][0].aniso = gemmi.SMat33f(0.5, 0.5, -90.0, 0, 0, 0)
    one, other = (model_map.model_transform(structure, SHAPE, SAMPLING)
                  for structure in (isotropic, impossible))
    np.testing.assert_array_equal(one, other)


def test_nothing_beyond_the_resolution():
    transform = fft.rfftn(model_map.model_map(atoms((30, 24, 20)), SHAPE, SAMPLING, 5.9))
    z2, y2, x2 = fourier.squared_frequencies(SHAPE, SAMPLING)
    beyond = z2[:, :, None] + y2 + x2 > 1 / 5.9 ** 2
    strongest = np.abs(transform).max()
    assert np.abs(transform[beyond]).max() < 1e-5 * strongest
    assert np.abs(transform[~beyond]).min() > 0.1 * strongest


def test_atoms_at_the_border_do_not_come_in_from_the_other_side():
    inside = model_map.model_map(atoms((30, 24, 20), b_factor=80.0), SHAPE, SAMPLING, 4.0)
    peak, voxel = inside.max(), SAMPLING
    for position, far in [((0.0, 24, 20), np.s_[:, :, -6:]), ((-voxel, 24, 20), np.s_[:, :, -6:]),
                          ((30, 24, 19 * voxel + 1), np.s_[:6])]:
        density = model_map.model_map(atoms(position, b_factor=80.0), SHAPE, SAMPLING, 4.0)
        assert density.max() > 0.15 * peak
        # What is left are ripples of the cut-off in Fourier space.
        assert np.abs(density[far]).max() < 0.05 * peak


def test_density_that_reaches_in_is_that_of_a_wider_box():
    blunt = dict(b_factor=400.0)  # fades before Nyquist, so that nothing ripples
    wide = model_map.model_map(atoms((60 - 1.0, 64.0, 20.0), **blunt), (20, 44, 60), SAMPLING, 4.0)
    found = model_map.model_map(atoms((-1.0, 24.0, 20.0), **blunt), SHAPE, SAMPLING, 4.0)
    np.testing.assert_allclose(found[:, :24, :24], wide[:, 20:, 30:54], atol=0.01 * wide.max())


def test_atoms_far_outside_add_nothing():
    assert not model_map.model_transform(atoms((500, 24, 20)), SHAPE, SAMPLING).any()
    assert not model_map.model_mask(atoms((500, 24, 20)), SHAPE, SAMPLING).any()
    # By one box, which a periodic map would not tell from its middle.
    assert not model_map.model_transform(atoms((90, 24, 20)), SHAPE, SAMPLING).any()


@pytest.mark.parametrize("further", [0.0, 4.0])
def test_mask_of_an_atom_is_a_ball(further):
    mask = model_map.model_mask(atoms((12.1, 12.2, 11.9)), (48, 50, 52), 0.5, further)
    # Radius of carbon 1.775 Å, probe 1.1 Å, drawn back by 0.9 Å.
    radius = np.cbrt(mask.sum() * 0.5 ** 3 / (4 / 3 * np.pi))
    # Voxels are kept or dropped as a whole, which costs up to a part of one.
    assert radius == pytest.approx(1.775 + 1.1 - 0.9 + further, abs=0.15)
    assert mask[24, 24, 24]


def test_mask_at_the_border_stays_on_its_side():
    mask = model_map.model_mask(atoms((0.0, 24, 20)), SHAPE, 2.0, 4.0)
    assert mask[:, :, :3].any() and not mask[:, :, 10:].any()


def test_probe_closes_what_it_does_not_fit_into():
    pair = atoms((10.0, 12, 12), (14.2, 12, 12))
    assert model_map.model_mask(pair, (48, 48, 48), 0.5)[24, 24, 24]


def test_spheres_are_all_voxels_near_an_atom():
    rng = np.random.default_rng(3)
    positions = rng.uniform(-4, 64, (40, 3))
    region, inside = model_map.spheres(positions, 5.0, SHAPE, SAMPLING)
    whole = np.zeros(SHAPE, bool)
    whole[region] = inside
    voxels = np.moveaxis(np.indices(SHAPE)[::-1], 0, -1) * SAMPLING
    distances = np.linalg.norm(voxels[..., None, :] - positions, axis=-1).min(axis=-1)
    np.testing.assert_array_equal(whole, distances <= 5.0)


def test_spheres_outside_the_box_are_empty():
    region, inside = model_map.spheres([[500.0, 0, 0]], 5.0, SHAPE, SAMPLING)
    assert inside.size == 0 and np.zeros(SHAPE)[region].size == 0


@pytest.mark.parametrize("resolution, b_factor, expected", [
    (2, 20, 1.75), (3, 150, 3.05), (3, 60, 2.65), (6, 100, 4.95)])
def test_radius_of_the_image_of_carbon(resolution, b_factor, expected):
    # By cctbx 2025, maptbx.atom_curves("C", "electron").image, in steps of 0.05 Å.
    assert model_map.image_radius(resolution, b_factor) == pytest.approx(expected, abs=0.11)
