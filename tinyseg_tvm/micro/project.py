"""A generated project on disk: build, run, measure, flash."""

from __future__ import annotations

import json
import re
import shutil
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from tinyseg_tvm.boards import Board, parse_board
from tinyseg_tvm.errors import DoesNotFitError, TinySegError, UsageError
from tinyseg_tvm.micro.elf import Image, constant_bytes, read_image
from tinyseg_tvm.micro.emulator import (
    QEMU_REMEDY,
    Counts,
    PluginReport,
    build_plugin,
    plugin_arguments,
    qemu_command,
    read_plugin_report,
    read_timer_report,
    timer_ratio,
)
from tinyseg_tvm.micro.faults import EXIT_SANITIZER, check_exit
from tinyseg_tvm.micro.library import Library, PortShape, read_library
from tinyseg_tvm.micro.results import Observation, Ram, RunResult
from tinyseg_tvm.micro.tools import CallResult, call

PROJECT_FILE = "port/project.json"
REPORT_FILE = "report.txt"
GCC_REMEDY = "install it (Debian, Ubuntu: apt install make gcc-arm-none-eabi libnewlib-arm-none-eabi)"
OBSERVATION_HEADER = struct.Struct("<4I")
Counting = Literal["auto", "plugin", "timer", "none"]
Vector = Sequence[np.ndarray]


@dataclass(frozen=True)
class Variant:
    """A way to build: ``name`` is the folder below build/, ``settings`` are make's variables."""

    name: str
    settings: tuple[str, ...]


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
        return self._build(self._variant(observe, sanitize), jobs)

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
    ) -> RunResult:
        """Builds if necessary and runs the program: natively, in QEMU, or by the board's run command.

        Args:
            inputs: vectors of one array per input port in the device layout, of any type with the right number of
                bytes; None: the project's own test vectors (tests/).
            observe, sanitize: see ``build``.
            count: how instructions are counted in QEMU; ``auto`` is the plugin, and the timer where it does not load.
            profile: count per function as well (plugin).
            watch_writes: report stores outside arena, stack and context (plugin).
            timeout: seconds for the program.

        Raises:
            DeviceFaultError: a fault stopped the program.
            TinySegError: wrong inputs, missing tool, timeout.
        """
        variant = self._variant(observe, sanitize)
        elf = self._build(variant, 1)
        image = read_image(elf)
        own = inputs is None
        vectors = self._own_vectors() if inputs is None else [self._checked_vector(i, v) for i, v in enumerate(inputs)]
        folder = self._prepare(variant, vectors)
        if (profile or watch_writes) and (self.board.qemu is None or count in ("timer", "none")):
            raise UsageError(
                "profile and watch_writes need the QEMU plugin: run on a QEMU board, with count 'auto' or 'plugin'"
            )
        counts: tuple[Counts, ...] = ()
        plugin: PluginReport | None = None
        counted_by = "none"
        if self.board.qemu is None or count == "none":
            result = self._execute(elf, folder, [], timeout)
        else:
            required = count == "plugin" or profile or watch_writes
            result, plugin = self._execute_with_plugin(
                elf, image, folder, count, required, profile, watch_writes, timeout
            )
            if plugin is not None:
                counts, counted_by = plugin.vectors, "plugin"
        status = check_exit(result, image)
        report = dict(_read_report(folder))
        finished = report.get("vectors", 0) - (1 if status else 0)
        outputs = tuple(self._read_outputs(folder, vector) for vector in range(finished))
        observations = tuple(self._read_observations(folder, len(vectors))) if observe else ()
        if self.board.qemu is not None and not counts and count in ("auto", "timer"):
            counts, counted_by = self._count_by_timer(vectors, timeout), "timer"
        slowest = max(counts, key=lambda c: c.run, default=Counts(0, 0))
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
                slow=image.section_bytes(".slow"),
            ),
            flash=image.flash(self._host_weight_bytes(variant)),
            mismatches=self._mismatches(outputs) if own else None,
            instructions=slowest.run,
            callback_instructions=slowest.callbacks,
            instructions_per_vector=tuple(c.run for c in counts),
            counted_by=counted_by,
            profile=plugin.profile if plugin else {},
            stray_writes=plugin.stray_writes if plugin else (),
            observations=observations,
        )

    def flash(self) -> None:
        """Builds and writes the program to the board with the board's own tool.

        Raises:
            TinySegError: the board is emulated or the host, or its tool is missing or fails.
        """
        if not self.board.flash_command:
            kind = (
                "is this computer"
                if self.board.is_host
                else "is emulated by QEMU"
                if self.board.qemu
                else "has no flash_command"
            )
            raise TinySegError(f"there is nothing to flash: the board '{self.board.name}' {kind}; use run")
        elf = self.build()
        words = self._command(self.board.flash_command, elf, elf.parent)
        result = call(words, remedy=f"install it, or change flash_command of the board '{self.board.name}'")
        if result.status != 0:
            raise TinySegError(
                f"'{words[0]}' could not write the program to the board:\n{result.stderr or result.stdout}"
            )

    # ---- Build ----------------------------------------------------------------------------------------------------

    def _variant(self, observe: bool = False, sanitize: bool = False, timer: bool = False) -> Variant:
        if sanitize and not self.board.is_host:
            raise UsageError(
                f"sanitizers run on the host only, not on '{self.board.name}': generate for the board 'host'"
            )
        chosen = [key for key, on in (("observe", observe), ("sanitize", sanitize), ("timer", timer)) if on]
        return Variant("-".join([self.board.name, *chosen]), tuple(f"{key.upper()}=1" for key in chosen))

    def _build(self, variant: Variant, jobs: int) -> Path:
        result = call(
            ["make", "--no-print-directory", f"-j{jobs}", *variant.settings],
            remedy=GCC_REMEDY,
            folder=self.directory,
            environment={"MAKEFLAGS": "", "PORT": self.board.name},
        )
        if result.status != 0:
            self._raise_build_error(result)
        return self.directory / "build" / variant.name / f"{self.library.name}.elf"

    def _raise_build_error(self, result: CallResult) -> None:
        text = result.stderr
        overflow = re.search(r"region `(\w+)' overflowed by (\d+) bytes", text)
        if overflow:
            name, excess = overflow.group(1), int(overflow.group(2))
            length = self._region_bytes(name)
            raise DoesNotFitError(
                f"'{self.library.name}' does not fit the memory {name} of {self.board.name}: it needs {length + excess} bytes, "
                f"{length} are there; compile with --ram to use less, or choose a larger board"
            )
        compiler = "gcc" if self.board.is_host else "arm-none-eabi-gcc"
        if re.search(rf"{compiler}: (command )?not found|{compiler}: No such file", text):
            raise TinySegError(f"the compiler '{compiler}' is not installed: {GCC_REMEDY}")
        raise TinySegError(f"the project in {self.directory} does not build:\n{text.strip()[-4000:]}")

    def _region_bytes(self, name: str) -> int:
        """Length of a region in the linker script."""
        script = (self.directory / "port" / self.board.name / "board.ld").read_text()
        match = re.search(rf"^\s*{name} \(.*LENGTH = (\d+)", script, re.MULTILINE)
        return int(match.group(1)) if match else 0

    def _host_weight_bytes(self, variant: Variant) -> int:
        if not self.board.is_host:
            return 0
        objects = (self.directory / "build" / variant.name / "src").glob(f"{self.library.name}_weights*.o")
        return sum(constant_bytes(path) for path in objects)

    # ---- Vectors --------------------------------------------------------------------------------------------------

    def _checked_vector(self, vector: int, arrays: Vector) -> list[bytes]:
        if len(arrays) != len(self.library.inputs):
            raise UsageError(
                f"vector {vector} has {len(arrays)} arrays, the network has {len(self.library.inputs)} inputs"
            )
        data = []
        for port, (array, shape) in enumerate(zip(arrays, self.library.inputs, strict=True)):
            if array.nbytes != shape.bytes:
                raise UsageError(
                    f"vector {vector}, input {port}: has {array.nbytes} bytes ({array.shape}, {array.dtype}), the network reads "
                    f"{shape.bytes} ({shape.lines} lines of {shape.line_bytes})"
                )
            data.append(np.ascontiguousarray(array).tobytes())
        return data

    def _own_vectors(self) -> list[list[bytes]]:
        vectors: list[list[bytes]] = []
        while (self.directory / "tests" / f"input{len(vectors)}_0.bin").is_file():
            index = len(vectors)
            paths = [self.directory / "tests" / f"input{index}_{k}.bin" for k in range(len(self.library.inputs))]
            try:
                vectors.append([path.read_bytes() for path in paths])
            except OSError as error:
                raise TinySegError(f"test vector {index} is incomplete: {error}") from None
        if not vectors:
            raise TinySegError(f"{self.directory} has no test vectors (tests/input0_0.bin): give inputs")
        return vectors

    def _prepare(self, variant: Variant, vectors: Sequence[Sequence[bytes]]) -> Path:
        """An empty working directory that holds the inputs."""
        if not vectors:
            raise UsageError("at least one input vector is needed")
        folder = self.directory / "build" / variant.name / "run"
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for index, vector in enumerate(vectors):
                for port, data in enumerate(vector):
                    (folder / f"input{index}_{port}.bin").write_bytes(data)
        except OSError as error:
            raise TinySegError(f"cannot write the input vectors: {error}") from None
        return folder

    def _read_outputs(self, folder: Path, vector: int) -> tuple[np.ndarray, ...]:
        def read(port: int, shape: PortShape) -> np.ndarray:
            data = (folder / f"output{vector}_{port}.bin").read_bytes()
            if len(data) != shape.bytes:
                raise TinySegError(
                    f"output {port} of vector {vector} has {len(data)} bytes, {shape.bytes} were expected"
                )
            return np.frombuffer(data, np.int8).reshape(shape.lines, shape.line_bytes)

        return tuple(read(port, shape) for port, shape in enumerate(self.library.outputs))

    def _mismatches(self, outputs: Sequence[Vector]) -> int | None:
        """Bytes that differ from tests/output*.bin; a missing output counts whole."""
        paths = sorted((self.directory / "tests").glob("output*_*.bin"))
        count = 0
        for path in paths:
            vector, port = map(int, path.stem.removeprefix("output").split("_"))
            expected = np.frombuffer(path.read_bytes(), np.int8)
            actual = outputs[vector][port].reshape(-1) if vector < len(outputs) else None
            if actual is None or actual.size != expected.size:
                count += expected.size
            else:
                count += int(np.count_nonzero(actual != expected))
        return count if paths else None

    @staticmethod
    def _read_observations(folder: Path, vectors: int) -> Iterator[Observation]:
        for vector in range(vectors):
            path = folder / f"observed{vector}_0.bin"
            data = path.read_bytes() if path.is_file() else b""
            position = 0
            while position < len(data):
                node, output, line, size = OBSERVATION_HEADER.unpack_from(data, position)
                position += OBSERVATION_HEADER.size
                yield Observation(vector, node, output, line, data[position : position + size])
                position += size

    # ---- Execution ------------------------------------------------------------------------------------------------

    def _execute(self, elf: Path, folder: Path, extra: Sequence[str], timeout: float) -> CallResult:
        if self.board.is_host:
            options = f"exitcode={EXIT_SANITIZER}"
            environment = {
                "ASAN_OPTIONS": f"{options}:detect_leaks=0",
                "UBSAN_OPTIONS": f"{options}:print_stacktrace=1",
            }
            return call([str(elf)], remedy="build it", folder=folder, timeout=timeout, environment=environment)
        if self.board.qemu is not None:
            return call([*qemu_command(self.board, elf), *extra], remedy=QEMU_REMEDY, folder=folder, timeout=timeout)
        if self.board.run_command:
            words = self._command(self.board.run_command, elf, folder)
            return call(
                words,
                remedy=f"install it, or change run_command of '{self.board.name}'",
                folder=folder,
                timeout=timeout,
            )
        raise TinySegError(
            f"the board '{self.board.name}' has neither a QEMU machine nor a run_command: flash it and read its outputs there, "
            "or generate the project for 'host' or a QEMU board with the same core"
        )

    def _execute_with_plugin(
        self,
        elf: Path,
        image: Image,
        folder: Path,
        count: Counting,
        required: bool,
        profile: bool,
        watch_writes: bool,
        timeout: float,
    ) -> tuple[CallResult, PluginReport | None]:
        """Runs with the plugin; without it where it cannot be used and is not required."""
        reason = "timer"
        if count != "timer":
            out = folder / "counts.txt"
            try:
                plugin = build_plugin(self.directory / "build" / "plugin")
                extra = plugin_arguments(plugin, out, image, profile, watch_writes)
            except TinySegError as error:
                reason = str(error)
            else:
                result = self._execute(elf, folder, extra, timeout)
                if (folder / REPORT_FILE).exists():
                    return result, read_plugin_report(out, image)
                reason = result.stderr
            if required:
                raise TinySegError(f"QEMU cannot count by plugin; count='timer' counts without it: {reason.strip()}")
        return self._execute(elf, folder, [], timeout), None

    def _count_by_timer(self, vectors: Sequence[Sequence[bytes]], timeout: float) -> tuple[Counts, ...]:
        assert self.board.qemu is not None
        variant = self._variant(timer=True)
        elf = self._build(variant, 1)
        folder = self._prepare(variant, vectors)
        shift = timer_ratio(self.board.qemu.systick_hz).shift
        result = self._execute(elf, folder, ["-icount", f"shift={shift}"], timeout)
        check_exit(result, read_image(elf))
        return read_timer_report(_read_report(folder))

    @staticmethod
    def _command(words: Sequence[str], elf: Path, folder: Path) -> list[str]:
        return [word.replace("{elf}", str(elf)).replace("{directory}", str(folder)) for word in words]


def _read_report(folder: Path) -> list[tuple[str, int]]:
    """Keys and values that the harness wrote, in order."""
    try:
        lines = (folder / REPORT_FILE).read_text().splitlines()
    except OSError:
        raise TinySegError("the program ended without a report: it did not start, or stopped early") from None
    pairs = (line.split("=") for line in lines)
    return [(key, int(value, 16)) for key, value in pairs]
