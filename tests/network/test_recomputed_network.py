"""A network with clones has the planning problem that the planner made by cloning operators, and the same results."""

from dataclasses import replace

import numpy as np
import pytest

from tests.codegen.harness import random_inputs
from tests.decided_networks import with_clones
from tests.end_to_end.random_networks import random_network
from tests.storage.spilled_networks import small_unet
from tinyseg_tvm.network import reference
from tinyseg_tvm.network.problem import build_problem
from tinyseg_tvm.planner.recompute import decisions, recompute, unchanged
from tinyseg_tvm.planner.validator import check_problem
from tinyseg_tvm.relay_passes.from_network import from_network
from tinyseg_tvm.relay_passes.to_network import to_network

ANY_MACS = 1 << 60


def recomputed(problem, rng, rounds):
    chosen = unchanged(problem)
    for _ in range(rounds):
        found = list(decisions(chosen.problem, set(range(len(chosen.problem.tensors))), ANY_MACS))
        if found:
            chosen = recompute(chosen, found[int(rng.integers(len(found)))])
    return chosen


def assert_as_planned(network, io, rng, rounds):
    network = to_network(from_network(network))  # whose tensors are in the order of a module
    chosen = recomputed(build_problem(network, io=io), rng, rounds)
    check_problem(chosen.problem)
    again = with_clones(network, chosen)
    problem = build_problem(again, io=io)
    assert problem.operators == chosen.problem.operators
    for ours, planned in zip(problem.tensors, chosen.problem.tensors, strict=True):
        # The copy of a resident output lies in one piece, though only the output itself needs to.
        assert ours == planned or ours == replace(planned, contiguous=False)
    inputs = random_inputs(network, rng)
    for ours, theirs in zip(*(reference.run(each, inputs, layout="device") for each in (again, network)), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    return len(chosen.splits)


@pytest.mark.parametrize("io", ["resident", "line"])
@pytest.mark.parametrize("seed", range(8))
def test_the_problem_of_a_network_with_clones_is_the_planners(io, seed):
    assert assert_as_planned(small_unet(), io, np.random.default_rng(seed), rounds=3) >= 2


@pytest.mark.parametrize("io", ["resident", "line"])
def test_so_it_is_for_random_networks(io):
    split = [assert_as_planned(random_network(seed), io, np.random.default_rng(seed), rounds=2) for seed in range(20)]
    assert sum(split) > 10
