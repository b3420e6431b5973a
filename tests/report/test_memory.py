import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyseg_tvm.planner.liveness import lifetimes, live_profile
from tinyseg_tvm.planner.packing import pack
from tinyseg_tvm.planner.plan import Block, Placement, Plan
from tinyseg_tvm.planner.problem import Access, Operator, Problem, Role, Tensor
from tinyseg_tvm.planner.step_table import step_table
from tinyseg_tvm.report.memory import Kind, memory_map


def relu_in_place(lines=4, line_bytes=8):
    """A resident input, an in-place operator, and a reducer with state and scratch to a resident output."""
    each = tuple((line,) for line in range(lines))
    tensors = (
        Tensor("x", lines, line_bytes, True, Role.RESIDENT_INPUT),
        Tensor("y", lines, line_bytes),
        Tensor("z", 1, 4, True, Role.RESIDENT_OUTPUT),
    )
    operators = (
        Operator("relu", lines, (Access(0, each),), (Access(1, each),), in_place=((0, 0),)),
        Operator("sum", lines, (Access(1, each),), (Access(2, ((),) * (lines - 1) + ((0,),)),), 16, 4),
    )
    offsets = tuple(line * line_bytes for line in range(lines))
    end = lines * line_bytes
    plan = Plan(
        (0, 1) * lines,
        (Placement(0, offsets), Placement(0, offsets), Placement(0, (end,))),
        (None, Block(0, end + 4)),
        (None, Block(0, end + 20)),
        (end + 24,),
    )
    return Problem(tensors, operators), plan


def test_a_line_overwritten_in_place_ends_where_its_heir_begins():
    memory = memory_map(*relu_in_place())
    x, y = memory.owners[:2]
    assert x.steps.tolist() == [[0, 0], [0, 2], [0, 4], [0, 6]]
    assert y.steps.tolist() == [[0, 2], [2, 4], [4, 6], [6, 8]]


def test_live_bytes_count_tensors_state_and_scratch_once():
    memory = memory_map(*relu_in_place())
    # x and y share 32 bytes, y's lines end one by one; state 16 from step 1, scratch 4 in odd steps, z 4 in the last
    assert memory.live[0].tolist() == [32, 52, 40, 44, 32, 36, 24, 32]
    assert memory.live_peak == (52,)
    assert memory.peak_step == 1
    assert [(owner.label, size) for owner, size in memory.at(1)] == [
        ("x", 24),
        ("state of sum", 16),
        ("y", 8),
        ("scratch of sum", 4),
    ]


def test_scratch_is_alive_only_while_its_operator_runs():
    memory = memory_map(*relu_in_place())
    (scratch,) = (owner for owner in memory.owners if owner.kind is Kind.SCRATCH)
    assert scratch.steps.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8]]


def test_owners_of_a_valid_plan_never_overlap(packed_unet):
    size, steps = packed_unet.pool_bytes[0], packed_unet.steps
    owned = np.zeros((size, steps), dtype=np.int8)
    for owner in packed_unet.owners:
        for (low, high), (begin, end) in zip(owner.addresses, owner.steps, strict=True):
            owned[low:high, begin:end] += 1
    assert owned.max() == 1
    assert owned.sum(axis=0).tolist() == packed_unet.live[0].tolist()


@st.composite
def chains(draw):
    """Chains of window operators over a resident input, in random merge order of their steps where data allow."""
    lines = draw(st.integers(1, 6))
    tensors = [Tensor("t0", lines, draw(st.integers(1, 4)) * 4, True, Role.RESIDENT_INPUT)]
    operators = []
    for number in range(draw(st.integers(1, 4))):
        kernel = draw(st.sampled_from((1, 3)))
        last = Role.RESIDENT_OUTPUT if draw(st.booleans()) else Role.INTERNAL
        tensors.append(Tensor(f"t{number + 1}", lines, draw(st.integers(1, 4)) * 4, last is not Role.INTERNAL, last))
        around = tuple(tuple(range(max(0, i - kernel // 2), min(lines, i + kernel // 2 + 1))) for i in range(lines))
        same = kernel == 1 and tensors[-2].line_bytes == tensors[-1].line_bytes
        scratch, pairs = draw(st.sampled_from((0, 4))), ((0, 0),) if same else ()
        results = Access(number + 1, tuple((i,) for i in range(lines)))
        reads = (Access(number, around),)
        operators.append(Operator(f"o{number}", lines, reads, (results,), scratch_bytes=scratch, in_place=pairs))
    return Problem(tuple(tensors), tuple(operators))


@settings(max_examples=60)
@given(chains())
def test_live_bytes_never_exceed_the_planners_own_profile(problem):
    table = step_table(problem)
    steps = [number for number, operator in enumerate(problem.operators) for _ in range(operator.steps)]
    memory = memory_map(problem, pack(table, steps, tries=1))
    profile = live_profile(lifetimes(table, steps))[1:-1]
    assert memory.live[0].max() >= profile.max()  # in place is a choice: the plan may take less of it, never more
    assert memory.live[0].max() <= memory.pool_bytes[0]


def test_a_plan_without_steps_has_a_map():
    problem = Problem((Tensor("x", 2, 8, True, Role.RESIDENT_INPUT),), ())
    memory = memory_map(problem, Plan((), (Placement(0, (0, 8)),), (), (), (16,)))
    assert memory.steps == 0
    assert memory.peak_step == 0
    assert memory.live_peak == (0,)
