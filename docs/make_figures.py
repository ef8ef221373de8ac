"""Makes the figures of this folder, and the sample report, from the synthetic examples.

Usage: python docs/make_figures.py FOLDER

In FOLDER the examples are written and validated, unless they are there already: this takes some
minutes and 400 MB. Pages of the report need pdftoppm (Debian: poppler-utils), the 3D view
chromium, and windows Xvfb and import (Debian: xvfb, imagemagick). Only synthetic maps are shown.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Drawing
from PIL import Image

from vrs.io.maps import read_map, write_map
from vrs.numerics.fourier import filtered
from vrs.report.build import build_document
from vrs.report.document import Picture
from vrs.report.figures import Artist
from vrs.report.pdf_report import render_pdf
from vrs.results import Figure, read_results
from vrs.simulation.workflows import write_workflow
from vrs.tests.bundles.relion_projects import Project

FIGURES = Path(__file__).parent / "figures"
# Options of "vrs example", and those of "vrs validate" beyond what all are given.
EXAMPLES = {"example": ([], ["--multimodel", "3", "--workflow", "workflow.json"]),
            "top": (["--particles", "--orientations", "top"], []),
            "uneven": (["--particles", "--uneven"], [])}
# Example, item and beginning of the caption.
ITEMS = {
    "0.b_mass": ("example", "0.b", "Mass enclosed"),
    "0.d_guinier": ("example", "0.d", "Guinier plot"),
    "0.e_histogram": ("example", "0.e", "Histogram"),
    "0.f_surface": ("example", "0.f", "Surface"),
    "0.h_histogram": ("example", "0.h", "Hand that"),
    "1.a_masked_fsc": ("example", "1.a", "Fourier shell correlation of the half maps within"),
    "1.c_slices": ("uneven", "1.c", "Local resolution"),
    "1.f_sphere": ("top", "1.f", "Mean resolution"),
    "1.g_occupancy": ("top", "1.g", "Fourier shell occupancy"),
    "1.h_curves": ("top", "1.h", "Fourier shell correlation"),
    "A.a_chain": ("example", "A.a", "Correlation along"),
    "A.b_histogram": ("example", "A.b", "Histogram"),
    "A.e_chain": ("example", "A.e", "Q-score"),
    "A.g_chain": ("example", "A.g", "DAQ score"),
    "W_graph": ("example", "W", "The workflow"),
    "relion_views": ("relion", "4.h", "Directions of view"),
    "relion_workflow": ("relion", "W", "The workflow"),
}
PAGE_WIDTH, WIDTH = 640, 900
# Pixels of the images in the sample report, and their colours.
SAMPLE_SIDE, SAMPLE_COLOURS = 220, 64
_FADING = -300.0  # Å²


def make_examples(folder):
    """Write and validate the examples that are not there yet."""
    environment = dict(os.environ, SCIPION_USER_DATA=str(folder / "scipion"))
    write_workflow(str(folder / "workflow.json"))

    def vrs(*arguments):
        program = "import sys; from vrs.cli import main; sys.exit(main())"
        subprocess.run([sys.executable, "-c", program] + list(arguments), check=True,
                       cwd=str(folder), env=environment)

    def validate(name, *options):
        truth = json.loads((folder / name / "truth.json").read_text())
        vrs("validate", "--map", name + "/map.mrc", "--threshold", "%g" % truth["threshold"],
            "--resolution", "%g" % truth["resolution"], "--project", name, "--output",
            name + "/report", *options)

    for name, (options, more) in EXAMPLES.items():
        if not (folder / name / "report" / "report.json").exists():
            vrs("example", name, *options)
            halves = ["--half1", name + "/half1.mrc", "--half2", name + "/half2.mrc"]
            validate(name, *halves, "--model", name + "/model.cif", *more)
    if not (folder / "relion" / "report" / "report.json").exists():
        make_project(folder / "top", folder / "relion")
        vrs("validate", "--relion", "relion/PostProcess/job012", "--particles-used", "500",
            "--mask", "none", "--project", "relion", "--output", "relion/report")
    if not (folder / "faded" / "report" / "report.json").exists():
        fade(folder / "example", folder / "faded")
        validate("faded")


def make_project(example, folder):
    """Lay out an example with particles as a project of RELION."""
    truth = json.loads((example / "truth.json").read_text())
    project = Project(folder, "5.0")
    project.job("Import/job001", outputs=["Import/job001/movies.star"])
    project.job("MotionCorr/job002", ["Import/job001/movies.star"],
                ["MotionCorr/job002/corrected_micrographs.star"])
    project.job("Extract/job005", ["MotionCorr/job002/corrected_micrographs.star"],
                ["Extract/job005/particles.star"])
    refined, sharpened = "Refine3D/job010/", "PostProcess/job012/"
    halves = [refined + "run_half%d_class001_unfil.mrc" % number for number in (1, 2)]
    project.job(refined[:-1], ["Extract/job005/particles.star"],
                [refined + "run_data.star:ParticleGroupMetadata", halves[0] + ":DensityMap",
                 refined + "run_class001.mrc:DensityMap"], [("sym_name", "C2"), ("fn_mask", "")])
    project.write_star(refined + "run_sampling.star", {
        "sampling_general": {"rlnIs3DSampling": 1, "rlnSymmetryGroup": "C2"}})
    project.write_star(refined + "run_model.star", {
        "model_general": {"rlnCurrentResolution": truth["resolution"],
                          "rlnPixelSize": truth["sampling"]},
        "model_classes": (["rlnReferenceImage", "rlnClassDistribution"],
                          [[refined + "run_class001.mrc", 1.0]])})
    project.job("MaskCreate/job011", [refined + "run_class001.mrc:DensityMap"],
                ["MaskCreate/job011/mask.mrc:Mask3D"], [("fn_in", refined + "run_class001.mrc")])
    project.job(sharpened[:-1], [halves[0] + ":DensityMap", "MaskCreate/job011/mask.mrc:Mask3D"],
                [sharpened + "postprocess.mrc:DensityMap", sharpened + "postprocess.star"],
                [("fn_in", halves[0]), ("fn_mask", "MaskCreate/job011/mask.mrc"),
                 ("angpix", "-1")])
    project.write_star(sharpened + "postprocess.star", {
        "general": {"rlnFinalResolution": truth["resolution"],
                    "rlnUnfilteredMapHalf1": halves[0], "rlnUnfilteredMapHalf2": halves[1],
                    "rlnMaskName": "MaskCreate/job011/mask.mrc"}})
    for name, path in (("half1.mrc", halves[0]), ("half2.mrc", halves[1]),
                       ("map.mrc", refined + "run_class001.mrc"),
                       ("map.mrc", sharpened + "postprocess.mrc"),
                       ("particles.mrcs", "Extract/job005/particles.mrcs")):
        shutil.copy(str(example / name), str(folder / path))
    found = read_map(str(example / "map.mrc"))
    mask = np.float32(found.volume >= truth["threshold"])
    write_map(str(folder / "MaskCreate/job011/mask.mrc"), mask, found.sampling, found.origin)
    table = (example / "particles.star").read_text()
    (folder / refined / "run_data.star").write_text(
        table.replace("@particles.mrcs", "@Extract/job005/particles.mrcs"))


def fade(source, folder):
    """Write a map that fades strongly and was never sharpened."""
    folder.mkdir(exist_ok=True)
    found = read_map(str(source / "map.mrc"))
    volume = filtered(found.volume, found.sampling, lambda squared: np.exp(_FADING * squared / 4))
    write_map(str(folder / "map.mrc"), volume, found.sampling, found.origin)
    truth = json.loads((source / "truth.json").read_text())
    threshold = np.quantile(volume, np.mean(found.volume < truth["threshold"]))
    (folder / "truth.json").write_text(json.dumps(
        {"threshold": float(threshold), "resolution": truth["resolution"]}))


def levels_of(folder, name):
    """Results of an example with the folders of their files."""
    runs = folder / "scipion" / "projects" / name / "Runs"
    return [(results, path.parent) for path in sorted(runs.glob("*/extra/results.json"))
            for results in read_results(str(path))]


def item_figure(folder, name, item, start):
    """A figure of an item as an image."""
    for level, place in levels_of(folder, name):
        files = {entry.name: str(place / entry.path) for entry in level.input.files}
        for result in level.items:
            if result.id != item:
                continue
            files.update({entry.name: str(place / entry.path) for entry in result.files})
            for part in result.content:
                if isinstance(part, Figure) and part.caption.startswith(start):
                    return _drawn(part, files, level.input)
    raise SystemExit("The example %s has no figure of %s that begins with %r."
                     % (name, item, start))


def _drawn(figure, files, given):
    with tempfile.TemporaryDirectory() as images:
        picture = Artist(images, given.shape, given.sampling, plots="png").draw(figure, files)
        panels = [Image.open(os.path.join(images, panel.file)).convert("RGB")
                  for panel in picture.panels]
        if len(panels) == 1:
            return panels[0]
        legend = picture.legend
        scale = Image.open(os.path.join(images, legend.file)).convert("RGB")
        return _row(picture.panels, panels, scale, legend)


def _row(named, panels, scale, legend):
    """Panels side by side, with their names above and the colour scale below."""
    drawing = Drawing((9, 3.9), layout="constrained")
    canvas = FigureCanvasAgg(drawing)
    grid = drawing.add_gridspec(2, len(panels), height_ratios=[20, 1])
    for place, (panel, image) in enumerate(zip(named, panels)):
        axes = drawing.add_subplot(grid[0, place])
        axes.imshow(image)
        axes.set_axis_off()
        axes.set_title(panel.label, fontsize=9)
    axes = drawing.add_subplot(grid[1, :])
    axes.imshow(scale, extent=(0, 1, 0, 1), aspect="auto")
    axes.set_xticks([0, 1])
    axes.set_xticklabels([legend.low, legend.high], fontsize=9)
    axes.set_yticks([])
    axes.set_xlabel(legend.label, fontsize=9)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def comparison(folder):
    """The estimates of the resolution on one axis."""
    results = levels_of(folder, "example")
    given = results[0][0].input
    with tempfile.TemporaryDirectory() as images:
        artist = Artist(images, given.shape, given.sampling, plots="png")
        document = build_document(results, {}, "", artist)
        [section] = [part for part in document.body if part.anchor == "comparison"]
        [picture] = [block for block in section.blocks if isinstance(block, Picture)]
        return Image.open(os.path.join(images, picture.panels[0].file)).convert("RGB")


def pages(folder):
    """Images of front pages."""
    return {"report_front": _front_page(folder / "example"),
            "relion_front": _front_page(folder / "relion")}


def _front_page(folder):
    with tempfile.TemporaryDirectory() as images:
        subprocess.run(["pdftoppm", "-png", "-r", "90", "-singlefile", "-f", "1", "-l", "1",
                        str(folder / "report" / "report.pdf"), os.path.join(images, "page")],
                       check=True)
        return Image.open(os.path.join(images, "page.png")).convert("RGB")


def sample_report(folder):
    """The report on the example with images small enough to be kept here, as PDF."""
    results = levels_of(folder, "example")
    given = results[0][0].input
    with tempfile.TemporaryDirectory() as images:
        artist = Artist(images, given.shape, given.sampling)
        document = build_document(results, {}, "Synthetic protein of vrs example", artist)
        for path in Path(images).glob("*.png"):
            image = Image.open(str(path)).convert("RGB")
            image.thumbnail((SAMPLE_SIDE, SAMPLE_SIDE), Image.LANCZOS)
            image.quantize(SAMPLE_COLOURS, Image.Quantize.FASTOCTREE,
                           dither=Image.Dither.NONE).save(str(path))
        return render_pdf(document, images)


def view_in_browser(folder):
    """The 3D view of the HTML report, coloured by 1.c."""
    page = (folder / "example" / "report" / "report.html").read_text(encoding="utf-8")
    script = """<script>addEventListener("load", () => {
      const choice = document.getElementById("colour-by");
      choice.value = [...choice.options].find(o => o.text.includes("Blocres")).value;
      choice.dispatchEvent(new Event("change"));
      const figure = choice.closest("figure, section, details, div");
      document.body.replaceChildren(figure);
      document.documentElement.style.overflow = "hidden";
    });</script></body>"""
    with tempfile.TemporaryDirectory() as place:
        changed = Path(place) / "view.html"
        changed.write_text(page.replace("</body>", script), encoding="utf-8")
        subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--use-angle=swiftshader",
             "--enable-unsafe-swiftshader", "--user-data-dir=%s/profile" % place,
             "--hide-scrollbars", "--window-size=760,1000", "--virtual-time-budget=8000",
             "--screenshot=%s/view.png" % place, changed.as_uri()], check=True,
            stderr=subprocess.DEVNULL)
        return _trimmed(Image.open(os.path.join(place, "view.png")).convert("RGB"))


# Python that opens a window and waits in its event loop; SHOT takes the picture.
_WINDOW = """
import os
import subprocess
import sys
from vrs.scipion import load_domain, prepare_environment
prepare_environment()
load_domain()
def shot():
    subprocess.run(["import", "-window", "root", sys.argv[2]], check=True)
    os._exit(0)
"""
_RESULTS = _WINDOW + """
from vrs.viewers.results_window import ResultsWindow
window = ResultsWindow(sys.argv[1])
root = window.root
root.after(12000, shot)
window.open()
root.mainloop()
"""
_THRESHOLD = _WINDOW + """
import tkinter
from vrs.io.maps import read_map
from vrs.wizards.contour import Contour
from vrs.wizards.threshold import ThresholdDialog
root = tkinter.Tk()
root.withdraw()
root.after(12000, shot)
def load():
    found = read_map(sys.argv[1])
    return Contour(found.volume, found.sampling)
ThresholdDialog(root, "map.mrc", load, None, "")
"""


def windows(folder):
    """The window of results and the one that chooses the threshold."""
    _, results = next(pair for pair in levels_of(folder, "example") if pair[0].level == "1")
    return {"gui_results": _window(folder, _RESULTS, results / "results.json"),
            "gui_threshold": _window(folder, _THRESHOLD, folder / "example" / "map.mrc")}


def _window(folder, program, argument):
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x900x24"], pass_fds=[writing],
        stderr=subprocess.DEVNULL)
    try:
        os.close(writing)
        with os.fdopen(reading) as told:
            display = ":" + told.readline().strip()
        with tempfile.TemporaryDirectory() as place:
            image = os.path.join(place, "window.png")
            subprocess.run([sys.executable, "-c", program, str(argument), image], timeout=120,
                           env=dict(os.environ, DISPLAY=display,
                                    SCIPION_USER_DATA=str(folder / "scipion")))
            return _trimmed(Image.open(image).convert("RGB"), 0)
    finally:
        server.terminate()
        server.wait()


def _trimmed(image, border=8):
    """Without what has the colour of the corner, but for a border."""
    pixels = np.asarray(image).astype(int)
    inked = np.argwhere((np.abs(pixels - pixels[-1, -1]) > 5).any(axis=2))
    (top, left), (bottom, right) = inked.min(axis=0), inked.max(axis=0) + 1
    return image.crop((max(left - border, 0), max(top - border, 0),
                       min(right + border, image.width), min(bottom + border, image.height)))


def save(name, image, width=WIDTH):
    """Store an image with few colours and no more than a width."""
    if image.width > width:
        image = image.resize((width, round(image.height * width / image.width)), Image.LANCZOS)
    few = image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(str(FIGURES / (name + ".png")), optimize=True)


def main(folder):
    """Make all figures."""
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    FIGURES.mkdir(exist_ok=True)
    make_examples(folder)
    for name, (example, item, start) in ITEMS.items():
        save(name, item_figure(folder, example, item, start))
    save("comparison", comparison(folder))
    for name, image in pages(folder).items():
        save(name, image, PAGE_WIDTH)
    (FIGURES.parent / "sample_report.pdf").write_bytes(sample_report(folder))
    save("html_3d", view_in_browser(folder))
    for name, image in windows(folder).items():
        save(name, image)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
