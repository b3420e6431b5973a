"""This computer as a machine: programs are native processes, watched by sanitizers where that is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyseg_tvm.boards import Board, Core
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.elf import Image, Program, constant_bytes, read_image, read_program
from tinyseg_tvm.micro.emulator import Emulator
from tinyseg_tvm.micro.machine import Toolchain
from tinyseg_tvm.micro.results import Flash, StackDepth
from tinyseg_tvm.micro.transports.debugging import Debugging

STATIC_SECTIONS = frozenset({".data", ".bss"})


class Host:
    """Processes of this computer."""

    name = "this computer"
    toolchain = Toolchain("", "", (), ("-lm",), "install it (Debian, Ubuntu: apt install make gcc)")
    emulator: Emulator | None = None
    timer = ""
    debugging: Debugging | None = None

    def runs(self, core: Core) -> bool:
        """Whether a core stands for this computer's."""
        return core.name == "host"

    def port_files(self, board: Board, values: Mapping[str, Any]) -> dict[str, bytes]:
        """Nothing: the operating system starts programs, and every project has port/host/port.c."""
        return {}

    def read_image(self, path: Path) -> Image:
        """Reads a program."""
        return read_image(path)

    def check_boot(self, board: Board, elf: Path) -> None:
        """The operating system starts it."""

    def read_program(self, path: Path) -> Program:
        """What the operating system loads."""
        return read_program(path)

    def static_bytes(self, image: Image) -> int:
        """Writable sections, without arena and slow memory; the C library's own are in them."""
        sections = sum(section.bytes for section in image.sections if section.name in STATIC_SECTIONS)
        return sections - image.arena_bytes - image.slow_bytes

    def flash(self, image: Image, objects: Path, name: str) -> Flash:
        """Code and constants of the process; the weights, which have no section of their own, from object files."""
        names = (f"{name}_weights.c.o", f"{name}.S.o")
        weights = sum(constant_bytes(path) for path in objects.glob("*/*.o") if path.name in names)
        loaded = sum(section.bytes for section in image.sections if section.name in (".text", ".rodata"))
        return Flash(max(loaded - weights, 0), weights)

    def writable_by_network(self, image: Image) -> list[tuple[int, int]]:
        """Nothing is known: processes are watched by sanitizers instead."""
        return []

    def describe_fault(self, exception: int, console: str, image: Image) -> str:
        """A process is ended by signals; it has no fault handler."""
        return f"exception {exception}"

    def deepest_stacks(self, elf: Path, image: Image, network: str) -> dict[str, StackDepth]:
        """Nothing is known: the stack of a process is large."""
        return {}

    def estimate_cycles(self, elf: Path, executed: Mapping[int, int], core: Core) -> int:
        """Never: nothing is known of this computer's cycles."""
        raise TinySegError("nothing is known of the cycles of this computer: measure on a board")
