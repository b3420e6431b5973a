"""The references agree with ONNX Runtime operator by operator.

QLinear kernels (int8 x int8) exactly; where ONNX Runtime computes in float, in another order or with folded scales,
within one unit, and the share of such values is bounded and printed (``pytest -s``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from tests.operators.operator_cases import CASES, Case, generators, int8_array, int8s, of_type, resize_table
from tinyseg_tvm.operators import (
    ArgMax,
    AveragePool2d,
    Concat,
    Dense,
    DepthToSpace,
    Elementwise,
    GlobalPool,
    Pad,
    Resize2d,
    Slice,
    Softmax,
)
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.operators.arithmetic.onnx_functions import conv_multiplier, dequantize, lookup_table, quantize

ort = pytest.importorskip("onnxruntime")

SETTINGS = settings(max_examples=60, suppress_health_check=list(HealthCheck))
TYPES = {
    "int8": TensorProto.INT8,
    "uint8": TensorProto.UINT8,
    "float32": TensorProto.FLOAT,
    "int64": TensorProto.INT64,
}


def execute(
    nodes: list[Any], inputs: dict[str, np.ndarray], constants: dict[str, Any], output: str = "int8"
) -> np.ndarray:
    """Result ``y`` of the nodes in ONNX Runtime, graph optimisations off."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, TYPES[str(a.dtype)], a.shape) for name, a in inputs.items()],
        [helper.make_tensor_value_info("y", TYPES[output], None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    result: np.ndarray = session.run(None, inputs)[0]
    return result


class Differences:
    """Counts values that differ by one unit; more is an error at once."""

    def __init__(self) -> None:
        self.values = self.different = 0

    def add(self, result: np.ndarray, expected: np.ndarray) -> None:
        assert result.shape == expected.shape
        distance = np.abs(result.astype(int) - expected.astype(int))
        assert distance.max(initial=0) <= 1
        self.values += distance.size
        self.different += int(distance.sum())

    def report(self, what: str, share: float) -> None:
        print(f"{what}: {self.different} of {self.values} values differ by one unit")
        # a share is one of known examples: others may hit more ties
        assert self.different <= share * self.values or not settings().derandomize


def nchw(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2))


def nhwc(array: np.ndarray) -> np.ndarray:
    result: np.ndarray = array.transpose(0, 2, 3, 1)
    return result


def dequantized(name: str) -> Any:
    return helper.make_node("DequantizeLinear", [name, f"{name}_scale", f"{name}_zero"], [f"{name}_real"])


QUANTIZED = helper.make_node("QuantizeLinear", ["y_real", "y_scale", "y_zero"], ["y"])


def parameters(name: str, scale: float | np.float32, zero_point: int) -> dict[str, Any]:
    return {f"{name}_scale": np.float32(scale), f"{name}_zero": np.int8(zero_point)}


def with_scales(case: Case, rng: np.random.Generator) -> tuple[Case, np.float32, np.ndarray, np.float32]:
    """The case without clamp, int8 weights, and multipliers made of scales, which are returned."""
    weight = case.constants["weight"]
    if weight.dtype == np.int16:
        weight = (weight // 2).astype(np.int8)
    x_scale, y_scale = np.float32(rng.uniform(0.001, 0.1)), np.float32(rng.uniform(0.01, 0.5))
    w_scale = (case.constants["multiplier"].astype(np.float64) * y_scale / x_scale).astype(np.float32)
    constants = {**case.constants, "weight": weight, "multiplier": conv_multiplier(x_scale, w_scale, y_scale)}
    operator = case.operator.clamped(-128, 127)
    return Case(operator, case.inputs, constants), x_scale, w_scale, y_scale


@SETTINGS
@given(CASES["conv2d"](), generators)
def test_conv2d_equals_qlinear_conv(case, rng):
    case, x_scale, w_scale, y_scale = with_scales(case, rng)
    op = case.operator
    node = helper.make_node(
        "QLinearConv",
        ["x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero", "b"],
        ["y"],
        strides=op.strides,
        pads=op.padding,
        dilations=op.dilation,
        group=op.groups,
    )
    constants = {
        **parameters("x", x_scale, op.arithmetic.input_zero_point),
        **parameters("y", y_scale, op.arithmetic.output_zero_point),
        "w": nchw(case.constants["weight"]),
        "w_scale": w_scale,
        "w_zero": np.zeros(len(w_scale), np.int8),
        "b": case.constants["bias"],
    }
    expected = execute([node], {"x": nchw(np.concatenate(case.inputs, 3))}, constants)
    np.testing.assert_array_equal(case.run()[0], nhwc(expected))


extents = st.tuples(st.integers(1, 5), st.integers(1, 40), st.integers(1, 40))


@SETTINGS
@given(generators, extents, int8s, int8s)
def test_dense_equals_qlinear_matmul(rng, shape, zero_point, output_zero_point):
    rows, depth, outputs = shape
    x, weight = int8_array(rng, (rows, depth)), int8_array(rng, (outputs, depth))
    x_scale, w_scale, y_scale = (np.float32(v) for v in rng.uniform(0.01, 0.1, 3))
    y_scale *= np.float32(np.sqrt(depth) * 10)
    operator = Dense(False, onnx.WeightedSum(zero_point, output_zero_point, -128, 127))
    constants = {
        "weight": weight,
        "bias": np.zeros(outputs, np.int32),
        "multiplier": np.full(outputs, conv_multiplier(float(x_scale), w_scale, float(y_scale))),
    }
    node = helper.make_node(
        "QLinearMatMul", ["x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero"], ["y"]
    )
    tensors = {
        **parameters("x", x_scale, zero_point),
        **parameters("w", w_scale, 0),
        **parameters("y", y_scale, output_zero_point),
        "w": np.ascontiguousarray(weight.T),
    }
    np.testing.assert_array_equal(operator.reference([x], constants)[0], execute([node], {"x": x}, tensors))


def test_conv2d_transpose_agrees_with_the_float_operator():
    differences = Differences()

    @SETTINGS
    @given(CASES["conv2d_transpose"](), generators)
    def check(case, rng):
        case, x_scale, w_scale, y_scale = with_scales(case, rng)
        op = case.operator
        assume(all(p < s for p, s in zip(op.output_padding, op.strides, strict=True)))
        w_scale[:] = w_scale[0]
        constants = {**case.constants, "multiplier": conv_multiplier(float(x_scale), w_scale, float(y_scale))}
        weight = case.constants["weight"]  # (O, KH, KW, I / groups) to ONNX's (I, O / groups, KH, KW)
        outputs, kh, kw, depth = weight.shape
        grouped = weight.reshape(op.groups, outputs // op.groups, kh, kw, depth).transpose(0, 4, 1, 2, 3)
        nodes = [
            dequantized("x"),
            helper.make_node(
                "ConvTranspose",
                ["x_real", "w", "b"],
                ["y_real"],
                strides=op.strides,
                pads=op.padding,
                dilations=op.dilation,
                output_padding=op.output_padding,
                group=op.groups,
            ),
            QUANTIZED,
        ]
        tensors = {
            **parameters("x", x_scale, op.arithmetic.input_zero_point),
            **parameters("y", y_scale, op.arithmetic.output_zero_point),
            "w": grouped.reshape(-1, outputs // op.groups, kh, kw).astype(np.float32) * w_scale[0],
            "b": case.constants["bias"].astype(np.float32) * (x_scale * w_scale[0]),
        }
        expected = execute(nodes, {"x": nchw(case.inputs[0])}, tensors)
        differences.add(replace(case, constants=constants).run()[0], nhwc(expected))

    check()
    differences.report("conv2d_transpose", 0.005)


def test_max_pool_equals_max_pool():
    @SETTINGS
    @given(CASES["max_pool2d"]())
    def check(case):
        op = case.operator
        node = helper.make_node(
            "MaxPool", ["x"], ["y"], kernel_shape=op.kernel, strides=op.strides, pads=op.padding, dilations=op.dilation
        )
        np.testing.assert_array_equal(case.run()[0], nhwc(execute([node], {"x": nchw(case.inputs[0])}, {})))

    check()


@pytest.mark.parametrize("form", ["QLinearAveragePool", "AveragePool"])
def test_average_pool_agrees(form):
    differences = Differences()

    @SETTINGS
    @given(CASES["average_pool2d"]())
    def check(case):
        op = of_type(case.operator, AveragePool2d)
        rule = of_type(op.arithmetic, onnx.Average)
        attributes = {
            "kernel_shape": op.kernel,
            "strides": op.strides,
            "pads": op.padding,
            "count_include_pad": int(op.count_include_pad),
        }
        tensors = {
            **parameters("x", rule.input_scale, rule.input_zero_point),
            **parameters("y", rule.output_scale, rule.output_zero_point),
        }
        if form == "AveragePool":
            nodes = [dequantized("x"), helper.make_node(form, ["x_real"], ["y_real"], **attributes), QUANTIZED]
        else:
            names = ["x", "x_scale", "x_zero", "y_scale", "y_zero"]
            nodes = [helper.make_node(form, names, ["y"], domain="com.microsoft", **attributes)]
        differences.add(case.run()[0], nhwc(execute(nodes, {"x": nchw(case.inputs[0])}, tensors)))

    check()
    differences.report(form, 0.02)


@pytest.mark.parametrize("form", ["QLinearGlobalAveragePool", "GlobalAveragePool"])
def test_global_average_pool_agrees(form):
    differences = Differences()

    @SETTINGS
    @given(CASES["global_pool"]())
    def check(case):
        op = of_type(case.operator, GlobalPool)
        assume(op.function == "average")
        rule = of_type(op.arithmetic, onnx.Average)
        tensors = {
            **parameters("x", rule.input_scale, rule.input_zero_point),
            **parameters("y", rule.output_scale, rule.output_zero_point),
        }
        if form == "GlobalAveragePool":
            nodes = [dequantized("x"), helper.make_node(form, ["x_real"], ["y_real"]), QUANTIZED]
        else:
            names = ["x", "x_scale", "x_zero", "y_scale", "y_zero"]
            nodes = [helper.make_node(form, names, ["y"], domain="com.microsoft")]
        differences.add(case.run()[0], nhwc(execute(nodes, {"x": nchw(case.inputs[0])}, tensors)))

    check()
    differences.report(form, 0.02)


def every_pair() -> tuple[np.ndarray, np.ndarray]:
    """All 65,536 pairs of int8 values."""
    codes = np.arange(-128, 128).astype(np.int8)
    return np.repeat(codes, 256), np.tile(codes, 256)


QUANTISATIONS = [
    (0.1, 0, 0.07, 0, 0.15, 0),
    (0.0234567, -128, 0.0312345, 5, 0.0491234, -71),
    (0.5, 127, 0.25, -128, 1.0, 3),
    (0.003921569, -128, 0.003921569, -128, 0.007843138, -128),
]


@pytest.mark.parametrize("function", ["add", "sub", "mul"])
@pytest.mark.parametrize("quantisation", QUANTISATIONS)
def test_elementwise_equals_the_float_operator_on_every_pair(function, quantisation):
    lhs_scale, lhs_zero, rhs_scale, rhs_zero, scale, zero = quantisation
    a, b = every_pair()
    operator = Elementwise(function, onnx.Binary(lhs_scale, lhs_zero, rhs_scale, rhs_zero, scale, zero, -128, 127))
    nodes = [
        dequantized("a"),
        dequantized("b"),
        helper.make_node(function.capitalize(), ["a_real", "b_real"], ["y_real"]),
        QUANTIZED,
    ]
    tensors = {
        **parameters("a", lhs_scale, lhs_zero),
        **parameters("b", rhs_scale, rhs_zero),
        **parameters("y", scale, zero),
    }
    np.testing.assert_array_equal(operator.reference([a, b], {})[0], execute(nodes, {"a": a, "b": b}, tensors))


@pytest.mark.parametrize("function", ["add", "mul"])
def test_elementwise_agrees_with_qlinear_kernels_on_every_pair(function):
    differences = Differences()
    a, b = every_pair()
    for lhs_scale, lhs_zero, rhs_scale, rhs_zero, scale, zero in QUANTISATIONS:
        operator = Elementwise(function, onnx.Binary(lhs_scale, lhs_zero, rhs_scale, rhs_zero, scale, zero, -128, 127))
        names = ["a", "a_scale", "a_zero", "b", "b_scale", "b_zero", "y_scale", "y_zero"]
        node = helper.make_node(f"QLinear{function.capitalize()}", names, ["y"], domain="com.microsoft")
        tensors = {
            **parameters("a", lhs_scale, lhs_zero),
            **parameters("b", rhs_scale, rhs_zero),
            **parameters("y", scale, zero),
        }
        differences.add(operator.reference([a, b], {})[0], execute([node], {"a": a, "b": b}, tensors))
    # QLinearAdd rounds after adding the zero point, so ties go the other way where that is odd; the third quantisation
    # has ties in a quarter of its pairs.
    differences.report(f"QLinear{function.capitalize()}", 0.1)


def test_concat_with_requantising_tables_equals_qlinear_concat():
    rng = np.random.default_rng(0)
    differences = Differences()
    for scales in ((0.1, 0.1, 0.1), (0.1, 0.05, 0.2), (0.02, 0.03, 0.025)):
        arrays = [int8_array(rng, (1, 5, 4, c)) for c in (3, 2)]
        zeros = (-20, 7, 11)
        moved = [
            lookup_table(lambda x: x, (scale, zero, "int8"), (scales[2], zeros[2], "int8"))[array.view(np.uint8)]
            for scale, zero, array in zip(scales, zeros, arrays, strict=False)
        ]
        node = helper.make_node(
            "QLinearConcat",
            ["y_scale", "y_zero", "a", "a_scale", "a_zero", "b", "b_scale", "b_zero"],
            ["y"],
            domain="com.microsoft",
            axis=3,
        )
        tensors = {
            **parameters("a", scales[0], zeros[0]),
            **parameters("b", scales[1], zeros[1]),
            **parameters("y", scales[2], zeros[2]),
        }
        expected = execute([node], dict(zip("ab", arrays, strict=True)), tensors)
        differences.add(Concat(3).reference(moved, {})[0], expected)
    differences.report("QLinearConcat", 0)


def test_softmax_agrees_with_the_float_operator():
    differences = Differences()

    @SETTINGS
    @given(generators, st.integers(1, 20), st.sampled_from([0.01, 0.1, 0.5]), int8s)
    def check(rng, classes, scale, zero_point):
        x = int8_array(rng, (4, classes))
        table = np.exp(-np.arange(256) * np.float64(np.float32(scale))).astype(np.float32)
        nodes = [dequantized("x"), helper.make_node("Softmax", ["x_real"], ["y_real"], axis=-1), QUANTIZED]
        tensors = {**parameters("x", scale, zero_point), **parameters("y", 1 / 256, -128)}
        differences.add(
            Softmax(onnx.Softmax(1 / 256, -128)).reference([x], {"table": table})[0], execute(nodes, {"x": x}, tensors)
        )

    check()
    differences.report("Softmax", 0.01)


def test_resize_agrees_with_the_float_operator():
    differences = Differences()

    @SETTINGS
    @given(generators, st.tuples(*[st.integers(1, 8)] * 4), int8s, int8s, st.sampled_from([0.1, 0.13]))
    def check(rng, extents, zero_point, output_zero_point, scale):
        height, width, rows, columns = extents
        x = int8_array(rng, (1, height, width, 3))
        operator = Resize2d("linear", onnx.Interpolation(0.1, zero_point, scale, output_zero_point))
        names = ("rows", "row_weights", "columns", "column_weights")
        tables = (*resize_table(height, rows, True), *resize_table(width, columns, True))
        node = helper.make_node(
            "Resize",
            ["x_real", "", "", "sizes"],
            ["y_real"],
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )
        tensors = {
            **parameters("x", 0.1, zero_point),
            **parameters("y", scale, output_zero_point),
            "sizes": np.array([1, 3, rows, columns], np.int64),
        }
        expected = execute([dequantized("x"), node, QUANTIZED], {"x": nchw(x)}, tensors)
        differences.add(operator.reference([x], dict(zip(names, tables, strict=True)))[0], nhwc(expected))

    check()
    differences.report("Resize linear", 0.03)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("keepdims", [False, True])
def test_argmax_equals_argmax(last, keepdims):
    x = np.random.default_rng(0).integers(-3, 4, (1, 6, 5, 7)).astype(np.int8)
    node = helper.make_node("ArgMax", ["x"], ["y"], axis=3, keepdims=int(keepdims), select_last_index=int(last))
    result = ArgMax(keepdims, last, "int64").reference([x], {})[0]
    np.testing.assert_array_equal(result, execute([node], {"x": x}, {}, "int64"))


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_to_space_equals_depth_to_space(mode):
    x = np.random.default_rng(0).normal(size=(1, 4, 3, 12)).astype(np.float32)
    node = helper.make_node("DepthToSpace", ["x"], ["y"], blocksize=2, mode=mode)
    result = DepthToSpace(2, mode).reference([x], {})[0]
    np.testing.assert_array_equal(result, nhwc(execute([node], {"x": nchw(x)}, {}, "float32")))


def test_pad_and_slice_equal_pad_and_slice():
    x = np.random.default_rng(0).integers(-128, 128, (1, 5, 4, 3), dtype=np.int8)
    node = helper.make_node("Pad", ["x", "pads", "value"], ["y"])
    constants = {"pads": np.array([0, 1, 2, 0, 0, 3, 0, 1]), "value": np.int8(7)}
    result = Pad((0, 1, 2, 0), (0, 3, 0, 1), 7.0).reference([x], {})[0]
    np.testing.assert_array_equal(result, execute([node], {"x": x}, constants))
    node = helper.make_node("Slice", ["x", "starts", "ends", "axes", "steps"], ["y"])
    constants = {"starts": [1, 0], "ends": [5, 3], "axes": [1, 2], "steps": [2, 2]}
    result = Slice((0, 1, 0, 0), (1, 5, 3, 3), (1, 2, 2, 1)).reference([x], {})[0]
    np.testing.assert_array_equal(result, execute([node], {"x": x}, {k: np.array(v) for k, v in constants.items()}))


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("scale", [0.1, 0.0039215688593685627, 0.3333])
def test_quantize_and_dequantize_equal_the_linear_operators(dtype, scale):
    rng = np.random.default_rng(0)
    zero = 7
    halves = (np.arange(-400, 400, dtype=np.float32) / 2 * np.float32(scale)).astype(np.float32)
    x = np.concatenate([rng.normal(0, 20, 4000), halves, [1e30, -1e30, np.inf, -np.inf]]).astype(np.float32)
    constants = {"s": np.float32(scale), "z": np.dtype(dtype).type(zero)}
    node = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"])
    codes = execute([node], {"x": x}, constants, dtype)
    np.testing.assert_array_equal(quantize(x, scale, zero, dtype), codes)
    node = helper.make_node("DequantizeLinear", ["x", "s", "z"], ["y"])
    np.testing.assert_array_equal(dequantize(codes, scale, zero), execute([node], {"x": codes}, constants, "float32"))


@pytest.mark.parametrize(
    ("operation", "function"),
    [
        ("Relu", lambda x: np.maximum(x, 0)),
        ("Sigmoid", lambda x: 1 / (1 + np.exp(-x.astype(np.float64)))),
        ("Tanh", lambda x: np.tanh(x.astype(np.float64))),
        ("HardSigmoid", lambda x: np.clip(np.float32(0.2) * x + np.float32(0.5), 0, 1)),
    ],
)
def test_tables_agree_with_the_float_activation(operation, function):
    x = np.arange(-128, 128).astype(np.int8)
    table = lookup_table(function, (0.05, 3, "int8"), (1 / 128, -9, "int8"))
    nodes = [dequantized("x"), helper.make_node(operation, ["x_real"], ["y_real"]), QUANTIZED]
    tensors = {**parameters("x", 0.05, 3), **parameters("y", 1 / 128, -9)}
    differences = Differences()
    differences.add(table[x.view(np.uint8)], execute(nodes, {"x": x}, tensors))
    differences.report(operation, 0.02)
