"""Synthetic cross-links."""

import pytest

from vrs.errors import InputError
from vrs.io.crosslinks import read_crosslinks
from vrs.numerics.crosslinks import assess, tally
from vrs.simulation.crosslinks import write_crosslinks
from vrs.tests.numerics.test_crosslinks import model_of
from vrs.tests.proteins import protein


@pytest.fixture
def chain():
    return model_of([(0, 0, 4 * place) for place in range(30)])


def test_most_links_fit_the_model_and_the_others_do_not(tmp_path):
    structure, _ = protein()
    path = str(tmp_path / "links.csv")
    truth = write_crosslinks(path, structure, count=30, wrong=0.2, seed=3)
    assert (truth["links"], truth["wrong_links"], len(truth["wrong"])) == (30, 6, 6)
    links = read_crosslinks(path)
    assert len(links.names) == 30 and set(links.linkers) == {"DSS"} and not links.notes
    found = assess(structure, links)
    assert found.kinds == {"LYS": 60} and found.links.mapped.all()
    wrong = {frozenset([tuple(ends[:2]), tuple(ends[2:])]) for ends in truth["wrong"]}
    assert {frozenset(zip(*pair)) for pair, satisfied in zip(
        zip(links.names.tolist(), links.numbers.tolist()), found.links.satisfied)
        if not satisfied} == wrong
    result = tally(found.links)
    assert result.satisfied == 24 and result.p_value < 0.01 and result.share > 0.5


def test_the_seed_decides(chain, tmp_path):
    texts = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_crosslinks(str(tmp_path / name), chain, count=10, seed=seed)
        texts.append((tmp_path / name).read_text())
    assert texts[0] == texts[1] != texts[2]


def test_too_many_links(chain, tmp_path):
    with pytest.raises(InputError) as caught:
        write_crosslinks(str(tmp_path / "links.csv"), chain, count=1000)
    assert "pairs of lysines" in str(caught.value) and not list(tmp_path.iterdir())
