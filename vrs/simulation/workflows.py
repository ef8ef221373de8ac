"""A workflow that leads to a map, as Scipion would export it."""

import json

# Class name, label, and the steps whose output it takes, of those before it.
_STEPS = (
    ("ProtImportMovies", "import movies", ()), ("ProtMotionCorr", "align movies", (0,)),
    ("CistemProtCTFFind", "estimate CTF", (1,)),
    ("XmippProtParticlePicking", "pick some", (1,)),
    ("XmippParticlePickingAutomatic", "pick the rest", (3,)),
    ("XmippProtExtractParticles", "extract", (2, 4)), ("ProtRelionClassify2D", "2D classes", (5,)),
    ("ProtUserSubSet", "good classes", (6,)), ("ProtRelionInitialModel", "first map", (7,)),
    ("ProtRelionClassify3D", "3D classes", (7, 8)), ("ProtUserSubSet", "one state", (9,)),
    ("ProtRelionRefine3D", "refine", (10, 9)), ("ProtRelionPostprocess", "sharpen", (11,)))


def write_workflow(path):
    """Write the steps from the movies to the map.

    Parameters
    ----------
    path : str

    Raises
    ------
    OSError
        If it cannot be written.
    """
    steps = [{"object.className": protocol, "object.id": str(place + 2), "object.label": label,
              "inputs": ["%d.output" % (parent + 2) for parent in parents]}
             for place, (protocol, label, parents) in enumerate(_STEPS)]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(steps, file, indent=1)
