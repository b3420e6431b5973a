"""Expressions of float32 in C: one statement per instruction, in the sequences of the numeric contract."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.text.c_text import C_TYPES, c_float
from tinyseg_tvm.operators.arithmetic.expressions import (
    DEQUANTIZE,
    QUANTIZE,
    Instruction,
    instructions_of,
    is_reference,
)

MODULES = ("tinyseg_functions_f32", "tinyseg_fma_f32", "tinyseg_quantize")
"""Of the runtime, whose functions the statements call."""

_FORMS: Mapping[str, str] = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "tinyseg_product_f32({0}, {1})",
    "div": "{0} / {1}",
    "max": "{0} > {1} ? {0} : {1}",
    "min": "{0} < {1} ? {0} : {1}",
    "less": "{0} < {1} ? 1.0f : 0.0f",
    "less_equal": "{0} <= {1} ? 1.0f : 0.0f",
    "greater": "{0} > {1} ? 1.0f : 0.0f",
    "greater_equal": "{0} >= {1} ? 1.0f : 0.0f",
    "equal": "{0} == {1} ? 1.0f : 0.0f",
    "not_equal": "{0} != {1} ? 1.0f : 0.0f",
    "and": "{0} != 0.0f && {1} != 0.0f ? 1.0f : 0.0f",
    "or": "{0} != 0.0f || {1} != 0.0f ? 1.0f : 0.0f",
    "xor": "({0} != 0.0f) != ({1} != 0.0f) ? 1.0f : 0.0f",
    "identity": "{0}",
    "not": "{0} == 0.0f ? 1.0f : 0.0f",
    "where": "{0} != 0.0f ? {1} : {2}",
    "neg": "-{0}",
    "abs": "tinyseg_magnitude_f32({0})",
    "sign": "tinyseg_sign_f32({0})",
    "sqrt": "tinyseg_square_root_f32({0})",
    "exp": "tinyseg_exponential_f32({0})",
    "log": "tinyseg_logarithm_f32({0})",
    "sigmoid": "tinyseg_sigmoid_f32({0})",
    "tanh": "tinyseg_tanh_f32({0})",
    "erf": "tinyseg_erf_f32({0})",
    "sin": "tinyseg_sine_f32({0})",
    "cos": "tinyseg_cosine_f32({0})",
    "atan": "tinyseg_arctangent_f32({0})",
    "pow": "tinyseg_power_f32({0}, {1})",
    "floor": "tinyseg_floor_f32({0})",
    "ceil": "tinyseg_ceiling_f32({0})",
    "trunc": "tinyseg_truncated_f32({0})",
    "round": "tinyseg_rounded_f32({0})",
    DEQUANTIZE: "tinyseg_product_f32((float)((int32_t){0} - ({2})), {1})",
}

_CYCLES: Mapping[str, tuple[int, int]] = {
    "div": (18, 120),
    "sqrt": (18, 400),
    "exp": (50, 1300),
    "log": (60, 1700),
    "sigmoid": (80, 1600),
    "tanh": (75, 1600),
    "erf": (90, 2000),
    "sin": (60, 1500),
    "cos": (60, 1500),
    "atan": (70, 1300),
    "pow": (130, 3200),
    "floor": (14, 250),
    "ceil": (14, 250),
    "trunc": (16, 300),
    "round": (12, 200),
    DEQUANTIZE: (7, 100),
    QUANTIZE: (32, 250),
}
"""Estimated cycles with and without a floating point unit, of functions that take longer than an addition."""
_ADDITION = (3, 60)


def statements(text: str, output_dtype: str, element: Callable[[str], str], target: str) -> list[str]:
    """C that computes one element.

    Args:
        text: the expression.
        output_dtype: of its result.
        element: the C expression of an activation's or constant's element, by its name in the expression.
        target: where the result goes.
    """
    program = instructions_of(text)
    lines: list[str] = []
    loaded: dict[str, str] = {}

    def value(operand: str) -> str:
        if not is_reference(operand):
            return number(float(np.float32(operand)))
        if operand[0] == "t":
            return operand
        if operand not in loaded:
            loaded[operand] = f"v{operand}"
            lines.append(f"const float v{operand} = (float){element(operand)};")
        return loaded[operand]

    for index, instruction in enumerate(program):
        if instruction.function == QUANTIZE:
            lines.append(_quantized(instruction, value(instruction.operands[0]), output_dtype, target))
            return lines
        if instruction.function == DEQUANTIZE:
            operands = [element(instruction.operands[0]), number(float(np.float32(instruction.operands[1])))]
            operands.append(instruction.operands[2])
        else:
            operands = [value(operand) for operand in instruction.operands]
        lines.append(f"const float t{index} = {_FORMS[instruction.function].format(*operands)};")
    last = f"t{len(program) - 1}"
    lines.append(f"{target} = {f'(uint8_t)({last} != 0.0f)' if output_dtype == 'bool' else last};")
    return lines


def _quantized(instruction: Instruction, value: str, dtype: str, target: str) -> str:
    limits, zero_point = np.iinfo(dtype), int(instruction.operands[2])
    scale = number(float(np.float32(instruction.operands[1])))
    bounds = f"{limits.min - zero_point}, {limits.max - zero_point}"
    return f"{target} = ({C_TYPES[dtype]})(tinyseg_quantized_f32({value}, {scale}, {bounds}) + ({zero_point}));"


def number(value: float) -> str:
    """A float32 in C, in parentheses where it is negative."""
    if math.isinf(value):
        return f"tinyseg_from_bits({'0x7F800000u' if value > 0 else '0xFF800000u'})"
    if math.isnan(value):
        return "tinyseg_from_bits(0x7FC00000u)"
    return f"({c_float(value)})" if value < 0 or str(value)[0] == "-" else c_float(value)


def expression_cycles(text: str, core: Core) -> int:
    """Estimated cycles of one element."""
    which = 0 if core.has_fpu else 1
    return 6 + sum(_CYCLES.get(each.function, _ADDITION)[which] for each in instructions_of(text))


def loops(
    extents: Sequence[int],
    strides: Mapping[str, Sequence[int]],
    body: Callable[[dict[str, str]], list[str]],
    index: str = "i",
) -> list[str]:
    """Nested loops over the elements of a line.

    Args:
        extents: of the line's axes.
        strides: of each array, elements from one index of an axis to the next; 0 where it is broadcast.
        body: the statements for an element, given the index expression of each array.
        index: what names of indices begin with.
    """
    merged = _merged(extents, strides)
    indices = {name: _index([each[1][name] for each in merged], index) for name in strides}
    lines = body(indices)
    for axis in reversed(range(len(merged))):
        counter = f"{index}{axis}"
        head = f"for (uint32_t {counter} = 0; {counter} < {merged[axis][0]}u; ++{counter}) {{"
        lines = [head, *(f"    {line}" for line in lines), "}"]
    return lines


def _index(strides: Sequence[int], index: str) -> str:
    terms = [f"{index}{axis}{'' if stride == 1 else f' * {stride}u'}" for axis, stride in enumerate(strides) if stride]
    return " + ".join(terms) or "0"


def _merged(extents: Sequence[int], strides: Mapping[str, Sequence[int]]) -> list[tuple[int, dict[str, int]]]:
    """Axes of more than one index; neighbours that every array goes through without a jump are one."""
    merged: list[tuple[int, dict[str, int]]] = []
    for axis, extent in enumerate(extents):
        here = {name: steps[axis] for name, steps in strides.items()}
        if extent == 1:
            continue
        if merged and all(before == here[name] * extent for name, before in merged[-1][1].items()):
            merged[-1] = (merged[-1][0] * extent, here)
        else:
            merged.append((extent, here))
    return merged
