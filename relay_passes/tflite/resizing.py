"""Rules for RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyseg_tvm.operators import Resize2d
from tinyseg_tvm.operators.arithmetic import float32
from tinyseg_tvm.operators.arithmetic.tflite import RESIZE_UNIT, Interpolation, RealInterpolation
from tinyseg_tvm.relay_passes.expressions import Expr
from tinyseg_tvm.relay_passes.tflite.calls import Lower, TfliteCall, UnsupportedError

Table = Callable[[int, int, bool, bool], tuple[np.ndarray, np.ndarray]]
"""Sources and weights along an axis: of its extents before and after, ``align_corners`` and ``half_pixel_centers``."""


def resize_nearest(found: TfliteCall) -> Expr:
    """Of values of any type."""
    return _resized(found, Resize2d("nearest"), nearest_sources)


def resize_bilinear(found: TfliteCall) -> Expr:
    """Of int8 and int16 with weights of 10 bits, of uint8 and float32 with weights of float32."""
    if found.is_float:
        return _resized(found, Resize2d("linear", float32.Interpolation()), real_bilinear_sources)
    found.expect_types("int8", "uint8", "int16")
    before, after = found.operand().quantization, found.result.quantization
    numbers = (before.scale, before.zero_point, after.scale, after.zero_point)
    if found.result.dtype == "uint8":
        return _resized(found, Resize2d("linear", RealInterpolation(*numbers)), real_bilinear_sources)
    arithmetic = Interpolation(*numbers, dtype=found.result.relax_dtype)
    return _resized(found, Resize2d("linear", arithmetic), bilinear_sources)


def _resized(found: TfliteCall, operator: Resize2d, table: Table) -> Expr:
    shape, result = found.operand().shape, found.result.shape
    if len(shape) != 4 or len(result) != 4:
        raise UnsupportedError(f"a map (N, H, W, C) is needed, not {shape}")
    modes = bool(found.option("align_corners")), bool(found.option("half_pixel_centers"))
    constants = {}
    for axis, name in ((1, "row"), (2, "column")):
        constants[f"{name}s"], constants[f"{name}_weights"] = table(shape[axis], result[axis], *modes)
    return found.emit(operator, [found.operand().expression], constants)


def nearest_sources(before: int, after: int, align: bool, half: bool, /) -> tuple[np.ndarray, np.ndarray]:
    """(after, 1) each. Positions are computed in float32, as the reference kernel does."""
    corners = align and after > 1
    scale = np.float32((before - 1) / np.float32(after - 1)) if corners else np.float32(before) / np.float32(after)
    position = (np.arange(after, dtype=np.float32) + np.float32(0.5 if half else 0)) * scale
    chosen = np.trunc(position + np.float32(0.5)) if align else np.floor(position)
    return np.clip(chosen, 0, before - 1).astype(np.int32)[:, np.newaxis], np.ones((after, 1), np.int32)


def bilinear_sources(before: int, after: int, align: bool, half: bool, /) -> tuple[np.ndarray, np.ndarray]:
    """(after, 2) each: weights of 10 bits; those of half pixels at the borders are negative."""
    scale = (RESIZE_UNIT * before + after // 2) // after
    if align and after > 1:
        scale = (RESIZE_UNIT * (before - 1) + (after - 1) // 2) // (after - 1)
    position = np.arange(after, dtype=np.int64) * scale + (scale // 2 - RESIZE_UNIT // 2 if half else 0)
    low = np.maximum(np.where(position < 0, -(-position // RESIZE_UNIT), position // RESIZE_UNIT), 0)
    high = np.minimum((position + RESIZE_UNIT - 1) // RESIZE_UNIT, before - 1)
    weight = position - RESIZE_UNIT * low
    sources = np.stack([np.minimum(low, before - 1), high], axis=1).astype(np.int32)
    return sources, np.stack([RESIZE_UNIT - weight, weight], axis=1).astype(np.int32)


def real_bilinear_sources(before: int, after: int, align: bool, half: bool, /) -> tuple[np.ndarray, np.ndarray]:
    """(after, 2) each, positions and weights in float32; those of half pixels at the borders have one source twice."""
    corners = align and after > 1
    scale = np.float32((before - 1) / np.float32(after - 1)) if corners else np.float32(before) / np.float32(after)
    position = np.arange(after, dtype=np.float32) * scale
    if half:
        position = (np.arange(after, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    low = np.maximum(np.floor(position), 0).astype(np.int32)
    high = np.minimum(np.ceil(position), before - 1).astype(np.int32)
    weight = position - low.astype(np.float32)
    sources = np.stack([np.minimum(low, before - 1), np.maximum(high, 0)], axis=1)
    return sources, np.stack([np.float32(1) - weight, weight], axis=1).astype(np.float32)


RULES: dict[str, Lower] = {
    "RESIZE_BILINEAR": resize_bilinear,
    "RESIZE_NEAREST_NEIGHBOR": resize_nearest,
}
