"""What the rest of the compiler knows of a board. Sizes in bytes; see docs/adding-a-board.md for the TOML keys."""

from __future__ import annotations

from dataclasses import dataclass

MEMORY_KINDS = ("flash", "weights", "ram", "slow", "fast")
FAST_CONTENTS = ("code", "weights", "lines")
CACHE_CONTENTS = ("code", "data")
STORAGE_KINDS = ("file", "sd", "timed", "nor", "psram", "eeprom", "uart")
FPU_KINDS = ("none", "single", "double")
FAMILIES = ("stm32f4", "stm32f7", "stm32h7", "stm32l4", "stm32u5", "nrf52", "nrf53", "rp2040", "rp2350", "max78000")
"""Whose clock, flash and image the start-up code knows: folders of micro/port/families."""
CYCLE_COUNTERS = ("", "none", "dwt", "systick")


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
            what is in flash, or lines).
        origin, length: in bytes.
        holds: what a fast memory can be used for: copies of ``code`` and ``weights``, ``lines`` of tensors.
        default_bytes: of a fast memory, used by builds that are not told how many.
        wait_states: cycles of the core that a read takes beyond those of a memory beside the core; 0 of the flash: the
            board's flash_wait_states.
        read_bytes: what one read yields; what follows in it is there.
        prefetch: whether the next one is read while instructions of this one run.
    """

    name: str
    kind: str
    origin: int
    length: int
    holds: tuple[str, ...] = ()
    default_bytes: int = 0
    wait_states: int = 0
    read_bytes: int = 4
    prefetch: bool = False

    @property
    def end(self) -> int:
        """First address behind the range."""
        return self.origin + self.length


@dataclass(frozen=True)
class Cache:
    """A cache in front of memories that have wait states. Lines that were not used for longest go first.

    Attributes:
        memories: names of those behind it.
        holds: what of them: ``code``, ``data`` or both.
        length: bytes of all lines.
        line_bytes: of a line.
        ways: lines in which an address can be.
        fill_bytes: what a miss reads; 0 for the whole line.
    """

    memories: tuple[str, ...]
    holds: tuple[str, ...]
    length: int
    line_bytes: int
    ways: int
    fill_bytes: int = 0


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
class Debug:
    """The GDB server that reaches the board: one that is started, or one that listens already.

    Attributes:
        server: its program and arguments, with ``{port}`` to be filled in; empty for none.
        connect: ``HOST:PORT`` of one that listens; empty for none.
        reset: the server's command (GDB's ``monitor``) that resets and halts the processor. Empty: programs are started
            at their entry, as behind a debugger that has just reset the board.
    """

    server: tuple[str, ...] = ()
    connect: str = ""
    reset: str = ""


@dataclass(frozen=True)
class RegisterChange:
    """Bits of a register that are cleared, then ones that are set."""

    address: int
    set: int = 0
    clear: int = 0


@dataclass(frozen=True)
class Uart:
    """The serial line that reaches the board.

    Attributes:
        driver: a file of micro/port/uart.
        address: of the peripheral's registers.
        baud: speed, in bits per second.
        device: the other end: a serial device of this computer, or ``HOST:PORT``; empty where each run names it.
        clock_hz: of the peripheral; 0 for the board's.
        setup: registers that give it its clock and pins, in order.
    """

    driver: str
    address: int
    baud: int = 115_200
    device: str = ""
    clock_hz: int = 0
    setup: tuple[RegisterChange, ...] = ()


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
        cycles: what counts cycles on the board: ``dwt`` (the trace unit's counter), ``systick`` or ``none``; empty for
            what the core has.
        debug: the GDB server that reaches it; None where there is none.
        uart: the serial line that reaches it, likewise.
        family: whose start-up sets clock, flash and caches (one of ``FAMILIES``); empty: all stays as a reset or a boot
            loader leaves it.
        flash_wait_states: of the flash at this clock: for families that are told, and for the estimate of cycles.
        caches: in front of the memories, as the family's start-up leaves them.
        active_milliwatts, sleep_milliwatts: of the processor at this clock and while it sleeps in waits; 0: not stated.
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
    family: str = ""
    flash_wait_states: int = 0
    cycles: str = ""
    debug: Debug | None = None
    uart: Uart | None = None
    caches: tuple[Cache, ...] = ()
    active_milliwatts: float = 0.0
    sleep_milliwatts: float = 0.0

    @property
    def is_host(self) -> bool:
        """Whether programs are native processes."""
        return self.core.name == "host"

    @property
    def is_emulated(self) -> bool:
        """Whether programs are run by an emulator."""
        return self.qemu is not None

    @property
    def cycle_counter(self) -> str:
        """``dwt``, ``systick`` or ``none``. Armv6-M has no counter in its trace unit; QEMU counts no cycles."""
        if self.is_host or self.is_emulated:
            return "none"
        return self.cycles or ("dwt" if self.core.version > 6 else "systick")

    def memory(self, kind: str) -> Memory | None:
        """The board's memory of a kind, None where it has none."""
        return next((memory for memory in self.memories if memory.kind == kind), None)

    def wait_states(self, memory: Memory) -> int:
        """Of a memory's reads, in cycles of the core."""
        return memory.wait_states or (self.flash_wait_states if memory.kind == "flash" else 0)

    @property
    def banks(self) -> tuple[Memory, ...]:
        """Memories beside the main RAM that lines of tensors can lie in, those that are preferred first."""
        fast = tuple(memory for memory in self.fast_memories if "lines" in memory.holds)
        return fast + tuple(memory for memory in self.memories if memory.kind == "slow")

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
