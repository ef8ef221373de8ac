from types import SimpleNamespace

import pytest
from pwem.objects import Volume
from pyworkflow.object import Float

from vrs.objects import VrsArchivedVolume
from vrs.wizards.threshold import starting_value


def archived(level):
    volume = VrsArchivedVolume("/data/map.mrc")
    volume._threshold.set(level)
    return volume


@pytest.mark.parametrize("volume, in_form, value, words", [
    (archived(0.02), 0.03, 0.03, "in the form"), (archived(0.02), None, 0.02, "the entry"),
    (archived(None), None, None, "suggested"), (Volume("/data/map.mrc"), None, None, "suggested"),
    (Volume("/data/map.mrc"), 0.0, 0.0, "in the form")])
def test_the_form_comes_before_the_entry_and_that_before_the_map(volume, in_form, value, words):
    protocol = SimpleNamespace(inputVolume=SimpleNamespace(get=lambda: volume),
                               threshold=Float(in_form))
    start, origin = starting_value(protocol)
    assert start == value and words in origin
