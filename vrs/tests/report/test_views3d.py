"""Surfaces and their views."""

import sys

import numpy as np
import pytest

from vrs.report import views3d


def _ball(radius=6.0, size=24):
    z, y, x = np.indices((size,) * 3)
    centre = (size - 1) / 2
    return (radius - np.sqrt((z - centre) ** 2 + (y - centre) ** 2 + (x - centre) ** 2)).astype(
        np.float32)


def test_mesh_of_a_ball():
    mesh = views3d.surface_mesh(_ball(), 2.0, 0.0)
    centred = mesh.vertices - 23.0
    radii = np.linalg.norm(centred, axis=1)
    # Linear interpolation of a distance is exact to a few hundredths of a voxel.
    assert radii == pytest.approx(np.full(len(radii), 12.0), abs=0.1)
    outwards = np.einsum("nk,nk->n", mesh.normals, centred) / radii
    assert outwards.min() > 0.9


def test_axes_are_x_y_z():
    volume = np.zeros((10, 12, 14), np.float32)
    volume[2, 5, 11] = 1
    mesh = views3d.surface_mesh(volume, 3.0, 0.5)
    assert mesh.vertices.mean(axis=0) == pytest.approx([33, 15, 6], abs=1e-4)


def test_surface_is_closed_at_the_border_of_the_box():
    mesh = views3d.surface_mesh(np.ones((6, 6, 6), np.float32) + 1, 1.0, 1.5)
    edges = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    assert set(np.unique(edges, axis=0, return_counts=True)[1]) == {2}


def test_large_maps_are_reduced_in_place(monkeypatch):
    monkeypatch.setattr(views3d, "_MAX_SIDE", 8)
    mesh = views3d.surface_mesh(_ball(), 2.0, 0.0)
    assert mesh.reduction == 2
    assert mesh.vertices.mean(axis=0) == pytest.approx([23.0] * 3, abs=0.2)
    assert np.ptp(mesh.vertices, axis=0) == pytest.approx([24.0] * 3, abs=2.0)


def test_meshes_stay_below_the_limit(monkeypatch):
    noise = np.random.default_rng(0).normal(size=(24,) * 3).astype(np.float32)
    monkeypatch.setattr(views3d, "_MAX_VERTICES", 2000)
    mesh = views3d.surface_mesh(noise, 1.0, 0.0)
    assert mesh.reduction > 1 and len(mesh.vertices) <= 2000


def test_no_surface_is_said_with_the_level():
    with pytest.raises(views3d.ViewError, match="above 7"):
        views3d.surface_mesh(_ball(), 1.0, 7.0)


def test_sampling_in_angstroms():
    z, y, x = np.indices((6, 7, 8))
    volume = (x + 10 * y + 100 * z).astype(np.float32)
    values = views3d.sample(volume, 2.0, np.array([[3.0, 4.0, 6.0]]))
    assert values == pytest.approx([1.5 + 20 + 300])


def test_views_show_the_ball_in_its_size():
    views = views3d.draw_views(views3d.surface_mesh(_ball(), 2.0, 0.0))
    assert len(views.images) == 3
    for image, width in zip(views.images, views.widths):
        drawn = (np.asarray(image) < 250).any(axis=2)
        across = np.ptp(np.flatnonzero(drawn.any(axis=0))) + 1
        assert across / image.width * width == pytest.approx(24, rel=0.02)
        # A disc of that diameter.
        assert drawn.sum() == pytest.approx(np.pi / 4 * across ** 2, rel=0.02)


def test_views_are_right_handed_and_named_after_the_axis_to_the_viewer():
    for index, (right, up, towards) in enumerate(views3d.AXES):
        axes = np.eye(3)[[right, up, towards]]
        assert np.cross(axes[0], axes[1]) == pytest.approx(axes[2])
        assert towards == index


def test_each_view_looks_along_its_axis():
    volume = np.zeros((20, 20, 20), np.float32)
    volume[8:12, 8:12, 2:18] = 1  # a bar along x
    images = views3d.draw_views(views3d.surface_mesh(volume, 1.0, 0.5)).images
    extents = []
    for image in images:
        drawn = (np.asarray(image) < 250).any(axis=2)
        extents.append((np.ptp(np.flatnonzero(drawn.any(axis=0))),
                        np.ptp(np.flatnonzero(drawn.any(axis=1)))))
    (x_width, x_height), (y_width, y_height), (z_width, z_height) = extents
    assert x_width == pytest.approx(x_height, rel=0.05)
    assert y_height > 3 * y_width and z_width > 3 * z_height


def test_colours_follow_the_values():
    mesh = views3d.surface_mesh(_ball(), 1.0, 0.0)

    def red_or_blue(values):
        return np.stack([values, 0 * values, 1 - values, 1 + 0 * values], axis=-1)

    views = views3d.draw_views(mesh, mesh.vertices[:, 0], colours=red_or_blue)
    along_z = np.asarray(views.images[2]).astype(int)  # x to the right
    middle = len(along_z) // 2
    left, right = along_z[middle, middle // 3], along_z[middle, -middle // 3]
    assert left[2] > left[0] and right[0] > right[2]
    assert views.colour_range == pytest.approx(np.percentile(mesh.vertices[:, 0], (2, 98)))


def test_same_surface_gives_same_images():
    first, second = (views3d.draw_views(views3d.surface_mesh(_ball(), 1.0, 0.0)).images
                     for _ in range(2))
    assert [image.tobytes() for image in first] == [image.tobytes() for image in second]


def test_a_surface_is_looked_at_once_and_coloured_often(monkeypatch):
    mesh = views3d.surface_mesh(_ball(), 1.0, 0.0)

    def grey(values):
        return np.repeat(values[:, None], 3, axis=1)

    alone = [views3d.draw_views(mesh, mesh.vertices[:, axis], colours=grey) for axis in range(2)]
    surface = views3d.SeenSurface(mesh)
    surface.draw()
    monkeypatch.setattr(views3d, "_scene", lambda _: pytest.fail("it was looked at again"))
    for axis, expected in enumerate(alone):
        views = surface.draw(mesh.vertices[:, axis], colours=grey)
        assert views.colour_range == expected.colour_range
        assert [image.tobytes() for image in views.images] == [
            image.tobytes() for image in expected.images]


def test_missing_ray_tracer_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "embreex.rtcore_scene", None)
    with pytest.raises(views3d.ViewError, match="embreex"):
        views3d.draw_views(views3d.surface_mesh(_ball(), 1.0, 0.0))


def test_a_speck_far_away_does_not_shrink_the_view():
    volume = np.full((80, 24, 24), -1, np.float32)
    volume[:24] = _ball(radius=11.0)
    alone = views3d.draw_views(views3d.surface_mesh(volume, 1.0, 0.0)).widths[0]
    volume[75, 12, 12] = 1
    assert views3d.draw_views(views3d.surface_mesh(volume, 1.0, 0.0)).widths[0] <= 1.2 * alone


def _helix(count=12):
    turn = np.radians(100) * np.arange(count)
    return np.stack([2.3 * np.cos(turn), 2.3 * np.sin(turn), 1.5 * np.arange(count)], axis=1)


def test_tubes_go_through_all_residues():
    positions = np.concatenate([_helix(), [[30, 0, 0], [60, 0, 0], [0, 60, 0]]])
    pieces = np.array([4] * 12 + [5, -1, 6])
    mesh, values = views3d.chain_mesh(positions, pieces, np.arange(15.0))
    centres = mesh.vertices - mesh.normals * 0.7
    for index in np.flatnonzero(pieces == 4):
        near = np.linalg.norm(centres - positions[index], axis=1) < 0.05
        assert near.any() and (values[near] == index).any()
    # Tubes have the radius of the least, as the model is small, spheres that of 1.7 times.
    radii = np.linalg.norm(mesh.vertices - positions[12], axis=1)
    assert radii[radii < 5] == pytest.approx(1.7 * 0.7, abs=1e-4)
    assert np.linalg.norm(mesh.vertices - positions[13], axis=1).min() > 20
    assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(1, abs=1e-5)
    assert set(np.unique(values)) == {float(v) for v in range(15) if v != 13}


def test_tubes_have_no_twist_and_no_holes():
    # A helix, and a straight line, which has no bend to orient the tube by.
    for positions in (_helix(), np.stack([3.8 * np.arange(5), 0 * np.arange(5),
                                          0 * np.arange(5)], axis=1)):
        mesh, _ = views3d.chain_mesh(positions, np.zeros(len(positions), int),
                                     np.zeros(len(positions)))
        corners = mesh.vertices[mesh.faces]
        longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max()
        assert longest < 1.3
        # Seen from outside, the corners of each triangle run the same way.
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        sizes = np.linalg.norm(across, axis=1)
        outwards = mesh.normals[mesh.faces].mean(axis=1)
        cosines = np.einsum("nk,nk->n", across, outwards)[sizes > 1e-6]
        assert (cosines > 0).all()


def test_residues_without_value_are_not_coloured():
    positions = np.stack([3.8 * np.arange(10), 0 * np.arange(10), 0 * np.arange(10)], axis=1)
    values = np.where(np.arange(10) < 5, 1.0, np.nan)
    mesh, shades = views3d.chain_mesh(positions, np.zeros(10, int), values)
    assert np.isnan(shades[mesh.vertices[:, 0] > 19.5]).all()
    assert (shades[mesh.vertices[:, 0] < 16.5] == 1).all()


def test_nothing_to_draw_is_said():
    with pytest.raises(views3d.ViewError, match="no residue"):
        views3d.chain_mesh(np.zeros((2, 3)), np.array([-1, -1]), np.zeros(2))


def test_values_next_to_unknown_ones_are_those_of_the_known():
    volume = np.zeros((4, 5, 6), np.float32)
    volume[1, 2, 3], volume[1, 2, 4] = 4.0, 8.0
    places = np.array([[3, 2, 1], [3.5, 2, 1], [3.5, 2, 1.5], [2.5, 2, 1], [2, 2, 1], [2.05, 2, 1],
                       [9, 9, 9]], np.float32) * 2
    # Half of the weight on voxels without a value changes nothing; hardly any leaves none.
    np.testing.assert_allclose(views3d.sample_known(volume, 2.0, places),
                               [4, 6, 6, 4, np.nan, np.nan, np.nan], rtol=1e-5)


def test_a_model_is_seen_through_the_surface():
    mesh = views3d.surface_mesh(_ball(), 1.0, 0.0)
    x = np.array([8.0, 11.5, 15.0])
    line, _ = views3d.chain_mesh(np.stack([x, x * 0 + 11.5, x * 0 + 11.5], axis=1),
                                 np.zeros(3, int), x)
    surface = views3d.SeenSurface(mesh, 80)
    plain, through = (np.asarray(views.images[2]).astype(int)
                      for views in (surface.draw(), surface.draw_over(views3d.SeenSurface(line))))
    red, green, blue = through[40, 40]
    assert red > green > blue  # the model
    red, green, blue = through[24, 40]
    assert red < green < blue and red > plain[24, 40, 0]  # the surface, paler
    assert (through[1, 1] == 255).all()


def test_a_model_that_fills_the_map_is_looked_at_in_its_frame():
    surface = views3d.SeenSurface(views3d.surface_mesh(_ball(), 2.0, 0.0))
    for count, shift, fills in ((20, 0.0, True), (8, 0.0, False), (20, 10.0, False)):
        line = 23.0 + np.linspace(-0.5, 0.5, count)[:, None] * count * np.eye(3)[0] + [shift, 0, 0]
        model = views3d.SeenSurface(views3d.chain_mesh(line, np.zeros(count, int),
                                                       np.zeros(count))[0])
        assert model.fills(surface) is fills
        assert views3d.SeenSurface(model.mesh, like=surface).has_frame_of(surface)
        assert not model.has_frame_of(surface)


def test_specks_all_around_do_not_shrink_the_view():
    rng = np.random.default_rng(3)
    body = rng.normal(size=(20000, 3))
    body *= 10 / np.linalg.norm(body, axis=1, keepdims=True)
    specks = np.repeat(rng.uniform(-40, 40, (200, 3)), 10, axis=0)
    kept = views3d.without_specks(np.concatenate([body, specks]))
    assert np.abs(kept).max() < 20 and len(kept) >= 0.95 * len(body)
    # A thin chain has no specks.
    line = np.linspace(0, 100, 5000)[:, None] * np.ones(3)
    assert len(views3d.without_specks(line)) >= 0.99 * len(line)
