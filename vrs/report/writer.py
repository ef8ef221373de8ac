"""Writing the three forms of the report."""

import os
import re
import shutil
import tempfile
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vrs import levels
from vrs import results as stored
from vrs.errors import InputError
from vrs.io.star import write_star
from vrs.results import UNREADABLE

ReportPaths = namedtuple("ReportPaths", "json pdf html")

_OF_REPORT = re.compile(
    r"report\.(json|pdf|html)|emv_\w+\.json|vrs_particles(_\w+)?\.star|vrs_micrographs\.star"
    r"|vrs_curves\.csv|open_in_chimerax\.cxc|vrs_report\.zip")
PACKAGE = "vrs_report.zip"
_PARTICLES_FILE = "vrs_particles.star"

_COMMON = (("sha256", "maps"), ("sampling", "voxel sizes"), ("threshold", "thresholds"),
           ("resolution", "reported resolutions"), ("mask_sha256", "masks"))


def write_report(results_files, folder, provenance, title="", renderer="builtin"):
    """Write ``report.json``, ``report.pdf`` and ``report.html``.

    Beside them go values of residues in the format of 3DBionotes, see
    :func:`vrs.report.emv.emv_files`, the tables of particles with values that items gave them,
    a table of the micrographs with those that items gave these, all curves as CSV, and commands
    with which ChimeraX opens the map with what was measured on it.

    Parameters
    ----------
    results_files : list of path
        What :meth:`vrs.validation.Validation.finish` wrote.
    folder : path
        Where the report goes; it is made when it does not exist. Files appear
        under their names only when they are complete.
    provenance : dict
        Where the results come from, as JSON can hold it: ``date`` (ISO 8601),
        ``host``, ``platform``, ``python``, ``packages`` (version by name),
        ``project``, ``protocols`` (a list of mappings) and whatever else.
    title : str
        What the front page calls the map; by default the title of its entry in a public
        archive, else the name of its file.
    renderer : str
        What draws the 3D views, "builtin" or "chimerax".

    Returns
    -------
    ReportPaths
        ``json``, ``pdf`` and ``html``, each a pathlib.Path.

    Raises
    ------
    InputError
        If there are no results, or they do not belong together.

    Notes
    -----
    The ``entry`` of the results is what a public archive says of the map: ``id``
    ("EMD-1234"), ``title``, ``pdb_ids``, ``authors`` and ``remarks`` (lists of text) and
    ``deposited`` (a date). It joins the provenance.
    """
    # Drawing needs large packages, which those who only ask for a score must not wait for.
    from vrs.report.build import build_document
    from vrs.report.chimerax_script import SCRIPT, chimerax_script
    from vrs.report.curves_table import CURVES, curves_table
    from vrs.report.emv import emv_files
    from vrs.report.figures import Artist
    from vrs.report.html_report import render_html
    from vrs.report.json_report import render_json
    from vrs.report.lines_process import LineArtist
    from vrs.report.micrograph_ranks import MICROGRAPHS, micrograph_table
    from vrs.report.pdf_report import render_pdf
    from vrs.report.scene import map_scene

    results = read_results(results_files)
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    given = results[0][0].input
    entry = next((result.input.entry for result, _ in results if result.input.entry), None)
    if entry:
        provenance = dict(provenance, entry=entry)
        title = title or entry["title"]
    work = Path(tempfile.mkdtemp(prefix=".report-", dir=str(folder)))
    try:
        images = work / "images"
        images.mkdir()
        artist = Artist(images, given.shape or (), given.sampling, renderer,
                        lines=LineArtist(images, "svg"))
        document = build_document(results, provenance, title, artist)
        new = ReportPaths(*(work / ("report." + suffix) for suffix in ReportPaths._fields))
        new.json.write_text(render_json(results, provenance, title, folder), encoding="utf-8")
        scene = map_scene(results, artist)
        artist.finish()
        with ThreadPoolExecutor(1) as pool:  # the typesetter runs beside what Python does
            pdf = pool.submit(render_pdf, document, images)
            new.html.write_text(render_html(document, images, scene), encoding="utf-8")
            new.pdf.write_bytes(pdf.result())
        exported = emv_files([result for result, _ in results], provenance, title)
        exported[CURVES] = curves_table([item for result, _ in results for item in result.items])
        exported[SCRIPT] = chimerax_script(results, folder)
        exported = {name: text for name, text in exported.items() if text}
        for name, text in exported.items():
            (work / name).write_text(text, encoding="utf-8")
        tables = _copy_tables(results, work)
        micrographs = micrograph_table([item for result, _ in results for item in result.items])
        if micrographs:
            write_star(str(work / MICROGRAPHS), {"micrographs": micrographs})
            tables.append(MICROGRAPHS)
        paths = ReportPaths(*(folder / path.name for path in new))
        for name in [path.name for path in new] + list(exported) + tables:
            os.replace(str(work / name), str(folder / name))
        # What an earlier report had and this one has not.
        made = {path.name for path in new}.union(exported, tables)
        for name in set(report_files(folder)) - made:
            (folder / name).unlink()
    finally:
        shutil.rmtree(str(work), ignore_errors=True)
    return paths


def _copy_tables(results, work):
    """Copy the tables of particles, one for each place of results; returns their names."""
    names, places = [], set()
    for result, place in results:
        if (place / _PARTICLES_FILE).exists() and place not in places:
            places.add(place)
            name = _PARTICLES_FILE if not names else "vrs_particles_%s.star" % result.level
            shutil.copyfile(str(place / _PARTICLES_FILE), str(work / name))
            names.append(name)
    return names


def report_files(folder):
    """Names of the files in a folder that belong to a report.

    Parameters
    ----------
    folder : path

    Returns
    -------
    list of str
        Sorted.
    """
    return sorted(filter(_OF_REPORT.fullmatch, os.listdir(str(folder))))


def read_results(results_files):
    """Read the results of levels that make one report.

    Parameters
    ----------
    results_files : list of path

    Returns
    -------
    list of (LevelResults, pathlib.Path)
        With the folders that their files are relative to, sorted by level.

    Raises
    ------
    InputError
        If there are none, if one cannot be read, or if they do not belong together.
    """
    if not results_files:
        raise InputError("There are no results to report on; run a level of the validation first.")
    results = [(result, Path(path).absolute().parent) for path in results_files
               for result in _read(path)]
    results.sort(key=lambda pair: levels.order(pair[0].level))
    problems = []
    for name, what in _COMMON:
        if len({getattr(result.input, name) for result, _ in results}) > 1:
            problems.append("The results were computed with different %s; put only results of the "
                            "same input into one report." % what)
    names = [result.level for result, _ in results]
    for name in sorted(set(names)):
        if names.count(name) > 1:
            problems.append("There are %d results of level %s; give one of them."
                            % (names.count(name), name))
    if problems:
        raise InputError(problems)
    for result, _ in results:
        result.items.sort(key=lambda item: item.id)
    return results


def _read(path):
    try:
        return stored.read_results(path)
    except FileNotFoundError:
        raise InputError("The results file %s is missing; run that level again." % path)
    except UNREADABLE as error:
        raise InputError("The results file %s cannot be read (%s). Run that level again with "
                         "Restart, since Continue keeps what is there." % (path, error))
