"""What an operator's arithmetic is in C: element types, kernel suffixes, parameters of results, cycles.

Beside library/rules.py, which says what a whole project does of its rule, the only module of the code generator that
knows rules. A kernel is written once for all rules of integers
(runtime/portable/tinyseg_requantize.h is what differs), and once for float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.operators.emission import Field, FunctionWriter, NodeView
from tinyseg_tvm.codegen.operators.integer_forms import (
    NARROW_BITS,
    IntegerForm,
    find_integer_form,
    find_narrow_product,
)
from tinyseg_tvm.codegen.operators.weight_packing import folded_bias
from tinyseg_tvm.codegen.text.c_text import c_float
from tinyseg_tvm.operators import Conv2d, Conv2dTranspose, Dense, Operator
from tinyseg_tvm.operators.arithmetic import Arithmetic, float32, forms, onnx
from tinyseg_tvm.operators.base import ARITHMETIC

VALUE_DTYPES = ("int8",)
"""Types of elements that a tinyseg_value of the portable kernels can be."""

WeightedSum = Conv2d | Conv2dTranspose | Dense
"""Operators whose results are weighted sums."""


def kernel_suffix(arithmetic: Arithmetic) -> str:
    """What the names of kernels, their modules and their structs end with."""
    return "_f32" if arithmetic.dtype == "float32" else ""


def is_integer(arithmetic: Arithmetic) -> bool:
    """Whether kernels for integers compute it."""
    return arithmetic.dtype != "float32"


def of_values(view: NodeView[Operator]) -> bool:
    """Whether the node is of integers of the type of values, whatever the rule: what portable kernels compute."""
    return view.inputs[0].dtype in VALUE_DTYPES


def of_int8(view: NodeView[Operator]) -> bool:
    """Whether the node is of int8, whatever the rule: what kernels compute that take no other type of values."""
    return view.inputs[0].dtype == "int8"


def of_onnx(view: NodeView[Operator]) -> bool:
    """Whether the node is of int8 by the rule ``onnx``, which is what kernels for extensions compute."""
    arithmetic: Arithmetic | None = getattr(view.operator, ARITHMETIC)
    return of_int8(view) and (arithmetic is None or arithmetic.rule == onnx.RULE)


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


def output_numbers(arithmetic: Arithmetic) -> tuple[int, int, int]:
    """Zero point, least and greatest value of results in integers."""
    made: Any = arithmetic  # all forms of rules of integers have these, some without a clamp
    return made.output_zero_point, getattr(made, "output_min", -128), getattr(made, "output_max", 127)


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


def line_kernel(name: str, view: NodeView[WeightedSum], out: FunctionWriter) -> LineKernel:
    """The kernel ``name`` for a node's arithmetic and weights, whose modules are named."""
    arithmetic = view.operator.arithmetic
    suffix = kernel_suffix(arithmetic)
    wide = "_w16" if view.constants["weight"].dtype == np.int16 else ""
    out.modules.add(f"tinyseg_{name}{suffix}{wide}")
    if not is_integer(arithmetic):
        out.modules.add("tinyseg_fma_f32")
    return LineKernel(
        f"tinyseg_{name}{suffix}",
        f"tinyseg_{name}{suffix}_line{wide}",
        f"tinyseg_transpose{suffix}_tap",
    )


def sum_bias(view: NodeView[WeightedSum]) -> np.ndarray:
    """The biases of integers as kernels begin their sums with them: the operand's zero point is folded in."""
    zero = view.operator.arithmetic.operand_zero
    return folded_bias(view.constants["bias"], view.constants["weight"], zero)


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
    fields: dict[str, Field] = {
        "bias": out.constant(bias_name, arrange(sum_bias(view) if bias is None else bias)),
        "multiplier": out.constant("multiplier", arrange(view.constants["multiplier"])),
        "output": output_value(*output_numbers(arithmetic)),
    }
    return {**fields, "input_zero_point": arithmetic.operand_zero} if padding else fields


def softmax_cycles(arithmetic: Arithmetic, core: Core) -> int:
    """Estimated cycles of one value of a softmax."""
    if isinstance(arithmetic, float32.Softmax):
        return 70 if core.has_fpu else 1500
    return 60 if core.has_fpu else 600


def softmax_parameters(arithmetic: Arithmetic) -> dict[str, Field]:
    """Fields of the softmax kernel's struct that its results need; none for float32, whose kernel has no struct."""
    if isinstance(arithmetic, onnx.Softmax):
        return {
            "output_scale": as_float(arithmetic.output_scale),
            "output": output_value(arithmetic.output_zero_point),
        }
    return {}


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
    if isinstance(arithmetic, onnx.Average):
        return {
            "multiplier": out.constant("multiplier", arithmetic.multiplier(counts)),
            "input_zero_point": arithmetic.input_zero_point,
            "output": output_value(arithmetic.output_zero_point),
        }
    return {"multiplier": "NULL", "input_zero_point": 0, "output": output_value(0)}


def global_pool_parameters(arithmetic: forms.Average | None, count: int) -> dict[str, Field]:
    """Fields of ``tinyseg_global_pool`` that results need; a maximum needs none."""
    if isinstance(arithmetic, onnx.Average):
        return {
            "multiplier": float(arithmetic.multiplier(count)),
            "zero": count * arithmetic.input_zero_point,
            "output": output_value(arithmetic.output_zero_point),
        }
    return {"multiplier": 0.0, "zero": 0, "output": output_value(0)}


def interpolation_parameters(arithmetic: forms.Interpolation | None, unit: int) -> dict[str, Field]:
    """Fields of ``tinyseg_resize2d`` that results need."""
    if not isinstance(arithmetic, onnx.Interpolation):
        raise AssertionError(f"no kernel interpolates by {arithmetic}")
    return {
        "multiplier": float(arithmetic.multiplier(unit)),
        "input_zero_point": arithmetic.input_zero_point,
        "output": output_value(arithmetic.output_zero_point),
    }


@lru_cache(maxsize=4096)
def _integer_form(function: str, arithmetic: onnx.Binary) -> IntegerForm | None:
    """As find_integer_form, remembered: costs are asked for more than once."""
    return find_integer_form(function, arithmetic)


@lru_cache(maxsize=4096)
def _narrow_product(function: str, arithmetic: onnx.Binary) -> IntegerForm | None:
    """As find_narrow_product, remembered."""
    return find_narrow_product(function, arithmetic)


def extension_form(function: str, arithmetic: forms.Binary) -> IntegerForm | None:
    """What the extensions' kernels compute: a product of 32 bits, or a sum without ties. None: they do not."""
    if not isinstance(arithmetic, onnx.Binary):
        return None
    form = (_narrow_product if function == "mul" else _integer_form)(function, arithmetic)
    return form if form is not None and form.ties == 0 else None


def binary_cycles(function: str, arithmetic: forms.Binary, core: Core) -> float:
    """Estimated cycles of one value of a binary function by portable kernels."""
    if not isinstance(arithmetic, onnx.Binary):
        return 1.5 * float_cycles(core)
    if _integer_form(function, arithmetic) is not None:
        return 14
    return 70 if core.has_fpu else 500


@dataclass(frozen=True)
class BinaryKernel:
    """The kernel that computes a binary function.

    Attributes:
        modules: of the runtime.
        function: name of the C function.
        struct: of its parameters.
        fields: of the struct, but for ``period``.
    """

    modules: tuple[str, ...]
    function: str
    struct: str
    fields: dict[str, Field]


def binary_kernel(function: str, arithmetic: forms.Binary, *, swapped: bool, family: str) -> BinaryKernel:
    """The kernel of a binary function.

    Args:
        function: of the arithmetic's functions.
        arithmetic: how results are made.
        swapped: the kernel's first operand is the operator's right one.
        family: "_dsp" or "_mve" for that extension's kernel, "" for the portable one.
    """
    if isinstance(arithmetic, float32.Binary):
        symbol = _SYMBOLS[function]
        fields: dict[str, Field] = {
            "function": f"'{_EXCHANGED.get(function, symbol) if swapped else symbol}'",
            "clamp": clamp_value(arithmetic.output_min, arithmetic.output_max),
        }
        modules = ("tinyseg_elementwise_f32", "tinyseg_fma_f32")
        return BinaryKernel(modules, "tinyseg_elementwise_f32_line", "tinyseg_elementwise_f32", fields)
    assert isinstance(arithmetic, onnx.Binary)
    product = function == "mul"
    form = (_narrow_product if family and product else _integer_form)(function, arithmetic)
    module = f"tinyseg_{'product' if product else 'linear'}{family}" if family else "tinyseg_elementwise"
    zero_points = (arithmetic.lhs_zero_point, arithmetic.rhs_zero_point)
    if swapped:
        zero_points = zero_points[::-1]
    fields = {"minimum": arithmetic.output_min, "maximum": arithmetic.output_max}
    if form is None:
        struct, kernel = "tinyseg_elementwise", "tinyseg_elementwise_line"
        scales = (as_float(arithmetic.lhs_scale), as_float(arithmetic.rhs_scale))
        if swapped:
            scales = scales[::-1]
        symbol = _SYMBOLS[function]
        fields |= {
            "a_scale": scales[0],
            "b_scale": scales[1],
            "output_scale": as_float(arithmetic.output_scale),
            "a_zero_point": zero_points[0],
            "b_zero_point": zero_points[1],
            "output_zero_point": arithmetic.output_zero_point,
            "function": f"'{_EXCHANGED.get(function, symbol) if swapped else symbol}'",
        }
    elif family and product:
        struct, kernel = "tinyseg_narrow_product", f"tinyseg_product{family}_line"
        fields |= {
            "offset": form.offset >> NARROW_BITS,
            "shift": form.shift - NARROW_BITS,
            "factor": form.factors[0],
            "a_zero_point": zero_points[0],
            "b_zero_point": zero_points[1],
        }
    else:
        fields |= {"offset": form.offset, "shift": form.shift, "ties": form.ties}
        if product:
            struct, kernel = "tinyseg_product", "tinyseg_product_line"
            fields |= {"factor": form.factors[0], "a_zero_point": zero_points[0], "b_zero_point": zero_points[1]}
        else:
            struct, kernel = "tinyseg_linear", f"tinyseg_linear{family}_line"
            factors = form.factors[::-1] if swapped else form.factors
            fields |= {"a_factor": factors[0], "b_factor": factors[1]}
    return BinaryKernel((module,), kernel, struct, fields)


_SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "max": ">", "min": "<"}
_EXCHANGED = {"sub": "r", "div": "d", "max": "M", "min": "m"}
"""Letters of the kernels for binary functions, and for those whose operands are exchanged."""
