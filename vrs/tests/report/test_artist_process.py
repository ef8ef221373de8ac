"""Figures drawn in another process."""

import os
import time

import numpy as np
import pytest
from PIL import Image

from vrs.report.artist_process import BackgroundArtist
from vrs.results import Plot, Series, Surface


@pytest.fixture
def artist(monkeypatch):
    monkeypatch.setattr(BackgroundArtist, "_drawn", {})
    made = BackgroundArtist([16, 16, 16], 2.0)
    yield made
    made.close()


def plot(label="y"):
    x = np.arange(5.0)
    return Plot("A plot.", "A plot.", "x (Å)", label, [Series("one", x, x)])


def next_of(artist):
    return artist.finished.get(timeout=60)


def test_figure_is_drawn_later(artist):
    ordered = artist.draw(plot(), {})
    assert ordered.caption == "A plot." and not ordered.is_drawn and not ordered.panels
    assert next_of(artist) is ordered and ordered.is_drawn
    with Image.open(str(ordered.folder / ordered.panels[0].file)) as image:
        assert image.format == "PNG" and image.width > 600


def test_same_figure_is_not_drawn_twice(artist):
    artist.draw(plot(), {})
    first = next_of(artist)
    other = BackgroundArtist([16, 16, 16], 2.0)
    again = other.draw(plot(), {})
    assert again.is_drawn and again.folder == first.folder and other._process is None
    assert not artist.draw(plot("z"), {}).is_drawn


def test_figure_of_a_file_that_was_written_anew_is_drawn_anew(artist, tmp_path):
    path = tmp_path / "map.mrc"
    surface = Surface("A ball.", "A ball.", "map", 0.5)
    keys = []
    for age in (1, 2):
        path.write_bytes(b"no map")
        os.utime(str(path), (age, age))
        keys.append(artist.draw(surface, {"map": path}).key)
    assert keys[0] != keys[1]


def test_what_cannot_be_drawn_says_why(artist):
    artist.draw(Surface("A ball.", "A ball.", "map", 0.5), {})
    picture = next_of(artist)
    assert picture.is_drawn and not picture.panels and "no map named map" in picture.missing


def test_the_last_page_comes_first(artist):
    artist.draw(plot("a"), {})
    next_of(artist)  # the process has started, the thread waits
    orders = [artist.draw(plot(name), {}) for name in "bcd"]
    artist.new_page()
    urgent = [artist.draw(plot(name), {}) for name in "ef"]
    finished = [next_of(artist) for _ in range(5)]
    places = [finished.index(picture) for picture in orders + urgent]
    # At most one of the earlier page was begun before the next page was asked for.
    assert places[3] <= 1 and places[4] == places[3] + 1
    assert places[:3] == sorted(places[:3])


def test_death_of_the_process_is_said_and_the_next_figure_is_drawn(artist):
    artist.draw(plot("a"), {})
    next_of(artist)
    artist._process.kill()
    artist._process.wait()
    artist.draw(plot("b"), {})
    assert "stopped unexpectedly" in next_of(artist).missing
    again = artist.draw(plot("b"), {})
    assert next_of(artist) is again and again.panels


def test_closing_ends_the_process(artist):
    artist.draw(plot("a"), {})
    next_of(artist)
    process = artist._process
    artist.close()
    assert process.wait(timeout=20) != 0
    artist._thread.join(timeout=20)
    assert not artist._thread.is_alive()


def test_closing_while_drawing_neither_waits_nor_fails(artist):
    artist.draw(plot("a"), {})
    start = time.monotonic()
    artist.close()
    assert time.monotonic() - start < 1
    artist._thread.join(timeout=30)
    assert not artist._thread.is_alive()
