"""The tuner's search: which kernels it measures, and what it makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import pytest

from tests.planner.networks import tiny_unet
from tinyseg_tvm.planner.optimiser import plan
from tinyseg_tvm.planner.spilling import SpillDecision, Transfer, spill
from tinyseg_tvm.planner.storage_model import StorageModel
from tinyseg_tvm.tune.candidates import Candidate, Task
from tinyseg_tvm.tune.cost_model import SpillAwareCost
from tinyseg_tvm.tune.search import ROUND, Tuning, promised_gains, recall, records_of, search

CLOCK = 1e6
TOOLS = (("arm-none-eabi-gcc", "13"),)


@dataclass(frozen=True)
class Name:
    name: str


@dataclass(frozen=True)
class View:
    node: Name
    signature: str


@dataclass(frozen=True)
class FakeTask:
    view: View
    numbers: tuple[int, ...]
    candidates: tuple[Candidate, ...]
    steps: int = 1

    @property
    def signature(self) -> str:
        return self.view.signature


def task(number: int, *candidates: Candidate) -> Task:
    return cast("Task", FakeTask(View(Name(f"op{number}"), f"op{number}"), (number,), candidates))


def candidate(kernel: str, estimate: int, decision: int | None = None) -> Candidate:
    decisions = () if decision is None else ((f"program of {kernel}", (decision,)),)
    return Candidate(kernel, decisions, 0, estimate)


def cost(rate: int = 10**15, cycles: int = 1000) -> SpillAwareCost:
    base = tiny_unet(24, 16)
    base = replace(base, operators=tuple(replace(operator, cycles=cycles) for operator in base.operators))
    decision = SpillDecision("down0b", (("up0a",),), Transfer())
    problem = spill(base, [decision])
    model = StorageModel("storage", 1 << 20, 1, rate, rate, 0.0)
    return SpillAwareCost(problem, plan(problem, effort=0.05), [decision], {"storage": model}, CLOCK)


def tuned(
    tasks: Sequence[Task], true_cycles: Mapping[str, float | None], trials: int = 8, price: SpillAwareCost | None = None
):
    """Tunings of the tasks, and the kernels measured in order."""
    measured: list[str] = []

    def measure(asked: Sequence[tuple[Task, Candidate]]) -> list[float | None]:
        keys = [c.kernel if not c.decisions else f"{c.kernel}/{c.decisions[0][1][0]}" for _, c in asked]
        assert len(asked) <= max(ROUND, len(tasks))
        measured.extend(f"{of.signature} {key}" for (of, _), key in zip(asked, keys, strict=True))
        return [true_cycles[key] for key in keys]

    tunings = [Tuning(each, (each.candidates[0],)) for each in tasks]
    search(tunings, price or cost(cycles=0), measure, trials, lambda _what, share: _check(share))
    return tunings, measured


def _check(share: float) -> None:
    assert 0 <= share <= 1


def test_the_best_kernel_is_found_where_estimates_are_wrong():
    candidates = candidate("a", 1000), candidate("b", 1050), candidate("c", 1060)
    (tuning,), measured = tuned([task(0, *candidates)], {"a": 1010, "b": 1090, "c": 700})
    assert tuning.best == 700
    assert measured == ["op0 a", "op0 b", "op0 c"]


def test_hopeless_kernels_are_not_measured():
    candidates = candidate("a", 1000), candidate("b", 2000), candidate("c", 5000)
    _, measured = tuned([task(0, *candidates)], {"a": 1000})
    assert measured == ["op0 a"]


def test_what_is_learnt_of_a_kernel_holds_for_its_other_decisions():
    """All of the first kernel's estimates are half of the truth: the other kernel is tried before its decisions are."""
    first = [candidate("a", 1000 + i, i) for i in range(5)]
    true = {f"a/{i}": 2000 + i for i in range(5)} | {"b": 1500}
    (tuning,), measured = tuned([task(0, *first, candidate("b", 1500))], true)
    assert measured == ["op0 a/0", "op0 b"]
    assert tuning.predicted(first[4]) == pytest.approx(2008, abs=1)
    assert tuning.best == 1500


def test_no_more_is_measured_than_was_asked_for():
    candidates = [candidate("a", 1000 - i, i) for i in range(9)]
    _, measured = tuned([task(0, *candidates)], {f"a/{i}": 1000 for i in range(9)}, trials=4)
    assert len(measured) == 4


def test_kernels_that_do_not_fit_the_board_are_passed_over():
    candidates = candidate("a", 1000), candidate("b", 900), candidate("c", 950)
    (tuning,), _ = tuned([task(0, *candidates)], {"a": 1000, "b": None, "c": 940})
    assert tuning.best == 940
    assert tuning.excluded == {candidates[1]}


def test_the_operator_with_most_to_gain_comes_first():
    small = task(0, candidate("small a", 50), candidate("small b", 50))
    large = task(1, candidate("large a", 5000), candidate("large b", 5000))
    true = {"small a": 50, "small b": 50, "large a": 5000, "large b": 5000}
    _, measured = tuned([small, large], true)
    assert measured[:3] == ["op0 small a", "op1 large a", "op1 large b"]


def test_a_round_asks_for_as_many_as_stated_and_of_a_task_once():
    """Of more tasks than a round has room for, those with most to gain."""
    tasks = [task(n, candidate(f"a{n}", 1000 * (n + 1)), candidate(f"b{n}", 1000 * (n + 1))) for n in range(ROUND + 2)]
    asked: list[list[str]] = []

    def measure(chosen: Sequence[tuple[Task, Candidate]]) -> list[float | None]:
        asked.append([c.kernel for _, c in chosen])
        return [float(c.estimate) for _, c in chosen]

    begun = [Tuning(each, (), {each.candidates[0]: float(each.candidates[0].estimate)}) for each in tasks]
    gains = promised_gains(begun, cost(cycles=0), 8)
    search([Tuning(each, (each.candidates[0],)) for each in tasks], cost(cycles=0), measure, 8, lambda *_: None)
    assert [len(each) for each in asked] == [ROUND + 2, ROUND, 2]
    assert asked[1] == [f"b{n}" for n in sorted(gains, key=lambda n: -gains[n])[:ROUND]]


def test_cycles_during_which_the_storage_is_waited_for_are_worth_nothing():
    """The fetches of a slow storage take longer than everything else together."""

    def gain(price: SpillAwareCost, number: int) -> float:
        tuning = Tuning(task(number, candidate("a", 1000), candidate("b", 500)), ())
        tuning.measured[tuning.task.candidates[0]] = 1000.0
        return promised_gains([tuning], price, 8).get(0, 0.0)

    numbers = {operator.name: n for n, operator in enumerate(cost().problem.operators)}
    decoder, encoder = numbers["up0a"], numbers["down0b"]
    assert gain(cost(), decoder) > 0.01
    assert gain(cost(rate=10**4), decoder) < 0.1 * gain(cost(), decoder)
    assert gain(cost(), encoder) > 0.01


def test_records_hold_what_was_measured_and_corrected_estimates_of_the_rest():
    candidates = [candidate("a", 1000, 0), candidate("a", 1100, 1), candidate("a", 1400, 2), candidate("b", 1500)]
    (tuning,), _ = tuned([task(0, *candidates)], {"a/0": 1200, "a/1": 1150})
    records = records_of("cortex-m4", "desk", [tuning], TOOLS)
    assert records.decisions == (("program of a", (1,)),)
    a, b = records.find("op0", "a"), records.find("op0", "b")
    assert a is not None
    assert b is not None
    assert (a.cycles, a.measured, a.versions) == (1150, True, TOOLS)
    assert (b.cycles, b.measured, b.versions) == (1500, False, ())
    assert {(r.cycles, r.decisions[0][1][0]) for r in records.records if r.measured} == {(1200, 0), (1150, 1)}


def test_what_the_same_tools_measured_before_is_not_measured_again():
    candidates = [candidate("a", 1000, 0), candidate("a", 1010, 1), candidate("b", 1050)]
    true = {"a/0": 1200, "a/1": 1100, "b": 1000}
    (before,), _ = tuned([task(0, *candidates)], true)
    records = records_of("cortex-m4", "desk", [before], TOOLS)
    again = Tuning(task(0, *candidates), (candidates[0],))
    recall([again], records, TOOLS)
    assert again.measured == before.measured
    search([again], cost(cycles=0), lambda asked: [1 / 0 for _ in asked], 3, lambda *_: None)
    other = Tuning(task(0, *candidates), (candidates[0],))
    recall([other], records, (("arm-none-eabi-gcc", "14"),))
    assert not other.measured
