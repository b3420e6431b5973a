"""Every operator family: which integer operators it becomes, and that these compute what ONNX Runtime does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.passes.evaluation import MOVEMENT, bindings_of, census, evaluate
from tests.passes.qdq_models import OPSET, QdqModel, random_inputs, run_onnxruntime
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import OperatorSupport, from_onnx, supported_operators
from tinyseg_tvm.relay_passes import integer_pipeline
from tinyseg_tvm.relay_passes.operators_registration import operator_of


def lowered(model: onnx.ModelProto) -> Any:
    imported = from_onnx(model)
    module = imported[0] if isinstance(imported, tuple) else imported
    return integer_pipeline()(module)


def check(model: onnx.ModelProto, kinds: set[str], within: int = 0, share: float = 0.0) -> Any:
    """The model becomes exactly the tinyseg ``kinds`` and data movement, and agrees with ONNX Runtime.

    Args:
        model: what to lower.
        kinds: of the tinyseg operators.
        within: largest difference allowed, in steps of the result.
        share: of elements that may differ at all.
    """
    module = lowered(model)
    found = {kind for kind in census(module) if kind not in MOVEMENT}
    assert found == {f"tinyseg.{kind}" for kind in kinds}
    for seed in range(3):
        inputs = random_inputs(model, seed)
        for expected, actual in zip(run_onnxruntime(model, inputs), evaluate(module, inputs), strict=True):
            assert actual.shape == expected.shape
            assert actual.dtype == expected.dtype
            difference = np.abs(actual.astype(np.int64) - expected.astype(np.int64))
            assert difference.max(initial=0) <= within
            assert (difference > 0).mean() <= share
    return module


def convolution(
    *,
    inputs: int = 4,
    outputs: int = 6,
    kernel: tuple[int, ...] = (3, 3),
    groups: int = 1,
    size: tuple[int, ...] = (7, 9),
    axis: int | None = 0,
    bias: bool = True,
    dtype: Any = np.int8,
    output: tuple[float, int] = (0.3, -5),
    then: Callable[[QdqModel, str], str] = lambda model, x: x,
    **attributes: Any,
) -> onnx.ModelProto:
    model = QdqModel()
    x = model.activation(1, inputs, *size)
    w = model.weight(outputs, inputs // groups, *kernel, axis=axis, dtype=dtype)
    operands = [x, w, model.bias(outputs, x, w)] if bias else [x, w]
    y = model.op("Conv", *operands, name="the_conv", group=groups, **attributes)
    return model.build(model.quantize(then(model, y), *output))


# A float convolution of these sizes rounds its sum; a result on the edge between two steps may fall the other way.
EDGE: dict[str, Any] = {"within": 1, "share": 0.01}


@pytest.mark.parametrize(
    "options",
    [
        {"pads": [1, 1, 1, 1]},
        {"pads": [0, 1, 2, 3], "strides": [2, 1]},
        {"dilations": [2, 2], "pads": [2, 2, 2, 2], "axis": None},
        {"groups": 4, "inputs": 4, "outputs": 4, "pads": [1, 1, 1, 1]},
        {"groups": 4, "inputs": 4, "outputs": 8},
        {"groups": 2, "inputs": 4, "outputs": 6, "bias": False},
        {"kernel": (1, 1)},
        {"dtype": np.uint8, "axis": None},
        {"kernel": (3,), "size": (20,), "pads": [2, 1], "strides": [2]},
        {"kernel": (3,), "size": (20,), "dilations": [3], "groups": 4, "outputs": 4},
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    ],
)
def test_convolution(options: dict[str, Any]) -> None:
    check(convolution(**options), {"conv2d"}, **EDGE)


def test_asymmetric_weights_become_int16_where_they_leave_int8() -> None:
    module = lowered(convolution(dtype=np.uint8, axis=None))
    weights = [str(value.args[1].ty.dtype) for name, value in bindings_of(module) if name == "the_conv"]
    assert weights == ["int16"]


@pytest.mark.parametrize("output", [(0.3, -128), (0.3, -5), (0.3, 40)])
def test_relu_clamps_at_the_zero_point(output: tuple[float, int]) -> None:
    module = check(convolution(output=output, then=lambda m, x: m.op("Relu", x)), {"conv2d"}, **EDGE)
    (call,) = [value for name, value in bindings_of(module) if name == "the_conv"]
    assert operator_of(call).clamp == (output[1], 127)


def test_relu6_clamps_at_both_ends() -> None:
    def clip(model: QdqModel, x: str) -> str:
        return str(model.op("Clip", x, model.constant(np.float32(0)), model.constant(np.float32(6))))

    module = check(convolution(output=(0.1, -28), then=clip), {"conv2d"}, **EDGE)
    (call,) = [value for name, value in bindings_of(module) if name == "the_conv"]
    assert operator_of(call).clamp == (-28, 32)


def test_relu_behind_a_quantisation_of_its_own_is_fused_too() -> None:
    def requantized_relu(model: QdqModel, x: str) -> str:
        return str(model.op("Relu", model.dequantize(model.quantize(x, 0.3, -5), 0.3, -5)))

    module = check(convolution(then=requantized_relu), {"conv2d"}, **EDGE)
    (call,) = [value for name, value in bindings_of(module) if name == "the_conv"]
    assert operator_of(call).clamp == (-5, 127)


def test_relu_of_a_result_with_another_reader_stays_a_table() -> None:
    model = QdqModel()
    x = model.activation(1, 4, 5, 5)
    q = model.quantize(model.op("Conv", x, model.weight(4, 4, 1, 1)), 0.3, -5)
    relu = model.op("Relu", model.dequantize(q, 0.3, -5))
    check(model.build(q, model.quantize(relu, 0.3, -5)), {"conv2d", "lookup"}, **EDGE)


def test_result_quantised_twice_alike_is_computed_once() -> None:
    model = QdqModel()
    y = model.op("Conv", model.activation(1, 4, 5, 5), model.weight(4, 4, 1, 1))
    z = model.op("MaxPool", model.dequantize(model.quantize(y, 0.3, -5), 0.3, -5), kernel_shape=[2, 2])
    module = check(
        model.build(model.quantize(y, 0.3, -5), model.quantize(z, 0.3, -5)), {"conv2d", "max_pool2d"}, **EDGE
    )
    assert census(module)["tinyseg.conv2d"] == 1


def test_float_bias_is_rounded_to_the_accumulator() -> None:
    model = QdqModel()
    x = model.activation(1, 4, 5, 5)
    bias = model.constant(model.random.normal(0, 1, 6).astype(np.float32))
    check(model.build(model.quantize(model.op("Conv", x, model.weight(6, 4, 3, 3), bias), 0.3)), {"conv2d"}, **EDGE)


def test_bias_of_another_scale_is_rescaled() -> None:
    model = QdqModel()
    x = model.activation(1, 4, 5, 5)
    bias = model.dequantize(model.constant(model.random.integers(-90, 90, 6).astype(np.int32)), 0.02, 0, np.int32)
    check(model.build(model.quantize(model.op("Conv", x, model.weight(6, 4, 3, 3), bias), 0.3)), {"conv2d"}, **EDGE)


@pytest.mark.parametrize("bias", [2**31 - 1, -(2**31), 2**31 - 600, -(2**31) + 60000, 2e12])
def test_channel_whose_bias_leaves_no_room_in_int32_stays_an_integer_one(bias: float) -> None:
    """Beside a channel with room; its own result is the same for every input."""
    model = QdqModel()
    x = model.activation(1, 4, 5, 5)
    weight = model.weight(2, 4, 3, 3, scale=1e-9)
    if isinstance(bias, int):
        scale = np.float32(0.05) * np.float32(1e-9)
        stored = model.dequantize(model.constant(np.array([bias, 70_000_000], np.int32)), scale, 0, np.int32)
    else:
        stored = model.constant(np.array([bias * 0.05 * 1e-9, 0.004], np.float32))
    y = model.op("Conv", x, weight, stored, pads=[1, 1, 1, 1])
    check(model.build(model.quantize(y, abs(bias) * 0.05e-9 / 90, -10)), {"conv2d"}, **EDGE)


def test_bias_of_silent_channel_is_exact_at_any_scale() -> None:
    model = QdqModel()
    x = model.activation(1, 4, 5, 5)
    weight = model.dequantize(model.constant(np.zeros((2, 4, 1, 1), np.int8)), [1e-30, 1e-30], [0, 0], axis=0)
    bias = model.dequantize(model.constant(np.array([60, -34], np.int32)), [0.5, 0.25], [0, 0], np.int32, axis=0)
    check(model.build(model.quantize(model.op("Conv", x, weight, bias), 0.3)), {"conv2d"})


@pytest.mark.parametrize(
    ("groups", "attributes"),
    [
        (1, {"strides": [2, 2]}),
        (1, {"strides": [2, 2], "pads": [1, 0, 0, 1], "output_padding": [1, 1]}),
        (2, {"strides": [2, 1], "dilations": [2, 2]}),
    ],
)
def test_transposed_convolution(groups: int, attributes: dict[str, Any]) -> None:
    model = QdqModel()
    x = model.activation(1, 4, 5, 6)
    w = model.weight(4, 6 // groups, 3, 3, axis=1 if groups == 1 else None)
    b = model.constant(model.random.normal(0, 1, 6).astype(np.float32))
    y = model.op("ConvTranspose", x, w, b, group=groups, **attributes)
    check(model.build(model.quantize(y, 0.3, -5)), {"conv2d_transpose"}, **EDGE)


@pytest.mark.parametrize("axis", [None, 1])
def test_matmul_and_add(axis: int | None) -> None:
    model = QdqModel()
    x = model.activation(1, 30)
    w = model.weight(30, 8, axis=axis)
    y = model.op("Add", model.op("MatMul", x, w, name="the_matmul"), model.bias(8, x, w))
    module = check(model.build(model.quantize(model.op("Relu", y), 0.2, -100)), {"dense"}, **EDGE)
    assert "the_matmul" in [name for name, _ in bindings_of(module)]


def test_matmul_and_add_with_a_quantisation_between() -> None:
    model = QdqModel()
    y = model.dequantize(model.quantize(model.op("MatMul", model.activation(1, 30), model.weight(30, 8)), 0.2), 0.2)
    z = model.op("Add", y, model.weight(8, scale=0.1))
    check(model.build(model.quantize(z, 0.2, 7)), {"dense", "elementwise_constant"}, **EDGE)


@pytest.mark.parametrize("shape", [(1, 12), (5, 12)])
def test_gemm(shape: tuple[int, ...]) -> None:
    model = QdqModel()
    x = model.activation(*shape)
    w = model.weight(7, 12, axis=0)
    y = model.op("Gemm", x, w, model.bias(7, x, w), transB=1)
    check(model.build(model.quantize(y, 0.2)), {"dense"}, **EDGE)


@pytest.mark.parametrize("function", ["Add", "Sub", "Mul"])
@pytest.mark.parametrize(
    ("lhs", "rhs"),
    [((1, 3, 4, 5), (1, 3, 4, 5)), ((1, 3, 4, 5), (1, 3, 1, 1)), ((1, 3, 1, 1), (1, 3, 4, 5)), ((1, 7), (1, 7))],
)
def test_elementwise(function: str, lhs: tuple[int, ...], rhs: tuple[int, ...]) -> None:
    model = QdqModel()
    y = model.op(function, model.activation(*lhs), model.activation(*rhs, scale=0.031, zero_point=-17))
    check(model.build(model.quantize(y, 0.08, 5)), {"elementwise"})


def test_elementwise_clamps() -> None:
    model = QdqModel()
    y = model.op("Add", model.activation(1, 3, 4, 5), model.activation(1, 3, 4, 5, scale=0.03))
    check(model.build(model.quantize(model.op("Relu", y), 0.08, 5)), {"elementwise"})


@pytest.mark.parametrize("shape", [(3, 1, 1), (1, 3, 1, 1), (1, 3, 4, 5), (5,), (4, 5)])
@pytest.mark.parametrize("swapped", [False, True])
def test_elementwise_with_a_constant(shape: tuple[int, ...], swapped: bool) -> None:
    model = QdqModel()
    operands = [model.activation(1, 3, 4, 5), model.weight(*shape, scale=0.05)]
    y = model.op("Sub", *(reversed(operands) if swapped else operands))
    check(model.build(model.quantize(y, 0.09, 5)), {"elementwise_constant"})


def unary(build: Callable[[QdqModel, str], str], output: tuple[float, int] = (0.02, -7)) -> onnx.ModelProto:
    model = QdqModel()
    return model.build(model.quantize(build(model, model.activation(1, 4, 8, 8)), *output))


UNARY: dict[str, Callable[[QdqModel, str], str]] = {
    "sigmoid": lambda m, x: m.op("Sigmoid", x),
    "tanh": lambda m, x: m.op("Tanh", x),
    "leaky_relu": lambda m, x: m.op("LeakyRelu", x, alpha=0.2),
    "scalar_prelu": lambda m, x: m.op("PRelu", x, m.constant(np.full((1, 1, 1), 0.3, np.float32))),
    "hard_sigmoid": lambda m, x: m.op("HardSigmoid", x),
    "hard_swish": lambda m, x: m.op("HardSwish", x),
    "swish": lambda m, x: m.op("Mul", x, m.op("Sigmoid", x)),
    "elu": lambda m, x: m.op("Elu", x, alpha=0.7),
    "selu": lambda m, x: m.op("Selu", x),
    "softplus": lambda m, x: m.op("Softplus", x),
    "exp": lambda m, x: m.op("Exp", x),
    "abs": lambda m, x: m.op("Abs", x),
    "clip": lambda m, x: m.op("Clip", x, m.constant(np.float32(-0.4)), m.constant(np.float32(1.9))),
    "square": lambda m, x: m.op("Mul", x, x),
    "divide_by_scalar": lambda m, x: m.op("Div", x, m.constant(np.float32(3))),
    "times_quantised_scalar": lambda m, x: m.op("Mul", x, m.weight(1, scale=0.5)),
    "requantise": lambda m, x: x,
}


@pytest.mark.parametrize("function", UNARY)
def test_unary_function_is_one_table(function: str) -> None:
    # ONNX Runtime's own sigmoid, tanh and exp are approximations in float32: a result on an edge may differ.
    module = check(unary(UNARY[function]), {"lookup"}, within=1, share=0.02)
    assert census(module)["tinyseg.lookup"] == 1


def functions_of_one_tensor() -> list[OperatorSupport]:
    """Rows of ``tinyseg ops`` that may be tables: of one operand, and no attribute that must be stated."""
    rows = []
    for row in supported_operators():
        if onnx.defs.has(row.name, OPSET) and ("lookup" in row.detail or row.route in ("by line", "long tail")):
            schema = onnx.defs.get_schema(row.name, OPSET)
            required = any(attribute.required for attribute in schema.attributes.values())
            if schema.min_input == schema.max_input == 1 and not required:
                rows.append(row)
    return rows


def by_name(name: str, model: QdqModel, x: str) -> str:
    return str(model.op(name, x))


def test_the_list_of_operators_says_truly_which_functions_become_tables() -> None:
    rows = functions_of_one_tensor()
    assert len(rows) > 35
    found, listed = set(), {row.name for row in rows if "lookup" in row.detail}
    for row in rows:
        try:
            module = lowered(unary(partial(by_name, row.name)))
        except (TinySegError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError):
            continue  # it is not of float32
        if {kind for kind in census(module) if kind not in MOVEMENT} == {"tinyseg.lookup"}:
            found.add(row.name)
    assert found == listed


def test_quantised_chain_of_unary_functions_is_one_table() -> None:
    def chain(model: QdqModel, x: str) -> str:
        y = model.dequantize(model.quantize(model.op("Add", x, model.constant(np.float32(3))), 0.06), 0.06)
        clipped = model.op("Clip", y, model.constant(np.float32(0)), model.constant(np.float32(6)))
        z = model.dequantize(model.quantize(clipped, 0.03), 0.03)
        return str(model.op("Mul", z, model.constant(np.float32(1 / 6))))

    module = check(unary(chain), {"lookup"})
    assert census(module) == {"tinyseg.lookup": 1}


def test_conversion_between_uint8_and_int8_is_a_table_at_the_edge() -> None:
    model = QdqModel()
    x = model.dequantize(model.input(1, 4, 8, 8, dtype=TensorProto.UINT8), 0.05, 100, np.uint8)
    y = model.op("MaxPool", model.dequantize(model.quantize(x, 0.05, -28), 0.05, -28), kernel_shape=[2, 2])
    check(model.build(model.quantize(y, 0.05, -28)), {"lookup", "max_pool2d"})


@pytest.mark.parametrize("scales", [(0.05, 0.05), (0.05, 0.08)])
def test_concat(scales: tuple[float, float]) -> None:
    model = QdqModel()
    operands = [model.activation(1, 2 + i, 4, 4, scale=scale, zero_point=4) for i, scale in enumerate(scales)]
    model_ = model.build(model.quantize(model.op("Concat", *operands, axis=1), 0.05, 4))
    check(model_, set() if scales[0] == scales[1] else {"lookup"})


@pytest.mark.parametrize(
    "attributes",
    [
        {"kernel_shape": [2, 2], "strides": [2, 2]},
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
        {"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1},
        {"kernel_shape": [2, 2], "dilations": [2, 3]},
    ],
)
def test_max_pool(attributes: dict[str, Any]) -> None:
    model = QdqModel()
    y = model.op("MaxPool", model.activation(1, 3, 8, 9), **attributes)
    check(model.build(model.quantize(y, 0.05, 3)), {"max_pool2d"})


def test_max_pool_on_int8_itself() -> None:
    model = QdqModel()
    check(model.build(model.op("MaxPool", model.input(1, 3, 8, 9), kernel_shape=[2, 2])), {"max_pool2d"})


@pytest.mark.parametrize(
    "attributes",
    [
        {"kernel_shape": [2, 2], "strides": [2, 2]},
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
        {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [1, 0, 1, 2], "count_include_pad": 1},
        {"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1},
    ],
)
def test_average_pool(attributes: dict[str, Any]) -> None:
    model = QdqModel()
    y = model.op("AveragePool", model.activation(1, 3, 8, 9), **attributes)
    check(model.build(model.quantize(y, 0.04, -3)), {"average_pool2d"}, within=1, share=0.1)


def test_one_dimensional_pools() -> None:
    model = QdqModel()
    y = model.op("MaxPool", model.activation(1, 3, 21), kernel_shape=[3], strides=[2])
    z = model.op("AveragePool", model.dequantize(model.quantize(y, 0.05, 3), 0.05, 3), kernel_shape=[2])
    # The mean of two steps often lies on the edge between two results, where float32 falls either way.
    check(model.build(model.quantize(z, 0.05, 3)), {"max_pool2d", "average_pool2d"}, within=1, share=0.3)


@pytest.mark.parametrize(
    ("shape", "axes", "keepdims", "kind"),
    [
        ((1, 3, 6, 5), [2, 3], 1, "global_pool"),
        ((1, 3, 6, 5), [2, 3], 0, "global_pool"),
        ((1, 6, 5, 3), [1, 2], 0, "global_pool"),
        ((1, 3, 6, 5), [3], 1, "average_pool2d"),
        ((1, 3, 6, 5), [2], 0, "reduce"),
        ((1, 3, 6, 5), [1], 1, "reduce"),
        ((1, 3, 6, 5), [1, 2, 3], 0, "reduce"),
        ((2, 3, 6, 5), [0, 3], 1, "reduce"),
        ((1, 9, 4), [1], 0, "global_pool"),
        ((1, 9), [-1], 1, "global_pool"),
    ],
)
def test_mean(shape: tuple[int, ...], axes: list[int], keepdims: int, kind: str) -> None:
    model = QdqModel()
    y = model.op("ReduceMean", model.activation(*shape), axes=axes, keepdims=keepdims)
    check(model.build(model.quantize(y, 0.03, -3)), {kind}, within=1, share=0.15)


@pytest.mark.parametrize(("axes", "kind"), [([2], "reduce"), ([3], "max_pool2d"), ([1, 3], "reduce")])
def test_a_maximum_along_rows_of_a_map_is_a_pool(axes: list[int], kind: str) -> None:
    model = QdqModel()
    y = model.op("ReduceMax", model.activation(1, 3, 8, 9), axes=axes, keepdims=1)
    check(model.build(model.quantize(y, 0.05, 3)), {kind})


@pytest.mark.parametrize("operator", ["ReduceSum", "ReduceMin", "ReduceMean"])
@pytest.mark.parametrize("axes", [[1], [2], [1, 2, 3]])
def test_other_reductions_are_of_integers_too(operator: str, axes: list[int]) -> None:
    model = QdqModel()
    x = model.activation(1, 3, 8, 9)
    if operator == "ReduceSum":
        y = model.op(operator, x, model.constant(np.array(axes, np.int64)), keepdims=1)
    else:
        y = model.op(operator, x, axes=axes, keepdims=1)
    quantization = (0.05, 3) if operator == "ReduceMin" else (0.31, -5)
    check(model.build(model.quantize(y, *quantization)), {"reduce"}, within=1, share=0.1)


@pytest.mark.parametrize("axes", [[1], [2], [2, 3]])
def test_a_product_reads_integers_and_gives_floats(axes: list[int]) -> None:
    model = QdqModel()
    y = model.op("ReduceProd", model.activation(1, 3, 4, 3, scale=0.01), axes=axes, keepdims=1)
    check(model.build(model.quantize(y, 0.01, 0)), {"reduce", "quantize"}, within=1, share=0.1)


@pytest.mark.parametrize("kind", ["GlobalAveragePool", "GlobalMaxPool"])
def test_global_pool(kind: str) -> None:
    model = QdqModel()
    y = model.op(kind, model.activation(1, 6, 7, 5))
    check(model.build(model.quantize(y, 0.05, 3)), {"global_pool"}, within=1, share=0.2)


RESIZES = [
    ((5, 6), (10, 12)),
    ((6, 6), (10, 9)),
    ((8, 8), (3, 5)),
    ((1, 1), (4, 4)),
    ((4, 4), (1, 1)),
]
COORDINATES = ["asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners"]


def resize(
    before: tuple[int, int], after: tuple[int, int], output: tuple[float, int], **attributes: Any
) -> onnx.ModelProto:
    model = QdqModel()
    sizes = model.constant(np.array([1, 3, *after], np.int64))
    y = model.op("Resize", model.activation(1, 3, *before), "", "", sizes, **attributes)
    return model.build(model.quantize(y, *output))


@pytest.mark.parametrize(("before", "after"), RESIZES)
@pytest.mark.parametrize("rounding", ["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"])
@pytest.mark.parametrize("coordinates", COORDINATES)
def test_nearest_resize(before: tuple[int, int], after: tuple[int, int], rounding: str, coordinates: str) -> None:
    attributes = {"mode": "nearest", "nearest_mode": rounding, "coordinate_transformation_mode": coordinates}
    check(resize(before, after, (0.05, 3), **attributes), {"resize2d"})


@pytest.mark.parametrize(("before", "after"), RESIZES)
@pytest.mark.parametrize("coordinates", COORDINATES)
def test_linear_resize(before: tuple[int, int], after: tuple[int, int], coordinates: str) -> None:
    attributes = {"mode": "linear", "coordinate_transformation_mode": coordinates}
    check(resize(before, after, (0.06, -3), **attributes), {"resize2d"}, within=1, share=0.1)


@pytest.mark.parametrize(("shape", "axis"), [((1, 10), -1), ((1, 4, 5, 6), 1), ((1, 4, 5), 2)])
def test_softmax(shape: tuple[int, ...], axis: int) -> None:
    model = QdqModel()
    y = model.op("Softmax", model.activation(*shape), axis=axis)
    check(model.build(model.quantize(y, 1 / 256, -128)), {"softmax"}, within=1, share=0.01)


@pytest.mark.parametrize(("axis", "keepdims"), [(1, 0), (1, 1), (3, 0), (-1, 1)])
def test_argmax(axis: int, keepdims: int) -> None:
    model = QdqModel()
    y = model.op("ArgMax", model.activation(1, 5, 6, 7), axis=axis, keepdims=keepdims)
    check(model.build(y), {"argmax"})


def test_cast_of_indices_is_part_of_argmax() -> None:
    model = QdqModel()
    y = model.op("ArgMax", model.activation(1, 5, 6, 7), axis=1, keepdims=0)
    check(model.build(model.op("Cast", y, to=TensorProto.INT32)), {"argmax"})


MOVES: dict[str, Callable[[QdqModel, str], str]] = {
    "transpose": lambda m, x: m.op("Transpose", x, perm=[0, 2, 1, 3]),
    "reshape": lambda m, x: m.op("Reshape", x, m.constant(np.array([1, -1], np.int64))),
    "flatten": lambda m, x: m.op("Flatten", x),
    "squeeze": lambda m, x: m.op("Squeeze", x, m.constant(np.array([0], np.int64))),
    "unsqueeze": lambda m, x: m.op("Unsqueeze", x, m.constant(np.array([2], np.int64))),
    "slice": lambda m, x: m.op(
        "Slice", x, *(m.constant(np.array(v, np.int64)) for v in ([1, 0], [3, 6], [1, 3], [1, 2]))
    ),
    "pad": lambda m, x: m.op("Pad", x, m.constant(np.array([0, 0, 1, 2, 0, 1, 0, 3], np.int64))),
    "pad_by_value": lambda m, x: m.op(
        "Pad", x, m.constant(np.array([0, 0, 1, 2, 0, 1, 0, 3], np.int64)), m.constant(np.float32(1.3))
    ),
    "depth_to_space": lambda m, x: m.op("DepthToSpace", x, blocksize=2),
    "depth_to_space_crd": lambda m, x: m.op("DepthToSpace", x, blocksize=2, mode="CRD"),
    "space_to_depth": lambda m, x: m.op("SpaceToDepth", x, blocksize=2),
    "split": lambda m, x: m.op("Split", x, axis=1, outputs=2)[1],
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("output", [(0.05, 3), (0.07, -3)])
def test_data_movement_is_on_int8(move: str, output: tuple[float, int]) -> None:
    model = QdqModel()
    y = model.quantize(MOVES[move](model, model.activation(1, 4, 6, 8)), *output)
    kinds = set() if output == (0.05, 3) else {"lookup"}
    if move.startswith("depth_to_space"):
        kinds.add("depth_to_space")
    check(model.build(y), kinds)


@pytest.mark.parametrize("move", ["transpose", "squeeze", "pad"])
def test_data_movement_without_quantisation_after_it(move: str) -> None:
    model = QdqModel()
    y = model.op("LeakyRelu", MOVES[move](model, model.activation(1, 4, 6, 8)))
    check(model.build(model.quantize(y, 0.05, 3)), {"lookup"})


def test_float_edges_become_quantize_and_dequantize() -> None:
    model = QdqModel()
    x = model.dequantize(model.quantize(model.input(1, 4, 6, 8, dtype=TensorProto.FLOAT), 0.05, 3), 0.05, 3)
    y = model.dequantize(model.quantize(model.op("MaxPool", x, kernel_shape=[2, 2]), 0.05, 3), 0.05, 3)
    check(model.build(y), {"quantize", "max_pool2d", "dequantize"})


def test_unsupported_float_operator_stays_between_dequantize_and_quantize() -> None:
    model = QdqModel()
    y = model.op("ReduceL2", model.activation(1, 4, 6, 8), axes=[1])
    module = lowered(model.build(model.quantize(y, 0.05)))
    kinds = list(census(module))
    assert kinds[0] == "tinyseg.dequantize"
    assert kinds[-1] == "tinyseg.quantize"


def test_quantisation_of_every_8_bit_tensor_is_recorded() -> None:
    module = lowered(convolution(then=lambda m, x: m.op("Relu", x)))
    stored = module["main"].attrs["tinyseg.quantization"]
    names = [parameter.name for parameter in module["main"].params] + [name for name, _ in bindings_of(module)]
    assert sorted(stored) == sorted(names)
    assert list(stored["the_conv"]) == [float(np.float32(0.3)), -5]
