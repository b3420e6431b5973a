"""What an operator's arithmetic is in C: element types, kernel suffixes, parameters of results, cycles.

The only module of the code generator that knows rules. A kernel is written once for all rules of integers
(runtime/portable/tinyseg_requantize.h is what differs), and once for float32.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.operators.arithmetic import Arithmetic, float32, onnx

C_TYPES = {"int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "int32": "int32_t", "float32": "float"}
"""Type in C of the elements of a tensor."""

Field = int | float | str | tuple[str, ...]
"""Value of a field of a kernel's parameter struct."""


def kernel_suffix(arithmetic: Arithmetic) -> str:
    """What the names of kernels, their modules and their structs end with."""
    return "_f32" if arithmetic.dtype == "float32" else ""


def is_integer(arithmetic: Arithmetic) -> bool:
    """Whether kernels for integers compute it."""
    return arithmetic.dtype != "float32"


def requantize_cycles(core: Core) -> int:
    """Estimated cycles of one requantisation by the rule ``onnx``."""
    if core.has_fpu:
        return 16
    return 24 if core.has_wide_multiply else 55


def as_float(value: float) -> float:
    """A Python float with the value rounded to float32, as every scale of the contract is."""
    return float(np.float32(value))


def output_value(zero_point: int, low: int = -128, high: int = 127) -> tuple[str, ...]:
    """Initialiser of ``tinyseg_output``."""
    return (str(zero_point), str(low), str(high))


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
