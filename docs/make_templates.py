"""Write the workflow templates of the plugin from the declared kinds of evidence.

Usage: python docs/make_templates.py
"""

import json
from pathlib import Path

import vrs
from vrs import inputs, levels
from vrs.scipion import load_domain, prepare_environment

FOLDER = Path(vrs.__file__).parent / "templates"
# What the workflows begin with, on top of the map.
SETS = ((), ("half_maps",), ("half_maps", "model"), ("particles",), ("half_maps", "micrographs"),
        ("half_maps", "model", "crosslinks", "saxs"))
_OF_ENTRIES = {"half_maps", "model"}
_FILE, _TEXT, _NUMBER = 2, 0, 4  # as Scipion's templates number the kinds of fields


def templates():
    """Every template.

    Returns
    -------
    dict of str to str
        Text by the name of its file.
    """
    found = {}
    for names in SETS:
        kinds = [inputs.get_kind(name) for name in names]
        given = {kind.files[0].name: "x" for kind in kinds}
        assessed = [level.id for level in levels.levels_for(dict(given, map="x"))]
        name = "level_" + "_".join(assessed)
        found[name + ".json.template"] = _text(
            "Validation of a map from files, level%s %s: the map%s, and the report." % (
                "s" if len(assessed) > 1 else "", _enumerated(assessed),
                "".join(", " + kind.words for kind in kinds)), _from_files(kinds))
        if _OF_ENTRIES.issuperset(names):
            found[name + "_entry.json.template"] = _text(
                "Validation of an entry of EMDB, level%s %s, with the contour level and the "
                "resolution of the entry, and the report." % (
                    "s" if len(assessed) > 1 else "", _enumerated(assessed)), _from_entry(names))
    return found


def _enumerated(names):
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _text(description, steps):
    return description + "\n" + json.dumps(steps, indent=4) + "\n"


def _field(option, kind):
    return "~%s||%d|%s~" % (option.help[0].upper() + option.help[1:].replace("Å", "angstroms"),
                            kind, option.name)


def _from_files(kinds):
    options = {option.name: option for option in inputs.all_options()}
    importing = _step("ProtImportVolumes", 2, "import map", filesPath=_field(options["map"], _FILE),
                      samplingRate="~Voxel size of the map in angstroms||4|sampling~")
    validating = {name: _field(options[name], _NUMBER) for name in ("threshold", "resolution")}
    validating.update(_sources(kinds))
    return [importing, _validating(validating), _report()]


def _sources(kinds):
    from vrs.protocols import ProtVrsValidateMap, forms
    found = forms.parameters_of(ProtVrsValidateMap, {
        "threshold": 0, **{option.name: "x" for kind in kinds for option in kind.files}})
    names = {forms.file_parameter(option): _field(option, _FILE)
             for kind in kinds for option in kind.files}
    names.update((option.name, _field(option, _TEXT)) for kind in kinds for option in kind.options
                 if option.name == "symmetry")
    names.update({forms.source_parameter(kind.name): found[forms.source_parameter(kind.name)]
                  for kind in kinds})
    return names


def _from_entry(names):
    from vrs.protocols import forms
    importing = _step("ProtVrsImportEntry", 2, "import entry",
                      emdbId="~EMDB entry, EMD-1234 for instance||%d|entry~" % _TEXT,
                      withHalves="half_maps" in names, withModel="model" in names)
    model = {}
    if "model" in names:
        sources = forms.sources_of(inputs.get_kind("model"), needed=False)
        model = {"modelFrom": sources.index(forms.OBJECTS), "inputModel": "2.outputModel"}
    return [importing, _validating(model), _report()]


def _validating(parameters):
    return _step("ProtVrsValidateMap", 3, "validate map", inputVolume="2.outputVolume",
                 hasResolution=True, **parameters)


def _report():
    return _step("ProtVrsReport", 4, "validation report", inputResults=["3.outputResults"])


def _step(name, number, label, **parameters):
    return dict({"object.className": name, "object.id": str(number), "object.label": label,
                 "object.comment": ""}, **parameters)


def main():
    """Write the templates, and remove others."""
    prepare_environment()
    load_domain()
    made = templates()
    for path in FOLDER.glob("*.json.template"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
