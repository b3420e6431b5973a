"""Scalar transcriptions of the float32 operators' formulas; the fused multiply-add is the C library's."""

from __future__ import annotations

import ctypes
import ctypes.util
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.operators.operator_cases import Case, of_type
from tinyseg_tvm.operators import (
    AveragePool2d,
    Conv2d,
    Conv2dTranspose,
    Elementwise,
    ElementwiseConstant,
    GlobalPool,
    MaxPool2d,
    Pointwise,
    Reduce,
)
from tinyseg_tvm.operators.arithmetic import expressions
from tinyseg_tvm.operators.convert import Convert
from tinyseg_tvm.operators.matmul import Matmul

f32 = np.float32
LOWEST = f32(-np.inf)

_fmaf = ctypes.CDLL(ctypes.util.find_library("m")).fmaf
_fmaf.argtypes = [ctypes.c_float] * 3
_fmaf.restype = ctypes.c_float


def fma(x: np.float32, y: np.float32, z: np.float32) -> np.float32:
    result: np.float32 = f32(_fmaf(x, y, z))
    return result


def clamped(value: np.float32, clamp: tuple[float, float] | None) -> np.float32:
    assert clamp is not None
    low, high = (f32(end) for end in clamp)
    value = value if value > low else low
    return value if value < high else high


def conv2d(case: Case) -> np.ndarray:
    op, weight, bias = of_type(case.operator, Conv2d), case.constants["weight"], case.constants["bias"]
    result = np.zeros(case.output_types[0].shape, np.float32)
    outputs, kh, kw, depth = weight.shape
    for _, y0, x0, o in np.ndindex(*result.shape):
        acc = bias[o]
        group = o // (outputs // op.groups)
        for ky in range(kh):
            first = 0
            for piece in case.inputs:
                used = piece.shape[3] // op.groups
                for kx in range(kw):
                    i = y0 * op.strides[0] - op.padding[0] + ky * op.dilation[0]
                    j = x0 * op.strides[1] - op.padding[1] + kx * op.dilation[1]
                    if 0 <= i < piece.shape[1] and 0 <= j < piece.shape[2]:
                        for c in range(used):
                            acc = fma(piece[0, i, j, group * used + c], weight[o, ky, kx, first + c], acc)
                first += used
        assert first == depth
        result[0, y0, x0, o] = clamped(acc, op.clamp)
    return result


def conv2d_transpose(case: Case) -> np.ndarray:
    op, weight, bias, x = (
        of_type(case.operator, Conv2dTranspose),
        case.constants["weight"],
        case.constants["bias"],
        case.inputs[0],
    )
    result = np.zeros(case.output_types[0].shape, np.float32)
    outputs, kh, kw, depth = weight.shape
    for _, y0, x0, o in np.ndindex(*result.shape):
        acc = bias[o]
        group = o // (outputs // op.groups)
        for ky in range(kh):
            for kx in range(kw):
                i, i_rest = divmod(y0 + op.padding[0] - ky * op.dilation[0], op.strides[0])
                j, j_rest = divmod(x0 + op.padding[1] - kx * op.dilation[1], op.strides[1])
                if i_rest == j_rest == 0 and 0 <= i < x.shape[1] and 0 <= j < x.shape[2]:
                    for c in range(depth):
                        acc = fma(x[0, i, j, group * depth + c], weight[o, ky, kx, c], acc)
        result[0, y0, x0, o] = clamped(acc, op.clamp)
    return result


def dense(case: Case) -> np.ndarray:
    weight, bias = case.constants["weight"], case.constants["bias"]
    vectors = case.inputs[0].reshape(-1, weight.shape[1])
    result = np.zeros((len(vectors), len(bias)), np.float32)
    for v, o in np.ndindex(*result.shape):
        acc = bias[o]
        for i, x in enumerate(vectors[v]):
            acc = fma(x, weight[o, i], acc)
        result[v, o] = clamped(acc, case.operator.clamp)
    return result.reshape(case.output_types[0].shape)


def window(case: Case, y0: int, x0: int, c: int) -> Iterator[np.float32]:
    op, x = case.operator, case.inputs[0][0]
    assert isinstance(op, MaxPool2d | AveragePool2d)
    dilation = getattr(op, "dilation", (1, 1))
    for ky in range(op.kernel[0]):
        for kx in range(op.kernel[1]):
            i = y0 * op.strides[0] - op.padding[0] + ky * dilation[0]
            j = x0 * op.strides[1] - op.padding[1] + kx * dilation[1]
            if 0 <= i < x.shape[0] and 0 <= j < x.shape[1]:
                yield x[i, j, c]


def max_pool2d(case: Case) -> np.ndarray:
    result = np.zeros(case.output_types[0].shape, np.float32)
    for _, y0, x0, c in np.ndindex(*result.shape):
        result[0, y0, x0, c] = max([LOWEST, *window(case, y0, x0, c)])
    return result


def average(values: list[np.float32], count: int) -> np.float32:
    total = f32(0)
    for value in values:
        total = total + value
    mean: np.float32 = total / f32(count)
    return mean


def average_pool2d(case: Case) -> np.ndarray:
    op = of_type(case.operator, AveragePool2d)
    result = np.zeros(case.output_types[0].shape, np.float32)
    for _, y0, x0, c in np.ndindex(*result.shape):
        values = list(window(case, y0, x0, c))
        result[0, y0, x0, c] = average(values, op.kernel[0] * op.kernel[1] if op.count_include_pad else len(values))
    return result


def global_pool(case: Case) -> np.ndarray:
    function = of_type(case.operator, GlobalPool).function
    columns = case.inputs[0].reshape(-1, case.inputs[0].shape[3]).T
    result = [max(c) if function == "max" else average(list(c), len(c)) for c in columns]
    return np.array(result, np.float32).reshape(1, 1, 1, -1)


BINARY: dict[str, Callable[[np.float32, np.float32], np.float32]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "max": max,
    "min": min,
}


def binary(case: Case, lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
    op = case.operator
    assert isinstance(op, Elementwise | ElementwiseConstant)
    shape = case.output_types[0].shape
    left, right = (np.broadcast_to(a.reshape(1) if a.size == 1 else a, shape) for a in (lhs, rhs))
    result = np.zeros(shape, np.float32)
    for index in np.ndindex(*shape):
        result[index] = clamped(BINARY[op.function](left[index], right[index]), op.clamp)
    return result


def elementwise(case: Case) -> np.ndarray:
    return binary(case, *case.inputs)


def elementwise_constant(case: Case) -> np.ndarray:
    operands = [case.inputs[0], case.constants["other"]]
    return binary(case, *(operands[::-1] if of_type(case.operator, ElementwiseConstant).constant_is_lhs else operands))


def clip(case: Case) -> np.ndarray:
    return np.array([clamped(v, case.operator.clamp) for v in case.inputs[0].reshape(-1)], np.float32).reshape(
        case.inputs[0].shape
    )


def exponential(x: np.float32) -> np.float32:
    if not x >= -87:
        nothing: np.float32 = f32(0)
        return nothing
    n = f32(round(x * f32(1.44269504088896341)))  # Python rounds half to even
    r = fma(n, f32(2.12194440e-4), fma(n, f32(-0.693359375), x))
    y = f32(1.9875691500e-4)
    for coefficient in (1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1):
        y = fma(y, r, f32(coefficient))
    result: np.float32 = np.ldexp(fma(y, r * r, r) + f32(1), int(n))
    return result


def softmax(case: Case) -> np.ndarray:
    rows = case.inputs[0].reshape(-1, case.inputs[0].shape[-1])
    result = []
    for row in rows:
        exponentials = [exponential(x - max(row)) for x in row]
        total = f32(0)
        for e in exponentials:
            total = total + e
        result.append([e / total for e in exponentials])
    return np.array(result, np.float32).reshape(case.inputs[0].shape)


def gather(case: Case) -> np.ndarray:
    table = case.constants["table"]
    result = []
    for index in case.inputs[0].reshape(-1).tolist():
        row = index + len(table) if index < 0 else index
        result.append(table[max(0, min(len(table) - 1, row))])
    return np.array(result, table.dtype).reshape(case.output_types[0].shape)


def convert(case: Case) -> np.ndarray:
    op = of_type(case.operator, Convert)
    bits = 64 if op.wraps and case.inputs[0].dtype == np.float32 else 8 * np.dtype(op.output_dtype).itemsize
    result = []
    ends = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for value in case.inputs[0].reshape(-1).tolist():
        number = 0 if math.isnan(value) else ends[value > 0] if math.isinf(value) else int(value)
        if isinstance(value, float):
            number = min(max(number, ends[0]), ends[1])
        result.append(number & (0xFFFFFFFF if op.output_dtype == "int32" else 0xFFFFFFFFFFFFFFFF))
    unsigned = np.array(result, op.output_dtype.replace("int", "uint"))
    return unsigned.view(op.output_dtype).reshape(case.inputs[0].shape)


def reduced_elements(case: Case) -> Iterator[tuple[tuple[int, ...], list[Any]]]:
    """Every place of the result, with the elements that become it in their order."""
    op, data = of_type(case.operator, Reduce), case.inputs[0]
    last = data.ndim - 1
    width = data.shape[-1] // op.groups if op.groups else 1
    for place in np.ndindex(*case.output_types[0].shape):
        extents = [range(data.shape[axis]) if axis in op.axes else range(at, at + 1) for axis, at in enumerate(place)]
        if op.groups:
            first = place[last] // width * width
            extents[last] = range(first, first + width)
        yield place, [data[index] for index in itertools.product(*extents)]


def reduce(case: Case) -> np.ndarray:
    op = of_type(case.operator, Reduce)
    result = np.zeros(case.output_types[0].shape, np.float32)
    for place, values in reduced_elements(case):
        first = {"product": f32(1), "max": LOWEST, "min": -LOWEST}.get(op.function, f32(0))
        squares = f32(0)
        for number, x in enumerate(values, 1):
            if op.function in ("max", "min"):
                first = x if (x > first if op.function == "max" else x < first) else first
            elif op.function == "product":
                first = f32(first * x)
            elif op.function == "variance":
                apart = f32(x - first)
                first = f32(first + f32(apart * f32(f32(1) / f32(number))))
                squares = f32(squares + f32(apart * f32(x - first)))
            else:
                first = f32(first + x)
        count = f32(len(values))
        result[place] = {"mean": f32(first / count), "variance": f32(squares / count)}.get(op.function, first)
    return result


def resize2d(case: Case) -> np.ndarray:
    x, rows, columns = case.inputs[0][0], case.constants["rows"], case.constants["columns"]
    row_weights, column_weights = case.constants["row_weights"], case.constants["column_weights"]
    result = np.zeros(case.output_types[0].shape, np.float32)
    for _, y0, x0, c in np.ndindex(*result.shape):
        acc = f32(0)
        for row, row_weight in zip(rows[y0], row_weights[y0], strict=True):
            for column, column_weight in zip(columns[x0], column_weights[x0], strict=True):
                if row_weight != 0:
                    acc = fma(x[row, column, c], row_weight * column_weight, acc)
        result[0, y0, x0, c] = acc
    return result


def products(case: Case, index: tuple[int, ...]) -> Iterator[tuple[Any, Any]]:
    """The pairs of values whose products element ``index`` of a product of matrices sums, in their order."""
    op = of_type(case.operator, Matmul)
    row, column = (index[1] if op.inside else index[-2]), index[-1]
    batches = ((0, index[2]) if op.inside else (0, 0, *index[:-2]))[-2:]

    def element(array: np.ndarray, inside: bool, i: int, j: int) -> Any:
        shape = (1, array.shape[2]) if inside else (1, 1, *array.shape[:-2])[-2:]
        outer, inner = (at % extent for at, extent in zip(batches, shape, strict=True))
        if inside:
            return array[0, i, inner, j].item()
        return array[(outer, inner)[4 - array.ndim :]][i, j].item()

    for k in range(case.inputs[0].shape[-1]):
        at = (column, k) if op.transposed else (k, column)
        yield element(case.inputs[0], op.inside, row, k), element(case.inputs[1], op.rhs_inside, *at)


def matmul(case: Case) -> np.ndarray:
    result = np.zeros(case.output_types[0].shape, np.float32)
    for index in np.ndindex(*result.shape):
        total = f32(0)
        for a, b in products(case, index):
            total = fma(f32(a), f32(b), total)
        result[index] = clamped(total, case.operator.clamp)
    return result


SCALARS: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "max": lambda a, b: a if a > b else b,
    "min": lambda a, b: a if a < b else b,
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "greater": lambda a, b: a > b,
    "greater_equal": lambda a, b: a >= b,
    "equal": lambda a, b: a == b,
    "not_equal": lambda a, b: a != b,
    "and": lambda a, b: a != 0 and b != 0,
    "or": lambda a, b: a != 0 or b != 0,
    "xor": lambda a, b: (a != 0) != (b != 0),
    "identity": lambda a: a,
    "not": lambda a: a == 0,
    "where": lambda c, a, b: a if c != 0 else b,
    "neg": lambda a: -a,
    "abs": abs,
    "sign": lambda a: (a > 0) * 1 - (a < 0) * 1,
    "sqrt": np.sqrt,
}
"""Functions that are one operation; those in a sequence are held against the C library in test_elementary_functions."""


def pointwise(case: Case) -> np.ndarray:
    op = of_type(case.operator, Pointwise)
    result = np.zeros(case.output_types[0].shape, op.output_dtype)
    operands = {f"x{number}": array for number, array in enumerate(case.inputs)} | dict(case.constants)
    shape = np.broadcast_shapes(*(array.shape for array in operands.values()))
    spread = {name: np.broadcast_to(array, shape) for name, array in operands.items()}
    for place in np.ndindex(*shape):
        made: list[np.float32] = []
        for instruction in expressions.instructions_of(op.expression):
            values = [
                made[int(name[1:])] if name[0] == "t" else f32(spread[name][place] if name in spread else name)
                for name in instruction.operands
            ]
            if instruction.function == "dequantize":
                value = f32(int(spread[instruction.operands[0]][place]) - int(instruction.operands[2])) * values[1]
            elif instruction.function == "quantize":
                limits = np.iinfo(op.output_dtype)
                steps = f32(0) if np.isnan(values[0]) else np.rint(values[0] / values[1])
                value = f32(min(max(float(steps) + int(instruction.operands[2]), limits.min), limits.max))
            elif instruction.function in SCALARS:
                value = f32(SCALARS[instruction.function](*values))
            else:
                function = expressions.FUNCTIONS[instruction.function][1]
                value = f32(function(*(np.array([each]) for each in values))[0])
            made.append(value)
        at = tuple(0 if axis in op.summed else index for axis, index in enumerate(place))
        result[at] = result[at] + made[-1] if op.summed else made[-1]
    return result


LOOPS = {
    "average_pool2d float32": average_pool2d,
    "clip": clip,
    "conv2d float32": conv2d,
    "conv2d_transpose float32": conv2d_transpose,
    "dense float32": dense,
    "elementwise float32": elementwise,
    "elementwise_constant float32": elementwise_constant,
    "global_pool float32": global_pool,
    "reduce float32": reduce,
    "matmul float32": matmul,
    "pointwise": pointwise,
    "max_pool2d float32": max_pool2d,
    "resize2d float32": resize2d,
    "softmax float32": softmax,
    "gather": gather,
    "convert": convert,
}
