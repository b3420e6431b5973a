"""Sums of integers that go on in float32, where functions stand between a convolution and its quantisation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

from tests.decided_networks import by_columns
from tests.passes.qdq_models import QdqModel, random_inputs, run_onnxruntime
from tests.passes.test_float_lowering import network_of
from tinyseg_tvm.network import Network, reference

Then = Callable[[QdqModel, str], str]


def compared(model: onnx.ModelProto) -> Network:
    """The network, after its results were found equal to ONNX Runtime's, or one step beside in one of a hundred."""
    network = network_of(model)
    inputs = random_inputs(model, 0)
    for got, want in zip(reference.run(network, inputs), run_onnxruntime(model, inputs), strict=True):
        if want.dtype == np.float32:
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * np.abs(want).max())
            continue
        difference = np.abs(got.astype(int) - want.astype(int))
        assert difference.max() <= 1
        assert (difference > 0).mean() <= 0.01
    return network


def kinds(network: Network) -> Counter[str]:
    return Counter(node.operator.kind for node in network.nodes)


def convolution(then: Then, quantized: bool = True, **attributes: Any) -> onnx.ModelProto:
    m = QdqModel()
    x = m.activation(1, 4, 7, 6)
    w = m.weight(6, 4, 3, 3, axis=0)
    y = then(m, m.op("Conv", x, w, m.constant(m.random.normal(0, 1, 6).astype(np.float32)), **attributes))
    return m.build(m.quantize(y, 0.1, -3) if quantized else y)


def number(m: QdqModel, value: float) -> str:
    return m.constant(np.float32(value))


ISLANDS: dict[str, Then] = {
    "silu": lambda m, y: m.op("Mul", y, m.op("Sigmoid", y)),
    "gelu": lambda m, y: m.op(
        "Mul",
        m.op("Mul", y, number(m, 0.5)),
        m.op("Add", m.op("Erf", m.op("Div", y, number(m, np.sqrt(2)))), number(m, 1)),
    ),
    "sigmoid": lambda m, y: m.op("Sigmoid", y),
    "leaky": lambda m, y: m.op("LeakyRelu", y, alpha=0.1),
    "elu": lambda m, y: m.op("Elu", y),
    "hardswish": lambda m, y: m.op("HardSwish", y),
    "prelu": lambda m, y: m.op("PRelu", y, m.constant(m.random.normal(0, 1, (6, 1, 1)).astype(np.float32))),
    "scaled": lambda m, y: m.op("Mul", y, number(m, 0.3)),
}


@pytest.mark.parametrize("island", ISLANDS)
def test_an_activation_between_convolution_and_quantisation_is_part_of_the_convolution(island):
    network = compared(convolution(ISLANDS[island], pads=[1, 1, 1, 1]))
    assert kinds(network) == {"conv2d": 1}
    assert {tensor.type.dtype for tensor in network.tensors.values()} == {"int8"}


def test_a_convolution_whose_result_is_not_quantised_sums_integers():
    network = compared(convolution(lambda m, y: m.op("Sigmoid", y), quantized=False))
    assert kinds(network) == {"conv2d": 1}
    assert sorted(tensor.type.dtype for tensor in network.tensors.values()) == ["float32", "int8"]


def test_sums_of_two_branches_meet_in_float_lines():
    m = QdqModel()
    x = m.activation(1, 4, 7, 6)
    y = m.op("Conv", x, m.weight(4, 4, 3, 3, axis=0), pads=[1] * 4)
    model = m.build(m.quantize(m.op("Relu", m.op("Add", y, x)), 0.1, -128))
    assert kinds(compared(model)) == {"conv2d": 1, "pointwise": 1}


def test_a_sum_that_is_read_twice_stays_one():
    m = QdqModel()
    y = m.op("Conv", m.activation(1, 4, 7, 6), m.weight(4, 4, 1, 1, axis=0))
    model = m.build(m.quantize(m.op("Sigmoid", y), 0.01, -128), m.quantize(m.op("Tanh", y), 0.01, 0))
    assert kinds(compared(model)) == {"conv2d": 1, "pointwise": 2}


def test_layers_and_transposed_convolutions_go_on_in_float_too():
    m = QdqModel()
    y = m.op("ConvTranspose", m.activation(1, 4, 5, 6), m.weight(4, 3, 3, 2, axis=1), strides=[2, 2])
    z = m.op("MatMul", m.activation(2, 5), m.weight(5, 3, axis=1))
    outputs = [m.quantize(m.op("Mul", each, m.op("Sigmoid", each)), 0.1, 3) for each in (y, z)]
    assert kinds(compared(m.build(*outputs))) == {"conv2d_transpose": 1, "dense": 1}


def test_columns_compute_the_same():
    network = network_of(convolution(ISLANDS["prelu"], pads=[1, 0, 1, 2], strides=[1, 2]))
    inputs = [np.random.default_rng(0).integers(-128, 128, (1, 4, 7, 6), dtype=np.int8)]
    for got, want in zip(reference.run(by_columns(network), inputs), reference.run(network, inputs), strict=True):
        np.testing.assert_array_equal(got, want)
