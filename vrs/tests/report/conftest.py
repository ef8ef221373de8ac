"""A synthetic result with everything a report can hold."""

import re

import numpy as np
import pytest

from vrs.io.maps import write_map
from vrs.report import views3d, write_report
from vrs.results import (Bars, CriterionOutcome, Curve, Engine, Estimate, FileEntry, InputFile,
                         InputReport, ItemResult, LevelInput, LevelResults, Mark, Metric, Note,
                         Paragraph, Plot, Reference, ResidueValues, Series, ServiceOutcome, Slice,
                         Slices, Status, Surface, Table, write_json)

ODD = "odd #$*_<b>&\"'\\ @ref [x] {y} `z` =h ~ // /* $a^2$ <script>1</script> α Å 日本"
LONG = "aVeryLongNameThatNothingBreaks" * 4 + ".mrc"
PROVENANCE = {"date": "2025-11-21T06:41:00+01:00", "host": "here", "platform": "Linux",
              "python": "3.11.2", "packages": {"numpy": "1.26.1"}, "project": {"name": "p"},
              "protocols": [{"class": "ProtVrsLevel0", "id": 2, "label": ODD, "threads": 2}]}
_REFERENCES = [Reference("One2020", "A. One. %s" % ODD, "10.1000/one#1"),
               Reference("Two2021", "B. Two. Without a DOI.")]


def make_item(item="0.a", status=Status.OK, **more):
    """An item with little in it."""
    more.setdefault("warnings", ["It is off."] if status is Status.WARNINGS else [])
    more.setdefault("engine", Engine("builtin", "0.1.0"))
    return ItemResult(id=item, title="Title %s" % ODD, level=item[0], status=status, **more)


def make_level(items, level="0", **more):
    """Results of a level on an input without content."""
    given = dict(file_name=LONG, sha256="ab" * 32, shape=[20, 18, 16], sampling=2.0,
                 threshold=0.5, resolution=4.3)
    given.update(more)
    return LevelResults(level, InputReport(**given), items, seed=7)


def _ball():
    z, y, x = np.indices((16, 18, 20))
    return (5.0 - np.hypot(np.hypot(z - 8, y - 9), x - 10)).astype(np.float32)


def _figures():
    ramp = np.linspace(-1, 1, 300, dtype=np.float32).reshape(15, 20)
    panels = [Slice("X slice 1 %s" % ODD, ramp, 2.0), Slice("Y slice 2", ramp[:10], 2.0),
              Slice("Z slice 3", ramp[:, :5], 2.0)]
    x = np.arange(1.0, 20.0)
    return [
        Paragraph(ODD),
        Table(["Name", "Value"], [["%s" % ODD, "1.5"], ["b", "-2"]], ODD),
        Plot(caption="Curves. " + ODD, alt="Two curves. " + ODD, x_label=ODD, y_label="y (Å)",
             series=[Series(ODD, x, 1 / x), Series("points", x, x * np.nan, "points")],
             log_y=True, marks=[Mark(4.0, ODD)]),
        Bars(caption="Histogram.", alt="", x_label="x (Å)", y_label="Voxels",
             edges=np.arange(5.0), counts=np.array([1, 4, 2, 0])),
        Slices(caption="Density.", alt="Three sections.", panels=panels),
        Slices(caption="Mask.", alt="A mask.", panels=panels[:1], colours="mask"),
        Slices(caption="Signed.", alt="Differences.", panels=panels[:2], colours="signed"),
        Slices(caption="Resolution.", alt="Local resolution.", panels=panels, unit="Å"),
        Surface(caption="Ball.", alt="A ball.", volume="map", level=0.5),
        Surface(caption="Coloured ball.", alt="A coloured ball.", volume="map", level=0.5,
                colour_by="map", colour_label="Value", unit="Å"),
        Surface(caption="Nothing.", alt="Nothing.", volume="absent", level=0.5),
        Surface(caption="Above all.", alt="Nothing.", volume="map", level=99.0),
    ]


@pytest.fixture(scope="package", autouse=True)
def small_views():
    """3D views of few pixels, as most of the time goes into them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views3d, "PIXELS", 120)
        yield


@pytest.fixture(scope="package")
def full_results():
    """All statuses and all kinds of content."""
    outcomes = [
        CriterionOutcome("0.b.one", "a", "the first is at most 2 Å", "<=", 2.0, 1.0, "met"),
        CriterionOutcome("0.b.two", "b", "the second is between 0 and 1", "within", (0.0, 1.0),
                         (0.0, 1.0), "broken", ["First warning. " + ODD, "Second warning."],
                         "serious"),
        CriterionOutcome("0.b.three", "c", "the third is above 1", ">", 1.0, 1.0,
                         "not_evaluated")]
    metrics = {"a": Metric(1.25, "Å", "A number"), "b": Metric([1, 2.5, None], "", "A vector"),
               "c": Metric(float("nan"), "", "Nothing"), "d": Metric(True, "", "A truth"),
               "percentiles": Metric({"2.5": 1.0, "50": 4.0}, "Å", "A mapping")}
    items = [
        make_item("0.a", content=_figures(), explanation=ODD, summary="All is well.",
                  references=_REFERENCES[:1],
                  service=ServiceOutcome(Status.WARNINGS, ["It is too small."]),
                  estimates=[Estimate("percentiles.50", "median", 6.0, [5.0, 8.0])],
                  files=[FileEntry("own", "own.mrc", ODD, "volume", "Value", "Å", "local")],
                  residues=[ResidueValues("q", "Q-score", "", ["A"], ["1a"], ["ALA"],
                                          np.array([0.5]))],
                  curves=[Curve("fsc", "FSC", np.array([0.0, 0.1]), np.array([1.0, 0.5]))]),
        make_item("0.b", Status.WARNINGS, warnings=outcomes[1].warnings, criteria=outcomes,
                  metrics=metrics, summary="There may be a problem.", references=_REFERENCES,
                  estimates=[Estimate("resolution", "", 5.0),
                             Estimate("model", "", 20.0, of_model=True)]),
        make_item("0.c", Status.NOT_APPLICABLE, reason="The background was masked out."),
        make_item("0.d", Status.NOT_MEASURED, reason="It failed. " + ODD),
        make_item("0.e", Status.INFORMATIVE, engine=Engine("Xmipp", "3.25")),
        make_item("0.f", Status.NOT_RUN, reason="It needs the reported resolution.")]
    result = make_level(items, mask_file_name=LONG, mask_sha256="cd" * 32,
                        notes=[Note(ODD), Note("Look at this.", "minor")],
                        files=[FileEntry("map", "map.mrc", "The map", label="Density")])
    result.added = LevelInput(
        "Half maps", [InputFile("Half map 1", "half.mrc", "ef" * 32)],
        [Note("They share noise.", "serious")],
        [Paragraph("The halves differ by noise.")])
    result.criteria_source = "/facility/%s.json" % LONG
    return result


@pytest.fixture(scope="package")
def written(full_results, tmp_path_factory):
    """The results file, and the report written from it."""
    folder = tmp_path_factory.mktemp("level")
    write_map(folder / "map.mrc", _ball(), 2.0)
    path = folder / "results.json"
    write_json(path, [full_results])
    return path, write_report([path], folder / "out" / "report", PROVENANCE, title=ODD)


@pytest.fixture(scope="package")
def rewritten(written, tmp_path_factory):
    """The same report, written again elsewhere."""
    return write_report([written[0]], tmp_path_factory.mktemp("again"), PROVENANCE, title=ODD)


def words(text):
    """Text without what typesetting puts between and into words."""
    return re.sub(r"[\s\u200b\u00ad]+", "", text)
