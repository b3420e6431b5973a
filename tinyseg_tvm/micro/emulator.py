"""Running under QEMU: the command line, and exact instruction counts by plugin or by timer.

The plugin (micro/port/qemu/instruction_counter.c) is compiled on demand. Where it does not load, a second build of the
harness reads SysTick under ``-icount``, where every instruction lasts the same virtual time: both give the same
numbers.
"""

from __future__ import annotations

import math
import re
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tinyseg_tvm.boards import Board
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.kept_library import library_file
from tinyseg_tvm.micro.elf import Image
from tinyseg_tvm.micro.port_files import PORT_FOLDER
from tinyseg_tvm.micro.results import StrayWrite
from tinyseg_tvm.micro.tools import call

PLUGIN_SOURCES = tuple(PORT_FOLDER / "qemu" / name for name in ("instruction_counter.c", "memory_timing.c"))
PLUGIN_HEADERS = tuple(PORT_FOLDER / "qemu" / name for name in ("memory_timing.h", "qemu_plugin.h"))
NANOSECONDS = 1_000_000_000
LARGEST_SHIFT = 10  # of -icount


@dataclass(frozen=True)
class Emulator:
    """QEMU for an architecture: its program, and what to do where that is missing."""

    program: str
    remedy: str


@dataclass(frozen=True)
class TimerRatio:
    """With ``-icount shift=<shift>``, ``ticks`` ticks of SysTick are ``instructions`` instructions."""

    shift: int
    instructions: int
    ticks: int


@dataclass(frozen=True)
class Counts:
    """Instructions of one vector: of the network and of its callbacks."""

    run: int
    callbacks: int


@dataclass(frozen=True)
class Waits:
    """Cycles that the memories take beyond those of memories beside the core: for instructions and for data."""

    code: int = 0
    data: int = 0


@dataclass(frozen=True)
class PluginReport:
    """What the plugin wrote. ``waits`` are those of all vectors together."""

    vectors: tuple[Counts, ...] = ()
    waits: Waits = Waits()
    profile: Mapping[str, int] = field(default_factory=dict)
    executed: Mapping[int, int] = field(default_factory=dict)
    stray_writes: tuple[StrayWrite, ...] = ()


@dataclass(frozen=True)
class Watch:
    """What the plugin does besides counting.

    Attributes:
        profile: instructions per function.
        writes: stores outside the network's memory.
        cycles: what an estimate of cycles needs, where the plugin can be used.
    """

    profile: bool = False
    writes: bool = False
    cycles: bool = False

    @property
    def needs_plugin(self) -> bool:
        """Whether a run without the plugin is of no use."""
        return self.profile or self.writes


def emulator_command(emulator: Emulator, board: Board, elf: Path) -> list[str]:
    """QEMU with semihosting as only device."""
    if board.qemu is None:
        raise TinySegError(f"the board '{board.name}' has no QEMU machine")
    return [
        emulator.program,
        *("-M", board.qemu.machine, "-nographic", "-monitor", "none", "-serial", "none"),
        *("-semihosting-config", "enable=on,target=native", *board.qemu.arguments, "-kernel", str(elf)),
    ]


def timer_of(board: Board) -> TimerRatio | None:
    """The ratio of an emulated board's timer; None where the board is not emulated."""
    return None if board.qemu is None else timer_ratio(board.qemu.systick_hz)


def counting_options(ratio: TimerRatio) -> list[str]:
    """QEMU's options for virtual time that goes by the instructions alone."""
    return ["-icount", f"shift={ratio.shift}"]


def timer_ratio(systick_hz: int) -> TimerRatio:
    """The smallest ``-icount`` shift with which an instruction lasts more than two ticks.

    Then the difference of two readings, which is less than one tick off, rounds to the exact number.
    """
    shift = next((s for s in range(LARGEST_SHIFT + 1) if (1 << s) * systick_hz > 2 * NANOSECONDS), LARGEST_SHIFT)
    ticks_per_second = (1 << shift) * systick_hz
    common = math.gcd(NANOSECONDS, ticks_per_second)
    return TimerRatio(shift, NANOSECONDS // common, ticks_per_second // common)


def build_plugin(emulator: Emulator, folder: Path) -> Path:
    """The plugin for the installed QEMU: compiled once per user, or in ``folder`` where the user can keep none.

    Raises:
        TinySegError: no QEMU, no host compiler, or it fails.
    """
    version = call([emulator.program, "--version"], remedy=emulator.remedy).stdout
    match = re.search(r"version (\d+)", version)
    interface = 1 if match is None or int(match.group(1)) < 9 else 2
    command = ["cc", "-O2", "-shared", "-fPIC", "-fvisibility=hidden", f"-DQEMU_PLUGIN_API={interface}"]
    try:
        return library_file("instruction_counter", command, PLUGIN_SOURCES, folder, PLUGIN_HEADERS)
    except FileNotFoundError:
        raise TinySegError("the program 'cc' is not installed: install a C compiler (gcc) for this computer") from None
    except OSError as error:
        raise TinySegError(f"the instruction counter cannot be compiled: {error}") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace")
        raise TinySegError(f"the instruction counter does not compile:\n{said}") from None
    except subprocess.TimeoutExpired as error:
        raise TinySegError(f"the instruction counter does not compile within {error.timeout:g} seconds") from None


def plugin_arguments(
    plugin: Path, out: Path, image: Image, watch: Watch, allowed: Sequence[tuple[int, int]], timing: Sequence[str] = ()
) -> list[str]:
    """QEMU's options for the plugin. File names with commas are not possible in them.

    Args:
        plugin: the library.
        out: file for its results.
        image: the program.
        watch: what it does.
        allowed: address ranges that may be written, where writes are watched.
        timing: of the board's memories (memory_timing.py), where cycles are watched.
    """
    markers = {key: image.function(f"perf_{key}") for key in ("begin", "end", "pause", "resume")}
    options = [f"out={out}", *(f"{key}={address:x}" for key, address in markers.items() if address is not None)]
    if watch.profile or watch.cycles:
        options.append("profile=on")
    if watch.cycles:
        options += timing
    if watch.writes:
        options += [f"allow={low:x}-{high:x}" for low, high in allowed]
    for text in (str(plugin), *options):
        if "," in text:
            raise TinySegError(f"QEMU cannot load a plugin from a folder with a comma in its name: {text}")
    return ["-plugin", ",".join([str(plugin), *options])]


def read_plugin_report(path: Path, image: Image) -> PluginReport | None:
    """The plugin's results; None where it did not run."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    regions: list[Counts] = []
    profile: defaultdict[str, int] = defaultdict(int)
    executed: dict[int, int] = {}
    stray = []
    waits = Waits()
    empty = None
    for words in map(str.split, lines):
        if words[0] == "region":
            run, run_segments, callbacks, callback_segments = (int(words[i]) for i in (3, 5, 7, 9))
            if empty is None:
                empty = run
            else:
                regions.append(Counts(run - empty * run_segments, callbacks - empty * callback_segments))
        elif words[0] == "count":
            address = int(words[2], 16)
            profile[image.function_at(address)] += int(words[3])
            executed[address] = int(words[3])
        elif words[0] == "waited" and words[1] != "0":  # the first bracket is empty
            waits = Waits(waits.code + int(words[2]), waits.data + int(words[3]))
        elif words[0] == "store":
            address, size, pc = int(words[2], 16), int(words[3]), int(words[4], 16)
            stray.append(StrayWrite(address, size, pc, image.function_at(pc)))
    if empty is None:
        return None
    ordered = dict(sorted(profile.items(), key=lambda item: (-item[1], item[0])))
    return PluginReport(tuple(regions), waits, ordered, executed, tuple(stray))


def read_timer_report(report: list[tuple[str, int]]) -> tuple[Counts, ...]:
    """Counts from the report of a timer build: the first six values are those of the empty bracket."""
    values = [value for key, value in report if key.startswith(("run_", "callbacks_"))]
    brackets = [values[i : i + 6] for i in range(0, len(values), 6)]
    empty = (brackets[0][0] << 32) + brackets[0][1]
    return tuple(
        Counts(
            (run_high << 32) + run_low - empty * run_segments,
            (callbacks_high << 32) + callbacks_low - empty * callback_segments,
        )
        for run_high, run_low, run_segments, callbacks_high, callbacks_low, callback_segments in brackets[1:]
    )
