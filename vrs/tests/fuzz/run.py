"""Tries damaged inputs, each as good as in a process of its own, and collects what went wrong."""

import collections
import multiprocessing
import os
import random
import re
import tempfile
import traceback

import numpy as np

from vrs.tests.fuzz import readers, sources
from vrs.tests.fuzz.mutators import mutate

KINDS = ("pdb", "cif", "header", "data", "workflow", "pdb", "cif", "star", "cs", "crosslinks",
         "criteria")
SECONDS = 60
_LOST = ("took too long", "ended the process")
_MEMORY = 3 * 2 ** 30
_NAMES = {"pdb": ("m.pdb", "m.ent", "m.cif", "m", "m.pdb.gz"),
          "cif": ("m.cif", "m.mmcif", "m.pdb", "m.cif.bz2"),
          "header": ("a.mrc", "a.map", "a.ccp4.gz"), "data": ("a.mrc", "a.map"),
          "workflow": ("w.json",), "star": ("p.star",), "cs": ("p.cs",),
          "crosslinks": ("x.csv", "x.txt"), "criteria": ("c.json",)}
_LEFT_OUT = re.compile(r"([0-9]+) atoms? [^.]*left out")


def case(seed, index):
    """Kind, file name and content of an input."""
    rng = random.Random("%d %d" % (seed, index))
    kind = KINDS[index % len(KINDS)]
    if kind in ("header", "data"):
        sound = sources.mrc(rng.choice(("f4", "f4", "i1", "i2", "u2", "f2")))
    else:
        sound = getattr(sources, kind)()
    return kind, rng.choice(_NAMES[kind]), mutate(kind, sound, rng)


def check(kind, name, content, folder, deep=False):
    """Read an input, and compare what was read with what it holds.

    Parameters
    ----------
    kind, name, content
        Of :func:`case`.
    folder : str
        Where the file is written to.
    deep : bool
        Whether models are looked for in a small map too, which takes a second.

    Returns
    -------
    str
        "read", "refused", or "not compared" where the readers here cannot read it.

    Raises
    ------
    AssertionError
        If something was read in another way than it stands there, and no note says so.
    """
    from vrs.errors import InputError
    path = os.path.join(folder, name)
    with open(path, "wb") as stream:
        stream.write(content)
    try:
        if kind == "workflow":
            return _check_workflow(path, content)
        if kind in ("pdb", "cif"):
            return _check_model(path, content, deep)
        if kind in ("header", "data"):
            return _check_map(path, content)
        return {"star": _check_particles, "cs": _check_particles, "crosslinks": _check_crosslinks,
                "criteria": _check_criteria}[kind](path)
    except InputError as error:
        assert error.problems and all(
            problem.rstrip().endswith(".") and "\n" not in problem for problem in error.problems
        ), "a refusal is no sentence: %r" % error.problems
        return "refused"


def _check_map(path, content):
    from vrs.io.maps import is_plain, read_map
    found = read_map(path, 1.5)
    is_plain(path)
    expected = readers.volume(content)
    if expected is None:
        return "not compared"
    assert found.volume.shape == expected.shape, "the box is another one"
    assert np.array_equal(found.volume, expected), "the voxels are other ones"
    assert np.isfinite(found.volume).all() and np.isfinite(found.origin).all()
    return "read"


def _check_particles(path):
    from vrs.io.particles import probe_particles, read_particles
    probed = probe_particles(path)
    table, _ = read_particles(path)
    assert not probed.problems and len(table) == probed.rows, "the probe found others"
    for values in (table.rotations, table.shifts):
        assert values is None or np.isfinite(values).all(), "a number that is none was read"
    return "read"


def _check_crosslinks(path):
    from vrs.io.crosslinks import read_crosslinks
    found = read_crosslinks(path)
    # Unknown limits are NaN.
    assert not (np.isinf(found.limits) | (found.limits <= 0)).any(), (
        "a number that is no limit was read")
    return "read"


def _check_criteria(path):
    from vrs.checks import Overrides, all_checks
    found = Overrides.read(path, all_checks())
    assert np.isfinite(np.hstack([0.0, *found.bounds.values()])).all(), (
        "a number that is none was read")
    return "read"


def _check_workflow(path, content):
    from vrs.io.workflows import read_workflow
    found = read_workflow(path)
    assert [step.id for step in found.steps] == readers.steps(content), "steps are others"
    return "read"


def _check_model(path, content, deep):
    from vrs.io.models import atom_positions, read_model, write_model
    found = read_model(path)
    model = found.structure[0]
    again = path + ".again"
    write_model(again, found.structure)
    second = read_model(again).structure[0]
    assert _shape(second) == _shape(model), "it is another model after writing and reading"
    if deep:
        _place(found.structure)
    expected = readers.atoms(content)
    if expected is None:
        return "not compared"
    notes = " ".join(note.text for note in found.notes)
    lost = sum(map(int, _LEFT_OUT.findall(notes)))
    assert all(atom["place"] for atom in expected), "a number that is none was read"
    assert model.count_atom_sites() + lost == len(expected), "the number of atoms is another"
    _same_places(atom_positions(found.structure), expected, lost)
    if not lost:
        _same_numbers([site.atom.occ for site in model.all()],
                      [1.0 if atom["occupancy"] is None else atom["occupancy"]
                       for atom in expected], "occupanc", notes)
        _same_numbers([site.atom.b_iso for site in model.all()],
                      [atom["b_factor"] for atom in expected], "B factor", notes)
        _same_residues(model, expected)
    return "read"


def _shape(model):
    return [(chain.name, [(str(residue.seqid), residue.name, len(residue))
                          for residue in chain]) for chain in model]


def _same_places(found, expected, lost):
    places = np.array([atom["place"] for atom in expected])
    with np.errstate(invalid="ignore"):
        places = places[(np.abs(places) <= 1e5).all(axis=1)]
    assert len(found) <= len(places) <= len(found) + lost, "atoms have other places"
    counts = collections.Counter(map(tuple, places))
    counts.subtract(map(tuple, found))
    assert min(counts.values()) >= 0, "atoms have other places"


def _same_numbers(found, expected, word, notes):
    if word in notes:
        return
    assert None not in expected, "a %s that is none was read" % word
    # In single precision.
    assert np.array_equal(np.sort(np.float32(found)), np.sort(np.float32(expected))), (
        "%ss are others" % word)


def _same_residues(model, expected):
    """At least one residue for each key, and for each time that an atom comes again; at most one
    for each run of atoms of the same key without a name twice."""
    most, before, atoms = 0, None, set()
    times = collections.defaultdict(collections.Counter)
    for atom in expected:
        key, own = _key(atom), (atom["name"], atom["alternative"])
        if (key, atom["ended"]) != before:
            run = set()
        if (key, atom["ended"]) != before or own in atoms:
            most, atoms = most + 1, set()
        if own not in run:
            times[key][own] += 1
        before = key, atom["ended"]
        atoms.add(own)
        run.add(own)
    least = sum(max(counts.values()) for counts in times.values())
    count = sum(len(chain) for chain in model)
    assert least <= count <= most, "the number of residues, %d, is not %d to %d" % (
        count, least, most)
    chains = len({atom["chain"] for atom in expected})
    assert chains <= len(model), "the number of chains is another"


def _key(atom):
    number = re.fullmatch("([+-]?)0*([0-9]{1,9})([A-Za-z]?)", atom["number"])
    if number:
        sign, digits, insertion = number.groups()
        number = sign.replace("+", "") + digits, insertion or atom["insertion"]
    return atom["chain"], number, atom["residue"]


def _place(structure):
    from vrs.numerics.placement import candidate_frames, find_placement
    volume = np.random.default_rng(0).normal(size=(14, 15, 16)).astype(np.float32)
    frames = candidate_frames((16, 15, 14), 3.0, (1, 0, -3), (2.0, 0.0, 1e5))
    find_placement(volume, 3.0, structure[0], frames, 9.0)


def run(count, seed=0, first=0, say=lambda text: None):
    """Try inputs.

    Parameters
    ----------
    count, seed, first : int
        How many, of which seed, and the index of the first one.
    say : callable
        Takes a line about each failure.

    Returns
    -------
    outcomes : collections.Counter
        By kind and outcome.
    failures : list of (int, str)
        Indices and what happened: a traceback, a silent change, a crash, or that it took more
        than a minute.
    """
    outcomes, failures = collections.Counter(), []
    index, end = first, first + count
    while index < end:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("spawn").Process(
            target=_work, args=(theirs, seed, index, end), daemon=True)
        process.start()
        theirs.close()
        # Starting takes long on a busy computer, and is not what is tried.
        outcome = _answer(ours, 10 * SECONDS)
        while index < end:
            kind = KINDS[index % len(KINDS)]
            if outcome == "started":
                outcome = _answer(ours, SECONDS)
            failed = outcome not in ("read", "refused", "not compared")
            if failed:
                failures.append((index, outcome))
                say("%d (%s): %s" % (index, kind, outcome))
            outcomes[kind, "failed" if failed else outcome] += 1
            index += 1
            if outcome in _LOST:
                break
            outcome = "started"
        process.kill()
        process.join()
        ours.close()
    return outcomes, failures


def _answer(connection, seconds):
    try:
        return connection.recv() if connection.poll(seconds) else _LOST[0]
    except EOFError:
        return _LOST[1]


def _work(connection, seed, index, end):
    import warnings

    try:
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    except (ImportError, ValueError):
        pass
    warnings.simplefilter("ignore")
    connection.send("started")
    for number in range(index, end):
        with tempfile.TemporaryDirectory() as folder:
            try:
                outcome = check(*case(seed, number), folder, deep=number % 25 == 0)
            except BaseException:
                outcome = traceback.format_exc()
        connection.send(outcome)
