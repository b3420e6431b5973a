"""A network becomes a module that is read as the same network."""

from __future__ import annotations

import pytest

from tests.codegen.harness import NetworkBuilder
from tests.codegen.test_long_tail_c import normalised
from tests.decided_networks import assert_same_network
from tests.end_to_end.random_networks import random_network
from tests.storage.random_spills import spilled_network
from tinyseg_tvm.operators import MaxPool2d, TensorType
from tinyseg_tvm.operators.opaque import Opaque
from tinyseg_tvm.relay_passes.from_network import from_network
from tinyseg_tvm.relay_passes.to_network import to_network


@pytest.mark.parametrize("seed", range(40))
def test_random_networks_come_back(seed: int) -> None:
    network = random_network(seed)
    assert_same_network(to_network(from_network(network), network.name), network)


@pytest.mark.parametrize("seed", range(12))
def test_what_decisions_added_comes_back_as_that(seed: int) -> None:
    network, decisions = spilled_network(seed)
    derived = [name for name, tensor in network.tensors.items() if tensor.derived_from]
    assert len(derived) >= 2 * len(decisions)
    again = to_network(from_network(network), network.name)
    assert_same_network(again, network)
    assert list(again.tensors)[len(again.tensors) - len(derived) :] == derived


def test_programs_come_back() -> None:
    builder = NetworkBuilder()
    x = builder.input("x", TensorType((4, 300), "float32"), None, None)
    operator = Opaque("tanh_of_distance", (TensorType((4, 300), "float32"),), (), normalised((4, 300)))
    builder.output(builder.node("second", operator, [builder.node("first", operator, [x])]))
    network = builder.build()
    assert_same_network(to_network(from_network(network), network.name), network)


def test_an_input_may_be_an_output() -> None:
    builder = NetworkBuilder()
    x = builder.input("x", TensorType((1, 4, 4, 2), "int8"))
    builder.output(builder.node("pool", MaxPool2d((1, 1), (1, 1), (0, 0, 0, 0), (1, 1)), [x]))
    builder.output(x)
    network = builder.build()
    assert_same_network(to_network(from_network(network), network.name), network)


def test_programs_of_one_name_are_refused_where_they_differ() -> None:
    builder = NetworkBuilder()
    x = builder.input("x", TensorType((4, 300), "float32"), None, None)
    y = builder.input("y", TensorType((4, 20), "float32"), None, None)
    for name, operand, columns in (("one", x, 300), ("other", y, 20)):
        operator = Opaque("distance", (TensorType((4, columns), "float32"),), (), normalised((4, columns)))
        builder.output(builder.node(name, operator, [operand]))
    with pytest.raises(ValueError, match="two programs have the name 'distance'"):
        from_network(builder.build())
