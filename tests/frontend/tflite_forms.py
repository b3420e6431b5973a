"""A form of every TensorFlow Lite operator, in every type of its operands: small files of one node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.frontend.tflite_files import TfliteFile

TYPES = ("int8", "uint8", "int16", "float32")
MAP = (1, 4, 4, 4)
NONE = {"fused_activation_function": "NONE"}
_WINDOW = {"padding": "SAME", "stride_w": 1, "stride_h": 1}
_DILATION = {"dilation_w_factor": 1, "dilation_h_factor": 1}
_FILTER = {"filter_width": 2, "filter_height": 2}
_RESIZING = {"align_corners": 0, "half_pixel_centers": 0}
_MASKS = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0)


class Form:
    """A file of one node of a type."""

    def __init__(self, dtype: str) -> None:
        self.dtype, self.file = dtype, TfliteFile()
        self.middle = 128 if dtype == "uint8" else 0
        self.inputs: list[int] = []

    def quantised(self, scale: float, zero_point: int | None = None) -> dict[str, Any]:
        """Arguments of a tensor; the zero point of int8 is given, that of uint8 lies 128 above it."""
        if self.dtype == "float32":
            return {"dtype": "float32", "scale": None}
        shift = 0 if self.dtype == "int16" else (zero_point or 0) + self.middle
        return {"dtype": self.dtype, "scale": scale, "zero_point": shift}

    def x(self, shape: tuple[int, ...] = MAP) -> int:
        """An input."""
        self.inputs.append(self.file.tensor(shape, **self.quantised(0.1)))
        return self.inputs[-1]

    def y(self, shape: tuple[int, ...] = MAP, scale: float = 0.1, zero_point: int = 0) -> int:
        """A result."""
        return self.file.tensor(shape, **self.quantised(scale, zero_point))

    def stored(self, shape: tuple[int, ...], *, weight: bool = True) -> int:
        """A constant of the type; a weight of int16 values is int8."""
        values = np.arange(int(np.prod(shape))).reshape(shape) % 7 + self.middle
        narrow = weight and self.dtype == "int16"
        arguments: dict[str, Any] = {"dtype": "int8", "scale": 0.1} if narrow else self.quantised(0.1)
        return self.file.tensor(shape, **arguments, data=values.astype(arguments["dtype"]))

    def bias(self, count: int) -> int:
        """Zeros."""
        if self.dtype == "float32":
            return self.file.constant(np.zeros(count, np.float32))
        dtype = "int64" if self.dtype == "int16" else "int32"
        return self.file.tensor((count,), dtype, 0.01, 0, np.zeros(count, dtype))

    def integers(self, *values: int) -> int:
        """A constant of int32."""
        return self.file.constant(np.array(values, np.int32))

    def node(self, kind: str, operands: list[int], result: int, **options: Any) -> bytes:
        """The file."""
        self.file.operator(kind, operands, [result], **options)
        return self.file.to_bytes(self.inputs, [result])


def _unary(kind: str, **options: Any) -> Callable[[Form], bytes]:
    return lambda f: f.node(kind, [f.x()], f.y(), **options)


def _fixed(kind: str, narrow: tuple[float, int], wide: float, **options: Any) -> Callable[[Form], bytes]:
    """Of a result whose quantisation is given."""

    def make(f: Form) -> bytes:
        scale, zero_point = (wide, 0) if f.dtype == "int16" else narrow
        return f.node(kind, [f.x()], f.y(MAP, scale, zero_point), **options)

    return make


def _binary(kind: str, **options: Any) -> Callable[[Form], bytes]:
    return lambda f: f.node(kind, [f.x(), f.x()], f.y(), **options)


def _reduction(kind: str) -> Callable[[Form], bytes]:
    return lambda f: f.node(kind, [f.x(), f.integers(1, 2)], f.y((1, 1, 1, 4)), keep_dims=1)


def _index(kind: str) -> Callable[[Form], bytes]:
    return lambda f: f.node(kind, [f.x(), f.integers(3)], f.file.tensor((1, 4, 4), "int32", None), output_type=2)


def _comparison(kind: str) -> Callable[[Form], bytes]:
    return lambda f: f.node(kind, [f.x(), f.x()], f.file.tensor(MAP, "bool", None))


def _logical(kind: str) -> Callable[[Form], bytes]:
    """Of truths alone, whatever the type."""

    def make(f: Form) -> bytes:
        f.dtype = "float32"
        x, left, right, y = f.x(), *(f.file.tensor(MAP, "bool", None) for _ in range(3))
        f.file.operator("GREATER", [x, x], [left])
        f.file.operator("LESS", [x, x], [right])
        return f.node(kind, [left] if kind == "LOGICAL_NOT" else [left, right], y)

    return make


def _moved(kind: str, shape: tuple[int, ...], *constants: list[int], **options: Any) -> Callable[[Form], bytes]:
    return lambda f: f.node(kind, [f.x(), *(f.integers(*values) for values in constants)], f.y(shape), **options)


def _pads(kind: str, **options: Any) -> Callable[[Form], bytes]:
    def make(f: Form) -> bytes:
        operands = [f.x(), f.file.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))]
        operands += [f.stored((1,), weight=False)] if kind == "PADV2" else []
        return f.node(kind, operands, f.y((1, 6, 6, 4)), **options)

    return make


def _convolution(f: Form) -> bytes:
    return f.node("CONV_2D", [f.x(), f.stored((4, 3, 3, 4)), f.bias(4)], f.y(), **_WINDOW, **_DILATION, **NONE)


def _depthwise(f: Form) -> bytes:
    operands = [f.x(), f.stored((1, 3, 3, 4)), f.bias(4)]
    return f.node("DEPTHWISE_CONV_2D", operands, f.y(), **_WINDOW, **_DILATION, **NONE, depth_multiplier=1)


def _transposed(f: Form) -> bytes:
    operands = [f.integers(1, 4, 4, 4), f.stored((4, 3, 3, 4)), f.x(), f.bias(4)]
    return f.node("TRANSPOSE_CONV", operands, f.y(), **_WINDOW, **NONE)


def _dense(f: Form) -> bytes:
    return f.node("FULLY_CONNECTED", [f.x((1, 8)), f.stored((3, 8)), f.bias(3)], f.y((1, 3)), **NONE)


def _svdf(f: Form) -> bytes:
    real = f.dtype == "float32"
    x, features = f.x((1, 8)), f.stored((4, 8))
    if real:
        time, memory = f.stored((4, 3)), f.file.tensor((1, 12), "float32", None, variable=True)
    else:
        time = f.file.tensor((4, 3), "int16", 0.1, 0, np.ones((4, 3), np.int16))
        memory = f.file.tensor((1, 12), "int16", 0.1, variable=True)
    bias = f.file.constant(np.zeros(4, np.float32 if real else np.int32))
    return f.node("SVDF", [x, features, time, bias, memory], f.y((1, 4)), rank=1, fused_activation_function="RELU")


def _lstm(f: Form) -> bytes:
    x, own = f.x((1, 3, 8)), [f.stored((4, 8)) for _ in range(4)]
    recurrent, biases = [f.stored((4, 4)) for _ in range(4)], [f.bias(4) for _ in range(4)]
    states = [
        f.file.tensor((1, 4), **f.quantised(2.0**-7), variable=True),
        f.file.tensor((1, 4), "float32", None, variable=True)
        if f.dtype == "float32"
        else f.file.tensor((1, 4), "int16", 2.0**-11, variable=True),
    ]
    operands = [x, *own, *recurrent, -1, -1, -1, *biases, -1, -1, *states, -1, -1, -1, -1]
    y = f.y((1, 3, 4), 2.0**-7)
    return f.node("UNIDIRECTIONAL_SEQUENCE_LSTM", operands, y, fused_activation_function="TANH", time_major=0)


def _prelu(f: Form) -> bytes:
    return f.node("PRELU", [f.x(), f.stored((1, 1, 4), weight=False)], f.y())


def _gather_nd(f: Form) -> bytes:
    places = f.file.constant(np.array([[0, 3], [0, 1]], np.int32))
    return f.node("GATHER_ND", [f.x(), places], f.y((2, 4, 4)))


def _embedding(f: Form) -> bytes:
    table = f.stored((5, 4), weight=False)
    f.inputs.append(f.file.tensor((3,), "int32", None))
    return f.node("EMBEDDING_LOOKUP", [f.inputs[-1], table], f.y((3, 4)))


def _select(f: Form, kind: str = "SELECT_V2") -> bytes:
    chosen = f.file.tensor(MAP, "bool", None)
    x, other = f.x(), f.x()
    condition = f.file.tensor(MAP, "float32", None)
    f.inputs.append(condition)
    f.file.operator("GREATER", [condition, condition], [chosen])
    return f.node(kind, [chosen, x, other], f.y())


def _quantize(f: Form) -> bytes:
    x = f.x()
    f.dtype = "int8" if f.dtype == "float32" else f.dtype
    return f.node("QUANTIZE", [x], f.y(MAP, 0.2))


def _dequantize(f: Form) -> bytes:
    return f.node("DEQUANTIZE", [f.x()], f.file.tensor(MAP, "float32", None))


def _cast(f: Form) -> bytes:
    return f.node("CAST", [f.x()], f.file.tensor(MAP, "int32", None))


def _concatenation(f: Form) -> bytes:
    return f.node("CONCATENATION", [f.x(), f.x()], f.y((1, 4, 4, 8)), axis=3, **NONE)


def _pack(f: Form) -> bytes:
    return f.node("PACK", [f.x((1, 4, 4)), f.x((1, 4, 4))], f.y((1, 2, 4, 4)), values_count=2, axis=1)


def _several(kind: str, *constants: list[int], first: bool = False, **options: Any) -> Callable[[Form], bytes]:
    def make(f: Form) -> bytes:
        x, more = f.x(), [f.integers(*values) for values in constants]
        shape = (1, 4, 4) if kind == "UNPACK" else (1, 4, 4, 2)
        results = [f.y(shape) for _ in range(4 if kind == "UNPACK" else 2)]
        f.file.operator(kind, [*more, x] if first else [x, *more], results, **options)
        return f.file.to_bytes(f.inputs, results)

    return make


def _blocks(f: Form) -> bytes:
    pads = f.file.constant(np.zeros((2, 2), np.int32))
    return f.node("SPACE_TO_BATCH_ND", [f.x(), f.integers(2, 2), pads], f.y((4, 2, 2, 4)))


def _batches(f: Form) -> bytes:
    parts, y, sizes = f.y((4, 2, 2, 4)), f.y(), f.integers(2, 2)
    none = f.file.constant(np.zeros((2, 2), np.int32))
    f.file.operator("SPACE_TO_BATCH_ND", [f.x(), sizes, none], [parts])
    return f.node("BATCH_TO_SPACE_ND", [parts, sizes, none], y)


def _variable(f: Form) -> bytes:
    handle, old, y = f.file.tensor((), "resource", None), f.y(), f.y((1, 4, 4, 8))
    f.file.operator("VAR_HANDLE", [], [handle], container="", shared_name="v")
    f.file.operator("READ_VARIABLE", [handle], [old])
    x = f.x()
    f.file.operator("ASSIGN_VARIABLE", [handle, x], [])
    return f.node("CONCATENATION", [old, x], y, axis=3, **NONE)


FORMS: dict[str, Callable[[Form], bytes]] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "TRANSPOSE_CONV": _transposed,
    "FULLY_CONNECTED": _dense,
    "BATCH_MATMUL": lambda f: f.node("BATCH_MATMUL", [f.x(), f.x()], f.y(), adj_x=0, adj_y=0),
    "SVDF": _svdf,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
    **{kind: _binary(kind, **NONE) for kind in ("ADD", "SUB", "MUL", "DIV")},
    **{kind: _binary(kind) for kind in ("MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "POW")},
    "PRELU": _prelu,
    **{
        kind: _unary(kind)
        for kind in (
            "RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "ELU", "EXP", "ABS", "HARD_SWISH", "LOG", "SQRT", "RSQRT",
            "SIN", "COS", "NEG", "FLOOR", "CEIL", "ROUND", "SIGN", "SQUARE",
        )
    },
    "LEAKY_RELU": _unary("LEAKY_RELU", alpha=0.1),
    "GELU": _unary("GELU", approximate=0),
    "LOGISTIC": _fixed("LOGISTIC", (1 / 256, -128), 2.0**-15),
    "TANH": _fixed("TANH", (1 / 128, 0), 2.0**-15),
    "SOFTMAX": _fixed("SOFTMAX", (1 / 256, -128), 2.0**-15, beta=1.0),
    "LOG_SOFTMAX": _fixed("LOG_SOFTMAX", (1 / 16, 127), 2.0**-12),
    "L2_NORMALIZATION": _fixed("L2_NORMALIZATION", (1 / 128, 0), 2.0**-15, **NONE),
    "AVERAGE_POOL_2D": _unary("AVERAGE_POOL_2D", **_WINDOW, **_FILTER, **NONE),
    "MAX_POOL_2D": _unary("MAX_POOL_2D", **_WINDOW, **_FILTER, **NONE),
    **{kind: _reduction(kind) for kind in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD")},
    **{kind: _index(kind) for kind in ("ARG_MAX", "ARG_MIN")},
    **{
        kind: _comparison(kind)
        for kind in ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")
    },
    **{kind: _logical(kind) for kind in ("LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT")},
    "SELECT_V2": _select,
    "QUANTIZE": _quantize,
    "DEQUANTIZE": _dequantize,
    "CAST": _cast,
    "CONCATENATION": _concatenation,
    "PACK": _pack,
    "UNPACK": _several("UNPACK", num=4, axis=3),
    "SPLIT": _several("SPLIT", [3], first=True, num_splits=2),
    "SPLIT_V": _several("SPLIT_V", [2, 2], [3], num_splits=2),
    **{kind: _pads(kind) for kind in ("PAD", "PADV2")},
    "MIRROR_PAD": _pads("MIRROR_PAD", mode="REFLECT"),
    "RESHAPE": _moved("RESHAPE", (1, 8, 8), [1, 8, 8], new_shape=[1, 8, 8]),
    "SQUEEZE": _moved("SQUEEZE", (4, 4, 4), squeeze_dims=[0]),
    "EXPAND_DIMS": _moved("EXPAND_DIMS", (1, 1, 4, 4, 4), [1]),
    "TRANSPOSE": _moved("TRANSPOSE", MAP, [0, 2, 1, 3]),
    "STRIDED_SLICE": _moved("STRIDED_SLICE", (1, 2, 4, 4), [0, 1, 0, 0], [1, 3, 4, 4], [1, 1, 1, 1], **_MASKS),
    "SLICE": _moved("SLICE", (1, 2, 4, 4), [0, 1, 0, 0], [1, 2, 4, 4]),
    "GATHER": _moved("GATHER", (1, 2, 4, 4), [3, 0], axis=1, batch_dims=0),
    "TILE": _moved("TILE", (1, 8, 4, 4), [1, 2, 1, 1]),
    "SPACE_TO_DEPTH": _moved("SPACE_TO_DEPTH", (1, 2, 2, 16), block_size=2),
    "DEPTH_TO_SPACE": _moved("DEPTH_TO_SPACE", (1, 8, 8, 1), block_size=2),
    "SPACE_TO_BATCH_ND": _blocks,
    "BATCH_TO_SPACE_ND": _batches,
    "RESIZE_BILINEAR": _moved("RESIZE_BILINEAR", (1, 8, 8, 4), [8, 8], **_RESIZING),
    "RESIZE_NEAREST_NEIGHBOR": _moved("RESIZE_NEAREST_NEIGHBOR", (1, 8, 8, 4), [8, 8], **_RESIZING),
    "BROADCAST_TO": lambda f: f.node("BROADCAST_TO", [f.x((1, 4, 1, 4)), f.integers(*MAP)], f.y()),
    "FILL": lambda f: f.node("FILL", [f.integers(*MAP), f.x((1,))], f.y()),
    "REVERSE_V2": _moved("REVERSE_V2", MAP, [1]),
    "GATHER_ND": _gather_nd,
    "EMBEDDING_LOOKUP": _embedding,
    "SELECT": lambda f: _select(f, "SELECT"),
    "ADD_N": lambda f: f.node("ADD_N", [f.x(), f.x(), f.x()], f.y()),
    "FLOOR_DIV": _binary("FLOOR_DIV"),
    **dict.fromkeys(("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"), _variable),
}  # fmt: skip
"""What makes a file of an operator."""


def form(kind: str, dtype: str) -> bytes:
    """The file of an operator in a type."""
    return FORMS[kind](Form(dtype))
