"""Small models and maps of known truth for the tests of level A."""

import gemmi
import numpy as np
from scipy.spatial.transform import Rotation

from vrs.simulation.density import model_density

BOX = 48
SAMPLING = 1.5


def walk(residues=60, seed=1):
    """A poly-alanine of random course in the middle of the box, as a structure."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(residues, 3))
    steps *= 3.8 / np.linalg.norm(steps, axis=1)[:, None]
    trace = np.cumsum(steps, axis=0)
    trace += BOX * SAMPLING / 2 - trace.mean(axis=0)
    structure = gemmi.Structure()
    structure.add_model(gemmi.Model(1))
    chain = gemmi.Chain("A")
    for number, centre in enumerate(trace, 1):
        residue = gemmi.Residue()
        residue.name, residue.seqid = "ALA", gemmi.SeqId(str(number))
        for name, offset in zip(("N", "CA", "C", "O", "CB"), rng.normal(0, 0.9, (5, 3))):
            atom = gemmi.Atom()
            atom.name, atom.element = name, gemmi.Element(name[0])
            atom.pos, atom.b_iso = gemmi.Position(*(centre + offset)), 60.0
            residue.add_atom(atom)
        chain.add_residue(residue)
    structure[0].add_chain(chain)
    structure.setup_entities()
    return structure


def noisy_map(structure, noise=0.1, seed=2):
    """Density of a model with white noise, in parts of its deviation; float32 (z, y, x)."""
    volume = model_density(structure, BOX, SAMPLING)
    rng = np.random.default_rng(seed)
    return volume + rng.normal(0, noise * volume.std(), volume.shape).astype(np.float32)


def moved(structure, shift, mirrored=False):
    """A copy moved by x, y, z Å, after its mirror image in the middle of the box was taken."""
    copy = structure.clone()
    for site in copy[0].all():
        x, y, z = site.atom.pos.tolist()
        x = BOX * SAMPLING - x if mirrored else x
        site.atom.pos = gemmi.Position(*(np.array([x, y, z]) + shift))
    return copy


# An alpha helix and a side chain that leans aside: name, radius (Å), angle (°) and height (Å).
_HELIX = (("N", 1.59, -27.6, -0.87), ("CA", 2.29, 0.0, 0.0), ("C", 1.66, 27.6, 1.12),
          ("O", 1.99, 21.0, 2.33), ("CB", 3.30, -19.5, -0.60), ("CG", 4.10, -38.0, -0.90),
          ("CD1", 5.30, -47.0, -0.20), ("CD2", 4.20, -56.0, -1.70))


def helix(residues=44):
    """An alpha helix of leucines along z in the middle of the box, as a structure."""
    structure = gemmi.Structure()
    structure.add_model(gemmi.Model(1))
    chain = gemmi.Chain("A")
    for number in range(residues):
        residue = gemmi.Residue()
        residue.name, residue.seqid = "LEU", gemmi.SeqId(str(number + 1))
        for name, radius, angle, height in _HELIX:
            turned = np.radians(angle + 100.0 * number)
            place = np.array([radius * np.cos(turned), radius * np.sin(turned),
                              height + 1.5 * (number - residues / 2)]) + BOX * SAMPLING / 2
            atom = gemmi.Atom()
            atom.name, atom.element = name, gemmi.Element(name[0])
            atom.pos, atom.b_iso = gemmi.Position(*place), 60.0
            residue.add_atom(atom)
        chain.add_residue(residue)
    structure[0].add_chain(chain)
    structure.setup_entities()
    return structure


def shaken(structure, rms, seed=3):
    """A copy whose atoms were moved at random by so many Å."""
    copy, rng = structure.clone(), np.random.default_rng(seed)
    for site in copy[0].all():
        site.atom.pos += gemmi.Position(*rng.normal(0, rms / np.sqrt(3), 3))
    return copy


def turned_side_chains(structure, angle=180.0):
    """A copy whose side chains were turned about the bond from CA to CB by so many degrees."""
    copy = structure.clone()
    for residue in copy[0]["A"]:
        start, end = (np.array(residue.find_atom(name, "*").pos.tolist()) for name in ("CA", "CB"))
        turn = Rotation.from_rotvec(np.radians(angle) * (end - start)
                                    / np.linalg.norm(end - start))
        for atom in residue:
            if atom.name not in ("N", "CA", "C", "O", "CB"):
                place = turn.apply(np.array(atom.pos.tolist()) - end) + end
                atom.pos = gemmi.Position(*place)
    return copy
