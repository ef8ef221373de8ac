"""A curve of small-angle X-ray scattering."""

from vrs.inputs import Kind, Loaded, Option, Source, register
from vrs.io.saxs import read_saxs
from vrs.results import Note


class _SaxsKind(Kind):
    name = "saxs"
    title = "SAXS curve"
    words = "a SAXS curve"
    place = 120
    help = ("Small-angle X-ray scattering of the same particles in solution; the scattering of the "
            "particle in the map is compared with it.")
    options = (
        Option("saxs", "curve of small-angle X-ray scattering: text with the columns q, intensity "
               "and error, the buffer subtracted", "Scattering curve",
               "A text file with the columns q, intensity and its error, after subtraction of the "
               "buffer, as ATSAS, RAW or SASBDB give it. Whether q is in 1/Å or 1/nm is determined "
               "automatically."),
    )

    def probe(self, given, probed):
        read_saxs(given["saxs"])

    def load(self, given, evidence):
        found = read_saxs(given["saxs"])
        return Loaded(found.curve, (Source("SAXS curve", found.path),),
                      tuple(map(Note, found.notes)))

    def describe(self, evidence):
        q = evidence.saxs.q
        return [Note("The SAXS curve has %d points, q from %.3g to %.3g 1/Å." % (
            len(q), q[0], q[-1]))], []


SAXS = register(_SaxsKind())
