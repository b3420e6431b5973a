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
from tinyseg_tvm.micro.results import Fast, Flash

PERIPHERALS = (0x4000_0000, 0x6000_0000)  # of every Cortex-M
SYSTEM_REGISTERS = (0xE000_0000, 0xE010_0000)
HOST_STATIC = frozenset({".data", ".bss"})
FAST_CODE, FAST_WEIGHTS = ".fast_code.", ".fast_weights."  # with the memory's name, in the linker script


@dataclass(frozen=True)
class Section:
    """A section that occupies memory."""

    name: str
    address: int
    bytes: int
    writable: bool


@dataclass(frozen=True)
class Symbol:
    """A function or variable. Addresses of functions are without the Thumb bit."""

    name: str
    address: int
    bytes: int
    function: bool


@dataclass(frozen=True)
class Image:
    """A linked program. ``symbols`` are sorted by address; ``loaded_bytes`` is what is written to flash."""

    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]
    loaded_bytes: int
    host: bool

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
    def slow_bytes(self) -> int:
        """Bytes of the pools beside the arena, and of storage in memory."""
        slow = re.compile(r"pool\d+|storage\d+_memory")
        return sum(symbol.bytes for symbol in self.symbols if not symbol.function and slow.fullmatch(symbol.name))

    @property
    def fast(self) -> Fast:
        """Bytes of the copies in fast memory."""
        return Fast(self._bytes_of(FAST_CODE), self._bytes_of(FAST_WEIGHTS))

    def _bytes_of(self, prefix: str) -> int:
        return sum(section.bytes for section in self.sections if section.name.startswith(prefix))

    @property
    def static_bytes(self) -> int:
        """Writable bytes outside arena, stack and slow memory, with gaps for alignment and copies in fast memory."""
        if self.host:
            return sum(s.bytes for s in self.sections if s.name in HOST_STATIC) - self.arena_bytes - self.slow_bytes
        start, ram_end = self.address("stack_limit"), self.address("ram_end")
        in_ram = [s for s in self.sections if s.bytes and start <= s.address < ram_end and s.name != ".slow"]
        end = max(s.address + s.bytes for s in in_ram if s.writable)
        slow_in_ram = 0 if self.section_bytes(".slow") else self.slow_bytes
        return end - start - self.section_bytes(".stack") - self.arena_bytes - slow_in_ram + self.fast.total

    def flash(self, host_weights: int) -> Flash:
        """Sizes in flash; ``host_weights`` are the weights of a native program, which has no section for them."""
        if self.host:
            loaded = sum(s.bytes for s in self.sections if s.name in (".text", ".rodata"))
            return Flash(max(loaded - host_weights, 0), host_weights)
        weights = self.section_bytes(".weights") + self.fast.weights
        return Flash(self.loaded_bytes - weights, weights)

    def writable_by_network(self) -> list[tuple[int, int]]:
        """Address ranges that the network may write: arena and further pools, stack, its context, registers."""
        own = [
            s
            for s in self.symbols
            if not s.function and re.fullmatch(r"arena|context|pool\d+|storage\d+\w*|simulated_\w+", s.name)
        ]
        variables = [(symbol.address, symbol.address + symbol.bytes) for symbol in own]
        registers = [PERIPHERALS, SYSTEM_REGISTERS] if self.symbol("storage0") else []
        return [(self.address("stack_limit"), self.address("stack_top")), *variables, *registers]


def read_image(path: Path) -> Image:
    """Reads an ELF file.

    Raises:
        TinySegError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            host = elf["e_machine"] != "EM_ARM" or elf.elfclass != 32
            loaded = sum(segment["p_filesz"] for segment in elf.iter_segments("PT_LOAD"))
            return Image(tuple(_sections(elf)), tuple(_symbols(elf, host)), loaded, host)
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


def _symbols(elf: ELFFile, host: bool) -> list[Symbol]:
    table = elf.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return []
    symbols = []
    for entry in table.iter_symbols():
        kind = entry["st_info"]["type"]
        if entry.name and kind in ("STT_FUNC", "STT_OBJECT", "STT_NOTYPE") and not entry.name.startswith("$"):
            function = kind == "STT_FUNC"
            address = entry["st_value"] & ~1 if function and not host else entry["st_value"]
            symbols.append(Symbol(entry.name, address, entry["st_size"], function))
    return sorted(symbols, key=lambda symbol: (symbol.address, symbol.name))
