"""What a binary function's arithmetic is in C: its kernel, which parameters that has, and its cycles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.operators.arithmetic import (
    as_float,
    clamp_value,
    fixed_point,
    float_cycles,
    kernel_suffix,
    output_value,
)
from tinyseg_tvm.codegen.operators.emission import Field
from tinyseg_tvm.codegen.operators.integer_forms import (
    NARROW_BITS,
    IntegerForm,
    find_integer_form,
    find_narrow_product,
)
from tinyseg_tvm.operators.arithmetic import float32, forms, onnx, tflite


@lru_cache(maxsize=4096)
def _integer_form(function: str, arithmetic: onnx.Binary) -> IntegerForm | None:
    """As find_integer_form, remembered: costs are asked for more than once. Of int16 there are too many pairs."""
    suits = function in _LINEAR and arithmetic.dtype == "int8"
    return find_integer_form(function, arithmetic) if suits else None


@lru_cache(maxsize=4096)
def _narrow_product(function: str, arithmetic: onnx.Binary) -> IntegerForm | None:
    """As find_narrow_product, remembered."""
    return find_narrow_product(function, arithmetic)


_LINEAR = ("add", "sub", "mul")
"""Functions that may have an integer form."""


def extension_form(function: str, arithmetic: forms.Binary) -> IntegerForm | None:
    """What the extensions' kernels compute: a product of 32 bits, or a sum without ties. None: they do not."""
    if not isinstance(arithmetic, onnx.Binary) or arithmetic.dtype != "int8":
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
    if form is None and isinstance(arithmetic, tflite.Binary):
        return _fixed_point_binary(function, arithmetic, swapped=swapped)
    if form is None:
        suffix = kernel_suffix(arithmetic)
        module += suffix
        struct, kernel = f"tinyseg_elementwise{suffix}", f"tinyseg_elementwise{suffix}_line"
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


def _fixed_point_binary(function: str, arithmetic: tflite.Binary, *, swapped: bool) -> BinaryKernel:
    """The kernel that computes as the rule ``tflite`` is defined."""
    made = arithmetic.fixed_point(function)
    sides = ((made.lhs, arithmetic.lhs_zero_point), (made.rhs, arithmetic.rhs_zero_point))
    (a, a_zero_point), (b, b_zero_point) = sides[::-1] if swapped else sides
    symbol = _SYMBOLS[function]
    multipliers: tuple[int, ...] = (int(fixed_point(*a)), int(fixed_point(*b)))
    if arithmetic.powers_of_two:
        multipliers = arithmetic.divisions[::-1] if swapped else arithmetic.divisions
    fields: dict[str, Field] = {
        "a_multiplier": multipliers[0],
        "b_multiplier": multipliers[1],
        "multiplier": int(fixed_point(*made.output)),
        "a_zero_point": a_zero_point,
        "b_zero_point": b_zero_point,
        "output": output_value(arithmetic.output_zero_point, arithmetic.output_min, arithmetic.output_max),
        "left_shift": 0 if arithmetic.powers_of_two else made.left_shift,
        "function": f"'{_EXCHANGED_TFLITE.get(function, symbol) if swapped else symbol}'",
    }
    struct = "tinyseg_elementwise_tflite"
    module = f"{struct}{kernel_suffix(arithmetic)}"
    return BinaryKernel((module,), f"{module}_line", struct, fields)


_SYMBOLS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "max": ">",
    "min": "<",
    "squared_difference": "2",
    "prelu": "p",
}
_EXCHANGED = {"sub": "r", "div": "d", "max": "M", "min": "m"}
_EXCHANGED_TFLITE = {"sub": "r", "prelu": "q"}
"""Letters of the kernels for binary functions, and for those whose operands are exchanged."""
