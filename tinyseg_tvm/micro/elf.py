"""Sizes, symbols and sections of a linked program, from its ELF file."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.results import Fast

FAST_CODE, FAST_WEIGHTS = ".fast_code.", ".fast_weights."  # with the memory's name, in the linker script
BANK = ".bank."


@dataclass(frozen=True)
class Section:
    """A section that occupies memory."""

    name: str
    address: int
    bytes: int
    writable: bool


@dataclass(frozen=True)
class Symbol:
    """A function or variable."""

    name: str
    address: int
    bytes: int
    function: bool


@dataclass(frozen=True)
class Segment:
    """Bytes that are loaded to an address."""

    address: int
    data: bytes


@dataclass(frozen=True)
class Program:
    """What a loader needs of a linked program: where it begins, and what must be where."""

    entry: int
    segments: tuple[Segment, ...]

    def bytes_at(self, address: int, count: int) -> bytes:
        """``count`` loaded bytes from an address on; none where nothing is loaded."""
        for segment in self.segments:
            if segment.address <= address < segment.address + len(segment.data):
                return segment.data[address - segment.address :][:count]
        return b""


@dataclass(frozen=True)
class Image:
    """A linked program. ``symbols`` are sorted by address; ``loaded_bytes`` is what is written to flash."""

    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]
    loaded_bytes: int

    def symbol(self, name: str) -> Symbol | None:
        """The symbol of that name."""
        return next((symbol for symbol in self.symbols if symbol.name == name), None)

    def function(self, name: str) -> int | None:
        """Address of a function; None where the linker dropped it."""
        return next((symbol.address for symbol in self.symbols if symbol.function and symbol.name == name), None)

    def function_at(self, address: int) -> str:
        """Name of the function that an address is in; ``?`` where it is in none."""
        functions = [symbol for symbol in self.symbols if symbol.function]
        index = bisect.bisect_right(functions, address, key=lambda symbol: symbol.address) - 1
        if index < 0 or address >= functions[index].address + max(functions[index].bytes, 2):
            return "?"
        return functions[index].name

    def section_bytes(self, name: str) -> int:
        """Bytes of a section, 0 where there is none."""
        return sum(section.bytes for section in self.sections if section.name == name)

    def address(self, name: str) -> int:
        """Address of a symbol that every firmware has."""
        symbol = self.symbol(name)
        if symbol is None:
            raise TinySegError(
                f"the program has no symbol '{name}': it was not linked with the project's linker script"
            )
        return symbol.address

    @property
    def arena_bytes(self) -> int:
        """Bytes of the arena."""
        symbol = self.symbol("arena")
        return 0 if symbol is None else symbol.bytes

    @property
    def banks(self) -> dict[str, int]:
        """Bytes of the pools in further memories, by these memories' names."""
        return {s.name.removeprefix(BANK): s.bytes for s in self.sections if s.name.startswith(BANK) and s.bytes}

    @property
    def slow_bytes(self) -> int:
        """Bytes of storage in memory, and of pools beside the arena that lie in no memory of their own."""
        slow = re.compile(r"pool\d+|storage\d+_memory")
        found = sum(symbol.bytes for symbol in self.symbols if not symbol.function and slow.fullmatch(symbol.name))
        return max(found - sum(self.banks.values()), 0)

    @property
    def fast(self) -> Fast:
        """Bytes of the copies in fast memory."""
        return Fast(self._bytes_of(FAST_CODE), self._bytes_of(FAST_WEIGHTS))

    def _bytes_of(self, prefix: str) -> int:
        return sum(section.bytes for section in self.sections if section.name.startswith(prefix))


def read_image(path: Path, marks: int = 0) -> Image:
    """Reads an ELF file.

    Args:
        path: of the program.
        marks: bits of a function symbol's value that are no part of its address.

    Raises:
        TinySegError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            loaded = sum(segment["p_filesz"] for segment in elf.iter_segments("PT_LOAD"))
            return Image(tuple(_sections(elf)), tuple(_symbols(elf, marks)), loaded)
    except (OSError, ELFError) as error:
        raise TinySegError(f"cannot read the program {path}: {error}") from None


def read_program(path: Path, marks: int = 0) -> Program:
    """What of an ELF file is loaded, at physical addresses.

    Args:
        path: of the program.
        marks: bits of the entry's value that are no part of its address.

    Raises:
        TinySegError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            loaded = (segment for segment in elf.iter_segments("PT_LOAD") if segment["p_filesz"])
            segments = tuple(Segment(segment["p_paddr"], segment.data()) for segment in loaded)
            return Program(elf.header["e_entry"] & ~marks, segments)
    except (OSError, ELFError) as error:
        raise TinySegError(f"cannot read the program {path}: {error}") from None


def constant_bytes(path: Path) -> int:
    """Bytes of the read-only data in an object file."""
    with path.open("rb") as stream:
        return sum(s.bytes for s in _sections(ELFFile(stream)) if s.name.startswith(".rodata") and not s.writable)


def _sections(elf: ELFFile) -> list[Section]:
    return [
        Section(
            name=section.name,
            address=section["sh_addr"],
            bytes=section["sh_size"],
            writable=bool(section["sh_flags"] & SH_FLAGS.SHF_WRITE),
        )
        for section in elf.iter_sections()
        if section["sh_flags"] & SH_FLAGS.SHF_ALLOC
    ]


def _symbols(elf: ELFFile, marks: int) -> list[Symbol]:
    table = elf.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return []
    symbols = []
    for entry in table.iter_symbols():
        kind = entry["st_info"]["type"]
        if entry.name and kind in ("STT_FUNC", "STT_OBJECT", "STT_NOTYPE") and not entry.name.startswith("$"):
            function = kind == "STT_FUNC"
            address = entry["st_value"] & ~marks if function else entry["st_value"]
            symbols.append(Symbol(entry.name, address, entry["st_size"], function))
    return sorted(symbols, key=lambda symbol: (symbol.address, symbol.name))
