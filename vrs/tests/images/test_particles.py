"""Tables of particles, batches of their images and the cache."""

import os
import tracemalloc

import numpy as np
import pytest

from vrs.images.particles import (ArrayStack, OpticsGroup, Particles, ParticleTable, euler_angles,
                                  fourier_cropped)
from vrs.numerics.projection import rotation_matrices
from vrs.numerics.resample import fourier_resample

SIZE = 16
MEGABYTE = 2 ** 20


def table_of(file, frame, **columns):
    count = len(file)
    names = tuple("stack%d.mrcs" % index for index in range(max(file) + 1))
    return ParticleTable(
        optics=(OpticsGroup(sampling=2.0, image_size=SIZE),), group=np.zeros(count, np.int32),
        contrast=np.zeros(count, np.int8), files=names, file_names=names,
        file=np.array(file, np.int32), frame=np.array(frame, np.int32), **columns)


class Spied(ArrayStack):
    """A stack that keeps what was read of it."""

    def __init__(self, images, identity, log):
        super().__init__(images, identity)
        self._log = log

    def open(self):
        stack = self

        class View:
            def __getitem__(self, frames):
                stack._log.append((stack.identity, np.arange(stack.count)[frames].tolist()))
                return stack._images[frames]
        return View()


@pytest.fixture
def shuffled():
    """Sixty particles in three stacks, in any order, and their images in the table's order."""
    rng = np.random.default_rng(0)
    stacks = rng.standard_normal((3, 25, SIZE, SIZE)).astype(np.float32)
    places = rng.permutation(75)[:60]
    table = table_of((places // 25).tolist(), (places % 25).tolist(),
                     psi=np.arange(60.0), micrograph=places // 25,
                     micrograph_names=("a", "b", "c"))
    log = []
    particles = Particles(table, [Spied(stack, "s%d" % index, log)
                                  for index, stack in enumerate(stacks)])
    return particles, stacks[places // 25, places % 25], log


# Tables

def test_columns_have_one_length_and_cannot_be_changed():
    table = table_of([0, 0], [1, 0], psi=np.zeros(2))
    with pytest.raises(ValueError):
        table.psi[0] = 1
    with pytest.raises(AttributeError):
        table.psi = None
    with pytest.raises(ValueError, match="psi"):
        table_of([0, 0], [1, 0], psi=np.zeros(3))


def test_take_keeps_what_belongs_together():
    table = table_of([0, 1, 1], [5, 6, 7], psi=np.array([1.0, 2.0, 3.0]))
    for chosen in ([2, 0], np.array([True, False, True])):
        taken = table.take(chosen)
        assert len(taken) == 2 and sorted(taken.frame) == [5, 7]
        assert (taken.psi[taken.frame == 7] == 3).all() and taken.files == table.files


def test_what_a_table_has():
    bare = ParticleTable((OpticsGroup(),), np.zeros(2, np.int32), np.zeros(2, np.int8))
    assert not any([bare.has_images, bare.has_angles, bare.has_classes, bare.has_ctf,
                    bare.has_halves])
    assert bare.angles is None and len(bare) == 2
    optics = OpticsGroup(voltage=300.0, spherical_aberration=2.7, amplitude_contrast=0.1)
    whole = ParticleTable(
        (optics,), np.zeros(2, np.int32), np.zeros(2, np.int8), defocus=np.ones((2, 3)),
        rotations=np.array([np.eye(3)] * 2, np.float32), subset=np.array([1, 2], np.int8),
        psi=np.zeros(2), plane_class=np.array([1, 1]))
    assert whole.has_angles and whole.has_ctf and whole.has_halves and whole.has_classes
    # Cs 0 is a value, no voltage is none.
    assert ParticleTable((OpticsGroup(voltage=300.0, spherical_aberration=0.0,
                                      amplitude_contrast=0.1),), whole.group, whole.contrast,
                         defocus=whole.defocus).has_ctf
    assert not ParticleTable((optics, OpticsGroup()), whole.group, whole.contrast,
                             defocus=whole.defocus).has_ctf


@pytest.mark.parametrize("angles", [
    (10, 20, 30), (-170, 179.9, 5), (0, 90, 0), (123, 0.05, -77)])
def test_euler_angles_are_found_again(angles):
    rotation = rotation_matrices(*np.array([angles], float).T).astype(np.float32)
    # Within what single precision leaves at a tilt of 0.05 degrees.
    np.testing.assert_allclose(euler_angles(rotation)[0], angles, atol=0.01)


@pytest.mark.parametrize("tilt", [0, 180])
def test_euler_angles_along_the_axis_give_the_same_rotation(tilt):
    rotation = rotation_matrices([40.0], [tilt], [25.0])
    rot, found, psi = euler_angles(rotation.astype(np.float32)).T
    assert rot == 0 and found == pytest.approx(tilt, abs=1e-4)
    np.testing.assert_allclose(rotation_matrices(rot, found, psi), rotation, atol=1e-6)


def test_sample_takes_its_share_of_each_micrograph_and_half():
    rng = np.random.default_rng(3)
    micrograph = rng.choice(7, 5000, p=np.array([1, 2, 3, 4, 5, 6, 7]) / 28)
    subset = rng.integers(1, 3, 5000)
    table = table_of([0] * 5000, range(5000), micrograph=micrograph, subset=subset,
                     micrograph_names=tuple("abcdefg"))
    chosen = table.stratified_sample(600, 1)
    assert len(chosen) == len(set(chosen)) == 600 and (np.diff(chosen) > 0).all()
    for number in range(7):
        for half in (1, 2):
            among = (micrograph == number) & (subset == half)
            assert abs(among[chosen].sum() - 600 * among.mean()) <= 1
    np.testing.assert_array_equal(chosen, table.stratified_sample(600, 1))
    assert set(chosen) != set(table.stratified_sample(600, 2))
    assert len(table.stratified_sample(9000, 1)) == 5000
    # Every particle is as likely as any other.
    counts = np.zeros(5000)
    for seed in range(60):
        counts[table.stratified_sample(600, seed)] += 1
    assert counts.max() <= 20 and counts.mean() == pytest.approx(7.2)  # Poisson: 20 is 4.8 sd


# Cropping

def band_limited(size, physical, centre):
    """A function of few waves, sampled with ``size`` pixels; its zero point lies at ``centre``."""
    x = (np.arange(size) - size // 2) * physical / size - centre[0]
    y = ((np.arange(size) - size // 2) * physical / size - centre[1])[:, None]
    turn = 2 * np.pi / physical
    return (3 + np.cos(turn * x) + 0.5 * np.sin(turn * (2 * x - 3 * y))
            + 0.7 * np.cos(turn * 4 * y)).astype(np.float32)


@pytest.mark.parametrize("size, box", [(24, 12), (25, 12), (24, 11), (25, 13), (12, 12)])
def test_cropped_images_are_the_same_function_about_the_centre(size, box):
    centres = [(0, 0), (2.3, -1.1)]
    images = np.array([band_limited(size, 30.0, centre) for centre in centres])
    expected = np.array([band_limited(box, 30.0, centre) for centre in centres])
    found = fourier_cropped(images, box)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("size, box", [(32, 20), (33, 33)])
def test_cropping_agrees_with_that_of_maps(size, box):
    image = np.random.default_rng(0).standard_normal((size, size)).astype(np.float32)
    expected = fourier_resample(image[None], (1, box, box))
    np.testing.assert_allclose(fourier_cropped(image[None], box), expected, atol=1e-6)


# Batches

@pytest.mark.parametrize("size", [1, 7, 1000])
def test_each_image_comes_once_and_each_stack_is_read_in_its_order(shuffled, size):
    particles, images, log = shuffled
    max_bytes = size * (14 + 20) * SIZE ** 2
    seen = []
    for rows, batch in particles.batches(SIZE, max_bytes):
        assert batch.dtype == np.float32 and len(rows) == len(batch) <= size
        np.testing.assert_array_equal(batch, images[rows])
        seen += rows.tolist()
    assert sorted(seen) == list(range(60))
    read = [(name, frame) for name, frames in log for frame in frames]
    assert read == sorted(read) and len(read) == 60
    assert not particles.unusable.any()


def test_batches_are_cropped(shuffled):
    particles, images, _ = shuffled
    for rows, batch in particles.batches(10, 10000):
        np.testing.assert_allclose(batch, fourier_cropped(images[rows], 10), atol=1e-6)
    assert particles.size == SIZE
    # 16 pixels of 2 Å are 32 Å, in 10 pixels.
    np.testing.assert_allclose(particles.sampling(10), [3.2])
    with pytest.raises(ValueError, match="larger"):
        next(particles.batches(SIZE + 1, 10000))


def test_some_of_the_particles(shuffled):
    particles, images, _ = shuffled
    chosen = np.array([50, 3, 17, 4])
    some = particles.take(chosen)
    for rows, batch in some.batches(SIZE, 10 ** 6):
        np.testing.assert_array_equal(batch, images[chosen[rows]])
    assert len(some) == 4


def test_images_that_cannot_be_used_are_left_out(shuffled):
    particles, images, _ = shuffled
    stacks = [stack._images for stack in particles._stacks]
    faults = {5: np.nan, 11: np.inf, 30: "constant", 31: 1e30, 32: -1e20}
    for row, fault in faults.items():
        image = stacks[particles.table.file[row]][particles.table.frame[row]]
        if fault == "constant":
            image[:] = 2.5
        else:
            image[3, 4] = fault
    seen = np.concatenate([rows for rows, batch in particles.batches(8, 5000)
                           if np.isfinite(batch).all()])
    assert sorted(seen) == sorted(set(range(60)) - set(faults))
    np.testing.assert_array_equal(np.flatnonzero(particles.unusable), sorted(faults))


@pytest.mark.parametrize("kind", ["i1", "i2", "u2", "f2", ">f4", ">i2"])
def test_kinds_of_numbers(kind):
    stored = np.random.default_rng(0).integers(0, 100, (4, SIZE, SIZE)).astype(kind)
    particles = Particles(table_of([0] * 4, range(4)), [ArrayStack(stored, "a")])
    ((rows, images),) = particles.batches(SIZE, 10 ** 6)
    np.testing.assert_array_equal(images, stored.astype(np.float32)[rows])
    assert images.dtype == np.dtype("=f4")


@pytest.mark.parametrize("order", ["as stored", "scattered"])
@pytest.mark.parametrize("box", [64, 128])
def test_memory_is_bounded(box, order):
    images = np.random.default_rng(0).standard_normal((400, 128, 128)).astype(np.float32)
    if order == "scattered":
        frames = np.arange(0, 400, 2)
    else:
        frames = np.arange(400)
    particles = Particles(table_of([0] * len(frames), frames), [ArrayStack(images, "a")])
    tracemalloc.start()
    try:
        for _, batch in particles.batches(box, 4 * MEGABYTE):
            del batch
        # Some 10 kB of small objects are no images.
        assert tracemalloc.get_traced_memory()[1] < 4 * MEGABYTE + 20000
    finally:
        tracemalloc.stop()


# The cache

def all_images(particles, box):
    images = np.full((len(particles), box, box), np.nan, np.float32)
    for rows, batch in particles.batches(box, 20000):
        images[rows] = batch
    return images


def test_cache_holds_the_same_particles(shuffled, tmp_path):
    particles, images, log = shuffled
    cached = particles.cached(8, tmp_path / "cache.npy", max_bytes=20000)
    assert len(log) > 0
    del log[:]
    np.testing.assert_array_equal(all_images(cached, 8), fourier_cropped(images, 8))
    np.testing.assert_array_equal(cached.table.psi, particles.table.psi)
    assert cached.table.optics[0].image_size == 8 and cached.table.optics[0].sampling == 4.0
    assert cached.sampling(4)[0] == 8.0 and cached.size == 8
    # Cropped once more from the cache: no coefficient that is kept was lost at its edge.
    np.testing.assert_allclose(all_images(cached, 4), all_images(particles, 4), atol=1e-5)
    assert os.listdir(str(tmp_path)) == ["cache.npy"]


def test_cache_is_read_in_its_own_order(shuffled, tmp_path):
    particles, _, _ = shuffled
    cached = particles.cached(8, tmp_path / "cache.npy")
    rows, _ = next(cached.batches(8, 10 ** 6))
    np.testing.assert_array_equal(cached.table.frame[rows], np.arange(60))


def test_complete_cache_is_not_written_again(shuffled, tmp_path):
    particles, _, log = shuffled
    path = tmp_path / "cache.npy"
    particles.cached(8, path)
    before = os.stat(str(path)).st_mtime_ns, len(log)
    again = particles.cached(8, path)
    assert (os.stat(str(path)).st_mtime_ns, len(log)) == before
    assert len(all_images(again, 8)) == 60


@pytest.mark.parametrize("change", ["box", "particles", "stack", "cut", "other"])
def test_cache_of_something_else_is_replaced(shuffled, tmp_path, change):
    particles, images, log = shuffled
    path, box, expected = tmp_path / "cache.npy", 8, images
    particles.cached(box, path)
    if change == "box":
        box = 10
    elif change == "particles":
        particles, expected = particles.take(np.arange(60)[::-1]), images[::-1]
    elif change == "stack":
        stacks = [ArrayStack(stack._images, stack.identity + " changed")
                  for stack in particles._stacks]
        particles = Particles(particles.table, stacks)
    elif change == "cut":
        path.write_bytes(path.read_bytes()[:-1000])
    else:
        path.write_bytes(b"something else")
    del log[:]
    cached = particles.cached(box, path)
    assert log or change == "stack"
    np.testing.assert_array_equal(all_images(cached, box), fourier_cropped(expected, box))


def test_nothing_is_left_of_a_cache_that_failed(shuffled, tmp_path, monkeypatch):
    particles, _, _ = shuffled

    def broken():
        raise OSError("the disk is gone")
    monkeypatch.setattr(particles._stacks[2], "open", broken)
    with pytest.raises(OSError, match="gone"):
        particles.cached(8, tmp_path / "cache.npy")
    assert os.listdir(str(tmp_path)) == []


def test_unusable_images_stay_so_in_the_cache(shuffled, tmp_path):
    particles, _, _ = shuffled
    file, frame = particles.table.file[9], particles.table.frame[9]
    particles._stacks[file]._images[frame, 0, 0] = np.nan
    particles.cached(8, tmp_path / "cache.npy")
    again = particles.cached(8, tmp_path / "cache.npy")
    seen = np.concatenate([rows for rows, _ in again.batches(8, 10 ** 6)])
    assert 9 not in seen and len(seen) == 59
    np.testing.assert_array_equal(np.flatnonzero(again.unusable), [9])
