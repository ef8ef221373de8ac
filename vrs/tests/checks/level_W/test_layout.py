import random

import pytest

from vrs.checks.level_W.layout import depth, place_steps
from vrs.io.workflows import Step


def steps_of(parents):
    return [Step(str(number), "", "", [str(parent) for parent in above])
            for number, above in parents.items()]


def random_steps(count, seed):
    generator = random.Random(seed)
    return steps_of({number: sorted(generator.sample(range(number), min(number,
                                                                        generator.randrange(4))))
                     for number in range(count)})


def test_a_chain_is_a_straight_line():
    places, links = place_steps(steps_of({1: [], 2: [1], 3: [2]}))
    assert [(place.step.id, place.row, place.column) for place in places] == [
        ("1", 0, 0), ("2", 1, 0), ("3", 2, 0)]
    assert {(link.column, link.last_column) for link in links} == {(0, 0)}


def test_branches_stay_together_and_join():
    places, _ = place_steps(steps_of({1: [], 2: [1], 3: [1], 4: [2], 5: [3, 4]}))
    assert [place.step.id for place in places] == ["1", "2", "4", "3", "5"]


@pytest.mark.parametrize("seed", range(20))
def test_every_step_once_below_its_parents_and_no_link_through_another(seed):
    steps = random_steps(60, seed)
    places, links = place_steps(steps)
    assert sorted(place.row for place in places) == list(range(60))
    assert {place.step.id for place in places} == {step.id for step in steps}
    row = {place.step.id: place.row for place in places}
    assert all(row[parent] < row[step.id] for step in steps for parent in step.parents)
    assert len(links) == sum(len(step.parents) for step in steps)
    taken = {(place.column, place.row) for place in places}
    for link in links:
        assert not any((link.column, between) in taken
                       for between in range(link.first_row + 1, link.last_row))
        assert (link.column, link.first_row) in taken
        assert (link.last_column, link.last_row) in taken


def test_depth_is_the_longest_chain():
    assert depth(steps_of({1: [], 2: [1], 3: [2], 4: [1, 3], 5: []})) == 4
