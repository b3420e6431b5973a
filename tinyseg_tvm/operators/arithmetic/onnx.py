"""The rule ``onnx``: integers in, sums in integers, one multiplication in float32 by ONNX's quantisation, integers out.

Values are int8 or int16 (``dtype``); docs/numeric-contract.md states the formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tinyseg_tvm.operators.arithmetic import accumulators as sums
from tinyseg_tvm.operators.arithmetic import expressions, forms
from tinyseg_tvm.operators.arithmetic.float32_functions import exponential
from tinyseg_tvm.operators.arithmetic.onnx_functions import average_multiplier, dequantize, quantize, requantize
from tinyseg_tvm.operators.tensor_type import TensorType

RULE = "onnx"
VALUE_TYPES = ("int8", "int16")
"""Element types that operands and results can be of: uint8 and uint16 are shifted at import."""
SUMS_AS_THEY_ARE = "identity x0"
"""The expression of sums that are results themselves."""


@dataclass(frozen=True)
class _Quantized:
    """What all forms of the rule share: operands and results of one integer type."""

    rule: ClassVar[str] = RULE

    dtype: str = field(default="int8", kw_only=True)  # of VALUE_TYPES

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the greatest value of the type."""
        held = np.iinfo(self.dtype)
        return int(held.min), int(held.max)

    def expect_operands(self, inputs: Sequence[TensorType]) -> None:
        """Also the type is one of the rule, and the clamp, where there is one, an interval of it."""
        if self.dtype not in VALUE_TYPES:
            raise ValueError(f"values of {self.dtype} are not possible; {' and '.join(VALUE_TYPES)} are")
        forms.expect_type(inputs, self.dtype)
        low, high = self.limits
        least, most = getattr(self, "output_min", low), getattr(self, "output_max", high)
        if not low <= least <= most <= high:
            raise ValueError(f"the clamp [{least}, {most}] is no interval of {self.dtype}")

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
class _IntegerSum(_Quantized, forms.WeightedSum):
    """``acc = bias[o] + sum((x - input_zero_point) * w)`` in int32, of int16 values in as many bits as it takes, and
    what results are made of it by.

    Constants: ``weight`` int8, or int16 where an asymmetric weight's ``w - zero_point`` leaves int8; ``bias`` (O,)
    int32, of int16 values also int64; ``multiplier`` (O,) float32.
    """

    @property
    def constant_names(self) -> tuple[str, ...]:
        """The multiplier."""
        return ("multiplier",)

    def accumulator_bytes(self, constants: Mapping[str, np.ndarray]) -> int:
        """Of the type that kernels sum in."""
        return np.dtype(self.accumulator_dtype(constants)).itemsize

    def accumulator_dtype(self, constants: Mapping[str, np.ndarray]) -> str:
        """int32, or int64 where sums of int16 values need it; with weights of 16 bits too, kernels sum in no other."""
        if self.dtype == "int8":
            return "int32"
        if constants["weight"].dtype == np.int16:
            return "int64"
        return sums.accumulator_dtype(constants["weight"], constants["bias"], self.operand_zero)

    def expect_constants(self, constants: Mapping[str, TensorType], rank: int) -> int:
        """Integers, and float32 numbers per channel."""
        channels = sums.expect_integer_weights(constants, rank, self.dtype)
        for name in self.constant_names:
            constant = constants[name]
            if constant.dtype != "float32" or constant.shape != (channels,):
                raise ValueError(f"{name} is {constant.dtype} {constant.shape}; float32 ({channels},) is needed")
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
        if self.dtype == "int8":
            sums.check_no_overflow(constants["weight"], constants["bias"], self.operand_zero)
        else:
            sums.check_bias(constants["bias"])

    def begin(self, constants: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        """In the type that holds all partial sums exactly."""
        return sums.exact_accumulators(constants["weight"], constants["bias"], shape, self.dtype)

    def values(self, data: np.ndarray) -> np.ndarray:
        """``x - input_zero_point``."""
        wide = np.int16 if self.dtype == "int8" else np.int32
        return np.asarray(data.astype(wide) - wide(self.operand_zero))

    def add(self, accumulators: np.ndarray, values: np.ndarray, weights: np.ndarray) -> None:
        """Matrix products that are exact."""
        sums.add_exact_products(accumulators, values, weights)


@dataclass(frozen=True)
class WeightedSum(_IntegerSum):
    """``y = clip(round_half_even(float32(acc) * multiplier[o]) + output_zero_point, output_min, output_max)``."""

    input_zero_point: int
    output_zero_point: int
    output_min: int
    output_max: int

    def grows(self, constants: Mapping[str, np.ndarray]) -> bool:
        """Multipliers are not negative, and each step rounds to the nearest."""
        del constants
        return True

    def results(self, accumulators: np.ndarray, constants: Mapping[str, np.ndarray]) -> np.ndarray:
        """The requantised sums."""
        exact, multiplier = accumulators.astype(np.int64), constants["multiplier"]
        return requantize(exact, multiplier, self.output_zero_point, self.output_min, self.output_max, self.dtype)


@dataclass(frozen=True)
class ExpressedSum(_IntegerSum):
    """``y = expression(x0)`` with ``x0 = float32(acc) * multiplier[o]`` (expressions.py): sums that go on in float32.

    Constants: also ``c0``, ``c1``, ... (O,) float32, as many as the expression names.
    """

    form = "ExpressedSum"

    input_zero_point: int
    expression: str
    output_dtype: str

    @property
    def constant_names(self) -> tuple[str, ...]:
        """The multiplier, then those of the expression."""
        return ("multiplier", *self.expression_constants)

    @property
    def expression_constants(self) -> tuple[str, ...]:
        """Those of the expression."""
        return tuple(f"c{number}" for number in range(expressions.referred(self.expression, "c")))

    @property
    def result_dtype(self) -> str:
        """As the expression's last instruction leaves it."""
        return self.output_dtype

    @property
    def result_quantization(self) -> tuple[float, int] | None:
        """As the last instruction says."""
        return expressions.result_quantization(self.expression)

    def expect_operands(self, inputs: Sequence[TensorType]) -> None:
        """Also the expression is one of the sum, and gives results of the type."""
        super().expect_operands(inputs)
        quantizes = self.result_quantization is not None
        if self.output_dtype not in (("int8", "uint8") if quantizes else ("float32",)):
            raise ValueError(f"{self.expression!r} has no results of {self.output_dtype}")
        if expressions.referred(self.expression, "x") > 1:
            raise ValueError(f"{self.expression!r} takes more than the sum")

    def results(self, accumulators: np.ndarray, constants: Mapping[str, np.ndarray]) -> np.ndarray:
        """The expression of the scaled sums."""
        with np.errstate(all="ignore"):
            scaled = accumulators.astype(np.int32).astype(np.float32) * constants["multiplier"]
        held = [constants[name] for name in self.expression_constants]
        made = expressions.evaluate(self.expression, [scaled], held, self.output_dtype)
        return np.array(np.broadcast_to(made, scaled.shape), order="C")


@dataclass(frozen=True)
class ProductSum(_Quantized, forms.ProductSum):
    """``acc = sum((a - lhs_zero_point) * (b - rhs_zero_point))`` in int32, of int16 values in int64,
    ``y = clip(round_half_even(float32(acc) * multiplier) + output_zero_point, output_min, output_max)`` with
    ``multiplier = float32(float32(s_a * s_b) / s_y)``.
    """

    lhs_zero_point: int
    rhs_zero_point: int
    multiplier: float
    output_zero_point: int
    output_min: int
    output_max: int

    def expect_operands(self, inputs: Sequence[TensorType]) -> None:
        """Also the multiplier is a number that is not negative."""
        super().expect_operands(inputs)
        if not (np.isfinite(self.multiplier) and self.multiplier >= 0):
            raise ValueError(f"the requantisation multiplier is {self.multiplier} (check the scales)")

    def expect_products(self, count: int) -> None:
        """Products of two differences of 255 at most; of int16 values as many as float64 can sum exactly."""
        low, high = self.limits
        bits = 31 if self.dtype == "int8" else 53
        if count > (most := (2**bits - 1) // (high - low) ** 2):
            raise ValueError(f"sums of {count} products can leave {bits} bits; {most} cannot")

    def results(self, lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """By products that are exact in float64."""
        a = lhs.astype(np.float64) - self.lhs_zero_point
        b = rhs.astype(np.float64) - self.rhs_zero_point
        products, multiplier = np.matmul(a, b.swapaxes(-1, -2)).astype(np.int64), np.float32(self.multiplier)
        clamp = (self.output_min, self.output_max)
        return requantize(products, multiplier, self.output_zero_point, *clamp, self.dtype)


@dataclass(frozen=True)
class Average(_Quantized, forms.Average):
    """``acc = sum(x - input_zero_point)`` in int32, of more than 32,768 int16 values in int64,
    ``y = saturate(round_half_even(float32(acc) * m) + output_zero_point)`` with
    ``m = float32(float32(input_scale / output_scale) / count)``.
    """

    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int

    def most_values(self) -> int:
        """Differences of 255 that an int32 can sum; of int16 values any number that a count can be."""
        return self._narrow_values() if self.dtype == "int8" else 2**31 - 1

    def sum_bytes(self, count: int) -> int:
        """Four where an int32 can sum so many differences."""
        return 4 if count <= self._narrow_values() else 8

    def _narrow_values(self) -> int:
        low, high = self.limits
        return (2**31 - 1) // (high - low)

    def values(self, data: np.ndarray) -> np.ndarray:
        """``x - input_zero_point``."""
        return data.astype(np.int32 if self.dtype == "int8" else np.int64) - self.input_zero_point

    def results(self, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """The requantised sums."""
        return requantize(sums, self.multiplier(counts), self.output_zero_point, *self.limits, self.dtype)

    def multiplier(self, counts: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """The multiplier of sums of so many values."""
        return average_multiplier(self.input_scale, self.output_scale, counts)


@dataclass(frozen=True)
class Reduction(_Quantized, forms.Reduction):
    """Of ``q = x - input_zero_point``, exactly in integers, then to float32 with one rounding per operation.

    ``sum = float32(sum(q)) * scale``, ``mean = float32(sum(q)) / float32(count) * scale``, ``variance =
    float32(count * sum(q^2) - sum(q)^2) / float32(count) / float32(count) * scale * scale``. A product is made in
    float32, in order from 1 on, of ``float32(q) * scale``.
    """

    input_scale: float
    input_zero_point: int

    def most_values(self) -> int:
        """Differences of 255 that an int32 can sum; ``count^2 * 255^2`` stays in int64 then, too."""
        return (2**31 - 1) // 255

    def state_bytes(self, function: str) -> int:
        """A sum of four bytes, with one of squares of eight for a variance."""
        return 12 if function == "variance" else 4

    def reduced(self, function: str, data: np.ndarray) -> np.ndarray:
        """The formulas above."""
        scale, count = np.float32(self.input_scale), data.shape[1]
        if function == "product":
            real = dequantize(data, self.input_scale, self.input_zero_point)
            result = np.ones(len(data), np.float32)
            with np.errstate(all="ignore"):
                for place in range(count):
                    result = result * real[:, place]
            return result
        values = data.astype(np.int64) - self.input_zero_point
        sums = values.sum(axis=1)
        if function == "variance":
            spread = (count * (values * values).sum(axis=1) - sums * sums).astype(np.float32)
            return np.asarray(spread / np.float32(count) / np.float32(count) * scale * scale)
        result = sums.astype(np.float32)
        return np.asarray((result / np.float32(count) if function == "mean" else result) * scale)


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

    def results(self, function: str, lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """The formula above, vectorised."""
        low, high = self.output_min - self.output_zero_point, self.output_max - self.output_zero_point
        a = dequantize(lhs, self.lhs_scale, self.lhs_zero_point)
        b = dequantize(rhs, self.rhs_scale, self.rhs_zero_point)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            rounded = np.rint(np.asarray(_BINARY[function](a, b), np.float32) / np.float32(self.output_scale))
        rounded = np.nan_to_num(np.clip(rounded, low, high))
        return np.asarray(rounded.astype(np.int32) + self.output_zero_point).astype(self.dtype)


_BINARY: dict[str, Callable[[Any, Any], Any]] = {"add": np.add, "sub": np.subtract, "mul": np.multiply}


@dataclass(frozen=True)
class Softmax(_Quantized, forms.Softmax):
    """``e[i] = table[max(x) - x[i]]``, summed in order of ``i`` in float32, ``p = e[i] / sum`` in float32,
    ``y = saturate(round_half_even(p / output_scale) + output_zero_point)``.

    Constants: ``table`` (256,) float32, ``table[d] = float32(exp(-d * input_scale))``, computed in float64. Of int16
    values there is none: ``e[i] = exponential(float32(x[i] - max(x)) * input_scale)``, as softmax of float32 has it.
    """

    output_scale: float
    output_zero_point: int
    input_scale: float = field(default=0.0, kw_only=True)  # of int16 values

    @property
    def constant_names(self) -> tuple[str, ...]:
        """The table, where there is one."""
        return ("table",) if self.dtype == "int8" else ()

    def expect_constants(self, constants: Mapping[str, TensorType]) -> None:
        """A table of exponentials."""
        if self.dtype != "int8":
            return
        table = constants["table"]
        if table.dtype != "float32" or table.shape != (256,):
            raise ValueError(f"the table is {table.dtype} of shape {table.shape}; float32 (256,) is needed")

    def results(self, data: np.ndarray, constants: Mapping[str, np.ndarray]) -> np.ndarray:
        """The sum runs over the channels in order, vectorised over everything else."""
        exponentials = self._exponentials(data.astype(np.int32), constants)
        total = np.zeros(data.shape[:-1], np.float32)
        for channel in range(data.shape[-1]):
            total = total + exponentials[..., channel]
        shares = exponentials / total[..., np.newaxis]
        return quantize(shares, self.output_scale, self.output_zero_point, self.dtype)

    def _exponentials(self, data: np.ndarray, constants: Mapping[str, np.ndarray]) -> np.ndarray:
        below = data.max(axis=-1, keepdims=True) - data
        if self.dtype == "int8":
            return np.asarray(constants["table"][below])
        return exponential(dequantize(-below, self.input_scale, 0))


WEIGHT_UNIT = 2048
"""What the integer weights of a row or column of a resized map sum to."""


@dataclass(frozen=True)
class Interpolation(_Quantized, forms.Interpolation):
    """``acc = sum(row_weight * column_weight * (x - input_zero_point))`` in int32, of int16 values in int64,
    ``y = saturate(round_half_even(float32(acc) * m) + output_zero_point)`` with
    ``m = float32(float32(input_scale / output_scale) / 2^22)``: the integer weights of a row or column sum to 2048.
    """

    weight_dtype: ClassVar[str] = "int32"

    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int

    def check(self, row_weights: np.ndarray, column_weights: np.ndarray) -> None:
        """Of the unit's sum; of int8 within int32 even where weights are negative, of other types pairs."""
        largest = 255
        for weights in (row_weights, column_weights):
            if (weights.sum(axis=1) != WEIGHT_UNIT).any():
                raise ValueError(f"weights do not sum to {WEIGHT_UNIT}")
            largest *= int(np.abs(weights.astype(np.int64)).sum(axis=1).max(initial=0))
        if self.dtype != "int8":
            if {row_weights.shape[1], column_weights.shape[1]} != {2}:
                raise ValueError(f"{self.dtype} is resized by two rows and columns alone")
        elif largest > np.iinfo(np.int32).max:
            raise ValueError(f"sums of its weights can reach {largest}, beyond int32")

    def values(self, data: np.ndarray) -> np.ndarray:
        """``x - input_zero_point``."""
        return data.astype(np.int32 if self.dtype == "int8" else np.int64) - self.input_zero_point

    def add(self, sums: np.ndarray, values: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Exact."""
        return np.asarray(sums + row * column * values)

    def results(self, sums: np.ndarray) -> np.ndarray:
        """The requantised sums."""
        return requantize(sums, self.multiplier, self.output_zero_point, *self.limits, self.dtype)

    @property
    def multiplier(self) -> npt.NDArray[np.float32]:
        """The multiplier of sums."""
        return average_multiplier(self.input_scale, self.output_scale, WEIGHT_UNIT * WEIGHT_UNIT)
