"""The class averages of a two-dimensional classification."""

import os

from vrs.inputs import NUMBER, Kind, Loaded, Option, Source, read_value, register
from vrs.io.classes import probe_classes, read_classes
from vrs.io.problems import to_number
from vrs.results import Note


def _to_sampling(value):
    return to_number(value, "The pixel size of the classes", "give the pixel size of the class "
                     "averages in Å, for example 3.54", positive=True)


class _ClassesKind(Kind):
    name = "classes"
    title = "Class averages"
    words = "class averages"
    place = 28
    help = ("The class averages of a 2D classification; if they are not given, they are made from "
            "the particles and their class numbers.")
    options = (
        Option("classes", "class averages: an MRC stack, TIFF, SPIDER or EMAN2 HDF file, RELION's "
               "model.star, or a folder of images", "Class averages",
               "A stack (.mrcs, TIFF, SPIDER, HDF of EMAN2), the model.star of a 2D classification "
               "in RELION, or a folder of single images.", pointer="SetOfClasses2D, SetOfAverages"),
        Option("sampling_classes", "pixel size of the class averages in Å (default: from their "
               "header)", "Pixel size of the classes (Å)",
               "Needed where their file does not give "
               "it.", NUMBER, "N", _to_sampling, advanced=True),
    )

    def probe(self, given, probed):
        probe_classes(given["classes"], read_value(self.options[1], given))

    def load(self, given, evidence):
        classes, notes = read_classes(given["classes"], read_value(self.options[1], given))
        # A folder or a pattern of single images is no file that could be told apart by its hash.
        sources = ((Source("Class averages", given["classes"]),)
                   if os.path.isfile(given["classes"]) else ())
        return Loaded(classes, sources, tuple(map(Note, notes)))

    def describe(self, evidence):
        classes = evidence.classes
        return [Note("There are %d class averages of %d pixels, %.4g Å each." % (
            len(classes.numbers), classes.images.shape[-1], classes.sampling))], []


CLASSES = register(_ClassesKind())
