"""Level 1: two half maps."""

from vrs.checks.level_1.half_maps import describe_half_maps
from vrs.errors import InputError
from vrs.protocols.half_maps import define_half_maps, described_files, half_files
from vrs.protocols.level import ProtVrsLevel


class ProtVrsLevel1(ProtVrsLevel):
    """Validates a map by its two half maps: does the reported resolution hold, everywhere in the
    macromolecule and in every direction? It needs the map, a threshold, and the two maps that
    were reconstructed from separate halves of the particles."""

    _label = "validate half maps (level 1)"
    LEVEL = "1"

    def _define_added(self, form):
        define_half_maps(form, "Those of the map")

    def _added(self):
        paths = half_files(self)
        if len(paths) != 2:
            raise InputError("The map brings no half maps along; choose two volumes or files.")
        return {"half_paths": paths}

    def _describe_added(self, loaded):
        return describe_half_maps(loaded.data, described_files(loaded))
