"""The report with all that it names, as one file to send."""

import json
import os
import zipfile
from pathlib import Path

from vrs.errors import InputError
from vrs.report.chimerax_script import SCRIPT, redirected
from vrs.report.json_report import relocate, report_text
from vrs.report.writer import PACKAGE, report_files

_ROOT = PACKAGE.rpartition(".")[0]


def write_package(folder):
    """Write ``vrs_report.zip``: a folder with the report and the maps and models that it names.

    Parameters
    ----------
    folder : path
        Of the report.

    Returns
    -------
    pathlib.Path
        In that folder. It holds a folder of its own, within which all paths of
        ``report.json`` and of the commands for ChimeraX lead to its folder ``files``.

    Raises
    ------
    InputError
        If a map or a model is no longer there.
    """
    folder = Path(folder)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    moved = relocate(report, _packed)
    missing = [str(folder / path) for path in moved if not (folder / path).is_file()]
    if missing:
        raise InputError(["%s, which the report names, is no longer there; the report cannot be "
                          "packed." % path for path in missing])
    part = folder / (PACKAGE + ".new")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name in report_files(folder):
                if name == "report.json":
                    archive.writestr("%s/%s" % (_ROOT, name), report_text(report))
                elif name == SCRIPT:
                    archive.writestr("%s/%s" % (_ROOT, name), redirected(
                        (folder / name).read_text(encoding="utf-8"), moved))
                elif name != PACKAGE:
                    archive.write(folder / name, "%s/%s" % (_ROOT, name))
            for source, target in moved.items():
                archive.write(folder / source, "%s/%s" % (_ROOT, target))
        os.replace(str(part), str(folder / PACKAGE))
    finally:
        if part.exists():
            part.unlink()
    return folder / PACKAGE


def _packed(item, path):
    """Where a file of an item, or of the input, lies in the package."""
    name = os.path.basename(path)
    return "files/%s_%s" % (item, name) if item else "files/%s" % name
