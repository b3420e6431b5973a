"""Recomputation as a transformation of the problem, and the Pareto front it opens."""

import pytest

from tests.planner.networks import squeeze_excite, tiny_unet
from tinyseg_tvm.planner.optimiser import plan
from tinyseg_tvm.planner.recompute import Decision, decisions, recompute, unchanged
from tinyseg_tvm.planner.recompute_search import pareto, plan_with_recomputation
from tinyseg_tvm.planner.validator import check_problem, validate


def number_of(problem, name):
    return next(number for number, operator in enumerate(problem.operators) if operator.name == name)


def test_a_split_skip_is_read_from_clones():
    problem = tiny_unet(24, 16)
    skip = next(number for number, tensor in enumerate(problem.tensors) if tensor.name == "down0b")
    late = number_of(problem, "up0a")
    split = recompute(unchanged(problem), Decision(skip, (late,), (0, 1)))
    check_problem(split.problem)
    names = [operator.name for operator in split.problem.operators]
    assert names[late : late + 3] == ["down0a#2", "down0b#2", "up0a"]
    assert [split.operator_origin[number] for number in split.clones] == [0, 1]
    assert split.extra_macs == problem.operators[0].macs + problem.operators[1].macs
    read = {split.problem.tensors[access.tensor].name for access in split.problem.operators[late + 2].reads}
    assert read == {"up0", "down0b#2"}
    validate(split.problem, plan(split.problem, effort=0.05))


def test_decisions_respect_the_budget_and_never_clone_sources():
    problem = tiny_unet(24, 16, io="line")
    every = set(range(len(problem.tensors)))
    assert list(decisions(problem, every, 0)) == []
    found = list(decisions(problem, every, 10**9))
    assert found
    assert all(problem.operators[number].reads for decision in found for number in decision.operators)


@pytest.mark.parametrize("percent", [10.1, 35.0])
def test_tiny_unet_trades_multiplications_for_memory(percent):
    """Skip 1 is 10.02 % of the multiply-accumulates and most of the memory."""
    problem = tiny_unet(120, 80)
    point = plan_with_recomputation(problem, percent, effort=0.05)
    validate(point.recomputed.problem, point.plan)
    total = sum(operator.macs for operator in problem.operators)
    assert point.extra_macs <= total * percent / 100
    assert point.ram <= {10.1: 64.5, 35.0: 57.0}[percent] * 1024


def test_the_front_falls_in_ram_and_rises_in_multiplications():
    front = pareto(squeeze_excite(), max_percent=200, effort=0.1)
    assert len(front) > 1  # the gated map is made twice: once for the gate, once to be multiplied
    assert [point.macs for point in front] == sorted(point.macs for point in front)
    assert [point.ram for point in front] == sorted((point.ram for point in front), reverse=True)


def test_gated_maps_in_a_row_are_split_together():
    """No single split lowers the peak of several equal squeeze-and-excite blocks; all at once do."""
    problem = squeeze_excite(blocks=3)
    front = pareto(problem, max_percent=100, effort=0.1)
    assert front[0].extra_macs == 0
    assert front[-1].ram < 0.6 * front[0].ram
    copied = {name for name in (o.name for o in front[-1].recomputed.problem.operators) if "#2" in name}
    assert len(copied) >= 3
