"""Simulated maps of proteins, for training and testing the package's networks.

How to use it::

    from training import maps

    rng = np.random.default_rng(7)
    name = maps.names("train")[0]                    # also "validation" and "test"
    structure = maps.load_structure(name)            # gemmi.Structure, heavy atoms of protein
    scene = maps.place(structure, rng, sampling=1.0) # random rotation and offset in a new box
    transform = maps.structure_factors(scene)        # rfftn of the density, B = 0
    radius = maps.frequency_radius(scene.shape, scene.sampling)           # |f|, 1/Å
    transform *= maps.raised_cosine(radius, resolution=5.0, width=0.02)
    transform *= maps.b_factor_decay(radius, b_factor=-100)
    volume = maps.to_volume(transform, scene.shape)  # float32 (z, y, x)
    noise = maps.white_noise(scene.shape, rng)       # scale it with maps.noise_with_ratio

``scene.model`` holds the atoms in the frame of the box: an atom at ``pos`` lies at voxel
(z, y, x) = (pos.z, pos.y, pos.x) / sampling. ``mirror`` gives the map of the wrong hand.

The structures are read from the folder ``structures`` of the test data (environment
variable VRS_TEST_DATA, else ../shared/data beside the checkout). ``python -m training.maps``
writes ``split.json``, which divides them by homology.
"""

import gzip
import json
import os
from dataclasses import dataclass
from pathlib import Path

import gemmi
import numpy as np
from scipy import fft
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial.transform import Rotation

SPLIT_FILE = Path(__file__).with_name("split.json")
PARTS = {"train": 0.70, "validation": 0.15, "test": 0.15}
# Unrelated pairs of these structures reach 0.14, or 0.20 where one chain is short.
_HOMOLOGOUS_IDENTITY = {60: 0.20, 0: 0.30}
_WORD, _SHARED_WORDS = 5, 0.05
_SHORTEST_CHAIN = 25


def structures_folder():
    """Folder of the gzipped PDB files."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("VRS_TEST_DATA", beside)) / "structures"


def names(part):
    """Names of the structures of "train", "validation" or "test", sorted."""
    return json.loads(SPLIT_FILE.read_text())[part]


def load_structure(name):
    """A structure without hydrogens, waters, ligands and alternative conformations.

    Parameters
    ----------
    name : str
        Such as ``"1A2K_l_u"``.

    Returns
    -------
    gemmi.Structure
        With one model.
    """
    with gzip.open(structures_folder() / (name + ".pdb.gz"), "rt") as handle:
        structure = gemmi.read_pdb_string(handle.read())
    structure.setup_entities()
    structure.remove_alternative_conformations()
    structure.remove_hydrogens()
    structure.remove_ligands_and_waters()
    while len(structure) > 1:
        del structure[1]
    return structure


def sequences(structure):
    """One-letter sequences of the chains that are long enough to compare."""
    found = []
    for chain in structure[0]:
        codes = gemmi.one_letter_code([residue.name for residue in chain.get_polymer()])
        if len(codes) >= _SHORTEST_CHAIN:
            found.append(codes)
    return sorted(set(found))


@dataclass
class Scene:
    """Atoms in a box: ``shape`` (z, y, x), ``sampling`` in Å/voxel, ``model`` a gemmi.Model."""

    model: gemmi.Model
    shape: tuple
    sampling: float

    def positions(self):
        """Positions of all atoms, float64 (atoms, 3), x, y, z in Å from voxel 0."""
        return np.array([site.atom.pos.tolist() for site in self.model.all()])


def place(structure, rng, sampling, margin=16.0, max_extent=None):
    """Put a structure into a box, in random orientation and with a random sub-voxel offset.

    Parameters
    ----------
    structure : gemmi.Structure
    rng : numpy.random.Generator
    sampling : float
        Å/voxel.
    margin : float
        Free space around the atoms, Å.
    max_extent : float, optional
        Keep only the atoms in a cube of this side (Å) around a random atom.

    Returns
    -------
    Scene
    """
    model = structure[0].clone()
    _turn(model, Rotation.from_quat(rng.normal(size=4)).as_matrix(), np.zeros(3))
    if max_extent is not None:
        _cut(model, rng, max_extent / 2)
    positions = np.array([site.atom.pos.tolist() for site in model.all()])
    shift = margin - positions.min(axis=0) + rng.uniform(0, sampling, 3)
    _turn(model, np.eye(3), shift)
    extent = np.ptp(positions, axis=0) + 2 * margin + sampling
    shape = tuple(_fft_size(side / sampling) for side in extent[::-1])
    return Scene(model, shape, sampling)


def structure_factors(scene, b_factor=0.0):
    """Transform of the electrostatic potential of the atoms (electron form factors).

    Parameters
    ----------
    scene : Scene
    b_factor : float or numpy.ndarray, (atoms,)
        B of all atoms or of each, Å², 0 or positive.

    Returns
    -------
    numpy.ndarray of complex64, (z, y, x // 2 + 1)
        ``rfftn`` of the density, without what lies beyond Nyquist in any direction.
    """
    model = scene.model.clone()
    # Atoms are blurred for the grid and the blur is undone in Fourier space, as the
    # density of point-like atoms cannot be sampled without aliasing.
    blur = 40.0 * scene.sampling ** 2
    factors = np.broadcast_to(b_factor, model.count_atom_sites())
    for site, factor in zip(model.all(), factors):
        site.atom.b_iso, site.atom.occ = float(factor) + blur, 1.0
    calculator = gemmi.DensityCalculatorE()
    nz, ny, nx = scene.shape
    calculator.grid.unit_cell = gemmi.UnitCell(
        nx * scene.sampling, ny * scene.sampling, nz * scene.sampling, 90, 90, 90)
    calculator.grid.spacegroup = gemmi.SpaceGroup("P 1")
    calculator.grid.set_size(nx, ny, nz)
    calculator.d_min = 2 * scene.sampling
    calculator.add_model_density_to_grid(model)
    density = np.ascontiguousarray(np.array(calculator.grid, copy=False).T, dtype=np.float32)
    transform = fft.rfftn(density)
    radius = frequency_radius(scene.shape, scene.sampling)
    transform *= np.exp(blur / 4 * radius ** 2) * (radius <= 0.5 / scene.sampling)
    return transform


def frequency_radius(shape, sampling):
    """|f| in 1/Å on the half space of a real transform, float32."""
    axes = [fft.fftfreq(shape[0], sampling), fft.fftfreq(shape[1], sampling),
            fft.rfftfreq(shape[2], sampling)]
    z, y, x = (axis.astype(np.float32) ** 2 for axis in axes)
    return np.sqrt(z[:, None, None] + y[:, None] + x)


def to_volume(transform, shape):
    """The map of a half transform, float32 (z, y, x)."""
    return fft.irfftn(transform, s=shape)


def raised_cosine(radius, resolution, width):
    """Low-pass that falls from 1 to 0 over ``width`` (1/Å), 0.5 at 1/resolution."""
    phase = np.clip((radius - 1 / resolution) / width + 0.5, 0, 1)
    return 0.5 + 0.5 * np.cos(np.pi * phase)


def butterworth(radius, resolution, order):
    """Low-pass 1/(1 + (f·resolution)^(2·order)), 0.5 at 1/resolution."""
    return 1 / (1 + (radius * resolution) ** (2 * order))


def b_factor_decay(radius, b_factor):
    """exp(B f²/4): a negative B (Å²) fades the map, a positive one sharpens it."""
    return np.exp(b_factor / 4 * radius ** 2)


def solvent_contrast(radius, fraction, b_factor=200.0):
    """What solvent of a fraction of the protein's density leaves: 1 - k exp(-B f²/4)."""
    return 1 - fraction * np.exp(-b_factor / 4 * radius ** 2)


def white_noise(shape, rng):
    """Transform of Gaussian white noise of unit variance."""
    return fft.rfftn(rng.standard_normal(shape, dtype=np.float32))


def band_power(transform, radius, frequency, width):
    """Mean squared amplitude of the coefficients within width/2 of a frequency (1/Å)."""
    band = transform[np.abs(radius - frequency) < width / 2]
    return float(np.mean(band.real ** 2 + band.imag ** 2))


def noise_with_ratio(signal, noise, radius, resolution, ratio, filled=1.0, width=0.02):
    """Factor for noise so that the power ratio signal/noise has a value at a resolution.

    Parameters
    ----------
    signal, noise : numpy.ndarray of complex64
        Half transforms.
    radius : numpy.ndarray
        From :func:`frequency_radius`.
    resolution : float
        Å.
    ratio : float
        Signal power over noise power there, where the signal is.
    filled : float
        Fraction of the box that the signal fills: the noise fills all of it.
    width : float
        Of the band in which powers are taken, 1/Å.

    Returns
    -------
    float
    """
    power = band_power(signal, radius, 1 / resolution, width) / filled
    return float(np.sqrt(power / (ratio * band_power(noise, radius, 1 / resolution, width))))


def mirror(volume):
    """The map of the other hand (z reversed)."""
    return np.ascontiguousarray(volume[::-1])


def divide_by_homology():
    """Divide the structures so that homologous chains stay together.

    Two structures are linked when a pair of their chains aligns globally (BLOSUM62) with an
    identity of 20 % of the shorter one (30 % below 60 residues), or when they share 5 % of
    their words of five residues, which finds a domain within a longer chain. Groups of linked
    structures go, largest first, to the part that lacks most.

    Returns
    -------
    dict of str to list of str
    """
    found = sorted(path.name[:-len(".pdb.gz")] for path in structures_folder().glob("*.pdb.gz"))
    chains = [(index, codes) for index, name in enumerate(found)
              for codes in sequences(load_structure(name))]
    links = [(i, j) for n, (i, one) in enumerate(chains) for j, other in chains[:n]
             if i != j and _homologous(one, other)]
    rows, columns = np.array(links).T
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(found),) * 2)
    _, labels = connected_components(graph, directed=False)
    groups = sorted((sorted(np.flatnonzero(labels == label)) for label in set(labels)),
                    key=lambda group: (-len(group), group[0]))
    parts = {part: [] for part in PARTS}
    for group in groups:
        part = max(PARTS, key=lambda p: PARTS[p] * len(found) - len(parts[p]))
        parts[part] += [found[index] for index in group]
    return {part: sorted(members) for part, members in parts.items()}


def _homologous(one, other):
    shortest = min(len(one), len(other))
    words, other_words = ({codes[i:i + _WORD] for i in range(len(codes) - _WORD + 1)}
                          for codes in (one, other))
    if len(words & other_words) >= _SHARED_WORDS * shortest:
        return True
    scoring = gemmi.AlignmentScoring("b")
    result = gemmi.align_string_sequences(list(one), list(other), [], scoring)
    needed = next(value for length, value in _HOMOLOGOUS_IDENTITY.items() if shortest >= length)
    return result.match_count >= needed * shortest


def _turn(model, rotation, shift):
    transform = gemmi.Transform()
    transform.mat.fromlist(rotation.tolist())
    transform.vec.fromlist(shift.tolist())
    model.transform_pos_and_adp(transform)


def _cut(model, rng, half):
    positions = np.array([site.atom.pos.tolist() for site in model.all()])
    centre = positions[rng.integers(len(positions))]
    for chain in model:
        for residue in chain:
            for index in reversed(range(len(residue))):
                if np.abs(np.array(residue[index].pos.tolist()) - centre).max() > half:
                    del residue[index]


def _fft_size(size):
    """The next even size whose transform is fast."""
    size = int(np.ceil(size))
    while size % 2 or fft.next_fast_len(size, real=True) != size:
        size += 1
    return size


if __name__ == "__main__":
    divided = divide_by_homology()
    SPLIT_FILE.write_text(json.dumps(divided, indent=1) + "\n")
    print({part: len(members) for part, members in divided.items()})
