"""What the rest of the compiler knows of a board. Sizes in bytes; see docs/adding-a-board.md for the TOML keys."""

from __future__ import annotations

from dataclasses import dataclass

MEMORY_KINDS = ("flash", "weights", "ram", "slow", "fast")
FAST_CONTENTS = ("code", "weights")
STORAGE_KINDS = ("file", "sd", "timed", "nor", "psram", "eeprom", "uart")
FPU_KINDS = ("none", "single", "double")


@dataclass(frozen=True)
class Core:
    """A processor core.

    Attributes:
        name: as GCC's ``-mcpu``, or ``host``.
        architecture: Arm's name (``armv7e-m``).
        version: architecture number: 6, 7, 8; 0 for the host.
        fpu: ``none``, ``single`` or ``double`` precision.
        dsp: has the DSP extension (SMLAD and friends).
        mve: has the M-profile vector extension (Helium).
        flags: compiler options that select it.
    """

    name: str
    architecture: str
    version: int
    fpu: str
    dsp: bool
    mve: bool
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Memory:
    """An address range.

    Attributes:
        name: of a region of the linker script.
        kind: ``flash`` (code), ``weights`` (read-only, if apart), ``ram``, ``slow`` (writable), ``fast`` (for copies of
            what is in flash).
        origin, length: in bytes.
        holds: what a fast memory can be used for: ``code``, ``weights``.
        default_bytes: of a fast memory, used by builds that are not told how many.
    """

    name: str
    kind: str
    origin: int
    length: int
    holds: tuple[str, ...] = ()
    default_bytes: int = 0

    @property
    def end(self) -> int:
        """First address behind the range."""
        return self.origin + self.length


@dataclass(frozen=True)
class Storage:
    """A device that tensors can be spilled to. Zero erase and endurance figures mean: none to care about.

    Attributes:
        capacity: bytes that may be used.
        block_bytes: smallest unit of a transfer.
        latency_microseconds: from a request to its first byte.
        erase_block_bytes: erase granularity.
        erase_microseconds: time of one block erase.
        endurance_cycles: erase cycles that a block survives.
        bus: the driver's other half, which knows the board: a file of micro/port/storage (``stellaris_ssi``).
        address: of the peripheral's registers.
        interrupt: its number; -1 where it has none.
        first_block: where the region begins on the medium.
        page_bytes: largest write, for media that are programmed by page.
    """

    name: str
    kind: str
    capacity: int
    block_bytes: int
    read_bytes_per_second: int
    write_bytes_per_second: int
    latency_microseconds: float = 0.0
    erase_block_bytes: int = 0
    erase_microseconds: float = 0.0
    endurance_cycles: int = 0
    read_nanojoules_per_byte: float = 0.0
    write_nanojoules_per_byte: float = 0.0
    bus: str = ""
    address: int = 0
    interrupt: int = -1
    first_block: int = 0
    page_bytes: int = 0


@dataclass(frozen=True)
class Qemu:
    """The QEMU machine that emulates the board.

    Attributes:
        machine: ``-M`` name.
        systick_hz: frequency of SysTick in that machine, which turns its ticks into instructions under ``-icount``.
        arguments: further options.
    """

    machine: str
    systick_hz: int
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Board:
    """A board: core, clock, memories, storages, and how to run a program on it.

    Attributes:
        static_bytes: .data and .bss of startup and test harness without the network's context: for promises made
            before anything is built. The build measures the truth.
        stack_bytes: smallest stack that the linker reserves, and what promises count for the stack.
        flash_command, run_command: programs with ``{elf}`` and ``{directory}`` to be filled in; empty where
            there are none. ``run_command`` runs the firmware with semihosting and ``{directory}`` as its folder.
        toml: the description's text.
    """

    name: str
    description: str
    core: Core
    clock_hz: int
    memories: tuple[Memory, ...]
    storages: tuple[Storage, ...]
    static_bytes: int
    stack_bytes: int
    qemu: Qemu | None
    flash_command: tuple[str, ...]
    run_command: tuple[str, ...]
    toml: str

    @property
    def is_host(self) -> bool:
        """Whether programs are native processes."""
        return self.core.name == "host"

    @property
    def is_emulated(self) -> bool:
        """Whether programs are run by an emulator."""
        return self.qemu is not None

    def memory(self, kind: str) -> Memory | None:
        """The board's memory of a kind, None where it has none."""
        return next((memory for memory in self.memories if memory.kind == kind), None)

    @property
    def fast_memories(self) -> tuple[Memory, ...]:
        """Memories of kind ``fast``, in the order in which they are filled."""
        return tuple(memory for memory in self.memories if memory.kind == "fast")

    @property
    def ram_bytes(self) -> int | None:
        """Bytes of the main RAM; None (no limit) on the host."""
        memory = self.memory("ram")
        return None if memory is None else memory.length

    @property
    def flash_bytes(self) -> int | None:
        """Bytes for code and weights together; None (no limit) on the host."""
        memories = [memory.length for memory in self.memories if memory.kind in ("flash", "weights")]
        return sum(memories) if memories else None
