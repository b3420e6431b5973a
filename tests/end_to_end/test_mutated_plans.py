"""Plans of random networks with one thing wrong: the validator objects every time.

Each mutation is chosen so that it must break something; which lines are needed when is worked out here, from the
problem and the steps alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

import pytest

from tests.codegen.harness import problem_of
from tests.end_to_end.random_networks import random_network
from tinyseg_tvm.planner.optimiser import plan as optimise
from tinyseg_tvm.planner.plan import Placement, Plan
from tinyseg_tvm.planner.problem import Pool, Problem, Role
from tinyseg_tvm.planner.validator import PlanError, validate

SEEDS = range(300, 312)
T = TypeVar("T")
MOST = 40  # mutations of one kind per plan

Line = tuple[int, int]  # tensor, line


@pytest.fixture(scope="module", params=SEEDS)
def planned(request) -> tuple[Problem, Plan]:
    problem = problem_of(random_network(request.param), "line" if request.param % 2 else "resident")
    plan = optimise(problem, effort=0.01)
    validate(problem, plan)
    return problem, plan


def accesses(problem: Problem, plan: Plan) -> Iterator[tuple[int, list[Line], list[Line]]]:
    """Per step: its number, the lines it reads, the lines it writes."""
    done = [0] * len(problem.operators)
    for at, number in enumerate(plan.steps):
        operator, step = problem.operators[number], done[number]
        done[number] += 1
        reads = [(access.tensor, line) for access in operator.reads for line in access.lines[step]]
        writes = [(access.tensor, line) for access in operator.writes for line in access.lines[step]]
        yield at, reads, writes


def lifetimes(problem: Problem, plan: Plan) -> dict[Line, tuple[int, int]]:
    """Step that writes each line (-1: there from the start) and the last that needs it, for lines somebody reads."""
    born = {
        (number, line): -1
        for number, tensor in enumerate(problem.tensors)
        if tensor.role is Role.RESIDENT_INPUT
        for line in range(tensor.lines)
    }
    needed: dict[Line, int] = {}
    for at, reads, writes in accesses(problem, plan):
        needed |= dict.fromkeys(reads, at)
        born |= dict.fromkeys(writes, at)
    for number, tensor in enumerate(problem.tensors):
        if tensor.role is Role.RESIDENT_OUTPUT:
            needed |= {(number, line): len(plan.steps) for line in range(tensor.lines)}
    return {line: (born[line], last) for line, last in needed.items()}


def thinned(values: list[T], most: int = MOST) -> list[T]:
    return values[:: max(1, len(values) // most)]


def moved(problem: Problem, plan: Plan, line: Line, address: int) -> Plan:
    """The plan with one line elsewhere, and as large as it then is."""
    tensor, index = line
    placement = plan.placements[tensor]
    offsets = (*placement.offsets[:index], address, *placement.offsets[index + 1 :])
    placements = (*plan.placements[:tensor], Placement(placement.pool, offsets), *plan.placements[tensor + 1 :])
    size = max(plan.pool_bytes[0], address + problem.tensors[tensor].line_bytes)
    return replace(plan, placements=placements, pool_bytes=(size,))


def is_caught(problem: Problem, plan: Plan) -> bool:
    try:
        validate(problem, plan)
    except PlanError:
        return True
    return False


def test_a_ring_with_one_line_too_few_is_caught(planned) -> None:
    """A line of a tensor goes to the address of the oldest of its lines that is still needed."""
    problem, plan = planned
    lives = lifetimes(problem, plan)
    pairs = [
        ((tensor, new), (tensor, old))
        for (tensor, new), (born, _) in lives.items()
        for old in range(problem.tensors[tensor].lines)
        if (tensor, old) in lives and lives[tensor, old][0] < born < lives[tensor, old][1]
    ]
    for new, old in thinned(pairs):
        address = plan.placements[old[0]].offsets[old[1]]
        assert is_caught(problem, moved(problem, plan, new, address)), f"{new} over {old}"


def test_a_line_shifted_onto_a_living_one_is_caught(planned) -> None:
    problem, plan = planned
    lives = lifetimes(problem, plan)
    pairs = [
        (new, old)
        for new, (born, _) in lives.items()
        for old, (earlier, needed) in lives.items()
        if old[0] != new[0] and earlier < born < needed
    ]
    assert pairs
    for new, old in thinned(pairs):
        low = plan.placements[old[0]].offsets[old[1]]
        last_byte = (low + problem.tensors[old[0]].line_bytes - 1) // 4 * 4
        for address in {low, last_byte}:
            if address + problem.tensors[new[0]].line_bytes <= low:  # lines of a contiguous tensor need no alignment
                continue
            assert is_caught(problem, moved(problem, plan, new, address)), f"{new} over {old} at {address}"


def test_swapping_a_step_with_one_that_reads_its_line_is_caught(planned) -> None:
    problem, plan = planned
    seen = list(accesses(problem, plan))
    swaps = [
        at
        for (at, _, writes), (_, reads, _) in zip(seen, seen[1:], strict=False)  # noqa: RUF007
        if set(writes) & set(reads)
    ]
    assert swaps
    for at in thinned(swaps):
        steps = (*plan.steps[:at], plan.steps[at + 1], plan.steps[at], *plan.steps[at + 2 :])
        assert is_caught(problem, replace(plan, steps=steps)), f"steps {at} and {at + 1}"


def test_a_pool_one_line_too_small_is_caught(planned) -> None:
    problem, plan = planned
    short = replace(problem, pools=(Pool("arena", plan.pool_bytes[0] - 4, problem.pools[0].alignment),))
    assert is_caught(short, plan)


def test_left_out_and_repeated_steps_are_caught(planned) -> None:
    problem, plan = planned
    for at in thinned(list(range(len(plan.steps)))):
        assert is_caught(problem, replace(plan, steps=plan.steps[:at] + plan.steps[at + 1 :]))
        assert is_caught(problem, replace(plan, steps=(*plan.steps[:at], plan.steps[at], *plan.steps[at:])))
