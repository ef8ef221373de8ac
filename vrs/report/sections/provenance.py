"""Where the results come from."""

from vrs.checks import SERVICE
from vrs.report.document import Fact, Facts, Section
from vrs.report.numbering import plain
from vrs.report.wording import cell

_PROVENANCE_TERMS = (("date", "Date"), ("host", "Computer"), ("platform", "Operating system"),
                     ("python", "Python"), ("project", "Project"), ("threads", "Threads"))
_PROTOCOL_COLUMNS = {"label": "Step", "class": "Protocol", "name": "Protocol", "id": "Id",
                     "plugin": "Plugin", "version": "Version", "threads": "Threads"}


def provenance_section(numbering, results, provenance, number):
    """Where the results come from: computer, seeds, steps of the workflow, packages."""
    given = dict(provenance)
    given.pop("entry", None)  # it stands on the front page
    protocols, packages = given.pop("protocols", []), given.pop("packages", {})
    terms = dict(_PROVENANCE_TERMS)
    names = [name for name, _ in _PROVENANCE_TERMS if name in given]
    names += sorted(set(given) - set(names))
    rows = [Fact(terms.get(name, name.replace("_", " ").capitalize()),
                 plain(cell(given[name]))) for name in names]
    for result in results:
        rows.append(Fact("Seed of level %s" % result.level, plain(str(result.seed))))
        if result.criteria_source == SERVICE:
            rows.append(Fact("Criteria of level %s" % result.level,
                             plain("those of the public validation service")))
        elif result.criteria_source:
            rows.append(Fact("Criteria file of level %s" % result.level,
                             plain(result.criteria_source)))
    blocks = [Facts(rows)]
    if protocols:
        blocks.append(_protocols(numbering, protocols))
    if packages:
        blocks.append(numbering.grid(
            ["Package", "Version"], [[plain(name), plain(str(version))]
                                     for name, version in sorted(packages.items())],
            [False, False], [0, 0], "Packages and their versions."))
    return Section("provenance", "Workflow and provenance", number, blocks)


def _protocols(numbering, protocols):
    keys = list(dict.fromkeys(key for protocol in protocols for key in protocol))
    keys.sort(key=lambda key: (list(_PROTOCOL_COLUMNS).index(key)
                               if key in _PROTOCOL_COLUMNS else len(_PROTOCOL_COLUMNS)))
    rows = [[plain(cell(protocol[key]) if key in protocol else "") for key in keys]
            for protocol in protocols]
    weights = [2 if key in ("label", "class", "name") else 1 for key in keys]
    return numbering.grid([_PROTOCOL_COLUMNS.get(key, key.capitalize()) for key in keys], rows,
                          [False] * len(keys), weights, "Steps of the workflow, first to last.")
