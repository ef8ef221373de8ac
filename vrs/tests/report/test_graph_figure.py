"""The graph of a workflow as a file."""

import re

import numpy as np
import pytest

from vrs.report import lines
from vrs.report.figures import Artist
from vrs.results.content import Graph, GraphLink, GraphNode


def graph(count, label="label", columns=3, detail="ProtSome"):
    nodes = [GraphNode(row, row % columns, "%d %s" % (row, label), detail, row % 2 == 0)
             for row in range(10, 10 + count)]
    links = [GraphLink(0, 2, 12, 1), GraphLink(1, 12, 10 + count + 4, 0)]
    return Graph("Caption.", "Alt.", nodes, links, [10, 9 + count])


def drawn(tmp_path, figure):
    picture = Artist(tmp_path, (8, 8, 8), 1.0).draw(figure, {})
    [panel] = picture.panels
    assert picture.wide and panel.alt == "Alt."
    return (tmp_path / panel.file).read_text()


def inches(svg):
    return [float(size) / 72 for size in re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"',
                                                   svg).groups()]


def test_the_height_follows_the_number_of_rows(tmp_path):
    (width, low), (same, high) = (inches(drawn(tmp_path, graph(count))) for count in (10, 40))
    assert width == same == pytest.approx(6.8, abs=0.01)
    # Lines of text of 8 points, on a page of 9 inches.
    assert low / 10 == pytest.approx(high / 40) and low * 7.2 > 8 + 2 and high < 9


@pytest.mark.parametrize("columns", [1, 3, 16, 30, 200])
def test_dots_keep_clear_of_the_edge_and_of_the_text(columns):
    made = lines.line_drawing(graph(columns, columns=columns))
    [axes] = made.axes
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    places = [float(np.ravel(dot.get_xdata())[0]) for dot in dots]
    radius = (dots[0].get_markersize() + dots[0].get_markeredgewidth()) / 2 / 72
    assert len(places) == columns and min(places) > radius
    assert min(text.get_position()[0] for text in axes.texts) > max(places) + radius + 2 / 72


def test_texts_of_any_length_and_letters_fit(tmp_path):
    for label in ("x" * 500, "$a^2$ <b> & %s ~", "", "ÅÄ 日本"):
        drawn(tmp_path, graph(4, label, columns=200, detail=label))


def test_shortening():
    text = "a label of some length"
    width = lines._text_width(text)
    assert lines._shortened(text, width) == text
    short = lines._shortened(text, width / 2)
    assert short.endswith("…") and text.startswith(short[:-1])
    assert lines._text_width(short) <= width / 2
    assert lines._shortened(text, 5) == ""
    assert lines._text_width("W" * 20) == pytest.approx(2 * lines._text_width("W" * 10),
                                                          rel=0.02)


def test_the_same_graph_gives_the_same_file(tmp_path):
    assert drawn(tmp_path, graph(5)) == drawn(tmp_path, graph(5))
