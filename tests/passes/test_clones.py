"""Clones stand before the late reader of what they compute again, and read what other clones make."""

import numpy as np
from tvm import relax

from tests.codegen.harness import random_inputs
from tests.passes.layout_modules import main, max_pool
from tinyseg_tvm.network import reference
from tinyseg_tvm.network.decisions import Clone, Copy, Recomputation
from tinyseg_tvm.operators import Elementwise
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.relay_passes.legalize_long_tail import legalize_long_tail
from tinyseg_tvm.relay_passes.recompute import recompute
from tinyseg_tvm.relay_passes.to_network import to_network

ADD = Elementwise("add", onnx.Binary(0.1, 0, 0.2, 1, 0.3, 2, -128, 127))


def skipping(b, x):
    skip = b.conv(b.conv(x, 4, name="first"), 4, name="skip")
    inner = b(max_pool(1), skip, name="inner")
    return b(ADD, skip, inner, name="sum")


BEFORE = main({"x": ((1, 8, 8, 3), "int8")}, skipping)
FIRST = Recomputation(
    "skip",
    Copy("skip#2", ("sum",)),
    (Clone("first", "first#2", ("first#2",)), Clone("skip", "skip#2", ("skip#2",))),
)
SECOND = Recomputation("first", Copy("first#3", ("skip",)), (Clone("first", "first#3", ("first#3",)),))
AGAIN = Recomputation("first#2", Copy("first#2#2", ("skip#2",)), (Clone("first#2", "first#2#2", ("first#2#2",)),))


def described(network):
    return [(node.name, node.inputs) for node in network.nodes]


def same_results(before, after):
    inputs = random_inputs(before, np.random.default_rng(0))
    for ours, theirs in zip(reference.run(after, inputs), reference.run(before, inputs), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_clones_stand_before_the_late_reader():
    network = to_network(recompute([FIRST])(BEFORE))
    assert described(network) == [
        ("first", ("x",)),
        ("skip", ("first",)),
        ("inner", ("skip",)),
        ("first#2", ("x",)),
        ("skip#2", ("first#2",)),
        ("sum", ("skip#2", "inner")),
    ]
    assert [(name, tensor.derived_from) for name, tensor in network.tensors.items()][-2:] == [
        ("first#2", "first"),
        ("skip#2", "skip"),
    ]
    nodes = {node.name: node for node in network.nodes}
    for name in ("first", "skip"):
        assert nodes[f"{name}#2"].operator == nodes[name].operator
        np.testing.assert_array_equal(nodes[f"{name}#2"].constants["weight"], nodes[name].constants["weight"])
    same_results(to_network(BEFORE), network)


def test_later_decisions_may_split_what_clones_make():
    network = to_network(recompute([FIRST, AGAIN])(BEFORE))
    assert ("skip#2", ("first#2#2",)) in described(network)
    assert network.tensors["first#2#2"].derived_from == "first#2"


def test_an_output_may_read_the_copy():
    def ends_in_the_skip(b, x):
        skip = b(max_pool(), x, name="skip")
        b(max_pool(1), skip, name="inner")
        return skip

    module = main({"x": ((1, 8, 8, 3), "int8")}, ends_in_the_skip)
    decision = Recomputation("skip", Copy("skip#2", ("output output",)), (Clone("skip", "skip#2", ("skip#2",)),))
    network = to_network(recompute([decision])(module))
    assert network.outputs[0].tensor == "skip#2"


def test_programs_of_several_results_are_cloned_with_all_of_them():
    def halves(b, x):
        both = b.relax(relax.op.split(x, 2, axis=3), "both")
        first, second = b.relax(both[0], "one"), b.relax(both[1], "two")
        inner = b(max_pool(1), first, name="inner")
        return b(ADD, b(ADD, first, inner, name="near"), second, name="sum")

    module = legalize_long_tail(main({"x": ((1, 8, 8, 4), "int8")}, halves))
    before = to_network(module)
    (node,) = (node for node in before.nodes if len(node.outputs) == 2)
    clone = Clone(node.name, f"{node.name}#2", ("one#2", "two#2"))
    after = to_network(recompute([Recomputation("two", Copy("two#2", ("sum",)), (clone,))])(module))
    assert [each.inputs for each in after.nodes if each.name == "sum"] == [("near", "two#2")]
    same_results(before, after)
