"""Cross-links between residues, found by mass spectrometry."""

from vrs.inputs import Kind, Loaded, Option, Source, register
from vrs.io.crosslinks import read_crosslinks
from vrs.results import Note


class _CrossLinksKind(Kind):
    name = "crosslinks"
    title = "Cross-links"
    words = "a table of cross-links"
    place = 110
    help = ("Residues joined by a chemical linker, as found by mass spectrometry; their distances "
            "are measured in the atomic model.")
    options = (
        Option("crosslinks", "table of cross-links: CSV or text with chain1, residue1, chain2, "
               "residue2, a Jwalk list, or what xiFDR, xQuest and others write",
               "Table of the cross-links",
               'A table with the columns chain1, residue1, chain2, residue2 and, if known, linker, '
               'limit (Å); a list from Jwalk; or what XlinkAnalyzer, xQuest, xiFDR or xiNET write. '
               'If it names proteins, put a JSON file of the same name next to it that gives their '
               'chains: {"RPB1": ["A"]}.'),
    )

    def probe(self, given, probed):
        read_crosslinks(given["crosslinks"])

    def load(self, given, evidence):
        found = read_crosslinks(given["crosslinks"])
        return Loaded(found, (Source("Cross-links", found.path),), tuple(map(Note, found.notes)))

    def describe(self, evidence):
        links = evidence.crosslinks
        return [Note("The table has %d cross-links and %d mono-links (residues that the linker "
                     "changed without joining them)." % (len(links.names),
                                                         len(links.mono_names)))], []


CROSSLINKS = register(_CrossLinksKind())
