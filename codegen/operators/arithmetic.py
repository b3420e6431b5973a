"""What an operator's arithmetic is in C: element types, kernel suffixes, parameters of results, cycles.

Beside binary_kernels.py, which is of functions of two operands, and library/rules.py, which says what a whole project
does of its rule, the only module of the code generator that knows rules. A kernel is written once for all rules of int8
(runtime/portable/tinyseg_requantize.h is what differs), once for int16 and once for float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.operators.emission import Field, FunctionWriter, NodeView
from tinyseg_tvm.codegen.operators.weight_packing import folded_bias
from tinyseg_tvm.codegen.text.c_text import c_float
from tinyseg_tvm.operators import Conv2d, Conv2dTranspose, Dense, Operator
from tinyseg_tvm.operators.arithmetic import Arithmetic, accumulators, float32, forms, onnx, tflite
from tinyseg_tvm.operators.arithmetic.tflite_functions import are_below_half, narrow_multiplier
from tinyseg_tvm.operators.base import ARITHMETIC

VALUE_DTYPES = ("int8", "int16")
"""Types of elements of integers that the portable kernels are of."""

_SUFFIXES = {"int8": "", "int16": "_i16", "float32": "_f32"}

WeightedSum = Conv2d | Conv2dTranspose | Dense
"""Operators whose results are weighted sums."""


def kernel_suffix(arithmetic: Arithmetic) -> str:
    """What the names of kernels, their modules and their structs end with."""
    return _SUFFIXES[arithmetic.dtype]


def value_suffix(view: NodeView[Operator]) -> str:
    """The same of a node that needs no arithmetic."""
    return _SUFFIXES[view.inputs[0].dtype]


def is_integer(arithmetic: Arithmetic) -> bool:
    """Whether kernels for integers compute it."""
    return arithmetic.dtype != "float32"


def of_values(view: NodeView[Operator]) -> bool:
    """Whether the node is of integers that are values, whatever the rule: what portable kernels compute."""
    return view.inputs[0].dtype in VALUE_DTYPES and not of_expression(view)


def of_expression(view: NodeView[Operator]) -> bool:
    """Whether the node sums integers and goes on in float32."""
    return isinstance(getattr(view.operator, ARITHMETIC, None), onnx.ExpressedSum)


def of_int8(view: NodeView[Operator]) -> bool:
    """Whether the node is of int8, whatever the rule: what kernels compute that take no other type of values."""
    return view.inputs[0].dtype == "int8"


def of_onnx(view: NodeView[Operator]) -> bool:
    """Whether the node is of int8 by the rule ``onnx``, which is what kernels for extensions compute."""
    arithmetic: Arithmetic | None = getattr(view.operator, ARITHMETIC)
    return of_int8(view) and not of_expression(view) and (arithmetic is None or arithmetic.rule == onnx.RULE)


def of_fixed_point(view: NodeView[Operator]) -> bool:
    """Whether the node is of int8 by ``onnx`` or ``tflite``: for kernels that leave the rule to the runtime."""
    arithmetic: Arithmetic | None = getattr(view.operator, ARITHMETIC)
    fixed = arithmetic is None or arithmetic.rule in (onnx.RULE, tflite.RULE)
    return of_int8(view) and not of_expression(view) and fixed


def shifts_right(view: NodeView[WeightedSum]) -> bool:
    """Whether all multipliers are below 1/2, where they are of two words."""
    constants = view.constants
    return "shift" not in constants or are_below_half(constants["multiplier"], constants["shift"])


def of_float32(view: NodeView[Operator]) -> bool:
    """Whether the node is of float32."""
    return view.inputs[0].dtype == "float32"


def float_cycles(core: Core) -> float:
    """Estimated cycles of one addition, comparison or multiplication of float32 on memory."""
    return 8.0 if core.has_fpu else 60.0


def requantize_cycles(core: Core) -> int:
    """Estimated cycles of one requantisation by the rule ``onnx``."""
    if core.has_fpu:
        return 16
    return 24 if core.has_wide_multiply else 55


def as_float(value: float) -> float:
    """A Python float with the value rounded to float32, as every scale of the contract is."""
    return float(np.float32(value))


def quantizer_names(function: str, dtype: str) -> tuple[str, str, str, str]:
    """Module, struct, kernel and C type of elements of "quantize" to or "dequantize" from a type."""
    wide = dtype.endswith("16")
    suffix = "_i16" if wide else ""
    kernel = f"tinyseg_{function}{suffix}_line"
    return f"tinyseg_quantize{suffix}", f"tinyseg_quantization{suffix}", kernel, "uint16_t" if wide else "uint8_t"


def output_numbers(arithmetic: Arithmetic) -> tuple[int, int, int]:
    """Zero point, least and greatest value of results in integers."""
    made: Any = arithmetic  # all forms of rules of integers have these, some without a clamp
    low, high = made.limits
    return made.output_zero_point, getattr(made, "output_min", low), getattr(made, "output_max", high)


def output_value(zero_point: int, low: int = -128, high: int = 127) -> tuple[str, ...]:
    """Initialiser of ``tinyseg_output``."""
    return (str(zero_point), str(low), str(high))


@dataclass(frozen=True)
class LineKernel:
    """A kernel that computes a line, for every arithmetic: names in C.

    Attributes:
        struct: of its parameters.
        function: which computes.
        tap: struct of a tap, where it has a list of them.
    """

    struct: str
    function: str
    tap: str


def line_kernel(name: str, view: NodeView[WeightedSum], out: FunctionWriter, family: str = "") -> LineKernel:
    """The kernel ``name`` for a node's arithmetic and weights, whose modules are named.

    ``family``: what its name has behind the type, where it is one of several for that.
    """
    arithmetic = view.operator.arithmetic
    suffix = kernel_suffix(arithmetic)
    sums = "_sums" if of_expression(view) else ""
    wide = "_w16" if view.constants["weight"].dtype == np.int16 else _sums_suffix(view)
    out.modules.add(f"tinyseg_{name}{suffix}{family}{sums}{wide}")
    if not is_integer(arithmetic):
        out.modules.add("tinyseg_fma_f32")
    return LineKernel(
        f"tinyseg_{name}{suffix}",
        f"tinyseg_{name}{suffix}_line{family}{sums}{wide}",
        f"tinyseg_transpose{suffix}_tap",
    )


def sum_dtype(view: NodeView[WeightedSum]) -> str:
    """Element type of the sums of the kernel that ``line_kernel`` names."""
    arithmetic = view.operator.arithmetic
    if not is_integer(arithmetic):
        return "float32"
    return "int64" if arithmetic.accumulator_bytes(view.constants) > 4 else "int32"


def _sums_suffix(view: NodeView[WeightedSum]) -> str:
    """What the name of a kernel of int8 weights ends with by the type of its sums."""
    return "_s64" if sum_dtype(view) == "int64" else ""


def sum_bias(view: NodeView[WeightedSum]) -> np.ndarray:
    """The biases of integers as kernels begin their sums with them: the operand's zero point is folded in."""
    zero, constants = view.operator.arithmetic.operand_zero, view.constants
    if sum_dtype(view) == "int64":
        return accumulators.folded_bias(constants["bias"], constants["weight"], zero)
    return folded_bias(constants["bias"], constants["weight"], zero)


def sum_parameters(
    view: NodeView[WeightedSum],
    out: FunctionWriter,
    *,
    arrange: Callable[[np.ndarray], np.ndarray] = np.asarray,
    bias: np.ndarray | None = None,
    bias_name: str = "bias",
    padding: bool = True,
) -> dict[str, Field]:
    """Fields of a kernel's struct that say how results are made of its sums; stores the constants.

    Args:
        view: the node.
        out: where it is written.
        arrange: an array of a value per output channel, as the kernel reads it.
        bias: what the kernel begins its sums with, where that is not ``sum_bias``.
        bias_name: under which it is stored.
        padding: whether the struct has the value that padding is made of.
    """
    arithmetic = view.operator.arithmetic
    if isinstance(arithmetic, float32.WeightedSum):
        clamp = clamp_value(arithmetic.output_min, arithmetic.output_max)
        return {"bias": out.constant(bias_name, view.constants["bias"]), "clamp": clamp}
    bias = sum_bias(view) if bias is None else bias.astype(sum_dtype(view))
    fields: dict[str, Field] = {
        "bias": out.constant(bias_name, arrange(bias)),
        "multiplier": out.constant("multiplier", arrange(sum_multipliers(view))),
        "output": output_value(0) if of_expression(view) else output_value(*output_numbers(arithmetic)),
    }
    return {**fields, "input_zero_point": arithmetic.operand_zero} if padding else fields


def sum_multipliers(view: NodeView[WeightedSum]) -> np.ndarray:
    """A ``tinyseg_multiplier`` per output channel."""
    constants = view.constants
    arithmetic = view.operator.arithmetic
    if isinstance(arithmetic, tflite.WeightedSum):
        made = narrow_factor if arithmetic.rounds_once else fixed_point
        return made(constants["multiplier"], constants["shift"])
    return constants["multiplier"]


def fixed_point(multiplier: npt.ArrayLike, shift: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Multipliers of the rule ``tflite`` as tinyseg_tflite.h reads them: two words in one number.

    0 is given as 2^-32, which makes 0 of every accumulator, so that multipliers are 2^30 at least.
    """
    found, exponents = np.asarray(multiplier, np.int64), np.asarray(shift, np.int64)
    right = np.where(found == 0, 31, -exponents)
    twice = (2 * np.where(found == 0, 1 << 30, found)).astype(np.uint64)
    words: npt.NDArray[np.int64] = ((twice << np.uint64(32)) | (right & 0xFFFFFFFF).astype(np.uint64)).view(np.int64)
    return words


def narrow_factor(multiplier: npt.ArrayLike, shift: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Multipliers of sums that are rounded once, as tinyseg_tflite_i16.h reads them; 0 as 2^-48."""
    factor = np.asarray(narrow_multiplier(multiplier))
    right = np.where(factor == 0, 48, 15 - np.asarray(shift, np.int64))
    return np.asarray((np.where(factor == 0, 1, factor) << 32) | right)


def product_parameters(arithmetic: forms.ProductSum) -> dict[str, Field]:
    """Fields of ``tinyseg_matmul`` or ``tinyseg_matmul_f32`` that results need."""
    if isinstance(arithmetic, float32.ProductSum):
        return {"clamp": clamp_value(arithmetic.output_min, arithmetic.output_max)}
    if not isinstance(arithmetic, onnx.ProductSum):
        raise AssertionError(f"no kernel multiplies by {arithmetic}")
    multiplier: int | float = as_float(arithmetic.multiplier)
    if isinstance(arithmetic, tflite.ProductSum):
        multiplier = int((narrow_factor if arithmetic.dtype == "int16" else fixed_point)(*arithmetic.fixed_point))
    return {
        "lhs_zero_point": arithmetic.lhs_zero_point,
        "rhs_zero_point": arithmetic.rhs_zero_point,
        "multiplier": multiplier,
        "output": output_value(*output_numbers(arithmetic)),
    }


def softmax_cycles(arithmetic: Arithmetic, core: Core) -> int:
    """Estimated cycles of one value of a softmax."""
    if isinstance(arithmetic, float32.Softmax):
        return 70 if core.has_fpu else 1500
    return 60 if core.has_fpu else 600


def softmax_kernel(arithmetic: Arithmetic) -> str:
    """Module of the softmax of integers."""
    if isinstance(arithmetic, tflite.LogSoftmax):
        return "tinyseg_log_softmax_tflite"
    if isinstance(arithmetic, tflite.Softmax):
        return f"tinyseg_softmax_tflite{'_wide' if arithmetic.wide_result else kernel_suffix(arithmetic)}"
    return f"tinyseg_softmax{kernel_suffix(arithmetic)}"


def softmax_parameters(arithmetic: Arithmetic, out: FunctionWriter) -> dict[str, Field]:
    """Fields of the softmax kernel's struct that its results need, beside a table that is the node's constant."""
    if isinstance(arithmetic, tflite.LogSoftmax):
        return {"least": arithmetic.least, "multiplier": arithmetic.multiplier, "right": -arithmetic.shift}
    if isinstance(arithmetic, tflite.Softmax):
        if arithmetic.dtype == "int8":
            return {}
        exponentials, reciprocals = tflite.softmax_tables()
        return {
            "exponentials": out.constant("exponentials", exponentials),
            "reciprocals": out.constant("reciprocals", reciprocals),
            "multiplier": int(fixed_point(arithmetic.multiplier, arithmetic.shift)),
        }
    assert isinstance(arithmetic, onnx.Softmax)
    scaled: dict[str, Field] = {} if arithmetic.dtype == "int8" else {"input_scale": as_float(arithmetic.input_scale)}
    return {
        "output_scale": as_float(arithmetic.output_scale),
        "output": output_value(*output_numbers(arithmetic)),
        **scaled,
    }


def clamp_value(low: float, high: float) -> tuple[str, ...]:
    """Initialiser of ``tinyseg_clamp_f32``."""
    unbounded = high >= float32.FLOAT32_MAX
    if unbounded and low <= -float32.FLOAT32_MAX:
        kind = "TINYSEG_ANY_F32"
    else:
        kind = "TINYSEG_RELU_F32" if unbounded and low == 0 else "TINYSEG_CLIP_F32"
    return (kind, c_float(low), c_float(high))


def window_parameters(
    arithmetic: forms.Average | None, out: FunctionWriter, counts: npt.ArrayLike = ()
) -> dict[str, Field]:
    """Fields of ``tinyseg_pool2d`` that results need, with a multiplier for each count; a maximum needs none."""
    if isinstance(arithmetic, tflite.Average):
        return {
            "multiplier": out.constant("multiplier", _divisors(arithmetic, counts)),
            "input_zero_point": arithmetic.operand_zero,
            "output": _average_output(arithmetic),
        }
    if isinstance(arithmetic, onnx.Average):
        return {
            "multiplier": out.constant("multiplier", arithmetic.multiplier(counts)),
            "input_zero_point": arithmetic.input_zero_point,
            "output": output_value(*output_numbers(arithmetic)),
        }
    return {"multiplier": "NULL", "input_zero_point": 0, "output": output_value(0)}


def global_pool_parameters(arithmetic: forms.Average | None, count: int, dtype: str) -> dict[str, Field]:
    """Fields of the struct of values of ``dtype`` that results need; a maximum needs none."""
    wide = dtype == "int16"  # whose kernel takes the zero point from each value
    if isinstance(arithmetic, tflite.Average):
        zero = arithmetic.operand_zero
        return {
            "multiplier": int(_divisors(arithmetic, count)),
            **({"input_zero_point": zero} if wide else {"zero": count * zero}),
            "output": _average_output(arithmetic),
        }
    if isinstance(arithmetic, onnx.Average):
        zero = arithmetic.input_zero_point
        return {
            "multiplier": float(arithmetic.multiplier(count)),
            **({"input_zero_point": zero} if wide else {"zero": count * zero}),
            "output": output_value(*output_numbers(arithmetic)),
        }
    return {"multiplier": 0.0, "input_zero_point" if wide else "zero": 0, "output": output_value(0)}


def reduce_divisor(function: str, count: int) -> float:
    """What kernels of sums divide by, where ``count`` values become one."""
    return float(count if function in ("mean", "variance") else 1)


def reduce_parameters(
    arithmetic: forms.Average | forms.Reduction | None, function: str, count: int
) -> dict[str, Field]:
    """Fields of ``tinyseg_reduce`` beside the span, or of ``tinyseg_reduction``; a maximum needs none of those.

    Args:
        arithmetic: how results are made.
        function: of the operator Reduce.
        count: values that become one.
    """
    divisor = reduce_divisor(function, count)
    if isinstance(arithmetic, onnx.Reduction):
        scale, zero_point = as_float(arithmetic.input_scale), arithmetic.input_zero_point
        return {"count": count, "divisor": divisor, "scale": scale, "zero_point": zero_point}
    if isinstance(arithmetic, onnx.Average):
        return {
            "multiplier": float(arithmetic.multiplier(divisor)),
            "zero": count * arithmetic.input_zero_point,
            "output": output_value(arithmetic.output_zero_point),
        }
    return {"multiplier": 0.0, "zero": 0, "output": output_value(0)}


def _divisors(arithmetic: tflite.Average, counts: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """What tinyseg_averaged_to takes for sums of so many values."""
    divisors = np.asarray(counts, np.int64)
    if arithmetic.rescaled:
        return fixed_point(*arithmetic.fixed_point(divisors))
    return (-divisors if arithmetic.ties_up else divisors) & 0xFFFFFFFF  # no multiplier: see tinyseg_averaged_to


def _average_output(arithmetic: tflite.Average) -> tuple[str, ...]:
    """Initialiser of ``tinyseg_output``: averages of codes have their zero point already."""
    zero_point = arithmetic.output_zero_point if arithmetic.rescaled else 0
    return output_value(zero_point, arithmetic.output_min, arithmetic.output_max)


def interpolation_parameters(arithmetic: forms.Interpolation | None) -> dict[str, Field]:
    """Fields of the structs of ``tinyseg_resize2d`` and ``tinyseg_resample2d`` that results need; none for float32."""
    if isinstance(arithmetic, tflite.Interpolation):
        divisor = tflite.RESIZE_UNIT * tflite.RESIZE_UNIT  # no multiplier: see tinyseg_averaged_to
        if arithmetic.dtype == "int16":
            divisor = (1 - divisor.bit_length()) & 0xFFFFFFFF  # powers of two: see tinyseg_tflite_i16.h
        return {"multiplier": divisor, "input_zero_point": 0, "output": output_value(0, *arithmetic.limits)}
    if not isinstance(arithmetic, onnx.Interpolation):
        return {}
    return {
        "multiplier": float(arithmetic.multiplier),
        "input_zero_point": arithmetic.input_zero_point,
        "output": output_value(*output_numbers(arithmetic)),
    }
