"""The faults that are planted, one in a set, and who should notice them."""

from dataclasses import dataclass, replace
from typing import Tuple

import numpy as np
from scipy.spatial.transform import Rotation

from benchmarks.verdicts import structures
from vrs.io.models import atom_positions

_SHARED = 0.5
# Å³/Da of a protein of 1.35 g/cm³, and Da of a residue.
_PER_DALTON, _PER_RESIDUE = 1.21, 110.0
_LOW_VOLUMES, _HIGH_PART = 4.0, 0.1
_MAIN_CHAIN = ("N", "CA", "C", "O", "CB", "OXT")


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes
    ----------
    title : str
    finds : tuple of str
        Items, and parts of the input ("map", "half_maps", "model"), that should notice it.
    levels : str
        Levels that it concerns.
    """

    title: str
    finds: Tuple[str, ...]
    levels: str = "01A"


_DIRECTIONAL = ("1.f", "1.g", "1.h")
_MODEL = ("A.a", "A.b", "A.e", "A.g")
FAULTS = {
    "overstated20": Fault("resolution overstated by 20 %", ("1.a", "1.b"), "01"),
    "overstated40": Fault("resolution overstated by 40 %", ("1.a", "1.b"), "01"),
    "halves_masked": Fault("half maps masked", ("half_maps",), "01"),
    "halves_shared": Fault("half maps that share half of their noise", ("half_maps",), "01"),
    "halves_identical": Fault("the same half map twice", ("half_maps",), "01"),
    "halves_other": Fault("half maps of another map", ("half_maps",), "01"),
    "half2_shifted": Fault("second half map shifted by a voxel", ("half_maps",), "01"),
    "halves_shifted": Fault("half maps shifted by a voxel from the map", ("half_maps", "1.a"),
                            "01"),
    "cone20": Fault("missing cone of 20°", _DIRECTIONAL, "01"),
    "cone35": Fault("missing cone of 35°", _DIRECTIONAL, "01"),
    "top": Fault("top views only (within 35°)", _DIRECTIONAL, "01"),
    "side": Fault("side views only, all around", _DIRECTIONAL, "01"),
    "edge": Fault("side views only, within 25°", _DIRECTIONAL, "01"),
    "mirrored": Fault("map and half maps mirrored", ("0.h", "A.a")),
    "voxel1": Fault("voxel size off by 1 %", ("A.a", "model")),
    "voxel2": Fault("voxel size off by 2 %", ("A.a", "model")),
    "voxel4": Fault("voxel size off by 4 %", ("A.a", "model")),
    "threshold_low": Fault("threshold far too low", ("0.b", "map")),
    "threshold_high": Fault("threshold far too high", ("0.b", "A.a", "map")),
    "oversharpened": Fault("over-sharpened", ("0.d", "0.f")),
    "inverted": Fault("density of the map inverted", ("map", "half_maps")),
    "inverted_all": Fault("density of map and half maps inverted", ("map",)),
    "shift1": Fault("model shifted by 1 Å", _MODEL, "A"),
    "shift2": Fault("model shifted by 2 Å", _MODEL, "A"),
    "shake05": Fault("model shaken by 0.5 Å", _MODEL, "A"),
    "shake10": Fault("model shaken by 1 Å", _MODEL, "A"),
    "shake15": Fault("model shaken by 1.5 Å", _MODEL, "A"),
    "register": Fault("model two residues out of register", _MODEL, "A"),
    "register_third": Fault("a third of the model out of register", _MODEL, "A"),
    "other_model": Fault("model of another protein", _MODEL, "A"),
    "mirrored_model": Fault("model mirrored", _MODEL, "A"),
    "rotamers": Fault("wrong rotamers", ("A.b", "A.e", "A.f", "A.g"), "A"),
    "domain": Fault("one domain of the model misplaced", _MODEL, "A"),
}
# The author measures the resolution with the faulty half maps.
RESOLUTION_IS_CLAIMED = ("halves_shared",)


def spoil_halves(one, halves, noises, scene, rng):
    """Half maps as they are given.

    Parameters
    ----------
    one : benchmarks.verdicts.sets.VerdictSet
    halves, noises : list of numpy.ndarray
        Sound half maps, and the noise that is in them.
    scene : benchmarks.verdicts.making.Scene
    rng : numpy.random.Generator

    Returns
    -------
    list of numpy.ndarray
    """
    first, second = halves
    if one.fault == "halves_masked":
        return [half * scene.mask for half in halves]
    if one.fault == "halves_shared":
        # Correlation ρ of two noises of equal strength.
        noise = _SHARED * noises[0] + np.float32(np.sqrt(1 - _SHARED ** 2)) * noises[1]
        return [first, second - noises[1] + noise]
    if one.fault == "halves_identical":
        return [first, first.copy()]
    if one.fault == "halves_other":
        return scene.halves_of_another(rng)
    if one.fault == "half2_shifted":
        return [first, np.roll(second, 1, axis=2)]
    if one.fault == "halves_shifted":
        return [np.roll(half, 1, axis=2) for half in halves]
    return halves


def spoil(one, made, scene, rng):
    """The set with its fault, where that is not in the half maps.

    Parameters
    ----------
    one : benchmarks.verdicts.sets.VerdictSet
    made : benchmarks.verdicts.making.Made
    scene : benchmarks.verdicts.making.Scene
    rng : numpy.random.Generator

    Returns
    -------
    benchmarks.verdicts.making.Made
    """
    name = one.fault
    if name == "mirrored":
        return replace(made, **{part: np.roll(getattr(made, part)[:, :, ::-1], 1, axis=2)
                                for part in ("volume", "half1", "half2")})
    if name.startswith("voxel"):
        return _other_voxel(made, 1 + int(name[-1]) / 100)
    if name.startswith("threshold"):
        return replace(made, threshold=_other_threshold(name, made, scene))
    if name.startswith("inverted"):
        parts = ("volume", "half1", "half2") if name == "inverted_all" else ("volume",)
        return replace(made, **{part: -getattr(made, part) for part in parts})
    if name in _MODEL_FAULTS:
        before = atom_positions(made.model)
        model = _MODEL_FAULTS[name](made.model.clone(), one, rng)
        after = atom_positions(model)
        if len(before) == len(after):
            made.truth["model_rmsd"] = round(float(
                np.sqrt(((after - before) ** 2).sum(1).mean())), 2)
        return replace(made, model=model)
    return made


def _other_voxel(made, factor):
    """The model stays as it is, docked with its centre in that of the map."""
    if made.model is not None:
        positions = atom_positions(made.model)
        structures.set_positions(made.model, positions + (factor - 1) * positions.mean(0))
    return replace(made, sampling=made.sampling * factor,
                   resolution=round(made.resolution * factor, 2))


def _other_threshold(name, made, scene):
    enclosed = np.sum(made.volume >= made.threshold) * _HIGH_PART
    if name == "threshold_low":
        specimen = len(structures.residues_of(scene.structure)) * _PER_RESIDUE * _PER_DALTON
        enclosed = min(_LOW_VOLUMES * specimen / made.sampling ** 3, 0.6 * made.volume.size)
    return float("%.3g" % np.partition(made.volume.ravel(), -int(enclosed))[-int(enclosed)])


def _shifted(distance):
    def fault(model, one, rng):
        step = rng.normal(size=3)
        structures.set_positions(model, atom_positions(model)
                                 + distance * step / np.linalg.norm(step))
        return model
    return fault


def _shaken(distance):
    def fault(model, one, rng):
        positions = atom_positions(model)
        structures.set_positions(model, positions + rng.normal(
            scale=distance / np.sqrt(3), size=positions.shape))
        return model
    return fault


def _out_of_register(part, by=2):
    """Each residue moves, as a rigid body, to where the one after the next is."""
    def fault(model, one, rng):
        for chain in model[0]:
            residues = list(chain)
            first = int(len(residues) * (1 - part) / 2)
            last = int(round(len(residues) * (1 + part) / 2)) - by
            frames = [_frame(residue) for residue in residues]
            moves = [(number, frames[number], frames[number + by]) for number in
                     range(first, last) if frames[number] and frames[number + by]]
            for number, (origin, axes), (target, new) in moves:
                for atom in residues[number]:
                    place = np.array(atom.pos.tolist()) - origin
                    atom.pos = type(atom.pos)(*(new @ (axes.T @ place) + target))
        return model
    return fault


def _frame(residue):
    """Place and axes of a residue's main chain, None for what is not an amino acid."""
    atoms = [residue.find_atom(name, "*") for name in ("N", "CA", "C")]
    if not all(atoms):
        return None
    n, ca, c = (np.array(atom.pos.tolist()) for atom in atoms)
    x = (c - ca) / np.linalg.norm(c - ca)
    z = np.cross(x, n - ca)
    z /= np.linalg.norm(z)
    return ca, np.column_stack([x, np.cross(z, x), z])


def _another(model, one, rng):
    """A protein of another fold, its axes of inertia along those of the right one."""
    other = structures.load(one.other)
    positions, right = atom_positions(other), atom_positions(model)
    turns = [np.linalg.svd(x - x.mean(0), full_matrices=False)[2] for x in (positions, right)]
    turns = [turn * [[1], [1], [np.linalg.det(turn)]] for turn in turns]
    structures.set_positions(other, (positions - positions.mean(0)) @ turns[0].T @ turns[1]
                             + right.mean(0))
    mean = np.mean([atom.b_iso for atom in structures.atoms_of(model)])
    for atom in structures.atoms_of(other):
        atom.b_iso *= mean
    return other


def _mirrored(model, one, rng):
    positions = atom_positions(model)
    structures.set_positions(model, positions * [-1, 1, 1] + [2 * positions[:, 0].mean(), 0, 0])
    return model


def _wrong_rotamers(model, one, rng):
    """Side chains turn by ±120° about the bond from CA to CB."""
    for residue in structures.residues_of(model):
        ca, cb = (residue.find_atom(name, "*") for name in ("CA", "CB"))
        if residue.name == "PRO" or not (ca and cb):
            continue
        start = np.array(ca.pos.tolist())
        axis = np.array(cb.pos.tolist()) - start
        turn = Rotation.from_rotvec(axis / np.linalg.norm(axis)
                                    * np.radians(120) * rng.choice([-1, 1])).as_matrix()
        for atom in residue:
            if atom.name not in _MAIN_CHAIN:
                atom.pos = type(atom.pos)(*(turn @ (np.array(atom.pos.tolist()) - start) + start))
    return model


def wrong_domain(model, one, rng):
    """The third of the residues at one end of the longest axis turns by 40° and moves by 4 Å."""
    positions = atom_positions(model)
    centred = positions - positions.mean(0)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    numbers = structures.residue_numbers(model)
    along = np.bincount(numbers, centred @ axes[0]) / np.bincount(numbers)
    moved = (along > np.quantile(along, 0.67))[numbers]
    middle = positions[moved].mean(0)
    turn = Rotation.from_rotvec(axes[0] * np.radians(40)).as_matrix()
    positions[moved] = (positions[moved] - middle) @ turn.T + middle + 4 * axes[1]
    structures.set_positions(model, positions)
    return model


_MODEL_FAULTS = {
    "shift1": _shifted(1.0), "shift2": _shifted(2.0), "shake05": _shaken(0.5),
    "shake10": _shaken(1.0), "shake15": _shaken(1.5), "register": _out_of_register(1.0),
    "register_third": _out_of_register(1 / 3), "other_model": _another,
    "mirrored_model": _mirrored, "rotamers": _wrong_rotamers, "domain": wrong_domain,
}
