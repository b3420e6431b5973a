"""The rule ``onnx``: integers in, int32 sums, one multiplication in float32 by ONNX's quantisation, integers out.

docs/numeric-contract.md states the formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tinyseg_tvm.operators.arithmetic import accumulators as sums
from tinyseg_tvm.operators.arithmetic import forms
from tinyseg_tvm.operators.arithmetic.onnx_functions import average_multiplier, dequantize, quantize, requantize
from tinyseg_tvm.operators.tensor_type import TensorType

RULE = "onnx"


class _Quantized:
    """What all forms of the rule share: operands and results of one integer type."""

    rule: ClassVar[str] = RULE

    @property
    def dtype(self) -> str:
        """int8: uint8 models are shifted at import."""
        return "int8"

    @property
    def result_quantization(self) -> tuple[float, int] | None:
        """As the fields say, where they have a scale."""
        scale: float | None = getattr(self, "output_scale", None)
        zero_point: int = getattr(self, "output_zero_point", 0)
        return None if scale is None else (float(np.float32(scale)), zero_point)

    @property
    def operand_zero(self) -> int:
        """The operand's zero point, where there is one operand."""
        zero_point: int = getattr(self, "input_zero_point", 0)
        return zero_point

    @property
    def cuts_at_zero(self) -> bool:
        """Where the clamp begins at the zero point."""
        return bool(getattr(self, "output_min", None) == getattr(self, "output_zero_point", 0))


@dataclass(frozen=True)
class WeightedSum(_Quantized, forms.WeightedSum):
    """``acc = bias[o] + sum((x - input_zero_point) * w)`` in int32,
    ``y = clip(round_half_even(float32(acc) * multiplier[o]) + output_zero_point, output_min, output_max)``.

    Constants: ``weight`` int8, or int16 where an asymmetric weight's ``w - zero_point`` leaves int8; ``bias`` (O,)
    int32; ``multiplier`` (O,) float32.
    """

    constant_names: ClassVar[tuple[str, ...]] = ("multiplier",)

    input_zero_point: int
    output_zero_point: int
    output_min: int
    output_max: int

    def expect_operands(self, inputs: Sequence[TensorType]) -> None:
        """Also the clamp is an interval."""
        super().expect_operands(inputs)
        expect_clamp(self.output_min, self.output_max)

    def expect_constants(self, constants: Mapping[str, TensorType], rank: int) -> int:
        """Integers, and a multiplier per channel."""
        channels = sums.expect_integer_weights(constants, rank)
        multiplier = constants["multiplier"]
        if multiplier.dtype != "float32" or multiplier.shape != (channels,):
            raise ValueError(
                f"the multiplier is {multiplier.dtype} {multiplier.shape}; float32 ({channels},) is needed"
            )
        return channels

    def check(self, constants: Mapping[str, np.ndarray]) -> None:
        """No accumulator may overflow, and multipliers are finite and not negative."""
        multiplier = constants["multiplier"]
        bad = np.flatnonzero(~(np.isfinite(multiplier) & (multiplier >= 0)))
        if bad.size:
            raise ValueError(
                f"the requantisation multiplier of output channel {bad[0]} is {multiplier[bad[0]]}; "
                "it must be finite and not negative (check the scales)"
            )
        sums.check_no_overflow(constants["weight"], constants["bias"], self.input_zero_point)

    def begin(self, constants: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        """In the float type that holds all partial sums exactly."""
        return sums.exact_accumulators(constants["weight"], constants["bias"], shape)

    def values(self, data: np.ndarray) -> np.ndarray:
        """``x - input_zero_point``."""
        return np.asarray(data.astype(np.int16) - np.int16(self.input_zero_point))

    def add(self, accumulators: np.ndarray, values: np.ndarray, weights: np.ndarray) -> None:
        """Matrix products that are exact in floating point."""
        sums.add_exact_products(accumulators, values, weights)

    def results(self, accumulators: np.ndarray, constants: Mapping[str, np.ndarray]) -> np.ndarray:
        """The requantised sums."""
        exact = accumulators.astype(np.int32)
        return requantize(exact, constants["multiplier"], self.output_zero_point, self.output_min, self.output_max)


@dataclass(frozen=True)
class Average(_Quantized, forms.Average):
    """``acc = sum(x - input_zero_point)`` in int32,
    ``y = clip(round_half_even(float32(acc) * m) + output_zero_point, -128, 127)`` with
    ``m = float32(float32(input_scale / output_scale) / count)``.
    """

    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int

    def most_values(self) -> int:
        """Differences of 255 that an int32 can sum."""
        return (2**31 - 1) // 255

    def values(self, data: np.ndarray) -> np.ndarray:
        """``x - input_zero_point`` in int32."""
        return data.astype(np.int32) - self.input_zero_point

    def results(self, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """The requantised sums."""
        return requantize(sums, self.multiplier(counts), self.output_zero_point)

    def multiplier(self, counts: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """The multiplier of sums of so many values."""
        return average_multiplier(self.input_scale, self.output_scale, counts)


@dataclass(frozen=True)
class Binary(_Quantized, forms.Binary):
    """``y = clip(round_half_even(f(a', b') / output_scale) + output_zero_point, output_min, output_max)`` with
    ``a' = float32(a - lhs_zero_point) * lhs_scale``, each operation rounded to float32 (no fused multiply-add).
    """

    functions: ClassVar[tuple[str, ...]] = ("add", "sub", "mul")

    lhs_scale: float
    lhs_zero_point: int
    rhs_scale: float
    rhs_zero_point: int
    output_scale: float
    output_zero_point: int
    output_min: int
    output_max: int

    def expect_operands(self, inputs: Sequence[TensorType]) -> None:
        """Also the clamp is an interval."""
        super().expect_operands(inputs)
        expect_clamp(self.output_min, self.output_max)

    def results(self, function: str, lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """The formula above, vectorised."""
        low, high = self.output_min - self.output_zero_point, self.output_max - self.output_zero_point
        a = dequantize(lhs, self.lhs_scale, self.lhs_zero_point)
        b = dequantize(rhs, self.rhs_scale, self.rhs_zero_point)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            rounded = np.rint(np.asarray(_BINARY[function](a, b), np.float32) / np.float32(self.output_scale))
        rounded = np.nan_to_num(np.clip(rounded, low, high))
        return np.asarray(rounded.astype(np.int32) + self.output_zero_point).astype(np.int8)


_BINARY: dict[str, Callable[[Any, Any], Any]] = {"add": np.add, "sub": np.subtract, "mul": np.multiply}


@dataclass(frozen=True)
class Softmax(_Quantized, forms.Softmax):
    """``e[i] = table[max(x) - x[i]]``, summed in order of ``i`` in float32, ``p = e[i] / sum`` in float32,
    ``y = clip(round_half_even(p / output_scale) + output_zero_point, -128, 127)``.

    Constants: ``table`` (256,) float32, ``table[d] = float32(exp(-d * input_scale))``, computed in float64.
    """

    constant_names: ClassVar[tuple[str, ...]] = ("table",)

    output_scale: float
    output_zero_point: int

    def expect_constants(self, constants: Mapping[str, TensorType]) -> None:
        """A table of exponentials."""
        table = constants["table"]
        if table.dtype != "float32" or table.shape != (256,):
            raise ValueError(f"the table is {table.dtype} of shape {table.shape}; float32 (256,) is needed")

    def results(self, data: np.ndarray, constants: Mapping[str, np.ndarray]) -> np.ndarray:
        """The sum runs over the channels in order, vectorised over everything else."""
        wide = data.astype(np.int16)
        exponentials = constants["table"][wide.max(axis=-1, keepdims=True) - wide]
        total = np.zeros(data.shape[:-1], np.float32)
        for channel in range(data.shape[-1]):
            total = total + exponentials[..., channel]
        return quantize(exponentials / total[..., np.newaxis], self.output_scale, self.output_zero_point)


@dataclass(frozen=True)
class Interpolation(_Quantized, forms.Interpolation):
    """``acc = sum(weight * (x - input_zero_point))`` in int32,
    ``y = clip(round_half_even(float32(acc) * m) + output_zero_point, -128, 127)`` with
    ``m = float32(float32(input_scale / output_scale) / unit)``.
    """

    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int

    def values(self, data: np.ndarray) -> np.ndarray:
        """``x - input_zero_point``."""
        return data.astype(np.int32) - self.input_zero_point

    def results(self, accumulators: np.ndarray, unit: int) -> np.ndarray:
        """The requantised sums."""
        return requantize(accumulators, self.multiplier(unit), self.output_zero_point)

    def multiplier(self, unit: int) -> npt.NDArray[np.float32]:
        """The multiplier of sums whose weights sum to ``unit``."""
        return average_multiplier(self.input_scale, self.output_scale, unit)


def expect_clamp(output_min: int, output_max: int) -> None:
    """Raises ValueError unless the clamp is an int8 interval."""
    if not -128 <= output_min <= output_max <= 127:
        raise ValueError(f"the clamp [{output_min}, {output_max}] is no interval of int8")
