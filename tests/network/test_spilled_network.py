"""A network with spills has the planning problem that the planner made by inserting spills and fetches."""

import pytest

from tests.decided_networks import with_spills
from tests.storage.spilled_networks import small_unet
from tinyseg_tvm.network.problem import build_problem
from tinyseg_tvm.network.spilling import Medium, transfers
from tinyseg_tvm.planner.problem import readers_of
from tinyseg_tvm.planner.spilling import SpillDecision, spill
from tinyseg_tvm.planner.validator import check_problem

MEDIA = [
    Medium("file"),
    Medium("sd", block=512),
    Medium("nor", block=64, codec="mask", ahead=3, ring=2, largest_record=256),
]


def decision_for(problem, name, medium, network, early, **part):
    number = next(n for n, tensor in enumerate(problem.tensors) if tensor.name == name)
    readers = [problem.operators[reader].name for reader in readers_of(problem, number)]
    transfer = transfers(network, medium)(problem.tensors[number])
    assert transfer is not None
    return SpillDecision(name, tuple((reader,) for reader in readers[early:]), transfer, **part)


@pytest.mark.parametrize("io", ["resident", "line"])
@pytest.mark.parametrize("medium", MEDIA, ids=lambda medium: medium.name)
@pytest.mark.parametrize("early", [0, 1])
def test_the_problem_of_a_network_with_spills_is_the_planners(io, medium, early):
    network = small_unet()
    problem = build_problem(network, io=io)
    decisions = [decision_for(problem, name, medium, network, early) for name in ("skip0", "skip1")]
    spilled = spill(problem, decisions)
    check_problem(spilled)
    assert build_problem(with_spills(network, decisions), io=io) == spilled


def test_the_problem_of_a_network_with_a_partly_spilled_tensor_is_the_planners():
    network, medium = small_unet(), Medium("file", ahead=2)
    problem = build_problem(network, io="line")
    whole = decision_for(problem, "skip0", medium, network, 1)
    decision = SpillDecision("skip0", whole.late, whole.transfer, first_line=3, lines=7)
    assert build_problem(with_spills(network, [decision]), io="line") == spill(problem, [decision])


def test_an_input_and_an_output_can_be_spilled():
    network = small_unet()
    problem = build_problem(network, io="line")
    name = next(iter(network.tensors))
    decisions = [
        decision_for(problem, name, MEDIA[0], network, 0),
        decision_for(problem, "join0", MEDIA[0], network, 0),
    ]
    assert build_problem(with_spills(network, decisions), io="line") == spill(problem, decisions)
