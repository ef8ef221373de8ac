"""The report as one HTML file that needs nothing else."""

import base64
from pathlib import Path

import jinja2

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
        of tables, closing of sections, enlarged figures and the 3D view.
    """
    def embedded(name):
        path = Path(images) / name
        data = base64.b64encode(path.read_bytes()).decode("ascii")
        return "data:%s;base64,%s" % (_TYPES[path.suffix], data)

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vrs.report"), autoescape=True, trim_blocks=True,
        lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters["embedded"] = embedded
    environment.filters["kind"] = lambda block: type(block).__name__
    return environment.get_template("report.html.j2").render(
        document=document, scene=scene)
