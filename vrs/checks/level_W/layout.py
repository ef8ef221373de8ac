"""Where the steps of a workflow stand in its graph."""

from dataclasses import dataclass
from typing import List

from vrs.results.content import GraphLink


@dataclass
class Place:
    """A step and the place of its dot."""

    step: object
    row: int
    column: int


def place_steps(steps):
    """Place steps one per row, each below all that it takes its input from.

    Chains stay together. A step keeps its column to itself down to the last step that
    takes its output, so that no link runs through another step.

    Parameters
    ----------
    steps : list of vrs.io.workflows.Step
        Without circles.

    Returns
    -------
    places : list of Place
        By row.
    links : list of GraphLink
    """
    ordered = _ordered(steps)
    rows = {step.id: row for row, step in enumerate(ordered)}
    ends = dict(rows)
    for step in ordered:
        for parent in step.parents:
            ends[parent] = max(ends[parent], rows[step.id])
    columns, held = {}, {}  # held: the last row of each column that is in use
    for row, step in enumerate(ordered):
        for column in [column for column, end in held.items() if end <= row]:
            del held[column]
        own = [columns[parent] for parent in step.parents if ends[parent] == row]
        column = min(own) if own else next(
            number for number in range(len(held) + 1) if number not in held)
        columns[step.id] = column
        held[column] = ends[step.id]
    places = [Place(step, row, columns[step.id]) for row, step in enumerate(ordered)]
    links = [GraphLink(columns[parent], rows[parent], rows[step.id], columns[step.id])
             for step in ordered for parent in step.parents]
    return places, links


def depth(steps):
    """Number of steps in the longest chain.

    Parameters
    ----------
    steps : list of vrs.io.workflows.Step
        Without circles.

    Returns
    -------
    int
    """
    depths = {}
    for step in _ordered(steps):
        depths[step.id] = 1 + max([depths[parent] for parent in step.parents], default=0)
    return max(depths.values())


def _ordered(steps) -> List:
    """Each step after its parents, and where possible right after one of them."""
    children = {step.id: [] for step in steps}
    for step in steps:
        for parent in step.parents:
            children[parent].append(step)
    missing = {step.id: len(step.parents) for step in steps}
    ready = [step for step in reversed(steps) if not step.parents]
    ordered = []
    while ready:
        step = ready.pop()
        ordered.append(step)
        for child in reversed(children[step.id]):
            missing[child.id] -= 1
            if not missing[child.id]:
                ready.append(child)
    return ordered
