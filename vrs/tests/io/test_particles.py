"""From files to tables of particles: conventions, findings and what is refused."""

import os
import shutil

import numpy as np
import pytest
from scipy import fft
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial.transform import Rotation

from vrs.errors import InputError
from vrs.io.classes import read_classes
from vrs.io.maps import read_map
from vrs.io.particles import (missing_stacks, open_particles, probe_particles, read_particles,
                              write_particles_star)
from vrs.io.star import read_star, write_star
from vrs.numerics.ctf import Optics, contrast_transfer
from vrs.numerics.projection import CentralSections, rotation_matrices
from vrs.tests.io.files import save
from vrs.tests.io.test_cryosparc import cs

COUNT = 6


def relion(path, optics=None, stack="Extract/job1/a.mrcs", **changes):
    """Write a table of six particles; None takes a column away."""
    columns = {"ImageName": ["%06d@%s" % (number, stack) for number in range(1, COUNT + 1)],
               "MicrographName": ["m1.mrc"] * 4 + ["m2.mrc"] * 2, "OpticsGroup": [1] * COUNT,
               "CoordinateX": np.arange(6.0), "CoordinateY": np.arange(10.0, 16.0),
               "DefocusU": [15000.0] * COUNT, "DefocusV": [14000.0] * COUNT,
               "DefocusAngle": [30.0] * COUNT, "AngleRot": 10.0 * np.arange(COUNT),
               "AngleTilt": [50.0] * COUNT, "AnglePsi": [-20.0] * COUNT,
               "OriginXAngst": [1.5] * COUNT, "OriginYAngst": [-2.0] * COUNT,
               "RandomSubset": [1, 2] * 3, "ClassNumber": [1] * COUNT}
    columns.update(changes)
    group = {"OpticsGroup": [1], "Voltage": [300.0], "SphericalAberration": [2.7],
             "AmplitudeContrast": [0.1], "ImagePixelSize": [1.5], "ImageSize": [8]}
    group.update(optics or {})
    blocks = {"optics": group, "particles": columns}
    if optics is False:
        del blocks["optics"], columns["OpticsGroup"]
    write_star(str(path), {block: {"rln" + name: values for name, values in table.items()
                                   if values is not None} for block, table in blocks.items()})
    return str(path)


@pytest.fixture
def project(tmp_path):
    """A project folder with a stack, and the table of a job in it."""
    (tmp_path / "Extract" / "job1").mkdir(parents=True)
    (tmp_path / "Refine3D" / "job2").mkdir(parents=True)
    stack(tmp_path / "Extract" / "job1" / "a.mrcs")
    return tmp_path, tmp_path / "Refine3D" / "job2" / "run_data.star"


def stack(path, count=COUNT, size=8, sampling=1.5):
    images = np.random.default_rng(0).standard_normal((count, size, size)).astype(np.float32)
    return save(path, images, sampling, ispg=0)


def problems(path, **options):
    with pytest.raises(InputError) as caught:
        read_particles(path, **options)
    found = caught.value.problems
    assert all(sentence.endswith(".") for sentence in found)
    # The quick look finds the same, as these tables are small.
    assert set(probe_particles(path, **options).problems) == set(found)
    return found


def only_problem(path, **options):
    (sentence,) = problems(path, **options)
    return sentence


def loaded(table, box=None):
    particles = open_particles(table)
    images = np.zeros((len(table),) + (box or particles.size,) * 2, np.float32)
    for rows, batch in particles.batches(box or particles.size, 2 ** 22):
        images[rows] = batch
    assert not particles.unusable.any()
    return images


def correlation(a, b, where=slice(None)):
    return np.corrcoef(a[where].ravel(), b[where].ravel())[0, 1]


# Conventions, against images

def test_rotations_and_shifts_reproduce_the_projections_of_relion(test_data):
    """Of relion_project; the other conventions fail, so that the test can tell."""
    volume = read_map(test_data("particles", "clean70SRibosome_vol_65p.mrc"), 1.0).volume
    # Cut to the even box by its transform about the centre: -32 to 31 of -32 to 32.
    transform = fft.fftshift(fft.fftn(fft.ifftshift(volume)))[:64, :64, :64]
    volume = fft.fftshift(fft.ifftn(fft.ifftshift(transform)).real).astype(np.float32)
    sections = CentralSections(64)
    transform = sections.transform(volume)
    for name in ("centered", "shifted"):
        table, notes = read_particles(
            test_data("particles", "relion_projections", "rln_proj_64_%s.star" % name))
        assert notes == [] and table.has_angles and len(table) == 4
        images = loaded(table)

        def agreement(rotations, shifts):
            coefficients = sections.cut(transform, sections.place(rotations))
            made = sections.images(coefficients * sections.shifts(shifts))
            return [correlation(*pair) for pair in zip(made, images)]
        # Å are pixels here.
        assert min(agreement(table.rotations, -table.shifts)) > 0.999
        assert max(agreement(table.rotations.transpose(0, 2, 1), -table.shifts)) < 0.5
        if name == "shifted":
            assert max(agreement(table.rotations, table.shifts)) < 0.2


def test_alignment_in_the_plane_reproduces_the_class_averages(test_data):
    """Of RELION's classification of real particles, phases flipped by their CTF."""
    folder = test_data("particles", "relion5_betagal")
    table, notes = read_particles(folder / "particles_21-25.star")
    assert notes == ["All particles have the same direction of view: the table has no "
                     "three-dimensional assignment."]
    assert not table.has_angles and table.has_classes and table.has_ctf
    classes, _ = read_classes(folder / "Class2D_run_it025_model.star")
    group = table.optics[0]
    assert (group.sampling, group.voltage, group.image_size, group.premultiplied) == (
        3.54, 200, 64, False)
    members = np.flatnonzero(table.plane_class == 26)
    assert len(members) == 147
    some = table.take(members)
    frequencies = np.stack(np.meshgrid(fft.rfftfreq(64, 3.54), fft.fftfreq(64, 3.54)), -1)
    ctf = contrast_transfer(frequencies.reshape(-1, 2), some.defocus, Optics(
        group.voltage, group.spherical_aberration, group.amplitude_contrast))
    flipped = fft.irfft2(fft.rfft2(loaded(some)) * np.sign(ctf).reshape(-1, 64, 33), s=(64, 64))
    y, x = np.mgrid[:64, :64] - 32.0
    disc = np.hypot(x, y) < 20

    def band(image):
        return gaussian_filter(image, 1) - gaussian_filter(image, 3)

    def agreement(psi, shifts):
        average = np.zeros((64, 64))
        for image, angle, (dx, dy) in zip(flipped, np.radians(psi), shifts / 3.54):
            average += map_coordinates(image, [
                -np.sin(angle) * x + np.cos(angle) * y - dy + 32,
                np.cos(angle) * x + np.sin(angle) * y - dx + 32], order=1, mode="nearest")
        return correlation(band(average), band(classes.images[25]), disc)
    # Measured: .95; .36 and .34 for the other signs.
    assert agreement(some.psi, some.plane_shifts) > 0.9
    assert agreement(-some.psi, some.plane_shifts) < 0.6
    assert agreement(some.psi, -some.plane_shifts) < 0.6
    np.testing.assert_array_equal(some.shifts, some.plane_shifts)


def test_cryosparc_poses(tmp_path):
    """A is the transposed matrix of the pose, whose third column is the direction of view."""
    angles = np.random.default_rng(1).uniform(-180, 180, (COUNT, 3))
    expected = rotation_matrices(*angles.T)
    pose = Rotation.from_matrix(expected.transpose(0, 2, 1)).as_rotvec()
    path = cs(tmp_path / "a.cs", uid=np.arange(COUNT, dtype=np.uint64),
              alignments3D__pose=pose.astype(np.float32),
              alignments3D__shift=np.float32([[2, -3]] * COUNT),
              alignments3D__psize_A=np.float32([1.5] * COUNT),
              alignments3D__split=np.uint32([0, 1] * 3), alignments3D__class=np.uint32([0] * COUNT),
              alignments2D__pose=np.float32([np.pi / 2] * COUNT),
              alignments2D__shift=np.float32([[1, 4]] * COUNT),
              alignments2D__psize_A=np.float32([2.0] * COUNT),
              alignments2D__class=np.uint32(range(COUNT)), blob__psize_A=np.float32([0.5] * COUNT))
    table, notes = read_particles(path)
    np.testing.assert_allclose(table.rotations, expected, atol=1e-6)
    assert table.rotations.dtype == np.float32
    columns = Rotation.from_rotvec(pose).as_matrix()[:, :, 2]
    np.testing.assert_allclose(table.rotations[:, 2], columns, atol=1e-6)
    # In pixels of the alignment and not of the images.
    np.testing.assert_allclose(table.shifts, [[3, -4.5]] * COUNT)
    assert table.subset.tolist() == [1, 2] * 3 and table.class_number.tolist() == [1] * COUNT
    # The alignment to class averages stays beside the other.
    np.testing.assert_allclose(table.psi, 90, atol=1e-5)
    np.testing.assert_allclose(table.plane_shifts, [[2, 8]] * COUNT)
    assert table.plane_class.tolist() == [1, 2, 3, 4, 5, 6]
    assert not table.has_images


def test_cryosparc_best_of_several_classes(tmp_path):
    columns = {"uid": np.arange(3, dtype=np.uint64)}
    for number in (0, 1, 10):
        name = "alignments_class_%d__" % number
        columns[name + "pose"] = np.float32([[0, 0, 0.1 + number]] * 3)
        columns[name + "pose"][1] += 0.01
        columns[name + "shift"] = np.float32([[number, 0]] * 3)
        columns[name + "psize_A"] = np.float32([1.0] * 3)
        columns[name + "class_posterior"] = np.float32([[0.8, 0.1, 0.2], [0.1, 0.8, 0.1],
                                                        [0.1, 0.1, 0.7]][(0, 1, 10).index(number)])
    table, _ = read_particles(cs(tmp_path / "a.cs", **columns))
    assert table.class_number.tolist() == [1, 2, 11]
    np.testing.assert_allclose(table.shifts[:, 0], [0, 1, 10])
    expected = Rotation.from_rotvec([[0, 0, 0.1], [0.01, 0.01, 1.11], [0, 0, 10.1]]).as_matrix()
    np.testing.assert_allclose(table.rotations, expected.transpose(0, 2, 1), atol=1e-6)


def test_cryosparc_optics(tmp_path):
    path = cs(tmp_path / "a.cs", uid=np.arange(4, dtype=np.uint64),
              blob__path=np.array([b">S/a.mrc"] * 4), blob__idx=np.uint32([0, 1, 2, 3]),
              blob__shape=np.uint32([[8, 8]] * 4), blob__psize_A=np.float32([1.345] * 4),
              blob__sign=np.float32([-1, -1, 1, -1]), ctf__exp_group_id=np.uint32([7, 7, 9, 9]),
              ctf__accel_kv=np.float32([300] * 4), ctf__cs_mm=np.float32([2.7] * 4),
              ctf__amp_contrast=np.float32([0.1] * 4),
              ctf__tilt_A=np.float32([[0, 0]] * 2 + [[2.7e4, -1.35e4]] * 2),
              ctf__anisomag=np.float32([[0, 0, 0, 0]] * 2 + [[0.01, 0, 0.002, -0.01]] * 2),
              ctf__trefoil_A=np.float32([[0, 1]] * 4),
              ctf__df1_A=np.float32([15000] * 4), ctf__df2_A=np.float32([14000] * 4),
              ctf__df_angle_rad=np.float32([np.pi / 6] * 4),
              ctf__phase_shift_rad=np.float32([np.pi / 2] * 4),
              location__micrograph_path=np.array([b"S/m1.mrc"] * 3 + [b"S/m2.mrc"]),
              location__micrograph_shape=np.uint32([[1000, 2000]] * 4),
              location__center_x_frac=np.float32([0.25] * 4),
              location__center_y_frac=np.float32([0.75] * 4))
    table, notes = read_particles(path)
    assert table.group.tolist() == [0, 0, 1, 1] and table.contrast.tolist() == [-1, -1, 1, -1]
    plain, tilted = table.optics
    assert (plain.name, plain.voltage, plain.sampling, plain.image_size) == ("7", 300, 1.345, 8)
    assert plain.beam_tilt is None and plain.magnification is None
    # Cs of 2.7e7 Å times 1 mrad is 2.7e4 Å.
    assert tilted.beam_tilt == pytest.approx((1, -0.5), rel=1e-6)
    assert tilted.magnification == ((1.01, 0.0), (0.002, 0.99))
    np.testing.assert_allclose(table.defocus, [[15000, 14000, 30]] * 4, atol=1e-5)
    np.testing.assert_allclose(table.phase_shift, 90, atol=1e-5)
    np.testing.assert_allclose(table.coordinates, [[500, 750]] * 4)
    assert table.micrograph_names == ("S/m1.mrc", "S/m2.mrc")
    assert table.micrograph.tolist() == [0, 0, 0, 1]
    assert table.file_names == ("S/a.mrc",) and table.frame.tolist() == [0, 1, 2, 3]
    assert notes[0].startswith("The aberrations ctf/trefoil_A")
    assert any("dark in the images of 3 of the 4" in note for note in notes)


# RELION's tables

def test_table_with_optics_groups(project):
    folder, path = project
    relion(path, {"OpticsGroup": [3, 1], "OpticsGroupName": ["b", "a"], "Voltage": [200.0, 300.0],
                  "SphericalAberration": [1.4, 2.7], "AmplitudeContrast": [0.1, 0.07],
                  "ImagePixelSize": [1.5, 1.5], "ImageSize": [8, 8],
                  "CtfDataAreCtfPremultiplied": [0, 1], "BeamTiltX": [0.1, 0.2],
                  "BeamTiltY": [0.3, 0.4], "OddZernike": ["[1,2.5,-3]", "[]"],
                  "MagMat00": [1.01, 1.0], "MagMat01": [0.002, 0.0], "MagMat10": [0.003, 0.0],
                  "MagMat11": [0.99, 1.0]}, OpticsGroup=[1, 3, 1, 1, 3, 1])
    table, notes = read_particles(path)
    assert table.group.tolist() == [1, 0, 1, 1, 0, 1]
    first, second = table.optics
    assert (first.name, first.voltage, first.premultiplied) == ("b", 200, False)
    assert (second.name, second.voltage, second.premultiplied) == ("a", 300, True)
    assert first.beam_tilt == (0.1, 0.3) and first.odd_zernike == (1.0, 2.5, -3.0)
    assert second.odd_zernike == () and first.even_zernike is None
    assert first.magnification == ((1.01, 0.002), (0.003, 0.99)) and first.phase_flipped is None
    assert notes == ["The particles have different voltages (200 and 300 kV).",
                     "The particles have different spherical aberrations (1.4 and 2.7 mm)."]
    np.testing.assert_allclose(table.shifts, [[1.5, -2.0]] * COUNT)
    np.testing.assert_allclose(table.angles[:, 0], 10 * np.arange(COUNT), atol=1e-4)
    assert table.micrograph_names == ("m1.mrc", "m2.mrc")
    np.testing.assert_array_equal(table.coordinates[1], [1, 11])
    assert table.has_halves and table.contrast.tolist() == [0] * COUNT
    assert table.files == (str(folder / "Extract" / "job1" / "a.mrcs"),)
    assert loaded(table).shape == (6, 8, 8)


@pytest.mark.parametrize("columns, expected", [
    ({"DetectorPixelSize": [5.0] * 6, "Magnification": [40000.0] * 6}, 1.25),
    ({"PixelSize": [1.75] * 6}, 1.75),
    ({"ImagePixelSize": [2.5] * 6, "DetectorPixelSize": [5.0] * 6, "Magnification": [1e4] * 6},
     2.5),
    ({"DetectorPixelSize": [2.25] * 6}, 2.25), ({}, 1.5)])
def test_old_tables_have_origins_in_pixels(project, columns, expected):
    _, path = project
    relion(path, False, Voltage=[300.0] * 6, SphericalAberration=[2.7] * 6,
           AmplitudeContrast=[0.1] * 6, OriginXAngst=None, OriginYAngst=None,
           OriginX=[2.0] * 6, OriginY=[-1.0] * 6, **columns)
    table, notes = read_particles(path)
    assert table.optics[0].sampling == expected and table.optics[0].image_size == 8
    np.testing.assert_allclose(table.shifts, np.array([[2, -1]] * 6) * expected)
    assert any("no magnification" in note for note in notes) == (
        "DetectorPixelSize" in columns and "Magnification" not in columns)
    assert any("no pixel size" in note for note in notes) == (columns == {})
    assert table.has_ctf


def test_old_tables_are_grouped_by_their_optics(project):
    _, path = project
    relion(path, False, Voltage=[300.0] * 3 + [200.0] * 3, PixelSize=[1.5] * 6,
           SphericalAberration=[2.7, 2.7, 1.4, 1.4, 2.7, 2.7])
    table, notes = read_particles(path)
    found = [(table.optics[group].voltage, table.optics[group].spherical_aberration)
             for group in table.group]
    assert found == [(300, 2.7), (300, 2.7), (300, 1.4), (200, 1.4), (200, 2.7), (200, 2.7)]
    assert len(table.optics) == 4 and not table.has_ctf


def test_origins_in_pixels_of_each_group(project):
    folder, path = project
    relion(path, {"OpticsGroup": [1, 2], "ImagePixelSize": [1.5, 3.0], "Voltage": [300.0] * 2,
                  "SphericalAberration": [2.7] * 2, "AmplitudeContrast": [0.1] * 2,
                  "ImageSize": [8, 8]}, OpticsGroup=[1, 1, 1, 2, 2, 2], OriginXAngst=None,
           OriginYAngst=None, OriginX=[2.0] * 6, OriginY=[1.0] * 6)
    table, notes = read_particles(path)
    np.testing.assert_allclose(table.shifts, [[3, 1.5]] * 3 + [[6, 3]] * 3)
    assert any("different pixel sizes (1.5 and 3 Å)" in note for note in notes)
    assert any("header of" in note for note in notes)


@pytest.mark.parametrize("rot, tilt, in_space", [
    ([0.0] * 6, [0.0] * 6, False), ([0.0] * 6, [90.0] * 6, False),
    ([30.0] * 6, [0, 1, 2, 3, 4, 5.0], True), ([0, 1, 2, 3, 4, 5.0], [90.0] * 6, True)])
def test_equal_directions_are_no_assignment(project, rot, tilt, in_space):
    _, path = project
    table, notes = read_particles(relion(path, AngleRot=rot, AngleTilt=tilt))
    assert table.has_angles == in_space
    assert any("no three-dimensional assignment" in note for note in notes) != in_space
    assert (table.psi is None) == in_space
    if not in_space:
        assert table.psi.tolist() == [-20.0] * COUNT and table.plane_class is not None
    np.testing.assert_allclose(table.shifts, [[1.5, -2.0]] * COUNT)


def test_particles_that_are_not_aligned(project):
    _, path = project
    zeros = [0.0] * COUNT
    table, _ = read_particles(relion(path, AngleRot=zeros, AngleTilt=zeros, AnglePsi=zeros,
                                     OriginXAngst=zeros, OriginYAngst=zeros,
                                     ClassNumber=[0] * COUNT))
    assert table.psi is None and table.shifts is None and table.class_number is None


@pytest.mark.parametrize("scale", [1, 180 / np.pi])
def test_angles_in_radians_are_refused(project, scale):
    _, path = project
    count = 100
    angles = scale * np.random.default_rng(0).uniform(-np.pi, np.pi, (3, count))
    relion(path, False, **{name: None for name in (
        "ImageName", "MicrographName", "CoordinateX", "CoordinateY", "DefocusU", "DefocusV",
        "DefocusAngle", "OriginXAngst", "OriginYAngst", "RandomSubset", "ClassNumber")},
        **dict(zip(("AngleRot", "AngleTilt", "AnglePsi"), angles)))
    if scale == 1:
        assert "in radians" in only_problem(path)
    else:
        assert read_particles(path)[0].has_angles


def test_findings_about_rows(project):
    _, path = project
    _, notes = read_particles(relion(
        path, ImageName=["1@Extract/job1/a.mrcs"] * 2 + ["%d@Extract/job1/a.mrcs" % n
                                                         for n in (2, 3, 4, 5)],
        RandomSubset=[1] * COUNT, DefocusU=[-100.0] + [15000.0] * 5))
    assert notes == [
        "1 of the 6 particles has an image that another particle has as well.",
        "All particles belong to the same half; there are no half sets.",
        "1 of the 6 particles has a defocus of zero or overfocus."]


# Where stacks are

def test_stacks_are_sought_from_the_tables_folder_upwards(project):
    folder, path = project
    relion(path)
    table, notes = read_particles(path)
    assert notes == [] and missing_stacks(table) == []
    moved = folder / "elsewhere"
    shutil.move(str(folder / "Extract"), str(moved))
    table, notes = read_particles(path)
    assert missing_stacks(table) == ["Extract/job1/a.mrcs"] == list(table.files)
    assert "No stacks of images were found" in notes[0] and table.has_angles
    with pytest.raises(InputError, match="job1/a.mrcs"):
        open_particles(table)
    for given in (moved, moved / "job1"):
        table, notes = read_particles(path, images_folder=given)
        assert notes == [] and table.files == (str(moved / "job1" / "a.mrcs"),)
        assert table.file_names == ("Extract/job1/a.mrcs",)


def test_some_stacks_are_missing(project):
    folder, path = project
    names = ["%d@Extract/job1/%s.mrcs" % (n, "aab"[n % 3]) for n in range(1, 7)]
    table, notes = read_particles(relion(path, ImageName=names))
    assert missing_stacks(table) == ["Extract/job1/b.mrcs"]
    assert "1 of 2 stacks" in notes[0]


def test_stacks_of_the_same_name_are_not_mixed_up(project, tmp_path):
    folder, path = project
    flat = tmp_path / "flat"
    flat.mkdir()
    shutil.move(str(folder / "Extract" / "job1" / "a.mrcs"), str(flat / "a.mrcs"))
    names = ["%d@Extract/job%d/a.mrcs" % (n, n % 2 + 1) for n in range(1, 7)]
    sentence = only_problem(relion(path, ImageName=names), images_folder=flat)
    assert "both lead to" in sentence and "job2" in sentence and "job1" in sentence
    # Different spellings of one name are one file.
    names = ["%d@%sExtract/job1/a.mrcs" % (n, "./" * (n % 2)) for n in range(1, 7)]
    read_particles(relion(path, ImageName=names), images_folder=flat)


def test_shifts_out_of_the_image_are_told(project):
    # The images are 12 Å wide.
    _, notes = read_particles(relion(project[1], OriginXAngst=[6.5, -1e6] + [5.5] * 4))
    assert [note for note in notes if "shift" in note] == [
        "2 of the 6 particles have a shift that moves the centre out of the image; check in which "
        "unit the shifts are."]


# What is refused

def test_problems_come_together(project):
    folder, path = project
    stack(folder / "Extract" / "job1" / "a.mrcs", size=6, count=4)
    found = problems(relion(path, AngleTilt=[np.nan] * 2 + [50.0] * 4, DefocusV=None,
                            OriginXAngst=["a"] + ["1.0"] * 5))
    assert len(found) == 5
    for words in ("lnAngleTilt of", "2 values that are not finite"), ("rlnDefocusV", "but not"), (
            "rlnOriginXAngst", "text (a)"), ("image 6", "which has 4"), ("6 pixels", "not 8"):
        assert any(all(word in sentence for word in words) for sentence in found)


@pytest.mark.parametrize("change, words", [
    ({"AngleTilt": None}, "rlnAngleRot and rlnAnglePsi but not rlnAngleTilt"),
    ({"AnglePsi": None}, "but not rlnAnglePsi"),
    ({"OriginYAngst": None}, "but not rlnOriginYAngst"),
    ({"DefocusU": [np.inf] + [1.0] * 5}, "1 value that is not finite"),
    ({"DefocusU": [1e30] + [15000.0] * 5}, "reaches 1e+30 Å, which no microscope gives"),
    ({"ClassNumber": [1e30] + [1.0] * 5}, "not class numbers"),
    ({"ClassNumber": [2.5] + [1.0] * 5}, "not class numbers"),
    ({"ClassNumber": [-1] + [1] * 5}, "not class numbers"),
    ({"PhaseShift": [1e30] * 6}, "phase shift in"), ({"CtfBfactor": [-1e30] * 6}, "B factor of"),
    ({"CtfScalefactor": [0.0] * 6}, "not positive for any particle"),
    ({"ImageName": ["0@Extract/job1/a.mrcs"] * 6}, "image 0@"),
    ({"ImageName": ["%s@Extract/job1/a.mrcs" % ("9" * 30)] * 6}, "image 999"),
    ({"ImageName": ["x@Extract/job1/a.mrcs"] * 6}, "image x@"),
    ({"ImageName": ["Extract/job1/a.mrcs"] * 6}, "subtomograms"),
    ({"ImageName": ["7@Extract/job1/a.mrcs"] * 6}, "names image 7"),
    ({"AngleRot": [30.0] * 6, "AngleTilt": [40.0] * 6}, "have the same angles"),
    ({"AngleTilt": [50.0] * 5 + [7200.0]}, "reach 7200, which are not degrees"),
    ({"OpticsGroup": [1, 1, 1, 1, 1, 4]}, "optics group 4"),
    ({"CtfImage": ["a.mrc"] * 6}, "tomograms"), ({"TomoName": ["a"] * 6}, "tomograms")])
def test_tables_that_cannot_be_used(project, change, words):
    assert words in only_problem(relion(project[1], **change))


@pytest.mark.parametrize("optics, words", [
    ({"ImageDimensionality": [3]}, "tomograms"), ({"ImagePixelSize": [0.0]}, "0 Å"),
    ({"ImageSize": [10]}, "8 pixels wide, and not 10"),
    ({"Voltage": [0.0]}, "voltage in"), ({"Voltage": [-300.0]}, "-300 kV; correct it"),
    ({"SphericalAberration": [2.7e7]}, "2.7e+07 mm"),
    ({"AmplitudeContrast": [10.0]}, "10, which is not a fraction"),
    ({"AmplitudeContrast": [-0.1]}, "-0.1, which is not a fraction"),
    ({"ImagePixelSize": [1e30]}, "1e+30 Å"), ({"ImagePixelSize": [1e-30]}, "1e-30 Å"),
    ({"BeamTiltX": [0.0], "BeamTiltY": [-1e30]}, "beam tilt in"),
    ({"OddZernike": ["[a,b]"]}, "text ([a,b]) where numbers belong"),
    ({"MagMat%d%d" % (row, column): [0.0] for row in (0, 1) for column in (0, 1)},
     "changes the size of the images too much"),
    ({"OpticsGroup": [1, 1], "Voltage": [200.0, 300.0], "SphericalAberration": [2.7] * 2,
      "AmplitudeContrast": [0.1] * 2, "ImagePixelSize": [1.5] * 2, "ImageSize": [8] * 2},
     "same number")])
def test_optics_that_cannot_be_used(project, optics, words):
    assert words in only_problem(relion(project[1], optics))


def test_no_pixel_size_anywhere(project):
    folder, path = project
    stack(folder / "Extract" / "job1" / "a.mrcs", sampling=0)
    assert "rlnImagePixelSize" in only_problem(relion(path, {"ImagePixelSize": None}))
    os.remove(str(folder / "Extract" / "job1" / "a.mrcs"))
    # Without the images, what needs the table alone needs no pixel size either.
    table, notes = read_particles(relion(path, {"ImagePixelSize": None}))
    assert table.optics[0].sampling is None and "The table has no pixel size." in notes


def test_stacks_of_different_sizes_in_a_group(project):
    folder, path = project
    stack(folder / "Extract" / "job1" / "b.mrcs", size=10)
    names = ["%d@Extract/job1/%s.mrcs" % (n, "ab"[n % 2]) for n in range(1, 7)]
    assert "not" in only_problem(relion(path, {"ImageSize": None}, ImageName=names))


def test_empty_tables_and_other_files(project, tmp_path):
    _, path = project
    write_star(str(path), {"particles": {"rlnImageName": [], "rlnAngleRot": []}})
    assert "has no particles" in only_problem(path)
    write_star(str(path), {"": {"rlnCoordinateX": [1.0], "rlnCoordinateY": [2.0]}})
    assert "rlnImageName" in only_problem(path)
    with pytest.raises(InputError, match="not a STAR file"):
        read_particles(save(tmp_path / "a.mrcs", np.zeros((2, 8, 8), np.float32)))
    bare = cs(tmp_path / "a.cs", uid=np.arange(3, dtype=np.uint64), ctf__scale=np.ones(3))
    assert "neither images" in only_problem(bare)


def test_many_faulty_stacks_make_few_sentences(project):
    folder, path = project
    for number in range(20):
        (folder / ("s%d.mrcs" % number)).write_bytes(b"x" * 2000)
    write_star(str(path), {"particles": {"rlnImageName": ["1@s%d.mrcs" % n for n in range(20)],
                                         "rlnPixelSize": [1.0] * 20}})
    found = problems(path)
    assert len(found) == 6 and "15 more" in found[-1]


# The quick look

def test_probe_of_a_large_table(tmp_path):
    count = 20000
    rng = np.random.default_rng(0)
    path = str(tmp_path / "large.star")
    write_star(path, {"optics": {"rlnOpticsGroup": [1], "rlnImagePixelSize": [1.2]}, "particles": {
        "rlnImageName": ["%06d@s%03d.mrcs" % (i % 200 + 1, i // 200) for i in range(count)],
        "rlnOpticsGroup": [1] * count, "rlnAngleRot": rng.uniform(-180, 180, count),
        "rlnAngleTilt": rng.uniform(0, 180, count), "rlnAnglePsi": rng.uniform(0, 360, count),
        "rlnRandomSubset": rng.integers(1, 3, count)}})
    probe = probe_particles(path)
    table, _ = read_particles(path)
    assert probe.rows == pytest.approx(count, rel=0.01) and not probe.exact
    assert probe.problems == () and len(probe.table) == 2000 and len(table) == count
    assert probe.columns == ("rlnImageName", "rlnOpticsGroup", "rlnAngleRot", "rlnAngleTilt",
                             "rlnAnglePsi", "rlnRandomSubset")
    ends = np.r_[:1000, count - 1000:count]
    np.testing.assert_array_equal(probe.table.rotations, table.rotations[ends])
    assert probe.table.has_halves and probe.table.has_angles and len(table.files) == 100


# Writing

def test_table_survives_writing(project, tmp_path):
    folder, path = project
    relion(path, {"BeamTiltX": [0.1], "BeamTiltY": [-0.2], "OddZernike": ["[1,2.5]"],
                  "MagMat00": [1.01], "MagMat01": [0.002], "MagMat10": [0.003],
                  "MagMat11": [0.99], "CtfDataAreCtfPremultiplied": [1]},
           PhaseShift=[90.0] * 6, CtfBfactor=[-8.0] * 6, CtfScalefactor=[0.5] * 6)
    table, _ = read_particles(path)
    scores = np.linspace(0, 1, 4)
    written = folder / "scores.star"
    write_particles_star(str(written), table.take([5, 3, 1, 0]), {"vrsScore": scores})
    found, notes = read_particles(written)
    assert notes == [] and found.optics == (table.optics[0].__class__(**dict(
        vars(table.optics[0]), name="opticsGroup1")),)
    for name in ("rotations", "shifts", "defocus", "phase_shift", "ctf_b_factor", "ctf_scale",
                 "coordinates", "subset", "class_number", "frame"):
        np.testing.assert_allclose(getattr(found, name), getattr(table, name)[[5, 3, 1, 0]],
                                   atol=1e-6, err_msg=name)
    assert found.file_names == ("Extract/job1/a.mrcs",)
    assert [found.micrograph_names[code] for code in found.micrograph] == [
        "m2.mrc", "m1.mrc", "m1.mrc", "m1.mrc"]
    np.testing.assert_array_equal(read_star(str(written))["particles"]["vrsScore"], scores)
    with pytest.raises(ValueError, match="already"):
        write_particles_star(str(written), table, {"rlnAngleRot": np.zeros(6)})


def test_alignment_in_the_plane_survives_writing(project):
    folder, path = project
    table, _ = read_particles(relion(path, AngleRot=[0.0] * 6, AngleTilt=[0.0] * 6))
    written = folder / "b.star"
    write_particles_star(str(written), table)
    found, _ = read_particles(written)
    np.testing.assert_array_equal(found.psi, table.psi)
    np.testing.assert_array_equal(found.plane_shifts, table.plane_shifts)
    np.testing.assert_array_equal(found.plane_class, table.plane_class)


# Real files

def test_the_same_particles_from_both_programs(test_data):
    ours, notes = read_particles(test_data("particles", "formats", "empiar_10076_7.cs"))
    star, _ = read_particles(test_data("particles", "empiar_10076_7.star"))
    assert notes == ["The protein is dark in the images."]
    assert ours.contrast.tolist() == [-1] * 7 and star.contrast.tolist() == [0] * 7
    np.testing.assert_allclose(ours.defocus, star.defocus, atol=0.1)
    assert ours.files == star.files
    np.testing.assert_array_equal(ours.frame, star.frame)
    a, b = ours.optics[0], star.optics[0]
    assert a.sampling == pytest.approx(b.sampling, rel=1e-6) == pytest.approx(5e4 / 38168)
    assert (a.voltage, a.spherical_aberration, a.image_size) == (300, 2.7, 320)
    assert (b.voltage, b.spherical_aberration, b.image_size) == (300, 2.7, 320)
    assert star.micrograph_names == tuple("1234567")
    # Dark indeed: the middle of the images is darker than their rim.
    images = loaded(ours, 32)
    y, x = np.mgrid[:32, :32] - 16
    radius = np.hypot(x, y)
    assert (images[:, radius < 8].mean(axis=1) < images[:, radius > 14].mean(axis=1)).all()


@pytest.mark.parametrize("name, rows, angles, classes, halves, found", [
    ("formats/relion31.6opticsgroups.star", 139, True, False, True, False),
    ("formats/cryosparc_J2_particles_exported.cs", 22, False, True, False, False),
    ("starfile.star", 3796, True, False, True, False),
    ("relion31.star", 5, True, False, False, True),
    ("emp10076_sim/10076_both_32_sim.star", 1296, True, False, False, True),
    ("ribo_tilt_real/sta_testing_bin8.star", 219, True, False, True, True),
    ("relion5_betagal/particles_21-25.star", 1157, False, True, False, True)])
def test_real_tables(test_data, name, rows, angles, classes, halves, found):
    path = test_data("particles", *name.split("/"))
    table, _ = read_particles(path)
    assert len(table) == rows and table.has_ctf
    assert (table.has_angles, table.has_classes, table.has_halves) == (angles, classes, halves)
    assert (missing_stacks(table) == []) == found
    probe = probe_particles(path)
    assert probe.problems == () and probe.rows == rows
    if found:
        images = loaded(table, 32)
        assert images.shape == (rows, 32, 32) and np.isfinite(images).all()


def test_values_of_real_tables(test_data):
    table, _ = read_particles(test_data("particles", "starfile.star"))
    assert len(table.micrograph_names) == len(table.files) == 98
    assert table.optics[0].sampling == pytest.approx(1.338, abs=1e-6)
    np.testing.assert_allclose(table.angles[0], (109.186640, 122.200343, 71.118492), atol=1e-4)
    np.testing.assert_allclose(table.shifts[0], 0.1996 * 1.338, rtol=1e-6)
    assert table.frame[0] == 88
    groups, _ = read_particles(test_data("particles", "formats", "relion31.6opticsgroups.star"))
    assert len(groups.optics) == 6 and groups.optics[groups.group[0]].name == "opticsGroup6"
    assert groups.optics[1].beam_tilt == (0.003119, 0.358234)
    assert groups.optics[1].even_zernike[1] == 6.84311660423
    assert groups.optics[0].magnification[1] == (0.00456, 1.008858)
    exported, _ = read_particles(
        test_data("particles", "formats", "cryosparc_J2_particles_exported.cs"))
    # 12 pixels of 1.345 Å along y, 5.8985 radians, class 4 counted from 0.
    np.testing.assert_allclose(exported.plane_shifts[0], (0, 16.14), atol=1e-4)
    assert exported.psi[0] == pytest.approx(np.degrees(5.8985004))
    assert exported.plane_class[0] == 5 and exported.contrast.tolist() == [-1] * 22


def test_real_tables_that_are_refused(test_data):
    assert "has no particles" in only_problem(
        test_data("particles", "formats", "4k_dataset.cs"))
    # Its two optics groups both have the number 1.
    assert "same number" in only_problem(
        test_data("particles", "sample_particles_relion31.star"))
    assert "rlnImageName" in only_problem(
        test_data("particles", "relion5_betagal", "20170629_00021_frameImage_autopick.star"))
    assert "rlnImageName" in only_problem(
        test_data("particles", "rib80s_run003_model_trunc.star"))


def test_restacked_particles(test_data, tmp_path):
    """Its table names a stack that goes by another name here."""
    for source, name in (("trpv1_small_stack.star",) * 2,
                         ("trpv1_small_stack.mrcs", "batch_0_restacked.mrc")):
        shutil.copy(str(test_data("particles", "trpv1_small", source)), str(tmp_path / name))
    table, notes = read_particles(tmp_path / "trpv1_small_stack.star")
    assert len(table) == 10 and table.has_angles and table.has_ctf and table.has_halves
    assert table.optics[0].sampling == 4.88 and missing_stacks(table) == []
    images = loaded(table)
    assert images.shape == (10, 48, 48)
    # Aligned as the table says, the images agree with the map.
    volume = read_map(test_data("particles", "trpv1_small", "trpv1_volume.mrc")).volume
    sections = CentralSections(48)
    group = table.optics[0]
    ctf = contrast_transfer(sections.wave_numbers / (48 * 4.88), table.defocus, Optics(
        group.voltage, group.spherical_aberration, group.amplitude_contrast))
    transform = sections.transform(volume)

    def agreement(rotations, shifts):
        made = sections.images(sections.cut(transform, sections.place(rotations)) * ctf
                               * sections.shifts(shifts / 4.88))
        return np.mean([correlation(*pair) for pair in zip(made, images)])
    # Measured: .187; .126 for the transposed matrices, .009 for the other sign of the shifts.
    right = agreement(table.rotations, -table.shifts)
    assert right > 0.17
    assert agreement(table.rotations.transpose(0, 2, 1), -table.shifts) < 0.8 * right
    assert agreement(table.rotations, table.shifts) < 0.05
