"""The protocols of the levels, and the one that assesses all that is given."""

from vrs.protocols.level import ProtVrsLevel


class ProtVrsValidateMap(ProtVrsLevel):
    """Validates a map with all the data available: what is given decides the levels. It needs the
    map and a threshold; half maps, class averages, particles, micrographs, an atomic model, the
    workflow and results of other techniques add their levels."""

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


class ProtVrsLevel2(ProtVrsLevel):
    """Validates a map by two-dimensional class averages: do they look like projections of it? It
    needs the map, a threshold, and class averages or a table of particles that are aligned to
    classes."""

    _label = "validate 2D classes (level 2)"
    LEVEL = "2"


class ProtVrsLevel3(ProtVrsLevel):
    """Validates a two-dimensional classification by its particles: do they belong to their
    classes, is each class a single view, and does a second classification find the same? It needs
    the map, a threshold, and the table of a 2D classification by RELION or cryoSPARC with the
    images of the particles."""

    _label = "validate class members (level 3)"
    LEVEL = "3"


class ProtVrsLevel4(ProtVrsLevel):
    """Validates the orientations of the particles: do their images agree with them, would an
    independent alignment find the same, does the map owe anything to noise, and were they seen
    from enough directions? It needs the map, a threshold, and the particles of a 3D refinement
    with the symmetry that was imposed."""

    _label = "validate particles (level 4)"
    LEVEL = "4"


class ProtVrsLevel5(ProtVrsLevel):
    """Validates where the particles were picked: do they come from good ice, or from carbon,
    contamination and holes? It needs the map, a threshold, the micrographs, and coordinates or a
    table of particles that has them."""

    _label = "validate micrographs (level 5)"
    LEVEL = "5"


class ProtVrsLevelA(ProtVrsLevel):
    """Validates a map and an atomic model by each other: does the model lie in the map, residue
    by residue? It needs the map, a threshold and the model; with two half maps it also shows
    where the model claims more than the data support."""

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
    other in the atomic model, does the particle in the map scatter X-rays as the one in solution
    does, and do pairs of images agree with a tilt of the specimen? It needs the map, a threshold,
    and one of them at least: a table of cross-links with the model, a SAXS curve, or the tables of
    tilt pairs."""

    _label = "other techniques (level O)"
    LEVEL = "O"
