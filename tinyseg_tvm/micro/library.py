"""What a project needs to know of a generated network library: its name, sizes and ports, read from its header."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol, runtime_checkable

from tinyseg_tvm.boards.rules import IDENTIFIER
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.given import check, parse_json
from tinyseg_tvm.micro.stated import METADATA

METADATA_FILE = "metadata.json"
LONGEST_NUMBER = 18  # characters of a macro's value
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
        states: whether it has states across inferences, so that vectors are a sequence.
    """

    name: str
    arena_bytes: int
    line_io: bool
    inputs: tuple[PortShape, ...]
    outputs: tuple[PortShape, ...]
    pools: int = 0
    storages: tuple[tuple[int, int], ...] = ()
    states: bool = False


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
        TinySegError: it is no JSON object, or a value in it cannot be; names file, key and what is allowed.
    """
    stated: dict[str, Any] = parse_json(files.get(METADATA_FILE, b"{}"), METADATA_FILE)
    check(METADATA, stated, METADATA_FILE)
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
            macros = {name: _number(value) for name, value in DEFINE.findall(content.decode("utf-8", "replace"))}
            if f"{parts.stem.upper()}_ARENA_SIZE" in macros:
                return _library(parts.stem, macros, path)
    raise TinySegError("the project has no include/<name>.h that defines <NAME>_ARENA_SIZE")


def _number(text: str) -> int:
    """Of a macro: hexadecimal or decimal; -1 for one that is no size on any machine."""
    return int(text, 16 if text[:2] in ("0x", "0X") else 10) if len(text) <= LONGEST_NUMBER else -1


def _library(name: str, macros: Mapping[str, int], path: str) -> Library:
    prefix = name.upper()
    check(IDENTIFIER, name, f"{path}: its name")

    def macro(key: str) -> int:
        if not 0 <= macros.get(f"{prefix}_{key}", -1) < 1 << 32:
            raise TinySegError(f"{path} does not define {prefix}_{key} as a number of 32 bits")
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
        states=f"{prefix}_STATES_BYTES" in macros,
    )
