"""What the items with a value per residue or atom of the model share."""

import re
from dataclasses import dataclass
from typing import List

import gemmi
import numpy as np

from vrs.results import ResidueValues, Table, Trace, Track, Tracks

_WORST = 20
_MOST_TRACKS = 8
# Farther apart than this (Å), such atoms of consecutive residues are not bonded.
_LINKS = {"CA": 4.6, "P": 8.5, "C4'": 8.5}


@dataclass
class Residues:
    """The residues of a model, in its order.

    Attributes
    ----------
    chains, numbers, names : list of str
        Of each residue; numbers have their insertion codes.
    of_atom : numpy.ndarray of int, (atoms,)
        Index of the residue that each atom belongs to, in the order of
        ``structure[0].all()``.
    positions : numpy.ndarray of float32, (residues, 3)
        x, y, z in Å of the alpha carbon, the phosphorus or C4' of a nucleotide, and of
        the centre of any other residue.
    pieces : numpy.ndarray of int, (residues,)
        Residues that are bonded to each other have the same number. It is -1 for water
        and for all but the first of alternative residues at a place.
    """

    chains: List[str]
    numbers: List[str]
    names: List[str]
    of_atom: np.ndarray
    positions: np.ndarray
    pieces: np.ndarray

    def mean(self, values):
        """Mean over the atoms of each residue.

        Parameters
        ----------
        values : numpy.ndarray, (atoms,)
            NaN where an atom has no value.

        Returns
        -------
        numpy.ndarray of float64, (residues,)
            NaN for residues without any value.
        """
        known = np.isfinite(values)
        counts = np.bincount(self.of_atom[known], minlength=len(self.names))
        sums = np.bincount(self.of_atom[known], values[known], minlength=len(self.names))
        return np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0)

    def values(self, name, description, unit, values, exchange=""):
        """What a result keeps of values per residue: those that are finite.

        Parameters
        ----------
        name, description, unit, exchange : str
            As those of :class:`vrs.results.ResidueValues`.
        values : numpy.ndarray, (residues,)

        Returns
        -------
        ResidueValues
        """
        known = np.flatnonzero(np.isfinite(values))
        return ResidueValues(
            name, description, unit, [self.chains[i] for i in known],
            [self.numbers[i] for i in known], [self.names[i] for i in known],
            np.asarray(values, float)[known], exchange, self.positions[known])


def residues_of(structure):
    """The residues of the first model of a structure.

    Parameters
    ----------
    structure : gemmi.Structure

    Returns
    -------
    Residues
    """
    chains, numbers, names, of_atom = [], [], [], []
    positions, pieces, latest = [], [], -1
    for chain in structure[0]:
        before = None
        for residue in chain:
            of_atom += [len(names)] * len(residue)
            chains.append(chain.name)
            numbers.append(str(residue.seqid))
            names.append(residue.name)
            here = _Representative(residue)
            positions.append(here.position)
            if residue.is_water() or (before and before.number == here.number):
                pieces.append(-1)
                continue
            latest += not (before and here.bonded_to(before))
            pieces.append(latest)
            before = here
    return Residues(chains, numbers, names, np.array(of_atom, int),
                    np.array(positions, np.float32).reshape(-1, 3), np.array(pieces, int))


class _Representative:
    """The point that stands for a residue in a drawing."""

    def __init__(self, residue):
        self.number = residue.seqid
        self._reach = None
        for name, element in (("CA", "C"), ("P", "P"), ("C4'", "C")):
            atom = residue.find_atom(name, "*", gemmi.Element(element))
            if atom is not None:
                self.position = np.array(atom.pos.tolist())
                self._reach = _LINKS[name]
                return
        self.position = np.mean([atom.pos.tolist() for atom in residue], axis=0)

    def bonded_to(self, other):
        """Whether it is near enough to be the next residue of the chain."""
        if self._reach is None or other._reach is None:
            return False
        distance = np.linalg.norm(self.position - other.position)
        return distance < max(self._reach, other._reach)


def residue_figures(residues, values, label, worst="low", bound=None):
    """Worst residues, three views of the model and a plot along the sequence.

    Parameters
    ----------
    residues : Residues
        All of the model.
    values : ResidueValues
        Of some or all of them. It is noted there which of them are bad.
    label : str
        What the values are, at the beginning of a sentence.
    worst : str
        Whether "low" or "high" values are bad, or those "far" from 0.
    bound : tuple of (str, float), optional
        Name and value of a bound, drawn as a dashed line.

    Returns
    -------
    list
        A table of the worst residues, the model coloured by the values and a plot along the
        chains, of the eight with the worst means where there are more.
    """
    values.label, values.worst, values.bound = label, worst, bound[1] if bound else None
    return [_worst_table(values, label), _model_trace(residues, values, label),
            _along_chains(residues, values, label, bound)]


def _model_trace(residues, values, label):
    known = dict(zip(zip(values.chains, values.numbers, values.residues), values.values))
    coloured = [known.get(residue, np.nan)
                for residue in zip(residues.chains, residues.numbers, residues.names)]
    name = label[0].lower() + label[1:] if label[1:2].islower() else label
    return Trace("The model coloured by the %s. Grey has no value." % name,
                 "The chains of the model seen along X, Y and Z, coloured by the %s." % name,
                 residues.positions, residues.pieces, np.array(coloured, np.float32), label,
                 values.unit)


def _with_unit(label, unit):
    return "%s (%s)" % (label, unit) if unit else label


def _worst_table(values, label):
    order = np.argsort(-values.badness(), kind="stable")[:_WORST]
    return Table(["Chain", "Residue", "Name", _with_unit(label, values.unit)],
                 [[values.chains[i], values.numbers[i], values.residues[i],
                   "%.3f" % values.values[i]] for i in order],
                 "The %d worst residues." % len(order))


def _along_chains(residues, values, label, bound):
    """Values against the number of the residue, without ligands and the like, whose numbers
    would stretch the axis."""
    sizes = np.bincount(residues.pieces[residues.pieces >= 0])
    in_chain = {key for key, piece in zip(
        zip(residues.chains, residues.numbers, residues.names), residues.pieces)
        if piece >= 0 and (sizes[piece] > 1 or sizes.max() == 1)}
    own, badness = {}, values.badness()
    for index, key in enumerate(zip(values.chains, values.numbers, values.residues)):
        if key in in_chain:
            own.setdefault(key[0], []).append(index)
    chains = sorted(own, key=lambda chain: -np.mean(badness[own[chain]]))[:_MOST_TRACKS]
    tracks = [Track("Chain %s" % chain, np.array(
        # Residue numbers may repeat with insertion codes; the axis has the plain number.
        [int(re.match(r"-?\d+", values.numbers[index]).group()) for index in own[chain]]),
        values.values[own[chain]]) for chain in sorted(chains, key=list(own).index)]
    caption = "%s along the %s%s.%s" % (
        label, "chain" if len(own) == 1 else "chains",
        "" if len(chains) == len(own) else ", the %d worst of %d" % (len(chains), len(own)),
        " Dashed: %s, %.3g." % (bound[0], bound[1]) if bound else "")
    return Tracks(caption, "%s of each residue of %s." % (label, ", ".join(
        track.label.lower() for track in tracks)), "Residue", _with_unit(label, values.unit),
        tracks, bound[1] if bound else None)
