"""The header file of an EMDB entry: the numbers that belong to the map."""

import os

from vrs.bundles import Bundle, Contents, Found
from vrs.inputs.kind import Option
from vrs.io.emdb_header import read_emdb_header


# Options by which what the entry states is given; they have the same names there.
_NUMBERS = "resolution threshold sampling symmetry mass".split()


class _EmdbHeader(Bundle):
    option = Option(
        "entry_xml", "header file of an EMDB entry (emd-1234.xml): the resolution, recommended "
        "contour level, voxel size, title, symmetry and mass are taken from it")

    def open(self, path):
        entry = read_emdb_header(path)
        where = "%s, %s" % (entry.emdb_id, os.path.basename(path))
        values = {name: getattr(entry, name) for name in _NUMBERS}
        values["title"] = entry.title and "%s: %s" % (entry.emdb_id, entry.title)
        return Contents(tuple(Found(name, value, where) for name, value in values.items()
                              if value not in (None, "")), stem=entry.emdb_id)


EMDB_HEADER = _EmdbHeader()
