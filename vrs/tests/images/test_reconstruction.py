import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vrs.images.ctf import Contrast
from vrs.images.projector import Projector
from vrs.images.reconstruction import ParticleReconstruction
from vrs.numerics.ctf import Optics
from vrs.numerics.fsc import shell_correlation
from vrs.numerics.projection import CentralSections
from vrs.tests.images.test_projector import CENTRES, gaussians


def random_particles(count, seed):
    rng = np.random.default_rng(seed)
    contrast = Contrast((Optics(300.0, 2.7, 0.1),), np.zeros(count, int),
                        np.repeat(rng.uniform(6000, 15000, (count, 1)), 3, axis=1))
    return (Rotation.random(count, random_state=seed).as_matrix(), rng.normal(0, 2, (count, 2)),
            contrast, rng)


def test_projection_and_back_projection_are_adjoint():
    box, sampling = 24, 3.0
    rotations, shifts, contrast, rng = random_particles(5, 1)
    volume = rng.standard_normal((box,) * 3).astype(np.float32)
    images = rng.standard_normal((5, box, box)).astype(np.float32)
    projector = Projector(volume, sampling, box)
    plane = projector.plane
    made = ParticleReconstruction(box, sampling)
    made.add(images, rotations, shifts, contrast)
    projected = projector.slices(rotations) * contrast.values(plane.frequencies(sampling))
    against = plane.coefficients(images) * plane.shifts(shifts)
    left = np.vdot(projected, against).real
    right = np.vdot(volume.astype(float), made.back_projection())
    # Rounding of single precision, far below the norms' product.
    assert left == pytest.approx(right, abs=1e-5 * np.linalg.norm(projected)
                                 * np.linalg.norm(against))
    assert abs(left) > 1e-3 * np.linalg.norm(projected) * np.linalg.norm(against)


def test_slices_are_those_that_reconstruction_reverses():
    rotations = random_particles(5, 2)[0]
    volume = np.random.default_rng(0).standard_normal((32,) * 3).astype(np.float32)
    sections = CentralSections(32)
    expected = sections.cut(sections.transform(volume), sections.place(rotations))
    found = Projector(volume, 1.0, 32).slices(rotations)
    assert found == pytest.approx(expected, abs=1e-3 * np.abs(expected).max())


def test_particles_give_back_the_map():
    box, sampling = 48, 2.0
    volume = gaussians(CENTRES, box, sampling)
    rotations, shifts, contrast, _ = random_particles(1500, 3)
    images = Projector(volume, sampling, box).images(rotations, shifts, contrast)
    made = ParticleReconstruction(box, sampling)
    made.add(images[:900], rotations[:900], shifts[:900], contrast.take(slice(900)))
    made.add(images[900:], rotations[900:], shifts[900:], contrast.take(slice(900, None)))
    found = made.volume()
    agreement = shell_correlation(np.fft.rfftn(found), np.fft.rfftn(volume), volume.shape)
    assert agreement[1:15].min() > 0.99
    assert np.vdot(found, volume) / np.vdot(volume, volume) == pytest.approx(0.99, abs=0.02)
