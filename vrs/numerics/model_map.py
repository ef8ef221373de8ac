"""Density and masks of atomic models on the grids of maps.

Models are in the frame of the map: the first voxel is at the origin. Boxes may have any
shape, and atoms may lie beyond their borders: what lies outside stays outside.
"""

import gemmi
import numpy as np
from scipy import fft

from vrs.numerics import fourier

# Atoms are laid out blurred and on a finer grid, which keeps what is beyond its Nyquist
# frequency from folding back: with these, by less than 1 part in 1000 up to that of the map.
_FINER = 4 / 3
_BLUR = 64.0
_PROBE, _SHRINK = 1.1, 0.9
_LARGEST_RADIUS = 3.5


def density_of_atoms(model, shape, size, blur=0.0):
    """Density that electrons see, as the sum of atoms at their B factors, periodic.

    Atoms are sums of Gaussians (electron scattering factors of Peng 1996,
    doi 10.1107/S0108767395014371), each with its occupancy and displacement; there is no
    solvent.

    Parameters
    ----------
    model : gemmi.Model
    shape : tuple of int
        Grid (z, y, x).
    size : tuple of float
        Of the box, (z, y, x), in Å.
    blur : float
        Å², added to all B factors.

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
    """
    calculator = gemmi.DensityCalculatorE()
    # Atoms are laid out to where they have faded at this sampling.
    calculator.d_min = 2 * min(length / count for length, count in zip(size, shape))
    calculator.blur = blur
    _set_up(calculator.grid, shape, size)
    calculator.add_model_density_to_grid(model)
    # gemmi's grids have x first.
    return np.ascontiguousarray(calculator.grid.array.transpose(2, 1, 0), dtype=np.float32)


def model_transform(structure, shape, sampling, b_factor=None, workers=1):
    """Fourier transform of the density of a model in the box of a map.

    Parameters
    ----------
    structure : gemmi.Structure
    shape : tuple of int
        Box (z, y, x) in voxels.
    sampling : float
        Å/voxel.
    b_factor : float, optional
        Å², of all atoms, instead of their own; negative ones of their own count as 0, and
        anisotropic displacements that are negative in some direction as isotropic.
    workers : int

    Returns
    -------
    numpy.ndarray of complex64, (z, y, x // 2 + 1)
        As ``scipy.fft.rfftn`` gives it, of the density without what is beyond Nyquist.
        Atoms beyond the borders add only what reaches into the box.
    """
    region, transform = _wide_transform(structure, shape, sampling, b_factor, 0, workers)
    if region.shape == tuple(shape):
        return transform
    padded = fft.irfftn(transform, s=region.shape, workers=workers, overwrite_x=True)
    return fft.rfftn(padded[region.box], workers=workers)


def model_map(structure, shape, sampling, resolution, workers=1):
    """Density of a model at a resolution: nothing beyond it, all as it is up to it.

    Parameters
    ----------
    structure : gemmi.Structure
    shape : tuple of int
        Box (z, y, x) in voxels.
    sampling : float
        Å/voxel.
    resolution : float
        Å; that of Nyquist if finer.
    workers : int

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
    """
    region, transform = _wide_transform(structure, shape, sampling, None, resolution, workers)
    density = fft.irfftn(transform, s=region.shape, workers=workers, overwrite_x=True)
    return np.ascontiguousarray(density[region.box])


def model_mask(structure, shape, sampling, further=0.0):
    """Mask of the molecule as crystallographers draw it.

    Spheres of van der Waals radii, where a probe of 1.1 Å does not fit in between, with
    borders drawn back by 0.9 Å (Jiang and Brünger 1994, doi 10.1006/jmbi.1994.1633).

    Parameters
    ----------
    structure : gemmi.Structure
    shape : tuple of int
        Box (z, y, x) in voxels.
    sampling : float
        Å/voxel.
    further : float
        Å, by which all radii are larger.

    Returns
    -------
    numpy.ndarray of bool, (z, y, x)
    """
    reach = _LARGEST_RADIUS + _PROBE + further
    region = _Region(_atoms(structure), shape, sampling, reach)
    grid = gemmi.Int8Grid()
    _set_up(grid, region.shape, [count * sampling for count in region.shape])
    masker = gemmi.SolventMasker(gemmi.AtomicRadiiSet.Cctbx)
    masker.rprobe, masker.rshrink = _PROBE + further, _SHRINK
    masker.ignore_hydrogen = masker.ignore_zero_occupancy_atoms = False
    masker.put_mask_on_int8_grid(grid, region.model)
    return grid.array.transpose(2, 1, 0)[region.box] == 0


def spheres(positions, radius, shape, sampling):
    """Voxels within a radius of any of some positions.

    Parameters
    ----------
    positions : numpy.ndarray of float64, (n, 3)
        x, y, z in Å.
    radius : float
        Å.
    shape : tuple of int
        Box (z, y, x) in voxels.
    sampling : float
        Å/voxel.

    Returns
    -------
    region : tuple of slice
        Block (z, y, x) that holds them all; empty where they are outside the box.
    inside : numpy.ndarray of bool
        Of the size of the block.
    """
    centres, reach = np.asarray(positions, float)[:, ::-1] / sampling, radius / sampling
    first = np.clip(np.ceil(centres - reach).astype(int), 0, shape)
    last = np.clip(np.floor(centres + reach).astype(int) + 1, first, shape)
    start, stop = first.min(axis=0), last.max(axis=0)
    inside = np.zeros(stop - start, bool)
    for centre, low, high in zip(centres, first, last):
        z, y, x = (np.square(np.arange(a, b) - c) for a, b, c in zip(low, high, centre))
        block = tuple(slice(a, b) for a, b in zip(low - start, high - start))
        inside[block] |= z[:, None, None] + y[:, None] + x <= reach ** 2
    return tuple(slice(a, b) for a, b in zip(start, stop)), inside


def image_radius(resolution, b_factor):
    """Radius of the image of a carbon atom at a resolution.

    Twice the distance of the first inflection point of its Fourier image from its centre,
    as is used to say which voxels belong to an atom (Afonine et al. 2018,
    doi 10.1107/S2059798318009324).

    Parameters
    ----------
    resolution : float
        Å.
    b_factor : float
        Å².

    Returns
    -------
    float
        Å, at most 30.
    """
    s = np.linspace(0, 1 / resolution, 500)[1:]
    carbon = gemmi.Element("C").c4322
    factors = np.array([carbon.calculate_sf(value ** 2 / 4) for value in s])
    weights = s * factors * np.exp(-b_factor * s ** 2 / 4)
    radii = np.arange(0.05, 15, 0.05)
    image = (weights * np.sin(2 * np.pi * np.outer(radii, s))).sum(axis=1) / radii
    bends = np.flatnonzero(np.diff(image, 2) > 0)
    return 2 * float(radii[bends[0] + 1] if bends.size else radii[-1])


def _wide_transform(structure, shape, sampling, b_factor, resolution, workers):
    """Region about the box of the map, and transform of the density there to a resolution."""
    atoms = _atoms(structure, b_factor)
    region = _Region(atoms, shape, sampling, _faded(atoms, sampling))
    grid = tuple(fft.next_fast_len(int(np.ceil(_FINER * count)), real=True)
                 for count in region.shape)
    size = [count * sampling for count in region.shape]
    blur = _BLUR * sampling ** 2
    density = density_of_atoms(region.model, grid, size, blur)
    fine = fft.rfftn(density, workers=workers, overwrite_x=True)
    del density
    transform = _cropped(fine, region.shape)
    del fine
    scale = np.prod(region.shape, dtype=float) / np.prod(grid, dtype=float)
    highest = 1 / max(resolution, 2 * sampling) ** 2

    def response(f2):
        return np.where(f2 < highest, scale * np.exp(blur / 4 * np.minimum(f2, highest)), 0)

    fourier.filter_in_place(transform, region.shape, sampling, response)
    return region, transform


class _Region:
    """A box, wider than that of the map where atoms reach across its borders.

    ``model`` holds the atoms that matter, in the frame of the wider box; ``shape`` is that
    of the box, ``box`` where the map lies in it.
    """

    def __init__(self, atoms, shape, sampling, reach):
        positions = np.array([atom.pos.tolist() for atom in atoms]).reshape(-1, 3)
        size = np.array(shape[::-1]) * sampling
        near = np.flatnonzero(((positions > -reach) & (positions < size + reach)).all(axis=1))
        across = ((positions[near] < reach) | (positions[near] > size - sampling - reach))
        margin = np.where(across.any(axis=0), int(np.ceil(reach / sampling)) + 1, 0)
        self.shape = tuple(
            int(fft.next_fast_len(int(count + 2 * wide), real=True)) if wide else count
            for count, wide in zip(shape, margin[::-1]))
        self.box = tuple(slice(wide, wide + count) for count, wide in zip(shape, margin[::-1]))
        residue, shift = gemmi.Residue(), gemmi.Position(*(margin * sampling))
        residue.name = "UNK"
        for index in near:
            atom = atoms[index]
            atom.pos += shift
            residue.add_atom(atom)
        chain = gemmi.Chain("A")
        chain.add_residue(residue)
        self.model = gemmi.Model(1)
        self.model.add_chain(chain)


def _atoms(structure, b_factor=None):
    """Copies of all atoms, without impossible displacements or with a given B factor."""
    atoms = [site.atom.clone() for site in structure[0].all()]
    for atom in atoms:
        if b_factor is not None:
            atom.aniso, atom.b_iso = gemmi.SMat33f(0, 0, 0, 0, 0, 0), b_factor
            continue
        atom.b_iso = max(atom.b_iso, 0.0)
        if atom.aniso.nonzero() and min(atom.aniso.calculate_eigenvalues()) < 0:
            atom.aniso = gemmi.SMat33f(0, 0, 0, 0, 0, 0)
    return atoms


def _faded(atoms, sampling):
    """Distance (Å) at which the blurred atoms have faded."""
    calculator = gemmi.DensityCalculatorE()
    calculator.d_min, calculator.blur = 2 * sampling, _BLUR * sampling ** 2
    calculator.grid.set_unit_cell(gemmi.UnitCell(10, 10, 10, 90, 90, 90))
    widest = max(atoms, key=lambda atom: atom.b_iso)
    return calculator.estimate_radius(widest)


def _set_up(grid, shape, size):
    grid.spacegroup = gemmi.SpaceGroup("P 1")
    grid.set_unit_cell(gemmi.UnitCell(*size[::-1], 90, 90, 90))
    grid.set_size(*shape[::-1])


def _cropped(transform, shape):
    """Coefficients of a coarser grid, without those at Nyquist."""
    small = np.zeros(fourier.half_space(shape), transform.dtype)
    z, y, x = ((count - 1) // 2 for count in shape)
    for planes in (slice(0, z + 1), slice(-z, None)):
        for rows in (slice(0, y + 1), slice(-y, None)):
            small[planes, rows, :x + 1] = transform[planes, rows, :x + 1]
    return small
