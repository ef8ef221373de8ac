"""Simulated maps of proteins and nucleic acids, on an accelerator or the CPU.

What the three recipes share: the bank of structures, scenes, densities, and maps with the noise,
fall-off, sharpening, weights and masks of deposited ones. Needs torch; all tensors live on
``DEVICE``. Volumes are z, y, x at 1 Å/voxel unless a scene says otherwise, points x, y, z in Å
from voxel 0, frequencies 1/Å. One numpy Generator makes the choices, torch's the noise; seed both.

"Resolution" of a map is where the signal, in the volume that the molecule fills, has a third of
the power of the noise: a Fourier shell correlation of 0.143 between half maps.
"""

import json
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import fft

from training.structures import ACID, KINDS

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# Electron form factors, five Gaussians (L.-M. Peng et al. 1996, doi 10.1107/S0108767395014371),
# of the ELEMENTS of structures.py; others as S.
_S = ([.2497, .5628, 1.3899, 2.1865, .7715], [.2681, 1.6711, 7.0267, 19.5377, 50.3888])
_FORM_FACTORS = (
    ([.0893, .2563, .757, 1.0487, .3575], [.2465, 1.71, 6.4094, 18.6113, 50.2523]),
    ([.1022, .3219, .7982, .8197, .1715], [.2451, 1.7481, 6.1925, 17.3894, 48.1431]),
    ([.0974, .2921, .691, .699, .2039], [.2067, 1.3815, 4.6943, 12.7105, 32.4726]),
    _S,
    ([.2548, .6106, 1.4541, 2.3204, .8477], [.2908, 1.874, 8.5176, 24.3434, 63.2996]),
    ([.4477, 1.1678, 1.5843, 2.8087, 1.1956], [.2405, 1.5442, 6.3231, 19.461, 52.0233]),
    ([.3946, 1.2725, 1.7031, 2.314, 1.4795], [.2717, 2.0443, 7.6007, 29.9714, 86.2265]),
    ([.4288, 1.2646, 1.4472, 1.8294, 1.0934], [.2593, 1.7998, 6.75, 25.586, 73.5284]),
    ([.2314, .6866, .9677, 2.1882, 1.1339], [.3278, 2.272, 10.9241, 39.2898, 101.9748]),
    ([.4054, 1.388, 2.1602, 3.7532, 2.2063], [.3499, 3.0991, 11.9608, 53.9353, 142.3892]),
    _S)
_POINTS = ("pos", "ca", "rim", "core", "nt")
_KEYS = _POINTS + ("el", "b", "kind", "rem", "aa", "ss", "chain", "base")
_OF_ATOMS = ("pos", "el", "b", "kind", "rem")
_OF_POINTS = {"ca": ("aa", "ss", "chain"), "rim": (), "core": (), "nt": ("base",)}
_FEWEST_HELICAL = 30     # backbone atoms of a structure that counts as helical
OTHER, HELIX, RIM = 0, 1, 2
_HELIX_REACH, _RIM_REACH = 2.0, 3.5
_MASK_REACH = 4.0
_SNR_AT_RESOLUTION = 1 / 3
_BAND = 0.02             # 1/Å


class Bank:
    """Structures as tensors.

    Parameters
    ----------
    path : str or pathlib.Path
        As ``python -m training.structures`` writes it.

    Attributes
    ----------
    meta : list of dict
        ``name`` and ``part`` of each structure.
    parts : dict of str to list of int
        Indices of the structures of each part.
    """

    def __init__(self, path):
        stored = np.load(path)
        self.meta = json.loads(str(stored["meta"]))
        self._data = {key: torch.from_numpy(stored[key]).to(DEVICE) for key in _KEYS}
        self._start = {key: np.concatenate([[0], np.cumsum(stored[key + "_n"])]) for key in _KEYS}
        self.parts = {part: [i for i, m in enumerate(self.meta) if m["part"] == part]
                      for part in ("train", "validation", "test")}
        self.helical, self.nucleic, self.residues = (
            {i for i, n in enumerate(stored[key]) if n > least}
            for key, least in (("core_n", _FEWEST_HELICAL), ("nt_n", 7), ("ca_n", 39)))

    def get(self, index):
        """Tensors of one by the keys of :func:`training.structures.arrays`, points in Å."""
        cut = {key: self._data[key][self._start[key][index]:self._start[key][index + 1]]
               for key in _KEYS}
        for key in _POINTS:
            cut[key] = cut[key].float() / 100
        return cut

    def draw(self, part, rng, helical=False):
        """One structure, or in a fifth of the cases two, at random; with many nucleic acids
        among the second ones.

        Parameters
        ----------
        part : str
        rng : numpy.random.Generator
        helical : bool
            Whether the first one must have alpha helices.

        Returns
        -------
        list of dict
        """
        pool = self.parts[part]
        first = [i for i in pool if i in self.helical] if helical else pool
        chosen = [int(rng.choice(first))]
        if rng.random() < 0.2:
            nucleic = [i for i in pool if i in self.nucleic]
            chosen.append(int(rng.choice(nucleic if nucleic and rng.random() < 0.6 else pool)))
        return [self.get(index) for index in chosen]


@dataclass
class Scene:
    """Atoms and labelled points in a box of ``shape`` (z, y, x) at ``sampling`` Å/voxel."""

    atoms: dict
    shape: tuple
    sampling: float

    def filled(self):
        """Part of the box that the atoms fill, at 17 Å³ each."""
        volume = np.prod(self.shape) * self.sampling ** 3
        return min(1.0, 17.0 * len(self.atoms["pos"]) / volume)


def rotation(rng):
    """A random rotation matrix, float64 (3, 3)."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    if np.linalg.det(q) < 0:
        q[:, 0] = -q[:, 0]
    return q


def place(structures, rng, sampling, margin, max_extent, largest=144):
    """Put structures into a box in random orientations and with a random sub-voxel offset.

    Parameters
    ----------
    structures : list of dict
        One or two; the second one touches the first.
    rng : numpy.random.Generator
    sampling : float
        Å/voxel.
    margin : float
        Space around the atoms, Å.
    max_extent : float
        Only what lies in a cube of this side (Å) about a random atom is kept; of two
        structures about an atom where they meet.
    largest : int
        Voxels of a side at most; sides are multiples of 16.

    Returns
    -------
    Scene
    """
    moved = []
    for one in structures:
        turn = torch.tensor(rotation(rng), dtype=torch.float32, device=DEVICE)
        moved.append({key: values @ turn.T if key in _POINTS and len(values) else values
                      for key, values in one.items()})
    meeting = _join(*moved, rng) if len(moved) == 2 else None
    atoms = {key: torch.cat([one[key] for one in moved]) for key in _KEYS}
    extent = float((atoms["pos"].amax(0) - atoms["pos"].amin(0)).max())
    if extent > max_extent:
        pool = atoms["pos"]
        if meeting is not None and bool(meeting.any()):
            pool = pool[meeting]
        _cut(atoms, pool[int(rng.integers(len(pool)))], max_extent / 2)
    low, high = atoms["pos"].amin(0), atoms["pos"].amax(0)
    extent = (high - low).cpu().numpy()
    sides = [int(min(largest, 16 * math.ceil((side + 2 * margin + sampling) / sampling / 16)))
             for side in extent[::-1]]
    room = np.array(sides[::-1]) * sampling - extent
    offset = room / 2 + rng.uniform(-0.5, 0.5, 3) * sampling
    shift = torch.tensor(offset, dtype=torch.float32, device=DEVICE) - low
    for key in _POINTS:
        atoms[key] = atoms[key] + shift
    return Scene(atoms, tuple(sides), sampling)


def _join(first, second, rng):
    """Move the second structure until it touches the first; atoms about there, bool."""
    along = torch.tensor(rng.normal(size=3), dtype=torch.float32, device=DEVICE)
    along /= along.norm()
    side = torch.tensor(rng.normal(size=3), dtype=torch.float32, device=DEVICE) * 8
    side -= (side @ along) * along
    end = (first["pos"] @ along).max()
    gap = end - (second["pos"] @ along).min() + rng.uniform(1.0, 3.5)
    for key in _POINTS:
        second[key] = second[key] + along * gap + side
    return ((torch.cat([first["pos"], second["pos"]]) @ along) - end).abs() < 8


def _cut(atoms, centre, half):
    """Keep what lies in a cube; labelled points only where their surroundings are kept."""
    keep = (atoms["pos"] - centre).abs().amax(1) <= half
    for key in _OF_ATOMS:
        atoms[key] = atoms[key][keep]
    for key, labels in _OF_POINTS.items():
        inside = (atoms[key] - centre).abs().amax(1) <= half - (0 if key == "rim" else 4)
        for name in (key,) + labels:
            atoms[name] = atoms[name][inside]


# ---- Fourier space -----------------------------------------------------------------------------

_grids = {}


@dataclass
class Grid:
    """Frequencies of a half transform: ``radius`` |f|, ``axes`` of z, y, x, shells."""

    radius: torch.Tensor
    axes: tuple
    shell: torch.Tensor
    weight: torch.Tensor
    counts: torch.Tensor


def grid_of(shape, sampling):
    """The Grid of a box, kept for the next time."""
    key = (tuple(shape), sampling)
    if key not in _grids:
        if len(_grids) > 60:
            _grids.clear()
        axes = tuple(f.to(DEVICE) for f in (
            fft.fftfreq(shape[0], sampling), fft.fftfreq(shape[1], sampling),
            fft.rfftfreq(shape[2], sampling)))
        radius = torch.sqrt(axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2)
        shell = torch.round(radius * (max(shape) * sampling)).long()
        weight = torch.full(shell.shape, 2.0, device=DEVICE)
        weight[..., 0] = weight[..., -1] = 1  # sides are even
        counts = torch.bincount(shell.flatten(), weight.flatten())
        _grids[key] = Grid(radius, axes, shell, weight, counts)
    return _grids[key]


def to_map(transform, shape):
    """The map of a half transform, float32 (z, y, x)."""
    return fft.irfftn(transform, s=tuple(shape))


def raised_cosine(radius, resolution, width):
    """Low-pass that falls from 1 to 0 over ``width`` (1/Å), 0.5 at 1/resolution."""
    return 0.5 + 0.5 * torch.cos(
        math.pi * torch.clamp((radius - 1 / resolution) / width + 0.5, 0, 1))


def decay(radius, b_factor):
    """exp(B f²/4): a negative B (Å²) fades the map, a positive one sharpens it."""
    return torch.exp(b_factor / 4 * radius ** 2)


def white(shape):
    """Half transform of Gaussian white noise of unit variance."""
    return fft.rfftn(torch.randn(shape, device=DEVICE))


def band_power(transform, radius, frequency, width=_BAND):
    """Mean squared amplitude of the coefficients within width/2 of a frequency."""
    chosen = (radius - frequency).abs() < width / 2
    power = transform.real ** 2 + transform.imag ** 2
    return (power * chosen).sum() / chosen.sum().clamp(min=1)


def shell_power(transform, grid):
    """Mean squared amplitude of each shell."""
    power = (transform.real ** 2 + transform.imag ** 2) * grid.weight
    sums = torch.bincount(grid.shell.flatten(), power.flatten(), minlength=len(grid.counts))
    return sums / grid.counts.clamp(min=1)


def gaussian(volume, sigma, sampling):
    """Periodic blur by a Gaussian of a deviation in Å."""
    radius = grid_of(volume.shape, sampling).radius
    return to_map(fft.rfftn(volume) * torch.exp(-2 * (math.pi * sigma * radius) ** 2),
                  volume.shape)


def smooth_field(shape, sampling, length):
    """Gaussian random field of mean 0 and deviation 1, smooth over a length in Å."""
    field = gaussian(torch.randn(shape, device=DEVICE), length, sampling)
    return (field - field.mean()) / field.std()


def coarse_grid(grid, coarse):
    """1 where a grid of ``coarse`` Å/voxel still has coefficients, else 0."""
    z, y, x = (axis.abs() <= 0.5 / coarse for axis in grid.axes)
    return (z[:, None, None] & y[:, None] & x).float()


def ripple(radius, strength, rng):
    """A mild ripple over frequency, as programs scale amplitudes in many ways."""
    return torch.exp(strength * torch.cos(
        2 * math.pi * (radius * rng.uniform(4, 20) + rng.random())))


# ---- densities ---------------------------------------------------------------------------------

def splat(positions, b_factors, elements, shape, sampling, reach, occupancies=None, chunk=8192):
    """Density of Gaussian atoms on a periodic grid.

    Parameters
    ----------
    positions : torch.Tensor, (n, 3)
    b_factors : torch.Tensor, (n,)
        Å².
    elements : torch.Tensor of int, (n,)
        Indices into ELEMENTS.
    shape, sampling
        Of the grid.
    reach : int
        Voxels to either side of an atom.
    occupancies : torch.Tensor, (n,), optional

    Returns
    -------
    torch.Tensor of float32, shape
    """
    table_a, table_b = (torch.tensor(table, device=DEVICE) for table in zip(*_FORM_FACTORS))
    volume = torch.zeros(int(np.prod(shape)), device=DEVICE)
    steps = torch.arange(-reach, reach + 1, device=DEVICE)
    sides = torch.tensor(shape[::-1], device=DEVICE)
    for start in range(0, len(positions), chunk):
        here = slice(start, start + chunk)
        place_, element = positions[here], elements[here].long()
        spread = table_b[element] + b_factors[here, None]
        amplitude = table_a[element] * (4 * math.pi / spread) ** 1.5
        if occupancies is not None:
            amplitude = amplitude * occupancies[here, None]
        nearest = torch.round(place_ / sampling)
        offset = steps * sampling - (place_ - nearest * sampling)[:, :, None]   # n, xyz, steps
        exponent = (-4 * math.pi ** 2 / spread)[:, :, None, None] * (offset ** 2)[:, None]
        x, y, z = torch.exp(exponent).unbind(2)                                 # n, 5, steps
        zy = (z * amplitude[:, :, None])[:, :, :, None] * y[:, :, None, :]
        values = torch.bmm(zy.flatten(2).transpose(1, 2), x)                    # n, zy, x
        at = (nearest.long()[:, :, None] + steps) % sides[:, None]
        index = (at[:, 2, :, None, None] * shape[1] + at[:, 1, None, :, None]) * shape[2] \
            + at[:, 0, None, None, :]
        volume.index_add_(0, index.flatten(), values.flatten())
    return volume.view(tuple(shape))


def structure_factors(scene, b_factors=0.0, occupancies=None):
    """Half transform of the electrostatic potential of the atoms.

    Parameters
    ----------
    scene : Scene
    b_factors : float or torch.Tensor, (atoms,)
        Å².
    occupancies : torch.Tensor, (atoms,), optional

    Returns
    -------
    torch.Tensor of complex64, (z, y, x // 2 + 1)
        Without what lies beyond Nyquist in any direction.
    """
    atoms, sampling = scene.atoms, scene.sampling
    # The density of point-like atoms cannot be sampled without aliasing: they are blurred for
    # the grid, and the blur is undone in Fourier space.
    blur = 40.0 * sampling ** 2
    b_factors = torch.as_tensor(b_factors, dtype=torch.float32, device=DEVICE).expand(
        len(atoms["pos"]))
    reach = 5 if float(b_factors.max()) < 60 else 6
    density = splat(atoms["pos"], b_factors + blur, atoms["el"], scene.shape, sampling, reach,
                    occupancies)
    radius = grid_of(scene.shape, sampling).radius
    return fft.rfftn(density) * (decay(radius, blur) * (radius <= 0.5 / sampling))


def b_factors(atoms, rng, varied=True):
    """B-factor of each atom beyond that of the map, Å²: mobile atoms, ends of side chains, and
    the acid groups, which maps show weakly."""
    crystal = atoms["b"].float()
    low = torch.quantile(crystal[::max(1, len(crystal) // 20000)], 0.2)
    mobile = (crystal - low).clamp(0, 100) * float(rng.uniform(0, 1.3 if varied else 1))
    remote = (atoms["rem"] % ACID).float() * float(rng.uniform(0, 25 if varied else 12))
    acid = (atoms["rem"] >= ACID).float() * float(rng.uniform(0, 120))
    return (mobile + remote + acid).clamp(max=330)


def faded_side_chains(atoms, rng):
    """Occupancy of atoms: side chains of real maps are weaker than B-factors make them, more so
    far out and in places."""
    positions = atoms["pos"]
    strength = float(rng.choice([0.0, rng.uniform(0, 0.35)], p=[.25, .75]))
    # About N(0, 1), different from residue to residue.
    waves = torch.tensor(rng.normal(size=(3, 24)) * 2 * np.pi / 14, dtype=torch.float32,
                         device=DEVICE)
    phases = torch.tensor(rng.uniform(0, 2 * np.pi, 24), dtype=torch.float32, device=DEVICE)
    field = torch.cos(positions @ waves + phases).sum(1) * math.sqrt(2 / 24)
    steps = (atoms["rem"] % ACID).float() + (atoms["kind"] == KINDS.index("O")) * 0.8
    return torch.exp(-strength * torch.exp(0.5 * field) * steps).clamp(min=0.05)


def micelle(scene, distance, rng):
    """A belt of smooth density around the molecule, brighter at its edges, as detergent or a
    nanodisc has it; 1 inside."""
    axis = rng.normal(size=3)
    axis /= np.linalg.norm(axis)
    middle = scene.atoms["pos"].mean(0).cpu().numpy()
    z, y, x = (torch.arange(side, device=DEVICE, dtype=torch.float32) * scene.sampling
               for side in scene.shape)
    height = ((z - float(middle[2]))[:, None, None] * axis[2]
              + (y - float(middle[1]))[:, None] * axis[1] + (x - float(middle[0])) * axis[0])
    half, reach = rng.uniform(13, 19), rng.uniform(6, 11)
    belt = (torch.sigmoid((half - height.abs()) / 1.5) * torch.sigmoid((reach - distance) / 1.5)
            * torch.sigmoid((distance - 3.0) / 0.6))
    edge = 1 + rng.uniform(0, 1.5) * torch.exp(-((height.abs() - half + 2.5) / 3) ** 2)
    return belt * edge * (1 + 0.3 * smooth_field(scene.shape, scene.sampling, 3.0))


def distance_to_atoms(scene, limit):
    """Distance of each voxel from the nearest atom (rounded to voxels), Å, up to a limit."""
    sampling, shape = scene.sampling, scene.shape
    reach = int(math.ceil(limit / sampling))
    squared = torch.full(shape, (limit / sampling + 1) ** 2, device=DEVICE)
    voxels = torch.round(scene.atoms["pos"] / sampling).long()
    x, y, z = (voxels[:, axis].clamp(0, side - 1) for axis, side in enumerate(shape[::-1]))
    squared[z, y, x] = 0
    for axis, size in enumerate(shape):
        nearest = squared.clone()
        for step in range(1, min(reach, size - 1) + 1):
            for to, come in ((0, step), (step, 0)):
                part = nearest.narrow(axis, to, size - step)
                torch.minimum(part, squared.narrow(axis, come, size - step) + step * step,
                              out=part)
        squared = nearest
    return torch.sqrt(squared) * sampling


def near_points(points, distance, shape, sampling):
    """Voxels whose centre lies within a distance (Å) of any point, bool."""
    inside = torch.zeros(int(np.prod(shape)), dtype=torch.bool, device=DEVICE)
    if len(points):
        reach = int(math.ceil(distance / sampling)) + 1
        steps = torch.arange(-reach, reach + 1, device=DEVICE)
        cube = torch.stack(torch.meshgrid(steps, steps, steps, indexing="ij"), -1).flatten(0, 2)
        at = torch.round(points / sampling).long()[:, None] + cube
        sides = torch.tensor(shape[::-1], device=DEVICE)
        close = (at * sampling - points[:, None]).norm(dim=2) <= distance
        at = at[close & (at >= 0).all(2) & (at < sides).all(2)]
        inside[(at[:, 2] * shape[1] + at[:, 1]) * shape[2] + at[:, 0]] = True
    return inside.view(tuple(shape))


def label_helices(scene):
    """OTHER, HELIX (within 2 Å of the backbone of a helix) or RIM (3.5 Å) of voxels, uint8."""
    labels = torch.full(scene.shape, OTHER, dtype=torch.uint8, device=DEVICE)
    for key, reach, label in (("rim", _RIM_REACH, RIM), ("core", _HELIX_REACH, HELIX)):
        labels[near_points(scene.atoms[key], reach, scene.shape, scene.sampling)] = label
    return labels


# ---- maps for 0.h and A.g ----------------------------------------------------------------------

@dataclass
class Conditions:
    """How a map is made; B-factors in Å².

    Attributes
    ----------
    resolution : float
        Å, where the signal-to-noise ratio is 1/3 (times noise⁻²).
    fall_off, uneven : float
        B-factor of the signal, and what the worst part has on top.
    sharpened : float
        Part of the fall-off that sharpening takes back.
    weighted, ends, soft_end, masked : bool
        Shells weighted by signal to noise; map ends at its resolution, softly; solvent zeroed.
    solvent, solvent_b, flat : float, float, bool
        Contrast of the solvent; whether it is a flat density outside the atoms.
    noise : float
        Factor on the noise.
    colour, colour_width, noise_b, patchy : float
        More noise at low frequencies; its B-factor; how it varies in space.
    aniso, ripple, coarse : float
        B-factor along one direction; ripple over frequency; sampling of a coarser grid, Å.
    micelle : bool
        A belt of smooth density.
    varied : bool
        The "new" simulation: also faded side chains, patches of worse resolution, harder masks,
        sharpening that ends with the data.
    """

    resolution: float
    fall_off: float
    uneven: float
    sharpened: float
    weighted: bool
    ends: bool
    masked: bool
    solvent: float
    noise: float
    solvent_b: float = 200.0
    flat: bool = False
    colour: float = 0.0
    colour_width: float = 100.0
    noise_b: float = 0.0
    patchy: float = 0.0
    aniso: float = 0.0
    ripple: float = 0.0
    coarse: float = 0.0
    micelle: bool = False
    soft_end: bool = False
    varied: bool = False


def plain_conditions(rng, resolution):
    """Conditions of the "old" simulation, which the first networks of the package learnt from."""
    return Conditions(
        resolution=resolution, fall_off=rng.uniform(30, 200),
        uneven=max(0.0, rng.uniform(-100, 150)), sharpened=rng.uniform(0, 1.1),
        weighted=bool(rng.random() < 0.6), ends=bool(rng.random() < 0.6),
        masked=bool(rng.random() < 0.4), solvent=rng.uniform(0, 0.8),
        noise=0.0 if rng.random() < 0.05 else rng.uniform(0.7, 1.4))


def varied_conditions(rng, resolution):
    """Conditions of the "new" simulation: what deposited maps are like, more varied."""
    def often(share, low, high):
        return rng.uniform(low, high) if rng.random() < share else 0.0

    return Conditions(
        resolution=resolution, fall_off=rng.uniform(20, 240),
        uneven=max(0.0, rng.uniform(-100, 200)),
        sharpened=float(rng.choice([0.0, 1.0, rng.uniform(0, 1.2)], p=[.1, .25, .65])),
        weighted=bool(rng.random() < 0.7), ends=bool(rng.random() < 0.75),
        masked=bool(rng.random() < 0.5), solvent=rng.uniform(0, 0.8),
        noise=0.0 if rng.random() < 0.05 else rng.uniform(0.7, 1.4),
        solvent_b=rng.uniform(100, 300), flat=bool(rng.random() < 0.5), colour=often(.6, 0, 6),
        colour_width=rng.uniform(20, 400), noise_b=often(.5, -15, 40), patchy=often(.5, 0, 0.6),
        aniso=often(.3, 0, 150), ripple=often(.5, 0, 0.4), coarse=often(.4, 0.8, resolution / 2),
        micelle=bool(rng.random() < 0.12), soft_end=bool(rng.random() < 0.5), varied=True)


def simulate_map(scene, conditions, rng):
    """A map under conditions.

    Parameters
    ----------
    scene : Scene
        1 Å/voxel.
    conditions : Conditions
    rng : numpy.random.Generator

    Returns
    -------
    volume : torch.Tensor of float32, (z, y, x)
        Can hold values that are not finite; such maps have to be left out.
    mask : torch.Tensor of bool, (z, y, x)
        Within 4 Å of atoms.
    """
    c, shape, grid = conditions, scene.shape, grid_of(scene.shape, scene.sampling)
    radius = grid.radius
    distance = distance_to_atoms(scene, 10.0)
    mask = distance <= _MASK_REACH
    transform = structure_factors(
        scene, b_factors(scene.atoms, rng, c.varied),
        faded_side_chains(scene.atoms, rng) if c.varied else None)
    transform = _surroundings(transform, scene, distance, c, rng) * decay(radius, -c.fall_off)
    if c.aniso:
        transform = transform * _one_direction(grid, c.aniso, rng)
    if c.uneven:
        weight = _where_worse(shape, scene.sampling, c.varied, rng)
        sharp = to_map(transform, shape)
        blurred = to_map(transform * decay(radius, -c.uneven), shape)
        transform = fft.rfftn(sharp + weight * (blurred - sharp))
    noise, noise_power = _noise_of(transform, grid, shape, scene.sampling, mask, c, rng)
    final = _processing(shell_power(transform, grid), noise_power, grid, c)
    if c.ripple:
        final = final * ripple(radius, c.ripple, rng)
    if c.coarse > scene.sampling:
        final = final * coarse_grid(grid, c.coarse)
    volume = to_map((transform + noise) * final, shape)
    if c.masked:
        inner, soft = 4.0 + rng.uniform(0, 4), 5.0
        if c.varied:
            soft = rng.choice([0.5, rng.uniform(1, 5)], p=[.3, .7])
        volume = volume * raised_edge(distance, inner, soft)
    return volume, mask


def raised_edge(distance, inner, soft):
    """Soft mask: 1 up to a distance, falling to 0 over ``soft`` Å."""
    return 0.5 + 0.5 * torch.cos(math.pi * torch.clamp((distance - inner) / soft, 0, 1))


def _surroundings(transform, scene, distance, c, rng):
    """Solvent, and perhaps a micelle."""
    radius = grid_of(scene.shape, scene.sampling).radius
    if c.flat or c.micelle:
        level = to_map(transform * decay(radius, -60.0), scene.shape)[distance <= 1.8].mean()
        if c.micelle:
            belt = micelle(scene, distance, rng) * level * rng.uniform(0.15, 0.6)
            transform = transform + fft.rfftn(belt)
        if c.flat:
            solvent = (distance > 2.3).float() * level * c.solvent * 0.6
            transform = transform + fft.rfftn(solvent) * decay(radius, -20.0)
    if not c.flat:
        transform = transform * (1 - c.solvent * decay(radius, -c.solvent_b))
    return transform


def _one_direction(grid, b_factor, rng):
    """Fading along one direction only."""
    direction = rng.normal(size=3)
    x, y, z = direction / np.linalg.norm(direction)
    along = grid.axes[0][:, None, None] * z + grid.axes[1][:, None] * y + grid.axes[2] * x
    return torch.exp(-b_factor / 4 * along ** 2)


def _where_worse(shape, sampling, varied, rng):
    """Weight of the worse copy, 0 to 1: in places, or towards one end."""
    if varied and rng.random() < 0.5:
        return torch.sigmoid(2.0 * smooth_field(shape, sampling, rng.uniform(6, 20)))
    axes = (torch.arange(side, device=DEVICE).view([-1 if i == j else 1 for j in range(3)])
            for i, side in enumerate(shape))
    along = sum(axis * float(part) for axis, part in zip(axes, rng.normal(size=3)))
    return (along - along.min()) / (along.max() - along.min())


def _noise_of(transform, grid, shape, sampling, mask, c, rng):
    """Noise that meets the signal at the resolution, and its power in each shell."""
    if c.patchy:
        field = torch.exp(c.patchy * smooth_field(shape, sampling, rng.uniform(8, 25)))
        noise = fft.rfftn(torch.randn(shape, device=DEVICE) * field)
    else:
        noise = white(shape)
    noise = noise * torch.sqrt(1 + c.colour * torch.exp(-grid.radius ** 2 * c.colour_width))
    noise = noise * decay(grid.radius, -c.noise_b)
    filled = mask.float().mean()
    at = 1 / c.resolution
    signal = band_power(transform, grid.radius, at) / filled
    factor = c.noise * torch.sqrt(
        signal / (_SNR_AT_RESOLUTION * band_power(noise, grid.radius, at)))
    return factor * noise, factor ** 2 * shell_power(noise, grid) * filled


def _processing(power, noise_power, grid, c):
    """What users do to a map: sharpening, weights, an end."""
    radius = grid.radius
    sharpening = c.sharpened * c.fall_off
    # The new simulation ends sharpening with the data.
    limit = 1 / (0.75 * c.resolution) if c.varied else math.inf
    final = decay(radius.clamp(max=limit), sharpening)
    if c.weighted:
        ratio = power / torch.clamp(noise_power, min=1e-9 * float(power.max()))
        final = final * torch.sqrt(ratio / (ratio + 0.5))[grid.shell]
    if c.ends and c.soft_end:
        final = final * raised_cosine(radius, c.resolution, min(0.05, 0.5 / c.resolution))
    elif c.ends:
        final = final * (radius <= 1 / c.resolution)
    return final


# ---- what the checks make of maps, on the device -----------------------------------------------

def seen_by_hand(volume):
    """A map at 1 Å/voxel as :mod:`vrs.checks.level_0.hand` gives it to its networks."""
    radius = grid_of(volume.shape, 1.0).radius
    density = to_map(fft.rfftn(volume) * raised_cosine(radius, 1 / 0.21, 0.02), volume.shape)
    positive = (density / density.max().clamp(min=1e-30)).clamp(min=0)
    scale = torch.sqrt(gaussian(positive ** 2, 4.0, 1.0).clamp(min=0))
    return positive / (scale + 0.1 * scale.max())


def seen_by_daq(volume, mask):
    """A map at 1 Å/voxel as :mod:`vrs.checks.level_A.daq` gives it to its network."""
    radius = grid_of(volume.shape, 1.0).radius
    density = to_map(fft.rfftn(volume) * raised_cosine(radius, 1 / 0.425, 0.05),
                     volume.shape).clamp(min=0)
    positive = density[mask & (density > 0)]
    if len(positive) == 0:
        return density
    strong = torch.kthvalue(positive, max(1, int(0.95 * len(positive)))).values
    return (density / strong.clamp(min=1e-30)).clamp(max=4.0)


def spline_boxes(density, points, box):
    """Boxes of box³ points 1 Å apart around points, by cubic splines; 0 outside the map.

    Parameters
    ----------
    density : torch.Tensor, (z, y, x)
        1 Å/voxel.
    points : torch.Tensor, (n, 3)
    box : int
        Odd.

    Returns
    -------
    torch.Tensor of float32, (n, box, box, box)
    """
    shape, half = tuple(density.shape), box // 2
    gains = [2 / 3 + torch.cos(2 * math.pi * f) / 3 for f in grid_of(shape, 1.0).axes]
    gain = gains[0][:, None, None] * gains[1][:, None] * gains[2]
    margin = half + 3
    padded = torch.nn.functional.pad(to_map(fft.rfftn(density) / gain, shape), (margin,) * 6)
    places = points.flip(1)
    base = torch.floor(places)
    t = places - base
    weights = torch.stack([(1 - t) ** 3, 3 * t ** 3 - 6 * t ** 2 + 4,
                           -3 * t ** 3 + 3 * t ** 2 + 3 * t + 1, t ** 3], -1) / 6
    side = box + 3
    limit = torch.tensor(padded.shape, device=DEVICE) - side
    values = gather(padded, torch.minimum((base.long() + margin - half - 1).clamp(min=0), limit),
                    side)
    for axis in range(3):
        values = sum(values.narrow(axis + 1, k, box) * weights[:, axis, k, None, None, None]
                     for k in range(4))
    return values


def gather(volume, corners, side):
    """Cubes of side³ voxels from corners (n, 3), z, y, x."""
    steps = torch.arange(side, device=DEVICE)
    z, y, x = (corners[:, axis, None] + steps for axis in range(3))
    _, ny, nx = volume.shape
    index = (z[:, :, None, None] * ny + y[:, None, :, None]) * nx + x[:, None, None, :]
    return volume.flatten()[index]
