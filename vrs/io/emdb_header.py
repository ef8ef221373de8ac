"""Header files of EMDB entries: XML of the data model EMDB v3."""

import xml.etree.ElementTree as ElementTree

from vrs.errors import InputError
from vrs.io.archive import to_entry
from vrs.io.download import Damaged
from vrs.io.files import check_file

_OLD = ("the data model of EMDB before version 3; download the header of the entry again, "
        "emd-1234.xml in its folder of headers")
# Elements of several names that the JSON form calls by one.
_ENDINGS = {"_processing": "image_processing", "_supramolecule": "supramolecule"}
_LISTS = {"macromolecule_list": "macromolecule"}


def read_emdb_header(path):
    """Read the header file of an entry.

    Parameters
    ----------
    path : str

    Returns
    -------
    vrs.io.archive.ArchiveEntry

    Raises
    ------
    InputError
        If it is no such file, or the entry was withdrawn.
    """
    check_file(path, "the header file (XML) of an EMDB entry")
    try:
        root = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, OSError, ValueError) as error:
        raise InputError("%s is not XML (%s); give the header file of an EMDB entry."
                         % (path, error)) from None
    if _name(root) == "emdEntry":
        raise InputError("%s is written in %s." % (path, _OLD))
    if _name(root) != "emd" or not root.get("emdb_id"):
        raise InputError("%s is not the header of an EMDB entry; give emd-1234.xml, for instance."
                         % path)
    try:
        return to_entry(_mapping(root))
    except Damaged as error:
        raise InputError("The header %s %s; download it again." % (path, error)) from None


def _mapping(element):
    """An element as EMDB's web service writes it in JSON."""
    children = list(element)
    found = dict(element.attrib)
    if not children:
        text = (element.text or "").strip()
        return dict(found, valueOf_=text) if found else text
    within = _LISTS.get(_name(element))
    for child in children:
        name = within or next((common for ending, common in _ENDINGS.items()
                               if _name(child).endswith(ending)), _name(child))
        value = _mapping(child)
        if name in found:
            earlier = found[name] if isinstance(found[name], list) else [found[name]]
            found[name] = earlier + [value]
        else:
            found[name] = value
    return found


def _name(element):
    """Name of an element, without a namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
