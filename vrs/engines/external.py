"""Programs of other Scipion plugins that can compute an item instead of the built-in method.

What such an engine is given and how its output becomes findings stands beside the
check, as data; nothing here knows of Scipion.
"""

from dataclasses import dataclass, field
from importlib import metadata
from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np

from vrs.errors import InputError
from vrs.images.particles import ParticleTable

BUILTIN = "builtin"


@dataclass(frozen=True)
class EngineInput:
    """What an engine is given, as far as it has parameters for it.

    Attributes
    ----------
    volume : numpy.ndarray of float32, (z, y, x), optional
    sampling : float, optional
        Å/voxel.
    mask : numpy.ndarray of bool or float32, (z, y, x), optional
    parameters : dict
        Further parameters of its protocol, by name.
    halves : tuple of numpy.ndarray of float32, (z, y, x), optional
        The two half maps.
    model : gemmi.Structure, optional
        Atomic model in the frame of the map: the first voxel is at the origin.
    model_map : numpy.ndarray of float32, (z, y, x), optional
        Map calculated from the model.
    particles : vrs.images.particles.ParticleTable, optional
        Whose stacks were found; the members of classes where there are some.
    averages : tuple of (numpy.ndarray of float32, (n, y, x)) and float, optional
        Class averages and their Å/pixel.
    picked : tuple of vrs.inputs.micrographs.PickedMicrograph
        Micrographs of one pixel size, all with the side of the boxes of their coordinates.
    runs : tuple of dict
        Parameters in which the runs of the protocol differ, one mapping for each run.
    """

    volume: Optional[np.ndarray] = None
    sampling: Optional[float] = None
    mask: Optional[np.ndarray] = None
    parameters: Dict[str, Any] = field(default_factory=dict)
    halves: Optional[Tuple[np.ndarray, np.ndarray]] = None
    model: Any = None
    model_map: Optional[np.ndarray] = None
    particles: Optional[ParticleTable] = None
    averages: Optional[Tuple[np.ndarray, float]] = None
    picked: tuple = ()
    runs: Tuple[Dict[str, Any], ...] = ({},)


@dataclass(frozen=True)
class ScoredCoordinates:
    """What a program says of coordinates, as its plugin made a set of them.

    Attributes
    ----------
    micrographs : numpy.ndarray of int, (n,)
        Which of the micrographs that it was given.
    points : numpy.ndarray of float64, (n, 2)
        x and y, pixels.
    scores : numpy.ndarray of float64, (n,)
    """

    micrographs: np.ndarray
    points: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class AssignedParticles:
    """What a program says of particles, as its plugin made a set of it.

    Attributes
    ----------
    rows : numpy.ndarray of int, (n,)
        Which of the particles that it was given.
    table : vrs.images.particles.ParticleTable
        Theirs, (n,).
    """

    rows: np.ndarray
    table: ParticleTable


@dataclass(frozen=True)
class AtomTable:
    """Atoms as a program wrote them to an mmCIF or PDB file.

    Attributes
    ----------
    positions : numpy.ndarray of float64, (atoms, 3)
        x, y, z in Å.
    values : dict of str to numpy.ndarray of float64, (atoms,)
        Columns of numbers by their mmCIF name without category, such as
        ``B_iso_or_equiv``; NaN where there is no number.
    """

    positions: np.ndarray
    values: Dict[str, np.ndarray]


@dataclass(frozen=True)
class Companion:
    """Another plugin that an engine's protocol calls.

    Attributes
    ----------
    package, plugin, files
        As those of an :class:`ExternalEngine`.
    """

    package: str
    plugin: str
    files: Tuple[str, ...]

    @property
    def version(self) -> Optional[str]:
        """Version of its package, None when that is not installed."""
        return _version(self.package)


@dataclass(frozen=True)
class ExternalEngine:
    """A protocol of another plugin that computes an item.

    Attributes
    ----------
    name, label : str
        As the command line and as the form and the texts call it.
    package, plugin, protocol : str
        Python package, its Scipion plugin and the protocol's class.
    outputs : tuple of str
        Files that the protocol leaves, seen from its extra folder, or patterns that one
        file matches: a volume, a table (``.xmd`` or ``.star``), atoms (``.cif`` or
        ``.pdb``), rows (``.csv``), or a text (``.txt``) with a number or JSON.
    prepare : callable
        What it is given, an :class:`EngineInput`, from :class:`vrs.inputs.Evidence`.
    findings : callable
        ``Findings`` from :class:`vrs.inputs.Evidence` and the outputs in their order: a volume is
        an array of float32 (z, y, x), a table has an array of numbers for each of its
        columns, by name, atoms are an :class:`AtomTable`, and rows are an array (rows,
        columns) or, unless all are numbers, lists of str. After those of each run come its sets,
        each as :class:`AssignedParticles`, or :class:`ScoredCoordinates` where the engine has a
        ``score``.
    map_parameter, mask_parameter, model_parameter, model_map_parameter : str
        Parameters of the protocol that take the map, the mask, the atomic model (a pointer
        or a list of pointers) and its map; empty where it needs none.
    particles_parameter, classes_parameter, averages_parameter : str
        Those that take the set of particles, of classes with their members, and of class
        averages.
    coordinates_parameter : str
        That which takes the set of coordinates.
    score : str
        Attribute of the coordinates in its sets that holds their score.
    half_parameters : tuple of str
        Those that take the two half maps. Without them, half maps belong to the map.
    sets : tuple of str
        Outputs of the protocol that are sets of particles or of classes.
    files : tuple of str
        What must exist below the home folder of the plugin: programs and models, or
        patterns for them. ``{NAME}`` stands for the plugin's variable or attribute of that
        name.
    programs : tuple of str
        What must be in the search path of the system.
    companions : tuple of Companion
        Other plugins that it needs.
    """

    name: str
    label: str
    package: str
    plugin: str
    protocol: str
    outputs: Tuple[str, ...]
    prepare: Callable
    findings: Callable
    sets: Tuple[str, ...] = ()
    map_parameter: str = ""
    mask_parameter: str = ""
    half_parameters: Tuple[str, ...] = ()
    model_parameter: str = ""
    model_map_parameter: str = ""
    particles_parameter: str = ""
    classes_parameter: str = ""
    averages_parameter: str = ""
    coordinates_parameter: str = ""
    score: str = ""
    files: Tuple[str, ...] = ()
    programs: Tuple[str, ...] = ()
    companions: Tuple[Companion, ...] = ()

    @property
    def version(self) -> Optional[str]:
        """Version of its package, None when that is not installed."""
        return _version(self.package)


def _version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def refusal(item, engine, reason):
    """The sentence for an engine that cannot be used here.

    Parameters
    ----------
    item : str
        Id of the item.
    engine : ExternalEngine
    reason : str
        What is missing.

    Returns
    -------
    str
    """
    return ("%s cannot be computed by %s here: %s; install what is missing or choose the built-in "
            "engine." % (item, engine.label, reason))


def not_installed(engine):
    """The reason for a plugin (of an engine or companion) that is not there, for a sentence."""
    return "the Scipion plugin %s is not installed" % engine.package


def read_choices(texts, checks):
    """Engines that a user chose.

    Parameters
    ----------
    texts : iterable of str
        ``0.e=xmipp`` for instance.
    checks : list of Check
        Those whose engines can be chosen.

    Returns
    -------
    dict of str to ExternalEngine
        By item; items to be computed by the built-in engine are left out.

    Raises
    ------
    InputError
        With a sentence for each choice that there is not.
    """
    by_id = {check.id: check for check in checks}
    chosen, problems = {}, []
    for text in texts:
        item, _, name = text.partition("=")
        if item not in by_id:
            problems.append("The engine choice %s is not of the form item=engine with one of the "
                            "items %s." % (text, ", ".join(sorted(by_id))))
            continue
        engines = dict({BUILTIN: None},
                       **{engine.name: engine for engine in by_id[item].external})
        if name not in engines:
            problems.append("Item %s has no engine %s; it can be computed by %s."
                            % (item, name or "without a name", " or ".join(engines)))
        elif chosen.setdefault(item, engines[name]) is not engines[name]:
            problems.append("Two different engines are chosen for item %s; choose one." % item)
    if problems:
        raise InputError(problems)
    return {item: engine for item, engine in chosen.items() if engine is not None}
