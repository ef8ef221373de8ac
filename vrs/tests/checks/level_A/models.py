"""Small models and maps of known truth for the tests of level A."""

import gemmi
import numpy as np

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
