"""Running under QEMU: the command line, and exact instruction counts by plugin or by timer.

The plugin (micro/port/qemu/instruction_counter.c) is compiled on demand. Where it does not load, a second build of the
harness reads SysTick under ``-icount``, where every instruction lasts the same virtual time: both give the same
numbers.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from tinyseg_tvm.boards import Board
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.elf import Image
from tinyseg_tvm.micro.results import StrayWrite
from tinyseg_tvm.micro.tools import call

QEMU = "qemu-system-arm"
QEMU_REMEDY = "install it (Debian, Ubuntu: apt install qemu-system-arm)"


def _package_folder(name: str) -> Path:
    """Where a package's files are, without importing it."""
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


PORT_FOLDER = _package_folder("tinyseg_tvm.micro") / "port"
PLUGIN_SOURCE = PORT_FOLDER / "qemu" / "instruction_counter.c"
NANOSECONDS = 1_000_000_000
LARGEST_SHIFT = 10  # of -icount


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
class PluginReport:
    """What the plugin wrote."""

    vectors: tuple[Counts, ...] = ()
    profile: Mapping[str, int] = field(default_factory=dict)
    executed: Mapping[int, int] = field(default_factory=dict)
    stray_writes: tuple[StrayWrite, ...] = ()


@dataclass(frozen=True)
class Watch:
    """What the plugin does besides counting: instructions per function, stores outside the network's memory."""

    profile: bool = False
    writes: bool = False


def qemu_command(board: Board, elf: Path) -> list[str]:
    """QEMU with semihosting as only device."""
    if board.qemu is None:
        raise TinySegError(f"the board '{board.name}' has no QEMU machine")
    return [
        QEMU,
        *("-M", board.qemu.machine, "-nographic", "-monitor", "none", "-serial", "none"),
        *("-semihosting-config", "enable=on,target=native", *board.qemu.arguments, "-kernel", str(elf)),
    ]


def timer_ratio(systick_hz: int) -> TimerRatio:
    """The smallest ``-icount`` shift with which an instruction lasts more than two ticks.

    Then the difference of two readings, which is less than one tick off, rounds to the exact number.
    """
    shift = next((s for s in range(LARGEST_SHIFT + 1) if (1 << s) * systick_hz > 2 * NANOSECONDS), LARGEST_SHIFT)
    ticks_per_second = (1 << shift) * systick_hz
    common = math.gcd(NANOSECONDS, ticks_per_second)
    return TimerRatio(shift, NANOSECONDS // common, ticks_per_second // common)


def build_plugin(folder: Path) -> Path:
    """Compiles the plugin for the installed QEMU into ``folder``, unless it is there.

    Raises:
        TinySegError: no QEMU, no host compiler, or it fails.
    """
    version = call([QEMU, "--version"], remedy=QEMU_REMEDY).stdout
    match = re.search(r"version (\d+)", version)
    interface = 1 if match is None or int(match.group(1)) < 9 else 2
    plugin = folder / f"instruction_counter_{interface}.so"
    if plugin.is_file() and plugin.stat().st_mtime >= PLUGIN_SOURCE.stat().st_mtime:
        return plugin
    folder.mkdir(parents=True, exist_ok=True)
    partial = plugin.with_suffix(".partial")
    flags = ["-O2", "-shared", "-fPIC", "-fvisibility=hidden", f"-DQEMU_PLUGIN_API={interface}"]
    result = call(
        ["cc", *flags, str(PLUGIN_SOURCE), "-o", str(partial)], remedy="install a C compiler (gcc) for this computer"
    )
    if result.status != 0:
        raise TinySegError(f"the instruction counter does not compile:\n{result.stderr}")
    partial.replace(plugin)
    return plugin


def plugin_arguments(plugin: Path, out: Path, image: Image, watch: Watch) -> list[str]:
    """QEMU's options for the plugin. File names with commas are not possible in them."""
    markers = {key: image.function(f"perf_{key}") for key in ("begin", "end", "pause", "resume")}
    options = [f"out={out}", *(f"{key}={address:x}" for key, address in markers.items() if address is not None)]
    if watch.profile:
        options.append("profile=on")
    if watch.writes:
        options += [f"allow={low:x}-{high:x}" for low, high in image.writable_by_network()]
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
        elif words[0] == "store":
            address, size, pc = int(words[2], 16), int(words[3]), int(words[4], 16)
            stray.append(StrayWrite(address, size, pc, image.function_at(pc)))
    if empty is None:
        return None
    ordered = dict(sorted(profile.items(), key=lambda item: (-item[1], item[0])))
    return PluginReport(tuple(regions), ordered, executed, tuple(stray))


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
