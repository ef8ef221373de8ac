"""The report as a whole: HTML, PDF, and what it refuses."""

import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from vrs.errors import InputError
from vrs.report import write_report
from vrs.results import write_json
from vrs.tests.report.conftest import LONG, ODD, make_item, make_level, words


class _Page(HTMLParser):
    """Ids, links, images and text of a page, without its programs."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.images, self.words = [], [], [], []
        self.tags = []
        self.style = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "a":
            self.links.append(attributes["href"])
        if tag == "img":
            self.images.append(attributes)

    def handle_data(self, data):
        if self.lasttag == "style":
            self.style += data
        elif self.lasttag != "script":
            self.words.append(data)

    def named(self, name):
        """Attributes of all tags of a name."""
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def page(written):
    return _Page(written[1].html.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def printed(written):
    if shutil.which("pdftotext") is None:
        pytest.skip("needs pdftotext (Debian package poppler-utils)")
    done = subprocess.run(["pdftotext", str(written[1].pdf), "-"], check=True,
                          stdout=subprocess.PIPE)
    return done.stdout.decode("utf-8")


def test_leaves_nothing_but_the_report(written):
    paths = written[1]
    assert sorted(path.name for path in paths.pdf.parent.iterdir()) == [
        "open_in_chimerax.cxc", "report.html", "report.json", "report.pdf", "vrs_curves.csv"]


def test_every_link_in_the_page_has_a_target(page):
    inner = [link[1:] for link in page.links if link.startswith("#")]
    assert inner and not set(inner) - set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert "https://doi.org/10.1000/one#1" in page.links


def test_page_needs_nothing_else(page):
    assert all(image["src"].startswith("data:") for image in page.images)
    assert not {"link", "iframe", "object", "base"} & {tag for tag, _ in page.tags}
    assert not any("src" in script for script in page.named("script"))
    assert "url(" not in page.style and "@import" not in page.style
    # The browser itself is told to load nothing.
    policy, = [tag["content"] for tag in page.named("meta") if "http-equiv" in tag]
    assert "default-src 'none'" in policy and "http" not in policy


def test_all_can_be_read_without_javascript(page):
    assert page.named("details") and all("open" in details for details in page.named("details"))
    assert "The 3D view needs JavaScript and WebGL" in "".join(page.words)
    # Only controls are hidden.
    hidden = {tag.get("id", tag.get("class")) for _, tag in page.tags if "hidden" in tag}
    assert hidden == {"viewer", "folding", "none", "marker"}


def test_every_image_has_a_text(page):
    figures = [image for image in page.images if image["src"] != "data:,"]
    assert figures and all(image["alt"].strip() for image in figures)


def test_odd_text_arrives_as_it_is(page):
    assert ODD in "".join(page.words)
    assert LONG in "".join(page.words)


@pytest.mark.parametrize("text", [
    "How to read this report", "Summarised quality", "All is well.", "3 serious warnings",
    "not everything that is claimed is supported", "Levels assessed: 0", "Data examined",
    "Serious warnings", "They share noise. section 2.1", "1 more in the list of warnings.",
    "The 2 estimates of the map's resolution range from 5.0 Å to 6.0 Å, with a mean of 5.5 Å. "
    "The reported resolution is 4.3 Å. The reported resolution may be overestimated.",
    "The score is 1 of 2 evaluable items.",
    "Input warnings do not affect the score; see section 1, section 2.1.",
    "Section 1, findings on the input", "Section 2.1, findings on the input", "What it says",
    "Worth a look", "1 Input data",
    "2 Level 0: the map", "20 × 18 × 16 voxels", "ab" * 32,
    "Own mask", "Files kept with the results:", "Worth a look: Look at this.", "OK",
    "2 warnings", "Does not apply",
    "Could not be measured", "Informative", "Not run", "It needs the reported resolution.",
    "Explanation", "Results", "Automatic criteria",
    "the first is at most 2 Å (facility bound, default 1)", "Met", "Broken", "Not evaluated",
    "percentiles", "2.5: 1, 50: 4", "A Appendix: all metrics and long lists", "no value",
    "The background was masked out.",
    "By the rules of the public validation service, the outcome would be: 1 warning: It is too "
    "small.",
    "Computed by vrs (built in) 0.1.0. References: [1], [2].", "Computed by Xmipp 3.25.",
    "The results hold no map named absent.", "No voxel of the map is above 99",
    "Density, arbitrary units", "Along X (Y right, Z up)", "X slice 1", "10 Å",
    "2.1 Half maps", "half.mrc", "ef" * 32, "Serious: They share noise.", "2.2 0.a",
    "3 Resolution estimates compared", "0.72", "Seed of level 0", "4 Workflow and provenance",
    "5 How to read this report", "6 References", "https://doi.org/10.1000/one"])
def test_both_forms_say(text, page, printed):
    assert words(text) in words("".join(page.words))
    assert words(text) in words(printed)


def test_long_names_stay_on_the_paper(written):
    if shutil.which("pdftotext") is None:
        pytest.skip("needs pdftotext (Debian package poppler-utils)")
    done = subprocess.run(["pdftotext", "-bbox", str(written[1].pdf), "-"], check=True,
                          stdout=subprocess.PIPE)
    right = [float(part.split('"')[0]) for part in done.stdout.decode("utf-8").split('xMax="')[1:]]
    paper, margin = 595.3, 51.0  # A4 and its margin of 18 mm, in points
    # A hyphen or full stop at the end of a line may hang over a little.
    assert max(right) < paper - margin + 3


def test_pdf_has_the_targets_of_its_links(written):
    data = written[1].pdf.read_bytes()
    assert data.startswith(b"%PDF-")
    if shutil.which("pdfinfo") is None:
        pytest.skip("needs pdfinfo (Debian package poppler-utils)")
    done = subprocess.run(["pdfinfo", "-dests", str(written[1].pdf)], check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    destinations = done.stdout.decode("utf-8")
    for anchor in ("item-0-a", "item-0-e", "references"):
        assert '"%s"' % anchor in destinations


def test_same_results_give_the_same_files(written, rewritten):
    assert rewritten.html.read_bytes() == written[1].html.read_bytes()
    assert rewritten.pdf.read_bytes() == written[1].pdf.read_bytes()


def test_smallest_report(tmp_path):
    write_json(tmp_path / "results.json", [make_level([make_item()], resolution=None)])
    paths = write_report([tmp_path / "results.json"], tmp_path, {})
    assert "not given" in paths.html.read_text(encoding="utf-8")


def test_three_levels_are_put_in_order(tmp_path):
    files = []
    for level in "A10":
        files.append(tmp_path / (level + ".json"))
        write_json(files[-1], [make_level([make_item(level + ".b"), make_item(level + ".a")],
                                          level)])
    text = write_report(files, tmp_path, {}).html.read_text(encoding="utf-8")
    order = [text.index(part) for part in ('id="level-0"', 'id="item-0-a"', 'id="item-0-b"',
                                           'id="level-1"', 'id="level-A"')]
    assert order == sorted(order)
    assert "Levels assessed: 0, 1, A" in text


def test_results_that_do_not_belong_together_are_refused(tmp_path):
    write_json(tmp_path / "a.json", [make_level([])])
    write_json(tmp_path / "b.json", [make_level([], sha256="ff", threshold=0.7)])
    with pytest.raises(InputError) as error:
        write_report([tmp_path / "a.json", tmp_path / "b.json"], tmp_path, {})
    assert [word in str(error.value) for word in ("maps", "thresholds", "level 0")] == [True] * 3
    with pytest.raises(InputError, match="no results"):
        write_report([], tmp_path, {})


def test_failure_leaves_the_old_report(tmp_path):
    write_json(tmp_path / "results.json", [make_level([make_item()])])
    paths = write_report([tmp_path / "results.json"], tmp_path / "out", {})
    before = paths.json.read_bytes()
    with pytest.raises(ValueError):
        write_report([tmp_path / "results.json"], tmp_path / "out", {"load": float("nan")})
    assert paths.json.read_bytes() == before
    assert len(list(paths.json.parent.iterdir())) == 3
