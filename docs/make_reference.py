"""Fills in what the pages of the documentation take from the program itself.

Usage: python docs/make_reference.py [REPORT.json]

In ``user_guide.rst`` the facts of each item (what it needs, when it is OK, its engines and
publications) come from its declaration, and in ``report_json.rst`` the metrics. The tables of
levels and items in ``README.rst`` come from the declarations too, and the fields of
``report_json.rst`` from the JSON Schema; its excerpt comes from the report that is given, and
stays as it is without one. Only what stands between a comment with the name of such a part and
the comment ``end`` is replaced.
"""

import json
import re
import sys
from pathlib import Path
from textwrap import indent

from vrs import levels
from vrs.bibliography import cited_as, reference
from vrs.checks import Overrides, all_checks
from vrs.report.json_report import SCHEMA

DOCS = Path(__file__).parent
GUIDE, REFERENCE = DOCS / "user_guide.rst", DOCS / "report_json.rst"
README = DOCS.parent / "README.rst"
_EXCERPT = "0.d"
_PART = r"\.\. %s\n\n(.*?)\.\. end\n"
_TYPES = {"object": "mapping", "array": "list", "string": "text", "integer": "whole number",
          "number": "number", "null": "null", "boolean": "true or false"}


def part(text, name):
    """What stands in a part of a page.

    Parameters
    ----------
    text : str
        The page.
    name : str
        Of the part, "facts 0.a" for instance.

    Returns
    -------
    str or None
        None when there is no such part.
    """
    found = re.search(_PART % re.escape(name), text, re.DOTALL)
    return found.group(1) if found else None


def replaced(text, name, new):
    """The page with another text in a part, which must be there."""
    if part(text, name) is None:
        raise ValueError("The page has no part named %s." % name)
    return re.sub(_PART % re.escape(name), lambda _: ".. %s\n\n%s.. end\n" % (name, new), text,
                  flags=re.DOTALL)


def facts(check):
    """What an item declares of itself.

    Parameters
    ----------
    check : vrs.checks.Check

    Returns
    -------
    str
        A field list.
    """
    lines = [":Needs: %s" % check.needs, ":Is OK when: "]
    if check.criteria:
        lines[-1] = ":Is OK when:"
        for criterion in check.criteria:
            names = ", ".join("``%s.%s``" % (check.id, rule.name)
                              for rule in (criterion,) + criterion.unless)
            lines.append("    - %s (%s)%s" % (
                criterion.text(check.id, Overrides()), names,
                "; this alone does not make it OK" if criterion.guards else ""))
    else:
        lines[-1] += "it has no rule to pass and only informs"
    if check.estimates:
        lines.append(":Estimates: %s" % "; ".join(check.estimates.values()))
    if check.external:
        lines.append(":Other engines: %s" % ", ".join(
            "%s (``%s=%s``)" % (engine.label, check.id, engine.name) for engine in check.external))
    if check.references:
        lines.append(":Publications: %s" % ", ".join(map(_citation, check.references)))
    return "\n".join(lines) + "\n\n"


def _citation(key):
    """Authors and year, as a link where there is one, else with the journal."""
    cited = reference(key)
    if cited.doi:
        return "`%s <https://doi.org/%s>`__" % (cited_as(key), cited.doi)
    # An initial at the start would be the number of a list.
    return "\\" + as_is(cited.text).rstrip(".")


def fields(schema):
    """The fields of ``report.json``.

    Parameters
    ----------
    schema : dict

    Returns
    -------
    str
        A table.
    """
    return _table(("Field", "Type", "Meaning"), list(_fields(schema, schema, "")))


def _fields(schema, node, path):
    """Rows of the fields in a node; ``[]`` stands for the members of a list, ``*`` for any key."""
    node = _resolved(schema, node)
    for name, child in sorted(node.get("properties", {}).items()):
        yield from _field(schema, child, "%s.%s" % (path, name) if path else name,
                          name in node.get("required", ()))
    more = node.get("additionalProperties")
    if isinstance(more, dict):
        yield from _field(schema, more, path + ".*", True)
    if "items" in node:
        yield from _fields(schema, node["items"], path + "[]")


def _field(schema, child, path, required):
    resolved = _resolved(schema, child)
    meaning = [resolved.get("description", "")]
    if "enum" in resolved:
        meaning.append("One of %s." % ", ".join("``%s``" % value for value in resolved["enum"]))
    if "const" in resolved:
        meaning.append("``%s``" % resolved["const"])
    if not required:
        meaning.append("May be absent.")
    yield "``%s``" % path, _type(schema, resolved), " ".join(filter(None, meaning)) or "–"
    yield from _fields(schema, resolved, path)


def _resolved(schema, node):
    """What a reference points to, with what stands beside it."""
    if "$ref" not in node:
        return node
    name = node["$ref"].rsplit("/", 1)[1]
    return dict(schema["$defs"][name], **{key: node[key] for key in node if key != "$ref"})


def _type(schema, node):
    if "anyOf" in node:
        return " or ".join(_type(schema, choice) for choice in node["anyOf"])
    if "enum" in node or "const" in node:
        return "text"
    kinds = node.get("type", "any")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    text = " or ".join(_TYPES.get(kind, kind) for kind in kinds)
    if "items" in node:
        text += " of %ss" % _type(schema, _resolved(schema, node["items"])).replace(" or ", "s or ")
    return text.replace("texts", "text")


def excerpt(report):
    """An item of a report as it stands there, without its references.

    Parameters
    ----------
    report : dict
        What ``report.json`` holds.

    Returns
    -------
    str
        A literal block.
    """
    item = next(item for item in report["items"] if item["id"] == _EXCERPT)
    text = json.dumps(dict(item, references=[]), indent=1, sort_keys=True, ensure_ascii=False)
    return ".. code-block:: json\n\n%s\n\n" % indent(text, "    ")


def metrics():
    """The metrics of all items, as these declare them.

    Returns
    -------
    str
        A heading and a table for each item.
    """
    parts = []
    for check in all_checks():
        heading = "%s %s" % (check.id, check.title)
        rows = [("``%s``" % quantity.name, quantity.printed_form, quantity.unit or "–",
                 as_is(quantity.description))
                for quantity in sorted(check.quantities, key=lambda quantity: quantity.name)]
        parts.append("%s\n%s\n\n%s" % (heading, "~" * len(heading), _table(
            ("Metric", "Value", "Unit", "Description"), rows)))
    return "".join(parts)


def level_table():
    """The levels of README: what each needs, and what it asks."""
    rows = [(level.id, ("(any level) " if level.is_letter else "") + level.title, level.question)
            for level in levels.all_levels()]
    return _table(("Level", "Needs, on top of the level below", "Asks"), rows)


def item_table():
    """The items of README: their titles, and what they need."""
    return _table(("Item", "Title", "Needs"),
                  [(check.id, check.title, check.needs) for check in all_checks()])


def as_is(text):
    """Text in which nothing is taken for markup, |mean| for instance."""
    return re.sub(r"([*`|_\\])", r"\\\1", text)


def _table(columns, rows):
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [columns] + rows:
        lines += ["   %s - %s" % ("*" if place == 0 else " ", cell)
                  for place, cell in enumerate(row)]
    return "\n".join(lines) + "\n\n"


def main(paths):
    """Write both pages anew."""
    guide = GUIDE.read_text(encoding="utf-8")
    for check in all_checks():
        guide = replaced(guide, "facts %s" % check.id, facts(check))
    GUIDE.write_text(guide, encoding="utf-8")
    page = REFERENCE.read_text(encoding="utf-8")
    page = replaced(page, "fields", fields(json.loads(SCHEMA.read_text(encoding="utf-8"))))
    if paths:
        reports = [json.loads(Path(path).read_text(encoding="utf-8")) for path in paths]
        page = replaced(page, "excerpt", excerpt(reports[0]))
    page = replaced(page, "metrics", metrics())
    REFERENCE.write_text(page, encoding="utf-8")
    page = README.read_text(encoding="utf-8")
    page = replaced(replaced(page, "levels", level_table()), "items", item_table())
    README.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
