"""How results travel: as JSON without loss."""

import base64
import enum
import json
import os
from dataclasses import fields, is_dataclass

import numpy as np

from vrs.results import content, items, products

# What reading results raises that are not there or damaged.
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError)

# Mappings of the results may have any keys but this one, which stands for what is encoded.
_KIND = "__kind__"
_KINDS = {}


def travels(cls):
    """Class decorator for a dataclass that results hold, by its name."""
    if _KINDS.setdefault(cls.__name__, cls) is not cls:
        raise ValueError("two kinds of results are called %s" % cls.__name__)
    return cls


for _module in (content, items, products):
    for _cls in list(vars(_module).values()):
        if is_dataclass(_cls) and _cls.__module__ == _module.__name__:
            travels(_cls)


def to_json(value) -> str:
    """Encode results, figures included, as JSON text without loss."""
    return json.dumps(_encode(value), allow_nan=False)


def from_json(text: str):
    """Decode what :func:`to_json` made."""
    return json.loads(text, object_hook=_decode)


def write_json(path, value):
    """Write results to a file, which appears under its name only when it is complete."""
    part = "%s.new" % path
    with open(part, "w") as handle:
        handle.write(to_json(value))
    os.replace(part, path)


def read_json(path):
    """Read what :func:`write_json` wrote; raises one of ``UNREADABLE`` where that fails."""
    with open(path) as handle:
        return from_json(handle.read())


def read_results(path):
    """Read the results of levels from a file.

    Parameters
    ----------
    path : path

    Returns
    -------
    list of LevelResults

    Raises
    ------
    OSError, ValueError, KeyError, TypeError, AttributeError
        If it is not there or damaged.
    """
    results = read_json(path)
    if not (isinstance(results, list) and results
            and all(isinstance(result, items.LevelResults) for result in results)):
        raise ValueError("it holds no results")
    return results


def _encode(value):
    if isinstance(value, enum.Enum):
        return {_KIND: "Status", "value": value.value}
    if is_dataclass(value):
        encoded = {f.name: _encode(getattr(value, f.name)) for f in fields(value)}
        return dict(encoded, **{_KIND: type(value).__name__})
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value)
        return {_KIND: "ndarray", "dtype": array.dtype.str, "shape": list(array.shape),
                "data": base64.b64encode(array.tobytes()).decode("ascii")}
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encode(item) for item in value]
    return value


def _decode(mapping):
    kind = mapping.pop(_KIND, None)
    if kind is None:
        return mapping
    if kind == "ndarray":
        data = np.frombuffer(base64.b64decode(mapping["data"]), dtype=mapping["dtype"])
        return data.reshape(mapping["shape"]).copy()
    if kind == "Status":
        return items.Status(mapping["value"])
    return _KINDS[kind](**mapping)
