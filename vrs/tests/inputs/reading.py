"""Reading evidence from files as the command does, for tests."""

from vrs import inputs
from vrs.errors import InputError
from vrs.io.problems import collected


def read(map_path, threshold, workers=1, seed=0, **given):
    """Evidence from files; all problems that probing and reading find are raised together."""
    given = dict(given, map=map_path, threshold=threshold)
    problems, evidence = [], None
    with collected(problems):
        inputs.probe(given)
    with collected(problems):
        evidence = inputs.load(given, inputs.Run(workers, seed))
    if evidence is not None and not problems:
        problems += evidence.failures.values()
    if problems:
        raise InputError(problems)
    return evidence


def texts(notes):
    """What notes say."""
    return [note.text for note in notes]
