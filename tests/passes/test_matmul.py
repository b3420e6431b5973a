"""Products of two activations: against ONNX Runtime, without moving an operand, and by line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.passes.qdq_models import QdqModel, random_inputs, run_onnxruntime
from tinyseg_tvm import relay
from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.network import Network, reference
from tinyseg_tvm.operators.matmul import Matmul
from tinyseg_tvm.relay_passes import lower

SHAPES = [
    ((5, 6), (6, 4)),
    ((1, 5, 6), (1, 6, 4)),
    ((3, 5, 6), (3, 6, 4)),
    ((3, 5, 6), (1, 6, 4)),
    ((1, 5, 6), (3, 6, 4)),
    ((3, 5, 6), (6, 4)),
    ((5, 6), (3, 6, 4)),
    ((1, 3, 5, 6), (1, 3, 6, 4)),
    ((1, 3, 5, 6), (1, 1, 6, 4)),
    ((2, 3, 5, 6), (2, 3, 6, 4)),
    ((2, 1, 5, 6), (1, 3, 6, 4)),
    ((1, 1, 6), (1, 6, 1)),
]


def lowered(proto: onnx.ModelProto) -> Network:
    return lower(from_onnx(proto)[0])


def kinds(network: Network) -> list[str]:
    return [node.operator.kind for node in network.nodes]


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("lhs", "rhs"), SHAPES)
def test_products_of_integers(lhs: Sequence[int], rhs: Sequence[int], transposed: bool) -> None:
    model = QdqModel()
    a, right = model.activation(*lhs), (*rhs[:-2], rhs[-1], rhs[-2]) if transposed else rhs
    b = model.activation(*right, scale=0.02, zero_point=-7)
    if transposed:
        b = model.op("Transpose", b, perm=[*range(len(rhs) - 2), len(rhs) - 1, len(rhs) - 2])
    proto = model.build(model.quantize(model.op("MatMul", a, b), 0.2, 5))
    network = lowered(proto)
    assert kinds(network) == ["matmul"]
    inputs = random_inputs(proto)
    expected, found = run_onnxruntime(proto, inputs)[0], reference.run(network, inputs)[0]
    difference = np.abs(expected.astype(int) - found.astype(int))
    assert difference.max() <= 1  # it sums in float32
    assert np.count_nonzero(difference) <= 0.02 * difference.size


@pytest.mark.parametrize(("lhs", "rhs"), SHAPES)
def test_products_of_floats(lhs: Sequence[int], rhs: Sequence[int]) -> None:
    model = QdqModel()
    a, b = (model.input(*shape, dtype=TensorProto.FLOAT) for shape in (lhs, rhs))
    proto = model.build(model.op("MatMul", a, b))
    network = lowered(proto)
    assert kinds(network) == ["matmul"]
    inputs = random_inputs(proto)
    np.testing.assert_allclose(reference.run(network, inputs)[0], run_onnxruntime(proto, inputs)[0], 1e-5, 1e-5)


def test_a_product_of_a_tensor_with_itself() -> None:
    model = QdqModel()
    a = model.activation(1, 5, 6)
    proto = model.build(model.quantize(model.op("MatMul", a, model.op("Transpose", a, perm=[0, 2, 1])), 0.3))
    network = lowered(proto)
    assert kinds(network) == ["matmul"]
    inputs = random_inputs(proto)
    np.testing.assert_array_equal(reference.run(network, inputs)[0], run_onnxruntime(proto, inputs)[0])


def test_sums_that_could_leave_int32_stay_in_floating_point() -> None:
    model = QdqModel()
    a, b = model.activation(1, 2, 34000), model.activation(1, 34000, 1)
    network = lowered(model.build(model.quantize(model.op("MatMul", a, b), 60.0)))
    (product,) = [node for node in network.nodes if isinstance(node.operator, Matmul)]
    assert network.tensors[product.outputs[0]].type.dtype == "float32"


def attention(queries: int, heads: int, depth: int, *, quantised: bool) -> onnx.ModelProto:
    """Heads of queries, keys and values that are the same tensor, quantised after each operator or in float32."""
    model, width = QdqModel(), heads * depth

    def activation(value: str, scale: float) -> str:
        return model.dequantize(model.quantize(value, scale), scale) if quantised else value

    x = model.activation(1, queries, width) if quantised else model.input(1, queries, width, dtype=TensorProto.FLOAT)

    def split(permutation: list[int]) -> str:
        parts = model.op("Reshape", x, model.constant(np.array([1, queries, heads, depth])))
        return str(model.op("Transpose", parts, perm=permutation))

    scores = activation(model.op("MatMul", split([0, 2, 1, 3]), split([0, 2, 3, 1])), 2.0)
    scaled = activation(model.op("Mul", scores, model.constant(np.float32(0.02))), 0.05)
    weights = activation(model.op("Softmax", scaled, axis=-1), 1 / 128)
    mixed = activation(model.op("MatMul", weights, split([0, 2, 1, 3])), 0.05)
    joined = model.op("Transpose", mixed, perm=[0, 2, 1, 3])
    y = model.op("Reshape", joined, model.constant(np.array([1, queries, width])))
    return model.build(model.quantize(y, 0.05) if quantised else y)


@pytest.mark.parametrize("quantised", [False, True])
def test_attention_moves_nothing_and_runs_by_query(quantised: bool) -> None:
    queries, heads, depth = 40, 4, 3
    proto = attention(queries, heads, depth, quantised=quantised)
    built = relay.build(from_onnx(proto), "c -tinyseg -stream-axis=rows")
    assert not {"transpose", "opaque"}.intersection(kinds(built.network))
    assert kinds(built.network).count("matmul") == 2
    inputs = random_inputs(proto)
    expected, found = run_onnxruntime(proto, inputs)[0], reference.run(built.network, inputs)[0]
    if quantised:
        assert np.abs(expected.astype(int) - found.astype(int)).max() <= 1
    else:
        np.testing.assert_allclose(found, expected, 1e-5, 1e-5)
    element = 1 if quantised else 4
    maps, row = queries * heads * depth * element, heads * queries * element
    assert built.memory.arena <= 2 * maps + 4 * row + 256, "scores of all queries are alive at once"
