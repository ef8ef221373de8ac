"""Values of residues in the exchange format of 3DBionotes (EMV JSON).

A file holds one measure: what it is (``resource``), of which map and model and how it was
made (``entry``) and, by chain, the residues with their values, which are text there, as in
the files that https://3dbionotes.cnb.csic.es serves.
"""

import json
import re
from pathlib import PurePath

_MODEL = "Model"


def emv_files(results, provenance, title):
    """EMV JSON of all results that have values of residues which the format knows.

    Parameters
    ----------
    results : list of LevelResults
    provenance : dict
        Its ``date`` (ISO 8601) is taken.
    title : str
        What the report calls the map, empty for the name of its file.

    Returns
    -------
    dict of str to str
        Text by file name: ``emv_fscq.json``, ``emv_mapq.json`` and ``emv_daq.json``.
    """
    files = {}
    for result in results:
        entry = {"volume_map": _entry_name(title or result.input.file_name),
                 "atomic_model": _entry_name(_model_name(result)),
                 "date": str(provenance.get("date", ""))[:10]}
        for item in result.items:
            for values in item.residues:
                if values.exchange:
                    files["emv_%s.json" % values.exchange.lower()] = _to_json({
                        "resource": "EMV-%s-Scores" % values.exchange,
                        "entry": dict(entry, source=_source(item, values)),
                        "chains": _chains(values)})
    return files


def _entry_name(name):
    """``EMD-1234`` for any writing of that; else the name without path and endings."""
    found = re.search(r"emd[-_]?(\d{4,5})(?!\d)", name, re.IGNORECASE)
    if found:
        return "EMD-%s" % found.group(1)
    plain = PurePath(name).name
    return re.sub(r"(\.(cif|mmcif|pdb|ent|mrc|map|ccp4))?(\.gz)?$", "", plain, flags=re.IGNORECASE)


def _model_name(result):
    files = result.added.files if result.added else []
    return next((entry.file_name for entry in files if entry.term == _MODEL), "")


def _source(item, values):
    source = {"method": "%s: %s%s. %s %s" % (
        item.title, values.description, " (%s)" % values.unit if values.unit else "",
        "vrs" if item.engine.name == "builtin" else item.engine.name, item.engine.version)}
    if item.references:
        source.update(citation=item.references[0].text, doi=item.references[0].doi)
    return source


def _chains(values):
    chains = {}
    for chain, number, name, value in zip(values.chains, values.numbers, values.residues,
                                          values.values):
        digits, insertion = re.fullmatch(r"(-?\d+)(.*)", number).groups()
        residue = {"resSeqName": name, "resSeqNumber": int(digits), "scoreValue": "%.4f" % value}
        if insertion:
            residue["insertionCode"] = insertion
        chains.setdefault(chain, []).append(residue)
    return [{"name": name, "seqData": residues} for name, residues in chains.items()]


def _to_json(value):
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
