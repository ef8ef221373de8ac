"""Where an atomic model lies in a map, and what would make it fit.

Programs do not agree on what the header of a map says of its position, so that a model may
have to be looked for in several frames. Where it fits in none of them, or not well, a rigid
movement, another voxel size or the mirror image may explain why. All coordinates are x, y, z
in Å; in the frame of the map its first voxel is at the origin.
"""

from dataclasses import dataclass
from typing import List, Optional, Tuple

import gemmi
import numpy as np
from scipy import fft
from scipy.spatial.transform import Rotation

from vrs.numerics import fourier
from vrs.numerics.interpolation import values_at
from vrs.numerics.model_map import density_of_atoms
from vrs.numerics.resample import fourier_resample

FITS, POOR = 0.5, 0.3
# Above the mean of random placements by so many deviations, a correlation is no chance.
DEVIATIONS = 5.0
RANDOM, _SEARCHED = 100, 8
# A Gaussian atom with this B factor, in units of the squared resolution, falls to 1/e of its
# amplitude at the resolution.
_B_FACTOR = 4.0
_USUAL_RESOLUTION = 3.0
_COARSE, _HALVING = 14.0, 2.0
# Voxels of the longest side where all places are tried, and of models whose points are taken.
_LARGEST_SEARCH, _LARGEST_MODEL = 96, 200
_VOXELS_PER_RESOLUTION = 3.5
_MASK_PART, _SUPPORT_PART = 0.05, 0.002
# Points of the model lie anywhere between the voxels of the map: interpolation is smoother
# there, and where all were alike, places would be preferred for it.
_ODD = 1.1313
# To where the Gaussians have faded, in units of the resolution.
_REACH = 1.0
_POINTS, _REFINED_POINTS = 50_000, 10_000
_STEPS, _DAMPING, _STILL = 25, 1e-3, 1e-4
# Kinds of changes from the simplest on: whether the model turns and grows besides moving.
_KINDS = ((False, False), (False, True), (True, False), (True, True))
_MOVED = (True, False)
_STARTS = ((1.0, ""), (0.96, ""), (1.04, ""), (1.0, "x"), (1.0, "y"), (1.0, "z"))
_MOST = 0.08
# Part of the largest variance below which the surroundings of a model are as good as flat.
_FLATTEST = 0.1
# Frames, and explanations, this close in correlation are as good as each other.
_SAME_FRAME, _SAME, _BETTER = 0.02, 0.005, 0.03


@dataclass(frozen=True)
class Frame:
    """A convention by which a model is brought into the frame of the map.

    Attributes
    ----------
    key : str
        "header", "first voxel", ...; stable.
    name : str
        In the middle of a sentence: "by the header of the map".
    shift : tuple of float
        Added to the coordinates of the model.
    """

    key: str
    name: str
    shift: Tuple[float, float, float]


@dataclass(frozen=True)
class Correction:
    """A movement, scaling or reflection that makes a model fit, after its frame was taken.

    A position p becomes ``scale · (R (M p - c) + c) + shift``, c being the centre of the
    model, M the reflection of one axis at c and R the rotation.

    Attributes
    ----------
    shift : tuple of float
        Å.
    rotation : tuple of float
        Rotation vector: the axis times the angle in degrees.
    scale : float
        1.02 where the voxel size of the map is 2 % too large.
    mirrored : str
        "x", "y" or "z", or empty.
    centre : tuple of float
        c in the frame of the map.
    correlation : float
    """

    shift: Tuple[float, float, float]
    rotation: Tuple[float, float, float]
    scale: float
    mirrored: str
    centre: Tuple[float, float, float]
    correlation: float

    @property
    def angle(self):
        """Of the rotation, degrees."""
        return float(np.linalg.norm(self.rotation))

    def transform(self):
        """The matrix (3, 3) and the vector (3,) of the whole correction."""
        centre = np.array(self.centre)
        turn = Rotation.from_rotvec(np.radians(self.rotation)).as_matrix()
        matrix = self.scale * turn @ _mirror(self.mirrored)
        return matrix, self.scale * centre - matrix @ centre + self.shift


@dataclass(frozen=True)
class Placement:
    """How a model lies in a map.

    Attributes
    ----------
    frame : Frame
        The one in which the model fits best; where it fits in none, the one in which its
        outline does, else the header's.
    correlation : float
        Of the map with the density of the model at the resolution, where the model has any.
    tried : list of (Frame, float)
        All frames with their correlations; the header's is the first.
    random : tuple of float
        Mean, deviation and maximum of the correlation over random placements.
    fits : bool
        Whether the correlation is at least 0.3 and no chance.
    correction : Correction or None
        What makes the model fit, or fit better; None where nothing does.
    searched : tuple of float or None
        Mean, deviation and maximum of the correlation that random orientations reach when
        they are fitted too; None where no search was needed.
    left_out : int
        Atoms that are so far away from the others that no box of the map can hold both.
    best : Correction or None
        Where nothing makes the model fit: the movement to where it correlates best, which
        chance explains.
    """

    frame: Frame
    correlation: float
    tried: List[Tuple[Frame, float]]
    random: Tuple[float, float, float]
    fits: bool
    correction: Optional[Correction]
    searched: Optional[Tuple[float, float, float]]
    left_out: int
    best: Optional[Correction] = None


def candidate_frames(box, sampling, start, origin):
    """Frames in use, by what the header of a map says.

    Parameters
    ----------
    box : tuple of int
        Voxels along x, y, z.
    sampling : float
        Å/voxel.
    start : tuple of int
        Voxels, from the start fields.
    origin : tuple of float
        From the origin fields: Å by the format, voxels from some programs.

    Returns
    -------
    list of Frame
        Each once; by the header first, which is the origin where there is one, else the start.
    """
    origin, start = np.asarray(origin, float), np.asarray(start, float) * sampling
    half = np.array(box) // 2 * sampling
    header = origin if origin.any() else start
    found = []
    for key, name, shift in [
            ("header", "by the header of the map", -header),
            ("first voxel", "with the origin at the first voxel", 0 * origin),
            ("start", "by the start of the header (NSTART)", -start),
            ("origin in voxels", "by the origin of the header, in voxels", -origin * sampling),
            ("both", "by the start and the origin of the header together", -start - origin),
            ("opposite", "by the header with the opposite sign", header),
            ("opposite start", "by the start of the header with the opposite sign", start),
            ("opposite voxels", "by the origin of the header, in voxels, with the opposite sign",
             origin * sampling),
            ("middle", "with the origin in the middle of the box", half),
            ("minus middle", "with the middle of the box at minus the origin", -half),
            ("middle and header", "with the origin of the header in the middle of the box",
             half - header),
            ("middle and opposite", "with the origin of the header, with the opposite sign, in the "
             "middle of the box", half + header)]:
        if not any(np.allclose(shift, known.shift, atol=0.05 * sampling) for known in found):
            found.append(Frame(key, name, tuple(float(step) + 0.0 for step in shift)))
    return found


def find_placement(volume, sampling, model, frames, resolution=None, seed=0, workers=1):
    """Find how a model lies in a map.

    The model's atoms become Gaussians that fall to 1/e at the resolution, and are correlated
    with the map over where they add up to more than a twentieth of the model's density. All
    frames are tried. From the best one, shift, rotation and voxel size are refined
    (Levenberg-Marquardt on the correlation, from coarse to fine resolution), and the simplest
    change that does as well as all of them is the correction. Where the model fits in no
    frame, it and its mirror images are moved to all places of the map (normalised correlation
    by Fourier transforms) and refined from the best; random orientations that are treated in
    the same way tell what chance reaches.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
    model : gemmi.Model
        As read; not changed.
    frames : list of Frame
    resolution : float, optional
        Å; three voxels by default.
    seed : int
    workers : int

    Returns
    -------
    Placement
    """
    resolution = max(resolution or _USUAL_RESOLUTION * sampling, 2 * sampling)
    size = np.array(volume.shape[::-1]) * sampling
    atoms, left_out = with_what_is_near(model, size)
    levels = [Level(volume, sampling, atoms, coarse, seed, workers)
              for coarse in _coarser(resolution, size.max())]
    # Most maps were filtered and sharpened to what they show at their own resolution.
    finest = Level(volume, sampling, atoms, resolution, seed, workers, filtered=False)
    levels.append(finest)
    tried = [(frame, finest.correlation(finest.points + frame.shift)) for frame in frames]
    frame, value = _first_of_best(tried)
    random = finest.random_correlations(seed)
    fits = _no_chance(value, random)
    if not fits:
        # Details say nothing where they do not meet; the outline may.
        outlines = [(frame, levels[0].correlation(levels[0].points + frame.shift))
                    for frame in frames]
        frame, outline = _first_of_best(outlines)
        frame = frame if outline >= FITS else frames[0]
        value = dict(tried)[frame]
    search = _Search(levels, atoms, np.array(frame.shift))
    correction = search.simplest(_Pose(), value)
    searched = best = None
    if not fits and not (correction and correction.correlation >= FITS
                         and _no_chance(correction.correlation, random)):
        correction, searched, best = search.everywhere(seed, workers)
    return Placement(frame, value, tried, _summary(random), fits, correction,
                     None if searched is None else _summary(searched), left_out, best)


def _first_of_best(tried):
    best = max(value for _, value in tried)
    return next(one for one in tried if one[1] >= best - _SAME_FRAME)


def with_what_is_near(model, size):
    """Copy of a model without the atoms that cannot be in the map along with most others."""
    sites = [site.atom for site in model.all()]
    positions = _positions(model)
    aside = np.abs(positions - np.median(positions, axis=0)).max(axis=1)
    # Halves of a model may be so far apart that nothing is near their middle.
    near = (np.abs(positions - positions[np.argmin(aside)])
            <= np.linalg.norm(size)).all(axis=1)
    residue = gemmi.Residue()
    residue.name = "UNK"
    for atom, kept in zip(sites, near):
        if kept:
            residue.add_atom(atom)
    chain = gemmi.Chain("A")
    chain.add_residue(residue)
    core = gemmi.Model(1)
    core.add_chain(chain)
    return core, int(np.count_nonzero(~near))


def _positions(model):
    return np.array([site.atom.pos.tolist() for site in model.all()]).reshape(-1, 3)


def _with_b_factor(atoms, resolution):
    """Copy of atoms as Gaussians that fall to 1/e of their amplitude at a resolution."""
    copy, none = atoms.clone(), gemmi.SMat33f(0, 0, 0, 0, 0, 0)
    for site in copy.all():
        site.atom.b_iso, site.atom.aniso = _B_FACTOR * resolution ** 2, none
    return copy


def _density(atoms, positions, steps, margin):
    """Density of atoms on a grid that holds them, and the position of its first voxel.

    ``atoms`` are moved; ``positions`` are theirs, ``steps`` the distances of voxels along x,
    y, z and ``margin`` that of atoms from the border, Å.
    """
    wide = np.ceil(margin / steps).astype(int) + 1
    first = positions.min(axis=0) - wide * steps
    shape = np.ceil((positions.max(axis=0) - first) / steps).astype(int) + wide + 1
    atoms.transform_pos_and_adp(gemmi.Transform(gemmi.Mat33(), gemmi.Vec3(*-first)))
    shape = tuple(int(count) for count in shape[::-1])
    return density_of_atoms(atoms, shape, tuple(np.array(shape) * steps[::-1])), first


def _coarser(resolution, size):
    """Resolutions from which a refinement comes to the finest one, in a box of a size."""
    found = [max(_COARSE, _VOXELS_PER_RESOLUTION * size / _LARGEST_SEARCH)]
    while found[-1] > resolution:
        found.append(found[-1] / _HALVING)
    return [coarse for coarse in found if coarse > 1.3 * resolution]


def _no_chance(value, random):
    return bool(value >= POOR and value > random.max()
                and value >= random.mean() + DEVIATIONS * random.std())


def _summary(values):
    return float(values.mean()), float(values.std()), float(values.max())


def _mirror(axis):
    """Matrix that reflects an axis; the identity for none."""
    signs = np.ones(3)
    if axis:
        signs["xyz".index(axis)] = -1
    return np.diag(signs)


def _normalised(values):
    values = values - values.mean()
    norm = np.linalg.norm(values)
    return values / norm if norm > 0 else values


def _within(density, part=_MASK_PART):
    """Where a model has density."""
    strong = np.percentile(density[density > 0.01 * density.max()], 95)
    return density > part * strong


class CoarseMap:
    """A map on a grid as coarse as a resolution allows, and its values between the voxels."""

    def __init__(self, volume, sampling, resolution, workers, filtered=True):
        self.size = np.array(volume.shape[::-1]) * sampling
        self.volume = _coarse_map(volume, sampling, resolution, filtered, workers)
        self.steps = self.size / self.volume.shape[::-1]
        self.outside = float(np.median(self.volume))

    def at(self, points):
        """Values of the map at points (x, y, z, Å)."""
        return values_at(self.volume, self.steps, points, self.outside).astype(float)

    def slopes(self, points):
        """Values of the map at points, as above, and their gradients, per Å."""
        places = points / self.steps
        low = np.floor(places).astype(np.intp)
        part = places - low
        inside = ((low >= 0) & (low + 1 < self.volume.shape[::-1])).all(axis=1)
        x, y, z = low[inside].T
        across, along = self.volume.shape[2], self.volume.shape[1] * self.volume.shape[2]
        corner = z * along + y * across + x
        flat = self.volume.ravel()
        corners = np.array([flat[corner + (place & 1) + (place >> 1 & 1) * across
                                 + (place >> 2) * along] for place in range(8)], float)
        fx, fy, fz = part[inside].T
        # One axis after the other: values on edges, faces and in the cell.
        edges, dx = corners[::2] + fx * (corners[1::2] - corners[::2]), np.diff(
            corners.reshape(4, 2, -1), axis=1)[:, 0]
        faces, dy = edges[::2] + fy * (edges[1::2] - edges[::2]), edges[1::2] - edges[::2]
        dx = dx[::2] + fy * (dx[1::2] - dx[::2])
        values = np.full(len(points), self.outside, float)
        values[inside] = faces[0] + fz * (faces[1] - faces[0])
        gradients = np.zeros((len(points), 3))
        gradients[inside] = np.column_stack([
            dx[0] + fz * (dx[1] - dx[0]), dy[0] + fz * (dy[1] - dy[0]), faces[1] - faces[0]])
        return values, gradients / self.steps


class Level(CoarseMap):
    """Map and model at a resolution.

    ``points`` are where the model has density, in its own frame (x, y, z, Å), ``values`` that
    density, with mean 0 and norm 1; ``wide_points`` and ``wide_values`` are the same with the
    empty surroundings that hold a model in its place, for refinements.
    """

    def __init__(self, volume, sampling, atoms, resolution, seed, workers, filtered=True):
        super().__init__(volume, sampling, resolution, workers, filtered)
        self.resolution = resolution
        positions = _positions(atoms)
        step = max(_ODD * self.steps.max(), np.ptp(positions, axis=0).max() / _LARGEST_MODEL)
        density, first = _density(_with_b_factor(atoms, resolution), positions,
                                  np.full(3, step), _REACH * resolution)
        rng = np.random.default_rng(seed)

        def chosen(part, most):
            places = np.argwhere(_within(density, part))
            places = places[rng.permutation(len(places))[:most]]
            values = _normalised(density[tuple(places.T)].astype(float))
            return places[:, ::-1] * step + first, values

        self.points, self.values = chosen(_MASK_PART, _POINTS)
        self.wide_points, self.wide_values = chosen(_SUPPORT_PART, _REFINED_POINTS)

    def correlation(self, points):
        """Correlation of the map with the density of the model moved to some points."""
        return float(self.values @ _normalised(self.at(points)))

    def random_correlations(self, seed):
        """Correlations of random orientations whose centre lies anywhere in the box."""
        rng = np.random.default_rng(seed)
        centred = self.points - self.points.mean(axis=0)
        return np.array([
            self.correlation(rotation.apply(centred) + rng.uniform(0, self.size))
            for rotation in Rotation.random(RANDOM, random_state=seed)])


def _coarse_map(volume, sampling, resolution, filtered, workers):
    """A map on a grid as coarse as the resolution allows.

    At all but the finest resolution it is filtered as the model is.
    """
    wanted, old_shape = resolution / _VOXELS_PER_RESOLUTION, volume.shape
    shape = tuple(min(count, max(8, int(np.ceil(count * sampling / wanted))))
                  for count in volume.shape)
    if wanted > 1.2 * sampling:
        volume = fourier_resample(volume, shape, workers)
    else:
        shape = volume.shape
    if not filtered:
        return volume
    steps = tuple(sampling * old / new for old, new in zip(old_shape, shape))
    return fourier.filtered(volume, steps, lambda f2: np.exp(-f2 * resolution ** 2), workers)


class _Pose:
    """A movement of a model about its centre, which becomes a correction."""

    def __init__(self, rotation=None, shift=(0, 0, 0), scale=1.0, mirrored=""):
        self.rotation = rotation or Rotation.identity()
        self.shift = np.asarray(shift, float)
        self.scale, self.mirrored = scale, mirrored

    def turned(self, centred):
        """Positions about the centre, after reflection, rotation and scaling."""
        return self.scale * self.rotation.apply(centred @ _mirror(self.mirrored))

    def changed(self, turn, shift, growth):
        """The pose after a further small turn (rotation vector), shift and growth (log)."""
        scale = float(np.clip(self.scale * np.exp(growth), 1 - _MOST, 1 + _MOST))
        return _Pose(Rotation.from_rotvec(turn) * self.rotation, self.shift + shift, scale,
                     self.mirrored)


class _Search:
    """Poses of a model that correlate with a map."""

    def __init__(self, levels, atoms, frame_shift):
        self._levels, self._atoms = levels, atoms
        points = levels[-1].points
        self._own_centre = points.mean(axis=0)
        self._centre = self._own_centre + frame_shift
        self._reach = float(np.sqrt(np.square(points - self._own_centre).sum(axis=1).mean()))

    def simplest(self, pose, value):
        """The simplest correction from a pose that does as well as all changes together.

        None where they do not make the correlation better than a value.
        """
        best = self._refined(pose, _KINDS[-1])
        if best[1] < value + _BETTER:
            return None
        for kind in _KINDS[:-1]:
            found = self._refined(pose, kind)
            if found[1] >= best[1] - _SAME:
                best = found
                break
        return self._correction(*best)

    def everywhere(self, seed, workers):
        """The best correction from all places, what chance reaches, and the best movement.

        Starts are voxel sizes and mirror images, which keep the orientation, and random
        orientations. Those that reach clearly less than the best one are chance; there is no
        correction where it is not far above them, but a movement to the best place.
        """
        places = _Places(self._levels[0], self._atoms, self._own_centre, workers)
        poses = [_Pose(scale=scale, mirrored=mirrored) for scale, mirrored in _STARTS]
        poses += [_Pose(rotation) for rotation in Rotation.random(_SEARCHED, random_state=seed)]
        poses = [places.best(pose, self._centre) for pose in poses]
        values = np.array([self._refined(pose, _KINDS[-1])[1] for pose in poses])
        random = values[len(_STARTS):]
        best = values.max()
        chance = random[random < best - _BETTER]
        if 2 * len(chance) < len(random) or not _no_chance(best, chance):
            movable = [place for place, pose in enumerate(poses)
                       if pose.scale == 1 and not pose.mirrored]
            start = poses[max(movable, key=lambda place: values[place])]
            return None, random, self._correction(*self._refined(start, _MOVED))
        # The first of those that are as good, which come from the simplest to the oddest.
        start = poses[int(np.argmax(values >= best - _SAME))]
        return self.simplest(start, 0.0), chance, None

    def _correction(self, pose, value):
        shift = self._centre + pose.shift - pose.scale * self._centre
        return Correction(tuple(map(float, shift)),
                          tuple(np.degrees(pose.rotation.as_rotvec()).tolist()),
                          float(pose.scale), pose.mirrored, tuple(self._centre.tolist()), value)

    def _refined(self, pose, kind):
        """A pose after refinement of what a kind of change is free to, and its correlation."""
        for level in self._levels:
            pose = self._climbed(level, pose, kind)
        finest = self._levels[-1]
        return pose, finest.correlation(self._moved(finest.points, pose))

    def _moved(self, points, pose):
        return pose.turned(points - self._own_centre) + self._centre + pose.shift

    def _climbed(self, level, pose, kind):
        """Maximum of the correlation at a level, by Levenberg-Marquardt steps."""
        turns, grows = kind
        centred = level.wide_points - self._own_centre
        values = level.wide_values
        damping = _DAMPING

        def evaluated(pose):
            arms = pose.turned(centred)
            found, slopes = level.slopes(arms + self._centre + pose.shift)
            return arms, found, slopes, float(values @ _normalised(found))

        arms, found, slopes, score = evaluated(pose)
        for _ in range(_STEPS):
            columns = [slopes]
            # Turns and growth in Å at the radius of gyration, as shifts are.
            if turns:
                columns.append(np.cross(arms, slopes) / self._reach)
            if grows:
                columns.append((arms * slopes).sum(axis=1)[:, None] / self._reach)
            changes = np.concatenate(columns, axis=1)
            spread = np.linalg.norm(found - found.mean())
            if spread == 0:
                break
            fitted = _normalised(found)
            changes -= changes.mean(axis=0)
            changes = (changes - np.outer(fitted, fitted @ changes)) / spread
            square = changes.T @ changes
            step, *_ = np.linalg.lstsq(square + np.diag(damping * np.diag(square)),
                                       changes.T @ (values - score * fitted), rcond=None)
            # What a level shows reaches no farther than its resolution.
            step *= min(1, level.resolution / 4 / max(np.linalg.norm(step), 1e-12))
            turn = step[3:6] / self._reach if turns else np.zeros(3)
            growth = step[-1] / self._reach if grows else 0.0
            trial = pose.changed(turn, step[:3], growth)
            further = evaluated(trial)
            gain = further[-1] - score
            if gain > 0:
                pose, (arms, found, slopes, score) = trial, further
                damping = max(damping / 5, 1e-6)
            else:
                damping *= 10
            if abs(gain) < _STILL:
                break
        return pose


class _Places:
    """All places in a map for a model, by their normalised correlation."""

    def __init__(self, level, atoms, centre, workers):
        self._level, self._centre, self._workers = level, centre, workers
        self._atoms = _with_b_factor(atoms, level.resolution)
        self._positions = _positions(atoms) - centre
        self._margin = _REACH * level.resolution
        reach = np.linalg.norm(self._positions, axis=1).max() * (1 + _MOST) + self._margin
        self._half = np.ceil(reach / level.steps).astype(int) + 2
        size = np.array(level.volume.shape) + 2 * self._half[::-1] + 1
        self._shape = tuple(fft.next_fast_len(int(count), real=True) for count in size)
        contrast = level.volume - np.float32(level.outside)
        self._map, self._square = (self._transform(values)
                                   for values in (contrast, np.square(contrast)))

    def best(self, pose, frame_centre):
        """A pose moved to the place where it correlates best."""
        steps, box = self._level.steps, np.array(self._level.volume.shape[::-1])
        matrix = pose.turned(np.eye(3)).T
        turned = self._atoms.clone()
        turned.transform_pos_and_adp(gemmi.Transform(gemmi.Mat33(matrix.tolist()),
                                                     gemmi.Vec3(*-matrix @ self._centre)))
        density, first = _density(turned, pose.turned(self._positions), steps, self._margin)
        score = self._scores(density)
        # The centre of the model is at the origin; voxels of it from the template's first one.
        centre = -first / steps
        axes = []
        for axis, count in enumerate(self._shape[::-1]):
            places = np.arange(count)
            places = np.where(places >= box[axis], places - count, places) + centre[axis]
            axes.append(np.where((places >= 0) & (places < box[axis]), places, np.nan))
        allowed = [np.isfinite(axis) for axis in axes]
        score = np.where(allowed[2][:, None, None] & allowed[1][:, None] & allowed[0], score,
                         -np.inf)
        place = np.unravel_index(np.argmax(score), score.shape)[::-1]
        found = np.array([axis[index] for axis, index in zip(axes, place)])
        if not np.isfinite(found).all():
            return pose
        return _Pose(pose.rotation, found * steps - frame_centre, pose.scale, pose.mirrored)

    def _scores(self, density):
        """Normalised correlation for all places of the first voxel of a density."""
        inside = _within(density)
        template = np.where(inside, density - density[inside].mean(), 0).astype(np.float32)
        count = np.float32(np.count_nonzero(inside))
        cross = self._product(self._map, self._transform(template)) / np.linalg.norm(template)
        inside = self._transform(inside.astype(np.float32))
        variance = self._product(self._square, inside)
        variance -= np.square(self._product(self._map, inside)) / count
        return cross / np.sqrt(np.maximum(variance, _FLATTEST * variance.max() + 1e-30))

    def _product(self, transform, other):
        return fft.irfftn(transform * other.conj(), s=self._shape, workers=self._workers,
                          overwrite_x=True)

    def _transform(self, values):
        padded = np.zeros(self._shape, np.float32)
        padded[tuple(slice(0, size) for size in values.shape)] = values
        return fft.rfftn(padded, workers=self._workers, overwrite_x=True)
