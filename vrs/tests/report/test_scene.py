"""The surface for the interactive 3D view."""

import base64
import json

import numpy as np
import pytest

from vrs.io.maps import write_map
from vrs.report import scene as scenes
from vrs.report import views3d
from vrs.report.scene import map_scene
from vrs.results import FileEntry, LevelInput, Overlay
from vrs.tests.report.conftest import make_item, make_level

SAMPLING = 2.0
BOX = (40, 36, 32)
CENTRE = np.array([38.0, 34.0, 30.0])  # Å
RADIUS = 24.0


def _coordinates():
    z, y, x = np.indices(BOX[::-1], np.float32) * np.float32(SAMPLING)
    return x, y, z


def _ball():
    x, y, z = _coordinates()
    return RADIUS - np.sqrt((x - CENTRE[0]) ** 2 + (y - CENTRE[1]) ** 2 + (z - CENTRE[2]) ** 2)


def _levels(folder, properties):
    """A ball and items with local properties: name, map, colour range and perhaps scale."""
    write_map(folder / "map.mrc", _ball(), SAMPLING)
    items = []
    for letter, given in zip("abcdefg", properties):
        items.append(make_item("0." + letter, files=[_kept(folder, *given)]))
    result = make_level(items, shape=list(BOX), sampling=SAMPLING, threshold=0.0,
                        files=[FileEntry("map", "map.mrc", "The map")])
    return [(result, folder)]


def _kept(folder, name, volume, limits, scale="local"):
    """Write the map of a property."""
    write_map(folder / (name + ".mrc"), volume.astype(np.float32), SAMPLING)
    return FileEntry(name, name + ".mrc", "", "volume", "Along " + name, "Å", scale, limits)


def _places(scene):
    """Vertices in Å from the middle of the surface."""
    steps = scene.positions.astype(float)
    return (steps - (steps.min(axis=0) + steps.max(axis=0)) / 2) * scene.step


def test_surface_is_that_of_the_map(tmp_path):
    scene = map_scene(_levels(tmp_path, []))
    assert not scene.missing and not scene.detail and scene.properties == []
    radii = np.linalg.norm(_places(scene), axis=1)
    # Linear interpolation of a distance is exact to a few hundredths of a voxel.
    assert radii == pytest.approx(np.full(len(radii), RADIUS), abs=0.1)
    assert scene.reach == pytest.approx(RADIUS, abs=0.1)
    assert np.array(scene.centre) * scene.step == pytest.approx([RADIUS] * 3, abs=0.2)
    outwards = np.einsum("nk,nk->n", scene.normals / 127, _places(scene)) / radii
    assert outwards.min() > 0.97


def test_decimated_surface_is_still_the_same_ball(tmp_path, monkeypatch):
    whole = map_scene(_levels(tmp_path, []))
    limit = len(whole.faces) // 5
    monkeypatch.setattr(scenes, "_MAX_TRIANGLES", limit)
    scene = map_scene(_levels(tmp_path, []))
    assert limit / 3 < len(scene.faces) <= limit
    radii = np.linalg.norm(_places(scene), axis=1)
    # The mean of a piece of the sphere as wide as a cell's diagonal lies below it by its sagitta.
    sagitta = (scene.detail * 3 ** 0.5 / 2) ** 2 / (2 * RADIUS)
    assert radii.max() < RADIUS + 0.1 and radii.min() > RADIUS - sagitta - 0.1
    # A closed surface: each edge has two triangles, whose number gives that of the edges.
    edges = np.sort(scene.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, sides = np.unique(edges, axis=0, return_counts=True)
    assert (sides >= 2).mean() > 0.99


def test_noise_fits_the_page(tmp_path):
    """A threshold in the noise gives specks without end."""
    noise = np.random.default_rng(3).normal(size=(64, 64, 64)).astype(np.float32)
    write_map(tmp_path / "map.mrc", noise, 1.0)
    result = make_level([], shape=[64] * 3, sampling=1.0, threshold=1.0,
                        files=[FileEntry("map", "map.mrc", "The map")])
    scene = map_scene([(result, tmp_path)])
    assert 1000 < len(scene.faces) <= 60_000 and len(scene.positions) <= 65_535
    assert scene.faces.max() == len(scene.positions) - 1
    assert len(json.dumps(scene.data())) < 2_000_000


def test_values_are_those_of_the_property(tmp_path):
    x, y, _ = _coordinates()
    scene = map_scene(_levels(tmp_path, [("x", x, [0.0, 80.0]), ("y", y, [20.0, 50.0])]))
    along_x, along_y = scene.properties
    assert along_x.name.startswith("0.a ") and along_x.label == "Along x (Å)"
    assert (along_y.low, along_y.high) == ("20", "50")
    place = _places(scene) + CENTRE
    assert along_x.values == pytest.approx(1 + 254 * place[:, 0] / 80, abs=1)
    share = np.clip((place[:, 1] - 20) / 30, 0, 1)
    assert along_y.values == pytest.approx(1 + 254 * share, abs=1.5)


def test_places_without_value_have_none_and_mix_with_nothing(tmp_path):
    x, _, _ = _coordinates()
    half = np.where(x < CENTRE[0], 0, 5.0)
    scene = map_scene(_levels(tmp_path, [("half", half, [4.0, 6.0]),
                                         ("share", half, [0.0, 5.0], "part")]))
    values, share = (entry.values for entry in scene.properties)
    place = _places(scene)[:, 0]
    assert not values[place < -SAMPLING].any()
    # 5 is in the middle of the scale; an average with the zeros beside it would be below it.
    assert set(values[place > -0.5 * SAMPLING]) == {128}
    # The scale of parts says that 0 is a value.
    assert set(share[place < -SAMPLING]) == {1} and set(share[place > SAMPLING]) == {255}


def test_model_lies_where_it_is_in_the_map(tmp_path):
    levels = _levels(tmp_path, [])
    positions = np.array([[30.0, 34, 30], [38, 34, 30], [41, 34, 30]], np.float32)
    levels[0][0].added = LevelInput("Model", [], [], [Overlay(
        "", "", "map", 0.0, positions, np.array([0, 0, -1]))])
    scene = map_scene(levels)
    assert scene.origin == pytest.approx(list(CENTRE), abs=0.2)
    told = scene.data()["model"]
    places = np.frombuffer(base64.b64decode(told["places"]), "<f4").reshape(-1, 3)
    assert places == pytest.approx(positions - CENTRE, abs=0.2)
    assert np.frombuffer(base64.b64decode(told["pieces"]), "<i4").tolist() == [0, 0, -1]
    levels[0][0].added.content[0].pieces[:] = -1
    assert map_scene(levels).data()["model"] is None


def test_what_cannot_be_read_is_left_out(tmp_path):
    x, y, _ = _coordinates()
    levels = _levels(tmp_path, [("x", x, [0, 80]), ("y", y, [0, 80]), ("empty", 0 * x, [1, 2]),
                                ("broken", x, [0, 80])])
    (tmp_path / "x.mrc").unlink()
    (tmp_path / "broken.mrc").write_bytes(b"no map")
    assert [entry.label for entry in map_scene(levels).properties] == ["Along y (Å)"]
    (tmp_path / "map.mrc").unlink()
    assert "no longer at" in map_scene(levels).missing
    assert "There is no map" in map_scene([(make_level([]), tmp_path)]).missing


def test_threshold_above_all_says_so(tmp_path):
    levels = _levels(tmp_path, [])
    levels[0][0].input.threshold = 99.0
    assert map_scene(levels).missing.startswith("No voxel of the map is above 99")


def test_failure_does_not_end_the_report(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise MemoryError("too much")

    monkeypatch.setattr(views3d, "surface_mesh", fail)
    assert map_scene(_levels(tmp_path, [])).missing == "MemoryError: too much."


def test_fscq_colours_the_surface_too(tmp_path):
    levels = _levels(tmp_path, [])
    x, _, _ = _coordinates()
    write_map(tmp_path / "fscq.mrc", x / 80 - 0.5, SAMPLING)
    levels[0][0].items.append(make_item("A.b", files=[
        FileEntry("fscq", "fscq.mrc", "", "volume", "FSC-Q", "Å", "signed", [-1.5, 1.5])]))
    entry, = map_scene(levels).properties
    assert (entry.label, entry.low, entry.high) == ("FSC-Q (Å)", "-1.5", "1.5")


def test_densities_masks_and_models_colour_nothing(tmp_path):
    x, _, _ = _coordinates()
    levels = _levels(tmp_path, [("x", x, None, "density"), ("m", x > CENTRE[0], None, "mask")])
    levels[0][0].items[0].files.append(FileEntry("q", "q.cif", "", "model", "Q-score"))
    assert map_scene(levels).properties == []


def test_several_properties_of_an_item_are_told_apart(tmp_path):
    x, y, _ = _coordinates()
    levels = _levels(tmp_path, [("x", x, [0, 80])])
    alone = map_scene(levels).properties[0].name
    levels[0][0].items[0].files.append(_kept(tmp_path, "y", y, [0, 80]))
    assert [entry.name for entry in map_scene(levels).properties] == [
        alone + ": Along x", alone + ": Along y"]


def test_same_results_give_the_same_scene(tmp_path):
    x, _, _ = _coordinates()
    levels = _levels(tmp_path, [("x", x, [0.0, 80.0])])
    assert map_scene(levels).data() == map_scene(levels).data()
