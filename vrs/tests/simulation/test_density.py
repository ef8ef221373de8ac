import gemmi
import numpy as np
import pytest

from vrs.simulation import density


def one_carbon(position, b_factor):
    structure = gemmi.Structure()
    structure.add_model(gemmi.Model(1))
    chain, residue, atom = gemmi.Chain("A"), gemmi.Residue(), gemmi.Atom()
    residue.name, residue.seqid = "ALA", gemmi.SeqId(1, " ")
    atom.name, atom.element = "CA", gemmi.Element("C")
    atom.pos, atom.b_iso = gemmi.Position(*position), b_factor
    residue.add_atom(atom)
    chain.add_residue(residue)
    structure[0].add_chain(chain)
    return structure


def test_atom_stands_where_it_should():
    volume = density.model_density(one_carbon((9.0, 12.0, 15.0), 40.0), 24, 1.0)
    assert volume.shape == (24, 24, 24) and volume.dtype == np.float32
    assert np.unravel_index(np.argmax(volume), volume.shape) == (15, 12, 9)


def test_centre_of_the_box_is_half_its_size():
    structure = one_carbon((0, 0, 0), 40.0)
    density.centre_in_box(structure, 24, 1.5)
    volume = density.model_density(structure, 24, 1.5)
    assert np.unravel_index(np.argmax(volume), volume.shape) == (12, 12, 12)


def test_fourier_coefficients_are_those_of_direct_summation():
    structure = one_carbon((20.3, 24.0, 27.1), 60.0)
    box, sampling = 48, 1.0
    volume = density.model_density(structure, box, sampling)
    # Structure factors turn the other way round than NumPy's transform.
    transform = np.conj(np.fft.fftn(volume)) * sampling ** 3
    calculator = gemmi.StructureFactorCalculatorE(
        gemmi.UnitCell(*[box * sampling] * 3, 90, 90, 90))
    for x, y, z in [(0, 0, 0), (3, 0, 0), (0, 5, 2), (7, -4, 9)]:
        direct = calculator.calculate_sf_from_model(structure[0], (x, y, z))
        # Atoms are cut where they have faded, which costs a few parts in a thousand.
        assert abs(transform[z, y, x] - direct) < 0.01 * abs(direct)


def test_b_factor_damps_amplitudes():
    sharp, blunt = (np.abs(np.fft.rfft(density.model_density(
        one_carbon((24, 24, 24), b_factor), 48, 1.0).sum(axis=(0, 1)))) for b_factor in (40, 120))
    squared = (np.arange(25) / 48.0) ** 2
    low = squared < 1 / 4.0 ** 2
    assert (blunt / sharp)[low] == pytest.approx(np.exp(-80 * squared[low] / 4), abs=0.005)
