"""From results to the document."""

import os
from pathlib import Path

from vrs import levels
from vrs.bibliography import reference
from vrs.report import quality
from vrs.report.document import (Bibliography, Document, Entry, Fact, Facts, Grid, Listing, Minor,
                                 Run, Section, Text)
from vrs.report.wording import OUTCOMES, STATUS_STYLES, angstroms, cell
from vrs.results import Status, content

_CONTEXT = (
    "A cryo-EM map is the end of a long chain of decisions, and no single number tells whether it "
    "can be trusted. This report puts many independent measures side by side. It states for each "
    "what it looks at, what it found, by which rule it was judged, and which program computed it.",
    "How much can be checked depends on what is at hand. Each level from 0 to 5 builds on those "
    "below it: 0 takes the map alone, 1 adds two half maps, 2 the 2D classes, 3 the particles, 4 "
    "their angular assignment, and 5 the micrographs with the coordinates of the particles. Three "
    "letters may follow: A stands for an atomic model, W for the processing workflow, and O for "
    "other techniques such as cross-links, SAXS or tilt pairs. The grade names what was assessed; "
    "it says how deep the examination went, not how good the map is. How good it is can be read "
    "from the items and from the score, which counts the items without warnings among those that "
    "have a rule to pass and could be measured.",
    "A warning is a reason to look closer and not yet an error: a focused refinement, for example, "
    "may rightly stand off centre in its box.")
_PROVENANCE_TERMS = (("date", "Date"), ("host", "Computer"), ("platform", "Operating system"),
                     ("python", "Python"), ("project", "Project"), ("threads", "Threads"))
_EMDB = "https://www.ebi.ac.uk/emdb/%s"
_PDB = "https://www.ebi.ac.uk/pdbe/entry/pdb/%s"
_PROTOCOL_COLUMNS = {"label": "Step", "class": "Protocol", "name": "Protocol", "id": "Id",
                     "plugin": "Plugin", "version": "Version", "threads": "Threads"}


class References:
    """Numbers the references in the order in which they are cited."""

    def __init__(self):
        self._cited = {}

    def cite(self, reference):
        """A linked number in brackets for a reference."""
        self._cited.setdefault(reference.key, reference)
        position = list(self._cited).index(reference.key) + 1
        return Run("[%d]" % position, "#reference-%d" % position)

    def section(self, number_):
        """The list of what was cited."""
        entries = [Entry("reference-%d" % position, reference.text,
                         "https://doi.org/" + reference.doi if reference.doi else "")
                   for position, reference in enumerate(self._cited.values(), 1)]
        return Section("references", "References", number_, [Bibliography(entries)])


class Builder:
    """Builds the document of a report.

    Parameters
    ----------
    results : list of (LevelResults, path)
        In the order of their levels, each with the folder its files are relative to.
    provenance : dict
    title : str
    artist : vrs.report.figures.Artist
    """

    def __init__(self, results, provenance, title, artist):
        self.results = results
        self.provenance = provenance
        self.input = results[0][0].input
        self.title = title or self.input.file_name
        self.artist = artist
        self.items = [item for result, _ in results for item in result.items]
        self.references = References()
        self._figures = self._tables = 0
        self._numbers = {}

    def document(self):
        """Build it.

        Returns
        -------
        Document
        """
        self._number_sections()
        front = [self._context(), self._quality(), self._statuses(), self._warnings()]
        body = [self._input_section()]
        body += [self._level_section(*pair) for pair in self.results]
        comparison = self._comparison()
        if comparison:
            body.append(Section("comparison", "Resolution estimates compared", str(len(body) + 1),
                                comparison))
        body.append(self._provenance_section(str(len(body) + 1)))
        body.append(self.references.section(str(len(body) + 1)))
        passed, evaluable = quality.score(self.items)
        score = "%d of %d" % (passed, evaluable)
        return Document(self.title, levels.grade(self.items) or "none", score,
                        str(self.provenance.get("date", "")), self._front_facts(), front,
                        body)

    def _number_sections(self):
        self._numbers["input"] = "1"
        for chapter, (result, _) in enumerate(self.results, 2):
            self._numbers[_level_anchor(result)] = str(chapter)
            # What the level adds to the map comes before its items.
            self._numbers[_input_anchor(result)] = "%d.1" % chapter
            for position, item in enumerate(result.items, 2 if result.added else 1):
                self._numbers[item.id] = "%d.%d" % (chapter, position)

    # ------------------------------------------------------------ front matter
    def _front_facts(self):
        assessed = ", ".join("%s (%s)" % (result.level, levels.get_level(result.level).title)
                           for result, _ in self.results)
        facts = self._entry_facts() + [
            ("Map" if self.input.shape else "Data", _plain(self.input.file_name)),
            ("Levels assessed", _plain(assessed)),
            ("Reported resolution", _plain(angstroms(self.input.resolution))),
            ("Date", _plain(_readable_date(self.provenance.get("date", ""))))]
        # Neither grade nor score tell of it.
        facts += [("Suspicious input", [Run(" ".join(texts), style="status-warnings"), Run(" ("),
                                        self._link_to_input(anchor), Run(")")])
                  for anchor, texts in self._suspicions().items()]
        return [Fact(term, runs) for term, runs in facts]

    def _entry_facts(self):
        """What the archive says, where the map comes from one."""
        entry = self.provenance.get("entry")
        if not entry:
            return []
        models = [[Run(", ")] * bool(position) + [Run(pdb_id.upper(), _PDB % pdb_id)]
                  for position, pdb_id in enumerate(entry["pdb_ids"])]
        facts = [("Entry", [Run(entry["id"], _EMDB % entry["id"])]),
                 ("Models of the entry", sum(models, []) or _plain("none")),
                 ("Deposited", _plain(_readable_date(entry["deposited"]))),
                 ("Authors", _plain(", ".join(entry["authors"]) or "not given"))]
        return facts + [("Remark", _plain(remark)) for remark in entry["remarks"]]

    def _context(self):
        blocks = [Text([Run(text)]) for text in _CONTEXT]
        blocks[1].runs += [Run(" The levels are those proposed in "),
                           self.references.cite(reference("Sorzano2022")), Run(".")]
        return Section("context", "Context", blocks=blocks)

    def _quality(self):
        runs = []
        for sentence, item in quality.quality_sentences(self.items):
            runs += [Run(sentence.rstrip(".") + " ("), self._link(item), Run("). ")]
        resolution = quality.resolution_sentence(
            self.input.resolution, [estimate.value for _, estimate in self._estimates()])
        texts = [runs, [Run(resolution)] if resolution else [],
                 [Run(quality.score_sentences(self.items), style="strong")],
                 self._input_sentence()]
        return Section("quality", "Summarised quality", blocks=[Text(runs) for runs in texts
                                                                if runs])

    def _statuses(self):
        rows = [[[Run("%s %s" % (item.id, item.title), "#" + _anchor(item.id))],
                 [self._link(item.id)], [_status(item)]] for item in self.items]
        return Section("status", "Status of the items", blocks=[
            Grid(["Item", "Section", "Status"], rows, [False] * 3, [3, 1, 1.6],
                 sortable=True)])

    def _suspicions(self):
        """What is suspicious about the input, by the anchor of its section."""
        parts = [("input", self.input.notes)]
        parts += [(_input_anchor(result), result.added.notes)
                  for result, _ in self.results if result.added]
        texts = {anchor: [note.text for note in notes if note.severity == "warning"]
                 for anchor, notes in parts}
        return {anchor: found for anchor, found in texts.items() if found}

    def _input_sentence(self):
        runs = []
        for anchor in self._suspicions():
            runs += [Run(", " if runs else "Input warnings do not affect the score; see "),
                     self._link_to_input(anchor)]
        return runs + [Run(".")] if runs else []

    def _warnings(self):
        blocks = []
        for anchor, texts in self._suspicions().items():
            blocks += [Text([Run("Section %s, findings on the input" % self._numbers[anchor],
                                 "#" + anchor, "strong")]),
                       Listing([_plain(text) for text in texts], ordered=True)]
        for item in self.items:
            if item.warnings:
                blocks += [Text([Run("Section %s, %s %s" % (self._numbers[item.id], item.id,
                                                            item.title),
                                     "#" + _anchor(item.id), "strong")]),
                           Listing([_plain(warning) for warning in item.warnings], ordered=True)]
        return Section("warnings", "Warnings by section",
                       blocks=blocks or [Text(_plain("No item gave a warning."))])

    def _link(self, item):
        return Run("section %s" % self._numbers[item], "#" + _anchor(item))

    def _link_to_input(self, anchor):
        return Run("section %s" % self._numbers[anchor], "#" + anchor)

    # ------------------------------------------------------------ input
    def _input_section(self):
        return Section("input", "Input data", self._numbers["input"], self.input_blocks())

    def input_blocks(self):
        """The map and all that was given with it.

        Returns
        -------
        list
            Of blocks.
        """
        given = self.input
        rows = [("File", _plain(given.file_name)),
                ("SHA-256", [Run(given.sha256, style="code")])]
        if given.shape is not None:
            rows += [("Box (x, y, z)", _plain(" × ".join(map(str, given.shape)) + " voxels")),
                     ("Voxel size", _plain("%g Å" % given.sampling)),
                     ("Threshold", _plain("%g" % given.threshold))]
        rows.append(("Reported resolution", _plain(angstroms(given.resolution))))
        if given.mask_file_name:
            rows += [("Own mask", _plain(given.mask_file_name)),
                     ("SHA-256 of the mask", [Run(given.mask_sha256, style="code")])]
        blocks = [Facts([Fact(term, runs) for term, runs in rows])]
        if given.notes:
            blocks += [Minor("Findings")] + [_note(note) for note in given.notes]
        return blocks + self._content(given.content, _paths(given.files, self.results[0][1]))

    # ------------------------------------------------------------ levels
    def _level_section(self, result, folder):
        title = "Level %s: %s" % (result.level, levels.get_level(result.level).title)
        sections = [self._added_section(result, _paths(result.input.files, folder))
                    ] if result.added else []
        sections += [self._item_section(item, result, folder) for item in result.items]
        return Section(_level_anchor(result), title, self._numbers[_level_anchor(result)],
                       sections=sections)

    def _added_section(self, result, files):
        anchor = _input_anchor(result)
        return Section(anchor, result.added.title, self._numbers[anchor],
                       self.added_blocks(result.added, files))

    def added_blocks(self, added, files):
        """What a level takes on top of the map.

        Parameters
        ----------
        added : vrs.results.LevelInput
        files : dict of str to path
            Maps that its figures may name.

        Returns
        -------
        list
            Of blocks.
        """
        facts = []
        for entry in added.files:
            facts += [Fact(entry.term, _plain(entry.file_name)),
                      Fact("SHA-256", [Run(entry.sha256, style="code")])]
        blocks = [Facts(facts)]
        if added.notes:
            blocks += [Minor("Findings")] + [_note(note) for note in added.notes]
        return blocks + self._content(added.content, files)

    def _item_section(self, item, result, folder):
        blocks = []
        for heading, part in self.item_parts(item, result, folder).items():
            blocks += [Minor(heading)] + part
        return Section(_anchor(item.id), "%s %s" % (item.id, item.title),
                       self._numbers[item.id], blocks)

    def item_parts(self, item, result, folder):
        """What there is to say of an item.

        Parameters
        ----------
        item : vrs.results.ItemResult
        result : vrs.results.LevelResults
            That it belongs to.
        folder : path
            What the files of the results are relative to.

        Returns
        -------
        dict of str to list
            Blocks by heading, in the order of the report.
        """
        files = dict(_paths(result.input.files, folder), **_paths(item.files, folder))
        results = self._content(item.content, files) + self._metrics(item)
        if item.reason:
            results.append(Text(_plain(item.reason)))
        parts = [("Explanation", [Text(_plain(item.explanation))] if item.explanation else []),
                 ("Results", results),
                 ("Automatic criteria", self._criteria(item, result.criteria_source)),
                 _verdict(item), ("Engine and reference", self._engine(item))]
        return {heading: blocks for heading, blocks in parts if blocks}

    def _metrics(self, item):
        rows = [row for name, metric in item.metrics.items() for row in _metric_rows(name, metric)]
        if not rows:
            return []
        return [self._grid(["Quantity", "Value", "Unit", "Description"], rows,
                           [False] * 4, [2.6, 2, 1.1, 4.3],
                           "Quantities of item %s, under the names they have in report.json."
                           % item.id)]

    def _criteria(self, item, source):
        if not item.criteria:
            if item.status is not Status.INFORMATIVE:
                return []
            return [Text(_plain("This item is informative; it has no criteria."))]
        rows = [[_criterion(outcome), [Run(*_styled(OUTCOMES[outcome.outcome]))]]
                for outcome in item.criteria]
        blocks = [Grid(["The item is OK when", "Outcome"], rows, [False, False], [5, 1])]
        if any(_overridden(outcome) for outcome in item.criteria):
            blocks.append(Text(_plain("The facility's bounds come from the criteria file %s."
                                      % source), "note"))
        return blocks

    def _engine(self, item):
        name = "vrs (built in)" if item.engine.name == "builtin" else item.engine.name
        runs = [Run("Computed by %s %s." % (name, item.engine.version))]
        if item.references:
            runs.append(Run(" Reference: " if len(item.references) == 1 else " References: "))
            for position, reference in enumerate(item.references):
                runs += [Run(", ")] * bool(position) + [self.references.cite(reference)]
            runs.append(Run("."))
        blocks = [Text(runs)]
        if item.files:
            kept = ["%s (%s)" % (entry.description, os.path.basename(entry.path))
                    for entry in item.files]
            blocks.append(Text(_plain("Files kept with the results: %s." % ", ".join(kept))))
        return blocks

    # ------------------------------------------------------------ comparison
    def _estimates(self):
        return [(item, estimate) for item in self.items for estimate in item.estimates]

    def _comparison(self):
        """All estimates of the resolution side by side; nothing when there are fewer than two."""
        estimates = self._estimates()
        if len(estimates) < 2:
            return []
        reported = self.input.resolution
        rows = [content.Range("%s %s" % (item.id, estimate.label), estimate.value,
                              estimate.interval) for item, estimate in estimates]
        figure = content.Ranges(
            "Every estimate of the resolution (dots); for local resolutions the median, with a bar "
            "from percentile 2.5 to 97.5.",
            "The estimates of the resolution on one axis, one row for each.", "Resolution (Å)",
            rows, [content.Mark(reported, "reported, %g Å" % reported)] if reported else [])
        texts = ("Finer resolutions are on the left. The estimates measure different things: global "
                 "ones describe the map as a whole, local ones each position, and directional ones "
                 "each direction. Estimates that agree support each other. If one differs from the "
                 "rest, see its section.",)
        table = self._grid(
            ["Item", "Estimate", "Å", "Reported / estimate"],
            [[[self._item_link(item)], _plain(estimate.label),
              _plain("%.2f" % estimate.value),
              _plain("%.2f" % (reported / estimate.value) if reported else "–")]
             for item, estimate in estimates], [False, False, True, True], [1, 3, 1, 1.5],
            "The estimates of the resolution. A ratio below 0.8 means that the reported "
            "resolution is much better than the estimate.")
        return [Text(_plain(text)) for text in texts] + self._content([figure], {}) + [table]

    def _item_link(self, item):
        return Run(item.id, "#" + _anchor(item.id))

    # ------------------------------------------------------------ content
    def _content(self, blocks, files):
        return [self._block(block, files) for block in blocks]

    def _block(self, block, files):
        if isinstance(block, content.Paragraph):
            return Text(_plain(block.text))
        if isinstance(block, content.Table):
            rows = [[_plain(text) for text in row] for row in block.rows]
            numeric = [all(map(_is_number, column)) for column in zip(*block.rows)]
            return self._grid(block.columns, rows, numeric or [False] * len(block.columns),
                              [0] * len(block.columns), block.caption)
        picture = self.artist.draw(block, files)
        self._figures += 1
        picture.number = self._figures
        return picture

    def _grid(self, columns, rows, numeric, weights, caption):
        self._tables += 1
        return Grid(list(columns), rows, numeric, weights, caption, self._tables)

    # ------------------------------------------------------------ provenance
    def _provenance_section(self, number_):
        given = dict(self.provenance)
        given.pop("entry", None)  # it stands on the front page
        protocols, packages = given.pop("protocols", []), given.pop("packages", {})
        terms = dict(_PROVENANCE_TERMS)
        names = [name for name, _ in _PROVENANCE_TERMS if name in given]
        names += sorted(set(given) - set(names))
        rows = [Fact(terms.get(name, name.replace("_", " ").capitalize()),
                     _plain(cell(given[name]))) for name in names]
        for result, _ in self.results:
            rows.append(Fact("Seed of level %s" % result.level, _plain(str(result.seed))))
            if result.criteria_source:
                rows.append(Fact("Criteria file of level %s" % result.level,
                                 _plain(result.criteria_source)))
        blocks = [Facts(rows)]
        if protocols:
            blocks.append(self._protocols(protocols))
        if packages:
            blocks.append(self._grid(
                ["Package", "Version"], [[_plain(name), _plain(str(version))]
                                         for name, version in sorted(packages.items())],
                [False, False], [0, 0], "Packages and their versions."))
        return Section("provenance", "Workflow and provenance", number_, blocks)

    def _protocols(self, protocols):
        keys = list(dict.fromkeys(key for protocol in protocols for key in protocol))
        keys.sort(key=lambda key: (list(_PROTOCOL_COLUMNS).index(key)
                                   if key in _PROTOCOL_COLUMNS else len(_PROTOCOL_COLUMNS)))
        rows = [[_plain(cell(protocol[key]) if key in protocol else "") for key in keys]
                for protocol in protocols]
        weights = [2 if key in ("label", "class", "name") else 1 for key in keys]
        return self._grid([_PROTOCOL_COLUMNS.get(key, key.capitalize()) for key in keys], rows,
                          [False] * len(keys), weights, "Steps of the workflow, first to last.")


def _plain(text):
    return [Run(text)]


def _anchor(item):
    return "item-" + item.replace(".", "-")


def _level_anchor(result):
    # The only item of level W has the name of the level.
    return "level-" + result.level


def _input_anchor(result):
    """Of what the level takes on top of the map."""
    return "input-" + result.level


def _styled(pair):
    text, style = pair
    return text, "", style


def _status(item):
    return Run(item.printed_status(), style=STATUS_STYLES[item.status.value])


def _verdict(item):
    """Heading and blocks of the status, with the warnings if there are any."""
    if item.status is Status.WARNINGS:
        return "Warnings", [
            Text([_status(item)]),
            Listing([[Run(warning, style="strong")] for warning in item.warnings], True)]
    return "Status", [Text([_status(item)])]


def _note(note):
    if note.severity == "warning":
        return Text([Run("Warning: ", style="strong"), Run(note.text)], "warning")
    return Text(_plain(note.text), "note")


def _criterion(outcome):
    if not _overridden(outcome):
        return _plain(outcome.text)
    return [Run(outcome.text), Run(" (facility bound, default %s)" % _bound(outcome.default_bound),
                           style="strong")]


def _overridden(outcome):
    return _bound(outcome.bound) != _bound(outcome.default_bound)


def _bound(bound):
    if isinstance(bound, (list, tuple)):
        return " to ".join("%g" % end for end in bound)
    return "%g" % bound


def _metric_rows(name, metric):
    """One row for a metric; one for each entry of a mapping."""
    parts = ([(name, metric.value)] if not isinstance(metric.value, dict)
             else [("%s.%s" % (name, key), part) for key, part in metric.value.items()])
    return [[[Run(part_name, style="code")], _plain(cell(value)), _plain(metric.unit),
             _plain(metric.description if position == 0 else "")]
            for position, (part_name, value) in enumerate(parts)]


def _is_number(text):
    try:
        float(text.replace(",", ""))
    except ValueError:
        return False
    return True


def _paths(entries, folder):
    return {entry.name: Path(folder) / entry.path for entry in entries}


def _readable_date(date):
    """``2025-11-21 06:41`` of an ISO 8601 date."""
    return date[:16].replace("T", " ") if date else "not given"
