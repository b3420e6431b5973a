"""Constants of a project: one layout, as C arrays and as a binary with an assembler file of the same symbols."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.codegen.text.c_text import C_TYPES, c_array
from tinyseg_tvm.codegen.text.identifiers import Names

_ALIGNMENT = 4


# Where the C compiler says that its code needs no executable stack, so must this: for bare metal GCC says nothing, and
# its linker warns of those that are silent once one is not.
_ASSEMBLER_END = (
    "",
    "#if defined(__linux__) || defined(__clang__)",
    '    .section .note.GNU-stack,"",%progbits',
    "#endif",
    "#else",
    "#error ELF assemblers only",
    "#endif",
    "",
)


@dataclass(frozen=True)
class Constant:
    """An array in flash: its symbol, and its byte offset in the binary."""

    symbol: str
    array: np.ndarray
    offset: int

    @property
    def declaration(self) -> str:
        """``const int8_t conv_weight[432]``."""
        return f"const {C_TYPES[self.array.dtype.name]} {self.symbol}[{max(self.array.size, 1)}]"


class ConstantPool:
    """Collects the constants of all operators; equal arrays are stored once."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._known: dict[tuple[str, bytes], str] = {}
        self._constants: list[Constant] = []
        self._end = 0

    def add(self, symbol: str, array: np.ndarray) -> str:
        """Store ``array`` (flattened) as ``symbol`` or whatever name an equal array has. Returns the name."""
        array = np.ascontiguousarray(array).reshape(-1)
        array = array.astype(array.dtype.newbyteorder("<"))
        key = (array.dtype.name, array.tobytes())
        if key not in self._known:
            alignment = max(_ALIGNMENT, array.itemsize)
            offset = -(-self._end // alignment) * alignment
            self._end = offset + max(array.nbytes, 1)
            self._known[key] = self._names.unique(symbol)
            self._constants.append(Constant(self._known[key], array, offset))
        return self._known[key]

    @property
    def constants(self) -> tuple[Constant, ...]:
        """In order of their offsets."""
        return tuple(self._constants)

    @property
    def size(self) -> int:
        """Size of the binary."""
        return -(-self._end // _ALIGNMENT) * _ALIGNMENT

    def binary(self) -> bytes:
        """All constants at their offsets, little endian, zeros between."""
        image = bytearray(self.size)
        for constant in self._constants:
            image[constant.offset : constant.offset + constant.array.nbytes] = constant.array.tobytes()
        return bytes(image)

    def c_header(self, name: str) -> str:
        """Declarations of all constants."""
        guard = f"{name.upper()}_WEIGHTS_H"
        declarations = "\n".join(f"extern {c.declaration};" for c in self._constants)
        return (
            f"/* Constants of {name}, defined in src/{name}_weights.c or weights/{name}.S. */\n"
            f"#ifndef {guard}\n#define {guard}\n\n#include <stdint.h>\n\n{declarations}\n\n#endif\n"
        )

    def c_source(self, name: str) -> str:
        """Definitions of all constants. C knows no empty array: one element stands for it."""
        parts = [
            f"/* Constants of {name}. weights/{name}.S defines the same and compiles faster. */\n"
            f'#include "{name}_weights.h"\n'
        ]
        for constant in self._constants:
            array = constant.array if constant.array.size else np.zeros(1, constant.array.dtype)
            parts.append(f"{constant.declaration} = {c_array(array)};\n")
        return "\n".join(parts)

    def assembler(self, name: str, apart: frozenset[str] = frozenset()) -> str:
        """The same symbols at their offsets in ``weights/<name>.bin`` (found by -Iweights).

        ``apart``: symbols that get sections of their own (``.rodata.<symbol>``), as the C file's have, so that a
        linker script can place them by name.
        """
        if apart:
            return self._assembler_in_sections(name, apart)
        begin = f"{name}_weights_begin"
        lines = [
            f"/* Constants of {name}, from {name}.bin: the same symbols as src/{name}_weights.c. */",
            "#if defined(__ELF__)",
            f'    .section .rodata.{name}_weights,"a",%progbits',
            "    .balign 16",
            f"{begin}:",
            f'    .incbin "{name}.bin"',
            "",
        ]
        for constant in self._constants:
            symbol, offset = constant.symbol, constant.offset
            lines += [
                f"    .globl {symbol}",
                f"    .type {symbol}, %object",
                f"    .size {symbol}, {max(constant.array.nbytes, 1)}",
                f"    .set {symbol}, {begin} + {offset}",
            ]
        return "\n".join([*lines, *_ASSEMBLER_END])

    def _assembler_in_sections(self, name: str, apart: frozenset[str]) -> str:
        """Every constant included by itself; those not ``apart`` follow each other in one section."""
        lines = [
            f"/* Constants of {name}, from {name}.bin: the same symbols as src/{name}_weights.c. */",
            "#if defined(__ELF__)",
        ]
        for constant in self._constants:
            symbol, size = constant.symbol, constant.array.nbytes
            section = symbol if symbol in apart else f"{name}_weights"
            lines += [
                f'    .section .rodata.{section},"a",%progbits',
                f"    .balign {max(_ALIGNMENT, constant.array.itemsize)}",
                f"    .globl {symbol}",
                f"    .type {symbol}, %object",
                f"    .size {symbol}, {max(size, 1)}",
                f"{symbol}:",
                f'    .incbin "{name}.bin", {constant.offset}, {size}' if size else "    .byte 0",
            ]
        return "\n".join([*lines, *_ASSEMBLER_END])
