"""Layer-by-layer plans: order, peak, and the packed arena."""

from itertools import pairwise

import pytest

from tests.planner.networks import Builder, mobilenet, resnet, tiny_unet
from tinyseg_tvm.planner.cascade import flow, layer_by_layer
from tinyseg_tvm.planner.layerwise import best_order, plan_layerwise
from tinyseg_tvm.planner.liveness import lifetimes, live_bound
from tinyseg_tvm.planner.step_table import step_table
from tinyseg_tvm.planner.validator import validate


def test_tiny_unet_stays_below_the_sum_of_its_largest_live_tensors():
    """With whole-tensor lifetimes and virtual concat it is 192,000 bytes: two operands and the result of up0a."""
    problem = tiny_unet()
    plan = plan_layerwise(problem)
    validate(problem, plan)
    assert plan.pool_bytes[0] <= 146_000


@pytest.mark.parametrize("build", [mobilenet, resnet])
def test_the_arena_equals_the_live_bound(build):
    problem = build()
    plan = plan_layerwise(problem)
    validate(problem, plan)
    assert plan.pool_bytes[0] == live_bound(lifetimes(step_table(problem), plan.steps))


def test_steps_of_an_operator_follow_each_other():
    problem = resnet()
    steps = plan_layerwise(problem).steps
    changes = sum(a != b for a, b in pairwise(steps))
    assert changes == len(problem.operators) - 1


def test_the_order_of_branches_is_chosen_by_their_peaks():
    """Two branches: the one that shrinks its data must run first, though it stands second in the file."""
    b = Builder()
    x = b.conv("stem", [b.input(8, 8, 1)], 8)
    wide = b.conv("wide", [x], 32)
    narrow = b.conv("narrow2", [b.conv("narrow1", [x], 32)], 1)
    b.output(b.conv("join", [wide, narrow], 1))
    problem = b.build()
    table = step_table(problem)
    steps = flow(table)
    order = best_order(steps)
    names = [problem.operators[number].name for number in order]
    assert names.index("narrow2") < names.index("wide")
    in_file_order = layer_by_layer(steps, range(len(problem.operators)))
    assert live_bound(lifetimes(table, layer_by_layer(steps, order))) < live_bound(lifetimes(table, in_file_order))
