"""Kernels that balance RAM and time, and the front of both that they are chosen from."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from tests.end_to_end.small_models import segmenter
from tinyseg_tvm import relay
from tinyseg_tvm.compiler.arena import beside_arena
from tinyseg_tvm.compiler.kernel_choice import WORTH_RAM, WORTH_SLOWER, balance_bound, with_fast_kernels
from tinyseg_tvm.compiler.kernel_front import KernelFront, cycles_of, kernel_front
from tinyseg_tvm.compiler.kernel_points import speed_points
from tinyseg_tvm.compiler.objective import merit
from tinyseg_tvm.compiler.options import options_from_text
from tinyseg_tvm.compiler.planning import plans_by_axis
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.planner.validator import validate


@pytest.fixture(scope="module")
def case() -> tuple[KernelFront, Situation]:
    factory = relay.build(relay.frontend.from_onnx(segmenter(24, 32)), "c -tinyseg -board=mps2_an386")
    (planned,) = plans_by_axis(
        factory.lowered, replace(factory.situation, options=replace(factory.options, stream_axis="rows"))
    )
    return kernel_front(planned, factory.situation), factory.situation


def test_a_point_has_the_fastest_kernel_that_the_bytes_alive_leave_scratch_for(case) -> None:
    front, _ = case
    assert len(front.points) > 2
    assert sorted(front.points, key=lambda p: (p.arena_bytes, -p.cycles)) == list(front.points)
    for point in front.points:
        operators = front.within(point.arena_bytes).operators
        assert (cycles_of(operators), sum(o.flash_bytes for o in operators)) == (point.cycles, point.flash_bytes)
        for number, costs in front.choices.items():
            room = max(point.arena_bytes - front.busy[number], costs[0].scratch_bytes)
            fastest = min(cost.cycles_per_step for cost in costs if cost.scratch_bytes <= room)
            assert operators[number].cycles == fastest


def test_no_kernel_of_a_balanced_plan_is_much_slower_than_one_for_little_ram(case) -> None:
    front, situation = case
    balanced = with_fast_kernels(front.planned, situation)
    validate(balanced.problem, balanced.plan)
    beside = beside_arena(balanced.network, situation, balanced.problem)
    allowed = WORTH_RAM * (front.planned.arena_bytes + beside) - beside
    for number, costs in front.choices.items():
        for cost in costs:
            if front.busy[number] + cost.scratch_bytes <= allowed:
                assert balanced.problem.operators[number].cycles <= WORTH_SLOWER * cost.cycles_per_step


def test_a_balanced_plan_is_as_good_as_the_others_that_are_placed_and_none_is_better_than_the_bound(case) -> None:
    front, situation = case
    balanced = with_fast_kernels(front.planned, situation)
    (found,) = merit(balanced, situation)
    for objective in ("ram", "speed"):
        other = with_fast_kernels(
            front.planned, replace(situation, options=replace(situation.options, objective=objective))
        )
        assert balance_bound(front, situation) <= found <= merit(other, situation)[0]


def test_points_of_speed_are_faster_the_more_they_take_and_kept_by_the_options_they_name(case) -> None:
    front, situation = case
    points = speed_points([front.planned], situation, "resident")
    assert len(points) > 1
    for before, after in itertools.pairwise(points):
        assert before.ram < after.ram
        assert before.cycles > after.cycles
    (balanced,) = [point for point in points if point.balanced]
    planned = with_fast_kernels(front.planned, situation)
    assert (balanced.ram, balanced.cycles) == (
        planned.arena_bytes + beside_arena(planned.network, situation, planned.problem),
        cycles_of(planned.problem.operators),
    )
    last = points[-1] if not points[-1].balanced else points[-2]
    words = last.arguments.split()
    named = {option.strip("-"): value for option, value in zip(words[::2], words[1::2], strict=True)}
    again = relay.build(relay.frontend.from_onnx(segmenter(24, 32)), options_from_text(named, situation.options))
    assert cycles_of(again.problem.operators) <= last.cycles
