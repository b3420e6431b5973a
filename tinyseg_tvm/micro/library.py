"""What a project needs to know of a generated network library: its name, sizes and ports, read from its header."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol, runtime_checkable

from tinyseg_tvm.errors import TinySegError

METADATA_FILE = "metadata.json"
UNSTATED_CONTEXT_BYTES = 64  # reckoned with for a library that this tool did not write
DEFINE = re.compile(
    r"^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+\(?(0[xX][0-9a-fA-F]+|\d+)[uUlL]*\)?[ \t]*(?:/[*/].*)?$", re.MULTILINE
)


@runtime_checkable
class ProjectSource(Protocol):
    """Something that a project can be generated from."""

    def project_files(self) -> Mapping[str, bytes]:
        """Relative paths (``include/net.h``) and contents of the library's files."""
        ...


@dataclass(frozen=True)
class PortShape:
    """One input or output in the device layout: ``lines`` of ``line_bytes`` bytes."""

    lines: int
    line_bytes: int

    @property
    def bytes(self) -> int:
        """Bytes of the whole tensor."""
        return self.lines * self.line_bytes


@dataclass(frozen=True)
class Library:
    """A generated network library.

    Attributes:
        name: prefix of its functions; its macros have it in upper case.
        line_io: inputs and outputs go through callbacks, line by line.
        pools: further memories beside the arena.
        storages: bytes and block size that it uses of each storage.
    """

    name: str
    arena_bytes: int
    line_io: bool
    inputs: tuple[PortShape, ...]
    outputs: tuple[PortShape, ...]
    pools: int = 0
    storages: tuple[tuple[int, int], ...] = ()


def library_files(source: ProjectSource | Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of a project source, checked to stay inside the project's folder.

    Raises:
        TinySegError: a path that is absolute or climbs out.
    """
    files = dict(source if isinstance(source, Mapping) else source.project_files())
    for path in files:
        parts = PurePosixPath(path)
        if not path or "\\" in path or "\0" in path or parts.is_absolute() or ".." in parts.parts:
            raise TinySegError(f"the file name {path!r} would lie outside the project's folder")
    return files


def read_metadata(files: Mapping[str, bytes]) -> dict[str, Any]:
    """What the library's metadata.json states; nothing where it has none.

    Raises:
        TinySegError: it is no JSON object.
    """
    try:
        stated = json.loads(files.get(METADATA_FILE, b"{}"))
    except ValueError as error:
        raise TinySegError(f"{METADATA_FILE} cannot be read: {error}") from None
    if not isinstance(stated, dict):
        raise TinySegError(f"{METADATA_FILE} is not an object")
    return stated


def stated_context_bytes(files: Mapping[str, bytes]) -> int:
    """Bytes of the network's context on a 32-bit core, as metadata.json states them; else UNSTATED_CONTEXT_BYTES."""
    stated: int = read_metadata(files).get("memory", {}).get("context_bytes", UNSTATED_CONTEXT_BYTES)
    return stated


def read_library(files: Mapping[str, bytes]) -> Library:
    """The library that the files hold.

    Raises:
        TinySegError: no header, or one that lacks a macro.
    """
    for path, content in sorted(files.items()):
        parts = PurePosixPath(path)
        if parts.parent == PurePosixPath("include") and parts.suffix == ".h":
            macros = {name: int(value, 0) for name, value in DEFINE.findall(content.decode("utf-8", "replace"))}
            if f"{parts.stem.upper()}_ARENA_SIZE" in macros:
                return _library(parts.stem, macros, path)
    raise TinySegError("the project has no include/<name>.h that defines <NAME>_ARENA_SIZE")


def _library(name: str, macros: Mapping[str, int], path: str) -> Library:
    prefix = name.upper()

    def macro(key: str) -> int:
        if f"{prefix}_{key}" not in macros:
            raise TinySegError(f"{path} does not define {prefix}_{key} as a number")
        return macros[f"{prefix}_{key}"]

    def ports(kind: str, count: int) -> tuple[PortShape, ...]:
        return tuple(PortShape(macro(f"{kind}{k}_LINES"), macro(f"{kind}{k}_LINE_BYTES")) for k in range(count))

    return Library(
        name=name,
        arena_bytes=macro("ARENA_SIZE"),
        line_io=macro("IO_LINES") != 0,
        inputs=ports("INPUT", macro("INPUTS")),
        outputs=ports("OUTPUT", macro("OUTPUTS")),
        storages=tuple(
            (macro(f"STORAGE{k}_BYTES"), macro(f"STORAGE{k}_BLOCK")) for k in range(macros.get(f"{prefix}_STORAGES", 0))
        ),
        pools=sum(re.fullmatch(rf"{prefix}_POOL\d+_SIZE", key) is not None for key in macros),
    )
