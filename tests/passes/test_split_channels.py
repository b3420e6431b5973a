"""Slices stand behind what makes a tensor, concatenations before what reads it late."""

import pytest

from tests.passes.layout_modules import main, max_pool
from tinyseg_tvm.network.decisions import ChannelDivision, Copy
from tinyseg_tvm.operators import Concat, Elementwise, Slice
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.relay_passes.split_channels import split_channels
from tinyseg_tvm.relay_passes.to_network import to_network

ADD = Elementwise("add", onnx.Binary(0.1, 0, 0.2, 1, 0.3, 2, -128, 127))


def network(b, x):
    skip = b(max_pool(), x, name="skip")
    deep = b(max_pool(1), b(max_pool(1), skip, name="inner"), name="deep")
    return b(ADD, skip, deep, name="sum")


BEFORE = main({"x": ((1, 8, 8, 3), "int8")}, network)


@pytest.mark.parametrize(
    ("tensor", "channels", "readers", "nodes"),
    [
        ("skip", 1, ("sum",), "skip skip.part skip.rest inner deep joined0 sum"),
        ("skip", 2, ("inner", "sum"), "skip skip.part skip.rest joined0 inner deep joined1 sum"),
        ("x", 1, ("skip",), "x.part x.rest joined0 skip inner deep sum"),
    ],
    ids=["late reader", "both readers", "the input"],
)
def test_late_readers_read_the_two_parts_joined(tensor, channels, readers, nodes):
    joined = tuple(Copy(f"joined{number}", (reader,)) for number, reader in enumerate(readers))
    decision = ChannelDivision(tensor, channels, f"{tensor}.part", f"{tensor}.rest", joined)
    divided = to_network(split_channels([decision])(BEFORE))
    assert [node.name for node in divided.nodes] == nodes.split()
    by_name = {node.name: node for node in divided.nodes}
    part, rest = by_name[decision.part], by_name[decision.rest]
    whole = divided.tensors[tensor].type.shape
    assert part.operator == Slice((0, 0, 0, 0), (*whole[:3], channels), (1, 1, 1, 1))
    assert rest.operator == Slice((0, 0, 0, channels), whole, (1, 1, 1, 1))
    for copy in joined:
        assert by_name[copy.name].operator == Concat(3)
        assert by_name[copy.name].inputs == (part.name, rest.name)
        assert copy.name in by_name[copy.readers[0]].inputs
