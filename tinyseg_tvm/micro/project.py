"""A generated project on disk: build, run, measure, flash."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tinyseg_tvm.boards import Board, parse_board
from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.micro.build import Variant, build_folder, build_program, host_weight_bytes
from tinyseg_tvm.micro.elf import Image, read_image
from tinyseg_tvm.micro.emulator import (
    QEMU_REMEDY,
    Counts,
    PluginReport,
    Watch,
    build_plugin,
    plugin_arguments,
    qemu_command,
    read_plugin_report,
    read_timer_report,
    timer_ratio,
)
from tinyseg_tvm.micro.faults import EXIT_SANITIZER, check_exit
from tinyseg_tvm.micro.library import Library, read_library
from tinyseg_tvm.micro.remote_storage import remote_storage
from tinyseg_tvm.micro.results import Ram, RunResult
from tinyseg_tvm.micro.storages import Emulation
from tinyseg_tvm.micro.tools import CallResult, call
from tinyseg_tvm.micro.vectors import (
    REPORT_FILE,
    Vector,
    count_mismatches,
    encode_vectors,
    prepare_folder,
    read_observations,
    read_outputs,
    read_report,
    read_test_vectors,
    storage_traffic,
)

PROJECT_FILE = "port/project.json"
COUNTS_FILE = "counts.txt"
Counting = Literal["auto", "plugin", "timer", "none"]


@dataclass(frozen=True)
class Counted:
    """Instructions per vector, how they were counted, and what else the plugin saw."""

    vectors: tuple[Counts, ...] = ()
    method: str = "none"
    plugin: PluginReport = field(default_factory=PluginReport)


class Project:
    """A project in a folder. Everything but ``build/`` is as it was generated.

    Attributes:
        directory: absolute path.
        board: the board that it was generated for.
        library: name, ports and sizes of the network.
    """

    def __init__(self, directory: str | Path) -> None:
        """Opens a generated project.

        Raises:
            TinySegError: the folder is none.
        """
        self.directory = Path(directory).absolute()
        try:
            settings = json.loads((self.directory / PROJECT_FILE).read_text())
            name = settings["board"]
            self._emulation = Emulation(tuple(settings.get("qemu_arguments", ())), dict(settings.get("images", {})))
            toml = self.directory / "port" / name / "board.toml"
            self.board: Board = parse_board(name, toml.read_text(), str(toml))
            headers = {f"include/{p.name}": p.read_bytes() for p in (self.directory / "include").glob("*.h")}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TinySegError(f"{self.directory} is not a generated project: {error}") from None
        self.library: Library = read_library(headers)

    def build(self, jobs: int = 1, observe: bool = False, sanitize: bool = False) -> Path:
        """Builds with make; returns the program.

        Args:
            jobs: compilers that run at the same time.
            observe: the program records every line of every tensor (``verify``).
            sanitize: with address and undefined-behaviour sanitizers; only for the host.

        Raises:
            DoesNotFitError: the linker found that a memory is too small.
            TinySegError: a tool is missing or fails.
        """
        return self._build(Variant(observe, self._checked_sanitize(sanitize)), jobs)

    def run(
        self,
        inputs: Sequence[Vector] | None = None,
        *,
        observe: bool = False,
        sanitize: bool = False,
        count: Counting = "auto",
        profile: bool = False,
        watch_writes: bool = False,
        timeout: float = 600.0,
        jobs: int = 1,
    ) -> RunResult:
        """Builds if necessary and runs the program: natively, in QEMU, or by the board's run command.

        Args:
            inputs: vectors of one array per input port in the device layout, of any type with the right number of
                bytes; None: the project's own test vectors (tests/), and its outputs are compared with theirs.
            observe: as in ``build``; fills ``observations``.
            sanitize: as in ``build``.
            count: how instructions are counted in QEMU; ``auto`` is the plugin, and the timer where it does not load.
            profile: count per function as well (plugin).
            watch_writes: report stores outside arena, stack and context (plugin).
            timeout: seconds that the program may take.
            jobs: compilers that run at the same time.

        Raises:
            DeviceFaultError: a fault or a sanitizer stopped the program.
            TinySegError: wrong inputs, missing tool, timeout.
        """
        variant = Variant(observe, self._checked_sanitize(sanitize))
        watch = Watch(profile, watch_writes)
        self._check_watch(watch, count)
        tests = self.directory / "tests"
        vectors = read_test_vectors(self.library, tests) if inputs is None else encode_vectors(self.library, inputs)
        elf = self._build(variant, jobs)
        image = read_image(elf)
        folder = elf.parent / "run"
        prepare_folder(folder, vectors)
        result, counted = self._execute_counting(elf, image, folder, count=count, watch=watch, timeout=timeout)
        status = check_exit(result, image)
        pairs = read_report(folder)
        report = dict(pairs)
        outputs = read_outputs(self.library, folder, report.get("vectors", 0) - (1 if status else 0))
        if self.board.qemu is not None and counted.method == "none" and count != "none":
            counted = Counted(self._count_by_timer(vectors, timeout, jobs), "timer")
        slowest = max(counted.vectors, key=lambda counts: counts.run, default=Counts(0, 0))
        return RunResult(
            board=self.board.name,
            elf=str(elf),
            outputs=outputs,
            status=status,
            ram=Ram(
                arena=image.arena_bytes,
                io=0,
                static=image.static_bytes,
                stack=report.get("stack", 0),
                slow=image.slow_bytes,
            ),
            fast=image.fast,
            flash=image.flash(host_weight_bytes(self.directory, self.library.name, self.board, variant)),
            mismatches=count_mismatches(tests, outputs) if inputs is None else None,
            instructions=slowest.run,
            callback_instructions=slowest.callbacks,
            instructions_per_vector=tuple(counts.run for counts in counted.vectors),
            counted_by=counted.method,
            storage=storage_traffic(pairs),
            profile=counted.plugin.profile,
            executed=counted.plugin.executed,
            stray_writes=counted.plugin.stray_writes,
            observations=tuple(read_observations(folder, len(vectors))) if observe else (),
        )

    def flash(self) -> None:
        """Builds and writes the program to the board with the board's own tool.

        Raises:
            TinySegError: the board is emulated or the host, or its tool is missing or fails.
        """
        if not self.board.flash_command:
            kind = "has no flash_command"
            if self.board.is_host or self.board.qemu is not None:
                kind = "is this computer" if self.board.is_host else "is emulated by QEMU"
            raise TinySegError(f"there is nothing to flash: the board '{self.board.name}' {kind}; use run")
        elf = self.build()
        words = _filled(self.board.flash_command, elf, elf.parent)
        result = call(words, remedy=f"install it, or change flash_command of the board '{self.board.name}'")
        if result.status != 0:
            raise TinySegError(f"'{words[0]}' could not write to the board:\n{result.stderr or result.stdout}")

    def _build(self, variant: Variant, jobs: int) -> Path:
        return build_program(self.directory, self.library.name, self.board, variant, jobs)

    def _checked_sanitize(self, sanitize: bool) -> bool:
        if sanitize and not self.board.is_host:
            raise UsageError(f"sanitizers run on the host, not on '{self.board.name}': generate for the board 'host'")
        return sanitize

    def _check_watch(self, watch: Watch, count: Counting) -> None:
        if (watch.profile or watch.writes) and (self.board.qemu is None or count in ("timer", "none")):
            raise UsageError(
                "profile and watch_writes need the QEMU plugin: run on a QEMU board, with count 'auto' or 'plugin'"
            )

    def _execute(self, elf: Path, folder: Path, extra: Sequence[str], timeout: float) -> CallResult:
        if self.board.is_host:
            options = f"exitcode={EXIT_SANITIZER}"
            environment = {"ASAN_OPTIONS": f"{options}:detect_leaks=0", "UBSAN_OPTIONS": options}
            return call([str(elf)], remedy="build it", folder=folder, timeout=timeout, environment=environment)
        if self.board.qemu is not None:
            for name, size in self._emulation.images.items():
                with (folder / name).open("wb") as image:
                    image.truncate(size)
            with remote_storage(self._emulation.arguments) as arguments:
                words = [*qemu_command(self.board, elf), *arguments, *extra]
                return call(words, remedy=QEMU_REMEDY, folder=folder, timeout=timeout)
        if self.board.run_command:
            words = _filled(self.board.run_command, elf, folder)
            remedy = f"install it, or change run_command of the board '{self.board.name}'"
            return call(words, remedy=remedy, folder=folder, timeout=timeout)
        raise TinySegError(
            f"the board '{self.board.name}' has neither a QEMU machine nor a run_command: flash it and read its "
            "outputs there, or generate the project for 'host' or a QEMU board with the same core"
        )

    def _execute_counting(
        self, elf: Path, image: Image, folder: Path, *, count: Counting, watch: Watch, timeout: float
    ) -> tuple[CallResult, Counted]:
        """Runs with the plugin where it is wanted; without it where it cannot be used and is not required."""
        if self.board.qemu is None or count in ("timer", "none"):
            return self._execute(elf, folder, [], timeout), Counted()
        out = folder / COUNTS_FILE
        try:
            plugin = build_plugin(self.directory / "build" / "plugin")
            extra = plugin_arguments(plugin, out, image, watch)
        except TinySegError as error:
            reason = str(error)
        else:
            result = self._execute(elf, folder, extra, timeout)
            seen = read_plugin_report(out, image)
            if (folder / REPORT_FILE).exists():
                return result, Counted() if seen is None else Counted(seen.vectors, "plugin", seen)
            reason = result.stderr
        if count == "plugin" or watch != Watch():
            raise TinySegError(f"QEMU cannot count by plugin (count='timer' counts without it): {reason.strip()}")
        return self._execute(elf, folder, [], timeout), Counted()

    def _count_by_timer(self, vectors: Sequence[Sequence[bytes]], timeout: float, jobs: int) -> tuple[Counts, ...]:
        """A second run, of a build that reads a timer: its stack and size are not those of the firmware."""
        assert self.board.qemu is not None
        variant = Variant(timer=True)
        elf = self._build(variant, jobs)
        folder = build_folder(self.directory, self.board, variant) / "run"
        prepare_folder(folder, vectors)
        shift = timer_ratio(self.board.qemu.systick_hz).shift
        result = self._execute(elf, folder, ["-icount", f"shift={shift}"], timeout)
        check_exit(result, read_image(elf))
        return read_timer_report(read_report(folder))


def _filled(words: Sequence[str], elf: Path, folder: Path) -> list[str]:
    """A board's command with its placeholders filled in."""
    return [word.replace("{elf}", str(elf)).replace("{directory}", str(folder)) for word in words]
