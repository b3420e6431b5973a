"""The C kernels of codegen/runtime: which files a kernel needs, and the fields of their parameter structs."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

RUNTIME = Path(__file__).parent / "runtime"

_INCLUDE = re.compile(r'^#include "(tinyseg_\w+\.h)"', re.MULTILINE)
_STRUCT = re.compile(r"typedef struct \{(.*?)\} (tinyseg_\w+);", re.DOTALL)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_FIELD = re.compile(r"(.+?)(\w+)(?:\[\w+\])?$")
_RANGES = {
    "int8_t": (-(1 << 7), (1 << 7) - 1),
    "uint8_t": (0, (1 << 8) - 1),
    "int16_t": (-(1 << 15), (1 << 15) - 1),
    "uint16_t": (0, (1 << 16) - 1),
    "int32_t": (-(1 << 31), (1 << 31) - 1),
    "uint32_t": (0, (1 << 32) - 1),
    "int64_t": (-(1 << 63), (1 << 63) - 1),
}


@cache
def runtime_text(name: str) -> str:
    """Text of a runtime file."""
    return (RUNTIME / name).read_text(encoding="utf-8")


def runtime_closure(modules: set[str]) -> tuple[str, ...]:
    """Files of the modules (``tinyseg_conv2d``: its .c and .h) and all headers they include, sorted."""
    pending = [f"{module}.c" for module in sorted(modules)]
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += _INCLUDE.findall(runtime_text(name))
    return tuple(sorted(found))


def header_of(module: str) -> str:
    """The header that declares a module's functions: its own, or that of the module it is a variant of."""
    return f"{module.removesuffix('_w16').removesuffix('_plain')}.h"


@cache
def struct_fields(struct: str) -> dict[str, str]:
    """Fields of a parameter struct in order, with their C types.

    Raises:
        KeyError: no runtime header defines the struct.
    """
    for header in sorted(RUNTIME.glob("*.h")):
        for body, name in _STRUCT.findall(runtime_text(header.name)):
            if name == struct:
                fields = {}
                for declaration in _COMMENT.sub("", body).split(";"):
                    match = _FIELD.match(" ".join(declaration.split()))
                    if match:
                        fields[match[2]] = match[1].strip()
                return fields
    raise KeyError(struct)


def out_of_range(ctype: str, value: int) -> bool:
    """Whether an integer does not fit a field of this type."""
    low, high = _RANGES.get(ctype, (value, value))
    return not low <= value <= high
