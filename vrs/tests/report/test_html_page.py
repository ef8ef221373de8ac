"""The page in a browser: tables, sections, figures, and the map in 3D."""

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from vrs.io.maps import write_map
from vrs.report import write_report
from vrs.results import (FileEntry, LevelInput, Overlay, Plot, ResidueValues, Series, Slice,
                         Slices, Status, Surface, write_json)
from vrs.results.content import FREQUENCY
from vrs.tests.report.conftest import make_item, make_level

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_WIDTH, _HEIGHT = 390, 800
# Without a screen the browser draws few frames; a timer stands in for them.
_COLLECT = ("<script>var troubles = []; requestAnimationFrame = call => setTimeout(call, 0);"
            "onerror = text => { troubles.push(text); };"
            "onunhandledrejection = event => { troubles.push(String(event.reason.stack)); };"
            "</script>")
# Runs after the page's own program and tells the frame around it what it saw.
_SCRIPT = """
<script>
(async function () {
  const find = (selector, within) => (within || document).querySelector(selector);
  const all = (selector, within) => Array.from((within || document).querySelectorAll(selector));
  const frame = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  const press = (element, key, more) => element.dispatchEvent(
    new KeyboardEvent("keydown", Object.assign({ key, bubbles: true, cancelable: true }, more)));
  const seen = {};

  const table = find("table.sortable"), headings = all("th", table);
  const state = () => ({
    rows: all("tbody tr", table).map(row => row.cells[0].textContent.slice(0, 3)),
    sorts: headings.map(heading => heading.getAttribute("aria-sort")) });
  seen.sorts = [state()];
  for (const column of [1, 1, 3, 0]) {
    find("button", headings[column]).click();
    seen.sorts.push(state());
  }

  const open = () => all("details").map(part => part.open);
  seen.open = open();
  find("#fold").click();
  seen.folded = open();
  find("#quality td a").click();
  seen.linked = all("details").filter(part => part.open).map(part => part.parentElement.id);
  seen.shown = find("#item-0-a p").getBoundingClientRect().height;
  find("#unfold").click();
  seen.unfolded = open();

  const plot = find("img[data-curves]"), reading = find(".reading");
  const point = share => {
    const box = plot.getBoundingClientRect();
    plot.dispatchEvent(new PointerEvent("pointermove", {
      clientX: box.left + share * box.width, clientY: box.top + 0.4 * box.height }));
  };
  seen.readings = [reading.hidden];
  const axes = JSON.parse(atob(plot.dataset.curves));
  for (const value of [0.1, 0.3]) {
    point(axes.box[0] + (value - axes.ends[0]) / (axes.ends[1] - axes.ends[0])
          * (axes.box[1] - axes.box[0]));
    seen.readings.push(reading.textContent);
  }
  point(0.001);
  seen.readings.push(reading.hidden);

  const dialog = find("#zoom"), stage = find(".stage", dialog), shown = find("img", dialog);
  const button = find("#input .enlarge");
  seen.button = button.textContent + find("img", button).alt;
  button.focus();
  button.click();
  seen.enlarged = dialog.open && shown.src === find("img", button).src && shown.alt !== "";
  seen.focused = document.activeElement === stage;
  press(stage, "+");
  press(stage, "ArrowRight");
  seen.placed = shown.style.transform;
  find("[data-do=fit]", dialog).click();
  seen.fitted = shown.style.transform;
  find("[data-do=close]", dialog).click();
  seen.returned = !dialog.open && document.activeElement === button;

  const viewer = find("#viewer"), failed = find("#viewer-failed");
  seen.viewer = viewer && !viewer.hidden;
  seen.failed = failed && !failed.hidden && failed.textContent;
  if (seen.viewer) {
    const canvas = find("canvas", viewer), choice = find("select", viewer);
    const copy = document.createElement("canvas");
    const look = async function () {
      await frame();
      copy.width = canvas.width;
      copy.height = canvas.height;
      const context = copy.getContext("2d", { willReadFrequently: true });
      context.drawImage(canvas, 0, 0);
      const side = Math.min(canvas.width, canvas.height);
      const at = (right, down) => Array.from(context.getImageData(
        canvas.width / 2 + right * side, canvas.height / 2 + down * side, 1, 1).data).slice(0, 3);
      return { left: at(-0.3, 0), right: at(0.3, 0), top: at(0, -0.3), bottom: at(0, 0.3),
               middle: at(0, 0), corner: at(-0.48, -0.48) };
    };
    const choose = value => {
      choice.value = value;
      choice.dispatchEvent(new Event("change"));
    };
    const marker = find(".marker", viewer), check = find("#with-model");
    seen.modelled = [await look()];
    check.click();
    seen.modelled.push(await look());
    check.click();
    seen.unmarked = marker.hidden;
    find("#residues a.target").click();
    seen.target = await look();
    seen.marked = [parseFloat(marker.style.left) / canvas.clientWidth,
                   parseFloat(marker.style.top) / canvas.clientHeight, marker.hidden];
    seen.told = find("#shown").textContent;
    seen.atView = document.activeElement === canvas;
    seen.nearby = find(".scale", viewer).textContent;
    find("[data-do=reset]", viewer).click();
    await frame();
    seen.whole = [marker.hidden, find("#shown").textContent, find(".scale", viewer).textContent];
    check.click();
    seen.choices = all("option", choice).map(option => option.textContent);
    seen.views = {};
    for (const property of [0, 1, 2]) {
      choose(property);
      for (const axis of "xyz") {
        press(canvas, axis);
        seen.views["xyz"[property] + " seen along " + axis] = await look();
      }
    }
    seen.legend = ["low", "label", "high"].map(
      part => find(".legend ." + part, viewer).textContent);
    choose(0);
    for (let i = 0; i < 18; i++) press(canvas, "ArrowRight");
    seen.turned = await look();
    find("[data-do=reset]", viewer).click();
    for (let i = 0; i < 4; i++) press(canvas, "ArrowRight", { shiftKey: true });
    seen.moved = await look();
    find("[data-do=reset]", viewer).click();
    choose(2);
    find("[type=range]", viewer).value = 50;
    find("[type=range]", viewer).dispatchEvent(new Event("input"));
    seen.cut = await look();
    find("[data-do=reset]", viewer).click();
    choose("none");
    seen.plain = await look();
    for (let i = 0; i < 3; i++) find("[data-do=in]", viewer).click();
    seen.near = await look();
    seen.scale = find(".scale", viewer).textContent;
    find("[data-do=reset]", viewer).click();
    choose(0);
    const box = canvas.getBoundingClientRect(), side = Math.min(box.width, box.height);
    const touch = (type, pointerId, right) => canvas.dispatchEvent(new PointerEvent(
      type, { pointerId, clientX: box.left + box.width / 2 + right * side,
              clientY: box.top + box.height / 2, buttons: 1, bubbles: true }));
    touch("pointerdown", 1, -0.5);
    touch("pointermove", 1, 0.5);
    seen.dragged = await look();
    touch("pointerdown", 2, -0.1);
    touch("pointermove", 1, 0.1);
    seen.pinched = [find(".scale", viewer).textContent];
    touch("pointermove", 1, 1.1);
    await frame();
    seen.pinched.push(find(".scale", viewer).textContent);
    touch("pointerup", 1, 1.1);
    touch("pointerup", 2, -0.1);
    const rolled = () => !canvas.dispatchEvent(
      new WheelEvent("wheel", { deltaY: 10, cancelable: true }));
    document.activeElement.blur();
    seen.rolled = [rolled()];
    canvas.focus();
    seen.rolled.push(rolled());
    seen.named = [canvas.tabIndex, canvas.getAttribute("aria-label"), choice.labels.length];
  }
  seen.marks = all("#contents .mark").map(mark => mark.textContent);
  await frame();
  seen.width = [innerWidth, document.documentElement.scrollWidth];
  const reached = () => all(".scroll").map(part => part.tabIndex);
  seen.reached = [reached()];
  document.body.style.width = document.body.style.maxWidth = "3000px";
  dispatchEvent(new Event("resize"));
  seen.reached.push(reached());
  seen.loaded = performance.getEntriesByType("resource").map(entry => entry.name)
    .filter(name => !name.startsWith("data:"));
  seen.nameless = all("button, select, input").filter(
    element => !(element.textContent.trim() || element.getAttribute("aria-label")
                 || (element.labels && element.labels.length))).length;
  seen.troubles = troubles;
  parent.postMessage(JSON.stringify(seen), "*");
}());
</script>
</body>"""
# The browser's window may be no narrower than 500 pixels, a frame in it may.
_FRAME = """<!DOCTYPE html>
<pre id="seen"></pre>
<script>
  onmessage = event => { document.getElementById("seen").textContent = event.data; };
</script>
<iframe src="visited.html" width="%d" height="%d" style="border:0"></iframe>
""" % (_WIDTH, _HEIGHT)


def _page(folder):
    """A ball whose properties are its coordinates, and items of all statuses."""
    z, y, x = np.indices((28, 28, 28), np.float32)
    ball = 10 - np.sqrt((x - 13.5) ** 2 + (y - 13.5) ** 2 + (z - 13.5) ** 2)
    write_map(folder / "map.mrc", ball, 2.0)
    items = []
    for letter, status, volume in zip("abcde", (Status.OK, Status.WARNINGS, Status.NOT_APPLICABLE,
                                                Status.OK, Status.NOT_MEASURED), (x, y, z, 0, 0)):
        content = []
        if status is not Status.NOT_MEASURED and letter != "d":
            write_map(folder / (letter + ".mrc"), volume, 2.0)
            content = [Surface("A ball.", "A ball.", "map", 0.0, letter, "Coordinate", "voxels",
                               [4.0, 23.0])]
        items.append(make_item("0." + letter, status, content=content, files=[FileEntry(
            letter, letter + ".mrc", "", "volume", "Coordinate", "voxels", "local", [4.0, 23.0])]))
    positions = np.array([[19.0 + 4 * step, 27, 27] for step in range(5)], np.float32)
    for item in items[:2]:  # the last residue is the worst
        item.residues = [ResidueValues(
            "fit", "", "", ["A"] * 5, list("12345"), ["ALA"] * 5, np.linspace(0.9, 0.1, 5),
            positions=positions, label="Fit", worst="low", bound=0.2)]
    items += [make_item("0.j", Status.WARNINGS, warnings=["One.", "Two."])]
    level = make_level(items, shape=[28] * 3, threshold=0.0,
                       files=[FileEntry("map", "map.mrc", "The map")])
    level.input.content = [Slices("A slice.", "Half of the ball.", [Slice("Z", ball[14], 2.0)])]
    x = np.linspace(0, 0.4, 41)
    level.input.content.append(Plot(
        "Curves.", "Curves.", FREQUENCY, "Correlation", [
            Series("falling", x, 1 - x), Series("", x, x * np.nan),
            Series("limit", x, x, "dashed")]))
    level.added = LevelInput("Atomic model", [], [], [Overlay(
        "A model.", "A straight chain.", "map", 0.0, positions, np.zeros(5, int))])
    write_json(folder / "results.json", [level])
    return write_report([folder / "results.json"], folder, {}).html


def _visit(page, folder, *options):
    """What the script saw in the page, on a screen as wide as a phone's."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        pytest.skip("needs Chromium or Chrome (Debian package chromium)")
    text = page.read_text(encoding="utf-8").replace("<title>", _COLLECT + "<title>", 1)
    (folder / "visited.html").write_text(text.replace("</body>", _SCRIPT), encoding="utf-8")
    (folder / "frame.html").write_text(_FRAME, encoding="utf-8")
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--user-data-dir=%s" % (folder / "profile"),
         "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage",
         "--window-size=1000,1000", "--virtual-time-budget=8000", "--dump-dom", *options,
         (folder / "frame.html").as_uri()],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    found = re.search('<pre id="seen">(.+?)</pre>', done.stdout.decode("utf-8"), re.DOTALL)
    assert found, done.stderr.decode("utf-8", "replace")[-2000:]
    return json.loads(html.unescape(found.group(1)))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return _page(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def seen(page, tmp_path_factory):
    return _visit(page, tmp_path_factory.mktemp("visit"))


def test_nothing_fails_and_nothing_is_loaded(seen):
    assert seen["troubles"] == [] and seen["loaded"] == []


def test_fits_a_phone(seen):
    inner, wanted = seen["width"]
    assert wanted <= inner == _WIDTH


def test_keyboard_stops_at_what_has_to_be_scrolled(seen):
    on_a_phone, on_a_wall = seen["reached"]
    assert 0 in on_a_phone and set(on_a_wall) == {-1}


def test_items_are_sorted(seen):
    first, severe, mild, section, item = (state["rows"] for state in seen["sorts"])
    assert first == ["0.a", "0.b", "0.c", "0.d", "0.e", "0.j"] == item == section
    # Warnings by their number, then what failed, what does not apply, and what is well.
    assert severe == ["0.b", "0.j", "0.e", "0.c", "0.a", "0.d"]
    assert mild == ["0.a", "0.d", "0.c", "0.e", "0.j", "0.b"]
    assert [state["sorts"] for state in seen["sorts"]] == [
        [None] * 4, [None, "ascending", None, None], [None, "descending", None, None],
        [None, None, None, "ascending"], ["ascending", None, None, None]]


def test_sections_close_and_links_open_them(seen):
    assert len(seen["open"]) > 8 and all(seen["open"]) and all(seen["unfolded"])
    assert not any(seen["folded"])
    assert seen["linked"] == ["level-0", "item-0-a"]
    assert seen["shown"] > 0


def test_figures_are_enlarged(seen):
    assert seen["button"].startswith("Enlarge: Half of the ball.")
    assert seen["enlarged"] and seen["focused"] and seen["returned"]
    assert seen["placed"] == "translate(-60px, 0px) scale(1.5)"
    assert seen["fitted"] == "translate(0px, 0px) scale(1)"


def _high(colour):
    """Yellow, the upper end of viridis, against violet; neither is white."""
    red, green, blue = colour
    assert min(colour) < 200
    return green > blue


@pytest.mark.parametrize("axis, right, up, towards", [
    ("x", "y", "z", "x"), ("y", "z", "x", "y"), ("z", "x", "y", "z")])
def test_views_show_the_axes_they_name(seen, axis, right, up, towards):
    view = seen["views"]["%s seen along %s" % (right, axis)]
    assert _high(view["right"]) and not _high(view["left"])
    view = seen["views"]["%s seen along %s" % (up, axis)]
    assert _high(view["top"]) and not _high(view["bottom"])
    assert _high(seen["views"]["%s seen along %s" % (towards, axis)]["middle"])


def test_keys_turn_and_move_the_surface(seen):
    # Half a turn of the view along Z shows low x on the right.
    assert _high(seen["turned"]["left"]) and not _high(seen["turned"]["right"])
    assert seen["moved"]["left"] == [255, 255, 255]
    assert not _high(seen["moved"]["middle"])


def test_pointers_and_wheel(seen):
    # A drag across the whole view is half a turn.
    assert _high(seen["dragged"]["left"]) and not _high(seen["dragged"]["right"])
    # From 0.6 to 1.2 of the view apart, by 0.2: twice as large in the end.
    assert seen["pinched"] == ["10 Å", "5 Å"]
    # The page scrolls over a view that was not chosen.
    assert seen["rolled"] == [False, True]


def _orange(colour):
    """The colour of the model, through the surface or not."""
    red, green, blue = colour
    return red > green + 20 and green > blue - 10


def test_curves_are_read_under_the_pointer(seen):
    before, first, second, after = seen["readings"]
    assert before and after  # hidden
    assert first == "Spatial frequency (1/A): 0.1, 10.00 A\nfalling: 0.9".replace("A", "Å")
    assert second.endswith("0.3, 3.33 Å\nfalling: 0.7")


def test_model_is_seen_in_the_map(seen):
    both, alone = seen["modelled"]
    # The chain goes from 8 Å left of the middle to 8 Å right of it.
    assert _orange(both["middle"]) and not _orange(both["top"])
    assert not _orange(alone["middle"])
    assert both["corner"] == alone["corner"] == [255, 255, 255]


def test_a_residue_is_shown_from_its_row(seen):
    assert seen["unmarked"] and seen["atView"]
    assert seen["marked"] == pytest.approx([0.5, 0.5, False], abs=0.01)
    assert seen["told"].startswith("Shown: Ala 5, chain A")
    # The end of the chain, which is seen along it.
    assert _orange(seen["target"]["middle"]) and not _orange(seen["target"]["right"])
    assert seen["nearby"] == "5 Å" and seen["whole"] == [True, "", "10 Å"]


def test_contents_tell_the_status(seen):
    assert seen["marks"] == ["OK", "1 warning", "Does not apply", "OK", "Could not be measured",
                             "2 warnings"]


def test_front_is_cut_away(seen):
    # Behind the cut is the far side of the ball, from within.
    assert _high(seen["views"]["z seen along z"]["middle"])
    assert not _high(seen["cut"]["middle"])


def test_choice_legend_and_names(seen):
    assert [choice[:3] for choice in seen["choices"]] == ["0.a", "0.b", "0.c", "not"]
    assert seen["legend"] == ["4", "Coordinate (voxels)", "23"]
    assert seen["plain"]["corner"] == [255, 255, 255]
    red, green, blue = seen["plain"]["middle"]
    assert blue > green > red
    assert seen["near"]["corner"] != [255, 255, 255]
    # 110 pixels of a view of 40 Å * 1.08 / 1.25³ across hold 5 Å and not 10 Å.
    assert seen["scale"] == "5 Å"
    assert seen["named"] == [0, "Surface of the map at threshold 0", 1]
    assert seen["nameless"] == 0 and not seen["failed"]


def test_without_webgl_the_page_says_so(page, tmp_path):
    seen = _visit(page, tmp_path, "--disable-3d-apis")
    assert not seen["viewer"] and "(this browser offers no WebGL)" in seen["failed"]
    assert seen["enlarged"] and seen["troubles"] == []
