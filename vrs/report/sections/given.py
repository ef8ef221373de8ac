"""What was given: the map, and what the levels take on top of it."""

from vrs.report.document import Fact, Facts, Grid, Minor, Run, Text
from vrs.report.numbering import input_anchor, paths, plain
from vrs.report.wording import angstroms
from vrs.results import INFORMATIVE, SERIOUS


def input_blocks(numbering, given, folder):
    """The map and all that was given with it.

    Parameters
    ----------
    numbering : vrs.report.numbering.Numbering
    given : vrs.results.InputReport
    folder : path
        What its files are relative to.

    Returns
    -------
    list
        Of blocks.
    """
    rows = [("File", plain(given.file_name))]
    sums = [("Map" if given.shape else "Data", given.file_name, given.sha256)]
    if given.shape is not None:
        rows += [("Box (x, y, z)", plain(" × ".join(map(str, given.shape)) + " voxels")),
                 ("Voxel size", plain("%g Å" % given.sampling)),
                 ("Threshold", plain("%g" % given.threshold))]
    rows.append(("Reported resolution", plain(angstroms(given.resolution))))
    if given.mask_file_name:
        rows.append(("Own mask", plain(given.mask_file_name)))
        sums.append(("Own mask", given.mask_file_name, given.mask_sha256))
    return _blocks(numbering, rows, sums, given, paths(given.files, folder))


def added_blocks(numbering, added, files):
    """What a level takes on top of the map.

    Parameters
    ----------
    numbering : vrs.report.numbering.Numbering
    added : vrs.results.LevelInput
    files : dict of str to path
        Maps that its figures may name.

    Returns
    -------
    list
        Of blocks.
    """
    rows = [(entry.term, plain(entry.file_name)) for entry in added.files]
    sums = [(entry.term, entry.file_name, entry.sha256) for entry in added.files]
    return _blocks(numbering, rows, sums, added, files)


def _blocks(numbering, rows, sums, given, files):
    if numbering.has_appendix:
        # Checksums are longer than a line of a column.
        numbering.set_aside(Grid(
            ["File", "Name", "SHA-256"], [[plain(term), plain(name), [Run(digest, style="code")]]
                                          for term, name, digest in sums],
            [False] * 3, [1, 1.5, 4.4], "Files that were examined, with their checksums."))
    else:
        rows = rows + [("SHA-256 of %s" % name, [Run(digest, style="code")])
                       for _, name, digest in sums]
    blocks = [Facts([Fact(term, runs) for term, runs in rows])]
    if given.notes:
        blocks += [Minor("Findings")] + [_note(note) for note in given.notes]
    return blocks + numbering.blocks(given.content, files)


def suspicions(results):
    """Findings on the input that are more than informative.

    Parameters
    ----------
    results : list of LevelResults

    Returns
    -------
    dict of str to list of Note
        By the anchor of the first section that tells them.
    """
    parts = [("input", results[0].input.notes)]
    parts += [(input_anchor(result), result.added.notes) for result in results if result.added]
    found, told = {}, set()
    for anchor, notes in parts:
        for note in notes:
            if note.severity != INFORMATIVE and note.text not in told:
                told.add(note.text)
                found.setdefault(anchor, []).append(note)
    return found


def _note(note):
    if note.severity == INFORMATIVE:
        return Text(plain(note.text), "note")
    word = "Serious: " if note.severity == SERIOUS else "Worth a look: "
    return Text([Run(word, style="strong"), Run(note.text)], "warning")
