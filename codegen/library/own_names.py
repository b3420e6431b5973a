"""The runtime under the names of a project, so that one program can hold several projects.

Two projects may have the same file of the runtime for other rules, or of other versions of this tool. So each copy of a
header names what it declares for linkers, functions and tables of functions, after the project: a program links every
network with its own kernels, whatever else it is linked with. Sources include the copies by their path, whatever
folders the compiler searches.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_GUARD = re.compile(r"^#define TINYSEG_\w+_H\n", re.MULTILINE)
_DECLARATION = re.compile(r"^(?!static|typedef)[a-z][\w *]*\b(tinyseg_\w+)\([^;{]*\);", re.MULTILINE)
_TABLE = re.compile(r"^extern const \w+ (tinyseg_\w+);", re.MULTILINE)


def under_own_names(copies: Mapping[str, str], name: str) -> dict[str, str]:
    """The runtime's files of a project, by file name, in which what is exported has its name before its own."""
    return {
        file: renamed_header(text, {each: f"{name}_{each}" for each in exported_names(text)})
        if file.endswith(".h")
        else text
        for file, text in copies.items()
    }


def exported_names(header: str) -> list[str]:
    """What the text of a header of the runtime declares for linkers."""
    return list(dict.fromkeys([*_DECLARATION.findall(header), *_TABLE.findall(header)]))


def renamed_header(header: str, names: Mapping[str, str]) -> str:
    """A header of the runtime that gives those of ``names`` that it declares the names that linkers are to see."""
    renamed = "".join(f"#define {exported} {names[exported]}\n" for exported in exported_names(header))
    return _GUARD.sub(lambda guard: guard[0] + renamed, header, count=1)
