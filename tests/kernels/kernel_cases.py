"""Random nodes for the kernels of each core family: more channels and wider lines than tests/operators tries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from tests.operators.operator_cases import Case, fits, int8_array
from tinyseg_tvm.operators import (
    AveragePool2d,
    Conv2d,
    Conv2dTranspose,
    Dense,
    Elementwise,
    ElementwiseConstant,
    GlobalPool,
    Lookup,
    MaxPool2d,
)
from tinyseg_tvm.operators.arithmetic import onnx

Rng = np.random.Generator
# Seeds of the sweeps: the first is what a release needs.
SWEEPS = [pytest.param(0, marks=pytest.mark.release), *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]
CHANNELS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 16, 17, 20, 24, 33]
DENSE_KERNELS = [(1, 1), (1, 1), (3, 3), (3, 3), (3, 3), (5, 5), (1, 3), (3, 1), (2, 2), (4, 2)]
PADDINGS = [(0, 0, 0, 0), (1, 1, 1, 1), (1, 1, 1, 1), (0, 0, 1, 1), (2, 3, 1, 4)]


def pick(rng: Rng, choices: Sequence[Any]) -> Any:
    return choices[int(rng.integers(len(choices)))]


def int8(rng: Rng) -> int:
    return int(pick(rng, [-128, 127, 0, int(rng.integers(-128, 128)), int(rng.integers(-128, 128))]))


def clamp(rng: Rng) -> dict[str, Any]:
    low, high = pick(rng, [(-128, 127), (-128, 127), (-128, 127), (-5, 127), (-128, 40), (-20, 20)])
    return {"output_zero_point": int8(rng), "output_min": low, "output_max": high}


def weighted_sum(rng: Rng) -> onnx.WeightedSum:
    return onnx.WeightedSum(int8(rng), **clamp(rng))


def constants(rng: Rng, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Weights, bias and multipliers; one in four has weights at their limits, and multipliers from tiny to beyond 1."""
    terms = int(np.prod(shape[1:]))
    if rng.integers(4) == 0:
        weight = rng.choice(np.array([-128, -127, 0, 127], np.int8), shape)
        multiplier = np.exp2(rng.uniform(-26, 3, shape[0]))
        multiplier[rng.integers(shape[0])] = pick(rng, [0.0, 1.0, 0.5, 2.0**-9, 2.0**-140])
        bias = rng.integers(-(2**30), 2**30, shape[0])
    else:
        weight = rng.integers(-128, 128, shape).astype(np.int8)
        multiplier = rng.uniform(0.1, 2, shape[0]) / (73 * np.sqrt(max(terms, 1)))
        bias = rng.integers(-3000, 3000, shape[0])
    return {"weight": weight, "bias": bias.astype(np.int32), "multiplier": multiplier.astype(np.float32)}


def window(rng: Rng, kernels: Sequence[tuple[int, int]], widest: int) -> tuple[Any, ...]:
    """Kernel, strides, padding, dilation, height and width of which at least one window fits."""
    while True:
        kernel, padding = pick(rng, kernels), pick(rng, PADDINGS)
        dilation = pick(rng, [(1, 1), (1, 1), (1, 1), (2, 2), (1, 3)])
        strides = pick(rng, [(1, 1), (1, 1), (2, 2), (2, 1), (3, 3)])
        height, width = int(rng.integers(1, 5)), int(rng.integers(1, widest))
        down = fits(height, kernel[0], dilation[0], padding[0] + padding[2])
        if down and fits(width, kernel[1], dilation[1], padding[1] + padding[3]):
            return kernel, strides, padding, dilation, height, width


def convolution(rng: Rng) -> Case:
    """Dense and grouped, one or several pieces, any stride, dilation and padding."""
    kernel, strides, padding, dilation, height, width = window(rng, DENSE_KERNELS, 15)
    groups = pick(rng, [1, 1, 1, 1, 2, 3])
    pieces = int(rng.integers(1, 4)) if groups == 1 else 1
    channels = [pick(rng, CHANNELS) * groups for _ in range(pieces)]
    outputs = pick(rng, CHANNELS) * groups
    operator = Conv2d(strides, padding, dilation, groups, weighted_sum(rng))
    weights = constants(rng, (outputs, *kernel, sum(channels) // groups))
    return Case(operator, tuple(int8_array(rng, (1, height, width, c)) for c in channels), weights)


def depthwise(rng: Rng) -> Case:
    """One filter per channel."""
    kernels = [(3, 3), (3, 3), (3, 3), (5, 5), (1, 3), (3, 1), (2, 2), (4, 2), (7, 3), (1, 1)]
    kernel, strides, padding, dilation, height, width = window(rng, kernels, 40)
    channels = pick(rng, CHANNELS)
    operator = Conv2d(strides, padding, dilation, channels, weighted_sum(rng))
    return Case(operator, (int8_array(rng, (1, height, width, channels)),), constants(rng, (channels, *kernel, 1)))


def dense(rng: Rng) -> Case:
    """Over a whole map, and over its last axis."""
    shape = pick(rng, [(1, 64), (1, 37), (1, 4, 3, 5), (1, 3, 5, 16), (1, 6, 1, 7), (1, 2, 9, 20)])
    operator = Dense(bool(rng.integers(2)), weighted_sum(rng))
    elements = int(np.prod(shape)) if operator.flatten else shape[-1]
    return Case(operator, (int8_array(rng, shape),), constants(rng, (int(rng.integers(1, 40)), elements)))


def transposed(rng: Rng) -> Case:
    """Any kernel, stride, padding and dilation."""
    while True:
        kernel, strides = (
            pick(rng, [(2, 2), (2, 2), (4, 4), (3, 3), (1, 2), (5, 3)]),
            pick(rng, [(2, 2), (2, 2), (1, 1), (2, 1), (3, 2)]),
        )
        padding, dilation = pick(rng, [(0, 0, 0, 0), (1, 1, 1, 1), (0, 1, 1, 0)]), pick(rng, [(1, 1), (1, 1), (2, 3)])
        extra = pick(rng, [(0, 0), (0, 0), (1, 1)])
        extents = (int(rng.integers(1, 5)), int(rng.integers(1, 9)))
        spans = [
            (extents[a] - 1) * strides[a] + dilation[a] * (kernel[a] - 1) + 1 + extra[a] - padding[a] - padding[a + 2]
            for a in (0, 1)
        ]
        if min(spans) >= 1:
            break
    groups = pick(rng, [1, 1, 1, 2])
    depth, outputs = pick(rng, CHANNELS), pick(rng, CHANNELS) * groups
    operator = Conv2dTranspose(strides, padding, extra, dilation, groups, weighted_sum(rng))
    return Case(operator, (int8_array(rng, (1, *extents, depth * groups)),), constants(rng, (outputs, *kernel, depth)))


def max_pool(rng: Rng) -> Case:
    """Any kernel, and windows that lie in the padding."""
    kernels = [(2, 2), (2, 2), (3, 3), (2, 1), (1, 2), (5, 4), (1, 1)]
    kernel, strides, padding, dilation, height, width = window(rng, kernels, 15)
    shape = (1, height, width, pick(rng, CHANNELS))
    return Case(MaxPool2d(kernel, strides, padding, dilation), (int8_array(rng, shape),), {})


def elementwise(rng: Rng) -> Case:
    """Operands of equal shape and of any scales; sometimes one that repeats."""
    shape = pick(rng, [(1, 3, 5, 7), (1, 2, 4, 16), (1, 3, 1, 5), (3, 9)])
    other = pick(rng, [shape, shape, shape, (1, 1, 1, shape[-1]) if len(shape) == 4 else shape])
    scales = np.float32(rng.uniform(0.005, 0.1, 3)) if rng.integers(3) else np.array([0.05, 0.05, 0.1], np.float32)
    result: dict[str, Any] = dict(
        zip(("output_zero_point", "output_min", "output_max"), clamp(rng).values(), strict=True)
    )
    function = pick(rng, ["add", "add", "sub", "mul"])
    arithmetic = onnx.Binary(float(scales[0]), int8(rng), float(scales[1]), int8(rng), float(scales[2]), **result)
    return Case(Elementwise(function, arithmetic), (int8_array(rng, shape), int8_array(rng, other)), {})


def elementwise_constant(rng: Rng) -> Case:
    """A constant per channel or per element, as the left or right operand."""
    shape = pick(rng, [(1, 3, 5, 7), (1, 2, 4, 16), (1, 2, 7, 20), (3, 9)])
    other = pick(rng, [shape, shape[-1:], shape[-1:]])
    scales = np.float32(rng.uniform(0.005, 0.1, 3))
    function = pick(rng, ["add", "sub", "mul", "mul"])
    arithmetic = onnx.Binary(float(scales[0]), int8(rng), float(scales[1]), int8(rng), float(scales[2]), **clamp(rng))
    operator = ElementwiseConstant(function, bool(rng.integers(2)), arithmetic)
    return Case(operator, (int8_array(rng, shape),), {"other": int8_array(rng, other)})


def average_pool(rng: Rng) -> Case:
    """Small kernels, padding counted or not, windows that lie in the padding in part."""
    while True:
        kernel, padding = pick(rng, [(2, 2), (2, 2), (3, 3), (1, 3), (4, 2), (8, 8)]), pick(rng, PADDINGS)
        shape = (1, int(rng.integers(1, 10)), int(rng.integers(1, 16)), pick(rng, CHANNELS))
        scale = float(np.float32(rng.uniform(0.01, 0.1)))
        target = (float(np.float32(scale * rng.uniform(0.5, 1.5))), int8(rng))
        strides = pick(rng, [(1, 1), (2, 2), (3, 1)])
        operator = AveragePool2d(
            kernel, strides, padding, bool(rng.integers(2)), onnx.Average(scale, int8(rng), *target)
        )
        case = Case(operator, (int8_array(rng, shape),), {})
        try:
            operator.infer(case.input_types, {})
        except ValueError:
            continue
        return case


def global_pool(rng: Rng) -> Case:
    """One line and several, longer than 16 bit sums are safe for, and of extreme values."""
    height, width = pick(rng, [(1, 1), (3, 5), (2, 8), (2, 300), (1, 600)])
    shape = (1, height, width, pick(rng, CHANNELS))
    values = int8_array(rng, shape) if rng.integers(3) else np.full(shape, pick(rng, [-128, 127]), np.int8)
    scale, zero_point = float(np.float32(rng.uniform(0.01, 0.1))), int8(rng)
    operator = GlobalPool("average", onnx.Average(scale, zero_point, scale * float(rng.uniform(0.3, 1.5)), int8(rng)))
    if rng.integers(4) == 0:
        operator = GlobalPool("max")
    return Case(operator, (values,), {})


def lookup(rng: Rng) -> Case:
    """Lines of any length."""
    table = rng.integers(-128, 128, 256).astype(np.int8)
    shape = pick(rng, [(1, 2, 3, 5), (1, 1, 1, 1), (1, 2, 4, 16), (1, 3, 7, 3)])
    return Case(Lookup("int8"), (int8_array(rng, shape),), {"table": table})


CASES: dict[str, Callable[[Rng], Case]] = {
    "conv2d": convolution,
    "depthwise": depthwise,
    "conv2d_transpose": transposed,
    "dense": dense,
    "max_pool2d": max_pool,
    "elementwise": elementwise,
    "elementwise_constant": elementwise_constant,
    "average_pool2d": average_pool,
    "global_pool": global_pool,
    "lookup": lookup,
}


def accepted_case(kind: str, rng: Rng) -> Case:
    """A case whose constants keep to the numeric contract."""
    while True:
        case = CASES[kind](rng)
        try:
            case.operator.check(case.input_types, case.constants)
        except ValueError:
            continue
        return case
