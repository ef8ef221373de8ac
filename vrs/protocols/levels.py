"""The protocols of the levels, and the one that assesses all that is given."""

from vrs.protocols.level import ProtVrsLevel


class ProtVrsValidateMap(ProtVrsLevel):
    """Validates a map with everything that there is of it: what is given decides the levels.
    It needs the map and a threshold; half maps, an atomic model and the workflow add their
    levels."""

    _label = "validate map"


class ProtVrsLevel0(ProtVrsLevel):
    """Validates a map by itself: is it centred, is its threshold sensible, is the background free
    of structure, do its amplitudes fall off as they should? It needs the map, a threshold and,
    for some of the items, the reported resolution."""

    _label = "validate map (level 0)"
    LEVEL = "0"


class ProtVrsLevel1(ProtVrsLevel):
    """Validates a map by its two half maps: does the reported resolution hold, everywhere in the
    macromolecule and in every direction? It needs the map, a threshold, and the two maps that
    were reconstructed from separate halves of the particles."""

    _label = "validate half maps (level 1)"
    LEVEL = "1"


class ProtVrsLevel3(ProtVrsLevel):
    """Validates a two-dimensional classification by its particles: do they belong to their
    classes, is each class a single view, and does a second classification find the same? It needs
    the map, a threshold, and the table of a 2D classification by RELION or cryoSPARC with the
    images of the particles."""

    _label = "validate particles' classes (level 3)"
    LEVEL = "3"


class ProtVrsLevel4(ProtVrsLevel):
    """Validates the orientations of the particles: were they seen from enough directions for the
    reported resolution? It needs the map, a threshold, and the table of a 3D refinement by RELION
    or cryoSPARC with the symmetry that was imposed."""

    _label = "validate particles (level 4)"
    LEVEL = "4"


class ProtVrsLevelA(ProtVrsLevel):
    """Validates a map and an atomic model by each other: does the model lie in the map, residue
    by residue? It needs the map, a threshold and the model; with two half maps it also tells
    where the model says more than the map does."""

    _label = "validate atomic model (level A)"
    LEVEL = "A"


class ProtVrsLevelW(ProtVrsLevel):
    """Shows how a map was obtained: the protocols that were run, which took the output of which,
    and their versions. It needs the map, a threshold, and the workflow: that of this project, or
    one that Scipion exported."""

    _label = "describe workflow (level W)"
    LEVEL = "W"


class ProtVrsLevelO(ProtVrsLevel):
    """Compares with other techniques: are residues that a chemical linker joined near to each
    other in the atomic model? It needs the map, a threshold, a table of cross-links and the
    model."""

    _label = "other techniques (level O)"
    LEVEL = "O"
