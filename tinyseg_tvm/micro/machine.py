"""What differs from one kind of processor to another: the seam at which an architecture is added.

A machine says how programs are compiled for its cores, what they begin with, what emulates it, and what their ELF files
and their faults mean. ``machines.py`` finds a board's; no other module of this package names an architecture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tinyseg_tvm.boards import Board, Core
from tinyseg_tvm.micro.elf import Image, Program
from tinyseg_tvm.micro.emulator import Emulator
from tinyseg_tvm.micro.results import Flash, StackDepth
from tinyseg_tvm.micro.transports.debugging import Debugging


@dataclass(frozen=True)
class Toolchain:
    """GCC for a machine.

    Attributes:
        prefix: of its programs' names (``arm-none-eabi-``).
        processor: CMake's name of the architecture.
        link: options of the linker beside the board's linker script.
        libraries: what programs are linked with.
        remedy: what to do where it is missing.
    """

    prefix: str
    processor: str
    link: tuple[str, ...]
    libraries: tuple[str, ...]
    remedy: str

    @property
    def compiler(self) -> str:
        """The compiler's name."""
        return f"{self.prefix}gcc"


class Machine(Protocol):
    """A kind of processor that projects are generated for."""

    @property
    def name(self) -> str:
        """In words, for messages."""
        ...

    @property
    def toolchain(self) -> Toolchain:
        """What compiles its programs."""
        ...

    @property
    def emulator(self) -> Emulator | None:
        """What runs programs of boards that are emulated; None where there is none."""
        ...

    @property
    def timer(self) -> str:
        """The timer by which builds with TIMER=1 count instructions in the emulator; empty where there is none."""
        ...

    @property
    def debugging(self) -> Debugging | None:
        """How a debugger starts its programs and serves their requests; None where there is none."""
        ...

    def runs(self, core: Core) -> bool:
        """Whether this is the machine of a core."""
        ...

    def port_files(self, board: Board, values: Mapping[str, Any]) -> dict[str, bytes]:
        """What programs for a board begin with (startup code, linker script), by name in the board's port folder.

        Args:
            board: the board.
            values: what the project's templates know, of firmware also what the linker script is told.
        """
        ...

    def read_image(self, path: Path) -> Image:
        """Reads a program. Addresses of functions are those of their first instructions."""
        ...

    def check_boot(self, board: Board, elf: Path) -> None:
        """Refuses a program that the board's processor or boot ROM would not start.

        Raises:
            TinySegError: saying what is missing.
        """
        ...

    def read_program(self, path: Path) -> Program:
        """What of a program is loaded, and where it begins."""
        ...

    def static_bytes(self, image: Image) -> int:
        """Writable bytes outside arena, stack and slow memory, with gaps for alignment and copies in fast memory."""
        ...

    def flash(self, image: Image, objects: Path, name: str) -> Flash:
        """Sizes in flash of the network ``name``'s program, whose object files are below ``objects``."""
        ...

    def writable_by_network(self, image: Image) -> list[tuple[int, int]]:
        """Address ranges that the network may write: arena and further pools, stack, its context, registers."""
        ...

    def describe_fault(self, exception: int, console: str, image: Image) -> str:
        """A sentence about the exception that stopped a program, from what its fault handler printed."""
        ...

    def deepest_stacks(self, elf: Path, image: Image, network: str) -> dict[str, StackDepth]:
        """The most stack that ``<network>_run`` ("run") and all from reset on ("program") can take; empty: unknown.

        Raises:
            TinySegError: a tool is missing or fails.
        """
        ...

    def estimate_cycles(self, elf: Path, executed: Mapping[int, int], core: Core) -> int:
        """Estimated cycles of the executed instructions (counts by address) of a program.

        Raises:
            TinySegError: a tool is missing or fails, or nothing is known of the machine's cycles.
        """
        ...
