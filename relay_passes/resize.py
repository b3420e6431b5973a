"""Rules for nearest and bilinear resizing, with coordinates as ONNX Runtime computes them (float32).

The ratio of an axis is output size / input size: the sizes rule, also where a model wrote scales.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.operators import Resize2d
from tinyseg_tvm.relay_passes.computations import Computation, computing, copying
from tinyseg_tvm.relay_passes.expressions import Call, Expr, shape_of
from tinyseg_tvm.relay_passes.propagate_quantization import moves_elements

_WEIGHT_UNIT = 2048  # a pair of bilinear weights sums to this
_COORDINATES = ("asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners", "tf_half_pixel_for_nn")


@copying("image.resize2d")
def resize_nearest(found: Computation) -> Expr | None:
    """Nearest resizing."""
    activation, mode = found.activation(), _coordinates(found.call)
    if activation is None or mode is None or not moves_elements(found.call):
        return None
    constants = {}
    for table, before, after in _extents(found.call):
        sources = nearest_sources(source_positions(before, after, mode), before, str(found.call.attrs.rounding_method))
        constants[f"{table}s"] = sources[:, np.newaxis]
        constants[f"{table}_weights"] = np.ones((after, 1), np.int32)
    return found.in_nhwc(Resize2d("nearest"), [activation], constants, str(found.call.attrs.layout))


@computing("image.resize2d")
def resize_linear(found: Computation) -> Expr | None:
    """Bilinear resizing."""
    activation, mode = found.activation(), _coordinates(found.call)
    if activation is None or mode is None or found.call.attrs.method != "linear":
        return None
    interpolation = found.interpolation()
    if interpolation is None:
        return None
    constants = {}
    for table, before, after in _extents(found.call):
        positions = source_positions(before, after, mode)
        constants[f"{table}s"], constants[f"{table}_weights"] = linear_sources(positions, before)
    return found.in_nhwc(Resize2d("linear", interpolation), [activation], constants, str(found.call.attrs.layout))


def _coordinates(call: Call) -> str | None:
    """The call's coordinate transformation, where it is a known one."""
    mode = str(call.attrs.coordinate_transformation_mode)
    return mode if mode in _COORDINATES else None


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
