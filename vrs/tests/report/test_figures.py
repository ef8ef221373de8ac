"""Figures as files."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from vrs.io.maps import write_map
from vrs.numerics import sphere
from vrs.report import figures, lines, views3d
from vrs.report.figures import Artist
from vrs.results import (Bars, Circle, Plot, PolarPanel, PolarPlots, Series, Slice, Slices,
                         Solid, SphereMap, SpherePanel, Spot, Surface, Trace, WholeSpheres,
                         sections)


@pytest.fixture
def artist(tmp_path):
    return Artist(tmp_path, (8, 8, 8), 1.0)


def _slices(images, **more):
    panels = [Slice("slice %d" % i, np.asarray(image, np.float32), 2.0)
              for i, image in enumerate(images)]
    return Slices(caption="c", alt="a", panels=panels, **more)


def _pixels(artist, panel):
    return np.asarray(Image.open(str(artist.folder / panel.file)).convert("RGB"))


def test_slices_share_scale_and_size(artist):
    picture = artist.draw(_slices([np.arange(40.0).reshape(4, 10), np.ones((8, 5))]), {})
    first, second = (_pixels(artist, panel) for panel in picture.panels)
    assert first.shape == second.shape
    assert picture.panels[0].scale == picture.panels[1].scale
    assert picture.panels[0].scale.text == "5 Å"
    assert picture.panels[0].scale.share == pytest.approx(5 / 20)


def test_first_row_is_on_top_and_white_is_high(artist):
    image = np.zeros((10, 10))
    image[:5] = 1
    pixels = _pixels(artist, artist.draw(_slices([image]), {}).panels[0])
    assert (pixels[2] == 255).all() and (pixels[-2] == 0).all()


def test_contrast_ignores_a_few_extreme_voxels(artist):
    image = np.random.default_rng(0).normal(size=(100, 100))
    image[0, :2] = 1e6
    legend = artist.draw(_slices([image]), {}).legend
    assert float(legend.high) < 5


def test_masks_run_from_zero_to_one(artist):
    picture = artist.draw(_slices([np.full((9, 9), 0.5)], colours="mask"), {})
    assert (picture.legend.low, picture.legend.high) == ("0", "1")
    assert abs(int(_pixels(artist, picture.panels[0])[0, 0, 0]) - 128) <= 1


def test_signed_values_are_symmetric_about_white(artist):
    image = np.zeros((20, 20))
    image[3, 3] = -4
    picture = artist.draw(_slices([image], colours="signed"), {})
    assert (picture.legend.low, picture.legend.high) == ("-4", "4")
    assert (_pixels(artist, picture.panels[0])[-1, -1] > 240).all()


@pytest.mark.parametrize("side", [20, 900])
def test_pixels_without_a_value_are_grey(artist, side):
    image = np.ones((side, side))
    image[:side // 2, ::2] = 2
    image[side // 2:] = np.nan
    drawn = _pixels(artist, artist.draw(_slices([image], unit="Å"), {}).panels[0])
    # All of the lower half, and none of the upper one, whatever was averaged.
    assert (drawn[len(drawn) // 2 + 1:] == 0xbb).all()
    assert (drawn[:len(drawn) // 2 - 1] != 0xbb).any(axis=-1).all()


@pytest.mark.parametrize("image", [np.zeros((5, 5)), np.full((5, 5), np.nan), np.ones((1, 1)),
                                   np.eye(900)])
def test_any_section_can_be_drawn(artist, image):
    for colours in ("density", "mask", "signed"):
        panel = artist.draw(_slices([image], colours=colours), {}).panels[0]
        assert max(_pixels(artist, panel).shape) <= 720


def test_curves_and_bars_are_the_same_each_time(artist):
    x = np.linspace(0, 1, 9)
    for figure in (Plot("c", "a", "x", "y", [Series("$x_", x, x), Series("b", x, 1 - x, "dashed")]),
                   Bars("c", "a", "x", "y", np.arange(4.0), np.array([1, 2, 3]))):
        first, second = ((artist.folder / artist.draw(figure, {}).panels[0].file).read_bytes()
                         for _ in range(2))
        assert first == second and b"<text" not in first


def test_logarithmic_axes_have_numbers_as_in_print():
    x = np.linspace(0, 1, 9)
    drawing = lines.line_drawing(Plot("c", "a", "x", "y", [Series("b", x, 10 ** (16 * x - 8))],
                                        log_y=True))
    drawing.savefig(io.BytesIO())
    labels = {text.get_text() for text in drawing.axes[0].get_yticklabels()}
    assert {"0.001", "1", "10⁹"} <= labels


def test_sections_and_surfaces_show_the_same_axes(artist, tmp_path):
    volume = np.zeros((8, 8, 8), np.float32)
    volume[2:6, 2:6, 2:6] = 1
    write_map(tmp_path / "m.mrc", volume, 1.0)
    views = artist.draw(Surface("c", "a", "m", 0.5), {"m": tmp_path / "m.mrc"})
    flat = artist.draw(sections.projections(volume, 1.0, "c", "a"), {})
    assert [panel.label.split("(")[1] for panel in flat.panels] == [
        panel.label.split("(")[1] for panel in views.panels]


def test_shaded_zone_is_drawn(artist):
    x = np.linspace(0, 1, 9)
    plain, shaded = ((artist.folder / artist.draw(
        Plot("c", "a", "x", "y", [Series("b", x, x)], zone=zone), {}).panels[0].file).read_text()
        for zone in (None, [0.2, 0.4]))
    assert "#e3ebf2" in shaded and "#e3ebf2" not in plain


def _sphere(values, **more):
    return SphereMap("c", "a", sphere.geodesic_directions(), values, "$v_", "Å", **more)


def test_half_sphere_shows_each_direction_at_its_place():
    directions = sphere.geodesic_directions()
    pixels = lines._half_sphere(_sphere(directions[:, 2]))
    middle = len(pixels) // 2
    assert pixels[middle, middle] == 1 and pixels.mask[0, 0]
    # Equal areas: at half of the squared radius the tilt is 60°, z 0.5.
    assert pixels[middle, int(middle * (1 + np.sqrt(0.5)))] == pytest.approx(0.5, abs=0.08)
    # X to the right, Y up (rows grow upwards); opposites are one.
    x, y = np.array([0.8, 0, 0.6]), np.array([0, 0.8, 0.6])
    for direction, row, column in ((x, 0, 1), (y, 1, 0)):
        near = (sphere.axis_angles(directions, direction) < 15).astype(float)
        for turned in (directions, -directions):
            drawn = lines._half_sphere(SphereMap("c", "a", turned, near, "v"))
            rows, columns = np.nonzero(drawn.filled(0))
            assert (rows.mean() > 1.3 * middle) == row and (columns.mean() > 1.3 * middle) == column


def test_sphere_map_is_the_same_each_time(artist):
    values = np.linspace(3, 5, 321)
    values[:9] = np.nan
    for figure in (_sphere(values, spots=[Spot([0, 0, -1], "$here_")]),
                   _sphere(np.full(321, np.nan)), _sphere(np.ones(321))):
        first, second = ((artist.folder / artist.draw(figure, {}).panels[0].file).read_bytes()
                         for _ in range(2))
        assert first == second and b"<text" not in first


def test_header_without_voxel_size_does_not_matter_for_maps_of_the_box(artist, tmp_path):
    volume = np.zeros((8, 8, 8), np.float32)
    volume[2:6, 2:6, 2:6] = 1
    write_map(tmp_path / "m.mrc", volume, 0.0)
    picture = artist.draw(Surface("c", "a", "m", 0.5), {"m": tmp_path / "m.mrc"})
    assert not picture.missing and picture.panels[0].scale.text == "1 Å"


def test_missing_chimerax_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(figures.chimerax, "find_chimerax", lambda: None)
    write_map(tmp_path / "m.mrc", np.eye(8, dtype=np.float32)[None] * np.ones((8, 1, 1)), 1.0)
    picture = Artist(tmp_path, (8, 8, 8), 1.0, "chimerax").draw(
        Surface("c", "a", "m", 0.5), {"m": tmp_path / "m.mrc"})
    assert "VRS_CHIMERAX" in picture.missing and not picture.panels


def test_unexpected_failure_is_said(artist, tmp_path, monkeypatch):
    def fail(*_):
        raise MemoryError("no memory left")
    monkeypatch.setattr(views3d.SeenSurface, "draw", fail)
    write_map(tmp_path / "m.mrc", np.eye(8, dtype=np.float32)[None] * np.ones((8, 1, 1)), 1.0)
    picture = artist.draw(Surface("c", "a", "m", 0.5), {"m": tmp_path / "m.mrc"})
    assert "no memory left" in picture.missing


def test_missing_ray_tracer_leaves_the_rest(artist, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "embreex.rtcore_scene", None)
    write_map(tmp_path / "m.mrc", np.eye(8, dtype=np.float32)[None] * np.ones((8, 1, 1)), 1.0)
    picture = artist.draw(Surface("c", "a", "m", 0.5), {"m": tmp_path / "m.mrc"})
    assert "embreex" in picture.missing


def _trace(values, **more):
    x = 3.8 * np.arange(len(values))
    positions = np.stack([x, 20 + 0 * x, 0 * x], axis=1).astype(np.float32)
    return Trace("c", "a", positions, np.zeros(len(x), int), np.asarray(values, np.float32), "V",
                 "Å", **more)


def test_trace_has_views_and_a_legend(artist):
    picture = artist.draw(_trace([1.0, 2.0, 3.0, 4.0], colour_range=[1.0, 4.0]), {})
    assert [panel.label[:7] for panel in picture.panels] == ["Along X", "Along Y", "Along Z"]
    assert (picture.legend.low, picture.legend.high, picture.legend.label) == ("1", "4", "V (Å)")
    pixels = _pixels(artist, picture.panels[2]).astype(int)
    drawn = np.argwhere((pixels < 240).any(axis=2))
    # Along x, from the dark end of viridis to the yellow one.
    left, right = (pixels[tuple(drawn[drawn[:, 1].argsort()][place])]
                   for place in (len(drawn) // 20, -len(drawn) // 20))
    assert left[2] > left[1] and right[1] > right[2]


def test_a_solid_is_drawn_in_its_size(artist):
    volume = np.zeros((8, 12, 20), np.float16)
    volume[2:6, 2:10, 2:18] = 1
    picture = artist.draw(Solid("c", "a", volume, 3.0, 0.5), {})
    # Seen along Z, 16 voxels wide and 8 high.
    drawn = np.argwhere((_pixels(artist, picture.panels[2]) < 250).any(axis=2))
    height, width = np.ptp(drawn, axis=0) + 1
    assert width / height == pytest.approx(2, rel=0.05)
    scale = picture.panels[2].scale
    assert float(scale.text.split()[0]) / scale.share == pytest.approx(1.06 * 16 * 3.0, rel=0.05)
    assert artist.draw(Solid("c", "a", volume, 3.0, 2.0), {}).missing


def test_residues_without_value_are_grey(artist):
    picture = artist.draw(_trace([1.0, 2.0, np.nan, np.nan, np.nan, np.nan]), {})
    pixels = _pixels(artist, picture.panels[2]).astype(int)
    right = pixels[:, 3 * pixels.shape[1] // 4]
    assert (np.ptp(right, axis=1) < 6).all() and (right < 240).any()


@pytest.mark.parametrize("values, words", [([np.nan, np.nan], "no value")])
def test_trace_that_cannot_be_drawn_is_said(artist, values, words):
    picture = artist.draw(_trace(values), {})
    assert words in picture.missing and not picture.panels


def test_circles_are_drawn_where_they_are_in_their_colours(artist):
    figure = _slices([np.zeros((100, 200))], colours="picture", colour_range=[0.0, 1.0])
    figure.panels[0].circles = [Circle(50, 30, 10, True), Circle(150, 60, 10)]
    picture = artist.draw(figure, {})
    pixels = _pixels(artist, picture.panels[0])
    assert picture.legend is None
    factor = pixels.shape[1] / 200
    middle = (pixels.shape[0] - 100 * factor) / 2  # panels are as high as they are wide, or less
    for x, y, colour in ((50, 30, (0xd5, 0x5e, 0x00)), (150, 60, (0x56, 0xb4, 0xe9))):
        rows, columns = np.nonzero((pixels[..., :3] == colour).all(axis=-1))
        assert np.ptp(columns) == pytest.approx(20 * factor, abs=2)
        assert (columns.max() + columns.min()) / 2 == pytest.approx((x + 0.5) * factor, abs=1)
        assert (rows.max() + rows.min()) / 2 == pytest.approx((y + 0.5) * factor + middle, abs=1)


def test_whole_spheres_keep_the_places_of_directions():
    """Values that grow with z are largest at the top, those that grow with y on the right."""
    directions = sphere.spiral(2000, whole=True)
    drawing = lines.line_drawing(WholeSpheres("c", "a", [
        SpherePanel(name, directions, directions[:, axis]) for name, axis in (("y", 1), ("z", 2))]))
    panels = [axes for axes in drawing.axes if axes.name == "mollweide"]
    for axes, (azimuth, height) in zip(panels, ((90, 0), (0, 89))):
        mesh = axes.collections[0]
        places = mesh._coordinates
        place = np.unravel_index(mesh.get_array().argmax(), places.shape[:2])
        longitude, latitude = np.degrees(places[place])
        assert latitude == pytest.approx(height, abs=6)
        assert height > 80 or longitude == pytest.approx(azimuth, abs=6)


def test_polar_plots_draw_points_and_circle_where_they_are():
    panel = PolarPanel("$p_", np.array([70.0, 250.0]), np.array([45.0, 45.0]),
                       np.array([True, False]), [70.0, 45.0], 15.0)
    drawing = lines.line_drawing(PolarPlots("c", "a", [panel], 90.0))
    axes, = drawing.axes
    other, near, circle = axes.lines
    assert np.degrees(near.get_xdata()) == pytest.approx([70]) and list(near.get_ydata()) == [45]
    assert np.degrees(other.get_xdata()) == pytest.approx([250])
    points = circle.get_ydata() * np.exp(1j * np.asarray(circle.get_xdata()))
    np.testing.assert_allclose(np.abs(points - 45 * np.exp(1j * np.radians(70))), 15)
    assert axes.get_title() == "$p_" and axes.get_rmax() == 90
