"""Sequences of the molecules in a specimen, from FASTA files."""

import re

import gemmi

from vrs.errors import InputError
from vrs.io.files import check_file

_WATER = 18.015
_DALTON = 1000.0
_KINDS = {gemmi.ResidueKind.AA: "proteins", gemmi.ResidueKind.DNA: "DNA",
          gemmi.ResidueKind.RNA: "RNA"}
# As the archive of models writes them: >8BK7_1|Chains A, B[auth C]|beta-galactosidase|...
_CHAINS = re.compile(r"\|\s*Chains?\s+([^|]+)")
_ANY = "XBZJ*"
# What an unknown residue weighs on average in a protein.
_MEAN_RESIDUE = 110.0


def read_mass(path):
    """Mass of the molecules of a FASTA file.

    Parameters
    ----------
    path : str
        A record for each chain; one of the protein data bank counts as often as it names chains.

    Returns
    -------
    float
        kDa, with hydrogens.

    Raises
    ------
    InputError
        If it is no such file.
    """
    path = str(path)
    check_file(path, "the sequences of the specimen as FASTA")
    try:
        with open(path, encoding="utf-8") as handle:
            records = _records(handle.read())
    except (OSError, UnicodeDecodeError):
        records = []
    if not records:
        raise InputError("%s holds no sequences; give a FASTA file: lines that begin with > and a "
                         "name, and after each the sequence of a chain." % path)
    return sum(_copies(name) * _mass(sequence, name, path)
               for name, sequence in records) / _DALTON


def _records(text):
    """Names and sequences."""
    records = []
    for line in text.splitlines():
        if line.startswith(">"):
            records.append((line[1:].strip(), ""))
        elif line.strip() and not line.startswith(";"):
            if not records:
                records.append(("", ""))
            name, sequence = records[-1]
            records[-1] = name, sequence + re.sub(r"[\s\d-]", "", line).upper().rstrip("*")
    return [record for record in records if record[1]]


def _copies(name):
    found = _CHAINS.search(name)
    return len(found.group(1).split(",")) if found else 1


def _mass(sequence, name, path):
    kind = _kind(sequence)
    total = _WATER
    for letter in sequence:
        residue = gemmi.expand_one_letter(letter, kind) if letter.isascii() else ""
        if letter in _ANY and kind is gemmi.ResidueKind.AA:
            total += _MEAN_RESIDUE
        elif residue:
            total += gemmi.find_tabulated_residue(residue).weight - _WATER
        elif letter == "N":
            total += gemmi.find_tabulated_residue(
                gemmi.expand_one_letter("A", kind)).weight - _WATER
        else:
            raise InputError("The sequence %s in %s has the letter %s, which is not a residue of "
                             "%s; correct it." % (name or "1", path, letter, _KINDS[kind]))
    return total


def _kind(sequence):
    letters = set(sequence)
    if letters <= set("ACGTN"):
        return gemmi.ResidueKind.DNA
    return gemmi.ResidueKind.RNA if letters <= set("ACGUN") else gemmi.ResidueKind.AA
