"""The map's surface for the interactive 3D view of the HTML report.

The surface is that of :func:`vrs.report.views3d.surface_mesh` with few enough triangles
for a page that is sent by mail and shown on a phone: vertices in the same cell of a grid
become one (vertex clustering; Rossignac and Borrel 1993,
https://doi.org/10.1007/978-3-642-78114-8_29). Each local property that an item draws on
that surface is kept as one byte per vertex. The model is kept as the places of its residues;
the page draws tubes through them.
"""

import base64
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import matplotlib
import numpy as np

from vrs.errors import InputError
from vrs.io.headers import read_header
from vrs.io.maps import read_volume
from vrs.report import views3d
from vrs.report.chimerax_script import LOCAL_SCALES
from vrs.report.wording import number
from vrs.results.content import Overlay

logger = logging.getLogger(__name__)

_MAX_TRIANGLES = 60_000
_MAX_VERTICES = 65_535  # as many as numbers of 16 bit can tell apart
_STEPS = 65_535
_FIRST_CELL = 0.6  # voxels
_MAP = "map"
_NO_VALUE = (187, 187, 187)
_PLAIN = (140, 173, 209)
_TUBE = (213, 94, 0)


@dataclass
class Property:
    """What the surface may be coloured by.

    Attributes
    ----------
    name : str
        In the list of choices.
    label : str
        Of the colour scale, with its unit.
    low, high : str
        Values at the ends of the colour scale.
    values : numpy.ndarray of uint8, (vertices,)
        1 to 255 from end to end, 0 where there is no value.
    """

    name: str
    label: str
    low: str
    high: str
    values: np.ndarray


@dataclass
class Scene:
    """A coloured surface, or in ``missing`` why there is none.

    Attributes
    ----------
    threshold : str
    detail : float
        Side of the cells whose vertices became one, Å; 0 when all were kept.
    positions : numpy.ndarray of uint16, (vertices, 3)
        x, y, z in steps from the lowest corner of the surface.
    step : float
        Å.
    centre : list of float
        Of the view, in steps.
    reach : float
        Radius of the view, Å.
    normals : numpy.ndarray of int8, (vertices, 3)
        Pointing outwards, 127 long.
    faces : numpy.ndarray of uint16, (triangles, 3)
    properties : list of Property
    origin : list of float
        x, y, z of the centre of the view in Å from the centre of the first voxel.
    model : vrs.results.content.Overlay or None
        The model in the map.
    """

    missing: str = ""
    threshold: str = ""
    detail: float = 0.0
    positions: np.ndarray = None
    step: float = 0.0
    centre: List[float] = field(default_factory=list)
    reach: float = 0.0
    normals: np.ndarray = None
    faces: np.ndarray = None
    properties: List[Property] = field(default_factory=list)
    origin: List[float] = field(default_factory=list)
    model: Optional[Overlay] = None

    def data(self) -> Dict[str, Any]:
        """What the page's program reads: plain values, arrays as base64 of little-endian
        numbers, and the colours of values 0 to 255."""
        viridis = matplotlib.colormaps["viridis"](np.linspace(0, 1, 255))[:, :3]
        colours = np.vstack([_NO_VALUE, np.round(255 * viridis)]).astype(np.uint8)
        return {"positions": _base64(self.positions, "<u2"), "step": round(self.step, 9),
                "centre": [round(value, 1) for value in self.centre],
                "reach": round(self.reach, 3), "normals": _base64(self.normals, "<i1"),
                "faces": _base64(self.faces, "<u2"), "colours": _base64(colours, "<u1"),
                "plain": list(_PLAIN), "tube": list(_TUBE), "model": self._model_data(),
                "origin": [round(value, 3) for value in self.origin],
                "properties": [{"label": entry.label, "low": entry.low, "high": entry.high,
                                "values": _base64(entry.values, "<u1")}
                               for entry in self.properties]}

    def _model_data(self):
        """Places of the residues from the centre of the view, Å, and the piece of each."""
        if self.model is None:
            return None
        return {"places": _base64(self.model.positions - np.array(self.origin), "<f4"),
                "pieces": _base64(self.model.pieces, "<i4")}


def map_scene(results, artist=None):
    """The surface of the map with the local properties of all items.

    Parameters
    ----------
    results : list of (LevelResults, path)
        In the order of their levels, each with the folder its files are relative to.
    artist : vrs.report.figures.Artist, optional
        That has the surface if it drew it.

    Returns
    -------
    Scene
        Properties whose map cannot be read are left out. The same results give the same scene.
    """
    try:
        return _scene(results, artist)
    except (views3d.ViewError, InputError) as error:
        return Scene(missing=str(error))
    except Exception as error:  # the report comes out without this view
        logger.exception("preparing the 3D view failed")
        return Scene(missing="%s: %s." % (type(error).__name__, error))


def _scene(results, artist):
    given, folder = results[0][0].input, results[0][1]
    files = {entry.name: Path(folder) / entry.path for entry in given.files}
    if _MAP not in files:
        raise views3d.ViewError("There is no map.")
    if not files[_MAP].is_file():
        raise views3d.ViewError("The map is no longer at %s." % files[_MAP])
    if artist is None:
        mesh = views3d.surface_mesh(*_load(files[_MAP], given), level=given.threshold)
    else:
        mesh = artist.surface(files[_MAP], given.threshold).mesh
    mesh, detail = _decimated(mesh, given.sampling)
    low = mesh.vertices.min(axis=0)
    step = float(np.ptp(mesh.vertices, axis=0).max()) / _STEPS
    # Specks around it must not make the view of all else small.
    body = views3d.without_specks(mesh.vertices)
    centre = np.percentile(body, (0.5, 99.5), axis=0).mean(axis=0)
    reach = np.percentile(np.linalg.norm(body - centre, axis=1), 99.5)
    return Scene(
        threshold=number(given.threshold), detail=detail, step=step, reach=float(reach),
        positions=np.round((mesh.vertices - low) / step).astype(np.uint16),
        centre=((centre - low) / step).tolist(),
        normals=np.round(127 * mesh.normals).astype(np.int8),
        faces=mesh.faces.astype(np.uint16), properties=_properties(results, mesh.vertices),
        origin=centre.tolist(), model=_model(results))


def _model(results):
    """The model in the map, None where there is none or none of its residues can be drawn."""
    found = [block for result, _ in results if result.added for block in result.added.content
             if isinstance(block, Overlay) and (np.asarray(block.pieces) >= 0).any()]
    return found[0] if found else None


def _load(path, given):
    """A map, (z, y, x), and its sampling."""
    header = read_header(str(path))
    volume, _ = read_volume(header)
    same = volume.shape[::-1] == tuple(given.shape)
    return volume, given.sampling if same else header.sampling


def _decimated(mesh, sampling) -> Tuple[views3d.Mesh, float]:
    """The mesh with few enough triangles, and the side of the cells that this took."""
    simple, cell = mesh, 0.0
    while len(simple.faces) > _MAX_TRIANGLES or len(simple.vertices) > _MAX_VERTICES:
        excess = max(len(simple.faces) / _MAX_TRIANGLES, len(simple.vertices) / _MAX_VERTICES)
        cell = cell * max(excess ** 0.5, 1.01) or _FIRST_CELL * sampling * mesh.reduction
        simple = _clustered(mesh, cell)
    if not len(simple.faces):
        raise views3d.ViewError("The surface is only specks, too small to be drawn.")
    return simple, cell


def _clustered(mesh, cell):
    """The mesh with all vertices of a cell of a cubic grid in their mean."""
    places = np.floor((mesh.vertices - mesh.vertices.min(axis=0)) / cell).astype(np.int64)
    numbers = np.ravel_multi_index(places.T, places.max(axis=0) + 1)
    _, owner = np.unique(numbers, return_inverse=True)
    owner = owner.reshape(-1)
    vertices, normals = (_mean_by(owner, part) for part in (mesh.vertices, mesh.normals))
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    faces = owner[mesh.faces]
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    faces = faces[np.sort(first)]
    used, faces = np.unique(faces, return_inverse=True)
    return views3d.Mesh(vertices[used].astype(np.float32), normals[used].astype(np.float32),
                        faces.reshape(-1, 3).astype(np.int32), mesh.reduction)


def _mean_by(owner, vectors):
    counts = np.bincount(owner)
    return np.stack([np.bincount(owner, column) / counts for column in vectors.T], axis=1)


def _properties(results, positions):
    found = []
    for result, folder in results:
        for item in result.items:
            drawn = [entry for entry in item.files
                     if entry.content == "volume" and entry.scale in LOCAL_SCALES]
            for entry in drawn:
                try:
                    volume, sampling = _load(Path(folder) / entry.path, result.input)
                except InputError:
                    continue  # the item's own figure says that the map cannot be read
                name = "%s %s" % (item.id, item.title)
                if len(drawn) > 1:
                    name += ": " + entry.label
                found.append(_property(name, entry, _sampled(volume, sampling, positions, entry)))
    return [entry for entry in found if entry]


def _sampled(volume, sampling, positions, entry):
    """Values of a local property at positions, NaN where it has none.

    Maps of local properties are 0 where there is no value, unless their scale has it that 0
    is a value as well.
    """
    how = views3d.sample if entry.scale == "part" else views3d.sample_known
    return how(volume, sampling, positions)


def _property(name, entry, values):
    """None when there is no value anywhere on the surface."""
    finite = np.isfinite(values)
    if not finite.any():
        return None
    known = entry.limits and None not in entry.limits
    low, high = entry.limits if known else views3d.colour_limits(values)
    share = np.clip((np.where(finite, values, low) - low) / max(high - low, 1e-12), 0, 1)
    unit = " (%s)" % entry.unit if entry.unit else ""
    return Property(name, entry.label + unit, number(float(low)), number(float(high)),
                    np.where(finite, 1 + np.round(254 * share), 0).astype(np.uint8))


def _base64(array, kind):
    return base64.b64encode(np.ascontiguousarray(array, kind).tobytes()).decode("ascii")
