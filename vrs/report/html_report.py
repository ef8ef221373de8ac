"""The report as one HTML file that needs nothing else."""

import base64
from pathlib import Path

import jinja2

from vrs.report.lines import split_readings

_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}


def render_html(document, images, scene=None):
    """The document as HTML.

    Parameters
    ----------
    document : Document
    images : path
        Folder of its images, which are embedded.
    scene : vrs.report.scene.Scene, optional
        The surface of the map, for the 3D view.

    Returns
    -------
    str
        All of its text and figures can be read without JavaScript; that adds the order
        of tables, closing of sections, enlarged figures, values of curves under the pointer
        and the 3D view.
    """
    def read(name):
        path = Path(images) / name
        data = path.read_bytes()
        return split_readings(data) if path.suffix == ".svg" else (data, "")

    def embedded(name):
        data = base64.b64encode(read(name)[0]).decode("ascii")
        return "data:%s;base64,%s" % (_TYPES[Path(name).suffix], data)

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vrs.report"), autoescape=True, trim_blocks=True,
        lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters["embedded"] = embedded
    environment.filters["readings"] = lambda name: read(name)[1]
    environment.filters["kind"] = lambda block: type(block).__name__
    return environment.get_template("report.html.j2").render(
        document=document, scene=scene)
