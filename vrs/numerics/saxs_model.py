"""Small-angle X-ray scattering of atomic models in water."""

import gemmi
import numpy as np
from scipy import fft

from vrs.numerics import fourier
from vrs.numerics.model_map import model_mask
from vrs.numerics.scattering import (WATER_DENSITY, Lattice, SHELL_THICKNESS, blurred_points,
                                     blurred_samples, largest_distance, padded, shell_around,
                                     solvated_particle)

# Volumes that atoms displace in water, Å³ (Traube 1895, as in Svergun, Barberato and Koch
# 1995); hydrogens add to that of the atom that they are bound to.
_VOLUMES = {"H": 5.15, "C": 16.44, "N": 2.49, "O": 9.13, "P": 5.73, "S": 19.86, "Se": 19.86,
            "Mg": 1.56, "Ca": 31.89, "Mn": 9.20, "Fe": 7.99, "Cu": 8.78, "Zn": 9.85}
_OTHER_VOLUME = 9.0
_BOND = 1.09
_FINEST_MASK, _MOST_MASK_VOXELS = 1.0, 6e7
_SAMPLES = 2000
_FEWEST_ATOMS = 2

# Hydrogens of the atoms at neutral pH, where they differ from those of their kind.
_OF_AMINO_ACIDS = {"N": 1, "CA": 1, "CB": 2}
_OF_RIBOSE = {"C1'": 1, "C2'": 1, "C3'": 1, "C4'": 1, "C5'": 2, "O2'": 1}
_OF_DEOXYRIBOSE = {**_OF_RIBOSE, "C2'": 2}
_OF_BASES = {"A": {"C2": 1, "C8": 1, "N6": 2}, "G": {"C8": 1, "N1": 1, "N2": 2},
             "C": {"C5": 1, "C6": 1, "N4": 2}, "U": {"C5": 1, "C6": 1, "N3": 1},
             "T": {"C6": 1, "C7": 3, "N3": 1}}
_OF_SIDE_CHAINS = {
    "ALA": {"CB": 3}, "ARG": {"CG": 2, "CD": 2, "NE": 1, "NH1": 2, "NH2": 2}, "ASN": {"ND2": 2},
    "ASP": {}, "CYS": {"SG": 1}, "GLN": {"CG": 2, "NE2": 2}, "GLU": {"CG": 2}, "GLY": {"CA": 2},
    "HIS": {"ND1": 1, "CD2": 1, "CE1": 1}, "ILE": {"CB": 1, "CG1": 2, "CG2": 3, "CD1": 3},
    "LEU": {"CG": 1, "CD1": 3, "CD2": 3}, "LYS": {"CG": 2, "CD": 2, "CE": 2, "NZ": 3},
    "MET": {"CG": 2, "CE": 3}, "MSE": {"CG": 2, "CE": 3},
    "PHE": {"CD1": 1, "CD2": 1, "CE1": 1, "CE2": 1, "CZ": 1}, "PRO": {"N": 0, "CG": 2, "CD": 2},
    "SER": {"OG": 1}, "THR": {"CB": 1, "OG1": 1, "CG2": 3},
    "TRP": {"CD1": 1, "NE1": 1, "CE3": 1, "CZ2": 1, "CZ3": 1, "CH2": 1},
    "TYR": {"CD1": 1, "CD2": 1, "CE1": 1, "CE2": 1, "OH": 1}, "VAL": {"CB": 1, "CG1": 3, "CG2": 3}}
_HYDROGENS = {name: {**_OF_AMINO_ACIDS, **own} for name, own in _OF_SIDE_CHAINS.items()}
_HYDROGENS.update({name: {**_OF_RIBOSE, **_OF_BASES[name]} for name in "AGCU"})
_HYDROGENS.update({"D" + name: {**_OF_DEOXYRIBOSE, **_OF_BASES[name]} for name in "AGCT"})


class Groups:
    """The atoms of a model, each with the hydrogens bound to it.

    Hydrogens of amino acids and nucleotides are those at neutral pH, whatever the model
    shows. Those of other residues are the model's if there are any, else those that the
    residue is known to have, else one per carbon, in equal parts at all carbons. Water is
    left out, of alternative conformations all but the first, and occupancies count as 1.

    Attributes
    ----------
    kinds : list of (str, float)
        Element and number of hydrogens.
    of_atoms : numpy.ndarray of int, (atoms,)
        Which kind each atom is.
    positions : numpy.ndarray of float64, (atoms, 3)
        x, y, z in Å.
    model : gemmi.Structure
        These atoms and no others.

    Raises
    ------
    ValueError
        If there are none, if some have no known element, or if the model shows hardly more
        than one atom of each residue.
    """

    def __init__(self, structure):
        self.model = _heavy_part(structure)
        found, positions = [], []
        for chain, original in zip(self.model[0], structure[0]):
            for residue, before in zip(chain, original):
                found += _kinds(residue, before)
                positions += [atom.pos.tolist() for atom in residue]
        if not found:
            raise ValueError("The model holds no atoms other than water.")
        if len(found) < _FEWEST_ATOMS * sum(len(residue) > 0 and _is_polymer(residue)
                                            for chain in self.model[0] for residue in chain):
            raise ValueError("The model shows hardly more than one atom of each residue; its "
                             "scattering cannot be computed.")
        self.kinds = sorted(set(found))
        places = {kind: place for place, kind in enumerate(self.kinds)}
        self.of_atoms = np.array([places[kind] for kind in found])
        self.positions = np.array(positions)
        # gemmi scatters from unknown elements (X) as if they were oxygen.
        unknown = sorted({name for name, _ in self.kinds if name == "X"
                          or gemmi.Element(name).it92 is None})
        if unknown:
            raise ValueError("The model holds atoms of an unknown element (%s); name the "
                             "elements in its file." % ", ".join(unknown))

    def total(self, of_kind):
        """Sum over all atoms of a quantity that takes element and hydrogens."""
        counts = np.bincount(self.of_atoms, minlength=len(self.kinds))
        return float(counts @ [of_kind(*kind) for kind in self.kinds])


def solvated_model(structure, q_max, workers=1):
    """Scattering of a model in water, up to some q.

    Atoms and their hydrogens scatter with the form factors of the International Tables (1992,
    vol. C), less the water that they displace as Gaussians of their volume (Fraser, MacRae and
    Suzuki 1978, doi 10.1107/S0021889878014296). The hydration shell is 3 Å thick around the
    model's solvent-excluded surface (Svergun, Barberato and Koch 1995,
    doi 10.1107/S0021889895007047).

    Parameters
    ----------
    structure : gemmi.Structure
        Its first model counts, as :class:`Groups` reads it.
    q_max : float
        1/Å, up to which intensities will be right within 0.2 %.
    workers : int

    Returns
    -------
    vrs.numerics.scattering.SolvatedParticle
        Its volume is what the atoms displace.

    Raises
    ------
    ValueError
        As :class:`Groups` does, and if the model is too large.
    """
    groups = Groups(structure)
    lattice = Lattice.for_q(q_max)
    low = groups.positions.min(axis=0)
    margin = lattice.reach + lattice.spacing + 2 * SHELL_THICKNESS
    size = groups.positions.max(axis=0) - low + 2 * margin
    extent = tuple(int(count) for count in np.ceil(size[::-1] / lattice.spacing) + 1)
    shape = padded(extent)
    shift = margin - low
    body = _body_transform(groups, shift, extent, shape, lattice, workers)
    shell = _shell_samples(groups.model, shift, extent, lattice)
    return solvated_particle(body, fft.rfftn(shell, s=shape, workers=workers), shape, lattice,
                             groups.total(displaced_volume), largest_distance(groups.positions),
                             workers)


def displaced_volume(element, hydrogens):
    """Volume that an atom and its hydrogens displace in water, Å³.

    Parameters
    ----------
    element : str
    hydrogens : float

    Returns
    -------
    float
    """
    return _VOLUMES.get(element, _OTHER_VOLUME) + hydrogens * _VOLUMES["H"]


def excess_form_factor(element, hydrogens, q):
    """Form factor of an atom and its hydrogens, less the water that they displace.

    f(q) + n f_H(q) sin(qd)/(qd) - 0.334 V exp(-q² V^(2/3) / 4π), where the hydrogens are d = 1.09 Å
    from the atom, in all directions.

    Parameters
    ----------
    element : str
    hydrogens : float
        n.
    q : numpy.ndarray
        1/Å.

    Returns
    -------
    numpy.ndarray of float64
        Electrons.
    """
    volume = displaced_volume(element, hydrogens)
    water = WATER_DENSITY * volume * np.exp(-np.square(q) * volume ** (2 / 3) / (4 * np.pi))
    return (_form_factor(element, q)
            + hydrogens * _form_factor("H", q) * np.sinc(q * _BOND / np.pi) - water)


def model_mass(structure):
    """Mass of a model with all its hydrogens, Da, as :class:`Groups` reads it.

    Parameters
    ----------
    structure : gemmi.Structure

    Returns
    -------
    float

    Raises
    ------
    ValueError
        As :class:`Groups` does.
    """
    hydrogen = gemmi.Element("H").weight
    return Groups(structure).total(
        lambda element, hydrogens: gemmi.Element(element).weight + hydrogens * hydrogen)


def model_volume(structure):
    """Volume that a model displaces in water, Å³, as :class:`Groups` reads it.

    Parameters
    ----------
    structure : gemmi.Structure

    Returns
    -------
    float

    Raises
    ------
    ValueError
        As :class:`Groups` does.
    """
    return Groups(structure).total(displaced_volume)


def _heavy_part(structure):
    """Copy of the first model without water, hydrogens and further conformations."""
    copy = structure.clone()
    del copy[1:]
    for chain in copy[0]:
        for residue in chain:
            labels = sorted({atom.altloc for atom in residue} - {"\0"})
            dropped = set(labels[1:])
            for place in reversed(range(len(residue))):
                atom = residue[place]
                if residue.is_water() or atom.is_hydrogen() or atom.altloc in dropped:
                    del residue[place]
    return copy


def _kinds(residue, before):
    """Element and hydrogens of each atom; ``before`` is the residue as the model shows it."""
    known = _HYDROGENS.get(residue.name)
    if known is None:
        per_carbon = _hydrogens_per_carbon(residue, before)
        return [(atom.element.name, per_carbon if atom.element.name == "C" else 0.0)
                for atom in residue]
    return [(atom.element.name, float(known.get(atom.name, 0))) for atom in residue]


def _hydrogens_per_carbon(residue, before):
    carbons = sum(atom.element.name == "C" for atom in residue)
    if carbons == 0:
        return 0.0
    shown = sum(atom.is_hydrogen() for atom in before)
    tabulated = gemmi.find_tabulated_residue(residue.name)
    usual = tabulated.hydrogen_count if tabulated.found() else carbons
    return round((shown or usual) / carbons, 1)


def _is_polymer(residue):
    kind = gemmi.find_tabulated_residue(residue.name)
    return kind.is_amino_acid() or kind.is_nucleic_acid()


def _form_factor(element, q):
    sums = gemmi.Element(element).it92
    squares = np.square(np.asarray(q) / (4 * np.pi))
    return sum(a * np.exp(-b * squares) for a, b in zip(sums.a, sums.b)) + sums.c


def _body_transform(groups, shift, extent, shape, lattice, workers):
    """Transform of the atoms, less the water that they displace, on the padded grid."""
    total = np.zeros(fourier.half_space(shape), np.complex64)
    highest = 3 / (2 * lattice.spacing) ** 2
    squares = np.linspace(0, highest, _SAMPLES)
    q = 2 * np.pi * np.sqrt(squares)
    for place, kind in enumerate(groups.kinds):
        positions = groups.positions[groups.of_atoms == place] + shift
        transform = fft.rfftn(blurred_points(positions, extent, lattice), s=shape, workers=workers)
        factors = excess_form_factor(*kind, q)
        fourier.filter_in_place(transform, shape, lattice.spacing,
                                lambda f2, factors=factors: np.interp(f2, squares, factors))
        total += transform
    return total


def _shell_samples(model, shift, extent, lattice):
    """The hydration shell on the lattice, for a contrast of 1 e/Å³."""
    steps = int(np.ceil(lattice.spacing / _FINEST_MASK))
    while steps > 1 and np.prod(extent, dtype=float) * steps ** 3 > _MOST_MASK_VOXELS:
        steps -= 1
    sampling = lattice.spacing / steps
    moved = model.clone()
    transform = gemmi.Transform()
    transform.vec.fromlist([float(value) for value in shift])
    moved[0].transform_pos_and_adp(transform)
    mask = model_mask(moved, tuple(count * steps for count in extent), sampling)
    return blurred_samples(shell_around(mask, sampling), sampling, lattice)
