"""Reading atomic models from mmCIF and PDB files, and writing them."""

import itertools
import string
from collections import defaultdict
from dataclasses import dataclass, field
from typing import List

import gemmi
import numpy as np

from vrs.errors import InputError
from vrs.io import files
from vrs.io.atom_table import no_atoms, read_table
from vrs.results import MINOR, Note

# What to give where a file is none.
WANTED = "an atomic model as mmCIF or PDB file"
_LARGEST_FILE = 10 ** 9
# Atoms beyond (Å) are nowhere; mmCIF has room for any number.
_FARTHEST = 1e5
# An atom of a larger B factor (Å²), displaced by 3.6 Å, is invisible at any resolution; in
# PDB files larger ones cannot even be written.
_LARGEST_B, _USUAL_B = 1000.0, 20.0
_LARGEST_OCCUPANCY = 1.005  # by rounding
_LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits
_ORGANIC = ("H", "D", "C", "N", "O", "S", "P")
# Elements of two letters that no atom of carbon, nitrogen or oxygen is named like.
_CLEAR = ("CL", "BR", "FE", "ZN", "MG", "MN", "SE", "SI")
# Atoms of which no residue has two.
_MAIN_CHAIN = ("N", "CA", "C", "P", "C1'")
_SELENIUM = ("MSE", "SEC", "MET", "CYS")


@dataclass
class ModelFile:
    """An atomic model that was read from a file.

    Attributes
    ----------
    path : str
    structure : gemmi.Structure
        Its first model only, with all its atoms that have a place; no two chains have the
        same name, no chain is without one, and no residue is without a number.
    notes : list of Note
        What the reader of a report should know.
    """

    path: str
    structure: gemmi.Structure
    notes: List[Note] = field(default_factory=list)


def read_model(path):
    """Read an atomic model, check it, and mend what is harmless.

    What the file leaves out or got wrong is mended where there is only one way to do so, and
    a note tells it: names of chains, numbers of residues, elements, occupancies, B factors.

    Parameters
    ----------
    path : str
        mmCIF or PDB file, whatever its name, perhaps packed by gzip, bzip2, xz or zip; never
        written to.

    Returns
    -------
    ModelFile

    Raises
    ------
    InputError
        If it cannot be read, holds coordinates that are not numbers in the places of such
        (the message has the line), or has no atoms with finite coordinates.
    """
    path = str(path)
    table = read_table(_text(path), path)
    notes = []
    if table.models > 1:
        notes.append(Note("The file holds %d models; the first one is used." % table.models))
    if table.after_end:
        notes.append(Note("The file continues after its first END; all its atoms were used."))
    if table.by_sequence:
        notes.append(Note("The authors' residue numbers are missing from the file; those of the "
                          "sequence are used."))
    _mend_elements(table, notes)
    _number_residues(table, notes)
    _separate_chains(table, notes)
    _mend_occupancies(table, notes)
    _mend_b_factors(table, notes)
    structure = _structure(table, _with_a_place(table, path, notes))
    return ModelFile(path, structure, notes + _content_notes(structure))


def atom_positions(structure):
    """Positions of all atoms of the first model.

    Parameters
    ----------
    structure : gemmi.Structure

    Returns
    -------
    numpy.ndarray of float64, (atoms, 3)
        x, y, z in Å.
    """
    sites = structure[0].all()
    return np.array([site.atom.pos.tolist() for site in sites]).reshape(-1, 3)


def within_box(structure, lowest, highest):
    """The part of a model that lies in a box, so that no coordinate sizes an array.

    Parameters
    ----------
    structure : gemmi.Structure
        Not changed.
    lowest, highest : sequence of float
        Corners (x, y, z) in Å, which belong to the box.

    Returns
    -------
    part : gemmi.Structure
        Without residues and chains that are outside as a whole; the model itself where it
        lies in the box.
    outside : int
        Number of atoms that were left out.
    """
    positions = atom_positions(structure)
    inside = ((positions >= lowest) & (positions <= highest)).all(axis=1)
    if inside.all():
        return structure, 0
    part = structure.clone()
    _keep(part, inside)
    return part, int(np.count_nonzero(~inside))


def write_model(path, structure):
    """Write a model as an mmCIF file, which appears under its name only when it is complete.

    Parameters
    ----------
    path : str
    structure : gemmi.Structure

    Raises
    ------
    OSError
        If it cannot be written.
    """
    with files.completed(path) as part:
        structure.make_mmcif_document().write_file(part)


def write_coloured(path, structure, values):
    """Write a model with values of its atoms in the place of their B-factors.

    Parameters
    ----------
    path : str
    structure : gemmi.Structure
        Not changed.
    values : numpy.ndarray, (atoms,)
        In the order of ``structure[0].all()``; atoms whose value is NaN are left out,
        as a file has no other word for them.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    coloured = structure.clone()
    for site, value in zip(coloured[0].all(), values):
        site.atom.b_iso = float(value)
        site.atom.aniso = gemmi.SMat33f(0, 0, 0, 0, 0, 0)
    _keep(coloured, np.isfinite(values))
    write_model(path, coloured)


def _keep(structure, kept):
    """Leave out atoms of the first model, and what is empty then; in place."""
    kept = list(kept)[::-1]
    place = 0
    for chain in reversed(structure[0]):
        for number in reversed(range(len(chain))):
            residue = chain[number]
            for index in reversed(range(len(residue))):
                if not kept[place]:
                    del residue[index]
                place += 1
            if len(residue) == 0:
                del chain[number]
    structure.remove_empty_chains()


def _text(path):
    files.check_file(path, WANTED)
    with files.plain_errors(path), files.unpacked(path, files.packing(path)) as stream:
        content = stream.read(_LARGEST_FILE + 1)
    if len(content) > _LARGEST_FILE:
        raise InputError("%s is larger than %g GB; give an atomic model as mmCIF or PDB file."
                         % (path, _LARGEST_FILE / 1e9))
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _number_residues(table, notes):
    """Give numbers to residues without one, in the order of each chain; in place."""
    members = defaultdict(list)
    for row, chain in enumerate(table.chains):
        members[chain].append(row)
    count = 0
    for rows in members.values():
        for row in _alike(table, rows):
            table.numbers[row] = None
        known = [table.numbers[row] for row in rows if table.numbers[row] is not None]
        if len(known) == len(rows):
            continue
        last, current, atoms = max(known, default=0), None, set()
        for row in rows:
            if table.numbers[row] is not None:
                current = None
                continue
            own = table.residues[row], table.insertions[row], table.groups[row]
            atom = table.names[row], table.alternatives[row]
            if own != current or atom in atoms:
                last, current, atoms = last + 1, own, set()
                count += 1
            atoms.add(atom)
            table.numbers[row] = last
    if count:
        notes.append(Note("%s in the file; %s numbered in the order of the chain."
                          % (_counted(count, "residue has no number", "residues have no number"),
                             "it was" if count == 1 else "they were")))


def _alike(table, rows):
    """Rows of a chain's residues where the same number stands at all of them, so that it is
    none; empty elsewhere."""
    rows = [row for row in rows if _is_polymer(table.residues[row])]
    if len({table.numbers[row] for row in rows}) > 1:
        return []
    atoms = [(table.insertions[row], table.names[row], table.alternatives[row]) for row in rows
             if table.names[row] in _MAIN_CHAIN]
    return rows if len(set(atoms)) < len(atoms) else []


def _separate_chains(table, notes):
    """Give chains of the same name, and those without, names of their own; in place.

    A residue that comes again after others of its chain, with atoms that it has already, is
    the beginning of another chain.
    """
    copies, seen = defaultdict(int), {}
    twice = 0
    keys = []
    for run, rows in itertools.groupby(range(len(table)), lambda row: (
            table.chains[row], table.numbers[row], table.insertions[row], table.residues[row],
            table.groups[row])):
        chain, residue, rows = run[0], run[1:4], list(rows)
        atoms = [(table.names[row], table.alternatives[row]) for row in rows]
        own = seen.setdefault(chain, {})
        if not own.get(residue, set()).isdisjoint(atoms):
            copies[chain] += 1
            own = seen[chain] = {}
        # Programs that shorten names give those of hydrogens twice.
        heavy = [atom for row, atom in zip(rows, atoms)
                 if table.elements[row].upper() not in ("H", "D")]
        twice += len(heavy) - len(set(heavy))
        own.setdefault(residue, set()).update(atoms)
        keys += [(chain, copies[chain])] * len(rows)
    table.chains = _named(keys, copies, notes)
    if twice:
        notes.append(Note("%s the name of another atom of the same residue."
                          % _counted(twice, "atom has", "atoms have")))


def _named(keys, copies, notes):
    """Names of the chains that atoms belong to."""
    names = {}
    taken = {chain for chain, _ in keys if chain}
    free = (name for length in itertools.count(1)
            for name in map("".join, itertools.product(_LETTERS, repeat=length)))
    for key in dict.fromkeys(keys):
        chain, copy = key
        if chain and not copy:
            names[key] = chain
        elif chain:
            names[key] = next(name for name in (
                "%s%d" % (chain, number) for number in itertools.count(copy + 1))
                if name not in taken)
        else:
            names[key] = next(name for name in free if name not in taken)
        taken.add(names[key])
    for chain in dict.fromkeys(chain for chain, _ in keys):
        own = [name for (base, _), name in names.items() if base == chain]
        if len(own) > 1:
            notes.append(Note(
                "%s %d times in the file; the copies were kept apart and are called %s."
                % ("Chain %s comes" % chain if chain else "A chain without a name comes",
                   len(own), _listed(own))))
        elif not chain:
            notes.append(Note("A chain of the file has no name; it is called %s." % own[0]))
    return [names[key] for key in keys]


def _mend_elements(table, notes):
    """Replace elements that are unknown or impossible by what the atoms' names say."""
    guessed = wrong = 0
    for row, (stated, name, residue) in enumerate(zip(table.elements, table.names,
                                                      table.residues)):
        symbol = stated.strip().upper()
        element = gemmi.Element(symbol)
        standard = gemmi.find_tabulated_residue(residue).is_standard()
        if element.atomic_number and not (standard and symbol not in _ORGANIC and not (
                symbol == "SE" and residue in _SELENIUM)):
            continue
        found = _element(name, residue, table.symbols[row], standard)
        if not found and element.atomic_number:
            continue
        table.elements[row] = found
        wrong += bool(element.atomic_number)
        guessed += bool(found and not element.atomic_number)
    if guessed:
        notes.append(Note("The file does not give the element of %s; it was taken from the name."
                          % _counted(guessed, "atom", "atoms")))
    if wrong:
        notes.append(Note("%s of proteins or nucleic acids cannot have the element that the file "
                          "gives; that of the name was taken."
                          % _counted(wrong, "atom", "atoms"), MINOR))


def _element(name, residue, symbol, standard):
    """Element by the name of an atom, or empty."""
    letters = name.strip("0123456789'\"*+- ").upper()
    if standard:
        return letters[:1] if letters[:1] in _ORGANIC else ""
    if letters[:2] == "SE" and residue in _SELENIUM:
        return "SE"
    if letters and letters == residue.strip("0123456789+-").upper() and _known(letters):
        return letters
    if letters[:2] in _CLEAR:
        return letters[:2]
    # PDB files keep one-letter elements in the second column of the name.
    aligned = symbol.strip().upper()
    if len(aligned) == 2 and aligned.isalpha() and _known(aligned) and aligned == letters:
        return aligned
    return letters[:1] if letters[:1] in _ORGANIC + ("F", "I", "B", "K") else ""


def _known(symbol):
    return gemmi.Element(symbol).atomic_number > 0


def _mend_occupancies(table, notes):
    values = table.occupancies
    with np.errstate(invalid="ignore"):
        senseless = ~((values >= 0) & (values <= _LARGEST_OCCUPANCY))
    values[senseless] = 1.0
    if senseless.any():
        notes.append(Note("%s no occupancy between 0 and 1; 1 is used."
                          % _counted(np.count_nonzero(senseless), "atom has", "atoms have"),
                          MINOR))
    if not values.any():
        values[:] = 1.0
        notes.append(Note("All occupancies are 0, as if no atom were there; 1 is used.",
                          MINOR))


def _mend_b_factors(table, notes):
    values = table.b_factors
    with np.errstate(invalid="ignore"):
        usable = np.abs(values) <= _LARGEST_B
    for row in [row for row, own in table.displacements.items()
                if not np.all(np.abs(own) <= _LARGEST_B / (8 * np.pi ** 2))]:
        del table.displacements[row]
    if usable.all():
        return
    middle = float(np.median(values[usable])) if usable.any() else _USUAL_B
    values[~usable] = middle
    notes.append(Note(
        "%s no possible B factor (up to %g Å²); %s, %.4g Å², is used."
        % (_counted(np.count_nonzero(~usable), "atom has", "atoms have"), _LARGEST_B,
           "the median of the others" if usable.any() else "a usual one", middle), MINOR))


def _with_a_place(table, path, notes):
    """Rows of atoms that can be used."""
    with np.errstate(invalid="ignore"):
        somewhere = (np.abs(table.positions) <= _FARTHEST).all(axis=1)
    if not somewhere.any():
        raise InputError("%s has no atom with finite coordinates; give an atomic model as mmCIF "
                         "or PDB file." % path)
    known = np.array([bool(element) for element in table.elements])
    lost = np.count_nonzero(~somewhere)
    if lost:
        notes.append(Note("%s no finite coordinates and %s left out."
                          % (_counted(lost, "atom has", "atoms have"),
                             "was" if lost == 1 else "were"), MINOR))
    lost = np.count_nonzero(somewhere & ~known)
    if lost:
        notes.append(Note("%s of an element that neither the file nor the name gives, and %s left "
                          "out." % (_counted(lost, "atom is", "atoms are"),
                                    "was" if lost == 1 else "were"), MINOR))
    kept = np.flatnonzero(somewhere & known)
    if not len(kept):
        raise InputError(no_atoms(path))
    if len(kept) > 1 and not np.ptp(table.positions[kept], axis=0).any():
        raise InputError("All atoms of %s are in the same place; give an atomic model with its "
                         "coordinates." % path)
    return kept


def _structure(table, rows):
    """The model of some rows, residues and chains in the order in which they begin."""
    chains = defaultdict(lambda: defaultdict(list))
    for row in rows:
        residue = table.numbers[row], table.insertions[row], table.residues[row]
        chains[table.chains[row]][residue].append(row)
    structure = gemmi.Structure()
    model = gemmi.Model(1)
    for name, residues in chains.items():
        chain = gemmi.Chain(name)
        for (number, insertion, kind), members in residues.items():
            residue = gemmi.Residue()
            residue.name = kind or "UNK"
            residue.seqid = gemmi.SeqId(number, insertion or " ")
            residue.het_flag = "H" if table.hetero[members[0]] else "A"
            for row in members:
                residue.add_atom(_atom(table, row))
            chain.add_residue(residue)
        model.add_chain(chain)
    structure.add_model(model)
    for connection in table.connections:
        structure.connections.append(connection)
    structure.setup_entities()
    return structure


def _atom(table, row):
    atom = gemmi.Atom()
    atom.name = table.names[row] or "X"
    atom.altloc = table.alternatives[row] or "\0"
    atom.element = gemmi.Element(table.elements[row])
    atom.charge = table.charges[row]
    atom.pos = gemmi.Position(*table.positions[row])
    atom.occ = table.occupancies[row]
    atom.b_iso = table.b_factors[row]
    atom.serial = int(row) + 1
    if row in table.displacements:
        atom.aniso = gemmi.SMat33f(*table.displacements[row])
    return atom


def _content_notes(structure):
    sizes = [len(residue) for chain in structure[0] for residue in chain
             if _is_polymer(residue.name)]
    if not sizes:
        return [Note("The model holds neither protein nor nucleic acid.", MINOR)]
    if sum(sizes) < 2 * len(sizes):
        return [Note("The model has hardly more than one atom per residue; measures of side "
                     "chains and of single atoms mean little.", MINOR)]
    return []


def _is_polymer(residue):
    kind = gemmi.find_tabulated_residue(residue)
    return kind.is_amino_acid() or kind.is_nucleic_acid()


def _counted(count, one, many):
    return "%d %s" % (count, one if count == 1 else many)


def _listed(names):
    return ", ".join(names[:5]) + (" and so on" if len(names) > 5 else "")
