"""Views of an isosurface, or of the chains of a model, along the three axes.

The surface is triangulated by marching cubes (scikit-image), chains are tubes. Both are
drawn by ray tracing (Embree), which needs neither a display nor OpenGL.
"""

from dataclasses import dataclass
from typing import List, Optional, Tuple

import numpy as np
from PIL import Image
from scipy import ndimage

from vrs.numerics.sphere import spiral

# Axis indices (right, up, towards the viewer) of each view, in x, y, z; all right-handed.
AXES = ((1, 2, 0), (2, 0, 1), (0, 1, 2))

_MAX_SIDE = 256
_MAX_VERTICES = 1_000_000
PIXELS = 360
_SUPERSAMPLING = 2
# Of the width of another surface: as wide, a surface is looked at in the other's frame.
_LEAST_FILLED = 0.7
# Cells along the extent of a surface, and how full those of its body are, of the fullest one.
_CELLS, _LEAST_DENSE = 16, 1 / 8
_LIGHTS = 6
_SURFACE_COLOUR = (0.55, 0.68, 0.82)
_MODEL_COLOUR = (0.84, 0.37, 0.0)
# How much of what lies behind it a surface hides that a model is seen through.
_OPACITY = 0.45
# Weight of known voxels that a value needs between voxels of which some have none.
_LEAST_WEIGHT = 0.1
# Tubes have a radius (Å) that is this part of the model's extent, within limits.
_TUBE, _THINNEST, _THICKEST = 0.007, 0.7, 2.0
_SPHERE_RADII = 1.7  # radii of the tube
_SIDES = 10
_STEPS = 5  # along a tube, from one residue to the next


class ViewError(RuntimeError):
    """A surface that cannot be drawn; the message is a sentence that says why."""


@dataclass
class Mesh:
    """A triangulated surface.

    Attributes
    ----------
    vertices, normals : numpy.ndarray of float32, (n, 3)
        x, y, z; vertices in Å from the centre of the first voxel, normals
        pointing outwards.
    faces : numpy.ndarray of int32, (m, 3)
    reduction : int
        The surface is that of the map averaged over cubes of this side, in voxels.
    """

    vertices: np.ndarray
    normals: np.ndarray
    faces: np.ndarray
    reduction: int = 1


@dataclass
class _Sight:
    """What the pixels of a view that see the surface see of it: (n,) or (n, ...)."""

    seen: np.ndarray
    corners: np.ndarray
    weights: np.ndarray
    shade: np.ndarray
    haze: np.ndarray
    height: np.ndarray


@dataclass
class Views:
    """Three images of a surface, in the order of :data:`AXES`.

    Attributes
    ----------
    images : list of PIL.Image.Image
        Square, on white.
    widths : list of float
        Å across each image.
    colour_range : tuple of float or None
        Values at the ends of the colour scale.
    reduction : int
        See :class:`Mesh`.
    """

    images: List[Image.Image]
    widths: List[float]
    colour_range: Optional[Tuple[float, float]]
    reduction: int


def surface_mesh(volume, sampling, level):
    """Triangulate the isosurface of a map.

    Only the part of the map that holds the surface is used. It is averaged over
    cubes as far as needed to keep the mesh small.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
    level : float

    Returns
    -------
    Mesh

    Raises
    ------
    ViewError
        If the map does not cross the level.
    """
    from skimage.measure import marching_cubes

    region = _support(volume, level)
    outside = min(float(volume.min()), level - abs(level) * 0.1 - 1e-6)
    reduction = -(-max(axis.stop - axis.start for axis in region) // _MAX_SIDE)
    block = _reduced(volume[region], reduction)
    while _crossings(block, level) > _MAX_VERTICES:
        reduction += 1
        block = _reduced(volume[region], reduction)
    if not block.max() > level:
        raise ViewError("The surface at %g is too thin to be drawn." % level)
    # The margin closes the surface where it reaches the border of the box.
    block = np.pad(block, 1, constant_values=outside)
    vertices, faces, normals, _ = marching_cubes(block, level, gradient_direction="descent",
                                                 allow_degenerate=False)
    start = np.array([axis.start for axis in region])
    vertices = (start + (vertices - 1) * reduction + (reduction - 1) / 2) * sampling
    return Mesh(vertices[:, ::-1].astype(np.float32), normals[:, ::-1].astype(np.float32),
                faces.astype(np.int32), reduction)


def chain_mesh(positions, pieces, values):
    """Triangulate tubes through the residues of a model.

    The tubes are smooth curves through all residues of a piece (Catmull-Rom splines),
    with round ends. A residue that is alone is a sphere.

    Parameters
    ----------
    positions : numpy.ndarray, (n, 3)
        x, y, z in Å.
    pieces : numpy.ndarray of int, (n,)
        Neighbours of the same number are joined; those of a negative one are left out.
    values : numpy.ndarray, (n,)
        NaN where there is none.

    Returns
    -------
    mesh : Mesh
    values : numpy.ndarray, (vertices,)

    Raises
    ------
    ViewError
        If there is no residue to be drawn.
    """
    drawn = np.flatnonzero(pieces >= 0)
    if not drawn.size:
        raise ViewError("The model has no residue that could be drawn.")
    positions = np.asarray(positions, float)[drawn]
    pieces, values = pieces[drawn], np.asarray(values, float)[drawn]
    extent = float(np.ptp(positions, axis=0).max())
    radius = float(np.clip(_TUBE * extent, _THINNEST, _THICKEST))
    follows = np.append(False, pieces[1:] == pieces[:-1])
    leads = np.append(follows[1:], False)
    ends = np.flatnonzero(~(follows & leads))
    alone = (~follows & ~leads)[ends]
    parts = [_balls(positions[ends], np.where(alone, _SPHERE_RADII, 1) * radius, values[ends])]
    if follows.any():
        parts.append(_tubes(positions, values, follows, leads, radius))
    vertices, normals, faces, values = zip(*parts)
    starts = np.cumsum([0] + [len(part) for part in vertices[:-1]])
    faces = np.concatenate([part + start for part, start in zip(faces, starts)])
    return Mesh(np.concatenate(vertices).astype(np.float32),
                np.concatenate(normals).astype(np.float32),
                faces.astype(np.int32)), np.concatenate(values)


def _balls(centres, radii, values):
    """Spheres: vertices, normals, faces and values of the vertices."""
    ball, corners = _unit_ball()
    vertices = centres[:, None] + radii[:, None, None] * ball
    faces = corners + len(ball) * np.arange(len(centres))[:, None, None]
    return (vertices.reshape(-1, 3), np.tile(ball, (len(centres), 1)), faces.reshape(-1, 3),
            np.repeat(values, len(ball)))


def _unit_ball():
    """A sphere of meridians and parallels: vertices and faces."""
    rows = _SIDES // 2
    tilt, turn = np.meshgrid(np.linspace(np.pi, 0, rows + 1),
                             2 * np.pi * np.arange(_SIDES) / _SIDES, indexing="ij")
    ball = np.stack([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)], -1)
    return ball.reshape(-1, 3), _quads(np.arange(rows) * _SIDES)


def _quads(starts):
    """Triangles between rings of vertices: that from each start, and the one after it."""
    side = np.arange(_SIDES)
    following = (side + 1) % _SIDES
    low = np.asarray(starts)[:, None]
    faces = np.stack([low + side, low + following, low + _SIDES + side,
                      low + following, low + _SIDES + following, low + _SIDES + side], axis=-1)
    return faces.reshape(-1, 3)


def _tubes(positions, values, follows, leads, radius):
    """Tubes from residue to residue: vertices, normals, faces and values of the vertices.

    Consecutive ones end in the same circle, so that they need not be joined.
    """
    own = np.arange(len(positions))
    slopes = (positions[own + leads] - positions[own - follows]) / np.maximum(
        follows.astype(int) + leads, 1)[:, None]
    first = np.flatnonzero(leads)
    t = np.linspace(0, 1, _STEPS + 1)[:, None]
    start, end = positions[first, None], positions[first + 1, None]
    leaving, arriving = slopes[first, None], slopes[first + 1, None]
    points = ((2 * t ** 3 - 3 * t ** 2 + 1) * start + (t ** 3 - 2 * t ** 2 + t) * leaving
              + (3 * t ** 2 - 2 * t ** 3) * end + (t ** 3 - t ** 2) * arriving)
    along = _units(6 * (t - t ** 2) * (end - start) + (3 * t ** 2 - 4 * t + 1) * leaving
                   + (3 * t ** 2 - 2 * t) * arriving)
    # Across the bend, so that it is never along the tube; straight tubes take any direction.
    across = np.cross(leaving, arriving)
    straight = np.linalg.norm(across, axis=2) < 1e-3 * np.linalg.norm(leaving, axis=2) ** 2
    axes = np.eye(3)[np.abs(along[:, :1]).argmin(axis=2)]
    across[straight] = axes[straight]
    right = _units(across - (across * along).sum(axis=2, keepdims=True) * along)
    up = np.cross(along, right)
    turn = 2 * np.pi * np.arange(_SIDES)[:, None] / _SIDES
    normals = right[:, :, None] * np.cos(turn) + up[:, :, None] * np.sin(turn)
    vertices = points[:, :, None] + radius * normals
    rings = np.arange(len(first) * (_STEPS + 1)).reshape(-1, _STEPS + 1)[:, :-1]
    nearest = np.where(t[:, 0] < 0.5, first[:, None], first[:, None] + 1)
    return (vertices.reshape(-1, 3), normals.reshape(-1, 3), _quads(rings.ravel() * _SIDES),
            np.repeat(values[nearest].ravel(), _SIDES))


def _units(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def sample(volume, sampling, positions):
    """Values of a map at positions, by trilinear interpolation.

    Parameters
    ----------
    volume : numpy.ndarray, (z, y, x)
    sampling : float
        Å/voxel.
    positions : numpy.ndarray, (n, 3)
        x, y, z in Å from the centre of the first voxel.

    Returns
    -------
    numpy.ndarray of float32, (n,)
    """
    coordinates = positions[:, ::-1].T / sampling
    return ndimage.map_coordinates(volume, coordinates, order=1, mode="nearest",
                                   output=np.float32)


def sample_known(volume, sampling, positions):
    """Values of a map that is 0 where it has no value, by linear interpolation of the others.

    Parameters
    ----------
    volume : numpy.ndarray, (z, y, x)
    sampling : float
        Å/voxel.
    positions : numpy.ndarray, (n, 3)
        x, y, z in Å from the centre of the first voxel.

    Returns
    -------
    numpy.ndarray of float32, (n,)
        NaN where known voxels have less than a tenth of the weight.
    """
    highest = np.array(volume.shape) - 1
    places = np.clip(positions[:, ::-1] / np.float32(sampling), 0, highest)
    base = np.minimum(places.astype(np.int32), np.maximum(highest - 1, 0))
    part = (places - base).astype(np.float32)
    sums, weights = np.zeros((2, len(places)), np.float32)
    for corner in np.ndindex(2, 2, 2):
        z, y, x = np.minimum(base + np.array(corner, np.int32), highest).T
        weight = np.prod(np.where(corner, part, 1 - part), axis=1)
        values = volume[z, y, x]
        sums += weight * values
        weights += weight * (values != 0)
    return np.where(weights > _LEAST_WEIGHT, sums / np.maximum(weights, _LEAST_WEIGHT),
                    np.float32(np.nan))


def colour_limits(values):
    """Range of a colour scale that leaves out the outer 2 % on each side.

    Raises
    ------
    ViewError
        If no value is finite.
    """
    values = values[np.isfinite(values)]
    if not values.size:
        raise ViewError("The property that colours the view has no value on it.")
    low, high = np.percentile(values, (2, 98))
    return float(low), float(high)


def draw_views(mesh, values=None, colour_range=None, colours=None, pixels=None):
    """Draw a mesh along X, Y and Z, see :class:`SeenSurface`.

    Parameters
    ----------
    mesh : Mesh
    values, colour_range, colours
        As for :meth:`SeenSurface.draw`.
    pixels : int, optional
        Side of each image, by default :data:`PIXELS`.

    Returns
    -------
    Views

    Raises
    ------
    ViewError
        If the ray tracer is not installed.
    """
    return SeenSurface(mesh, pixels).draw(values, colour_range, colours)


class SeenSurface:
    """A mesh as it is seen along X, Y and Z, which may be coloured again and again.

    Orthographic projection, a light at the viewer, and ambient light that the
    surface itself shades. The same mesh gives the same images.

    Parameters
    ----------
    mesh : Mesh
    pixels : int, optional
        Side of each image, by default :data:`PIXELS`.
    like : SeenSurface, optional
        One whose place and scale the images are to have.
    """

    def __init__(self, mesh, pixels=None, like=None):
        self.mesh = mesh
        self._size = pixels or PIXELS
        self._found = None  # what takes time is done when it is needed
        low, high = _frame(mesh.vertices)
        self._centre = (low + high) / 2
        self._width = 1.06 * float((high - low).max())
        if like is not None:
            self._size, self._centre, self._width = like._size, like._centre, like._width

    def _sights(self):
        if self._found is None:
            scene = _scene(self.mesh)
            self._found = [_look(scene, self.mesh, axes, self._centre, self._width, self._size)
                           for axes in AXES]
        return self._found

    def draw(self, values=None, colour_range=None, colours=None):
        """Draw the views.

        Parameters
        ----------
        values : numpy.ndarray, (number of vertices,), optional
            Values that colour the surface.
        colour_range : tuple of float, optional
            Ends of the colour scale, by default :func:`colour_limits`.
        colours : callable, optional
            Maps values from 0 to 1, and NaN, to RGB, (n,) to (n, >= 3).

        Returns
        -------
        Views

        Raises
        ------
        ViewError
            If the ray tracer is not installed.
        """
        if values is not None:
            colour_range = colour_range or colour_limits(values)
            low, high = colour_range
            values = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
        images = [_averaged(_coloured(sight, self._size, values, colours), self._size)
                  for sight in self._sights()]
        return Views(images, [self._width] * len(AXES), colour_range, self.mesh.reduction)

    def has_frame_of(self, other):
        """Whether the images have the place and scale of those of another surface."""
        return (self._size == other._size and self._width == other._width
                and np.array_equal(self._centre, other._centre))

    def fills(self, other):
        """Whether it is nearly as large as another surface and lies within its images."""
        apart = np.abs(self._centre - other._centre).max()
        return (self._width > _LEAST_FILLED * other._width
                and bool(apart + self._width / 2 < 1.02 * other._width / 2))

    def draw_over(self, model):
        """Draw the views with a model that is seen through the surface.

        Parameters
        ----------
        model : SeenSurface

        Returns
        -------
        Views
        """
        within = model if model.has_frame_of(self) else SeenSurface(model.mesh, like=self)
        images = []
        for sight, inner in zip(self._sights(), within._sights()):
            front = _coloured(sight, self._size)
            behind = _coloured(inner, self._size, colour=_MODEL_COLOUR)
            heights = np.full((2, len(front)), -np.inf, np.float32)
            heights[0, sight.seen], heights[1, inner.seen] = sight.height, inner.height
            hides = np.where(heights[0] > heights[1], _OPACITY, 0)[:, None]
            images.append(_averaged(hides * front + (1 - hides) * behind, self._size))
        return Views(images, [self._width] * len(AXES), None, self.mesh.reduction)


def measured_views(images, mesh, colour_range=None):
    """Views drawn by another program, with the scale that the surface's outline gives.

    Parameters
    ----------
    images : list of PIL.Image.Image
        Orthographic, on white, in the order of :data:`AXES`.
    mesh : Mesh
    colour_range : tuple of float, optional

    Returns
    -------
    Views
        With a ``reduction`` of 1, as the other program draws the map itself.

    Raises
    ------
    ViewError
        If an image is empty.
    """
    extent = np.ptp(mesh.vertices, axis=0)
    widths = []
    for image, axes in zip(images, AXES):
        drawn = np.flatnonzero((np.asarray(image) < 250).any(axis=(0, 2)))
        if not drawn.size:
            raise ViewError("An image of the surface is empty.")
        widths.append(float(extent[axes[0]]) * image.width / (np.ptp(drawn) + 1))
    return Views(images, widths, colour_range, 1)


def _support(volume, level):
    """Slices of the smallest block of the map that holds all voxels above the level."""
    along_z = np.zeros(volume.shape[0], bool)
    in_plane = np.zeros(volume.shape[1:], bool)
    for index, section in enumerate(volume):
        above = section > level
        along_z[index] = above.any()
        in_plane |= above
    occupied = [np.flatnonzero(line)
                for line in (along_z, in_plane.any(axis=1), in_plane.any(axis=0))]
    if not occupied[0].size:
        raise ViewError("No voxel of the map is above %g, so there is no surface." % level)
    return tuple(slice(max(0, line[0] - 1), min(size, line[-1] + 2))
                 for line, size in zip(occupied, volume.shape))


def _reduced(block, factor):
    """Mean over cubes of ``factor`` voxels a side; the border is completed by repetition."""
    if factor == 1:
        return np.asarray(block, np.float32)
    sizes = [-(-size // factor) for size in block.shape]
    reduced = np.empty(sizes, np.float32)
    for index in range(sizes[0]):
        slab = block[index * factor:(index + 1) * factor]
        margin = [(0, 0)] + [(0, size * factor - old)
                             for size, old in zip(sizes[1:], block.shape[1:])]
        slab = np.pad(slab, margin, mode="edge").mean(axis=0, dtype=np.float32)
        reduced[index] = slab.reshape(sizes[1], factor, sizes[2], factor).mean(axis=(1, 3))
    return reduced


def _crossings(block, level):
    """Number of vertices of the surface: neighbours on either side of the level."""
    above = block > level
    return sum(int(np.count_nonzero(np.diff(above, axis=axis))) for axis in range(3))


def _scene(mesh):
    try:
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene
    except ImportError as error:
        raise ViewError("The ray tracer embreex cannot be loaded (%s)." % error) from error
    scene = EmbreeScene()
    TriangleMesh(scene, mesh.vertices[mesh.faces])
    return scene


def without_specks(vertices):
    """The vertices of a surface where they are as dense as in most of it.

    Parameters
    ----------
    vertices : numpy.ndarray, (n, 3)

    Returns
    -------
    numpy.ndarray, (m, 3)
        Those in cells, a sixteenth of the extent wide, that hold at least an eighth of what the
        fullest cell holds.
    """
    low, extent = vertices.min(axis=0), float(np.ptp(vertices, axis=0).max()) or 1.0
    cells = ((vertices - low) * (_CELLS / extent)).astype(np.int64)
    cells = cells @ (_CELLS + 1) ** np.arange(3)
    counts = np.bincount(cells)
    return vertices[counts[cells] >= _LEAST_DENSE * counts.max()]


def _frame(vertices):
    """Corners of the box to be shown: all of the surface but for specks around it."""
    low, high = np.percentile(without_specks(vertices), (0.5, 99.5), axis=0)
    margin = 0.1 * (high - low).max()
    return (np.maximum(low - margin, vertices.min(axis=0)),
            np.minimum(high + margin, vertices.max(axis=0)))


def _look(scene, mesh, axes, centre, width, size):
    """One view: where each pixel sees the surface, and how bright it is there."""
    side = size * _SUPERSAMPLING
    frame = np.eye(3, dtype=np.float32)[list(axes)]
    right, up, towards = frame
    offsets = ((np.arange(side) + 0.5) / side - 0.5) * width
    grid = (offsets[None, :, None] * right - offsets[:, None, None] * up).reshape(-1, 3)
    # The camera stands in front of all that there is.
    front = float((mesh.vertices @ towards).max() - centre @ towards) + 0.1 * width
    origins = (grid + centre + towards * front).astype(np.float32)
    hits = scene.run(origins, np.broadcast_to(-towards, origins.shape).copy(), output=1)
    seen = np.flatnonzero(hits["primID"] >= 0)
    corners = mesh.faces[hits["primID"][seen]]
    u, v = hits["u"][seen, None], hits["v"][seen, None]
    weights = np.hstack([1 - u - v, u, v])
    normals = np.einsum("nk,nkc->nc", weights, mesh.normals[corners])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    depth = hits["tfar"][seen, None]
    points = origins[seen] - depth * towards
    light = _ambient(scene, points, normals, seen, side, width)
    facing = np.clip(normals @ towards, 0, 1)
    shade = 0.12 + 0.55 * facing * (0.4 + 0.6 * light) + 0.45 * light
    near, far = np.percentile(depth, (0.5, 99.5))
    haze = 0.22 * np.clip((depth - near) / max(far - near, 1e-6), 0, 1)
    return _Sight(seen, corners, weights, shade[:, None], haze, points @ towards)


def _coloured(sight, size, values=None, colours=None, colour=_SURFACE_COLOUR):
    """The samples of a view, white where they see nothing: float32, (samples, 3)."""
    side = size * _SUPERSAMPLING
    colour = np.asarray(colour, np.float32)
    if values is not None:
        colour = _looked_up(np.einsum("nk,nk->n", sight.weights, values[sight.corners]), colours)
    surface = np.clip(colour * sight.shade, 0, 1)
    samples = np.ones((side * side, 3), np.float32)
    samples[sight.seen] = surface * (1 - sight.haze) + sight.haze
    return samples


def _looked_up(values, colours):
    """Colours of values from 0 to 1, in 256 steps, and of NaN: float32, (n, 3)."""
    steps = np.append((np.arange(256) + 0.5) / 256, np.nan)
    known = np.isfinite(values)
    places = np.full(len(values), 256)
    places[known] = np.clip(256 * values[known], 0, 255).astype(int)
    return np.asarray(colours(steps), np.float32)[places, :3]


def _averaged(samples, size):
    """A view as an image."""
    samples = samples.reshape(size, _SUPERSAMPLING, size, _SUPERSAMPLING, 3)
    pixels = sum(samples[:, row, :, column] for row, column in np.ndindex(2 * (_SUPERSAMPLING,)))
    return Image.fromarray((pixels * (255 / _SUPERSAMPLING ** 2) + 0.5).astype(np.uint8))


def _ambient(scene, points, normals, seen, side, width):
    """Share of the surrounding light that reaches points, between 0 and 1.

    Each of the samples of a pixel looks in directions of its own, evenly spread
    over the sphere; their mean is what the pixel shows.
    """
    samples = _SUPERSAMPLING ** 2
    directions = spiral(_LIGHTS * samples, whole=True).astype(np.float32)
    row, column = np.divmod(seen, side)
    which = (row % _SUPERSAMPLING) * _SUPERSAMPLING + column % _SUPERSAMPLING
    light = np.empty(len(points), np.float32)
    for which_sample in range(samples):
        own = np.flatnonzero(which == which_sample)
        normal = normals[own]
        origins = points[own] + normal * (width * 2e-3)
        received, total = np.zeros((2, len(own)), np.float32)
        for direction in directions[which_sample::samples]:
            cosine = normal @ direction
            above = np.flatnonzero(cosine > 0)
            rays = np.tile(direction, (len(above), 1))
            free = scene.run(origins[above], rays, query="OCCLUDED") < 0
            total[above] += cosine[above]
            received[above] += cosine[above] * free
        light[own] = received / np.maximum(total, 1e-6)
    return light
