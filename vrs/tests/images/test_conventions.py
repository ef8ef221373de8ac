from dataclasses import replace

import gemmi
import mrcfile
import numpy as np
import pytest

from vrs.images.conventions import compare_conventions, compare_plane_conventions
from vrs.images.ctf import Contrast
from vrs.images.projector import Projector
from vrs.images.refine import LocalSearch
from vrs.numerics import fourier
from vrs.numerics.ctf import Optics
from vrs.numerics.projection import rotation_matrices
from vrs.tests.images import betagal
from vrs.tests.images.test_search import BOX, DIAMETER, SAMPLING, particles, protein


@pytest.fixture(scope="module")
def projector():
    return Projector(protein(), SAMPLING, BOX)


@pytest.fixture(scope="module")
def local_search(projector):
    return LocalSearch(projector, DIAMETER, 2, 18, workers=2)


@pytest.fixture(scope="module")
def noisy(projector):
    """Particles of high defocus with as little signal as real ones, and what is true of them."""
    rotations, shifts, contrast, rng = particles(120, 1)
    contrast = replace(contrast, defocus=1.3 * contrast.defocus)
    clean = projector.images(rotations, shifts, contrast)
    noise = np.sqrt(clean.var() / 0.05) * rng.standard_normal(clean.shape, dtype=np.float32)
    return clean + noise, rotations, shifts, contrast, noise


def test_what_is_right_is_left_alone(noisy, local_search):
    images, rotations, shifts, contrast, _ = noisy
    found = compare_conventions(images, rotations, shifts, local_search, contrast)
    assert found.particles == 120 and found.geometry is found.declared
    assert found.declared.name == "as declared" and found.declared.mean > 0.2
    assert found.declared.advantage == 0 and not found.declared.wins
    # For all others nothing but chance is left, or its opposite.
    assert [geometry.name for geometry in found.geometries[1:5]] == [
        "opposite shifts", "transposed matrices", "transposed matrices, opposite shifts",
        "dark protein"]
    for other in found.geometries[1:4]:
        assert abs(other.mean) < 0.5 * found.declared.mean and not other.wins
        assert other.advantage == pytest.approx(other.mean - found.declared.mean)
    assert found.geometries[4].mean == pytest.approx(-found.declared.mean)
    assert found.state is None and found.states[0].advantage == 0
    scan = found.magnification
    assert abs(scan.best - 1) < 4 * scan.best_error and scan.best_error < 0.004
    assert not scan.is_off and len(scan.means) == 41


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("opposite", [False, True])
@pytest.mark.parametrize("dark", [False, True])
def test_what_is_wrong_is_found(noisy, local_search, transposed, opposite, dark):
    images, rotations, shifts, contrast, _ = noisy
    some = slice(0, 60)
    found = compare_conventions(
        (-images if dark else images)[some],
        (rotations.transpose(0, 2, 1) if transposed else rotations)[some],
        (-shifts if opposite else shifts)[some], local_search, contrast.take(some))
    geometry = found.geometry
    assert (geometry.transposed, geometry.opposite_shifts, geometry.dark) == (
        transposed, opposite, dark)
    assert geometry.wins == (transposed or opposite or dark)


def test_no_image_no_verdict(noisy, local_search):
    _, rotations, shifts, contrast, noise = noisy
    found = compare_conventions(noise, rotations, shifts, local_search, contrast)
    assert found.geometry is found.declared and abs(found.declared.mean) < 0.03
    assert not any(geometry.wins for geometry in found.geometries)
    assert found.magnification.best_error > 0.01


@pytest.mark.parametrize("true", ["raw", "phase-flipped", "premultiplied"])
@pytest.mark.parametrize("declared", ["raw", "premultiplied"])
def test_states_of_images_are_told_apart(noisy, local_search, true, declared):
    images, rotations, shifts, contrast, _ = noisy
    plane = local_search.projector.plane
    ctf = contrast.values(plane.frequencies(SAMPLING))
    factor = {"raw": np.ones_like(ctf), "phase-flipped": np.sign(ctf), "premultiplied": ctf}[true]
    images = plane.images(plane.coefficients(images) * factor)
    found = compare_conventions(images, rotations, shifts, local_search,
                                contrast.in_state(declared))
    assert found.geometry is found.declared
    best = max(found.states, key=lambda state: state.mean)
    assert best.name == true
    assert (found.state is None) == (true == declared)
    if true != declared:
        assert found.state.name == true and found.state.wins


def test_without_ctf_there_are_no_states(projector, local_search):
    rotations, shifts, _, _ = particles(40, 2)
    images = projector.images(rotations, shifts)
    found = compare_conventions(images, rotations, shifts, local_search)
    assert found.states == () and found.state is None and found.geometry is found.declared
    assert found.declared.mean > 0.999


@pytest.mark.parametrize("scale", [0.97, 1.02, 1.08])
def test_wrong_sampling_is_a_finding(noisy, projector, local_search, scale):
    _, rotations, shifts, contrast, noise = noisy
    images = projector.images(rotations, shifts, contrast, scale) + noise
    scan = compare_conventions(images, rotations, shifts, local_search, contrast).magnification
    assert scan.is_off
    if scale < 1.05:
        assert abs(scan.best - scale) < 4 * scan.best_error < 0.02
    else:
        # Beyond the scan.
        assert scan.best > 1.04


def test_other_map_spectra_are_not_taken_for_another_magnification(noisy, projector):
    images, rotations, shifts, contrast, _ = noisy
    blurred = fourier.filtered(protein(), SAMPLING, lambda squared: np.exp(-75 * squared))
    search = LocalSearch(Projector(blurred, SAMPLING, BOX), DIAMETER, 2, 18)
    found = compare_conventions(images, rotations, shifts, search, contrast)
    assert abs(found.magnification.best - 1) < 4 * found.magnification.best_error
    assert found.state is None


def test_dark_protein_of_another_program(test_data):
    folder = "particles/emp10076_sim/10076_classD_32"
    block = next(block for block in gemmi.cif.read(str(test_data(folder + "_sim.star"))))

    def columns(*names):
        return np.array([[float(value) for value in block.find_values("_rln" + name)]
                         for name in names]).T

    images = mrcfile.read(test_data(folder + "_sim.mrcs")).astype(np.float32)
    contrast = Contrast((Optics(300.0, 2.7, 0.1),), np.zeros(len(images), int),
                        columns("DefocusU", "DefocusV", "DefocusAngle"),
                        columns("PhaseShift")[:, 0])
    volume = mrcfile.read(test_data(folder + ".mrc"))
    search = LocalSearch(Projector(volume, 13.1, 32), 28.0, 1, 13)
    rotations = rotation_matrices(*columns("AngleRot", "AngleTilt", "AnglePsi").T)
    some = slice(None, None, 4)
    found = compare_conventions(images[some], rotations[some],
                                columns("OriginX", "OriginY")[some], search, contrast.take(some))
    assert found.geometry.name == "dark protein" and found.geometry.mean > 0.35
    # The band ends at 32 Å, before all but a few zeros.
    assert found.state is None
    # The noise-free images agree with this best, too: 32 / 31.
    assert found.magnification.best == pytest.approx(32 / 31, abs=0.012)


def test_signs_of_alignments_in_the_plane(test_data):
    particles = betagal.load_particles(test_data)
    members = np.isin(particles.classes, [50, 22, 20, 32])
    images, labels = particles.images[members], particles.classes[members]
    psi, shifts = particles.psi[members], particles.shifts[members]
    for turn in (1, -1):
        for move in (1, -1):
            found = compare_plane_conventions(images, labels, turn * psi, move * shifts, 50.0, 11)
            best = max(found, key=lambda geometry: geometry.mean)
            assert (best.opposite_psi, best.opposite_shifts) == (turn < 0, move < 0)
            assert best.wins == (turn < 0 or move < 0)
            assert found[0].name == "as declared" and found[0].advantage == 0


def test_one_class_or_particle_decides_nothing(noisy, local_search):
    images, rotations, shifts, contrast, _ = noisy
    one = slice(0, 1)
    found = compare_conventions(-images[one], rotations[one], shifts[one], local_search,
                                contrast.take(one))
    assert found.geometry is found.declared and found.state is None
    plane = compare_plane_conventions(images[:9], np.zeros(9, int), np.linspace(0, 300, 9),
                                      shifts[:9], DIAMETER, 11)
    assert not any(geometry.wins for geometry in plane)
