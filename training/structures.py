"""Atomic structures for the training, their division by homology, and the arrays made of them.

    python -m training.structures bank.npz                    # from $VRS_TEST_DATA/structures
    python -m training.structures bank.npz --more FOLDER      # and what README.md names beside them
    python -m training.structures --divide                    # writes split.json anew

Needs gemmi and numpy. The file holds, for each structure in the division, what the simulation
and the labels need, see :func:`arrays`.
"""

import argparse
import gzip
import json
import math
import os
from pathlib import Path

import gemmi
import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from vrs.checks.level_A import daq

SPLIT_FILE = Path(__file__).with_name("split.json")
PARTS = {"train": 0.70, "validation": 0.15, "test": 0.15}
# Unrelated pairs of these structures with a similar length reach 0.30.
_HOMOLOGOUS_IDENTITY, _SIMILAR_LENGTH = 0.32, 0.6
_WORD, _SHARED_WORDS = 5, 0.05
_SHORTEST_CHAIN = 25

ELEMENTS = ("C", "N", "O", "S", "P", "SE", "FE", "ZN", "MG", "CA", "other")
# Classes of atoms, as the network of A.g tells them apart; nucleic acids are "other" to it.
KINDS = ("other", "N", "CA", "C", "O", "side chain", "phosphate", "sugar", "base")
ACID = 100  # added to the bonds from the backbone for the oxygens of Asp, Glu
_BACKBONE = {"N": 1, "CA": 2, "C": 3, "O": 4}
_PHOSPHATE = {"P", "OP1", "OP2", "OP3", "O1P", "O2P", "O3P", "O5'", "O3'", "O5*", "O3*"}
_REMOTENESS = {letter: steps for steps, letter in enumerate("BGDEZH", 1)}
_ACIDS = {("ASP", "OD1"), ("ASP", "OD2"), ("GLU", "OE1"), ("GLU", "OE2")}

# An alpha helix, after G.N. Ramachandran et al. 1963, doi 10.1016/S0022-2836(63)80023-6.
_PHI, _PSI = (-105.0, -35.0), (-75.0, -5.0)
_SHORTEST_HELIX, _SHORTEST_RUN = 6, 4
_PEPTIDE_BOND = 1.8


def structures_folder():
    """Folder of the gzipped PDB files of the test data."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("VRS_TEST_DATA", beside)) / "structures"


def split():
    """Names of the structures by part: "train", "validation", "test"."""
    return json.loads(SPLIT_FILE.read_text())


def files(*folders):
    """Files of structures by name, ``{"1A2K_l_u": Path}``."""
    found = {}
    for folder in folders:
        for path in sorted(Path(folder).iterdir()):
            name = path.name[:-len(".gz")] if path.name.endswith(".gz") else path.name
            if name.endswith((".pdb", ".cif")):
                found[name[:-len(".pdb")]] = path
    return found


def load_structure(path):
    """A structure without hydrogens, waters and alternative conformations; ligands stay.

    Parameters
    ----------
    path : pathlib.Path
        PDB or mmCIF, gzipped or not.

    Returns
    -------
    gemmi.Structure
        With one model.
    """
    content = path.read_bytes()
    if path.name.endswith(".gz"):
        content = gzip.decompress(content)
    if ".cif" in path.name:
        structure = gemmi.make_structure_from_block(gemmi.cif.read_string(content).sole_block())
    else:
        structure = gemmi.read_pdb_string(content.decode())
    structure.setup_entities()
    structure.remove_alternative_conformations()
    structure.remove_hydrogens()
    structure.remove_waters()
    while len(structure) > 1:
        del structure[1]
    return structure


def arrays(model):
    """What simulation and labels need of a structure.

    Parameters
    ----------
    model : gemmi.Model

    Returns
    -------
    dict of str to numpy.ndarray
        Of atoms: ``pos`` (int16, 0.01 Å about the middle of the box around them, x, y, z),
        ``el`` (index into ELEMENTS), ``b`` (Å², 0 to 255), ``kind`` (index into KINDS),
        ``rem`` (bonds from the backbone, plus ACID). Of amino acids: ``ca`` (alpha carbons),
        ``aa``, ``ss``, ``chain`` as :func:`vrs.checks.level_A.daq.read_alpha_carbons` gives
        them. Of helices: ``rim`` (backbone atoms of runs of four residues or more) and ``core``
        (of six or more, first and last left out). Of nucleotides: ``nt`` (C1'), ``base``.
    """
    sites = list(model.all())
    positions = np.array([site.atom.pos.tolist() for site in sites])
    middle = (positions.min(axis=0) + positions.max(axis=0)) / 2

    def hundredths(points):
        points = np.reshape(np.asarray(points, float), (-1, 3))
        return np.rint(100 * (points - middle)).astype(np.int16)

    kinds, remote = zip(*(_kind_of(site.residue, site.atom) for site in sites))
    carbons = daq.read_alpha_carbons(model)
    runs = helix_runs(model)
    cores = [run[1:-1] for run in runs if len(run) >= _SHORTEST_HELIX]
    sugars = [site for site in sites if site.atom.name in ("C1'", "C1*")
              and daq.base_of(site.residue.name) is not None]
    return {
        "pos": hundredths(positions),
        "el": np.array([_element_of(site.atom) for site in sites], np.uint8),
        "b": np.array([min(255, max(0, round(site.atom.b_iso))) for site in sites], np.uint8),
        "kind": np.array(kinds, np.uint8), "rem": np.array(remote, np.uint8),
        "ca": hundredths(carbons.positions), "aa": carbons.types.astype(np.int8),
        "ss": carbons.structures.astype(np.int8), "chain": carbons.chains.astype(np.int16),
        "rim": hundredths(_backbone_of(runs)), "core": hundredths(_backbone_of(cores)),
        "nt": hundredths([site.atom.pos.tolist() for site in sugars]),
        "base": np.array([daq.base_of(site.residue.name) for site in sugars], np.int8)}


def write_bank(path, found, parts):
    """Store the arrays of structures one after another, ``.npz``.

    Parameters
    ----------
    path : pathlib.Path
    found : dict of str to pathlib.Path
        From :func:`files`.
    parts : dict of str to list of str
        Division; names without a file are left out.

    Returns
    -------
    list of str
        Names that were left out.
    """
    meta, stored, missing = [], {}, []
    for part, names in parts.items():
        for name in names:
            if name not in found:
                missing.append(name)
                continue
            meta.append({"name": name, "part": part})
            for key, values in arrays(load_structure(found[name])[0]).items():
                stored.setdefault(key, []).append(values)
    lengths = {key + "_n": np.array([len(v) for v in values]) for key, values in stored.items()}
    np.savez_compressed(path, meta=json.dumps(meta), **lengths,
                        **{key: np.concatenate(values) for key, values in stored.items()})
    return missing


def helix_runs(model):
    """Runs of residues with the backbone torsions of an alpha helix.

    Parameters
    ----------
    model : gemmi.Model

    Returns
    -------
    list of list of gemmi.Residue
        Each at least four residues, consecutive and linked by peptide bonds.
    """
    runs = []
    for chain in model:
        residues = [residue for residue in chain.first_conformer() if residue.find_atom("CA", "*")]
        run = []
        for i, residue in enumerate(residues):
            before = residues[i - 1] if i else None
            after = residues[i + 1] if i + 1 < len(residues) else None
            if run and not _linked(before, residue):
                runs.append(run)
                run = []
            if _is_helical(before, residue, after):
                run.append(residue)
            else:
                runs.append(run)
                run = []
        runs.append(run)
    return [run for run in runs if len(run) >= _SHORTEST_RUN]


def divide_by_homology(found):
    """Divide structures so that homologous chains stay together.

    Two structures are linked when a pair of their chains is :func:`homologous`. Groups of
    linked structures go, largest first, to the part that lacks most.

    Parameters
    ----------
    found : dict of str to pathlib.Path

    Returns
    -------
    dict of str to list of str
    """
    names = sorted(found)
    chains = [(index, codes) for index, name in enumerate(names)
              for codes in _sequences(load_structure(found[name]))]
    links = [(i, j) for n, (i, one) in enumerate(chains) for j, other in chains[:n]
             if i != j and homologous(one, other)]
    rows, columns = np.reshape(np.array(links, int), (-1, 2)).T
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(names),) * 2)
    _, labels = connected_components(graph, directed=False)
    groups = sorted((sorted(np.flatnonzero(labels == label)) for label in set(labels)),
                    key=lambda group: (-len(group), group[0]))
    parts = {part: [] for part in PARTS}
    for group in groups:
        part = max(PARTS, key=lambda p: PARTS[p] * len(names) - len(parts[p]))
        parts[part] += [names[index] for index in group]
    return {part: sorted(members) for part, members in parts.items()}


def homologous(one, other):
    """Whether two sequences are too similar to be on different sides.

    They are when they share 5 % of the words of five residues of the shorter one, which finds a
    domain within a longer chain, or when chains of similar length (0.6) align globally
    (BLOSUM62) with an identity of 32 % of the shorter one.

    Parameters
    ----------
    one, other : str
        One-letter codes.

    Returns
    -------
    bool
    """
    shortest, longest = sorted((len(one), len(other)))
    words, other_words = ({codes[i:i + _WORD] for i in range(len(codes) - _WORD + 1)}
                          for codes in (one, other))
    if len(words & other_words) >= _SHARED_WORDS * shortest:
        return True
    if shortest < _SIMILAR_LENGTH * longest:
        return False
    names = (gemmi.expand_one_letter_sequence(codes, gemmi.ResidueKind.AA)
             for codes in (one, other))
    result = gemmi.align_string_sequences(*names, [], gemmi.AlignmentScoring("b"))
    return result.match_count >= _HOMOLOGOUS_IDENTITY * shortest


def _sequences(structure):
    """One-letter sequences of the chains that are long enough to compare."""
    found = []
    for chain in structure[0]:
        codes = gemmi.one_letter_code([residue.name for residue in chain.get_polymer()])
        if len(codes) >= _SHORTEST_CHAIN:
            found.append(codes)
    return sorted(set(found))


def _element_of(atom):
    name = atom.element.name.upper()
    return ELEMENTS.index(name if name in ELEMENTS else "other")


def _kind_of(residue, atom):
    """Class of an atom and its bonds from the backbone (plus ACID)."""
    if daq.base_of(residue.name) is not None:
        if atom.name in _PHOSPHATE:
            return KINDS.index("phosphate"), 0
        return KINDS.index("sugar" if atom.name[-1] in "'*" else "base"), 0
    if not gemmi.find_tabulated_residue(residue.name).is_amino_acid():
        return 0, 0
    if atom.name in _BACKBONE:
        return _BACKBONE[atom.name], 0
    acid = ACID if (residue.name, atom.name) in _ACIDS else 0
    return KINDS.index("side chain"), _REMOTENESS.get(atom.name[1:2], 0) + acid


def _backbone_of(runs):
    return [atom.pos.tolist() for run in runs for residue in run for atom in residue
            if atom.name in ("N", "CA", "C")]


def _linked(first, second):
    if first is None or second is None:
        return False
    c, n = first.find_atom("C", "*"), second.find_atom("N", "*")
    return bool(c and n) and c.pos.dist(n.pos) < _PEPTIDE_BOND


def _is_helical(before, residue, after):
    if not (_linked(before, residue) and _linked(residue, after)):
        return False
    phi, psi = (math.degrees(angle) for angle in gemmi.calculate_phi_psi(before, residue, after))
    return _PHI[0] <= phi <= _PHI[1] and _PSI[0] <= psi <= _PSI[1]


def main():
    """Make the file of arrays, or the division."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bank", type=Path, nargs="?")
    parser.add_argument("--more", type=Path, action="append", default=[], metavar="FOLDER")
    parser.add_argument("--divide", action="store_true", help="write split.json anew")
    arguments = parser.parse_args()
    found = files(structures_folder(), *arguments.more)
    if arguments.divide:
        SPLIT_FILE.write_text(json.dumps(divide_by_homology(found), indent=1) + "\n")
    if arguments.bank:
        missing = write_bank(arguments.bank, found, split())
        print("%s written; no file for %d structures %s" % (
            arguments.bank, len(missing), " ".join(missing)))


if __name__ == "__main__":
    main()
