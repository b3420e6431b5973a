"""Instructions of a run, as the board's emulator counts them: by plugin, else by a timer in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.micro.elf import Image
from tinyseg_tvm.micro.emulator import Counts, PluginReport, Watch, build_plugin, plugin_arguments, read_plugin_report
from tinyseg_tvm.micro.machine import Machine
from tinyseg_tvm.micro.tools import CallResult
from tinyseg_tvm.micro.vectors import REPORT_FILE

COUNTS_FILE = "counts.txt"
Counting = Literal["auto", "plugin", "timer", "none"]


@dataclass(frozen=True)
class Counted:
    """Instructions per vector, how they were counted, and what else the plugin saw."""

    vectors: tuple[Counts, ...] = ()
    method: str = "none"
    plugin: PluginReport = field(default_factory=PluginReport)


def check_watch(emulated: bool, watch: Watch, count: Counting) -> None:
    """Raises UsageError where what is to be watched needs a plugin that there will not be."""
    if watch.needs_plugin and (not emulated or count in ("timer", "none")):
        raise UsageError(
            "profile and watch_writes need the QEMU plugin: run on a QEMU board, with count 'auto' or 'plugin'"
        )


def run_counting(
    run: Callable[[Sequence[str]], CallResult],
    machine: Machine,
    image: Image,
    folder: Path,
    plugins: Path,
    *,
    count: Counting,
    watch: Watch,
    timing: Sequence[str] = (),
) -> tuple[CallResult, Counted]:
    """Runs with the plugin where it is wanted; without it where it cannot be used and is not required.

    Args:
        run: runs the program with further options of the emulator.
        machine: whose emulator runs it.
        image: the program.
        folder: its working directory.
        plugins: folder for compiled plugins.
        count: how instructions are counted.
        watch: what else the plugin does.
        timing: what it is told of the board's memories.

    Raises:
        TinySegError: the plugin is required and cannot be used.
    """
    if machine.emulator is None or count in ("timer", "none"):
        return run([]), Counted()
    out = folder / COUNTS_FILE
    try:
        plugin = build_plugin(machine.emulator, plugins)
        allowed = machine.writable_by_network(image) if watch.writes else []
        options = plugin_arguments(plugin, out, image, watch, allowed, timing)
    except TinySegError as error:
        reason = str(error)
    else:
        result = run(options)
        seen = read_plugin_report(out, image)
        if (folder / REPORT_FILE).exists():
            return result, Counted() if seen is None else Counted(seen.vectors, "plugin", seen)
        reason = result.stderr
    if count == "plugin" or watch.needs_plugin:
        raise TinySegError(f"QEMU cannot count by plugin (count='timer' counts without it): {reason.strip()}")
    return run([]), Counted()
