"""Tensors that live across inferences: nothing is placed over them, and the validator sees where they break."""

from __future__ import annotations

import dataclasses

import pytest

from tests.planner.test_validator import recount
from tinyseg_tvm.planner.optimiser import plan
from tinyseg_tvm.planner.plan import Placement, Plan
from tinyseg_tvm.planner.problem import Access, Operator, Problem, Role, Tensor
from tinyseg_tvm.planner.validator import PlanError, validate

LINES, BYTES = 4, 16
BY_LINE = tuple((line,) for line in range(LINES))


def problem(guarded: bool = True) -> Problem:
    """``y = read(x, state)``; ``next = made(x)`` becomes the state, guarded by y where it is to be right."""
    x, state, y, new = range(4)
    tensors = (
        Tensor("x", LINES, BYTES, contiguous=True, role=Role.RESIDENT_INPUT),
        Tensor("state", LINES, BYTES, contiguous=True, role=Role.STATE),
        Tensor("y", LINES, BYTES, contiguous=True, role=Role.RESIDENT_OUTPUT),
        Tensor("next", LINES, BYTES),
    )
    waits = (Access(y, BY_LINE),) if guarded else ()
    return Problem(
        tensors,
        (
            Operator("read", LINES, (Access(x, BY_LINE), Access(state, BY_LINE)), (Access(y, BY_LINE),)),
            Operator("made", LINES, (Access(x, BY_LINE),), (Access(new, BY_LINE),)),
            Operator("output s", LINES, (Access(new, BY_LINE), *waits), (), updates=(Access(state, BY_LINE),)),
        ),
    )


def test_a_state_is_counted_all_the_time():
    made = plan(problem())
    assert made.pool_bytes[0] >= 2 * LINES * BYTES + BYTES  # input or output, the state, one line of its next value
    state = range(made.placements[1].offsets[0], made.placements[1].offsets[-1] + BYTES)
    for number in (0, 2, 3):
        assert all(offset + BYTES <= state.start or offset >= state.stop for offset in made.placements[number].offsets)


def test_a_line_that_is_read_after_its_update_is_caught():
    unguarded = problem(guarded=False)
    made = plan(problem())
    roomy = tuple(Placement(0, tuple((LINES * tensor + line) * BYTES for line in range(LINES))) for tensor in range(4))
    right = recount(unguarded, dataclasses.replace(made, placements=roomy))
    validate(unguarded, right)
    late = tuple(number for number in (1, 2, 0) for _ in range(LINES))
    with pytest.raises(PlanError, match=r"reads line 0 of tensor state too late.*output s"):
        validate(unguarded, dataclasses.replace(right, steps=late))


@pytest.mark.parametrize("tensor", [0, 2, 3])
def test_what_is_placed_over_a_state_is_caught(tensor: int):
    right = problem()
    made = plan(right)
    placements = list(made.placements)
    placements[tensor] = placements[1]
    with pytest.raises(PlanError):
        validate(right, recount(right, dataclasses.replace(made, placements=tuple(placements))))


@pytest.mark.parametrize(
    ("updates", "message"),
    [
        ((), "no operator updates line 0 of state"),
        ((Access(1, BY_LINE), Access(1, BY_LINE)), "a second time"),
        ((Access(1, BY_LINE), Access(0, BY_LINE)), "which is no state"),
    ],
)
def test_updates_are_of_each_line_once(updates: tuple[Access, ...], message: str):
    right = problem()
    made: Plan = plan(right)
    *others, last = right.operators
    wrong = dataclasses.replace(right, operators=(*others, dataclasses.replace(last, updates=updates)))
    with pytest.raises(PlanError, match=message):
        validate(wrong, made)
