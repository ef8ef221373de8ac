"""Level 1: two half maps."""

from pyworkflow.protocol import params

from vrs.checks.level_1.half_maps import describe_half_maps
from vrs.checks.results import InputFile
from vrs.errors import InputError
from vrs.protocols.level import ProtVrsLevel, identity, original_file, plain_name

HALVES_OF_MAP, HALVES_OBJECTS, HALVES_FILES = range(3)


class ProtVrsLevel1(ProtVrsLevel):
    """Validates a map by its two half maps: does the reported resolution hold, everywhere in the
    macromolecule and in every direction? It needs the map, a threshold, and the two maps that
    were reconstructed from separate halves of the particles."""

    _label = "validate half maps (level 1)"
    LEVEL = "1"

    def _define_added(self, form):
        form.addParam("halvesFrom", params.EnumParam, default=HALVES_OF_MAP, label="Half maps",
                      choices=["Those of the map", "Two volumes of the project", "Two files"],
                      help="The two maps reconstructed from separate halves of the particles, in "
                           "the box of the map; neither masked nor filtered nor sharpened. The map "
                           "may bring them along, as those of refinements do.")
        for number in (1, 2):
            form.addParam("inputHalf%d" % number, params.PointerParam, pointerClass="Volume",
                          allowsNull=True, condition="halvesFrom == %d" % HALVES_OBJECTS,
                          label="Half map %d" % number)
            form.addParam("half%dFile" % number, params.FileParam, allowsNull=True,
                          condition="halvesFrom == %d" % HALVES_FILES,
                          label="File of half map %d" % number)

    def _added(self):
        paths = self._half_files()
        if len(paths) != 2 or not all(paths):
            raise InputError({
                HALVES_OF_MAP: "The map brings no half maps along; choose two volumes or files.",
                HALVES_OBJECTS: "Choose both half maps.",
                HALVES_FILES: "Choose the files of both half maps."}[self.halvesFrom.get()])
        return {"half_paths": paths}

    def _describe_added(self, loaded):
        files = [InputFile("Half map %d" % number, *identity(half))
                 for number, half in enumerate(loaded.half_files, 1)]
        return describe_half_maps(loaded.data, files)

    def _half_files(self):
        if self.halvesFrom == HALVES_OF_MAP:
            halves = self.inputVolume.get().getHalfMaps() or ""
            return [original_file(path) for path in halves.split(",") if path]
        if self.halvesFrom == HALVES_OBJECTS:
            chosen = [pointer.get() for pointer in (self.inputHalf1, self.inputHalf2)]
            return [original_file(plain_name(half)) if half else "" for half in chosen]
        return [self.half1File.get(""), self.half2File.get("")]
