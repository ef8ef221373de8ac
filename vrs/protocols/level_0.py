"""Level 0: the map alone."""

from vrs.protocols.level import ProtVrsLevel


class ProtVrsLevel0(ProtVrsLevel):
    """Validates a map by itself: is it centred, is its threshold sensible, is the background free
    of structure, do its amplitudes fall off as they should? It needs the map, a threshold and,
    for some of the items, the reported resolution."""

    _label = "validate map (level 0)"
    LEVEL = "0"
