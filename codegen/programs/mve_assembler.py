"""Assembler for the vector extension (MVE) that the micro-kernels of windows and of channels have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

VECTOR = 16  # values of 8 bits
MOST_OFFSET = 127  # of a vector's load


def set_small(register: str, value: int) -> str:
    """Sets a register to an int8 value."""
    return f"mvn {register}, #{-value - 1}" if value < 0 else f"mov {register}, #{value}"


def narrowed(
    vector: str, output: tuple[int, int, int], register: str, bounds: str, kept: Mapping[str, str] | None = None
) -> list[str]:
    """Instructions that make results of rounded products: of lanes of 16 bits, each in the lower half of its lane.

    Args:
        vector: of the products and of the results.
        output: zero point, least and greatest value.
        register: that is free.
        bounds: a vector that is free.
        kept: vectors that hold constants, as ``kept_constants`` names them.
    """
    zero_point, minimum, maximum = output
    held = kept or {}
    lines = []
    if zero_point:
        lines += [] if "zero_point" in held else [set_small(register, zero_point)]
        lines.append(f"vqadd.s16 {vector}, {vector}, {held.get('zero_point', register)}")
    lines.append(f"vqmovnb.s16 {vector}, {vector}")
    for name, instruction, bound in _bounds(minimum, maximum):
        if name not in held:
            lines += [set_small(register, bound), f"vdup.8 {bounds}, {register}"]
        lines.append(f"{instruction}.s8 {vector}, {vector}, {held.get(name, bounds)}")
    return lines


def kept_constants(
    output: tuple[int, int, int], vectors: Sequence[str], register: str
) -> tuple[dict[str, str], list[str]]:
    """Which vectors hold what ``narrowed`` takes, those first that save most, and the instructions that set them.

    Args:
        output: zero point, least and greatest value.
        vectors: that are free.
        register: that is free.
    """
    zero_point, minimum, maximum = output
    wanted = [(name, bound, 8) for name, _, bound in _bounds(minimum, maximum)]
    wanted += [("zero_point", zero_point, 16)] * (zero_point != 0)
    kept: dict[str, str] = {}
    lines: list[str] = []
    for (name, value, bits), vector in zip(wanted, vectors, strict=False):
        kept[name] = vector
        lines += [set_small(register, value), f"vdup.{bits} {vector}, {register}"]
    return kept, lines


def _bounds(minimum: int, maximum: int) -> list[tuple[str, str, int]]:
    """Name, instruction and value of each bound that int8 does not have itself."""
    lower = [("minimum", "vmax", minimum)] * (minimum > -128)
    return lower + [("maximum", "vmin", maximum)] * (maximum < 127)


def statement(lines: Sequence[str], outputs: str, inputs: str = "") -> list[str]:
    """The C statement of instructions and labels that change all registers but r11, q7 and what they are told of."""
    clobbers = [f"r{n}" for n in (*range(11), 12)] + ["lr"] + [f"q{n}" for n in range(7)] + ["p0", "cc", "memory"]
    names = ", ".join(f'"{name}"' for name in clobbers)
    text = [f'    "{line}"' if line.endswith(":") else f'    "{line}\\n\\t"' for line in lines]
    return ["__asm__ volatile(", *text, f"    : {outputs}", f"    : {inputs}".rstrip(), f"    : {names});"]
