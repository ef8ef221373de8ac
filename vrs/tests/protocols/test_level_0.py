from pathlib import Path

import mrcfile
import numpy as np
import pytest

from vrs.checks import checks_of_level, get_check, run_check
from vrs.numerics import masks
from vrs.results import Status, read_results
from vrs.tests.protocols import maps
from vrs.tests.protocols.conftest import import_map, make_level, run

ITEMS = [check.id for check in checks_of_level("0")]


def results_of(protocol):
    [results] = read_results(protocol.outputResults.getResultsFile())
    return results


@pytest.fixture(scope="module")
def run_once(session_project, engine, map_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(session_project.path)
        protocol = make_level(session_project, import_map(session_project, map_path))
        run(session_project, protocol)
    return protocol


@pytest.fixture
def finished(project, run_once):
    """A run of all items, for tests that only look at it."""
    return run_once


@pytest.fixture
def first_two(quick, monkeypatch):
    """As quick, but for the first two items, which are computed."""
    from vrs import validation
    spared = validation.run_check

    def run_some(check, *given):
        return (run_check if check.id in ITEMS[:2] else spared)(check, *given)

    monkeypatch.setattr(validation, "run_check", run_some)


@pytest.fixture
def level(project, new_level):
    protocol = new_level()
    project.launchProtocol(protocol, wait=True)
    assert protocol.isFinished(), protocol.getErrorMessage()
    return protocol


def test_items_become_scipion_objects(finished):
    results = results_of(finished)
    objects = [item.clone() for item in finished.outputResults]
    assert [item.getItemId() for item in objects] == [item.id for item in results.items] == ITEMS
    assert [item.getStatus() for item in objects] == [
        item.printed_status() for item in results.items]
    assert [item.getWarnings() for item in objects] == [
        len(item.warnings) for item in results.items]
    evaluable = [item for item in results.items if item.status in (Status.OK, Status.WARNINGS)]
    assert finished.outputResults.getScore() == (
        sum(item.status is Status.OK for item in evaluable), len(evaluable))


def test_results_describe_the_file_of_the_user(finished, map_path):
    report = results_of(finished).input
    assert report.file_name == map_path.name
    assert report.shape == [maps.BOX] * 3
    assert (report.sampling, report.threshold, report.resolution) == (
        maps.SAMPLING, maps.THRESHOLD, maps.RESOLUTION)
    assert {entry.name for entry in report.files} == {"map", "hard_mask", "soft_mask"}
    folder = finished._getExtraPath()
    for entry in report.files:
        with mrcfile.open("%s/%s" % (folder, entry.path)) as mrc:
            assert mrc.data.shape == (maps.BOX,) * 3


def test_maps_become_outputs(finished):
    with mrcfile.open(finished.hardMask.getFileName()) as mrc:
        expected = masks.hard_mask(maps.blob(), maps.THRESHOLD, maps.SAMPLING)
        np.testing.assert_array_equal(mrc.data.astype(bool), expected)
    with mrcfile.open(finished.softMask.getFileName()) as mrc:
        assert mrc.data.dtype == np.float32
        assert 0 <= mrc.data.min() < 0.01 and 0.99 < mrc.data.max() <= 1
    for volume in (finished.hardMask, finished.softMask, finished.bfactorCorrected):
        assert volume.getDim() == (maps.BOX,) * 3
        assert volume.getSamplingRate() == maps.SAMPLING


@pytest.mark.parametrize("output, item", [
    ("localResolution", "0.e"), ("localBfactor", "0.f"), ("localOccupancy", "0.g")])
def test_local_maps_open_in_scipions_local_resolution_viewers(finished, output, item):
    from pwem.viewers import LocalResolutionViewer
    volume = getattr(finished, output)
    assert volume.getDim() == (maps.BOX,) * 3 and volume.getSamplingRate() == maps.SAMPLING
    viewer = LocalResolutionViewer
    data, lowest, highest, box = viewer.getImgData(None, volume.getFileName(), minMaskValue=None)
    assert tuple(box[:3]) == (maps.BOX,) * 3
    with mrcfile.open(volume.getFileName()) as mrc:
        np.testing.assert_array_equal(viewer.getSliceImage(None, data, 24, "x"),
                                      mrc.data[:, :, 24])
    (result,) = [result for result in results_of(finished).items if result.id == item]
    found = result.metrics["percentiles"].value
    # Local values, and zeros outside the mask.
    assert lowest <= min(0, found["2.5"]) and highest >= max(0, found["97.5"])


def test_no_corrected_map_without_resolution(project, new_level):
    protocol = new_level(hasResolution=False)
    project.launchProtocol(protocol, wait=True)
    assert protocol.isFinished()
    assert not hasattr(protocol, "bfactorCorrected")
    assert "0.d B-factor analysis: Not run" in protocol.summary()


def test_own_mask_takes_the_place_of_the_constructed_one(project, finished, quick, new_level):
    protocol = new_level(maskFrom=2, maskFile=finished.hardMask.getFileName())
    project.launchProtocol(protocol, wait=True)
    report = results_of(protocol).input
    assert report.mask_file_name == "hard_mask.mrc"
    assert len(report.mask_sha256) == 64


def test_texts(finished):
    assert finished.summary()[-1].startswith("*")
    methods = " ".join(finished.methods())
    assert "0.b Mask analysis" in methods
    assert "0.e Local resolution (DeepRes method) [[https://doi.org/" in methods
    assert "0.h Handedness (DeepHand method): Does not apply" in finished.summary()
    assert "0.h" not in methods
    assert "Faraday Discussions" in " ".join(finished.citations())


def test_a_check_that_raises_does_not_take_down_the_level(project, first_two, new_level,
                                                          monkeypatch):
    def compute(data):
        raise ZeroDivisionError("no such luck")

    monkeypatch.setattr(get_check("0.b"), "compute", compute)
    protocol = new_level()
    project.launchProtocol(protocol, wait=True)
    assert protocol.isFinished()
    items = results_of(protocol).items
    assert [item.id for item in items] == ITEMS
    assert items[1].status is Status.NOT_MEASURED
    assert "no such luck" in items[1].reason
    assert items[0].status is not Status.NOT_MEASURED


def test_finished_checks_are_not_repeated(project, quick, new_level, monkeypatch):
    from vrs import validation as module

    def fail(*_):
        raise OSError("No space left on device")

    protocol = new_level()
    with monkeypatch.context() as patch:
        patch.setattr(module.Validation, "finish", fail)
        project.launchProtocol(protocol, wait=True)
    assert protocol.isFailed()
    assert "No space left" in protocol.getErrorMessage()
    [results] = protocol.results_so_far()
    assert [item.id for item in results.items] == ITEMS
    assert protocol.summary()[0].startswith("Items done: 8 of 8. The run ended too early")
    with monkeypatch.context() as patch:
        patch.setattr(module, "run_check", fail)
        project.launchProtocol(protocol, wait=True)
    assert protocol.isFinished(), protocol.getErrorMessage()
    assert len(protocol.outputResults) == len(ITEMS)


def test_other_parameters_repeat_the_checks(project, first_two, level):
    level.threshold.set(0.6)
    project.launchProtocol(level, wait=True)
    results = results_of(level)
    assert results.input.threshold == 0.6
    assert results.items[1].metrics["raw_voxels"].value == np.count_nonzero(maps.blob() >= 0.6)


def test_all_problems_are_told_at_once(new_level, tmp_path):
    criteria = tmp_path / "criteria.json"
    criteria.write_text('{"0.z": 1}')
    problems = " ".join(new_level(resolution=900, maskFrom=2, maskFile="/no/mask.mrc",
                                  criteriaFile=str(criteria)).validate())
    for word in ("length of the box", "/no/mask.mrc", "0.z"):
        assert word in problems


def test_rules_of_the_service_are_no_file(new_level, tmp_path):
    protocol = new_level(criteriaFile="service")
    assert protocol.validate() == [] and protocol._overrides().of_service
    (tmp_path / "service").write_text('{"0.z": 1}')
    assert "0.z" in " ".join(new_level(criteriaFile=str(tmp_path / "service")).validate())


def test_what_was_found_with_other_input_is_forgotten(project, quick, level, monkeypatch):
    from vrs import validation as module

    def fail(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(module, "describe_map", fail)
    level.threshold.set(0.6)
    project.launchProtocol(level, wait=True)
    assert level.isFailed() and level.items_done() is None
    assert level.summary()[0] == "The validation has not finished yet."


def test_results_that_were_removed_come_back(project, quick, level):
    path = Path(level.outputResults.getResultsFile())
    before = path.read_text()
    path.unlink()
    run(project, level)
    assert path.read_text() == before


def test_another_engine_reaches_the_results(project, quick, level):
    level.engine0e.set(1)
    assert {item.id: item.engine.name for item in run(project, level).items} == dict(
        dict.fromkeys(ITEMS, "builtin"), **{"0.e": "other"})


def test_files_that_changed_are_read_again(project, quick, new_level, tmp_path):
    criteria = tmp_path / "criteria.json"
    protocol = new_level(criteriaFile=str(criteria))
    for bound in (25, 5):
        criteria.write_text('{"0.a.decentering": %d}' % bound)
        assert str(bound) in run(project, protocol).items[0].summary


@pytest.mark.parametrize("parameters, word", [
    (dict(resolution=None), "resolution"),
    (dict(maskFrom=1), "mask")])
def test_what_is_not_filled_in_is_asked_for(new_level, parameters, word):
    problems = new_level(**parameters).validate()
    assert len(problems) == 1 and word in problems[0]


def test_a_form_is_checked_without_reading_the_map(new_level, monkeypatch):
    from vrs.inputs import map as module

    def fail(*_):
        raise AssertionError("the map was read")

    monkeypatch.setattr(module, "read_map", fail)
    assert new_level().validate() == []


@pytest.mark.parametrize("threads, workers", [(0, 1), (3, 3)])
def test_threads(new_level, threads, workers):
    assert new_level(numberOfThreads=threads)._load().run.workers == workers


def test_a_map_that_has_vanished(project, new_level, imported):
    import os
    link = imported.outputVolume.getFileName()
    os.remove(link)
    problems = new_level().validate()
    assert len(problems) == 1 and "ball.mrc" in problems[0]
