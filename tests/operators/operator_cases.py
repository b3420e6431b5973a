"""Random instances of every operator: attributes, operands, constants. Small shapes, nothing left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

from tests.operators import int16_cases
from tests.operators.int16_cases import of_int16
from tinyseg_tvm.operators import (
    ArgMax,
    AveragePool2d,
    ChannelLookup,
    Clip,
    Concat,
    Conv2d,
    Conv2dTranspose,
    Dense,
    DepthToSpace,
    Dequantize,
    Elementwise,
    ElementwiseConstant,
    Gather,
    GlobalPool,
    Lookup,
    MaxPool2d,
    Operator,
    Pad,
    Pointwise,
    Quantize,
    Rearrange,
    Reduce,
    Reshape,
    Resize2d,
    Select,
    Slice,
    Softmax,
    TensorType,
    Transpose,
)
from tinyseg_tvm.operators.arithmetic import expressions, float32, onnx
from tinyseg_tvm.operators.arithmetic.cell_functions import FUNCTIONS
from tinyseg_tvm.operators.arithmetic.float32 import FLOAT32_MAX
from tinyseg_tvm.operators.constant import Constant
from tinyseg_tvm.operators.convert import Convert
from tinyseg_tvm.operators.matmul import Matmul
from tinyseg_tvm.operators.max_positions import MaxPositions
from tinyseg_tvm.operators.max_unpool2d import MaxUnpool2d
from tinyseg_tvm.operators.recurrent import FUNCTION_COUNT, GATES, Recurrent
from tinyseg_tvm.operators.stream_start import StreamStart

T = TypeVar("T")


@dataclass(frozen=True)
class Case:
    """An operator with arrays for its operands and constants."""

    operator: Operator
    inputs: tuple[np.ndarray, ...]
    constants: Mapping[str, np.ndarray]

    @property
    def input_types(self) -> tuple[TensorType, ...]:
        return tuple(type_of(array) for array in self.inputs)

    @property
    def output_types(self) -> tuple[TensorType, ...]:
        constants = {name: type_of(array) for name, array in self.constants.items()}
        return self.operator.infer(self.input_types, constants)

    @property
    def arithmetic(self) -> object:
        """The operator's."""
        return getattr(self.operator, "arithmetic", None)

    def run(self) -> tuple[np.ndarray, ...]:
        return self.operator.reference(self.inputs, self.constants)


def of_type(value: object, kind: type[T]) -> T:
    """The value, which is of this class."""
    assert isinstance(value, kind)
    return value


def type_of(array: np.ndarray) -> TensorType:
    return TensorType(array.shape, str(array.dtype))


def int8_array(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Random values; sometimes extreme ones only."""
    if rng.integers(8) == 0:
        return rng.choice(np.array([-128, -127, 0, 127], np.int8), shape)
    return rng.integers(-128, 128, shape, dtype=np.int8)


small = st.integers(1, 7)
pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
int8s = st.integers(-128, 127)
scales = st.sampled_from([0.0039215688593685627, 0.02, 0.1, 0.7, 1.0 / 3, 1.0, 2.5])
generators = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@st.composite
def clamps(draw: Any) -> dict[str, int]:
    low, high = draw(st.sampled_from([(-128, 127), (-128, 127), (-5, 127), (-128, 40), (-20, 20)]))
    return {"output_zero_point": draw(int8s), "output_min": low, "output_max": high}


@st.composite
def weighted_sums(draw: Any) -> onnx.WeightedSum:
    return onnx.WeightedSum(draw(int8s), **draw(clamps()))


def weighted_sum_constants(rng: np.random.Generator, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Weights without zeros, and multipliers that spread the results over int8."""
    weight = rng.integers(1, 128, shape) * rng.choice([-1, 1], shape)
    weight = weight.astype(np.int8)
    if rng.integers(6) == 0:
        weight = (weight.astype(np.int16) * 2).astype(np.int16)
    terms = int(np.prod(shape[1:]))
    spread = np.float32(1 / (73 * 90 * np.sqrt(terms) / 50))
    return {
        "weight": weight,
        "bias": rng.integers(-3000, 3000, shape[0], dtype=np.int32),
        "multiplier": (spread * rng.uniform(0.2, 3, shape[0])).astype(np.float32),
    }


def fits(extent: int, kernel: int, dilation: int, padding: int) -> bool:
    return extent + padding >= dilation * (kernel - 1) + 1


@st.composite
def conv2d(draw: Any) -> Case:
    rng = draw(generators)
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilation, strides = draw(pair), draw(pair)
    padding = draw(st.tuples(*[st.integers(0, 4)] * 4))
    height = draw(st.integers(1, 9).filter(lambda h: fits(h, kernel[0], dilation[0], padding[0] + padding[2])))
    width = draw(st.integers(1, 9).filter(lambda w: fits(w, kernel[1], dilation[1], padding[1] + padding[3])))
    kind = draw(st.sampled_from(["dense", "depthwise", "grouped", "pieces"]))
    if kind == "depthwise":
        depth, outputs, groups, pieces = 1, 0, draw(st.integers(1, 6)), 1
        outputs = groups * draw(st.sampled_from([1, 1, 2]))
    else:
        depth, groups, pieces = draw(st.integers(1, 5)), 1, 1
        outputs = draw(st.integers(1, 5))
        if kind == "grouped":
            groups = draw(st.integers(1, 3))
            outputs *= groups
        if kind == "pieces":
            pieces = draw(st.integers(2, 3))
    channels = [depth * groups] if pieces == 1 else [draw(st.integers(1, 3)) for _ in range(pieces)]
    operator = Conv2d(strides, padding, dilation, groups, draw(weighted_sums()))
    constants = weighted_sum_constants(rng, (outputs, *kernel, sum(channels) // groups))
    return Case(operator, tuple(int8_array(rng, (1, height, width, c)) for c in channels), constants)


def is_left(extent: int, stride: int, beyond: int) -> bool:
    """Whether a transposed convolution leaves anything; ``beyond``: lines of the last window that are not cut off."""
    return (extent - 1) * stride + beyond >= 1


@st.composite
def conv2d_transpose(draw: Any) -> Case:
    rng = draw(generators)
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilation, strides = draw(pair), draw(pair)
    padding = draw(st.tuples(*[st.integers(0, 2)] * 4))
    output_padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    extents = []
    for axis in (0, 1):
        cut = padding[axis] + padding[axis + 2]
        reach = dilation[axis] * (kernel[axis] - 1) + 1 + output_padding[axis]
        extents.append(draw(st.integers(1, 6).filter(partial(is_left, stride=strides[axis], beyond=reach - cut))))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    depth, outputs = draw(st.integers(1, 4)), draw(st.integers(1, 4)) * groups
    operator = Conv2dTranspose(strides, padding, output_padding, dilation, groups, draw(weighted_sums()))
    constants = weighted_sum_constants(rng, (outputs, *kernel, depth))
    return Case(operator, (int8_array(rng, (1, *extents, depth * groups)),), constants)


@st.composite
def dense(draw: Any) -> Case:
    rng = draw(generators)
    flatten = draw(st.booleans())
    shape = draw(
        st.sampled_from([(1, 6), (5, 4), (1, 3, 4), (1, 4, 3, 2), (1, 1, 3, 2), (3,), (2, 3, 4), (1, 4, 1, 3)])
    )
    operator = Dense(flatten, draw(weighted_sums()))
    elements = int(np.prod(shape)) if flatten else shape[-1]
    return Case(operator, (int8_array(rng, shape),), weighted_sum_constants(rng, (draw(small), elements)))


@st.composite
def pools(draw: Any, average: bool) -> Case:
    rng = draw(generators)
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    strides = draw(pair)
    dilation = (1, 1) if average else draw(pair)
    padding = tuple(draw(st.integers(0, kernel[axis % 2] - 1)) for axis in range(4))
    height = draw(st.integers(1, 9).filter(lambda h: fits(h, kernel[0], dilation[0], padding[0] + padding[2])))
    width = draw(st.integers(1, 9).filter(lambda w: fits(w, kernel[1], dilation[1], padding[1] + padding[3])))
    data = int8_array(rng, (1, height, width, draw(st.integers(1, 5))))
    if average:
        include = draw(st.booleans())
        scale, other = draw(scales), draw(st.sampled_from([1.0, 0.7, 1.9]))
        arithmetic = onnx.Average(scale, draw(int8s), scale * other, draw(int8s))
        operator: Operator = AveragePool2d(kernel, strides, padding, include, arithmetic)
    else:
        operator = MaxPool2d(kernel, strides, padding, dilation)
    return Case(operator, (data,), {})


@st.composite
def global_pool(draw: Any) -> Case:
    rng = draw(generators)
    data = int8_array(rng, (1, draw(small), draw(small), draw(st.integers(1, 5))))
    zero_point, scale = draw(int8s), draw(scales)
    if draw(st.booleans()):
        return Case(GlobalPool("max"), (data,), {})
    return Case(GlobalPool("average", onnx.Average(scale, zero_point, scale * 0.8, draw(int8s))), (data,), {})


SHAPES = [(1, 5, 4, 3), (1, 1, 3, 2), (1, 4, 3), (3, 2, 4), (1, 6), (4, 3), (5,), (2, 3, 2, 2), (1, 5, 1, 3)]
shapes = st.sampled_from(SHAPES)


@st.composite
def lookup(draw: Any) -> Case:
    rng = draw(generators)
    dtype = draw(st.sampled_from(["int8", "uint8"]))
    table = rng.permutation(256).astype(np.uint8).view(dtype)
    return Case(
        Lookup(dtype), (int8_array(rng, draw(shapes)).view(draw(st.sampled_from(["int8", "uint8"]))),), {"table": table}
    )


@st.composite
def channel_lookup(draw: Any) -> Case:
    case = draw(lookup())
    channels = case.inputs[0].shape[-1]
    rng = draw(generators)
    tables = np.stack([rng.permutation(case.constants["table"]) for _ in range(channels)])
    dtype = of_type(case.operator, Lookup).output_dtype
    return Case(ChannelLookup(dtype), case.inputs, {"tables": tables})


@st.composite
def elementwise(draw: Any) -> Case:
    rng = draw(generators)
    lhs, rhs = draw(
        st.sampled_from(
            [(shape, shape) for shape in SHAPES]
            + [((1, 5, 4, 3), (1, 1, 1, 3)), ((1, 1, 1, 3), (1, 5, 4, 3)), ((1, 4, 3), (1,)), ((), (1, 5, 4, 3))]
            + [((1, 5, 4, 3), (1, 1, 1, 1)), ((1,), (1, 1)), ((1, 1), (1,)), ((1, 5, 4, 1), (1, 1, 1, 1))]
        )
    )
    function = draw(st.sampled_from(["add", "sub", "mul"]))
    quantisation = (0.1, draw(int8s), 0.07, draw(int8s), 0.2 if function != "mul" else 1.0)
    operator = Elementwise(function, onnx.Binary(*quantisation, **draw(clamps())))
    return Case(operator, (int8_array(rng, lhs), int8_array(rng, rhs)), {})


@st.composite
def elementwise_constant(draw: Any) -> Case:
    rng = draw(generators)
    shape = draw(shapes)
    other = draw(st.sampled_from([shape, shape[-1:], (1,)]))
    function = draw(st.sampled_from(["add", "sub", "mul"]))
    arithmetic = onnx.Binary(0.1, draw(int8s), 0.07, draw(int8s), 0.3, **draw(clamps()))
    operator = ElementwiseConstant(function, draw(st.booleans()), arithmetic)
    return Case(operator, (int8_array(rng, shape),), {"other": int8_array(rng, other)})


@st.composite
def softmax(draw: Any) -> Case:
    rng = draw(generators)
    scale = draw(scales)
    table = np.exp(-np.arange(256) * scale).astype(np.float32)
    return Case(Softmax(onnx.Softmax(1 / 256, -128)), (int8_array(rng, draw(shapes)),), {"table": table})


@st.composite
def argmax(draw: Any) -> Case:
    rng = draw(generators)
    operator = ArgMax(draw(st.booleans()), draw(st.booleans()), draw(st.sampled_from(["int64", "int32", "uint8"])))
    return Case(operator, (rng.integers(-3, 4, draw(shapes)).astype(np.int8),), {})


@st.composite
def quantize(draw: Any) -> Case:
    rng = draw(generators)
    data = rng.normal(0, 30, draw(shapes)).astype(np.float32)
    dtype = draw(st.sampled_from(["int8", "uint8"]))
    return Case(Quantize(draw(scales), draw(int8s) + (128 if dtype == "uint8" else 0), dtype), (data,), {})


@st.composite
def dequantize(draw: Any) -> Case:
    return Case(Dequantize(draw(scales), draw(int8s)), (int8_array(draw(generators), draw(shapes)),), {})


def array_of(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    if dtype == "float32":
        return rng.normal(0, 3, shape).astype(np.float32)
    return rng.integers(0, 127, shape).astype(dtype)


dtypes = st.sampled_from(["int8", "float32", "uint8", "int64"])


@st.composite
def concat(draw: Any) -> Case:
    rng = draw(generators)
    shape = draw(shapes)
    axis = draw(st.integers(0, len(shape) - 1))
    dtype = draw(dtypes)
    extents = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    inputs = tuple(array_of(rng, (*shape[:axis], extent, *shape[axis + 1 :]), dtype) for extent in extents)
    return Case(Concat(axis), inputs, {})


@st.composite
def pad(draw: Any) -> Case:
    rng = draw(generators)
    shape = draw(shapes)
    before, after = (tuple(draw(st.integers(0, 2)) for _ in shape) for _ in range(2))
    return Case(Pad(before, after, value=draw(st.integers(0, 5))), (array_of(rng, shape, draw(dtypes)),), {})


@st.composite
def stream_start(draw: Any) -> Case:
    rng, advance, edge = draw(generators), draw(st.integers(1, 3)), draw(st.booleans())
    lines = array_of(rng, draw(shapes.filter(lambda shape: len(shape) > 1)), draw(dtypes))
    rounds = np.array([[draw(st.integers(0, 3))]], np.int8)
    return Case(StreamStart(advance, draw(st.integers(1, 6)), draw(st.integers(0, 5)), edge), (lines, rounds), {})


@st.composite
def slices(draw: Any) -> Case:
    rng = draw(generators)
    shape = draw(shapes)
    begin = tuple(draw(st.integers(0, extent - 1)) for extent in shape)
    end = tuple(draw(st.integers(first + 1, extent)) for first, extent in zip(begin, shape, strict=True))
    strides = tuple(draw(st.integers(1, 3)) for _ in shape)
    return Case(Slice(begin, end, strides), (array_of(rng, shape, draw(dtypes)),), {})


@st.composite
def max_positions(draw: Any) -> Case:
    rng, kernel = draw(generators), (draw(st.integers(1, 3)), draw(st.integers(2, 3)))
    before = (draw(st.integers(0, kernel[0] - 1)), draw(st.integers(0, kernel[1] - 1)))
    shape = (1, draw(st.integers(3, 6)), draw(st.integers(3, 6)), draw(st.integers(1, 3)))
    strides = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    operator = MaxPositions(kernel, strides, (*before, 0, 0), draw(st.booleans()))
    data = int8_array(rng, shape) if draw(st.booleans()) else float_array(rng, shape)
    return Case(operator, (data,), {})


@st.composite
def max_unpool2d(draw: Any) -> Case:
    rng, kernel = draw(generators), (draw(st.integers(1, 3)), draw(st.integers(2, 3)))
    strides = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    padding = (draw(st.integers(0, kernel[0] - 1)), draw(st.integers(0, kernel[1] - 1)))
    shape = (1, draw(small), draw(small), draw(st.integers(1, 3)))
    extent = tuple(max(1, (n - 1) * s + k - p) for n, s, k, p in zip(shape[1:3], strides, kernel, padding, strict=True))
    values = array_of(rng, shape, draw(st.sampled_from(["int8", "float32"])))
    positions = rng.integers(0, kernel[0] * kernel[1], shape).astype(np.uint8)
    return Case(MaxUnpool2d(kernel, strides, padding, extent, 3.0), (values, positions), {})


@st.composite
def select(draw: Any) -> Case:
    rng = draw(generators)
    shape = draw(shapes)
    axis = draw(st.integers(0, len(shape) - 1))
    indices = rng.integers(0, shape[axis], draw(st.integers(1, 5))).astype(np.int32)
    return Case(Select(axis), (array_of(rng, shape, draw(dtypes)),), {"indices": indices})


REARRANGEMENTS = [  # of maps, vectors and batches: shuffled pixels, blocks, rows and columns among channels, no lines
    ((1, 3, 2, 6), (1, 3, 2, 2, 3), (0, 1, 2, 4, 3), (1, 3, 2, 6)),
    ((1, 4, 6, 2), (1, 2, 2, 2, 3, 2), (0, 1, 3, 2, 4, 5), (1, 2, 2, 12)),
    ((1, 4, 6, 2), (1, 2, 2, 2, 3, 2), (0, 1, 3, 5, 4, 2), (1, 2, 2, 12)),
    ((1, 3, 2, 12), (1, 3, 2, 2, 3, 2), (0, 1, 3, 2, 4, 5), (1, 6, 6, 2)),
    ((1, 4, 3, 2), (1, 4, 3, 2), (0, 3, 1, 2), (1, 24)),
    ((1, 4, 3, 4), (1, 4, 3, 2, 2), (0, 4, 1, 3, 2), (1, 2, 4, 6)),
    ((1, 6, 4), (1, 3, 2, 4), (0, 2, 1, 3), (1, 6, 4)),
    ((2, 3, 4), (2, 3, 2, 2), (0, 3, 1, 2), (2, 2, 6)),
    ((1, 6, 2), (1, 4, 3), (0, 2, 1), (1, 2, 6)),
    ((12,), (3, 4), (1, 0), (12,)),
]


@st.composite
def rearrange(draw: Any) -> Case:
    before, early, permutation, after = draw(st.sampled_from(REARRANGEMENTS))
    data = array_of(draw(generators), before, draw(dtypes))
    return Case(Rearrange(early, permutation, after), (data,), {})


@st.composite
def reshape(draw: Any) -> Case:
    rng = draw(generators)
    shapes_of = [
        (1, 4, 3, 2),
        (1, 4, 6),
        (4, 6),
        (1, 24),
        (24,),
        (1, 1, 4, 6),
        (1, 2, 2, 6),
        (2, 3, 2, 2),
        (1, 4, 1, 6),
    ]
    source, target = draw(st.sampled_from(shapes_of)), draw(st.sampled_from(shapes_of))
    return Case(Reshape(target), (array_of(rng, source, draw(dtypes)),), {})


@st.composite
def transpose(draw: Any) -> Case:
    rng = draw(generators)
    shape = draw(shapes)
    permutation = tuple(draw(st.permutations(range(len(shape)))))
    return Case(Transpose(permutation), (array_of(rng, shape, draw(dtypes)),), {})


@st.composite
def depth_to_space(draw: Any) -> Case:
    rng = draw(generators)
    block = draw(st.integers(1, 3))
    shape = (1, draw(st.integers(1, 4)), draw(st.integers(1, 4)), block * block * draw(st.integers(1, 3)))
    return Case(DepthToSpace(block, draw(st.sampled_from(["DCR", "CRD"]))), (array_of(rng, shape, draw(dtypes)),), {})


def resize_table(extent: int, result: int, linear: bool) -> tuple[np.ndarray, np.ndarray]:
    """Sources and weights of the half-pixel coordinate mode."""
    position = np.clip((np.arange(result) + 0.5) * extent / result - 0.5, 0, extent - 1)
    if not linear:
        return np.floor(position + 0.5).astype(np.int32)[:, None], np.ones((result, 1), np.int32)
    low = np.floor(position).astype(np.int32)
    weight = np.rint((position - low) * 2048).astype(np.int32)
    return np.stack([low, np.minimum(low + 1, extent - 1)], 1), np.stack([2048 - weight, weight], 1)


TAPS = [(2048,), (1024, 1024), (-300, 2348), (300, -400, 2148), (500, 600, -452, 1400)]
"""Weights that sum to the unit, none of them small."""


@st.composite
def tap_table(draw: Any, extent: int) -> tuple[np.ndarray, np.ndarray]:
    """Distinct sources, up to four, and integer weights, some 0 or negative."""
    rng, rows = draw(generators), draw(small)
    taps = min(draw(st.integers(1, 4)), extent)
    weights = np.zeros((rows, taps), np.int32)
    for row in weights:
        chosen = TAPS[rng.integers(0, len([each for each in TAPS if len(each) <= taps]))]
        row[: len(chosen)] = chosen
        rng.shuffle(row)
    sources = np.stack([rng.permutation(extent)[:taps] for _ in range(rows)])
    return sources.astype(np.int32), weights


RESIZE_TABLES = ("rows", "row_weights", "columns", "column_weights")


@st.composite
def resize2d(draw: Any, methods: tuple[str, ...] = ("nearest", "linear", "taps")) -> Case:
    rng = draw(generators)
    method = draw(st.sampled_from(methods))
    height, width, rows, columns = (draw(small) for _ in range(4))
    if method == "taps":
        tables = (*draw(tap_table(height)), *draw(tap_table(width)))
    else:
        linear = method == "linear"
        tables = (*resize_table(height, rows, linear), *resize_table(width, columns, linear))
    constants = dict(zip(RESIZE_TABLES, tables, strict=True))
    if method != "nearest":
        arithmetic = onnx.Interpolation(0.1, draw(int8s), draw(st.sampled_from([0.1, 0.08, 0.3])), draw(int8s))
        operator, dtype = Resize2d("linear", arithmetic), "int8"
    else:
        operator, dtype = Resize2d("nearest"), draw(dtypes)
    shape = (1, height, width, draw(st.integers(1, 4)))
    data = int8_array(rng, shape) if dtype == "int8" else array_of(rng, shape, dtype)
    return Case(operator, (data,), constants)


@st.composite
def float_resize2d(draw: Any) -> Case:
    rng, height, width = draw(generators), draw(small), draw(small)
    constants = dict(zip(RESIZE_TABLES, (*draw(tap_table(height)), *draw(tap_table(width))), strict=True))
    for name in ("row_weights", "column_weights"):
        constants[name] = (constants[name] / 2048 * rng.uniform(0.9, 1.1)).astype(np.float32)
    data = float_array(rng, (1, height, width, draw(st.integers(1, 4))))
    return Case(Resize2d("linear", float32.Interpolation()), (data,), constants)


FLOAT_CLAMPS = [(-FLOAT32_MAX, FLOAT32_MAX), (-FLOAT32_MAX, FLOAT32_MAX), (0.0, FLOAT32_MAX), (0.0, 6.0), (-2.5, 40.0)]


@st.composite
def float_clamps(draw: Any) -> dict[str, float]:
    low, high = draw(st.sampled_from(FLOAT_CLAMPS))
    return {"output_min": low, "output_max": high}


def float_array(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Random values; now and then of very different sizes, or many zeros."""
    values = rng.normal(0, 3, shape)
    kind = rng.integers(8)
    if kind == 0:
        values *= 10.0 ** rng.integers(-42, 12, shape)
    if kind == 1:
        values = np.maximum(values, 0)
    return values.astype(np.float32)


def float_weights(rng: np.random.Generator, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    return {"weight": float_array(rng, shape), "bias": float_array(rng, shape[:1])}


@st.composite
def float_conv2d(draw: Any) -> Case:
    case = draw(conv2d())
    rng = draw(generators)
    old = case.operator
    operator = replace(old, arithmetic=float32.WeightedSum(**draw(float_clamps())))
    weight = case.constants["weight"].shape
    pieces = [array.shape for array in case.inputs]
    if old.groups == 1 and draw(st.booleans()):  # wide enough for blocks of four by four
        weight = (weight[0] * 3, *weight[1:])
        pieces = [(1, shape[1], shape[2] + 12, shape[3]) for shape in pieces]
    elif old.groups == weight[0] and draw(st.booleans()):
        pieces = [(1, shape[1], shape[2] + 12, shape[3]) for shape in pieces]
    return Case(operator, tuple(float_array(rng, shape) for shape in pieces), float_weights(rng, weight))


@st.composite
def float_conv2d_transpose(draw: Any) -> Case:
    case = draw(conv2d_transpose())
    rng = draw(generators)
    operator = replace(case.operator, arithmetic=float32.WeightedSum(**draw(float_clamps())))
    constants = float_weights(rng, case.constants["weight"].shape)
    return Case(operator, (float_array(rng, case.inputs[0].shape),), constants)


@st.composite
def float_dense(draw: Any) -> Case:
    case = draw(dense())
    rng = draw(generators)
    operator = replace(case.operator, arithmetic=float32.WeightedSum(**draw(float_clamps())))
    constants = float_weights(rng, case.constants["weight"].shape)
    return Case(operator, (float_array(rng, case.inputs[0].shape),), constants)


@st.composite
def float_pools(draw: Any, average: bool) -> Case:
    case = draw(pools(average))
    old = case.operator
    if average:
        old = replace(old, arithmetic=float32.Average())
    return Case(old, (float_array(draw(generators), case.inputs[0].shape),), {})


@st.composite
def float_global_pool(draw: Any) -> Case:
    data = float_array(draw(generators), (1, draw(small), draw(small), draw(st.integers(1, 5))))
    average = GlobalPool("average", float32.Average())
    return Case(draw(st.sampled_from([average, GlobalPool("max")])), (data,), {})


@st.composite
def expressed(draw: Any, plain: Callable[[], st.SearchStrategy[Case]]) -> Case:
    """A sum of integers that goes on in float32, with functions of it and of a number per channel."""
    case = draw(plain())
    rng = draw(generators)
    multiplier = case.constants["multiplier"] / 20
    others = {}
    steps = draw(
        st.sampled_from(["identity x0", "sigmoid x0; mul x0 t0", "add x0 c0", "add x0 c0; tanh t0; mul t1 c1"])
    )
    for name in ("c0", "c1"):
        if name in steps:
            others[name] = rng.normal(0, 3, multiplier.shape).astype(np.float32)
    dtype = draw(st.sampled_from(["float32", "int8"]))
    if dtype == "int8":
        steps += f"; quantize t{steps.count(';')} 0.05 {draw(int8s)}"
    zero_point = of_type(case.arithmetic, onnx.WeightedSum).input_zero_point
    operator = replace(case.operator, arithmetic=onnx.ExpressedSum(zero_point, steps, dtype))
    return Case(operator, case.inputs, {**case.constants, "multiplier": multiplier, **others})


float_functions = st.sampled_from(["add", "sub", "mul", "div", "max", "min"])


@st.composite
def float_elementwise(draw: Any) -> Case:
    case = draw(elementwise())
    rng = draw(generators)
    operator = Elementwise(draw(float_functions), float32.Binary(**draw(float_clamps())))
    return Case(operator, tuple(rng.normal(0, 3, array.shape).astype(np.float32) for array in case.inputs), {})


@st.composite
def float_elementwise_constant(draw: Any) -> Case:
    rng = draw(generators)
    shape = draw(shapes)
    other = draw(st.sampled_from([shape, shape[-1:], (1,)]))
    operator = ElementwiseConstant(draw(float_functions), draw(st.booleans()), float32.Binary(**draw(float_clamps())))
    constants = {"other": rng.normal(0, 3, other).astype(np.float32)}
    return Case(operator, (rng.normal(0, 3, shape).astype(np.float32),), constants)


@st.composite
def clip(draw: Any) -> Case:
    return Case(Clip(*draw(st.sampled_from(FLOAT_CLAMPS))), (float_array(draw(generators), draw(shapes)),), {})


@st.composite
def float_softmax(draw: Any) -> Case:
    rng = draw(generators)
    spread = draw(st.sampled_from([0.1, 3, 60]))
    return Case(Softmax(float32.Softmax()), (rng.normal(0, spread, draw(shapes)).astype(np.float32),), {})


SPECIAL = (np.nan, np.inf, -np.inf, 2.0**31, -(2.0**31), 2.0**32 + 512, -(2.0**40), 2.0**63, -(2.0**63), 1e30, -0.9)


@st.composite
def convert(draw: Any) -> Case:
    rng, shape = draw(generators), draw(shapes)
    source = draw(st.sampled_from(["float32", "int32", "int64"]))
    target = draw(st.sampled_from([name for name in ("int32", "int64") if name != source]))
    if source == "float32":
        data = rng.normal(0, 10.0 ** rng.integers(0, 20), shape).astype(np.float32)
        data = np.where(rng.random(shape) < 0.3, rng.choice(np.array(SPECIAL, np.float32), shape), data)
    else:
        limits = np.iinfo(source)
        data = rng.integers(limits.min, limits.max, shape, dtype=source, endpoint=True)
    return Case(Convert(target, wraps=draw(st.booleans())), (data.astype(source),), {})


@st.composite
def gather(draw: Any) -> Case:
    rng = draw(generators)
    rows = draw(small)
    indices = rng.integers(-rows - 2, rows + 2, draw(shapes)).astype(draw(st.sampled_from(["int32", "int64"])))
    row = draw(st.sampled_from([(3,), (), (2, 3)]))
    return Case(Gather(), (indices,), {"table": array_of(rng, (rows, *row), draw(dtypes))})


def reductions(shape: tuple[int, ...]) -> st.SearchStrategy[Reduce]:
    """Reductions without an arithmetic of tensors of a shape."""
    axes = st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True).map(lambda found: tuple(sorted(found)))
    groups = st.sampled_from([0, 0, *(number for number in range(1, shape[-1] + 1) if shape[-1] % number == 0)])
    made = st.builds(
        lambda axes, groups: Reduce("max", axes, 0 if axes[-1] == len(shape) - 1 else groups), axes, groups
    )
    return made.filter(lambda operator: not refused(operator, shape))


def refused(operator: Reduce, shape: tuple[int, ...]) -> bool:
    try:
        operator.infer([TensorType(shape, "int8")], {})
    except ValueError:
        return True
    return False


reduced_shapes = st.sampled_from(
    [(5,), (4, 6), (1, 4, 6), (2, 3, 4), (1, 4, 3, 6), (1, 1, 3, 4), (3, 2, 2, 4), (1, 3, 2, 2, 4)]
)


@st.composite
def reduce(draw: Any) -> Case:
    shape = draw(reduced_shapes)
    operator = draw(reductions(shape))
    scale, zero_point = draw(scales), draw(int8s)
    arithmetic: onnx.Average | onnx.Reduction | None
    kind = draw(st.sampled_from(["extreme", "average", "real", "real"]))
    if kind == "extreme":
        function, arithmetic = draw(st.sampled_from(["max", "min"])), None
    elif kind == "average":
        function = draw(st.sampled_from(["sum", "mean"]))
        arithmetic = onnx.Average(scale, zero_point, scale * draw(st.sampled_from([1.0, 0.7, 9.0])), draw(int8s))
    else:
        function = draw(st.sampled_from(["sum", "mean", "product", "variance"]))
        arithmetic = onnx.Reduction(scale, zero_point)
    data = int8_array(draw(generators), shape)
    return Case(replace(operator, function=function, arithmetic=arithmetic), (data,), {})


@st.composite
def float_reduce(draw: Any) -> Case:
    shape = draw(reduced_shapes)
    operator = draw(reductions(shape))
    function = draw(st.sampled_from(["max", "min", "sum", "mean", "product", "variance"]))
    arithmetic = None if function in ("max", "min") else float32.Reduction()
    data = draw(generators).normal(1, 3, shape).astype(np.float32)
    return Case(replace(operator, function=function, arithmetic=arithmetic), (data,), {})


@st.composite
def constant(draw: Any) -> Case:
    shape = draw(st.sampled_from([(1, 3, 2, 4), (1, 5, 2), (2, 3), (4,), ()]))
    return Case(Constant(), (), {"values": array_of(draw(generators), shape, draw(dtypes))})


def tflite_cases() -> dict[str, Callable[[], st.SearchStrategy[Case]]]:
    """Those of the rule ``tflite``: geometry as above, with other results."""
    from tests.operators import tflite_variants

    kinds: dict[str, tuple[Callable[..., st.SearchStrategy[Case]], Callable[[], st.SearchStrategy[Case]]]] = {
        **{kind: (tflite_variants.weighted_sum, strategy) for kind, strategy in _WEIGHTED_SUMS.items()},
        "average_pool2d": (tflite_variants.average, partial(pools, average=True)),
        "global_pool": (tflite_variants.average, global_pool),
        "matmul": (tflite_variants.product_sum, matmul),
        "elementwise": (tflite_variants.binary, elementwise),
        "elementwise_constant": (tflite_variants.binary, elementwise_constant),
        "resize2d": (tflite_variants.interpolation, partial(resize2d, methods=("nearest", "linear"))),
    }
    return {
        **{f"{kind} tflite": partial(variant, strategy) for kind, (variant, strategy) in kinds.items()},
        **{
            f"{kind} tflite int16": partial(variant, partial(_as_int16, strategy))
            for kind, (variant, strategy) in kinds.items()
        },
        "softmax tflite": partial(tflite_variants.softmax, softmax),
        "l2_normalize tflite": partial(tflite_variants.l2_normalize, softmax),
        "softmax tflite int16": partial(tflite_variants.softmax, partial(_as_int16, softmax)),
        "unary tflite": tflite_variants.unary,
        "integer_lstm tflite": tflite_variants.integer_lstm,
        "integer_lstm tflite int16": partial(tflite_variants.integer_lstm, "int16"),
        "resize2d tflite": partial(tflite_variants.interpolation, resize2d),
    }


def _as_int16(strategy: Callable[[], st.SearchStrategy[Case]]) -> st.SearchStrategy[Case]:
    return of_int16(strategy())


_WEIGHTED_SUMS: dict[str, Callable[[], st.SearchStrategy[Case]]] = {
    "conv2d": conv2d,
    "conv2d_transpose": conv2d_transpose,
    "dense": dense,
}


@st.composite
def matrices(draw: Any) -> tuple[Matmul, tuple[tuple[int, ...], tuple[int, ...]]]:
    """A product of matrices without its arithmetic, and the shapes of its operands."""
    rows, inner, columns = draw(st.integers(1, 4)), draw(st.integers(1, 5)), draw(st.integers(1, 6))
    transposed, ranks = draw(st.booleans()), draw(st.tuples(st.integers(2, 4), st.integers(2, 4)))
    inside, rhs_inside = (ranks == (4, 4) and draw(st.booleans()) for _ in range(2))
    outer = 1 if inside or rhs_inside else draw(st.integers(1, 2))
    batch = draw(st.integers(1, 3))

    def shape(rank: int, matrix: tuple[int, int], behind: bool) -> tuple[int, ...]:
        batches = tuple(draw(st.sampled_from([1, extent])) for extent in (outer, batch))
        if behind:
            return (1, matrix[0], batches[1], matrix[1])
        return (*batches, *matrix)[4 - rank :]

    operator = Matmul(inside, rhs_inside, transposed, onnx.ProductSum(0, 0, 1.0, 0, -128, 127))
    right = (columns, inner) if transposed else (inner, columns)
    return operator, (shape(ranks[0], (rows, inner), inside), shape(ranks[1], right, rhs_inside))


@st.composite
def matmul(draw: Any) -> Case:
    operator, shapes = draw(matrices())
    rng = draw(generators)
    spread = float(np.float32(rng.uniform(0.2, 2) * 50 / (73 * 73 * np.sqrt(shapes[0][-1]))))
    arithmetic = onnx.ProductSum(draw(int8s), draw(int8s), spread, **draw(clamps()))
    return Case(replace(operator, arithmetic=arithmetic), tuple(int8_array(rng, shape) for shape in shapes), {})


@st.composite
def float_matmul(draw: Any) -> Case:
    operator, shapes = draw(matrices())
    rng = draw(generators)
    arithmetic = float32.ProductSum(**draw(float_clamps()))
    return Case(replace(operator, arithmetic=arithmetic), tuple(float_array(rng, shape) for shape in shapes), {})


@st.composite
def recurrent(draw: Any) -> Case:
    cell = draw(st.sampled_from(sorted(GATES)))
    batch, units, width, steps = (draw(st.integers(1, most)) for most in (2, 4, 4, 5))
    is_lstm = cell == "lstm"
    functions = draw(st.tuples(*[st.sampled_from(sorted(FUNCTIONS))] * FUNCTION_COUNT[cell]))
    operator = Recurrent(
        cell=cell,
        units=units,
        batch=batch,
        reverse=draw(st.booleans()),
        sequence=draw(st.booleans()),
        states=is_lstm and draw(st.booleans()),
        initial=draw(st.sampled_from(["zero", "constant", "operand"])),
        functions=functions,
        alphas=tuple(draw(st.sampled_from([0.2, 0.75, 1.0])) for _ in functions),
        betas=tuple(draw(st.sampled_from([0.5, 1.5])) for _ in functions),
        clip=draw(st.sampled_from([0.0, 0.5, 3.0])),
        coupled=is_lstm and draw(st.booleans()),
        reset_after=cell == "gru" and draw(st.booleans()),
        quantized=draw(st.booleans()),
        peephole=is_lstm and draw(st.booleans()),
    )
    rng = draw(generators)
    shapes = {
        "weight": (operator.rows, width),
        "recurrence": (operator.rows, units),
        "bias": (operator.rows,),
        "weight_scale": (operator.rows,),
        "recurrence_scale": (operator.rows,),
        "recurrent_bias": (units,),
        "peepholes": (3, units),
        "initial_states": (operator.state_count, batch * units),
    }

    def values(name: str) -> np.ndarray:
        if operator.quantized and name in ("weight", "recurrence"):
            return np.asarray(rng.integers(-128, 128, shapes[name], dtype=np.int8))
        spread = 0.01 if name.endswith("_scale") else 0.7
        return np.asarray(rng.normal(0, spread, shapes[name]).astype(np.float32))

    operands = [(steps, batch * width)]
    operands += [(1, batch * units)] * (operator.state_count if operator.initial == "operand" else 0)
    inputs = tuple(rng.normal(0, 1, shape).astype(np.float32) for shape in operands)
    return Case(operator, inputs, {name: values(name) for name in operator.constant_names})


BROADCASTS = [
    (
        (1, 5, 4, 3),
        [(1, 5, 4, 3), (1, 1, 1, 3), (1, 5, 4, 1), (1, 5, 1, 3), (1, 1, 4, 3), (1, 1, 4, 1), (1, 5, 1, 1), ()],
    ),
    ((1, 6, 5), [(1, 6, 5), (1, 6, 1), (1, 1, 5), (1,)]),
    ((2, 3, 4), [(2, 3, 4), (1, 3, 4), (2, 1, 4), (2, 3, 1), (4,)]),
    ((4, 3), [(4, 3), (4, 1), (1, 3), (3,)]),
    ((5,), [(5,), (1,), ()]),
]  # shapes of results, and of operands that broadcast to them


@st.composite
def pointwise(draw: Any) -> Case:
    """Each operand enters a sum of functions of its own, of arguments for which none is infinite or undefined."""
    rng = draw(generators)
    shape, others = draw(st.sampled_from(BROADCASTS))
    activations = [shape, *draw(st.lists(st.sampled_from(others), max_size=2))]
    fixed = [each for each in draw(st.lists(st.sampled_from(others), max_size=1)) if len(each) == len(shape)]
    steps, inputs, terms = [], [], []
    for number, each in enumerate(activations):
        inputs.append(
            np.asarray(array_of(rng, each, draw(st.sampled_from(["float32", "float32", "int8", "uint8", "int16"]))))
        )
        if inputs[-1].dtype == np.int8:
            inputs[-1] = np.asarray(int8_array(rng, each))
        if inputs[-1].dtype != np.float32:
            steps.append(f"dequantize x{number} {f32(draw(scales))} {draw(st.integers(-20, 20))}")
        terms.append(f"x{number}" if inputs[-1].dtype == np.float32 else f"t{len(steps) - 1}")
        steps += [f"max {terms[-1]} -20", f"min t{len(steps)} 20"]
        terms[-1] = f"t{len(steps) - 1}"
        function = draw(st.sampled_from([*sorted(UNARY), *sorted(BINARY)]))
        if function in ("sqrt", "log", "pow"):
            steps += [f"abs {terms[-1]}", f"add t{len(steps)} 0.25"]
            terms[-1] = f"t{len(steps) - 1}"
        steps.append(f"{function} {terms[-1]}" if function in UNARY else f"{function} {terms[-1]} {draw(NUMBERS)}")
        steps.append(f"add t{len(steps) - 1} {terms[-1]}")  # no function hides its operand
        terms[-1] = f"t{len(steps) - 1}"
    terms += [f"c{number}" for number in range(len(fixed))]
    total = terms[0]
    for term in terms[1:]:
        steps.append(f"{draw(st.sampled_from(['add', 'sub', 'mul']))} {total} {term}")
        total = f"t{len(steps) - 1}"
    dtype = draw(st.sampled_from(["float32", "int8", "uint8", "int16"]))
    if dtype != "float32":
        steps.append(f"quantize {total} {f32(draw(scales))} {draw(st.integers(0, 40))}")
    constants = {f"c{number}": rng.normal(0, 3, each).astype(np.float32) for number, each in enumerate(fixed)}
    lined = shape[0] == 1 and len(shape) > 2  # and still is, whatever is summed
    possible = [axes for axes in SUMMED if axes[-1] < len(shape)] if lined and dtype == "float32" else []
    summed = draw(st.sampled_from([(), *possible]))
    return Case(Pointwise("; ".join(steps), dtype, summed), tuple(inputs), constants)


SUMMED = [(1,), (2,), (1, 2), (3,), (1, 3), (2, 3), (0, 1, 2, 3)]


f32 = np.float32
UNARY = {name for name, (operands, _) in expressions.FUNCTIONS.items() if operands == 1}
BINARY = {name for name, (operands, _) in expressions.FUNCTIONS.items() if operands == 2}
NUMBERS = st.sampled_from([0.5, -1.25, 2.0, 3.0])

CASES: dict[str, Callable[[], st.SearchStrategy[Case]]] = {
    "argmax": argmax,
    "average_pool2d": lambda: pools(average=True),
    "average_pool2d float32": lambda: float_pools(average=True),
    "channel_lookup": channel_lookup,
    "clip": clip,
    "concat": concat,
    "constant": constant,
    "conv2d": conv2d,
    "conv2d expressed": lambda: expressed(conv2d),
    "conv2d float32": float_conv2d,
    "conv2d_transpose": conv2d_transpose,
    "conv2d_transpose expressed": lambda: expressed(conv2d_transpose),
    "conv2d_transpose float32": float_conv2d_transpose,
    "dense": dense,
    "dense expressed": lambda: expressed(dense),
    "dense float32": float_dense,
    "depth_to_space": depth_to_space,
    "dequantize": dequantize,
    "elementwise": elementwise,
    "elementwise float32": float_elementwise,
    "elementwise_constant": elementwise_constant,
    "elementwise_constant float32": float_elementwise_constant,
    "convert": convert,
    "gather": gather,
    "global_pool": global_pool,
    "global_pool float32": float_global_pool,
    "lookup": lookup,
    "max_positions": max_positions,
    "max_unpool2d": max_unpool2d,
    "matmul": matmul,
    "matmul float32": float_matmul,
    "max_pool2d": lambda: pools(average=False),
    "max_pool2d float32": lambda: float_pools(average=False),
    "pad": pad,
    "pointwise": pointwise,
    "quantize": quantize,
    "rearrange": rearrange,
    "reduce": reduce,
    "reduce float32": float_reduce,
    "recurrent": recurrent,
    "reshape": reshape,
    "resize2d": resize2d,
    "resize2d float32": float_resize2d,
    "select": select,
    "slice": slices,
    "softmax": softmax,
    "softmax float32": float_softmax,
    "stream_start": stream_start,
    "transpose": transpose,
    "argmax int16": lambda: of_int16(argmax()),
    "average_pool2d int16": lambda: of_int16(pools(average=True)),
    "clip int16": lambda: int16_cases.clip(Case, shapes),
    "conv2d int16": lambda: of_int16(conv2d()),
    "conv2d_transpose int16": lambda: of_int16(conv2d_transpose()),
    "dense int16": lambda: of_int16(dense()),
    "dequantize int16": lambda: int16_cases.dequantize(Case, shapes),
    "elementwise int16": lambda: of_int16(elementwise()),
    "elementwise_constant int16": lambda: of_int16(elementwise_constant()),
    "global_pool int16": lambda: of_int16(global_pool()),
    "matmul int16": lambda: of_int16(matmul()),
    "max_pool2d int16": lambda: of_int16(pools(average=False)),
    "quantize int16": lambda: int16_cases.quantize(Case, shapes),
    "requantize": lambda: int16_cases.requantize(Case, shapes),
    "resize2d int16": lambda: of_int16(resize2d(methods=("nearest", "linear"))),
    "softmax int16": lambda: of_int16(softmax()),
    **tflite_cases(),
}
"""A strategy of cases for every operator kind, and for its other arithmetics (kind, rule) and types (kind, type)."""
