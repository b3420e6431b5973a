"""Rules for nearest and bilinear resizing, with coordinates as ONNX Runtime computes them (float32).

The ratio of an axis is output size / input size: the sizes rule, also where a model wrote scales.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.operators import Resize2d
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.relay_passes.expressions import Call, Expr, dtype_of, is_call, is_constant, shape_of
from tinyseg_tvm.relay_passes.propagate_quantization import moves_elements
from tinyseg_tvm.relay_passes.quantization import Quantization
from tinyseg_tvm.relay_passes.quantized_operands import in_nhwc, quantized_activation, quantized_result
from tinyseg_tvm.relay_passes.rewriting import Rewrite

_WEIGHT_UNIT = 2048  # a pair of bilinear weights sums to this
_NEUTRAL = Quantization(1.0, 0)  # nearest resizing copies: its quantisation does not matter
_COORDINATES = ("asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners", "tf_half_pixel_for_nn")


def rewrite_resize_nearest(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Nearest resizing of int8."""
    if not is_call(value, "image.resize2d") or not moves_elements(value) or dtype_of(value) != "int8":
        return None
    if is_constant(value.args[0]) or str(value.attrs.coordinate_transformation_mode) not in _COORDINATES:
        return None
    known = rewrite.quantization.get(value.args[0], _NEUTRAL)
    constants = {}
    for table, before, after in _extents(value):
        positions = source_positions(before, after, str(value.attrs.coordinate_transformation_mode))
        rows = nearest_sources(positions, before, str(value.attrs.rounding_method))
        constants[f"{table}s"] = rows[:, np.newaxis]
        constants[f"{table}_weights"] = np.ones((after, 1), np.int32)
    return _resize(rewrite, value, (value.args[0], known), constants, method="nearest", after=known, name=name)


def rewrite_resize_linear(rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """Bilinear resizing between two quantisations."""
    result = quantized_result(value)
    call = None if result is None else rewrite.producing_call(result[0], "image.resize2d")
    activation = None if call is None else quantized_activation(rewrite, call.args[0])
    if result is None or call is None or activation is None or call.attrs.method != "linear":
        return None
    if str(call.attrs.coordinate_transformation_mode) not in _COORDINATES:
        return None
    constants = {}
    for table, before, after in _extents(call):
        positions = source_positions(before, after, str(call.attrs.coordinate_transformation_mode))
        constants[f"{table}s"], constants[f"{table}_weights"] = linear_sources(positions, before)
    name = rewrite.name(result[0])
    return _resize(rewrite, call, activation, constants, method="linear", after=result[1], name=name)


def source_positions(before: int, after: int, mode: str) -> np.ndarray:
    """Where each of ``after`` elements lies among ``before`` ones: (after,) float32.

    Source: ONNX operator Resize, coordinate_transformation_mode; evaluated in float32 as ONNX Runtime does.
    """
    index = np.arange(after, dtype=np.float32)
    half = np.float32(0.5)
    scale = np.float32(after) / np.float32(before)
    if mode == "asymmetric":
        return np.asarray(index / scale, np.float32)
    if mode == "align_corners":
        if after == 1:
            return np.zeros(1, np.float32)
        return np.asarray(index * np.float32(before - 1) / np.float32(after - 1), np.float32)
    if mode == "tf_half_pixel_for_nn":
        return np.asarray((index + half) / scale, np.float32)
    if mode == "pytorch_half_pixel" and after == 1:
        return np.zeros(1, np.float32)
    return np.asarray((index + half) / scale - half, np.float32)


def nearest_sources(positions: np.ndarray, before: int, rounding: str) -> np.ndarray:
    """Indices of the nearest elements, (len(positions),) int32, by one of ONNX's ``nearest_mode``."""
    if rounding == "floor":
        nearest = np.floor(positions)
    elif rounding == "ceil":
        nearest = np.ceil(positions)
    elif rounding == "round_prefer_ceil":
        nearest = np.floor(positions + np.float32(0.5))
    else:  # round_prefer_floor, which TVM calls "round"
        nearest = np.ceil(positions - np.float32(0.5))
    return np.asarray(np.clip(nearest, 0, before - 1), np.int32)


def linear_sources(positions: np.ndarray, before: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices and integer weights of the two neighbours, each (len(positions), 2) int32; a pair sums to 2048."""
    clipped = np.clip(positions, np.float32(0), np.float32(before - 1))
    first = np.floor(clipped).astype(np.int32)
    second = np.minimum(first + 1, before - 1)
    weight = np.rint((clipped - first.astype(np.float32)).astype(np.float64) * _WEIGHT_UNIT).astype(np.int32)
    weight = np.where(second == first, 0, weight)
    return np.stack([first, second], axis=1), np.stack([_WEIGHT_UNIT - weight, weight], axis=1).astype(np.int32)


def _extents(call: Call) -> list[tuple[str, int, int]]:
    """Name, input size and output size of both axes."""
    height, width = (2, 3) if str(call.attrs.layout) == "NCHW" else (1, 2)
    before, after = shape_of(call.args[0]), shape_of(call)
    return [("row", before[height], after[height]), ("column", before[width], after[width])]


def _resize(
    rewrite: Rewrite,
    call: Call,
    activation: tuple[Expr, Quantization],
    constants: dict[str, np.ndarray],
    *,
    method: str,
    after: Quantization,
    name: str,
) -> Expr | None:
    before = activation[1]
    quantised = onnx.Interpolation(before.scale, before.zero_point, after.scale, after.zero_point)
    operator = Resize2d(method, quantised if method == "linear" else None)
    known = None if after is _NEUTRAL else after
    layout = str(call.attrs.layout)
    return in_nhwc(rewrite, operator, activation[0], constants, name=name, quantization=known, layout=layout)
