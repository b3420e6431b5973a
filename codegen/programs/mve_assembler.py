"""Assembler for the vector extension (MVE) that the micro-kernels of windows and of channels have in common."""

from __future__ import annotations

from collections.abc import Sequence

VECTOR = 16  # values of 8 bits
MOST_OFFSET = 127  # of a vector's load


def set_small(register: str, value: int) -> str:
    """Sets a register to an int8 value."""
    return f"mvn {register}, #{-value - 1}" if value < 0 else f"mov {register}, #{value}"


def narrowed(vector: str, output: tuple[int, int, int], register: str, bounds: str) -> list[str]:
    """Instructions that make results of rounded products: of lanes of 16 bits, each in the lower half of its lane.

    Args:
        vector: of the products and of the results.
        output: zero point, least and greatest value.
        register: that is free.
        bounds: a vector that is free.
    """
    zero_point, minimum, maximum = output
    lines = [set_small(register, zero_point), f"vqadd.s16 {vector}, {vector}, {register}"] if zero_point else []
    lines.append(f"vqmovnb.s16 {vector}, {vector}")
    for instruction, bound in [("vmax", minimum)] * (minimum > -128) + [("vmin", maximum)] * (maximum < 127):
        lines += [set_small(register, bound), f"vdup.8 {bounds}, {register}"]
        lines.append(f"{instruction}.s8 {vector}, {vector}, {bounds}")
    return lines


def statement(lines: Sequence[str], outputs: str, inputs: str = "") -> list[str]:
    """The C statement of instructions and labels that change all registers but r11, q7 and what they are told of."""
    clobbers = [f"r{n}" for n in (*range(11), 12)] + ["lr"] + [f"q{n}" for n in range(7)] + ["p0", "cc", "memory"]
    names = ", ".join(f'"{name}"' for name in clobbers)
    text = [f'    "{line}"' if line.endswith(":") else f'    "{line}\\n\\t"' for line in lines]
    return ["__asm__ volatile(", *text, f"    : {outputs}", f"    : {inputs}".rstrip(), f"    : {names});"]
