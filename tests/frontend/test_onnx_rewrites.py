"""Each rewrite keeps the results: onnxruntime before and after, and the imported module on TVM's machine."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.frontend.onnx_models import (
    check,
    feeds_of,
    model,
    node,
    operators,
    port,
    quantized,
    run_onnxruntime,
    run_tvm,
)
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.frontend.graph import to_model
from tinyseg_tvm.frontend.onnx_model import normalized_graph

RANDOM = np.random.default_rng(7)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def int8s(*shape: int) -> np.ndarray:
    return RANDOM.integers(-128, 128, shape).astype(np.int8)


def uint8s(*shape: int) -> np.ndarray:
    return RANDOM.integers(0, 256, shape).astype(np.uint8)


def weight_node(dtype: str = "int8", axis: int | None = None) -> list[onnx.NodeProto]:
    attributes: dict[str, Any] = {} if axis is None else {"axis": axis}
    return [node("DequantizeLinear", "w s_w z_w", "wf", "dequantize_w", **attributes)]


# Dequantised constants -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opset", [13, 17, 21])
def test_what_is_computed_from_dequantised_constants_is_constant(opset):
    core = [
        node("DequantizeLinear", "w s_w z_w", "wf", "dequantize_w", axis=0),
        node("Neg", "wf", "minus"),
        node("QuantizeLinear", "minus s_m z_m", "again"),
        node("DequantizeLinear", "again s_m z_m", "half"),
        node("Concat", "x half", "y", axis=0),
    ]
    constants = {"w": int8s(2, 3, 4), "s_w": np.array([0.01, 0.02], np.float32), "z_w": np.array([1, -2], np.int8)}
    constants |= {"s_m": np.float32(0.03), "z_m": np.int8(4)}
    graph = check(quantized(core, [1, 3, 4], [3, 3, 4], constants, opset=opset))
    assert operators(graph) == ["DequantizeLinear", "DequantizeLinear", "Concat", "QuantizeLinear"]


@pytest.mark.sampled(5)
@pytest.mark.parametrize("opset", [13, 15, 21])
@pytest.mark.parametrize(
    ("core", "values"),
    [
        (node("BatchNormalization", "x p0 p1 p2 p3", "y"), [uint8s(3), int8s(3), int8s(3), uint8s(3)]),
        (node("Clip", "x p0 p1", "y"), [np.int8(-20), np.int8(30)]),
        (node("Pad", "x pads p0", "y"), [np.int8(7)]),
        (node("InstanceNormalization", "x p0 p1", "y"), [int8s(3), int8s(3)]),
    ],
    ids=lambda value: getattr(value, "op_type", ""),
)
def test_parameters_behind_a_dequantizer_are_constants(core, values, opset):
    constants = {"pads": np.array([0, 0, 0, 0, 0, 0, 0, 0], np.int64), "s_p": np.float32(0.03)}
    constants |= {f"q{i}": value for i, value in enumerate(values)}
    dequantizers = [node("DequantizeLinear", f"q{i} s_p", f"p{i}", f"parameter_{i}") for i in range(len(values))]
    graph = check(quantized([*dequantizers, core], [1, 3, 4, 5], [1, 3, 4, 5], constants, opset=opset))
    assert operators(graph).count("DequantizeLinear") == 1


# Old forms -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "shape", "out", "constants", "opset"),
    [
        ([node("Clip", "x", "y", min=-0.5, max=0.25)], [2, 3], [2, 3], {}, 7),
        ([node("Clip", "x", "y", min=0.0)], [2, 3], [2, 3], {}, 7),
        ([node("Pad", "x", "y", pads=[0, 0, 1, 2, 0, 0, 3, 0], value=0.5)], [1, 2, 4, 4], [1, 2, 8, 6], {}, 7),
        ([node("Slice", "x", "y", starts=[1, -3], ends=[3, 99], axes=[2, 3])], [1, 2, 4, 4], [1, 2, 2, 3], {}, 7),
        ([node("Slice", "x", "y", starts=[0, 1], ends=[1, 2])], [1, 2, 4, 4], [1, 1, 4, 4], {}, 9),
        ([node("Squeeze", "x", "y", axes=[0, 2])], [1, 2, 1, 4], [2, 4], {}, 11),
        ([node("Squeeze", "x", "y")], [1, 2, 1, 4], [2, 4], {}, 13),
        ([node("Unsqueeze", "x", "y", axes=[0, -1])], [2, 4], [1, 2, 4, 1], {}, 11),
        ([node("Split", "x", "y z", axis=1, split=[1, 3])], [1, 4, 2], [1, 1, 2], {}, 11),
        ([node("ReduceSum", "x", "y", axes=[1, 2], keepdims=0)], [1, 4, 2], [1], {}, 11),
        ([node("ReduceMean", "x", "y", axes=[2, 3])], [1, 4, 3, 5], [1, 4, 1, 1], {}, 13),
        ([node("ReduceMax", "x", "y")], [1, 4, 3, 5], [1, 1, 1, 1], {}, 13),
        ([node("Upsample", "x", "y", scales=[1.0, 1.0, 2.0, 3.0])], [1, 2, 3, 4], [1, 2, 6, 12], {}, 7),
        (
            [node("Upsample", "x s", "y", mode="linear")],
            [1, 2, 3, 4],
            [1, 2, 6, 8],
            {"s": np.array([1, 1, 2, 2], np.float32)},
            9,
        ),
        ([node("Resize", "x s", "y")], [1, 2, 3, 4], [1, 2, 6, 4], {"s": np.array([1, 1, 2, 1], np.float32)}, 10),
        ([node("Softmax", "x", "y", axis=1)], [1, 4, 1, 3], [1, 4, 1, 3], {}, 11),
        ([node("Softmax", "x", "y")], [2, 5], [2, 5], {}, 11),
        ([node("LogSoftmax", "x", "y", axis=-2)], [2, 4, 3], [2, 4, 3], {}, 11),
        ([node("Dropout", "x", "d", ratio=0.3), node("Relu", "d", "y")], [2, 3], [2, 3], {}, 7),
        (
            [node("Gemm", "x w c", "y", alpha=0.5, beta=2.0, transB=1)],
            [1, 4],
            [1, 3],
            {"w": floats(3, 4), "c": floats(3)},
            7,
        ),
    ],
)
def test_old_form_keeps_its_meaning(nodes, shape, out, constants, opset):
    outputs = [port("y", out)]
    if nodes[0].op_type == "Split":
        outputs.append(port("z", [1, 3, 2]))
    check(model(nodes, [port("x", shape)], outputs, constants, opset), with_tvm=nodes[0].op_type in ("Clip", "Pad"))


def test_split_without_sizes_divides_evenly():
    nodes = [node("Split", "x", "a b", axis=1), node("Add", "a b", "y")]
    check(model(nodes, [port("x", [1, 4, 2])], [port("y", [1, 2, 2])], opset=13))


def test_top_k_of_opset_7():
    nodes = [node("TopK", "x", "y i", k=2, axis=1)]
    check(model(nodes, [port("x", [1, 6])], [port("y", [1, 2]), port("i", [1, 2], "int64")], opset=7))


def test_initialisers_listed_as_inputs_are_constants():
    proto = model([node("Add", "x c", "y")], [port("x", [2]), port("c", [2])], [port("y", [2])], {"c": floats(2)}, 7)
    proto.ir_version = 3
    assert check(proto).inputs == ["x"]


# Constants and shapes ------------------------------------------------------------------------------------------------


def test_shape_arithmetic_disappears():
    nodes = [
        node("Shape", "x", "s"),
        node("Constant", "", "zero", value=helper.make_tensor("t", TensorProto.INT64, [], [0])),
        node("Gather", "s zero", "batch"),
        node("Unsqueeze", "batch axes", "batch1"),
        node("Concat", "batch1 minus", "target", axis=0),
        node("Reshape", "x target", "y"),
    ]
    constants = {"axes": np.array([0], np.int64), "minus": np.array([-1], np.int64)}
    graph = check(model(nodes, [port("x", ["N", 2, 3])], [port("y", None)], constants))
    assert operators(graph) == ["Reshape"]
    assert graph.types["y"].shape == (1, 6)


def test_quantised_float_weights_become_integers_and_stay_behind_their_dequantizer():
    core = [
        node("QuantizeLinear", "w s_w z_w", "wq"),
        node("DequantizeLinear", "wq s_w z_w", "wd"),
        node("Transpose", "wd", "wt", perm=[1, 0]),
        node("MatMul", "x wt", "y"),
    ]
    constants = {"w": floats(5, 4), "s_w": np.float32(0.02), "z_w": np.int8(0)}
    graph = check(quantized(core, [1, 4], [1, 5], constants))
    assert operators(graph) == ["DequantizeLinear", "DequantizeLinear", "MatMul", "QuantizeLinear"]
    weight = graph.nodes[operators(graph).index("MatMul")].inputs[1]
    assert graph.constants[graph.producers()[weight].inputs[0]].dtype == np.int8


@pytest.mark.parametrize("axis", [0, 1])
def test_transposed_per_channel_weight_keeps_its_scales(axis):
    core = [
        node("DequantizeLinear", "w s_w z_w", "wd", axis=axis),
        node("Transpose", "wd", "wt", perm=[1, 0]),
        node("MatMul", "x wt", "y"),
    ]
    count = (5, 4)[axis]
    constants = {"w": int8s(5, 4), "s_w": np.abs(floats(count)) + 0.01, "z_w": np.zeros(count, np.int8)}
    graph = check(quantized(core, [1, 4], [1, 5], constants))
    assert "Transpose" not in operators(graph)


# Quantisers ----------------------------------------------------------------------------------------------------------


@pytest.mark.sampled(3)
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_quantised_convolution(dtype, per_channel, bias):
    count = 4
    scales = np.abs(floats(count)) * 0.01 + 0.001 if per_channel else np.array([0.01], np.float32)
    zeros = np.zeros(count, dtype) if per_channel else np.array([7], dtype)
    core = [*weight_node(axis=0 if per_channel else None)]
    constants = {"w": int8s(4, 3, 3, 3) if dtype == "int8" else uint8s(4, 3, 3, 3), "s_w": scales, "z_w": zeros}
    operands = "x wf"
    if bias:
        core.append(node("DequantizeLinear", "b s_b", "bf", axis=0))
        constants |= {"b": np.array([100, -200, 3000, 4], np.int32), "s_b": np.array([0.0005] * 4, np.float32)}
        operands += " bf"
    core += [node("Conv", operands, "c", "conv", pads=[1, 1, 1, 1], strides=[2, 1]), node("Relu", "c", "y", "relu")]
    graph = check(quantized(core, [1, 3, 6, 5], [1, 4, 3, 5], constants, dtype))
    inner = {graph.types[n.inputs[0]].dtype for n in graph.nodes if n.op_type == "Conv"}
    assert inner == {"float32"}
    kinds = {graph.types[n.outputs[0]].dtype for n in graph.nodes if n.op_type == "QuantizeLinear"}
    assert kinds == ({"int8"} if dtype == "int8" else {"int8", "uint8"})


def test_missing_zero_point_means_uint8_and_becomes_int8_inside():
    nodes = [
        node("QuantizeLinear", "x s", "q"),
        node("DequantizeLinear", "q s", "d"),
        node("Relu", "d", "r"),
        node("QuantizeLinear", "r s", "q2"),
        node("DequantizeLinear", "q2 s", "y"),
    ]
    graph = check(model(nodes, [port("x", [1, 7])], [port("y", [1, 7])], {"s": np.array([0.02], np.float32)}))
    assert {graph.constants[n.inputs[2]].dtype.name for n in graph.nodes if "Linear" in n.op_type} == {"int8"}
    assert all(graph.constants[n.inputs[1]].shape == () for n in graph.nodes if "Linear" in n.op_type)


def test_quantisers_of_microsoft_domain():
    nodes = [
        node("QuantizeLinear", "x s z", "q", domain="com.microsoft"),
        node("DequantizeLinear", "q s z", "y", domain="com.microsoft"),
    ]
    constants = {"s": np.float32(0.02), "z": np.uint8(100)}
    graph = check(model(nodes, [port("x", [1, 7])], [port("y", [1, 7])], constants, microsoft=True))
    assert {n.domain for n in graph.nodes} == {""}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("moves", ["Reshape", "Transpose", "MaxPool", "Concat", "Pad", "Slice", "Resize", "Flatten"])
def test_uint8_moves_between_quantisers_become_int8(moves):
    middle = {
        "Reshape": [node("Reshape", "q t", "p")],
        "Flatten": [node("Flatten", "q", "p")],
        "Transpose": [node("Transpose", "q", "p", perm=[0, 2, 3, 1])],
        "MaxPool": [node("MaxPool", "q", "p", kernel_shape=[2, 2], pads=[1, 1, 0, 0])],
        "Concat": [node("Concat", "q q", "p", axis=1)],
        "Pad": [node("Pad", "q pads", "p")],
        "Slice": [node("Slice", "q a b", "p")],
        "Resize": [node("Resize", "q - sc", "p", mode="nearest")],
    }[moves]
    nodes = [node("QuantizeLinear", "x s z", "q"), *middle, node("DequantizeLinear", "p s z", "y")]
    constants = {
        "s": np.float32(0.02),
        "z": np.uint8(100),
        "t": np.array([1, -1], np.int64),
        "pads": np.array([0, 0, 1, 0, 0, 0, 0, 2], np.int64),
        "a": np.array([0, 1], np.int64),
        "b": np.array([1, 2], np.int64),
        "sc": np.array([1, 1, 2, 2], np.float32),
    }
    graph = check(model(nodes, [port("x", [1, 2, 4, 4])], [port("y", None)], constants))
    assert "uint8" not in {value.dtype for value in graph.types.values()}


def test_uint8_input_read_by_a_cast_stays_uint8():
    nodes = [
        node("Cast", "q", "f", to=TensorProto.FLOAT),
        node("DequantizeLinear", "q s z", "d"),
        node("Add", "f d", "y"),
    ]
    constants = {"s": np.float32(0.02), "z": np.uint8(100)}
    graph = check(model(nodes, [port("q", [1, 9], "uint8")], [port("y", [1, 9])], constants))
    assert "int8" not in {value.dtype for value in graph.types.values()}


def test_uint8_input_that_is_also_an_output():
    nodes = [node("Identity", "q", "same"), node("DequantizeLinear", "q s z", "y")]
    constants = {"s": np.float32(0.02), "z": np.uint8(100)}
    check(model(nodes, [port("q", [1, 9], "uint8")], [port("same", [1, 9], "uint8"), port("y", [1, 9])], constants))


def test_uint8_argmax_is_not_changed_by_the_shift():
    nodes = [node("QuantizeLinear", "x s z", "q"), node("ArgMax", "q", "y", axis=1)]
    constants = {"s": np.float32(0.02), "z": np.uint8(100)}
    proto = model(nodes, [port("x", [1, 5, 3, 3])], [port("y", None, "int64")], constants)
    graph = check(proto)
    assert graph.types[graph.nodes[-1].inputs[0]].dtype == "int8"


@pytest.mark.parametrize("dtype", ["INT4", "UINT4"])
def test_four_bit_weights_are_unpacked(dtype):
    kind = getattr(TensorProto, dtype)
    values = RANDOM.integers(0, 16, 27 * 3) - (8 if dtype == "INT4" else 0)
    constants = {
        "w": helper.make_tensor("w", kind, [3, 3, 3, 3], values),
        "s_w": np.float32(0.1),
        "z_w": helper.make_tensor("z", kind, [], [3]),
    }
    core = [*weight_node(), node("Conv", "x wf", "y", "conv")]
    graph = check(quantized(core, [1, 3, 5, 5], [1, 3, 3, 3], constants, opset=21))
    dequantizer = graph.producers()[next(n for n in graph.nodes if n.op_type == "Conv").inputs[1]]
    assert graph.constants[dequantizer.inputs[0]].dtype == np.int8


def test_four_bit_activation_saturates_at_four_bits():
    nodes = [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "y")]
    constants = {"s": np.float32(0.2), "z": helper.make_tensor("z", TensorProto.INT4, [], [1])}
    check(model(nodes, [port("x", [1, 50])], [port("y", [1, 50])], constants, opset=21))


# QOperator form ------------------------------------------------------------------------------------------------------

Q = {"xs": np.float32(0.04), "ys": np.float32(0.09), "ws": np.float32(0.01)}


def zeros_of(dtype: str) -> dict[str, np.ndarray]:
    return {"xz": np.array(3, dtype), "yz": np.array(9, dtype), "wz": np.array(0, dtype)}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("per_channel", [False, True])
def test_qlinear_conv(dtype, per_channel):
    # onnxruntime's uint8 kernels saturate pairs of products on processors without VNNI; small weights do not.
    weight = (int8s(4, 3, 3, 3) // 3).astype(np.int8)
    constants = {**Q, **zeros_of(dtype), "w": weight, "b": np.array([1, -2, 300, 40], np.int32), "wz": np.int8(0)}
    if per_channel:
        constants |= {"ws": np.abs(floats(4)) * 0.02 + 0.001, "wz": np.zeros(4, np.int8)}
    nodes = [node("QLinearConv", "q xs xz w ws wz ys yz b", "out", "conv", pads=[1, 1, 1, 1])]
    proto = model(nodes, [port("q", [1, 3, 5, 5], dtype)], [port("out", [1, 4, 5, 5], dtype)], constants)
    graph = check(proto, exact=False)
    assert "conv" in {n.name for n in graph.nodes if n.op_type == "Conv"}


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_qlinear_matmul(dtype):
    constants = {**Q, **zeros_of(dtype), "w": int8s(6, 4) if dtype == "int8" else uint8s(6, 4)}
    nodes = [node("QLinearMatMul", "q xs xz w ws wz ys yz", "out", "dense")]
    check(model(nodes, [port("q", [2, 6], dtype)], [port("out", [2, 4], dtype)], constants), exact=False)


MICROSOFT = [
    ("QLinearAdd", "q xs xz q ws wz ys yz", {}, [1, 3, 4, 4]),
    ("QLinearMul", "q xs xz q ws wz ys yz", {}, [1, 3, 4, 4]),
    ("QLinearConcat", "ys yz q xs xz q ws wz", {"axis": 1}, [1, 6, 4, 4]),
    ("QLinearAveragePool", "q xs xz ys yz", {"kernel_shape": [2, 2], "strides": [2, 2]}, [1, 3, 2, 2]),
    ("QLinearAveragePool", "q xs xz ys yz", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, [1, 3, 4, 4]),
    ("QLinearAveragePool", "q xs xz ys yz", {"kernel_shape": [2, 2], "channels_last": 1}, [1, 2, 3, 4]),
    ("QLinearGlobalAveragePool", "q xs xz ys yz", {}, [1, 3, 1, 1]),
    ("QLinearGlobalAveragePool", "q xs xz ys yz", {"channels_last": 1}, [1, 1, 1, 4]),
    ("QLinearSigmoid", "q xs xz ys yz", {}, [1, 3, 4, 4]),
    ("QLinearLeakyRelu", "q xs xz ys yz", {"alpha": 0.3}, [1, 3, 4, 4]),
    ("QLinearSoftmax", "q xs xz ys yz", {"axis": 1, "opset": 13}, [1, 3, 4, 4]),
    ("QLinearSoftmax", "q xs xz ys yz", {"axis": 1, "opset": 12}, [1, 3, 4, 4]),
]


@pytest.mark.sampled(5)
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize(("op_type", "inputs", "attributes", "out"), MICROSOFT)
def test_microsoft_qlinear(op_type, inputs, attributes, out, dtype):
    constants = {**Q, **zeros_of(dtype)}
    if op_type in ("QLinearSigmoid", "QLinearSoftmax"):
        constants["ys"] = np.float32(1 / 256)
    nodes = [node(op_type, inputs, "out", "operator", "com.microsoft", **attributes)]
    proto = model(nodes, [port("q", [1, 3, 4, 4], dtype)], [port("out", out, dtype)], constants, microsoft=True)
    graph, _ = normalized_graph(proto)
    feeds = feeds_of(graph)
    expected = run_onnxruntime(proto, feeds)[0].astype(int)
    after = run_onnxruntime(to_model(graph), feeds)[0].astype(int)
    # onnxruntime's fused kernels use fixed or table arithmetic; the QDQ form may differ by one unit.
    assert np.abs(expected - after).max() <= 1
    if dtype == "uint8":
        imported = run_tvm(from_onnx(proto)[0], [feeds["q"]])[0].astype(int)
        assert np.abs(expected - imported).max() <= 1


@pytest.mark.sampled(3)
@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("requantized", [False, True])
def test_microsoft_qgemm(transposed, requantized):
    constants = {
        **Q,
        **zeros_of("uint8"),
        "w": uint8s(5, 6) if transposed else uint8s(6, 5),
        "b": np.array([1, -2, 3, 4, 50], np.int32),
    }
    inputs = "q xs xz w ws wz b" + (" ys yz" if requantized else "")
    nodes = [node("QGemm", inputs, "out", "gemm", "com.microsoft", transB=transposed)]
    out = port("out", [2, 5], "uint8" if requantized else "float32")
    check(model(nodes, [port("q", [2, 6], "uint8")], [out], constants, microsoft=True), exact=False)


@pytest.mark.parametrize("op_type", ["ConvInteger", "MatMulInteger"])
def test_integer_operator_with_constant_scales_becomes_qdq(op_type):
    shape, weight = ([1, 3, 5, 5], uint8s(4, 3, 3, 3)) if op_type == "ConvInteger" else ([2, 6], uint8s(6, 4))
    nodes = [
        node("QuantizeLinear", "x s z", "q"),
        node(op_type, "q w z wz", "acc", "core"),
        node("Cast", "acc", "f", to=TensorProto.FLOAT),
        node("Mul", "f k", "y"),
    ]
    constants = {"s": np.float32(0.02), "z": np.uint8(128), "w": weight, "wz": np.uint8(120), "k": np.float32(0.0004)}
    graph = check(model(nodes, [port("x", shape)], [port("y", None)], constants), exact=False)
    assert op_type not in operators(graph)
    assert {n.name for n in graph.nodes} >= {"core"}


@pytest.mark.parametrize("op_type", ["ConvInteger", "MatMulInteger"])
def test_integer_operator_without_scales_takes_the_long_tail(op_type):
    shape, weight = ([1, 3, 5, 5], uint8s(4, 3, 3, 3)) if op_type == "ConvInteger" else ([2, 6], uint8s(6, 4))
    nodes = [node(op_type, "q w z wz", "y", "core")]
    constants = {"z": np.uint8(128), "w": weight, "wz": np.uint8(120)}
    check(model(nodes, [port("q", shape, "uint8")], [port("y", None, "int32")], constants), tvm_steps=0)


# Windows -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize("op_type", ["Conv", "MaxPool", "AveragePool", "ConvTranspose"])
def test_auto_pad_becomes_pads(op_type, auto_pad, size):
    attributes = {"auto_pad": auto_pad, "strides": [2, 3]}
    constants, inputs = {}, "x"
    if op_type == "Conv":
        constants, inputs = {"w": floats(4, 3, 3, 5)}, "x w"
        attributes["dilations"] = [2, 1] if auto_pad == "VALID" else [1, 1]
    elif op_type == "ConvTranspose":
        constants, inputs = {"w": floats(3, 4, 3, 5)}, "x w"
    else:
        attributes["kernel_shape"] = [3, 5]
    proto = model(
        [node(op_type, inputs, "y", **attributes)], [port("x", [1, 3, size, 8])], [port("y", None)], constants
    )
    graph = check(proto, exact=False, with_tvm=size == 7 and auto_pad == "SAME_LOWER")
    assert "auto_pad" not in graph.nodes[0].attributes


@pytest.mark.sampled(4)
@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("kernel", [[1, 2], [3, 1], [2, 4]])
def test_same_padding_of_a_transposed_convolution_never_adds(auto_pad, kernel):
    """A kernel smaller than the stride, as ONNX Runtime has it; what follows must fit."""
    nodes = [node("ConvTranspose", "x w", "c", strides=[2, 3], auto_pad=auto_pad), node("Add", "c k", "y")]
    sizes = [n * s - max(s - k, 0) for n, s, k in zip((7, 6), (2, 3), kernel, strict=True)]
    constants = {"w": floats(3, 4, *kernel), "k": floats(1, 4, *sizes)}
    check(model(nodes, [port("x", [1, 3, 7, 6])], [port("y", None)], constants), exact=False)


@pytest.mark.parametrize("output_shape", [[14, 13], [16, 20], [15, 21]])
def test_output_shape_of_transposed_convolution(output_shape):
    attributes = {"strides": [2, 3], "output_shape": output_shape}
    nodes = [node("ConvTranspose", "x w", "y", **attributes)]
    check(model(nodes, [port("x", [1, 3, 7, 6])], [port("y", None)], {"w": floats(3, 4, 3, 5)}), exact=False)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 1, 1, 1], [1, 0, 0, 1]])
@pytest.mark.parametrize("size", [6, 7, 9])
@pytest.mark.parametrize(("op_type", "include"), [("MaxPool", None), ("AveragePool", 0), ("AveragePool", 1)])
def test_ceil_mode_becomes_pads(op_type, include, size, pads):
    attributes = {"kernel_shape": [3, 2], "strides": [2, 3], "pads": pads, "ceil_mode": 1}
    if include is not None:
        attributes["count_include_pad"] = include
    proto = model([node(op_type, "x", "y", **attributes)], [port("x", [1, 2, size, size])], [port("y", None)], opset=19)
    graph = check(proto, exact=False, with_tvm=size == 6 and pads[0] == 1)
    assert all("ceil_mode" not in n.attributes for n in graph.nodes)


@pytest.mark.parametrize(("size", "count"), [(10, 3), (11, 3), (9, 2)])
@pytest.mark.parametrize("op_type", ["MaxPool", "AveragePool"])
def test_chained_pools_have_the_windows_of_onnxruntime(op_type, size, count):
    """ONNX's inference counts a window that begins beyond the map; the next pool and the Add would not fit."""
    attributes: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [3, 2], "pads": [0, 1, 0, 1], "ceil_mode": 1}
    names = [*"xabc"[: count + 1]]
    nodes = [node(op_type, x, y, **attributes) for x, y in pairwise(names)]
    nodes.append(node("Add", f"{names[-1]} k", "y"))
    proto = model(nodes, [port("x", [1, 2, size, size])], [port("y", None)], {"k": floats(1, 2, 1, 1)}, opset=19)
    check(proto, exact=False, with_tvm=size == 10)


@pytest.mark.parametrize("include", [0, 1])
@pytest.mark.parametrize("op_type", ["MaxPool", "AveragePool"])
def test_a_window_larger_than_the_map_stands_once_where_onnxruntime_has_it(op_type, include):
    attributes: dict[str, Any] = {"kernel_shape": [4, 3], "strides": [2, 3]}
    if op_type == "AveragePool":
        attributes["count_include_pad"] = include
    proto = model([node(op_type, "x", "y", **attributes)], [port("x", [1, 2, 7, 1])], [port("y", None)], opset=19)
    check(proto, exact=False, with_tvm=True)


def test_a_window_that_never_fits_is_refused():
    nodes = [node("MaxPool", "x", "y", kernel_shape=[1, 5], strides=[1, 2])]
    with pytest.raises(TinySegError, match=r"does not fit the input \[1, 2, 7, 3\]"):
        normalized_graph(model(nodes, [port("x", [1, 2, 7, 3])], [port("y", None)]), {}, 1)


# Batch normalisation -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["Conv", "ConvTranspose", "GroupedTranspose", "Gemm", "nothing", "quantised"])
@pytest.mark.parametrize("opset", [7, 9, 15])
def test_batch_normalization_disappears(before, opset):
    constants = {"g": floats(4), "h": floats(4), "m": floats(4), "v": np.abs(floats(4)) + 0.1}
    shape = [1, 4, 5, 5]
    if before == "Conv":
        nodes, constants["w"] = [node("Conv", "x w", "c")], floats(4, 4, 3, 3)
    elif before == "ConvTranspose":
        nodes = [node("ConvTranspose", "x w b", "c")]
        constants |= {"w": floats(4, 4, 3, 3), "b": floats(4)}
    elif before == "GroupedTranspose":
        nodes, constants["w"] = [node("ConvTranspose", "x w", "c", group=2)], floats(4, 2, 3, 3)
    elif before == "Gemm":
        nodes, shape = [node("Gemm", "x w b", "c", transB=1)], [2, 3]
        constants |= {"w": floats(4, 3), "b": floats(4)}
    elif before == "quantised":
        if opset < 13:
            pytest.skip("quantisers exist since opset 10")
        nodes = [node("DequantizeLinear", "w s_w z_w", "wf"), node("Conv", "x wf", "c")]
        constants |= {"w": int8s(4, 4, 3, 3), "s_w": np.float32(0.02), "z_w": np.int8(0)}
    else:
        nodes = [node("Relu", "x", "c")]
    nodes.append(node("BatchNormalization", "c g h m v", "y", epsilon=1e-3))
    proto = model(nodes, [port("x", shape)], [port("y", None)], constants, opset)
    graph = check(proto, exact=False, with_tvm=opset == 15 and before == "nothing")
    assert "BatchNormalization" not in operators(graph)
    assert ("Mul" in operators(graph)) == (before in ("nothing", "quantised"))


def test_batch_normalization_of_a_quantised_sequence_moves_with_it():
    """Its Mul is made after types are inferred, and an axis is added to what it computes."""
    constants = {name: np.abs(floats(4)) + 0.1 for name in "ghmv"}
    constants |= {"w": int8s(4, 3, 3), "s_w": np.float32(0.02), "z_w": np.int8(0)}
    nodes = [node("DequantizeLinear", "w s_w z_w", "wf"), node("Conv", "x wf", "c")]
    nodes += [node("BatchNormalization", "c g h m v", "b"), node("Relu", "b", "y")]
    check(model(nodes, [port("x", [1, 3, 9])], [port("y", None)], constants), exact=False, with_tvm=True)


# Resize --------------------------------------------------------------------------------------------------------------


@pytest.mark.sampled(5)
@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("coordinates", ["asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners"])
@pytest.mark.parametrize("target", [(12, 8), (10, 7), (3, 2)])
def test_resize_to_sizes(mode, coordinates, target):
    attributes = {"mode": mode, "coordinate_transformation_mode": coordinates}
    sizes = np.array([1, 2, *target], np.int64)
    nodes = [node("Resize", "x - - sizes", "y", **attributes)]
    check(
        model(nodes, [port("x", [1, 2, 6, 4])], [port("y", None)], {"sizes": sizes}),
        exact=False,
        with_tvm=target == (10, 7),
    )


def test_resize_scale_that_floors_wrongly_gives_the_declared_size():
    nodes = [node("Resize", "x - scales", "y", mode="linear")]
    scales = np.array([1, 1, 1.6666, 1.6666], np.float32)
    proto = model(nodes, [port("x", [1, 2, 6, 6])], [port("y", [1, 2, 10, 10])], {"scales": scales})
    graph, _ = normalized_graph(proto)
    assert graph.types["y"].shape == (1, 2, 10, 10)
    assert graph.constants[graph.nodes[0].inputs[3]].tolist() == [10, 10]


def test_resize_of_channels_last_is_transposed():
    nodes = [node("Resize", "x - - sizes", "y", mode="nearest")]
    graph = check(
        model(nodes, [port("x", [1, 4, 4, 3])], [port("y", None)], {"sizes": np.array([1, 8, 8, 3], np.int64)})
    )
    assert operators(graph) == ["Transpose", "Resize", "Transpose"]


# Sequences -----------------------------------------------------------------------------------------------------------


def test_quantised_sequence_network_becomes_maps_without_reshapes_between():
    core = [
        *weight_node(axis=0),
        node("Conv", "x wf", "c1", "conv1", pads=[1, 1], strides=[2]),
        node("Relu", "c1", "r1", "relu1"),
        node("QuantizeLinear", "r1 s z", "q1"),
        node("DequantizeLinear", "q1 s z", "d1"),
        node("MaxPool", "d1", "p1", "pool", kernel_shape=[2], strides=[2]),
        node("QuantizeLinear", "p1 s z", "q2"),
        node("DequantizeLinear", "q2 s z", "d2"),
        node("Add", "d2 k", "a", "add"),
        node("QuantizeLinear", "a s z", "q3"),
        node("DequantizeLinear", "q3 s z", "d3"),
        node("AveragePool", "d3", "y", "average", kernel_shape=[2]),
    ]
    constants = {
        "w": int8s(4, 3, 3),
        "s_w": np.abs(floats(4)) * 0.02 + 0.001,
        "z_w": np.zeros(4, np.int8),
        "s": np.float32(0.06),
        "z": np.int8(-9),
        "k": floats(1, 4, 1),
    }
    graph = check(quantized(core, [1, 3, 24], [1, 4, 5], constants))
    assert operators(graph).count("Reshape") == 2
    assert operators(graph)[0] in ("Reshape", "DequantizeLinear")
    assert graph.nodes[-1].op_type == "Reshape"
    assert {len(graph.types[n.inputs[0]].shape) for n in graph.nodes if n.op_type in ("Conv", "MaxPool")} == {4}


@pytest.mark.parametrize(
    "op_type", ["ConvTranspose", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "Resize", "Residual"]
)
def test_float_sequence_operators(op_type):
    constants = {"w": floats(3, 3, 3), "axes": np.array([-1], np.int64), "sizes": np.array([1, 3, 16], np.int64)}
    nodes = {
        "ConvTranspose": [node("ConvTranspose", "x w", "y", strides=[2], output_padding=[1])],
        "ReduceMean": [node("ReduceMean", "x axes", "y", keepdims=0)],
        "Resize": [node("Resize", "x - - sizes", "y")],
        "Residual": [
            node("Conv", "x w", "c", pads=[1, 1]),
            node("Relu", "c", "r"),
            node("Conv", "r w", "e", pads=[1, 1]),
            node("Add", "e r", "a"),
            node("Concat", "a r", "y", axis=1),
        ],
    }.get(op_type, [node(op_type, "x", "y")])
    check(model(nodes, [port("x", [1, 3, 8])], [port("y", None)], constants, opset=18), exact=False)


# Identities ----------------------------------------------------------------------------------------------------------


def test_copies_disappear_and_outputs_keep_their_names():
    nodes = [
        node("Identity", "x", "a"),
        node("Cast", "a", "b", to=TensorProto.FLOAT),
        node("Relu", "b", "c"),
        node("Transpose", "c", "d", perm=[0, 1, 2]),
        node("Concat", "d", "e", axis=0),
        node("Identity", "e", "y"),
    ]
    graph = check(model(nodes, [port("x", [1, 2, 3])], [port("y", [1, 2, 3])]))
    assert operators(graph) == ["Relu"]
    assert graph.outputs == ["y"]


def test_tensor_that_is_two_outputs():
    nodes = [node("Relu", "x", "a"), node("Identity", "a", "b")]
    check(model(nodes, [port("x", [2])], [port("a", [2]), port("b", [2])]))


@pytest.mark.parametrize("op_type", ["Sum", "Mean", "Max", "Min"])
def test_variadic_operators(op_type):
    nodes = [node(op_type, "x c x2", "y")]
    inputs = [port("x", [1, 3, 4]), port("x2", [1, 1, 4])]
    check(model(nodes, inputs, [port("y", [1, 3, 4])], {"c": floats(3, 1)}), exact=False)


def test_reversing_slice_is_no_identity():
    nodes = [node("Slice", "x a b c d", "y")]
    constants = {
        "a": np.array([-1], np.int64),
        "b": np.array([-99], np.int64),
        "c": np.array([1], np.int64),
        "d": np.array([-1], np.int64),
    }
    graph = check(model(nodes, [port("x", [1, 5])], [port("y", [1, 5])], constants))
    assert operators(graph) == ["Slice"]


# Functions -----------------------------------------------------------------------------------------------------------


def test_function_of_the_model_is_inlined():
    body = [node("Relu", "a", "t"), node("Add", "t t", "b")]
    function = helper.make_function("mine", "Twice", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    proto = model(
        [node("Twice", "x", "h", "one", "mine"), node("Twice", "h", "y", "two", "mine")],
        [port("x", [3])],
        [port("y", [3])],
    )
    proto.opset_import.append(helper.make_opsetid("mine", 1))
    proto.functions.append(function)
    graph = check(proto)
    assert operators(graph) == ["Relu", "Add", "Relu", "Add"]


@pytest.mark.parametrize(("op_type", "opset"), [("Celu", 17), ("Swish", 24)])
def test_operator_that_onnx_defines_by_others(op_type, opset):
    check(model([node(op_type, "x", "y", alpha=0.7)], [port("x", [9])], [port("y", [9])], opset=opset), exact=False)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("opset", [18, 21])
@pytest.mark.parametrize("shape", [(2, 4, 3, 5), (1, 6, 7)])
def test_group_normalization(opset, shape):
    factors = 2 if opset < 21 else shape[1]  # per group, later per channel
    nodes = [node("GroupNormalization", "x s b", "y", "norm", num_groups=2, epsilon=1e-3), node("Relu", "y", "z")]
    constants = {"s": floats(factors), "b": floats(factors)}
    graph = check(model(nodes, [port("x", shape)], [port("z", shape)], constants, opset), exact=False)
    assert "GroupNormalization" not in operators(graph)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("opset", [9, 13, 18])
@pytest.mark.parametrize("axes", [None, [1, 2]])
def test_mean_variance_normalization(opset, axes):
    attributes = {} if axes is None else {"axes": axes}
    proto = model([node("MeanVarianceNormalization", "x", "y", **attributes)], [port("x", [2, 3, 4, 5])],
                  [port("y", [2, 3, 4, 5])], {}, opset)  # fmt: skip
    check(proto, exact=False)
