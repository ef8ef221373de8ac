"""Level O in Scipion's engine: one technique of several is enough."""

import numpy as np
import pytest

from vrs.io.particles import write_particles_star
from vrs.io.saxs import write_saxs
from vrs.protocols import forms
from vrs.results import Status
from vrs.tests.checks.level_4.orientations import table_of
from vrs.tests.images.test_tilt_pairs import pairs
from vrs.tests.numerics import test_saxs_map as balls
from vrs.tests.protocols import maps
from vrs.tests.protocols.conftest import run


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("techniques")
    given = {name: str(folder / (name + ".star")) for name in ("untilted", "tilted")}
    for path, part in zip(given.values(), pairs(30, np.random.default_rng(0), 20, 45)):
        write_particles_star(path, table_of(part))
    given["saxs"] = str(folder / "curve.dat")
    write_saxs(given["saxs"], balls.curve_of(balls.two_balls(1)))
    return given


@pytest.fixture
def new_level_o(project, imported):
    from vrs.protocols import ProtVrsLevelO

    def make(protocol=ProtVrsLevelO, **parameters):
        made = project.newProtocol(protocol, threshold=maps.THRESHOLD,
                                   resolution=maps.RESOLUTION, **parameters)
        made.inputVolume.set(imported)
        made.inputVolume.setExtended("outputVolume")
        return made

    return make


def test_nothing_but_a_map_is_refused(new_level_o):
    assert new_level_o().validate() == [
        "Choose at least one of these: a table of cross-links, a SAXS curve, two tables of tilt "
        "pairs."]


def test_a_file_that_was_not_chosen_is_asked_for(new_level_o):
    assert new_level_o(saxsFrom=1).validate() == ["Choose a SAXS curve."]


def test_pairs_without_their_tilt_are_refused(new_level_o, files):
    (problem,) = new_level_o(tiltPairsFrom=1, untiltedFile=files["untilted"],
                             tiltedFile=files["tilted"]).validate()
    assert problem.startswith("The tilt between the images of a pair was not given")


def test_curve_and_pairs(project, new_level_o, files):
    protocol = new_level_o(saxsFrom=1, saxsFile=files["saxs"], tiltPairsFrom=1, tilt_angle=45.0,
                           untiltedFile=files["untilted"], tiltedFile=files["tilted"],
                           tilt_axis=20.0, symmetry="C1")
    results = run(project, protocol)
    items = {item.id: item for item in results.items}
    assert items["O.a"].status is Status.NOT_RUN
    assert items["O.b"].metrics["chi2"].value > 0
    assert items["O.c"].status is Status.OK and items["O.c"].metrics["hand"].value == "right"
    assert results.added.title == "SAXS curve; Tilt pairs"
    assert [entry.term for entry in results.added.files] == [
        "SAXS curve", "Untilted images", "Tilted images"]


def test_the_form_of_all_levels_asks_for_the_symmetry_once(new_level_o, files):
    from vrs.protocols import ProtVrsValidateMap
    given = dict(files, threshold=maps.THRESHOLD, resolution=maps.RESOLUTION, tilt_angle="45",
                 symmetry="D2")
    parameters = forms.parameters_of(ProtVrsValidateMap, given)
    assert parameters["tiltPairsFrom"] == parameters["saxsFrom"] == 1
    protocol = new_level_o(ProtVrsValidateMap)
    for name, value in parameters.items():
        protocol.setAttributeValue(name, value)
    found = forms.given_values(protocol)
    assert {name: found[name] for name in files} == files
    assert (found["tilt_angle"], found["symmetry"]) == (45.0, "D2")
    assert protocol._levels() == ["0", "O"]
