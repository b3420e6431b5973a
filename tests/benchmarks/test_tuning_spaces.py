"""The table of what tuning could gain: the best of all, and what the search finds of it by what is measured."""

from __future__ import annotations

from tuning_spaces import Space, found_by_search, within

from tests.tune.test_search import candidate, cost, task
from tinyseg_tvm.tune.search import Tuning


def test_what_is_left_out_is_estimated_to_be_slower_and_never_what_is_planned():
    candidates = [candidate("a", 100), candidate("b", 149), candidate("c", 151), candidate("d", 900)]
    assert within(Tuning(task(0, *candidates), (candidates[3],)), 1.5) == [candidates[0], candidates[1], candidates[3]]
    assert within(Tuning(task(0, *candidates), (candidates[0],)), 1e9) == candidates


def test_the_best_of_all_and_what_the_search_finds():
    """The search passes over what its estimates take for hopeless, and what was left out."""
    candidates = [candidate("a", 100), candidate("b", 105), candidate("c", 300), candidate("d", 104)]
    tuning = Tuning(task(0, *candidates), (candidates[0],))
    space = Space(tuning, {candidates[0]: 110.0, candidates[1]: 90.0, candidates[2]: 50.0})
    assert (space.planned, space.best) == (110.0, 50.0)
    assert max(space.errors) == 1.1
    (found,) = found_by_search([space], cost(cycles=0))
    assert found.best == 90.0
    assert found.excluded == {candidates[3]}
    assert candidates[2] not in found.measured
