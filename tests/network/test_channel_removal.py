"""Channels without a part in the results go, and every output keeps every value."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from tests.codegen.harness import NetworkBuilder, random_inputs
from tests.codegen.test_generated_graphs import RandomGraph, weights
from tinyseg_tvm.network.channel_removal import Removed, without_unused_channels
from tinyseg_tvm.network.constant_channels import value_ranges
from tinyseg_tvm.network.network import Network, Node
from tinyseg_tvm.network.reference import run
from tinyseg_tvm.network.used_channels import used_channels
from tinyseg_tvm.operators import (
    AveragePool2d,
    Concat,
    Conv2d,
    Dense,
    ElementwiseConstant,
    MaxPool2d,
    Reshape,
    Slice,
    TensorType,
)
from tinyseg_tvm.operators.arithmetic import onnx, tflite
from tinyseg_tvm.operators.arithmetic.tflite_functions import quantize_multiplier
from tinyseg_tvm.relay import BuildOptions, build, frontend

SUM = onnx.WeightedSum(5, -9, -128, 127)


def is_sum(node: Node) -> bool:
    return "weight" in node.constants


def planted(network: Network, rng: np.random.Generator) -> Network:
    """The network with filters of zeros, biases far away, scales that round to nothing and weights nobody needs."""

    def changed(node: Node) -> Node:
        if not is_sum(node):
            return node
        weight, bias, multiplier = (node.constants[name].copy() for name in ("weight", "bias", "multiplier"))
        outputs = len(weight)
        weight[rng.random(outputs) < 0.3] = 0
        weight[..., rng.random(weight.shape[-1]) < 0.3] = 0
        bias[rng.random(outputs) < 0.1] = rng.choice([-(10**8), 10**8])
        multiplier[rng.random(outputs) < 0.1] = np.float32(1e-30)
        return replace(node, constants={"weight": weight, "bias": bias, "multiplier": multiplier})

    return replace(network, nodes=tuple(changed(node) for node in network.nodes))


def by_tflite(network: Network) -> Network:
    """The network with weighted sums by the other rule."""

    def changed(node: Node) -> Node:
        if not is_sum(node):
            return node
        held = node.operator.arithmetic  # type: ignore[attr-defined]
        multiplier, shift = quantize_multiplier(node.constants["multiplier"])
        rule = tflite.WeightedSum(held.input_zero_point, held.output_zero_point, held.output_min, held.output_max)
        operator = replace(cast(Any, node.operator), arithmetic=rule)
        return replace(node, operator=operator, constants={**node.constants, "multiplier": multiplier, "shift": shift})

    return replace(network, nodes=tuple(changed(node) for node in network.nodes))


def assert_equal_results(network: Network, other: Network, rng: np.random.Generator) -> None:
    inputs = random_inputs(network, rng)
    for one, two in zip(run(network, inputs, layout="device"), run(other, inputs, layout="device"), strict=True):
        np.testing.assert_array_equal(one, two)


def check(seed: int) -> int:
    """How many channels went from a random network."""
    rng = np.random.default_rng(seed)
    network = planted(RandomGraph(seed).build(6 + seed % 8), rng)
    if seed % 2:
        network = by_tflite(network)
    narrow = without_unused_channels(network)
    assert_equal_results(network, narrow, rng)
    used = used_channels(network)
    noisy = replace(network, nodes=tuple(noise(node, used[node.outputs[0]], rng) for node in network.nodes))
    assert_equal_results(network, without_unused_channels(noisy), rng)
    for name, known in value_ranges(network).items():
        assert known is not None
        assert bool((known.least <= known.most).all()), name
    return Removed.between(network, narrow).channels


def noise(node: Node, used: np.ndarray, rng: np.random.Generator) -> Node:
    """The node with other weights for results that nobody uses."""
    if not is_sum(node) or used.all():
        return node
    weight = node.constants["weight"].copy()
    weight[~used] = rng.integers(-127, 128, weight[~used].shape)
    return replace(node, constants={**node.constants, "weight": weight})


def test_random_networks_keep_their_results() -> None:
    assert sum(check(seed) for seed in range(40)) > 15


@pytest.mark.slow
def test_many_random_networks_keep_their_results() -> None:
    assert sum(check(seed) for seed in range(1000, 2000)) > 400


def test_every_value_is_within_its_range() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        network = planted(RandomGraph(seed).build(8), rng)
        trace: dict[str, np.ndarray] = {}
        run(network, random_inputs(network, rng), layout="device", trace=trace)
        for name, known in value_ranges(network).items():
            if name in trace and known is not None:
                assert bool((trace[name] >= known.least).all() and (trace[name] <= known.most).all()), name


class Chain:
    """A network of one operator after another on 6 channels, two of which its first convolution makes constant."""

    ZERO, OTHER = 1, 4  # the channel that has the zero point of readers, and the one that has another value

    def __init__(self) -> None:
        self.rng = np.random.default_rng(7)
        self.builder = NetworkBuilder()
        self.last = self.builder.input("x", TensorType((1, 6, 5, 2), "int8"))
        constants = weights(self.rng, 6, 1, 1, 2)
        constants["weight"][[self.ZERO, self.OTHER]] = 0
        constants["bias"][[self.ZERO, self.OTHER]] = 0
        constants["bias"][self.OTHER] = round(30 / constants["multiplier"][self.OTHER])
        first = Conv2d((1, 1), (0, 0, 0, 0), (1, 1), 1, onnx.WeightedSum(0, 5, -128, 127))
        self.add(first, **constants)  # gives 5 and 35; 5 is the zero point that readers have

    def add(self, operator, **constants: np.ndarray) -> None:
        self.last = self.builder.node(f"n{len(self.builder.nodes)}", operator, [self.last], **constants)

    def convolution(self, kernel: int, padding: int, groups: int = 1, outputs: int = 6) -> None:
        channels = self.builder.tensors[self.last].type.shape[3]
        operator = Conv2d((1, 1), (padding,) * 4, (1, 1), groups, SUM)
        self.add(operator, **weights(self.rng, outputs, kernel, kernel, channels // groups))

    def left(self) -> list[int]:
        """Channels of each node's result in the network without those that go, whose results are the same."""
        self.builder.output(self.last)
        network = self.builder.build()
        narrow = without_unused_channels(network)
        assert_equal_results(network, narrow, self.rng)
        return [narrow.tensors[node.outputs[0]].type.shape[-1] for node in narrow.nodes]


def test_constants_are_a_part_of_the_next_bias_where_no_padding_is_read() -> None:
    chain = Chain()
    chain.convolution(3, 0)
    assert chain.left() == [4, 6]


def test_beside_padding_only_the_zero_point_is() -> None:
    chain = Chain()
    chain.convolution(3, 1)
    assert chain.left() == [5, 6]


def test_depthwise_convolutions_and_pools_hand_constants_on() -> None:
    chain = Chain()
    chain.convolution(3, 1, groups=6)  # the zero point becomes one value everywhere, the other not at the borders
    chain.add(MaxPool2d((2, 2), (1, 1), (0, 0, 0, 0), (1, 1)))
    chain.add(AveragePool2d((2, 2), (1, 1), (0, 0, 0, 0), False, onnx.Average(0.1, 2, 0.08, -5)))
    chain.convolution(1, 0, outputs=3)
    assert chain.left() == [5, 5, 5, 5, 3]


def test_concatenations_slices_and_dense_layers_let_channels_go() -> None:
    chain = Chain()
    source = chain.last
    chain.convolution(1, 0, outputs=2)
    chain.last = chain.builder.node("joined", Concat(3), [source, chain.last])
    chain.add(Slice((0, 0, 0, 1), (1, 6, 5, 8), (1, 1, 1, 1)))  # channel 0 goes too
    other = chain.rng.integers(-128, 128, 7).astype(np.int8)
    chain.add(ElementwiseConstant("add", False, onnx.Binary(0.1, 2, 0.1, 3, 0.2, 5, -128, 127)), other=other)
    chain.add(Reshape((1, 6 * 5 * 7)))
    chain.add(Dense(True, SUM), **weights(chain.rng, 3, 6 * 5 * 7))
    assert chain.left() == [4, 2, 6, 5, 5, 6 * 5 * 5, 3]


def test_results_and_what_mixes_channels_stay_whole() -> None:
    chain = Chain()
    assert chain.left() == [6]


def test_a_bias_that_saturates_makes_a_constant() -> None:
    chain = Chain()
    chain.builder.nodes[0].constants["bias"][0] = 10**8
    chain.convolution(1, 0)
    assert chain.left() == [3, 6]


@pytest.mark.release
def test_a_few_channels_less_take_no_more_ram(models_dir: Path) -> None:
    """PoseNet's plan without 14 of 7,356 channels takes 4 KiB more than the one with them."""
    mod, params = frontend.from_onnx(models_dir / "onnx" / "fdt_pos_posenet_075_353_481_quant.onnx")
    options = BuildOptions(board="mps2_an386", objective="ram", stream_axis="columns", io="line")
    whole = build(mod, replace(options, keep_dead=True), params)
    assert build(mod, options, params).planned.arena_bytes <= whole.planned.arena_bytes


def test_nothing_to_remove_leaves_the_network_as_it_is() -> None:
    chain = Chain()
    chain.builder.nodes[0].constants["weight"][:] = 3
    chain.convolution(1, 0)
    chain.builder.output(chain.last)
    network = chain.builder.build()
    assert without_unused_channels(network) is network
