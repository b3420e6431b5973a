"""The runtime under names that say what it is, so that linkers keep one copy for all networks of a program.

Every project still has the files of the runtime that it needs. What they export is *weak*, and named by a digest of the
files that it is made of: two projects define a function under one name only where it is the same, and of equal weak
definitions a linker takes one. The others' sections are left out where unused sections are (``--gc-sections``), or are
never taken out of their archives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256

from tinyseg_tvm.codegen.library.own_names import exported_names, renamed_header
from tinyseg_tvm.codegen.library.rules import runtime_copies
from tinyseg_tvm.codegen.text.runtime_files import header_of, runtime_names, runtime_text

_DIGITS = 8
_PREFIX = "tinyseg_"


def under_shared_names(copies: Mapping[str, str], macros: tuple[str, ...]) -> dict[str, str]:
    """The runtime's files of a project, by file name, in which what is exported is weak and named by its digest.

    Args:
        copies: as ``rules.runtime_copies`` gives them.
        macros: that it was given.
    """
    names = {
        file: {name: shared_name(name, file, macros) for name in exported_names(text)}
        for file, text in copies.items()
        if file.endswith(".h")
    }
    return {
        file: renamed_header(text, names[file])
        if file.endswith(".h")
        else text
        + "".join(f"#pragma weak {name}\n" for name in names.get(header_of(file.removesuffix(".c")), {}).values())
        for file, text in copies.items()
    }


def runtime_version() -> str:
    """A number, as C writes it, for all of this tool's runtime: equal only where every file is."""
    return f"0x{_digest((name, runtime_text(name)) for name in runtime_names())}u"


def shared_name(name: str, header: str, macros: tuple[str, ...]) -> str:
    """What linkers know a function or table of the runtime as that ``header`` declares."""
    return f"{_PREFIX}{_digest_of(header, macros)}_{name.removeprefix(_PREFIX)}"


@cache
def _digest_of(header: str, macros: tuple[str, ...]) -> str:
    """Of what decides what a header declares: the files that define it, and whatever these include or call."""
    modules: set[str] = set()
    headers = {header}
    copies: dict[str, str] = {}
    while headers:
        found = {name.removesuffix(".c") for name in runtime_names() if name.endswith(".c")}
        modules |= {module for module in found if header_of(module) in headers}
        known = set(copies)
        copies = runtime_copies(modules, macros)
        headers = {name for name in copies if name.endswith(".h")} - known
    return _digest(sorted(copies.items()))


def _digest(texts: Iterable[tuple[str, str]]) -> str:
    whole = sha256()
    for name, text in texts:
        whole.update(f"{name}\0{text}\0".encode())
    return whole.hexdigest()[:_DIGITS]
