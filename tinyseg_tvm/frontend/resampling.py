"""Which elements of an axis each element of a resized axis is made of, and by which weights (ONNX Resize, Upsample).

Every mode of the operator is separable, and linear in the operand. So a resized axis is a table: for each of its
elements *taps*, indices of the operand's elements and weights that sum to 1. Coordinates and weights are computed in
float32, in the order of operations of ONNX Runtime: where a coordinate lies in the middle of two pixels, the last bit
decides which is nearer. As there, an axis of scale 1 stays as it is, whatever its coordinates, and so does one of as
many elements as before that is antialiased.

Source: ONNX operator Resize; antialiasing as in Pillow and PyTorch, filters widened by the factor of shrinking.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

ZERO, ONE, HALF = np.float32(0), np.float32(1), np.float32(0.5)


@dataclass(frozen=True)
class ResizedAxis:
    """An axis and what becomes of it.

    Attributes:
        before, after: its elements.
        scale: of the coordinates; ``after / before`` or what the model says, which may differ.
        start, end: of the part that is cropped (``roi``), in units of the axis.
    """

    before: int
    after: int
    scale: np.float32
    start: np.float32 = ZERO
    end: np.float32 = ONE


@dataclass(frozen=True)
class Sampling:
    """How an axis is resized: attributes of the ONNX operator, with its names for the modes."""

    method: str = "nearest"
    coordinates: str = "half_pixel"
    rounding: str = "round_prefer_floor"
    cubic_a: float = -0.75
    exclude_outside: bool = False
    antialias: bool = False

    @property
    def filtered(self) -> bool:
        """Whether filters are widened where an axis shrinks."""
        return self.antialias and self.method != "nearest"

    @property
    def extrapolates(self) -> bool:
        """Whether elements whose coordinate lies outside of the operand get a value of their own."""
        return self.coordinates == "tf_crop_and_resize"


@dataclass(frozen=True)
class Taps:
    """Of each element of a resized axis that lies inside: sources and weights (n, T), int32 and float32.

    Attributes:
        sources: indices of the operand's elements.
        weights: each row sums to 1.
        before, after: how many elements of the result lie outside of the operand, ahead of those and behind.
    """

    sources: np.ndarray
    weights: np.ndarray
    before: int = 0
    after: int = 0

    def is_identity(self, extent: int) -> bool:
        """True where the axis stays as it is."""
        same = self.sources.shape[0] == extent and not (self.before or self.after)
        picked = np.take_along_axis(self.sources, self.weights.argmax(axis=1)[:, np.newaxis], axis=1)[:, 0]
        return bool(same and (self.weights.max(axis=1) == 1).all() and (picked == np.arange(extent)).all())


def taps(axis: ResizedAxis, sampling: Sampling) -> Taps | None:
    """The table of an axis; None where all of the result lies outside of the operand."""
    if sampling.filtered and axis.before == axis.after:
        axis = replace(axis, scale=ONE)
    where = coordinates(axis, sampling.coordinates)
    first, last = 0, axis.after
    if sampling.extrapolates:
        inside = np.flatnonzero((where >= 0) & (where <= np.float32(axis.before - 1)))
        if inside.size == 0:
            return None
        first, last = int(inside[0]), int(inside[-1]) + 1
    sources, weights = _table(axis, sampling, where[first:last])
    return Taps(sources, weights, first, axis.after - last)


def same_axis(extent: int, sampling: Sampling) -> Taps:
    """The table of an axis that stays as it is."""
    found = taps(ResizedAxis(extent, extent, ONE), replace(sampling, coordinates="asymmetric"))
    assert found is not None
    return found


def _table(axis: ResizedAxis, sampling: Sampling, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if sampling.method == "nearest":
        nearest = _ROUNDINGS[sampling.rounding](where)
        nearest = np.clip(nearest, 0, axis.before - 1).astype(np.int32)[:, np.newaxis]
        return nearest, np.ones(nearest.shape, np.float32)
    if sampling.filtered and axis.scale < 1:
        return _antialiased(axis, sampling, where)
    return _linear(axis.before, where) if sampling.method == "linear" else _cubic(axis.before, sampling, where)


def coordinates(axis: ResizedAxis, mode: str) -> np.ndarray:
    """Where each element of the result lies among those of the operand, (after,) float32."""
    index = np.arange(axis.after, dtype=np.float32)
    before, after, scale = np.float32(axis.before), np.float32(axis.after), np.float32(axis.scale)
    if scale == 1:
        return index
    if mode == "tf_crop_and_resize":
        if axis.after == 1:
            return np.full(1, HALF * (axis.start + axis.end) * (before - ONE), np.float32)
        span = index * (axis.end - axis.start) * (before - ONE) / (after - ONE)
        return np.asarray(axis.start * (before - ONE) + span, np.float32)
    if mode == "asymmetric":
        return np.asarray(index / scale, np.float32)
    if mode == "align_corners":
        if axis.after == 1:
            return np.zeros(1, np.float32)
        return np.asarray(index * (before - ONE) / (after - ONE), np.float32)
    if mode == "tf_half_pixel_for_nn":
        return np.asarray((index + HALF) / scale, np.float32)
    if mode == "pytorch_half_pixel" and axis.after == 1:
        return np.zeros(1, np.float32)
    if mode == "half_pixel_symmetric":  # the division is not rounded, as in ONNX Runtime
        offset = before / np.float32(2) * (ONE - after / (scale * before))
        middle = (index + HALF).astype(np.float64) / float(scale)
        return np.asarray(float(offset) + middle - 0.5, np.float32)
    return np.asarray((index + HALF) / scale - HALF, np.float32)


COORDINATES = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_half_pixel_for_nn",
    "tf_crop_and_resize",
)
"""Modes that ``coordinates`` knows."""


def _away_from_zero(where: np.ndarray) -> np.ndarray:
    exact = where.astype(np.float64)
    return np.where(exact < 0, np.ceil(exact - 0.5), np.floor(exact + 0.5))


def _prefer_floor(where: np.ndarray) -> np.ndarray:
    whole = np.trunc(where)
    return np.where(where == whole + HALF, whole, _away_from_zero(where))


_ROUNDINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "round_prefer_floor": _prefer_floor,
    "round_prefer_ceil": _away_from_zero,
    "floor": np.floor,
    "ceil": np.ceil,
}
ROUNDINGS = tuple(_ROUNDINGS)
"""Modes of rounding to the nearest element."""


def _linear(before: int, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two neighbours; beyond the ends the last element."""
    clipped = np.clip(where, np.float32(0), np.float32(before - 1))
    first = np.floor(clipped).astype(np.int32)
    second = np.minimum(first + 1, before - 1)
    weight = np.where(second == first, np.float32(0), clipped - first.astype(np.float32)).astype(np.float32)
    return np.stack([first, second], axis=1), np.stack([ONE - weight, weight], axis=1)


def _cubic(before: int, sampling: Sampling, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Four neighbours (Keys, 1981, parameter ``cubic_a``); beyond the ends the last element, or nothing."""
    below = np.floor(where)
    part = (where - below).astype(np.float32)
    sources = below.astype(np.int32)[:, np.newaxis] + np.arange(-1, 3, dtype=np.int32)
    weights = np.stack([_keys(distance, sampling.cubic_a) for distance in (part + 1, part, 1 - part, 2 - part)], axis=1)
    if sampling.exclude_outside:
        weights = np.where((sources >= 0) & (sources < before), weights, np.float32(0))
        weights = weights / weights.sum(axis=1, keepdims=True, dtype=np.float32)
    return _merged(np.clip(sources, 0, before - 1), weights)


def _keys(distance: np.ndarray, a: float) -> np.ndarray:
    """Keys' cubic filter at a distance of at most 2, in float32."""
    x, a = distance.astype(np.float32), np.float32(a)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * a * x - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0)).astype(np.float32)


def _triangle(distance: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(ONE - distance, ZERO), np.float32)


def _antialiased(axis: ResizedAxis, sampling: Sampling, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The filter, as much wider as the axis shrinks, over all elements under it."""
    shrinking = ONE / np.float32(axis.scale)
    reach = np.float32(1 if sampling.method == "linear" else 2) * shrinking
    middle = where + HALF
    begin = np.floor(middle - reach + HALF).astype(np.int64)
    end = np.floor(middle + reach + HALF).astype(np.int64)
    sources = begin[:, np.newaxis] + np.arange(int((end - begin).max()))
    distance = np.abs((sources - middle[:, np.newaxis] + HALF).astype(np.float32) * (ONE / shrinking))
    weights = _triangle(distance) if sampling.method == "linear" else _keys(distance, sampling.cubic_a)
    weights = np.where(sources < end[:, np.newaxis], weights, np.float32(0))
    if sampling.exclude_outside:
        weights = np.where((sources >= 0) & (sources < axis.before), weights, np.float32(0))
    weights = weights / weights.sum(axis=1, keepdims=True, dtype=np.float32)
    return _merged(np.clip(sources, 0, axis.before - 1), weights)


def _merged(sources: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same sums with each source once: what lies beyond an end is the end's."""
    first = sources.min(axis=1, keepdims=True)
    count = int((sources.max(axis=1, keepdims=True) - first).max()) + 1
    merged = np.zeros((len(sources), count), np.float32)
    for row, places in enumerate(sources - first):
        np.add.at(merged[row], places, weights[row].astype(np.float32))
    all_sources = np.minimum(first + np.arange(count), sources.max(axis=1, keepdims=True))
    return all_sources.astype(np.int32), merged
