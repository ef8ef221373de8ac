from dataclasses import replace

import mrcfile
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vrs.checks import get_check, run_check
from vrs.checks.class_averages import CLASS_AVERAGES, _resolution
from vrs.checks.level_2 import matching
from vrs.images.projector import Projector
from vrs.images.symmetry import orientation_distance, point_group
from vrs.inputs import Run, compose
from vrs.inputs.map import MapEvidence
from vrs.inputs.particles import ParticleEvidence
from vrs.inputs.reported import Reported
from vrs.io.classes import ClassAverages, read_classes
from vrs.numerics.image_plane import ImagePlane
from vrs.results import Slices, SphereMap, Status, Table
from vrs.simulation.particle_sets import class_set
from vrs.tests.checks.level_4.orientations import rotations_of, table_of
from vrs.tests.checks.particle_sets import SAMPLING, evidence_of, volume_of
from vrs.tests.images import betagal

COUNT = 9
ROTATIONS = Rotation.random(COUNT, random_state=3).as_matrix()
SHIFTS = np.random.default_rng(4).uniform(-3, 3, (COUNT, 2))


def classes_of(volume, noise=0.3, sampling=SAMPLING, told=None, **known):
    """Averages that are projections of a map; noise is relative to their deviation."""
    projector = Projector(volume, SAMPLING, 64, sampling)
    images = projector.images(ROTATIONS, SHIFTS)
    rng = np.random.default_rng(5)
    images += (noise * images.std(axis=(1, 2))[:, None, None]
               * rng.standard_normal(images.shape)).astype(np.float32)
    return ClassAverages(images, np.arange(1, COUNT + 1),
                         tuple("%d@a.mrcs" % (n + 1) for n in range(COUNT)),
                         told or sampling, **known)


def evidence(volume, classes=None, particles=None, resolution=16.0, sampling=SAMPLING):
    seen = MapEvidence(volume, sampling, float(0.03 * volume.max()), (0.0, 0.0, 0.0),
                       header_origin=(0.0, 0.0, 0.0))
    return compose(Run(1, 0), map=seen, reported=Reported(resolution), classes=classes,
                   particles=particles)


def run(given):
    return run_check(get_check("2.a"), given)[0]


@pytest.fixture
def few_nulls(monkeypatch):
    monkeypatch.setattr(matching, "NULLS", 2)


def value(result, name):
    return result.metrics[name].value


def sentence(result):
    return result.content[1].text


def test_poses_of_projections_are_found_again():
    # The angles lie between those of the gallery.
    classes = classes_of(volume_of(), noise=0.0, resolution=np.full(COUNT, 8.0))
    given = evidence(volume_of(), classes, resolution=8.0)
    prepared = matching.working_classes(given.shared(CLASS_AVERAGES).averages, given)
    volume, _, sampling = matching.working_map(given, prepared)
    directions = matching.asymmetric_unit(point_group("C1"), matching.SPACING, mirror=True)
    found = matching.Matching(prepared, volume, sampling, directions).best(prepared)
    angles, _ = orientation_distance(found.rotations, ROTATIONS, point_group("C1"))
    assert angles.max() < 1
    scale = prepared.sampling / SAMPLING
    assert np.abs(found.shifts * scale - SHIFTS).max() < 0.2
    assert found.correlations.min() > 0.99


def test_the_size_of_the_box_does_not_matter():
    # Classes that look like no projection: their correlation depends on the band.
    classes = classes_of(volume_of(7), noise=0.0)
    found = []
    for cut in (0, 6):
        images = classes.images[:, cut:64 - cut, cut:64 - cut]
        given = evidence(volume_of(), replace(classes, images=images))
        prepared = matching.working_classes(given.shared(CLASS_AVERAGES).averages, given)
        volume, _, sampling = matching.working_map(given, prepared)
        directions = matching.asymmetric_unit(point_group("C1"), 3 * matching.SPACING, mirror=True)
        found.append(matching.Matching(prepared, volume, sampling, directions).best(
            prepared).correlations.mean())
    # With the band from the second shell on it is .06 less in the small box.
    assert 0.5 < found[0] < 0.9 and found[1] == pytest.approx(found[0], abs=0.02)


def test_projections_of_the_map_are_supported(monkeypatch):
    monkeypatch.setattr(matching, "NULLS", 8)
    result = run(evidence(volume_of(), classes_of(volume_of())))
    assert result.status is Status.OK and value(result, "classes") == COUNT
    # The noise has 9 % of the power over the whole image, and less in the band.
    assert value(result, "mean_correlation") > 0.95
    assert value(result, "poor_percentage") == 0 and value(result, "unsupported_percentage") == 0
    interval = value(result, "poor_interval")
    assert interval["lower"] < 1e-9 < interval["upper"]
    assert value(result, "median_null_correlation") < 0.85
    assert value(result, "contrast") == "the same"
    assert abs(value(result, "pixel_size_error")) < 0.25
    assert "check the pixel sizes" not in sentence(result)
    pictures = next(part for part in result.content if isinstance(part, Slices))
    assert len(pictures.panels) == 3 * 5 and "5 class averages with the lowest" in pictures.caption
    table = next(part for part in result.content if isinstance(part, Table))
    assert {row[-1] for row in table.rows} == {"supported"}
    assert [row[3] for row in table.rows] == sorted(row[3] for row in table.rows)
    assert any(isinstance(part, SphereMap) for part in result.content)


def test_classes_of_another_protein_warn(few_nulls):
    result = run(evidence(volume_of(7), classes_of(volume_of())))
    assert result.status is Status.WARNINGS and value(result, "poor_percentage") > 60
    assert "do not look like projections" in result.warnings[0]


def test_shares_count_and_one_wrong_class_of_many_particles_warns(few_nulls):
    sound, other = classes_of(volume_of()), classes_of(volume_of(7))
    images = np.concatenate([sound.images[:8], other.images[:1]])
    for share, status in ((0.02, Status.OK), (0.9, Status.WARNINGS)):
        shares = np.append(np.full(8, (1 - share) / 8), share)
        result = run(evidence(volume_of(), replace(sound, images=images, occupancy=shares)))
        assert value(result, "poor_percentage") == pytest.approx(100 * share)
        assert value(result, "poor_classes_percentage") == pytest.approx(100 / 9)
        assert result.status is status


def test_inverted_contrast_is_found_out(few_nulls):
    sound = classes_of(volume_of())
    result = run(evidence(volume_of(), replace(sound, images=-sound.images)))
    assert result.status is Status.OK and value(result, "contrast") == "inverted"
    assert "contrast of the classes is inverted" in sentence(result)


def test_a_wrong_pixel_size_is_found_out(few_nulls):
    result = run(evidence(volume_of(), classes_of(volume_of(), told=1.03 * SAMPLING)))
    # The map's own size is 3 % less than is said.
    assert value(result, "pixel_size_error") == pytest.approx(-100 * 0.03 / 1.03, abs=0.6)
    assert "smaller; check the pixel sizes of both" in sentence(result)


def test_a_symmetry_that_the_map_does_not_have_warns(few_nulls):
    table = table_of(rotations_of("side", 10))
    particles = ParticleEvidence(table, "O", 1.2 * 140)
    result = run(evidence(volume_of(), classes_of(volume_of()), particles))
    assert result.status is Status.WARNINGS


def test_other_boxes_and_samplings(few_nulls):
    # Half the pixels, twice their size, and an odd box with much room.
    coarse = classes_of(volume_of(), sampling=2 * SAMPLING)
    padded = replace(classes_of(volume_of()),
                     images=np.pad(classes_of(volume_of()).images, ((0, 0), (9, 10), (9, 10))))
    for classes in (coarse, padded):
        result = run(evidence(volume_of(), classes, resolution=16.0))
        assert result.status is Status.OK and value(result, "mean_correlation") > 0.93


@pytest.mark.parametrize("told, pixels", [(SAMPLING, 20), (0.1 * SAMPLING, 64)])
def test_averages_smaller_than_the_particle_are_refused(told, pixels):
    whole = classes_of(volume_of())
    inner = slice(32 - pixels // 2, 32 + pixels // 2)
    result = run(evidence(volume_of(), replace(whole, images=whole.images[:, inner, inner],
                                               sampling=told)))
    assert result.status is Status.NOT_MEASURED
    assert "are %.4g Å wide, and the particle" % (pixels * told) in result.reason


def test_empty_classes_are_left_out(few_nulls):
    sound = classes_of(volume_of())
    images = sound.images.copy()
    images[[2, 5]] = 1
    result = run(evidence(volume_of(), replace(sound, images=images)))
    assert (value(result, "classes"), value(result, "left_out_classes")) == (7, 2)
    assert "2 empty ones were left out" in result.content[0].text
    assert "all are weighted equally" in result.content[0].text


def test_classes_without_members_are_told():
    sound = classes_of(volume_of())
    shares = np.array([0, 0.5, 0.5] + [0] * 6)
    averages = evidence(volume_of(), replace(sound, occupancy=shares)).shared(
        CLASS_AVERAGES).averages
    assert averages.source.endswith(" 7 of them have no members and no weight.")
    assert averages.occupancy.tolist() == shares.tolist()


def test_classes_are_made_from_particles(few_nulls, tmp_path):
    made = class_set(tmp_path, volume_of(), SAMPLING, 6, 40, 0.2)
    result = run(evidence_of(made.table, volume_of(), resolution=14.0))
    assert result.status is Status.OK and value(result, "classes") == 6
    assert "made from the 240 particles" in result.content[0].text
    table = next(part for part in result.content if isinstance(part, Table))
    assert all(float(row[2]) < 20 for row in table.rows)
    other = run(evidence_of(made.table, volume_of(7), resolution=14.0))
    assert other.status is Status.WARNINGS


def test_real_classes_and_a_wrong_map(few_nulls, test_data):
    classes, _ = read_classes(
        test_data("particles", "relion5_betagal", "Class2D_run_it025_model.star"))
    # Those with twelve members or more of the 1157 particles that are here.
    largest = np.argsort(-classes.occupancy, kind="stable")[:24]
    classes = replace(classes, images=classes.images[largest], numbers=classes.numbers[largest],
                      occupancy=classes.occupancy[largest], resolution=classes.resolution[largest])
    particles = ParticleEvidence(table_of(rotations_of("side", 10)), "D2")

    def outcome(volume, threshold, sampling, symmetric):
        seen = MapEvidence(np.ascontiguousarray(volume), sampling, threshold, (0.0, 0.0, 0.0),
                           header_origin=(0.0, 0.0, 0.0))
        return run(compose(Run(1, 0), map=seen, reported=Reported(8.0), classes=classes,
                           particles=particles if symmetric else None))

    right = outcome(betagal.load_map(test_data), 0.04, betagal.SAMPLING, True)
    assert right.status is Status.OK and value(right, "poor_percentage") < 15
    table = next(part for part in right.content if isinstance(part, Table))
    found = {int(row[0]): (float(row[3]), row[-1]) for row in table.rows}
    # Found by another program, over the whole box from 14 to 113 Å.
    for number, expected in ((26, 0.84), (28, 0.86), (50, 0.84), (22, 0.85), (20, 0.91),
                             (32, 0.84), (38, 0.77)):
        assert found[number][0] == pytest.approx(expected, abs=0.035)
        assert found[number][1] == "supported"
    other = mrcfile.read(test_data("map_model", "emd_1883_polii", "emd_1883.map.mrc"))
    wrong = outcome(other.astype(np.float32), float(np.sort(other.ravel())[-12000]), 3.71, False)
    assert wrong.status is Status.WARNINGS and value(wrong, "poor_percentage") > 70


def test_the_resolution_of_an_average_is_where_its_noise_equals_its_signal():
    # Coefficients that differ in phase by φ correlate by cos φ; 1/3 is an SNR of 1 of the average.
    rng = np.random.default_rng(8)
    plane = ImagePlane(64)
    one = plane.coefficients(rng.standard_normal((1, 64, 64)).astype(np.float32))
    one[:, plane.shells == 0] = 0
    for last in (5, 10):
        correlation = np.where(plane.shells <= last, 0.34, 0.32)
        other = one * np.exp(1j * np.arccos(correlation)).astype(np.complex64)
        halves = plane.images(np.concatenate([one, other]))
        assert _resolution(halves, 2.0) == pytest.approx(64 * 2.0 / last)


def test_what_is_missing_is_told():
    result = run(evidence(volume_of()))
    assert result.status is Status.NOT_RUN and "--classes" in result.reason
    result = run(evidence(volume_of(), particles=ParticleEvidence(
        table_of(rotations_of("side", 10)))))
    assert result.status is Status.NOT_RUN and "aligned to classes" in result.reason
    tiny = classes_of(volume_of())
    tiny = replace(tiny, sampling=40.0)
    result = run(evidence(volume_of(), tiny))
    assert result.status is Status.NOT_MEASURED and "spans only" in result.reason
