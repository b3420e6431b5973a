"""The rule ``float32``: every operation rounds once to float32, half to even; sums of products are fused.

``fused_multiply_add`` rounds the exact ``x * y + z`` once, as VFMA of Arm cores and C's ``fmaf`` do. NaN and infinite
values are outside of the contract. What makes sums of floats depend on the program is their order, so it is part of
the formulas (docs/numeric-contract.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.arithmetic import forms
from tinyseg_tvm.operators.arithmetic.float32_functions import exponential, fused_multiply_add
from tinyseg_tvm.operators.tensor_type import TensorType

FLOAT32_MAX = float(np.finfo(np.float32).max)
"""The largest finite float32; a clamp at it and its negative clamps no finite value."""


class _Float32:
    """What all forms of the rule share."""

    rule: ClassVar[str] = "float32"

    @property
    def dtype(self) -> str:
        """float32."""
        return "float32"


@dataclass(frozen=True)
class WeightedSum(_Float32, forms.WeightedSum):
    """``acc = bias[o]``, then ``acc = fma(x, w, acc)`` for every product in the operator's order, then
    ``y = clip(acc, output_min, output_max)``.

    Constants: ``weight`` and ``bias`` (O,) float32.
    """

    output_min: float
    output_max: float

    def expect_operands(self, inputs: Sequence[TensorType]) -> None:
        """Also the clamp is an interval."""
        super().expect_operands(inputs)
        expect_bounds(self.output_min, self.output_max)

    def expect_constants(self, constants: Mapping[str, TensorType], rank: int) -> int:
        """float32."""
        weight, bias = constants["weight"], constants["bias"]
        if weight.dtype != "float32" or len(weight.shape) != rank:
            raise ValueError(f"the weight is {weight.dtype} {weight.shape}; float32 of rank {rank} is needed")
        if bias.dtype != "float32" or bias.shape != (weight.shape[0],):
            raise ValueError(f"the bias is {bias.dtype} {bias.shape}; float32 ({weight.shape[0]},) is needed")
        return weight.shape[0]

    def begin(self, constants: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        """float32."""
        return np.array(np.broadcast_to(constants["bias"], shape), order="C")

    def values(self, data: np.ndarray) -> np.ndarray:
        """As they are."""
        return data

    def add(self, accumulators: np.ndarray, values: np.ndarray, weights: np.ndarray) -> None:
        """Fused, in the order of the last axis."""
        for k in range(weights.shape[-1]):
            accumulators[...] = fused_multiply_add(values[..., k, np.newaxis], weights[..., k], accumulators)

    def results(self, accumulators: np.ndarray, constants: Mapping[str, np.ndarray]) -> np.ndarray:
        """The clamped sums."""
        return clamp(accumulators, self.output_min, self.output_max)


@dataclass(frozen=True)
class ProductSum(_Float32, forms.ProductSum):
    """``acc = 0``, then ``acc = fma(a[k], b[k], acc)`` in the order of ``k``, then
    ``y = clip(acc, output_min, output_max)``.
    """

    output_min: float
    output_max: float

    def expect_operands(self, inputs: Sequence[TensorType]) -> None:
        """Also the clamp is an interval."""
        super().expect_operands(inputs)
        expect_bounds(self.output_min, self.output_max)

    def results(self, lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """Fused, in the order of the last axis."""
        batches = np.broadcast_shapes(lhs.shape[:-2], rhs.shape[:-2])
        accumulators = np.zeros((*batches, lhs.shape[-2], rhs.shape[-2]), np.float32)
        for k in range(lhs.shape[-1]):
            a, b = lhs[..., :, np.newaxis, k], rhs[..., np.newaxis, :, k]
            accumulators = fused_multiply_add(a, b, accumulators)
        return clamp(accumulators, self.output_min, self.output_max)


@dataclass(frozen=True)
class Average(_Float32, forms.Average):
    """``y = sum / float32(count)``: the sum from 0, in the operator's order."""

    def most_values(self) -> int:
        """Any number that a count can be, exactly."""
        return 1 << 24

    def values(self, data: np.ndarray) -> np.ndarray:
        """As they are."""
        return data

    def results(self, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """One division."""
        return np.asarray(sums / np.asarray(counts, np.float32))


@dataclass(frozen=True)
class Reduction(_Float32, forms.Reduction):
    """Values in order, each operation rounded: a sum from 0 and a product from 1; ``mean = sum / float32(count)``.

    The variance is Welford's (B. P. Welford, Technometrics 4, 1962): for value ``k`` from 1 on ``d = x - mean``, ``mean
    = mean + d * (1 / k)``, ``squares = squares + d * (x - mean)`` from 0 on; then ``squares / float32(count)``.
    """

    def most_values(self) -> int:
        """Any number that a count can be, exactly."""
        return 1 << 24

    def state_bytes(self, function: str) -> int:
        """A sum, or a mean and a sum of squares."""
        return 8 if function == "variance" else 4

    def reduced(self, function: str, data: np.ndarray) -> np.ndarray:
        """One value after the other, all results at once."""
        results, count = data.shape
        first = np.full(results, 1 if function == "product" else 0, np.float32)
        squares = np.zeros(results, np.float32)
        with np.errstate(all="ignore"):
            for place in range(count):
                value = data[:, place]
                if function == "product":
                    first = first * value
                elif function == "variance":
                    apart = value - first
                    first = first + apart * (np.float32(1) / np.float32(place + 1))
                    squares = squares + apart * (value - first)
                else:
                    first = first + value
            if function == "variance":
                return np.asarray(squares / np.float32(count))
            return np.asarray(first / np.float32(count) if function == "mean" else first)


@dataclass(frozen=True)
class Binary(_Float32, forms.Binary):
    """``y = clip(f(a, b), output_min, output_max)``: one operation, then the clamp.

    ``max`` is ``a > b ? a : b``, ``min`` is ``a < b ? a : b``.
    """

    functions: ClassVar[tuple[str, ...]] = ("add", "sub", "mul", "div", "max", "min")

    output_min: float
    output_max: float

    def expect_operands(self, inputs: Sequence[TensorType]) -> None:
        """Also the clamp is an interval."""
        super().expect_operands(inputs)
        expect_bounds(self.output_min, self.output_max)

    def results(self, function: str, lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """The formula above, vectorised."""
        with np.errstate(all="ignore"):
            return clamp(_BINARY[function](lhs, rhs), self.output_min, self.output_max)


_BINARY: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "max": lambda a, b: np.where(a > b, a, b),
    "min": lambda a, b: np.where(a < b, a, b),
}


@dataclass(frozen=True)
class Softmax(_Float32, forms.Softmax):
    """``e[i] = exponential(x[i] - max(x))``, summed in order of ``i``, ``y = e[i] / sum``."""

    def results(self, data: np.ndarray, constants: Mapping[str, np.ndarray]) -> np.ndarray:
        """The sum runs over the channels in order, vectorised over everything else."""
        with np.errstate(invalid="ignore"):  # of rows that are masked altogether, whose results are NaN
            exponentials = exponential(data - data.max(axis=-1, keepdims=True))
        total = np.zeros(data.shape[:-1], np.float32)
        for channel in range(data.shape[-1]):
            total = total + exponentials[..., channel]
        with np.errstate(invalid="ignore"):
            return np.asarray(exponentials / total[..., np.newaxis])


@dataclass(frozen=True)
class Interpolation(_Float32, forms.Interpolation):
    """``acc = 0``, then ``acc = fma(x, float32(row_weight * column_weight), acc)`` in the order of rows and columns;
    rows of weight 0 are left out.
    """

    weight_dtype: ClassVar[str] = "float32"

    def check(self, row_weights: np.ndarray, column_weights: np.ndarray) -> None:
        """Finite."""
        if not (np.isfinite(row_weights).all() and np.isfinite(column_weights).all()):
            raise ValueError("weights are not finite")

    def values(self, data: np.ndarray) -> np.ndarray:
        """As they are."""
        return data

    def add(self, sums: np.ndarray, values: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Fused."""
        return np.where(row == 0, sums, fused_multiply_add(values, row * column, sums))

    def results(self, sums: np.ndarray) -> np.ndarray:
        """The sums."""
        return sums


def clamp(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """``v > low ? v : low``, then ``v < high ? v : high`` with float32 bounds; the largest finite ones are none."""
    if (low, high) == (-FLOAT32_MAX, FLOAT32_MAX):
        return values
    values = np.where(values > np.float32(low), values, np.float32(low))
    return np.where(values < np.float32(high), values, np.float32(high))


def expect_bounds(low: float, high: float) -> None:
    """Raises ValueError unless the clamp is an interval of finite float32 values."""
    if not -FLOAT32_MAX <= low <= high <= FLOAT32_MAX:
        raise ValueError(f"the clamp [{low}, {high}] is no interval of finite float32 values")
