import gemmi
import numpy as np
import pytest
from scipy import fft

from vrs.numerics.sphere import spiral
from vrs.simulation import expected

BOX, SAMPLING = 64, 2.0
# Wave number at which signal and noise are equally strong.
EQUAL = 12


def wave_numbers():
    axis = np.fft.fftfreq(BOX, 1 / BOX)
    z, y, x = np.meshgrid(axis, axis, np.arange(BOX // 2 + 1), indexing="ij")
    return z, np.sqrt(x ** 2 + y ** 2 + z ** 2)


@pytest.fixture(scope="module")
def halves():
    """White signal, and noise whose power is (k / 12)², four times that within 45° of z."""
    rng = np.random.default_rng(0)

    def white():
        return rng.standard_normal((BOX,) * 3, dtype=np.float32)

    def noise():
        z, radius = wave_numbers()
        near_z = np.abs(z) > radius * np.cos(np.radians(45))
        level = radius / EQUAL * np.where(near_z, 2, 1)
        return fft.irfftn(fft.rfftn(white()) * level, s=(BOX,) * 3).astype(np.float32)

    signal = white()
    return expected.KnownHalves([signal, signal], [noise(), noise()], SAMPLING)


def test_fsc_is_signal_over_signal_and_noise(halves):
    spectra = halves.spectra()
    shells = np.arange(8, 30)
    # Of a sphere, 1 - cos 45° is within 45° of an axis.
    noise = (shells / EQUAL) ** 2 * (1 + 3 * (1 - np.sqrt(0.5)))
    # A shell of 8 has some 800 coefficients, half of them independent.
    assert spectra.fsc[shells] == pytest.approx(1 / (1 + noise), rel=0.15)


def test_directions_differ_as_their_noise_does(halves):
    # FSC is 0.143 where noise is 5.99 times the signal: at k = 12 √5.99, twice as soon near z.
    resolutions = halves.directional(np.array([[0, 0, 1.0], [1, 0, 0], [0.6, 0.8, 0]]))
    wave_number = EQUAL * np.sqrt(1 / 0.143 - 1)
    length = BOX * SAMPLING
    # Shells of a cone have few coefficients.
    assert resolutions[0] == pytest.approx(length / wave_number * 2, rel=0.12)
    assert resolutions[1:] == pytest.approx(length / wave_number, rel=0.12)


def test_no_resolution_without_signal(halves):
    silent = expected.KnownHalves([0 * signal for signal in halves.signals], halves.noises,
                                  SAMPLING)
    assert silent.directional(spiral(3)) == pytest.approx(np.inf)


def test_what_halves_do_not_share_is_noise(halves):
    other = np.random.default_rng(1).standard_normal((BOX,) * 3, dtype=np.float32)
    silence = np.zeros_like(other)
    moved = expected.KnownHalves([halves.signals[0], (halves.signals[0] + other) / 2],
                                 [silence, silence], SAMPLING)
    # <S1 S2> = 1/2 and the powers are 1 and 1/2.
    assert moved.spectra().fsc[8:30] == pytest.approx(0.5 / 0.75, abs=0.05)


def test_agreement_with_the_truth_is_the_root_of_the_signal_part(halves):
    found = halves.agreement(halves.signals[0])
    assert found[8:30] == pytest.approx(np.sqrt(halves.spectra().fsc[8:30]), abs=0.06)


def test_voxels_belong_to_the_nearest_chain():
    structure = gemmi.Structure()
    structure.add_model(gemmi.Model(1))
    for name, x in (("A", 10.0), ("B", 14.0)):
        atom = gemmi.Atom()
        atom.pos = gemmi.Position(x, 8, 6)
        residue = gemmi.Residue()
        residue.add_atom(atom)
        chain = gemmi.Chain(name)
        chain.add_residue(residue)
        structure[0].add_chain(chain)
    found = expected.nearest_chain(structure, 16, 1.0)
    assert found[6, 8, [7, 8, 11, 13, 16 - 1]].tolist() == [-1, 0, 0, 1, 1]
    assert found[8, 8, 10] == 0 and found[6, 4, 10] == found[10, 8, 10] == -1
