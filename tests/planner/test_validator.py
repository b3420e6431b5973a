"""The validator accepts good plans and catches every kind of mutation."""

import dataclasses

import pytest

from tests.planner.networks import mobilenet, resnet, squeeze_excite, tiny_unet, two_heads
from tinyseg_tvm.planner.cascade import Manner, cascade, flow
from tinyseg_tvm.planner.packing import pack
from tinyseg_tvm.planner.plan import Block, Placement, Plan
from tinyseg_tvm.planner.problem import Access, Operator, Pool, Problem, Role, Tensor
from tinyseg_tvm.planner.step_table import step_table
from tinyseg_tvm.planner.validator import PlanError, check_problem, validate


def streamed(problem: Problem) -> Plan:
    table = step_table(problem)
    return pack(table, cascade(flow(table), Manner.DEMAND, range(len(problem.operators))), tries=2)


@pytest.fixture(scope="module")
def unet() -> tuple[Problem, Plan]:
    problem = tiny_unet(24, 16)
    return problem, streamed(problem)


def move_line(plan: Plan, tensor: int, line: int, by: int) -> Plan:
    placement = plan.placements[tensor]
    offsets = list(placement.offsets)
    offsets[line] += by
    placements = list(plan.placements)
    placements[tensor] = Placement(placement.pool, tuple(offsets))
    return dataclasses.replace(plan, placements=tuple(placements))


def recount(problem: Problem, plan: Plan) -> Plan:
    """The plan with ``pool_bytes`` made right again, so that only the deeper checks can object."""
    ends = [
        offset + tensor.line_bytes
        for tensor, placement in zip(problem.tensors, plan.placements, strict=True)
        for offset in placement.offsets
    ]
    for operator, state, scratch in zip(problem.operators, plan.states, plan.scratch, strict=True):
        ends += [state.offset + operator.state_bytes] if state else []
        ends += [scratch.offset + operator.scratch_bytes] if scratch else []
    return dataclasses.replace(plan, pool_bytes=(max(ends),))


@pytest.mark.parametrize("build", [mobilenet, resnet, squeeze_excite, two_heads, tiny_unet])
@pytest.mark.parametrize("io", ["resident", "line"])
def test_plans_of_all_networks_are_accepted(build, io):
    problem = build(io=io)
    validate(problem, streamed(problem))


def test_one_byte_less_than_needed_is_caught(unet):
    problem, plan = unet
    limited = dataclasses.replace(problem, pools=(Pool("arena", plan.pool_bytes[0] - 1),))
    with pytest.raises(PlanError, match="beyond the"):
        validate(limited, plan)


def test_wrong_pool_bytes_are_caught(unet):
    problem, plan = unet
    with pytest.raises(PlanError, match="the plan states"):
        validate(problem, dataclasses.replace(plan, pool_bytes=(plan.pool_bytes[0] + 4,)))


def test_every_shifted_line_of_a_tight_plan_is_caught():
    """A plan without a free byte: whichever line moves, it breaks something."""
    problem = chain(lines=6, line_bytes=4, kernel=1)
    plan = Plan(
        (0, 1) * 6, (Placement(0, (0,) * 6), Placement(0, tuple(range(4, 28, 4)))), (None, None), (None, None), (28,)
    )
    problem = dataclasses.replace(
        problem,
        tensors=(problem.tensors[0], dataclasses.replace(problem.tensors[1], role=Role.RESIDENT_OUTPUT)),
    )
    validate(problem, plan)
    for line in range(1, 6):
        moved = recount(problem, move_line(plan, 1, line, -4))
        with pytest.raises(PlanError, match=r"which is gone|while it reads it"):
            validate(problem, moved)


def test_misaligned_line_is_caught(unet):
    problem, plan = unet
    with pytest.raises(PlanError, match="not aligned to 4"):
        validate(problem, move_line(plan, 3, 2, 1))


def test_gap_in_a_contiguous_tensor_is_caught(unet):
    problem, plan = unet
    assert problem.tensors[0].contiguous
    with pytest.raises(PlanError, match="must be contiguous"):
        validate(problem, move_line(plan, 0, 5, 4))


def test_many_random_moves_of_single_lines_are_caught(unet):
    """Moving one line onto another that is alive is always an error; count that most moves in a tight plan are."""
    problem, plan = unet
    caught = 0
    for tensor in range(1, len(problem.tensors)):
        for line in range(0, problem.tensors[tensor].lines, 3):
            for by in (-64, 64):
                try:
                    validate(problem, recount(problem, move_line(plan, tensor, line, by)))
                except PlanError:
                    caught += 1
    assert caught > 50


def test_swapped_steps_are_caught(unet):
    problem, plan = unet
    caught = 0
    for at in range(len(plan.steps) - 1):
        if plan.steps[at] == plan.steps[at + 1]:
            continue
        steps = list(plan.steps)
        steps[at], steps[at + 1] = steps[at + 1], steps[at]
        try:
            validate(problem, dataclasses.replace(plan, steps=tuple(steps)))
        except PlanError:
            caught += 1
    assert caught > len(plan.steps) // 2


@pytest.mark.parametrize("steps", ["missing", "twice", "unknown"])
def test_incomplete_and_excess_steps_are_caught(unet, steps):
    problem, plan = unet
    changed = {"missing": plan.steps[:-1], "twice": (*plan.steps, plan.steps[-1]), "unknown": (*plan.steps, 99)}[steps]
    with pytest.raises(PlanError):
        validate(problem, dataclasses.replace(plan, steps=changed))


def test_scratch_over_a_live_line_is_caught():
    problem = mobilenet(32, scratch=64)
    plan = streamed(problem)
    validate(problem, plan)
    caught = 0
    for number, block in enumerate(plan.scratch):
        for offset in range(0, plan.pool_bytes[0] - 64, 512):
            if block is not None:
                scratch = list(plan.scratch)
                scratch[number] = Block(0, offset)
                try:
                    validate(problem, recount(problem, dataclasses.replace(plan, scratch=tuple(scratch))))
                except PlanError:
                    caught += 1
    assert caught > 15


def test_state_over_a_live_line_is_caught():
    problem = resnet(16)
    plan = streamed(problem)
    number = next(n for n, state in enumerate(plan.states) if state is not None)
    x = plan.placements[problem.operators[number].reads[0].tensor]
    states = list(plan.states)
    states[number] = Block(0, x.offsets[1])
    with pytest.raises(PlanError, match=r"while it reads it|is gone"):
        validate(problem, recount(problem, dataclasses.replace(plan, states=tuple(states))))


def test_missing_scratch_is_caught():
    problem = mobilenet(32, scratch=64)
    plan = dataclasses.replace(streamed(problem), scratch=(None,) * len(problem.operators))
    with pytest.raises(PlanError, match="bytes of scratch and has no address"):
        validate(problem, plan)


def chain(lines: int, line_bytes: int, kernel: int, in_place: tuple[tuple[int, int], ...] = ()) -> Problem:
    x, y = Tensor("x", lines, line_bytes), Tensor("y", lines, line_bytes)
    one = tuple((i,) for i in range(lines))
    window = tuple(tuple(range(i, min(i + kernel, lines))) for i in range(lines))
    source = Operator("source", lines, (), (Access(0, one),))
    return Problem((x, y), (source, Operator("op", lines, (Access(0, window),), (Access(1, one),), in_place=in_place)))


def test_in_place_needs_the_operators_consent():
    steps = (0, 1, 0, 1)
    same = (Placement(0, (0, 0)), Placement(0, (0, 0)))
    plan = Plan(steps, same, (None, None), (None, None), (8,))
    validate(chain(2, 8, 1, ((0, 0),)), plan)
    with pytest.raises(PlanError, match="while it reads it"):
        validate(chain(2, 8, 1), plan)


def test_in_place_may_not_be_shifted():
    plan = Plan((0, 1, 0, 1), (Placement(0, (0, 0)), Placement(0, (4, 4))), (None, None), (None, None), (12,))
    with pytest.raises(PlanError, match="while it reads it"):
        validate(chain(2, 8, 1, ((0, 0),)), plan)


def test_in_place_only_over_lines_read_for_the_last_time():
    problem = chain(2, 8, 2, ((0, 0),))
    placements = (Placement(0, (0, 8)), Placement(0, (8, 16)))
    with pytest.raises(PlanError, match=r"while it reads it|is gone"):
        validate(problem, Plan((0, 0, 1, 1), placements, (None, None), (None, None), (24,)))


def test_overwritten_output_is_caught():
    problem = chain(2, 8, 1)
    problem = dataclasses.replace(
        problem, tensors=(problem.tensors[0], dataclasses.replace(problem.tensors[1], role=Role.RESIDENT_OUTPUT))
    )
    plan = Plan((0, 1, 0, 1), (Placement(0, (8, 0)), Placement(0, (0, 8))), (None, None), (None, None), (16,))
    with pytest.raises(PlanError, match="line 0 of tensor y"):
        validate(problem, plan)


def test_a_line_written_twice_makes_a_bad_problem():
    problem = chain(2, 8, 1)
    twice = dataclasses.replace(problem.operators[0], name="again")
    with pytest.raises(PlanError, match="a second time"):
        check_problem(dataclasses.replace(problem, operators=(*problem.operators, twice)))
