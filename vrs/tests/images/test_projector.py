import gemmi
import mrcfile
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vrs.images.ctf import Contrast
from vrs.images.projector import Projector
from vrs.numerics.ctf import Optics
from vrs.numerics.image_plane import ImagePlane
from vrs.numerics.projection import rotation_matrices

# Centres (x, y, z) in Å from the middle and heights of three Gaussians.
CENTRES = np.array([[16.0, 3.0, -7.0], [-11.0, 12.0, 5.0], [2.0, -14.0, 14.0]])
HEIGHTS = np.array([1.0, 0.6, 0.8])
WIDTH = 3.0
ANGLES = np.array([(0, 0, 0), (25, 60, -110), (-130, 145, 77), (80, 100, 12)])


def gaussians(centres, box, sampling):
    """Gaussians in a box of as many dimensions as the centres have."""
    dimensions = centres.shape[1]
    axes = np.meshgrid(*[sampling * (np.arange(box) - box // 2)] * dimensions,
                       indexing="ij")[::-1]
    return sum(height * np.exp(-sum((axis - place) ** 2 for axis, place in zip(axes, centre))
                               / (2 * WIDTH ** 2))
               for centre, height in zip(centres, HEIGHTS)).astype(np.float32)


def projections(box, sampling, matrices, shifts=None):
    """Line integrals over the length of a pixel, in closed form; shifts in pixels."""
    shifts = np.zeros((len(matrices), 2)) if shifts is None else np.asarray(shifts)
    scale = np.sqrt(2 * np.pi) * WIDTH / sampling
    return scale * np.stack([gaussians(CENTRES @ matrix[:2].T - sampling * shift, box, sampling)
                             for matrix, shift in zip(matrices, shifts)])


def correlations(images1, images2):
    return np.array([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(images1, images2)])


@pytest.mark.parametrize("map_box, map_sampling, box, sampling", [
    (48, 2.0, 48, 2.0), (64, 1.5, 48, 2.0), (47, 2.0, 48, 2.0), (120, 1.0, 40, 2.37),
    (90, 1.0, 60, 2.0), (48, 2.0, 72, 1.31), (40, 2.5, 64, 1.25)])
def test_projections_in_any_box_and_sampling_are_the_closed_form(map_box, map_sampling, box,
                                                                 sampling):
    projector = Projector(gaussians(CENTRES, map_box, map_sampling), map_sampling, box, sampling)
    matrices = rotation_matrices(*ANGLES.T)
    shifts = [(3.0, -2.0), (0, 0), (-1.5, 4.25), (2.0, 2.0)]
    found = projector.images(matrices, shifts)
    expected = projections(box, sampling, matrices, shifts)
    # Trilinear interpolation.
    assert np.all(correlations(found, expected) > 0.999)
    assert np.vdot(found, expected) / np.vdot(expected, expected) == pytest.approx(1, abs=0.015)


def test_maps_need_not_be_cubic_and_turn_about_the_middle_voxel():
    whole = gaussians(CENTRES, 48, 2.0)
    # The middle voxel stays that of the number N // 2.
    part = whole[2:47, 4:45, 1:]
    assert np.array_equal([size // 2 for size in part.shape], [24 - 2, 24 - 4, 24 - 1])
    matrices = rotation_matrices(*ANGLES.T)
    found, expected = (Projector(volume, 2.0, 48).images(matrices) for volume in (part, whole))
    assert np.all(correlations(found, expected) > 0.999)


def test_a_wrong_sampling_is_a_magnification():
    volume, matrices = gaussians(CENTRES, 48, 2.0), rotation_matrices(*ANGLES.T)
    found = Projector(volume, 2.0, 48).images(matrices, magnification=1.04)
    truth = projections(48, 2.08, matrices)
    assert np.all(correlations(found, truth) > 0.999)
    assert np.all(correlations(found, projections(48, 2.0, matrices)) < 0.99)


def test_polar_places_lie_between_grid_points():
    projector = Projector(gaussians(CENTRES, 48, 2.0), 2.0, 48)
    angle = np.radians(20.0)
    places = np.arange(1, 15)[:, None] * [np.cos(angle), np.sin(angle)]
    found = projector.slices(np.eye(3)[None], places)[0]
    k = 2 * np.pi * places / 96
    expected = (2 * np.pi * WIDTH ** 2) ** 1.5 / 8 * np.exp(
        -WIDTH ** 2 * np.sum(k ** 2, axis=1) / 2) * (
            np.exp(-1j * k @ CENTRES[:, :2].T) @ HEIGHTS)
    assert np.linalg.norm(found - expected) < 0.02 * np.linalg.norm(expected)
    turned = projector.slices(Rotation.from_euler("z", -20, degrees=True).as_matrix()[None],
                              np.column_stack([np.arange(1, 15), np.zeros(14)]))[0]
    assert np.linalg.norm(turned - found) < 1e-3 * np.linalg.norm(found)


def test_coefficients_beyond_the_map_are_zero():
    projector = Projector(gaussians(CENTRES, 24, 4.0), 4.0, 96, 1.0)
    found = projector.slices(rotation_matrices(*ANGLES.T))
    radii = np.hypot(*projector.plane.wave_numbers.T) / 96
    assert np.all(found[:, radii > 1 / 8] == 0)
    assert np.all(np.any(found[:, radii < 1 / 9] != 0, axis=0))


def test_the_ctf_multiplies():
    projector = Projector(gaussians(CENTRES, 48, 2.0), 2.0, 48)
    matrices = rotation_matrices(*ANGLES.T)
    contrast = Contrast((Optics(300.0, 2.7, 0.1),), np.zeros(4, int),
                        np.repeat([[9000.0], [12000], [15000], [18000]], 3, axis=1))
    found = projector.plane.coefficients(projector.images(matrices, contrast=contrast))
    ctf = contrast.values(projector.plane.frequencies(2.0))
    assert found == pytest.approx(ctf * projector.slices(matrices), abs=1e-3)


def star_table(path):
    block = next(block for block in gemmi.cif.read(str(path)) if block.name == "particles")
    return lambda *names: np.array([[float(value) for value in block.find_values("_rln" + name)]
                                    for name in names]).T


@pytest.mark.parametrize("name, origin", [("centered", ("OriginXAngst", "OriginYAngst")),
                                          ("shifted", ("OriginX", "OriginY"))])
def test_projections_of_another_program(test_data, name, origin):
    folder = "particles/relion_projections/rln_proj_64_" + name
    column = star_table(test_data(folder + ".star"))
    images = mrcfile.read(test_data(folder + ".mrcs"))
    volume = mrcfile.read(test_data("particles/clean70SRibosome_vol_65p.mrc"))
    projector = Projector(volume, 1.0, 64, 65 / 64)
    matrices = rotation_matrices(*column("AngleRot", "AngleTilt", "AnglePsi").T)
    shifts = column(*origin)
    found = projector.images(matrices, shifts)
    assert np.all(correlations(found, images) > 0.9995)
    assert np.vdot(found, images) / np.vdot(found, found) == pytest.approx(1, abs=0.005)
    turned = projector.images(matrices.transpose(0, 2, 1), shifts)
    assert correlations(turned, images).mean() < 0.5
    if name == "shifted":
        assert correlations(projector.images(matrices, -shifts), images).mean() < 0.1


def test_bands_cost_only_their_coefficients():
    projector = Projector(gaussians(CENTRES, 48, 2.0), 2.0, 48)
    band = ImagePlane(48, 2, 9)
    matrices = rotation_matrices(*ANGLES.T)
    images = band.images(projector.slices(matrices, band.wave_numbers))
    whole = projector.plane.images(projector.slices(matrices))
    assert images == pytest.approx(band.images(band.coefficients(whole)), abs=1e-4)
