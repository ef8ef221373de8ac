"""External engines whose outputs are given: what becomes of these, without the program."""

from vrs.checks import get_check, run_check
from vrs.results import Engine, to_json


class Recorded:
    """The engine of an item, whose outputs were kept."""

    engine = Engine("recorded", "1.0")

    def __init__(self, item, outputs):
        self._external, = get_check(item).external
        self._outputs = outputs

    def compute(self, data):
        self._external.prepare(data)
        return self._external.findings(data, *self._outputs)


def run(item, data, *outputs):
    """Result and arrays of an item that the engine computed; the result can be stored."""
    result, arrays = run_check(get_check(item), data, external=Recorded(item, outputs))
    to_json(result)
    return result, arrays


def values(result):
    return {name: metric.value for name, metric in result.metrics.items()}


def texts(result):
    return " ".join(getattr(part, "text", "") for part in result.content)
