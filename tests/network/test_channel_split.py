"""A network with channels split has the planning problem that the planner made, and the same results."""

import numpy as np
import pytest

from tests.codegen.harness import random_inputs
from tests.decided_networks import with_channel_splits, with_spills
from tests.storage.spilled_networks import small_unet
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network import reference
from tinyseg_tvm.network.problem import build_problem
from tinyseg_tvm.network.spilling import Medium, transfers
from tinyseg_tvm.planner.channel_split import ChannelSplit, joined_name, part_name, split_channels
from tinyseg_tvm.planner.problem import Tensor, readers_of
from tinyseg_tvm.planner.spilling import SpillDecision, spill
from tinyseg_tvm.planner.validator import check_problem


def split_of(network, name, channels, early):
    problem = build_problem(network, io="line")
    number = next(n for n, tensor in enumerate(problem.tensors) if tensor.name == name)
    readers = tuple(problem.operators[reader].name for reader in readers_of(problem, number))
    return ChannelSplit(name, channels, network.tensors[name].type.shape[-1], readers[early:])


def spill_of(network, split):
    tensor = build_problem(network, io="line").tensors[list(network.tensors).index(split.tensor)]
    part = Tensor(split.tensor, tensor.lines, tensor.line_bytes // split.of * split.channels)
    transfer = transfers(network, Medium("sd", block=64))(part)
    assert transfer is not None
    late = tuple((joined_name(split.tensor, reader),) for reader in range(len(split.late)))
    return SpillDecision(part_name(split.tensor), late, transfer)


@pytest.mark.parametrize("io", ["resident", "line"])
@pytest.mark.parametrize("name", ["skip0", "x", "join0"])
@pytest.mark.parametrize("early", [0, 1])
def test_the_problem_of_a_network_with_a_spilled_part_is_the_planners(io, name, early):
    network = small_unet()
    name = next(iter(network.tensors)) if name == "x" else name
    problem = build_problem(network, io=io)
    if (early and name != "skip0") or (name == "join0" and io == "resident"):
        pytest.skip("has one reader, or none")
    split = split_of(network, name, 1, early)
    divided = split_channels(problem, [split])
    check_problem(divided)
    assert build_problem(with_channel_splits(network, [split]), io=io) == divided
    decision = spill_of(network, split)
    both = with_spills(with_channel_splits(network, [split]), [decision])
    assert build_problem(both, io=io) == spill(divided, [decision])


def test_a_split_changes_no_result():
    network = small_unet()
    split = split_of(network, "skip0", 3, 1)
    divided = with_spills(with_channel_splits(network, [split]), [spill_of(network, split)])
    inputs = random_inputs(network, np.random.default_rng(0))
    for ours, theirs in zip(reference.run(divided, inputs), reference.run(network, inputs), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "split",
    [
        ChannelSplit("nowhere", 1, 4, ("pool0",)),
        ChannelSplit("skip0", 0, 4, ("pool0",)),
        ChannelSplit("skip0", 4, 4, ("pool0",)),
        ChannelSplit("skip0", 1, 4, ("nobody",)),
        ChannelSplit("skip0", 1, 4, ()),
    ],
)
def test_impossible_splits_are_refused(split):
    with pytest.raises(TinySegError, match="cannot split the channels of"):
        split_channels(build_problem(small_unet(), io="line"), [split])
