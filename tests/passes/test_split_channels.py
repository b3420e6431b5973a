"""Slices stand behind what makes a tensor, concatenations before what reads it late."""

import pytest

from tests.passes.layout_modules import main, max_pool
from tinyseg_tvm.network.channel_split import with_channel_splits
from tinyseg_tvm.operators import Elementwise
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.planner.channel_split import ChannelSplit
from tinyseg_tvm.relay_passes.split_channels import split_channels
from tinyseg_tvm.relay_passes.to_network import to_network

ADD = Elementwise("add", onnx.Binary(0.1, 0, 0.2, 1, 0.3, 2, -128, 127))


def network(b, x):
    skip = b(max_pool(), x, name="skip")
    deep = b(max_pool(1), b(max_pool(1), skip, name="inner"), name="deep")
    return b(ADD, skip, deep, name="sum")


BEFORE = main({"x": ((1, 8, 8, 3), "int8")}, network)


@pytest.mark.parametrize(
    "split",
    [
        ChannelSplit("skip", 1, 3, ("sum",)),
        ChannelSplit("skip", 2, 3, ("inner", "sum")),
        ChannelSplit("x", 1, 3, ("skip",)),
    ],
    ids=["late reader", "both readers", "the input"],
)
def test_the_network_is_the_one_that_the_planner_means(split):
    divided = to_network(split_channels([split])(BEFORE))
    assert divided == with_channel_splits(to_network(BEFORE), [split])
    assert [node.operator.kind for node in divided.nodes].count("concat") == len(split.late)
