"""Functions of float32 become Pointwise operators by line, and chains of them one."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from tests.passes.qdq_models import QdqModel, random_inputs, run_onnxruntime
from tests.passes.test_float_lowering import FloatModel, kinds, network_of
from tinyseg_tvm.network import reference
from tinyseg_tvm.network.problem import line_access

UNARY = [
    "Sigmoid", "Tanh", "Erf", "Exp", "Gelu", "HardSwish", "HardSigmoid", "Elu", "Selu", "Celu", "Softplus", "Softsign",
    "Mish", "Abs", "Neg", "Floor", "Ceil", "Round", "Sign", "Sin", "Cos", "Tan", "Sinh", "Cosh", "Atan", "Asinh",
    "LeakyRelu", "ThresholdedRelu", "Reciprocal",
]  # fmt: skip
POSITIVE = ["Sqrt", "Log", "Acosh"]
WITHIN_ONE = ["Asin", "Acos", "Atanh"]


def unary(name: str) -> onnx.ModelProto:
    m = FloatModel()
    x = m.map(1, 3, 5, 4)
    if name in POSITIVE:
        x = m.op("Add", m.op("Abs", x), m.constant(np.float32(1.25)))
    if name in WITHIN_ONE:
        x = m.op("Mul", m.op("Tanh", x), m.constant(np.float32(0.9)))
    return m.build(m.op(name, x), opset=20)


@pytest.mark.parametrize("name", [*UNARY, *POSITIVE, *WITHIN_ONE])
def test_functions_of_one_map_run_by_line_as_one_operator(name):
    counted = kinds(unary(name))
    assert counted.total() == 1
    assert "opaque" not in counted
    (node,) = network_of(unary(name)).nodes
    assert line_access(network_of(unary(name)), node).steps == 3


@pytest.mark.parametrize("name", ["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"])
@pytest.mark.parametrize("other", [(1, 1, 5, 4), (1, 3, 5, 1), (1, 3, 1, 4), (1, 3, 1, 1), (4,), (5, 1)])
@pytest.mark.parametrize("constant", [False, True])
def test_an_operand_may_be_broadcast_along_any_axes(name, other, constant):
    m = FloatModel()
    x = m.op("Abs", m.map(1, 3, 5, 4))
    y = m.values(*other) if constant else m.map(*other)
    assert "opaque" not in kinds(m.build(m.op(name, x, y)))


def test_comparisons_and_choices_run_by_line():
    m = FloatModel()
    x, y = m.map(1, 3, 5, 4), m.map(1, 3, 5, 4)
    chosen = m.op("Or", m.op("Greater", x, y), m.op("LessOrEqual", x, m.constant(np.float32(-0.5))))
    z = m.op("Where", chosen, m.op("Mul", x, m.constant(np.float32(2))), y)
    assert kinds(m.build(z)) == {"pointwise": 1}


def test_a_value_that_is_read_elsewhere_is_made_once():
    m = FloatModel()
    x = m.op("Sigmoid", m.map(1, 3, 5, 4))
    assert kinds(m.build(m.op("MatMul", m.op("Tanh", x), m.values(4, 4)), m.op("Exp", x))) == {
        "pointwise": 3,
        "dense": 1,
    }


@pytest.mark.parametrize("slopes", [(3, 1, 1), (1,), (1, 1, 4), (3, 5, 4)])
def test_prelu_of_a_quantised_map_takes_integers_and_gives_them(slopes):
    m = QdqModel()
    y = m.op("PRelu", m.activation(1, 3, 5, 4), m.constant(np.random.default_rng(0).normal(0, 1, slopes).astype("f4")))
    model = m.build(m.quantize(y, 0.03, 5))
    network = network_of(model)
    assert {tensor.type.dtype for tensor in network.tensors.values()} == {"int8"}
    inputs = random_inputs(model, 0)
    assert np.array_equal(reference.run(network, inputs)[0], run_onnxruntime(model, inputs)[0])


@pytest.mark.parametrize(("channels", "kind"), [(3, "channel_lookup"), (65, "pointwise")])
def test_prelu_has_a_table_for_each_channel_where_they_are_not_many(channels, kind):
    m = QdqModel()
    slopes = m.constant(np.random.default_rng(0).normal(0, 1, (channels, 1, 1)).astype(np.float32))
    pooled = m.op("MaxPool", m.activation(1, channels, 6, 4), kernel_shape=[2, 2])  # maps are NHWC
    network = network_of(m.build(m.quantize(m.op("PRelu", pooled, slopes), 0.03, 5)))
    assert [node.operator.kind for node in network.nodes] == ["max_pool2d", kind]
