"""Every reference equals a direct, scalar transcription of its docstring's formula."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.operators import float_loops, recurrent_loops, tflite_loops
from tests.operators.operator_cases import CASES, Case, of_type
from tinyseg_tvm.operators import (
    ArgMax,
    AveragePool2d,
    ChannelLookup,
    Clip,
    Concat,
    Conv2d,
    Conv2dTranspose,
    DepthToSpace,
    Dequantize,
    Elementwise,
    ElementwiseConstant,
    GlobalPool,
    Lookup,
    MaxPool2d,
    Pad,
    Pointwise,
    Quantize,
    Rearrange,
    Reduce,
    Requantize,
    Reshape,
    Resize2d,
    Select,
    Slice,
    Softmax,
    Transpose,
)
from tinyseg_tvm.operators.arithmetic import onnx, tflite
from tinyseg_tvm.operators.arithmetic.float32_functions import exponential
from tinyseg_tvm.operators.max_positions import MaxPositions
from tinyseg_tvm.operators.max_unpool2d import MaxUnpool2d
from tinyseg_tvm.operators.stream_start import StreamStart

f32 = np.float32


def clip(value: float, low: int = -128, high: int = 127) -> int:
    return int(max(low, min(high, value)))


def dtype_of(case: Case) -> np.dtype:
    """Of the results."""
    return np.dtype(case.output_types[0].dtype)


def half_even(value: np.float32) -> int:
    floor = math.floor(float(value))
    rest = float(value) - floor
    return floor + (rest > 0.5 or (rest == 0.5 and floor % 2 == 1))


def requantized(
    acc: int, multiplier: np.float32, rule: onnx.WeightedSum | onnx.Average | onnx.Interpolation | onnx.ProductSum
) -> int:
    least, most = rule.limits
    low, high = getattr(rule, "output_min", least), getattr(rule, "output_max", most)
    return clip(half_even(f32(acc) * f32(multiplier)) + rule.output_zero_point, low, high)


def sum_rule(case: Case) -> onnx.WeightedSum | onnx.ExpressedSum:
    rule = case.arithmetic
    assert isinstance(rule, onnx.WeightedSum | onnx.ExpressedSum)
    return rule


def sum_result(case: Case, acc: int, channel: int) -> object:
    """The result of a sum."""
    rule, multiplier = sum_rule(case), case.constants["multiplier"][channel]
    if isinstance(rule, tflite.WeightedSum):
        return tflite_loops.result_of_sum(rule, case.constants, acc, channel)
    if isinstance(rule, onnx.WeightedSum):
        return requantized(acc, multiplier, rule)
    held = {name: case.constants[name][[channel]] for name in rule.expression_constants}
    scaled = np.array([f32(acc) * multiplier])
    return float_loops.pointwise(Case(Pointwise(rule.expression, rule.output_dtype), (scaled,), held))[0]


def sum_type(case: Case) -> np.dtype:
    return np.dtype(case.output_types[0].dtype)


def conv2d(case: Case) -> np.ndarray:
    op, rule = of_type(case.operator, Conv2d), sum_rule(case)
    weight, bias = case.constants["weight"], case.constants["bias"]
    x = np.concatenate(case.inputs, 3)[0].tolist()
    result = np.zeros(case.output_types[0].shape, sum_type(case))
    outputs, kh, kw, depth = weight.shape
    for _, y0, x0, o in np.ndindex(*result.shape):
        acc = int(bias[o])
        group = o // (outputs // op.groups)
        for ky in range(kh):
            for kx in range(kw):
                i, j = (
                    y0 * op.strides[0] - op.padding[0] + ky * op.dilation[0],
                    x0 * op.strides[1] - op.padding[1] + kx * op.dilation[1],
                )
                if 0 <= i < len(x) and 0 <= j < len(x[0]):
                    for c in range(depth):
                        acc += (x[i][j][group * depth + c] - rule.input_zero_point) * int(weight[o, ky, kx, c])
        result[0, y0, x0, o] = sum_result(case, acc, o)
    return result


def conv2d_transpose(case: Case) -> np.ndarray:
    op, rule = of_type(case.operator, Conv2dTranspose), sum_rule(case)
    weight, bias = case.constants["weight"], case.constants["bias"]
    x = case.inputs[0][0].tolist()
    outputs, kh, kw, depth = weight.shape
    acc = np.zeros(case.output_types[0].shape[1:], np.int64) + bias
    for i in range(len(x)):
        for j in range(len(x[0])):
            for ky in range(kh):
                for kx in range(kw):
                    y0, x0 = (
                        i * op.strides[0] - op.padding[0] + ky * op.dilation[0],
                        j * op.strides[1] - op.padding[1] + kx * op.dilation[1],
                    )
                    if 0 <= y0 < acc.shape[0] and 0 <= x0 < acc.shape[1]:
                        for o in range(outputs):
                            group = o // (outputs // op.groups)
                            for c in range(depth):
                                acc[y0, x0, o] += (x[i][j][group * depth + c] - rule.input_zero_point) * int(
                                    weight[o, ky, kx, c]
                                )
    result = np.zeros((1, *acc.shape), sum_type(case))
    for y0, x0, o in np.ndindex(*acc.shape):
        result[0, y0, x0, o] = sum_result(case, int(acc[y0, x0, o]), o)
    return result


def dense(case: Case) -> np.ndarray:
    rule = sum_rule(case)
    weight, bias = case.constants["weight"], case.constants["bias"]
    vectors = case.inputs[0].reshape(-1, weight.shape[1])
    result = [
        [
            sum_result(
                case,
                int(bias[o])
                + sum((int(v) - rule.input_zero_point) * int(w) for v, w in zip(vector, weight[o], strict=True)),
                o,
            )
            for o in range(len(bias))
        ]
        for vector in vectors
    ]
    return np.array(result, sum_type(case)).reshape(case.output_types[0].shape)


def window(case: Case, y0: int, x0: int, c: int) -> list[int]:
    op, x = case.operator, case.inputs[0][0]
    assert isinstance(op, MaxPool2d | AveragePool2d)
    dilation = getattr(op, "dilation", (1, 1))
    values = []
    for ky in range(op.kernel[0]):
        for kx in range(op.kernel[1]):
            i, j = (
                y0 * op.strides[0] - op.padding[0] + ky * dilation[0],
                x0 * op.strides[1] - op.padding[1] + kx * dilation[1],
            )
            if 0 <= i < x.shape[0] and 0 <= j < x.shape[1]:
                values.append(int(x[i, j, c]))
    return values


def max_pool2d(case: Case) -> np.ndarray:
    result = np.zeros(case.output_types[0].shape, dtype_of(case))
    for _, y0, x0, c in np.ndindex(*result.shape):
        result[0, y0, x0, c] = max([np.iinfo(dtype_of(case)).min, *window(case, y0, x0, c)])
    return result


def average_pool2d(case: Case) -> np.ndarray:
    op, rule = of_type(case.operator, AveragePool2d), of_type(case.arithmetic, onnx.Average)
    result = np.zeros(case.output_types[0].shape, dtype_of(case))
    for _, y0, x0, c in np.ndindex(*result.shape):
        values = window(case, y0, x0, c)
        count = op.kernel[0] * op.kernel[1] if op.count_include_pad else len(values)
        multiplier = f32(f32(rule.input_scale) / f32(rule.output_scale)) / f32(count)
        result[0, y0, x0, c] = requantized(sum(v - rule.input_zero_point for v in values), multiplier, rule)
    return result


def global_pool(case: Case) -> np.ndarray:
    op, x = of_type(case.operator, GlobalPool), case.inputs[0][0].astype(int)
    pixels = x.reshape(-1, x.shape[2])
    if op.function == "max":
        result = [max(column) for column in pixels.T.tolist()]
    else:
        rule = of_type(op.arithmetic, onnx.Average)
        multiplier = f32(f32(rule.input_scale) / f32(rule.output_scale)) / f32(len(pixels))
        result = [
            requantized(sum(column) - len(pixels) * rule.input_zero_point, multiplier, rule)
            for column in pixels.T.tolist()
        ]
    return np.array(result, dtype_of(case)).reshape(1, 1, 1, -1)


def arithmetic(op: Elementwise | ElementwiseConstant, a: int, b: int) -> int:
    rule = of_type(op.arithmetic, onnx.Binary)
    lhs = f32(a - rule.lhs_zero_point) * f32(rule.lhs_scale)
    rhs = f32(b - rule.rhs_zero_point) * f32(rule.rhs_scale)
    real = {"add": lhs + rhs, "sub": lhs - rhs, "mul": lhs * rhs}[op.function]
    return clip(
        half_even(f32(real) / f32(rule.output_scale)) + rule.output_zero_point, rule.output_min, rule.output_max
    )


def elementwise(case: Case) -> np.ndarray:
    op = of_type(case.operator, Elementwise)
    shape = case.output_types[0].shape
    a, b = (np.broadcast_to(x.reshape(-1) if x.size == 1 else x, shape) for x in case.inputs)
    return np.array(
        [arithmetic(op, int(p), int(q)) for p, q in zip(a.flat, b.flat, strict=True)], dtype_of(case)
    ).reshape(shape)


def elementwise_constant(case: Case) -> np.ndarray:
    op = of_type(case.operator, ElementwiseConstant)
    x = case.inputs[0]
    other = np.broadcast_to(case.constants["other"], x.shape)
    a, b = (other, x) if op.constant_is_lhs else (x, other)
    return np.array(
        [arithmetic(op, int(p), int(q)) for p, q in zip(a.flat, b.flat, strict=True)], dtype_of(case)
    ).reshape(x.shape)


def resize2d(case: Case) -> np.ndarray:
    op, x = of_type(case.operator, Resize2d), case.inputs[0][0]
    rows, rw, columns, cw = (case.constants[n].tolist() for n in ("rows", "row_weights", "columns", "column_weights"))
    result = np.zeros(case.output_types[0].shape, x.dtype)
    for _, y0, x0, c in np.ndindex(*result.shape):
        if op.method == "nearest":
            result[0, y0, x0, c] = x[rows[y0][0], columns[x0][0], c]
            continue
        rule = of_type(op.arithmetic, onnx.Interpolation)
        acc = sum(
            rw[y0][s] * cw[x0][t] * (int(x[rows[y0][s], columns[x0][t], c]) - rule.input_zero_point)
            for s in range(len(rows[y0]))
            for t in range(len(columns[x0]))
        )
        result[0, y0, x0, c] = requantized(acc, f32(f32(rule.input_scale) / f32(rule.output_scale)) / f32(2**22), rule)
    return result


def matmul(case: Case) -> np.ndarray:
    rule = of_type(case.arithmetic, onnx.ProductSum)
    result = np.zeros(case.output_types[0].shape, dtype_of(case))
    for index in np.ndindex(*result.shape):
        acc = sum((a - rule.lhs_zero_point) * (b - rule.rhs_zero_point) for a, b in float_loops.products(case, index))
        if isinstance(rule, tflite.ProductSum):
            result[index] = tflite_loops.result_of_product(rule, acc)
        else:
            result[index] = requantized(acc, f32(rule.multiplier), rule)
    return result


def softmax(case: Case) -> np.ndarray:
    rule = of_type(case.arithmetic, onnx.Softmax)
    low, high = rule.limits
    vectors = case.inputs[0].reshape(-1, case.inputs[0].shape[-1]).astype(int)

    def exponential_of(below: int) -> np.float32:
        table = case.constants.get("table")
        of_float = exponential(np.array(f32(-below) * f32(rule.input_scale)))
        found: np.float32 = np.float32(of_float if table is None else table[below])
        return found

    result = []
    for vector in vectors:
        exponentials = [exponential_of(max(vector) - value) for value in vector]
        total = f32(0)
        for value in exponentials:
            total = f32(total + value)
        shares = [f32(value / total) / f32(rule.output_scale) for value in exponentials]
        result.append([clip(half_even(share) + rule.output_zero_point, low, high) for share in shares])
    return np.array(result, dtype_of(case)).reshape(case.inputs[0].shape)


def argmax(case: Case) -> np.ndarray:
    op, x = of_type(case.operator, ArgMax), case.inputs[0]
    result = []
    for vector in x.reshape(-1, x.shape[-1]).tolist():
        hits = [i for i, value in enumerate(vector) if value == max(vector)]
        result.append(hits[-1] if op.select_last_index else hits[0])
    return np.array(result, np.dtype(op.output_dtype)).reshape(case.output_types[0].shape)


def quantized(value: np.float32, scale: float, zero_point: int, dtype: str) -> int:
    limits = np.iinfo(dtype)
    scaled = value / f32(scale)
    if not math.isfinite(scaled):
        return zero_point if math.isnan(scaled) else int(limits.max if scaled > 0 else limits.min)
    return clip(half_even(scaled) + zero_point, limits.min, limits.max)


def quantize(case: Case) -> np.ndarray:
    op = of_type(case.operator, Quantize)
    values = [quantized(v, op.scale, op.zero_point, op.output_dtype) for v in case.inputs[0].flat]
    return np.array(values, np.dtype(op.output_dtype)).reshape(case.inputs[0].shape)


def requantize(case: Case) -> np.ndarray:
    op = of_type(case.operator, Requantize)
    real = [f32(int(v) - op.input_zero_point) * f32(op.input_scale) for v in case.inputs[0].flat]
    values = [quantized(v, op.output_scale, op.output_zero_point, op.output_dtype) for v in real]
    values = [clip(v, op.output_min, op.output_max) for v in values]
    return np.array(values, np.dtype(op.output_dtype)).reshape(case.inputs[0].shape)


def clip_of_integers(case: Case) -> np.ndarray:
    op = of_type(case.operator, Clip)
    values = [clip(int(v), int(op.low), int(op.high)) for v in case.inputs[0].flat]
    return np.array(values, dtype_of(case)).reshape(case.inputs[0].shape)


def dequantize(case: Case) -> np.ndarray:
    op = of_type(case.operator, Dequantize)
    values = [f32(int(v) - op.zero_point) * f32(op.scale) for v in case.inputs[0].flat]
    return np.array(values, f32).reshape(case.inputs[0].shape)


def lookup(case: Case) -> np.ndarray:
    table = case.constants["table"].tolist()
    values = [table[int(v) & 255] for v in case.inputs[0].flat]
    return np.array(values, np.dtype(of_type(case.operator, Lookup).output_dtype)).reshape(case.inputs[0].shape)


def channel_lookup(case: Case) -> np.ndarray:
    tables = case.constants["tables"].tolist()
    values = [tables[place[-1]][int(value) & 255] for place, value in np.ndenumerate(case.inputs[0])]
    return np.array(values, np.dtype(of_type(case.operator, ChannelLookup).output_dtype)).reshape(case.inputs[0].shape)


def concat(case: Case) -> np.ndarray:
    axis = of_type(case.operator, Concat).axis
    result = np.zeros(case.output_types[0].shape, case.inputs[0].dtype)
    offset = 0
    for array in case.inputs:
        for index in np.ndindex(*array.shape):
            target = list(index)
            target[axis] += offset
            result[tuple(target)] = array[index]
        offset += array.shape[axis]
    return result


def pad(case: Case) -> np.ndarray:
    op = of_type(case.operator, Pad)
    result = np.full(case.output_types[0].shape, op.value, case.inputs[0].dtype)
    for index in np.ndindex(*case.inputs[0].shape):
        result[tuple(i + b for i, b in zip(index, op.before, strict=True))] = case.inputs[0][index]
    return result


def stream_start(case: Case) -> np.ndarray:
    op = of_type(case.operator, StreamStart)
    lines, (round_,) = case.inputs[0], case.inputs[1].ravel().tolist()
    axis = 1 if lines.ndim >= 3 and lines.shape[0] == 1 else 0
    result = np.zeros_like(lines)
    for index in np.ndindex(*lines.shape):
        line = index[axis]
        early = round_ * op.advance + line < op.first
        following = (*index[:axis], min(line + 1, lines.shape[axis] - 1), *index[axis + 1 :])
        result[index] = (lines[following] if op.edge else op.value) if early else lines[index]
    return result


def slices(case: Case) -> np.ndarray:
    op = of_type(case.operator, Slice)
    result = np.zeros(case.output_types[0].shape, case.inputs[0].dtype)
    for index in np.ndindex(*result.shape):
        result[index] = case.inputs[0][tuple(b + i * s for b, i, s in zip(op.begin, index, op.strides, strict=True))]
    return result


def constant(case: Case) -> np.ndarray:
    values = case.constants["values"]
    return np.array(values.tolist(), values.dtype)


def max_positions(case: Case) -> np.ndarray:
    op, x = of_type(case.operator, MaxPositions), case.inputs[0][0]
    result = np.zeros(case.output_types[0].shape, np.uint8)
    for _, y0, x0, c in np.ndindex(*result.shape):
        seen = []
        for ky, kx in np.ndindex(*op.kernel):
            i, j = y0 * op.strides[0] - op.padding[0] + ky, x0 * op.strides[1] - op.padding[1] + kx
            if 0 <= i < x.shape[0] and 0 <= j < x.shape[1]:
                order = (kx, ky) if op.columns_first else (ky, kx)
                seen.append((-float(x[i, j, c]), order, ky * op.kernel[1] + kx))
        result[0, y0, x0, c] = min(seen)[2]
    return result


def max_unpool2d(case: Case) -> np.ndarray:
    op, (values, positions) = of_type(case.operator, MaxUnpool2d), case.inputs
    result = np.full(case.output_types[0].shape, op.empty, values.dtype)
    for _, y, x, c in np.ndindex(*result.shape):
        for i, j in np.ndindex(*values.shape[1:3]):  # the last that hits rules
            ky, kx = divmod(int(positions[0, i, j, c]), op.kernel[1])
            if (y, x) == (i * op.strides[0] - op.padding[0] + ky, j * op.strides[1] - op.padding[1] + kx):
                result[0, y, x, c] = values[0, i, j, c]
    return result


def select(case: Case) -> np.ndarray:
    axis, indices = of_type(case.operator, Select).axis, case.constants["indices"].tolist()
    result = np.zeros(case.output_types[0].shape, case.inputs[0].dtype)
    for index in np.ndindex(*result.shape):
        place = (*index[:axis], indices[index[axis]], *index[axis + 1 :])
        result[index] = case.inputs[0][place]
    return result


def reduce(case: Case) -> np.ndarray:
    op = of_type(case.operator, Reduce)
    result = np.zeros(case.output_types[0].shape, case.output_types[0].dtype)
    for place, values in float_loops.reduced_elements(case):
        rule, numbers = op.arithmetic, [int(value) for value in values]
        if rule is None:
            result[place] = max(numbers) if op.function == "max" else min(numbers)
        elif isinstance(rule, onnx.Average):
            count = f32(len(numbers) if op.function == "mean" else 1)
            multiplier = f32(f32(rule.input_scale) / f32(rule.output_scale)) / count
            result[place] = requantized(sum(number - rule.input_zero_point for number in numbers), multiplier, rule)
        else:
            result[place] = real_reduction(op.function, numbers, of_type(rule, onnx.Reduction))
    return result


def real_reduction(function: str, numbers: list[int], rule: onnx.Reduction) -> np.float32:
    scale, count = f32(rule.input_scale), f32(len(numbers))
    result: np.float32
    apart = [number - rule.input_zero_point for number in numbers]
    if function == "product":
        result = f32(1)
        for value in apart:
            result = f32(result * f32(f32(value) * scale))
    elif function == "variance":
        spread = f32(len(apart) * sum(value * value for value in apart) - sum(apart) ** 2)
        result = f32(f32(f32(f32(spread / count) / count) * scale) * scale)
    else:
        total = f32(sum(apart))
        result = f32(f32(total / count if function == "mean" else total) * scale)
    return result


def reshape(case: Case) -> np.ndarray:
    flat = np.array(case.inputs[0].reshape(-1).tolist(), case.inputs[0].dtype)
    return flat.reshape(of_type(case.operator, Reshape).shape)


def transpose(case: Case) -> np.ndarray:
    permutation = of_type(case.operator, Transpose).permutation
    result = np.zeros(case.output_types[0].shape, case.inputs[0].dtype)
    for index in np.ndindex(*case.inputs[0].shape):
        result[tuple(index[axis] for axis in permutation)] = case.inputs[0][index]
    return result


def depth_to_space(case: Case) -> np.ndarray:
    op = of_type(case.operator, DepthToSpace)
    block = op.block
    result = np.zeros(case.output_types[0].shape, case.inputs[0].dtype)
    depth = result.shape[3]
    for _, y0, x0, c in np.ndindex(*result.shape):
        by, bx = y0 % block, x0 % block
        channel = (by * block + bx) * depth + c if op.mode == "DCR" else (c * block + by) * block + bx
        result[0, y0, x0, c] = case.inputs[0][0, y0 // block, x0 // block, channel]
    return result


def rearrange(case: Case) -> np.ndarray:
    op = of_type(case.operator, Rearrange)
    flat = case.inputs[0].reshape(-1).tolist()
    moved = []
    for index in np.ndindex(*(op.early[axis] for axis in op.permutation)):
        place = 0
        for axis, extent in enumerate(op.early):
            place = place * extent + index[op.permutation.index(axis)]
        moved.append(flat[place])
    return np.array(moved, case.inputs[0].dtype).reshape(op.shape)


LOOPS: dict[str, Callable[[Case], np.ndarray]] = {
    "argmax": argmax,
    "average_pool2d": average_pool2d,
    "channel_lookup": channel_lookup,
    "concat": concat,
    "constant": constant,
    "conv2d": conv2d,
    "conv2d expressed": conv2d,
    "conv2d_transpose": conv2d_transpose,
    "conv2d_transpose expressed": conv2d_transpose,
    "dense": dense,
    "dense expressed": dense,
    "depth_to_space": depth_to_space,
    "dequantize": dequantize,
    "elementwise": elementwise,
    "elementwise_constant": elementwise_constant,
    "global_pool": global_pool,
    "lookup": lookup,
    "matmul": matmul,
    "max_pool2d": max_pool2d,
    "max_positions": max_positions,
    "max_unpool2d": max_unpool2d,
    "pad": pad,
    "quantize": quantize,
    "rearrange": rearrange,
    "reduce": reduce,
    "reshape": reshape,
    "resize2d": resize2d,
    "select": select,
    "slice": slices,
    "softmax": softmax,
    "stream_start": stream_start,
    "transpose": transpose,
    "recurrent": recurrent_loops.recurrent,
    "requantize": requantize,
    "clip int16": clip_of_integers,
    **float_loops.LOOPS,
    **{f"{kind} tflite": loop for kind, loop in (("conv2d", conv2d), ("conv2d_transpose", conv2d_transpose))},
    "dense tflite": dense,
    "matmul tflite": matmul,
    **tflite_loops.LOOPS,
}
LOOPS |= {f"{kind} int16": loops for kind, loops in LOOPS.items() if f"{kind} int16" in CASES.keys() - LOOPS.keys()}


@pytest.mark.parametrize("kind", sorted(CASES))
def test_reference_equals_loops(kind):
    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(CASES[kind]())
    def check(case):
        np.testing.assert_array_equal(case.run()[0], LOOPS[kind](case))

    check()


def test_softmax_sums_in_the_order_of_the_channels():
    # 1 + 2^-24 is a tie that goes back to 1, so in order the sum stays 1; from the other end it would be 1 + 2^-14.
    x = np.full((1, 1025), -128, np.int8)
    x[0, 0] = 127
    table = np.full(256, 2.0**-24, np.float32)
    table[0] = 1
    result = Softmax(onnx.Softmax(2 / 3, 0)).reference([x], {"table": table})[0]
    assert result[0, 0] == 2  # 1 / 0.6666667 is 1.5, which rounds to 2; anything less would give 1
