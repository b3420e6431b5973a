"""Float32 models become operators that stream; every family agrees with ONNX Runtime within rounding."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest

from tests.decided_networks import by_columns
from tests.passes.qdq_models import QdqModel, random_inputs, run_onnxruntime
from tinyseg_tvm import relay
from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.network import Network, reference
from tinyseg_tvm.operators import Dense
from tinyseg_tvm.operators.arithmetic import float32
from tinyseg_tvm.relay_passes import lower

FLOAT = onnx.TensorProto.FLOAT


class FloatModel(QdqModel):
    """Float32 inputs and random float32 weights."""

    def map(self, *shape: int) -> str:
        return self.input(*shape, dtype=FLOAT)

    def values(self, *shape: int) -> str:
        return self.constant(self.random.normal(0, 0.5, shape).astype(np.float32))


def network_of(model: onnx.ModelProto) -> Network:
    module = from_onnx(model)
    return lower(module[0] if isinstance(module, tuple) else module)


def kinds(model: onnx.ModelProto) -> Counter[str]:
    """Operators of the lowered network, after its results were found equal to ONNX Runtime's within 1e-4."""
    network = network_of(model)
    for seed in range(2):
        inputs = random_inputs(model, seed)
        expected = run_onnxruntime(model, inputs)
        for got, want in zip(reference.run(network, inputs), expected, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4 * np.abs(want).max())
    return Counter(node.operator.kind for node in network.nodes)


@pytest.mark.parametrize("groups", [1, 3, 6])
def test_convolution_bias_and_clamp_are_one_operator(groups):
    m = FloatModel()
    y = m.op("Conv", m.map(1, 6, 9, 11), m.values(6, 6 // groups, 3, 3), m.values(6), group=groups, pads=[1] * 4)
    y = m.op("Clip", y, m.constant(np.float32(-0.5)), m.constant(np.float32(2)))
    assert kinds(m.build(m.op("Relu", y))) == {"conv2d": 1}


@pytest.mark.parametrize("groups", [1, 2])
def test_transposed_convolution_bias_and_clamp_are_one_operator(groups):
    m = FloatModel()
    weight = m.values(6, 5, 3, 2)
    y = m.op(
        "ConvTranspose", m.map(1, 6, 5, 4), weight, m.values(5 * groups), group=groups, strides=[2, 2], pads=[1] * 4
    )
    assert kinds(m.build(m.op("Relu", y))) == {"conv2d_transpose": 1}


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_to_space_moves_lines(mode):
    m = FloatModel()
    y = m.op("DepthToSpace", m.op("Conv", m.map(1, 3, 5, 4), m.values(8, 3, 1, 1)), blocksize=2, mode=mode)
    assert kinds(m.build(m.op("Conv", y, m.values(3, 2, 3, 3)))) == {"conv2d": 2, "depth_to_space": 1}


def test_a_clamp_of_a_map_that_others_read_stays():
    m = FloatModel()
    y = m.op("Conv", m.map(1, 3, 9, 11), m.values(5, 3, 3, 3), m.values(5), strides=[2, 1], dilations=[1, 2])
    assert kinds(m.build(m.op("Relu", y), y)) == {"conv2d": 1, "clip": 1}


def test_a_batch_normalisation_and_a_product_per_channel_go_into_the_weights():
    m = FloatModel()
    y = m.op("Conv", m.map(1, 3, 8, 8), m.values(4, 3, 3, 3))
    variance = m.constant(np.array([0.5, 1, 2, 3], np.float32))
    y = m.op("BatchNormalization", y, m.values(4), m.values(4), m.values(4), variance)
    y = m.op("Add", m.op("Mul", y, m.values(1, 4, 1, 1)), m.values(4, 1, 1))
    assert kinds(m.build(y)) == {"conv2d": 1}


def test_a_sum_per_pixel_does_not_go_into_the_bias():
    m = FloatModel()
    y = m.op("Conv", m.map(1, 3, 8, 8), m.values(4, 3, 1, 1))
    assert kinds(m.build(m.op("Add", y, m.values(1, 4, 8, 8)))) == {"conv2d": 1, "elementwise_constant": 1}


def test_a_concat_before_a_convolution_is_virtual():
    m = FloatModel()
    x = m.map(1, 3, 8, 8)
    y = m.op("Concat", m.op("Relu", x), m.op("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4), axis=1)
    y = m.op("Conv", y, m.values(4, 6, 3, 3), m.values(4), pads=[1] * 4)
    assert kinds(m.build(y)) == {"clip": 1, "max_pool2d": 1, "conv2d": 1}


def test_a_pad_goes_into_the_convolution():
    m = FloatModel()
    y = m.op("Conv", m.map(1, 3, 8, 8), m.values(3, 3, 1, 1))
    y = m.op("Pad", y, m.constant(np.array([0, 0, 0, 1, 0, 0, 1, 2])))
    assert kinds(m.build(m.op("Conv", y, m.values(4, 3, 3, 3), strides=[2, 2]))) == {"conv2d": 2}


def test_a_flattened_map_goes_into_the_dense_layer_line_by_line():
    m = FloatModel()
    y = m.op("Conv", m.map(1, 3, 6, 5), m.values(4, 3, 3, 3), pads=[1] * 4)
    y = m.op("Gemm", m.op("Flatten", y), m.values(7, 120), m.values(7), transB=1)
    model = m.build(m.op("Softmax", m.op("MatMul", m.op("Relu", y), m.values(7, 3))))
    assert kinds(model) == {"conv2d": 1, "dense": 2, "softmax": 1}
    dense = network_of(model).nodes[1]
    assert isinstance(dense.operator, Dense)
    assert isinstance(dense.operator.arithmetic, float32.WeightedSum)
    assert dense.operator.flatten
    assert dense.operator.arithmetic.output_min == 0


@pytest.mark.parametrize(
    ("kind", "attributes", "expected"),
    [
        ("AveragePool", {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1]}, "average_pool2d"),
        ("AveragePool", {"kernel_shape": [3, 3], "pads": [1] * 4, "count_include_pad": 1}, "average_pool2d"),
        ("AveragePool", {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}, "average_pool2d"),
        ("AveragePool", {"kernel_shape": [9, 7]}, "global_pool"),
        ("MaxPool", {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 1, 0, 0]}, "max_pool2d"),
        ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}, "max_pool2d"),
        ("MaxPool", {"kernel_shape": [9, 7]}, "global_pool"),
        ("GlobalAveragePool", {}, "global_pool"),
        ("GlobalMaxPool", {}, "global_pool"),
        ("ReduceMean", {"axes": [2, 3], "keepdims": 0}, "global_pool"),
        ("ReduceMean", {"axes": [3]}, "average_pool2d"),
        ("ReduceMax", {"axes": [2]}, "reduce"),
        ("Softmax", {"axis": 1}, "softmax"),
        ("Softmax", {"axis": 2}, "softmax"),
        ("LeakyRelu", {"alpha": 0.1}, None),
    ],
)
def test_operators_on_a_map(kind, attributes, expected):
    m = FloatModel()
    found = kinds(m.build(m.op(kind, m.map(1, 5, 9, 7), **attributes)))
    assert "opaque" not in found
    assert expected is None or found[expected] == 1


@pytest.mark.parametrize("kind", ["Add", "Sub", "Mul", "Div", "Max", "Min"])
def test_binary_operators(kind):
    m = FloatModel()
    x = m.map(1, 5, 6, 7)
    both = m.op(kind, x, m.op("Conv", x, m.values(5, 5, 1, 1), m.constant(np.full(5, 9, np.float32))))
    gate = m.op(kind, both, m.op("Add", m.op("GlobalMaxPool", x), m.constant(np.float32(3))))
    left = m.op(kind, m.constant(np.float32(2)), m.op("Add", m.op("Mul", x, x), m.constant(np.float32(1))))
    channel = m.op(kind, left, m.constant(np.array([[[1]], [[2]], [[-3]], [[4]], [[5]]], np.float32)))
    found = kinds(m.build(m.op(kind, gate, m.op("Add", m.op("Mul", channel, channel), m.constant(np.float32(1))))))
    assert "opaque" not in found
    assert "transpose" not in found


def test_one_dimensional_convolutions_stream():
    m = FloatModel()
    y = m.op("Conv", m.map(1, 3, 40), m.values(4, 3, 5), m.values(4), pads=[2, 2])
    y = m.op("MaxPool", m.op("Relu", y), kernel_shape=[2], strides=[2])
    found = kinds(m.build(m.op("Conv", y, m.values(6, 4, 3), m.values(6))))
    assert found["conv2d"] == 2
    assert "opaque" not in found


def test_an_embedding_gathers_rows():
    m = FloatModel()
    indices = m.input(1, 12, dtype=onnx.TensorProto.INT32)
    model = m.build(m.op("ReduceMean", m.op("Gather", m.values(20, 6), indices), axes=[1]))
    network = network_of(model)
    found = Counter(node.operator.kind for node in network.nodes)
    assert found["gather"] == found["global_pool"] == 1
    assert "opaque" not in found
    ids = np.array([[0, 19, -1, 3, 4, -20, 5, 5, 7, 8, 9, 10]], np.int32)
    (got,), (want,) = reference.run(network, [ids]), run_onnxruntime(model, [ids])
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("source", [onnx.TensorProto.FLOAT, onnx.TensorProto.INT64])
@pytest.mark.parametrize("target", [onnx.TensorProto.INT32, onnx.TensorProto.INT64])
def test_token_ids_of_any_type_are_converted_in_place_and_gathered_by_line(source: int, target: int):
    m, length = FloatModel(), 300
    ids = m.input(1, length, dtype=source)
    indices = ids if source == target else m.op("Cast", ids, to=target)
    model = m.build(m.op("ReduceMean", m.op("Gather", m.values(20, 6), indices), axes=[1]))
    network = network_of(model)
    found = Counter(node.operator.kind for node in network.nodes)
    assert found["gather"] == found["global_pool"] == 1
    assert found["convert"] == (source != target)
    assert "opaque" not in found
    element = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(source))
    ids_given = np.random.default_rng(1).integers(-20, 20, (1, length)).astype(element)
    (got,), (want,) = reference.run(network, [ids_given]), run_onnxruntime(model, [ids_given])
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    narrow = element.itemsize if element.itemsize == 4 and target == onnx.TensorProto.INT32 else 12
    built = relay.build(from_onnx(model), "c -tinyseg -objective=ram")
    assert built.memory.arena <= narrow * length + 256


def test_casts_wrap_as_the_importer_says():
    m = FloatModel()
    model = m.build(m.op("Cast", m.input(1, 8, dtype=onnx.TensorProto.FLOAT), to=onnx.TensorProto.INT32))
    network = network_of(model)
    assert "opaque" not in {node.operator.kind for node in network.nodes}
    values = np.array([[1.9, -1.9, np.nan, np.inf, -np.inf, 2.0**31, 2.0**32 + 512, -(2.0**33) - 1024]], np.float32)
    (got,) = reference.run(network, [values])
    assert got.tolist() == [[1, -1, 0, 0, 0, -(2**31), 512, -1024]]


def test_what_no_rule_takes_is_left_to_the_long_tail_between_streaming_operators():
    m = FloatModel()
    y = m.op("Conv", m.map(1, 3, 8, 8), m.values(4, 3, 3, 3), m.values(4))
    y = m.op("Conv", m.op("CumSum", y, m.constant(np.int64(3))), m.values(2, 4, 3, 3), m.values(2))
    assert kinds(m.build(y)) == {"conv2d": 2, "opaque": 1, "transpose": 2}


def test_columns_compute_the_same_within_rounding():
    m = FloatModel()
    x = m.op("Conv", m.map(1, 3, 8, 6), m.values(4, 3, 3, 2), m.values(4), pads=[1, 0, 0, 1], strides=[1, 2])
    y = m.op("ConvTranspose", m.op("Mul", x, m.values(4, 1, 1)), m.values(4, 5, 2, 3), strides=[1, 2])
    y = m.op("AveragePool", m.op("Add", y, m.values(1, 5, 8, 7)), kernel_shape=[3, 2], pads=[1, 0, 1, 1])
    y = m.op("Flatten", m.op("MaxPool", y, kernel_shape=[2, 3]))
    model = m.build(m.op("Softmax", m.op("MatMul", y, m.values(175, 4))))
    network = network_of(model)
    inputs = random_inputs(model)
    (rows,), (columns,) = reference.run(network, inputs), reference.run(by_columns(network), inputs)
    np.testing.assert_allclose(columns, rows, rtol=1e-4, atol=1e-6)
