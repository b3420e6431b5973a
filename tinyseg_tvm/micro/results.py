"""What a build and a run of a generated project yield. Sizes in bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tinyseg_tvm.report.tables import Cell, html, kib


@dataclass(frozen=True)
class Ram:
    """Writable memory of the whole program.

    Attributes:
        arena: lines, states and scratch; resident inputs and outputs included.
        io: input and output buffers outside the arena.
        static: every other variable (.data and .bss), the network's context included, and copies in fast memory.
        stack: most bytes used from reset to the last output; 0 on the host, where it is not measured.
        slow: storages in writable memory behind a slower bus.
        banks: lines, states and scratch in the board's further memories, by their names.
    """

    arena: int
    io: int
    static: int
    stack: int
    slow: int
    banks: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Sum of all."""
        return self.arena + self.io + self.static + self.stack + self.slow + sum(self.banks.values())


@dataclass(frozen=True)
class Flash:
    """Read-only memory: code (tables and initial values of variables included) and weights."""

    code: int
    weights: int

    @property
    def total(self) -> int:
        """Code and weights."""
        return self.code + self.weights


@dataclass(frozen=True)
class Fast:
    """Copies of flash in fast memory, which are part of ``Ram.static``: code and weights."""

    code: int = 0
    weights: int = 0

    @property
    def total(self) -> int:
        """Code and weights."""
        return self.code + self.weights


@dataclass(frozen=True)
class StackDepth:
    """The most stack that a function can take, by the program's code.

    Attributes:
        bytes: from its entry on, with all that it calls.
        path: functions from it to the deepest one.
        unbounded: functions that may call themselves, or move the stack pointer by a computed amount; each counts once.
    """

    bytes: int
    path: tuple[str, ...]
    unbounded: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The figures under the names that the command line prints as JSON."""
        return {"bytes": self.bytes, "path": list(self.path), "unbounded": list(self.unbounded)}


@dataclass(frozen=True)
class EstimatedCycles:
    """Estimated cycles of ``<name>_run``, the mean of all vectors; callbacks excluded.

    Attributes:
        core: with memories that no instruction waits for.
        code, data: waiting for instructions, and for what they load.
        clock_hz: of the board.
    """

    core: int
    code: int
    data: int
    clock_hz: int

    @property
    def total(self) -> int:
        """Core and waiting."""
        return self.core + self.code + self.data

    def as_dict(self) -> dict[str, Any]:
        """The figures under the names that the command line prints as JSON."""
        return {
            "cycles": self.total,
            "core": self.core,
            "waiting_for_code": self.code,
            "waiting_for_data": self.data,
            "milliseconds": 1000 * self.total / self.clock_hz,
        }


@dataclass(frozen=True)
class StorageTraffic:
    """Bytes moved to and from storage by the last inference, all storages together.

    Attributes:
        written, read: tensor lines, as the network knows them.
        written_physical, read_physical: what went to and from the medium: coded, with headers, in whole blocks.
        erases: erase blocks erased.
    """

    written: int = 0
    read: int = 0
    written_physical: int = 0
    erases: int = 0
    read_physical: int = 0


@dataclass(frozen=True)
class Observation:
    """One line as the running program made it (verify builds)."""

    vector: int
    node: int
    output: int
    line: int
    data: bytes


@dataclass(frozen=True)
class StrayWrite:
    """A store outside arena, stack and context: address, size, the function that did it and its program counter."""

    address: int
    bytes: int
    pc: int
    function: str


@dataclass(frozen=True, repr=False)
class RunResult:
    """Result of running the program on one or more vectors.

    Attributes:
        outputs: per vector, per output port: the model's array for inputs in the model's layout, else an int8 array
            (lines, line bytes) in the device layout.
        status: the network's status; 0 is success. Outputs are those of the vectors before the failing one.
        fast: copies in fast memory, which ``ram.static`` includes.
        mismatches: bytes that differ from the project's own expected outputs; None where there are none to compare.
        instructions: of ``<name>_run`` alone, the largest of all vectors; 0 where they are not counted.
        callback_instructions: of the line callbacks of that vector.
        instructions_per_vector: in the order of the vectors.
        counted_by: ``plugin``, ``timer`` or ``none``: what counted the instructions.
        cycles: of ``<name>_run`` alone on a board, the most of all vectors; None where they are not counted.
        clock_hz: of the board.
        estimated: cycles by the model of core and memories (``estimate=True``, in QEMU with the plugin), else None.
        profile: instructions per function, all vectors together, callbacks excluded (``profile=True``).
        executed: the same per instruction address.
        stray_writes: see StrayWrite (``watch_writes=True``); at most 16 per vector.
        observations: lines of all tensors (``observe=True``).
    """

    board: str
    elf: str
    outputs: tuple[tuple[np.ndarray, ...], ...]
    status: int
    ram: Ram
    flash: Flash
    fast: Fast = Fast()
    mismatches: int | None = None
    instructions: int = 0
    callback_instructions: int = 0
    instructions_per_vector: tuple[int, ...] = ()
    counted_by: str = "none"
    cycles: int | None = None
    clock_hz: int = 0
    estimated: EstimatedCycles | None = None
    storage: StorageTraffic = StorageTraffic()
    profile: Mapping[str, int] = field(default_factory=dict)
    executed: Mapping[int, int] = field(default_factory=dict)
    stray_writes: tuple[StrayWrite, ...] = ()
    observations: tuple[Observation, ...] = ()

    def __repr__(self) -> str:
        figures = [f"status {self.status}", f"{len(self.outputs)} vectors", f"{kib(self.ram.total)} of RAM"]
        figures += [f"{name} {value}" for name, value in self._counts()]
        return f"<RunResult of {self.board}: {', '.join(figures)}>"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        ram = asdict(self.ram)
        ram |= ram.pop("banks")
        sizes = (("RAM", ram), ("flash", asdict(self.flash)))
        rows: list[tuple[str, Cell]] = [("status", self.status), ("vectors", len(self.outputs))]
        rows += [("bytes of RAM", self.ram.total), ("bytes of flash", self.flash.total)]
        rows += [(f"of {whole}: {part}", size) for whole, parts in sizes for part, size in parts.items() if size]
        moved = [("bytes written to storage", self.storage.written), ("bytes read back", self.storage.read)]
        return html(f"run of {self.board}", [*rows, *self._counts(), *((name, size) for name, size in moved if size)])

    def _counts(self) -> list[tuple[str, Cell]]:
        """What was measured of time and exactness."""
        counted = self.instructions if self.counted_by != "none" else None
        named = (("instructions", counted), ("cycles", self.cycles), ("milliseconds", self.milliseconds))
        found: list[tuple[str, Cell]] = [(name, value) for name, value in named if value is not None]
        return [*found, *([] if self.mismatches is None else [("differing bytes", self.mismatches)])]

    @property
    def milliseconds(self) -> float | None:
        """What the cycles take at the board's clock; None where they are not counted."""
        return None if self.cycles is None or self.clock_hz <= 0 else 1000 * self.cycles / self.clock_hz

    def as_dict(self) -> dict[str, Any]:
        """The figures under the names that the command line prints as JSON; None is what was not measured."""
        counted = self.counted_by != "none"
        return {
            "board": self.board,
            "elf": self.elf,
            "status": self.status,
            "mismatches": self.mismatches,
            "ram": {
                "total": self.ram.total,
                "arena": self.ram.arena,
                "io": self.ram.io,
                "static": self.ram.static,
                "stack": self.ram.stack,
                "slow": self.ram.slow,
                "banks": dict(self.ram.banks),
            },
            "flash": {"total": self.flash.total, "code": self.flash.code, "weights": self.flash.weights},
            "fast": {"total": self.fast.total, "code": self.fast.code, "weights": self.fast.weights},
            "instructions": self.instructions if counted else None,
            "callback_instructions": self.callback_instructions if counted else None,
            "cycles": self.cycles,
            "milliseconds": self.milliseconds,
            "estimated": None if self.estimated is None else self.estimated.as_dict(),
            "storage": {
                "written": self.storage.written,
                "read": self.storage.read,
                "written_physical": self.storage.written_physical,
                "read_physical": self.storage.read_physical,
                "erases": self.storage.erases,
            },
        }
