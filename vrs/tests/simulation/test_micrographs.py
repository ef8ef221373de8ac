import numpy as np
import pytest
from scipy import ndimage

from vrs.io.coordinates import read_coordinates
from vrs.io.micrographs import read_micrograph
from vrs.simulation import micrographs
from vrs.simulation.micrographs import FAULTS, Specimen, plant, simulate_micrograph

SHAPE, SAMPLING = (300, 340), 6.0


def simulate(seed, *faults, **options):
    return simulate_micrograph(seed, SHAPE, SAMPLING, faults, **options)


def test_the_same_seed_gives_the_same_micrograph():
    one, two = simulate(3, "carbon", "contamination"), simulate(3, "carbon", "contamination")
    np.testing.assert_array_equal(one.image, two.image)
    np.testing.assert_array_equal(one.bad, two.bad)
    assert not np.array_equal(one.image, simulate(4, "carbon", "contamination").image)


def test_clean_ice_has_the_counts_and_the_noise_of_its_dose():
    made = simulate(1, crowding=0, gradient=0)
    assert not made.bad.any() and made.image.shape == SHAPE and made.image.dtype == np.float32
    counts = 40 * SAMPLING ** 2 * np.exp(-500 / 3000)
    assert made.image.mean() == pytest.approx(counts, rel=0.03)
    # The noise of the counts, and half of (2 · 0.03 √5 / 6)² of the squared counts at most: the
    # contrast of a film of 500 Å, 0.03 in 100 Å and 1 Å², of which half passes a CTF.
    assert 1 < made.image.var() / made.image.mean() < 1.3


def test_a_hole_is_brighter_by_what_the_ice_absorbs():
    made = simulate(2, "hole", crowding=0, gradient=0)
    hole = ndimage.binary_erosion(made.faults["hole"], iterations=45)
    ice = ndimage.binary_erosion(~made.bad, iterations=20)
    assert hole.sum() > 100
    assert made.image[hole].mean() / made.image[ice].mean() == pytest.approx(
        np.exp(500 / 3000), rel=0.02)


def test_particles_scatter_as_the_protein_that_they_hold():
    images = micrographs.particle_images(np.random.default_rng(0), 180.0, 3.0, 5)
    volume = 4 / 3 * np.pi * (0.8 * 90) ** 3
    assert images.sum(axis=(1, 2)).mean() * 9 == pytest.approx(0.0016 * volume, rel=1e-3)


def test_particles_are_dark_and_where_the_points_say():
    made = simulate(5, crowding=0.2, gradient=0)
    x, y = np.rint(made.particles).astype(int).T
    smooth = ndimage.uniform_filter(made.image, 15)
    assert smooth[y, x].mean() < smooth.mean() - 0.3 * smooth.std()
    assert smooth[y, x].mean() < smooth[(y + 25) % SHAPE[0], x].mean()


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_no_particle_lies_in_a_fault_that_is_marked(name):
    found = [simulate(seed, name) for seed in (0, 1, 2)]
    assert 0.005 < np.mean([made.bad.mean() for made in found]) < 0.9
    for made in found:
        x, y = made.particles.astype(int).T
        assert not made.bad[y, x].any() and set(made.faults) <= {name}


def test_ice_crystals_show_their_lattice_where_the_pixels_are_fine_enough():
    made = simulate_micrograph(3, (400, 400), 1.2, ("crystalline",), crowding=0)
    power = np.abs(np.fft.rfft2(made.image - made.image.mean())) ** 2
    frequency = np.hypot(np.fft.fftfreq(400, 1.2)[:, None], np.fft.rfftfreq(400, 1.2))
    ring = (frequency > 1 / 4.0) & (frequency < 1 / 3.4)
    place = np.argmax(np.where(ring, power, 0))
    # A coefficient is 1/480 1/Å wide, 0.03 Å at 3.7 Å, and domains widen it.
    assert np.abs(1 / frequency.flat[place] - np.array([3.90, 3.67, 3.44])).min() < 0.08
    assert power.flat[place] > 20 * np.median(power[ring])


def test_faults_over_a_micrograph_leave_the_rest_as_it_was():
    image = np.random.default_rng(0).normal(100, 5, SHAPE).astype(np.float32)
    made = plant(image, SAMPLING, 1, ("hole",))
    far = ndimage.distance_transform_edt(~made.bad) > 30
    assert np.corrcoef(made.image[far], image[far])[0, 1] > 0.999
    assert made.image[made.bad].mean() > made.image[far].mean()


def test_what_the_detector_did_not_record_is_constant():
    for seed in range(6):
        specimen = Specimen(np.random.default_rng(seed), SHAPE, SAMPLING, 180.0)
        FAULTS["frame"](specimen)
        if specimen.dead.any():
            break
    made = simulate(seed, "frame")
    assert np.ptp(made.image[specimen.dead]) == 0


def test_points_keep_their_distance():
    points = micrographs.spread_points(np.random.default_rng(0), (300, 500), 200, 20.0)
    apart = np.hypot(*(points[:, None] - points).transpose(2, 0, 1))
    assert len(points) > 100 and apart[np.triu_indices(len(points), 1)].min() >= 20
    assert micrographs.spread_points(np.random.default_rng(0), (300, 500), 0, 20).shape == (0, 2)


def test_written_files_are_read_back(tmp_path):
    made = simulate(1)
    micrographs.write_micrograph(tmp_path / "a.mrc", made.image, made.sampling)
    micrographs.write_picks(tmp_path / "a_autopick.star", made.particles)
    read = read_micrograph(tmp_path / "a.mrc")
    np.testing.assert_array_equal(read.image, made.image)
    assert read.sampling == SAMPLING
    picks, = read_coordinates(tmp_path / "a_autopick.star")
    assert picks.micrograph == "a"
    np.testing.assert_allclose(picks.points, made.particles, atol=0.005)
    before = (tmp_path / "a.mrc").read_bytes()
    micrographs.write_micrograph(tmp_path / "a.mrc", made.image, made.sampling)
    assert (tmp_path / "a.mrc").read_bytes() == before
