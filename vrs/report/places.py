"""The places of a map that deserve the first look, with a picture of each."""

from pathlib import Path

import numpy as np
from scipy import ndimage

from vrs.errors import InputError
from vrs.report.document import Place, Target
from vrs.report.numbering import item_anchor
from vrs.report.residue_ranks import judged_columns, ranked_residues
from vrs.report.sections.residues import in_words, links_to
from vrs.results import Status
from vrs.results.content import Circle, Slice, Slices

_MOST = 3
# Å: between residues and between regions, half a picture, half the slab that it shows,
# side of the regions that are compared, radius of a circle.
_APART, _REGION_APART, _HALF, _SLAB, _REGION, _RADIUS = 10.0, 20.0, 13.0, 2.0, 8.0, 2.2
_PIXELS = 240


def places(results, artist):
    """The worst places, up to three: residues by all items, else regions of low resolution.

    Parameters
    ----------
    results : list of (LevelResults, path)
    artist : vrs.report.figures.Artist

    Returns
    -------
    heading : str
        Which does not suggest an error where the items that tell of the places are well.
    found : list of Place
        Empty where no item tells of places, or the map is no longer there.
    """
    items = [item for result, _ in results for item in result.items]
    columns = judged_columns(items)
    sources, found = [item for item, _ in columns], _residues(columns)
    if not found:
        sources, found = _regions(results, artist)
    warned = any(item.status is Status.WARNINGS for item in sources)
    heading = "Look here first" if warned else "Worst places; no item warns of them"
    given, folder = results[0][0].input, results[0][1]
    paths = [Path(folder) / entry.path for entry in given.files if entry.name == "map"]
    if not found or not paths:
        return heading, []
    try:
        volume, sampling = artist.load(paths[0])
    except InputError:
        return heading, []
    return heading, [_pictured(volume, sampling, artist, *place) for place in found]


def _residues(columns):
    """Title, text, anchor, position and positions of neighbours of the worst residues."""
    chosen = []
    ranked = [residue for residue in ranked_residues(columns) if residue.position is not None]
    ranked.sort(key=lambda residue: -residue.departure)
    everywhere = np.array([residue.position for residue in ranked])
    for residue in ranked:
        if len(chosen) == _MOST:
            break
        if all(np.linalg.norm(residue.position - other.position) > _APART for other in chosen):
            chosen.append(residue)
    return [(residue.title, in_words(columns, residue), links_to(columns, residue),
             residue.position, everywhere) for residue in chosen]


def _regions(results, artist):
    """The item, and the same of the regions with its worst resolution, without neighbours."""
    for wanted in ("1.c", "0.e", "1.d", "1.e"):
        for result, folder in results:
            for item in result.items:
                entry = next((entry for entry in item.files if item.id == wanted
                              and entry.content == "volume" and entry.scale == "local"), None)
                if entry is not None:
                    return [item], _worst_regions(item, artist, Path(folder) / entry.path)
    return [], []


def _worst_regions(item, artist, path):
    try:
        volume, sampling = artist.load(path)
    except InputError:
        return []
    side = max(1, round(_REGION / sampling))
    blocks = [size // side * side for size in volume.shape]
    cut = volume[:blocks[0], :blocks[1], :blocks[2]].reshape(
        blocks[0] // side, side, blocks[1] // side, side, blocks[2] // side, side)
    known = np.count_nonzero(cut, axis=(1, 3, 5))
    means = np.where(known > side ** 3 / 2, cut.sum(axis=(1, 3, 5)) / np.maximum(known, 1), 0)
    median = item.value("percentiles.50")
    chosen = []
    for index in np.argsort(-means, axis=None):
        place = (np.array(np.unravel_index(index, means.shape)) + 0.5)[::-1] * side * sampling
        if len(chosen) == _MOST or not means.flat[index]:
            break
        if all(np.linalg.norm(place - other[3]) > _REGION_APART for other in chosen):
            text = "local resolution %.1f Å (%s)" % (means.flat[index], item.id)
            chosen.append(("Region at %d, %d, %d Å" % tuple(place), text + (
                ", median of the map %.1f Å" % median if median else ""),
                item_anchor(item.id), place, np.zeros((0, 3))))
    return chosen


def _pictured(volume, sampling, artist, title, text, anchor, position, neighbours):
    """A place with a section through it along Z, X to the right and Y up."""
    half, slab = max(2, round(_HALF / sampling)), max(0, round(_SLAB / sampling))
    centre = np.round(np.asarray(position) / sampling).astype(int)
    size = np.array(volume.shape[::-1])
    z = np.clip(centre[2] + np.arange(-slab, slab + 1), 0, size[2] - 1)
    window = np.full((2 * half + 1, 2 * half + 1), volume.min(), np.float32)
    low = np.maximum(centre[:2] - half, 0)
    high = np.minimum(centre[:2] + half + 1, size[:2])
    inside = volume[z][:, low[1]:high[1], low[0]:high[0]].mean(axis=0) if (low < high).all() else 0
    start = low - centre[:2] + half
    window[start[1]:start[1] + high[1] - low[1], start[0]:start[0] + high[0] - low[0]] = inside
    factor = max(1, round(_PIXELS / len(window)))
    image = ndimage.zoom(window[::-1], factor, order=3, grid_mode=True, mode="nearest")

    def circle(point, radius, warned):
        x, y = (point[:2] / sampling - centre[:2] + half + 0.5) * factor - 0.5
        return Circle(x, len(image) - 1 - y, radius / sampling * factor, warned)

    near = neighbours[(np.abs(neighbours[:, 2:] - position[2]) < _SLAB + 1).ravel()
                      & (np.abs(neighbours[:, :2] - position[:2]) < _HALF).all(axis=1)
                      & (neighbours != position).any(axis=1)]
    circles = [circle(point, 0.5, False) for point in near] + [circle(position, _RADIUS, True)]
    drawn = artist.draw(Slices(
        title, "Section of the map through %s, X to the right and Y up, with a circle around it"
        % title, [Slice("", image, sampling / factor, circles)], "picture"), {})
    return Place(title, text, drawn.panels[0], anchor,
                 Target(title, np.asarray(position, float).tolist()))
