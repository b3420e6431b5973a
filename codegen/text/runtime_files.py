"""The C kernels of codegen/runtime/*: which files a kernel needs, and the fields of their parameter structs."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

RUNTIME = Path(__file__).parents[1] / "runtime"
"""Folders of C by family: what all cores run, what needs an extension, what serves storages. Projects are flat."""

_INCLUDE = re.compile(r'^#include "(tinyseg_\w+\.h)"', re.MULTILINE)
_INCLUDE_OF_RULE = re.compile(r'^#(?:el)?if defined\((TINYSEG_RULE_\w+)\)\n#include "(tinyseg_\w+\.h)"', re.MULTILINE)
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
def _paths() -> dict[str, Path]:
    """Every runtime file by its name, which no other family's file has."""
    return {path.name: path for path in sorted(RUNTIME.glob("*/tinyseg_*.[ch]"))}


def runtime_names() -> tuple[str, ...]:
    """Names of all files of the runtime, sorted."""
    return tuple(sorted(_paths()))


def runtime_path(name: str) -> Path:
    """Where a runtime file lies in this package.

    Raises:
        KeyError: there is none of that name.
    """
    return _paths()[name]


def include_options() -> list[str]:
    """Options by which a compiler finds the runtime's headers in this package."""
    return [f"-I{folder}" for folder in sorted({path.parent for path in _paths().values()})]


@cache
def runtime_text(name: str) -> str:
    """Text of a runtime file."""
    return runtime_path(name).read_text(encoding="utf-8")


def runtime_closure(modules: set[str], rule_macro: str = "") -> tuple[str, ...]:
    """Files of the modules (``tinyseg_conv2d``: its .c and .h) and all headers they include, sorted.

    Of headers that a TINYSEG_RULE_<NAME> asks for, that of ``rule_macro`` is among them.
    """
    pending = [f"{module}.c" for module in sorted(modules)]
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            text = runtime_text(name)
            others = {header for macro, header in _INCLUDE_OF_RULE.findall(text) if macro != rule_macro}
            pending += [header for header in _INCLUDE.findall(text) if header not in others]
    return tuple(sorted(found))


def header_of(module: str) -> str:
    """The header that declares a module's functions: its own, or that of the module it is a variant of."""
    for ending in ("_w16", "_s64", "_plain", "_sums", "_pairs", "_vectors"):
        module = module.removesuffix(ending)
    return f"{module}.h"


def include_path(header: str) -> str:
    """How a project's sources include a header of its runtime: its own, whatever folders the compiler searches."""
    return f"../runtime/{header}"


@cache
def struct_fields(struct: str) -> dict[str, str]:
    """Fields of a parameter struct in order, with their C types.

    Raises:
        KeyError: no runtime header defines the struct.
    """
    for header in (name for name in sorted(_paths()) if name.endswith(".h")):
        for body, name in _STRUCT.findall(runtime_text(header)):
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
