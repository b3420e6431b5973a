"""A generated project on disk: build, run, measure, flash."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from tinyseg_tvm.boards import Board, parse_board
from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.given import LARGEST_STATEMENT, check, check_links, parse_json, read_regular
from tinyseg_tvm.micro.build import Variant, build_folder, build_program
from tinyseg_tvm.micro.counting import Counted, Counting, check_watch, run_counting
from tinyseg_tvm.micro.emulator import Counts, Watch, counting_options, read_timer_report, timer_of
from tinyseg_tvm.micro.exclusive import exclusively
from tinyseg_tvm.micro.execution import check_flashable, execute, flash
from tinyseg_tvm.micro.faults import check_exit
from tinyseg_tvm.micro.host_runs import HostProgram
from tinyseg_tvm.micro.library import METADATA_FILE, Library, read_library, read_metadata
from tinyseg_tvm.micro.machine import Machine
from tinyseg_tvm.micro.machines import machine_of
from tinyseg_tvm.micro.memory_timing import timing_options
from tinyseg_tvm.micro.model_layout import device_vector, model_vector, stated_ports
from tinyseg_tvm.micro.results import EstimatedCycles, Ram, RunResult, StackDepth
from tinyseg_tvm.micro.stated import FOLDERS, PROJECT
from tinyseg_tvm.micro.storages import Emulation
from tinyseg_tvm.micro.tools import CallResult, check_jobs, check_timeout
from tinyseg_tvm.micro.transports.choice import Transport, choose_transport, counts_cycles
from tinyseg_tvm.micro.vectors import (
    Vector,
    check_vectors,
    count_mismatches,
    encode_vectors,
    prepare_folder,
    read_observations,
    read_outputs,
    read_report,
    read_test_vectors,
    storage_traffic,
)
from tinyseg_tvm.network import Network, Port
from tinyseg_tvm.report.tables import Cell, html

PROJECT_FILE = "port/project.json"


class Project:
    """A project in a folder. Everything but ``build/`` is as it was generated.

    Attributes:
        directory: absolute path.
        board: the board that it was generated for.
        machine: what the board's core is.
        library: name, ports and sizes of the network.
    """

    def __init__(self, directory: str | Path) -> None:
        """Opens a generated project.

        Raises:
            TinySegError: the folder is none, holds a symbolic link that leads out of it, or states what cannot be.
        """
        self.directory = Path(directory).absolute()
        check_links(self.directory, FOLDERS)
        try:
            file = self.directory / PROJECT_FILE
            settings = parse_json(read_regular(file), str(file))
            check(PROJECT, settings, str(file))
            name = settings["board"]
            self._emulation = Emulation.of_settings(settings)
            toml = self.directory / "port" / name / "board.toml"
            self.board: Board = parse_board(name, read_regular(toml).decode(), str(toml))
            headers = {f"include/{p.name}": read_regular(p) for p in (self.directory / "include").glob("*.h")}
            metadata = self.directory / METADATA_FILE
            stated = {METADATA_FILE: read_regular(metadata, LARGEST_STATEMENT)} if metadata.exists() else {}
        except (OSError, ValueError, TinySegError) as error:
            raise TinySegError(f"{self.directory} is not a generated project: {error}") from None
        self.machine: Machine = machine_of(self.board)
        self.library: Library = read_library(headers)
        self._ports = stated_ports(read_metadata(stated))

    def __repr__(self) -> str:
        return f"<Project {self.library.name} for {self.board.name} in {str(self.directory)!r}>"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        rows: list[tuple[str, Cell]] = [("board", self.board.name), ("folder", str(self.directory))]
        if self._ports is not None:
            sides = (("input", self._ports.inputs), ("output", self._ports.outputs))
            rows += [
                (f"{side} {port.name}", f"{port.model_dtype} {list(port.model_shape)}")
                for side, ports in sides
                for port in ports
            ]
        return html(self.library.name, rows)

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
        check_jobs(jobs)
        variant = Variant(observe, self._checked_sanitize(sanitize))
        with exclusively(self.directory):
            return self._build(variant, jobs)

    def run(
        self,
        inputs: Sequence[Vector] | None = None,
        *,
        layout: Literal["model", "device"] = "model",
        observe: bool = False,
        sanitize: bool = False,
        count: Counting = "auto",
        profile: bool = False,
        estimate: bool = False,
        watch_writes: bool = False,
        timeout: float = 600.0,
        jobs: int = 1,
        transport: str = "",
        server: str = "",
        port: str = "",
    ) -> RunResult:
        """Builds if necessary and runs the program: natively, in QEMU, behind a GDB server, or by the board's command.

        Where several processes run the same project at once, one waits for the other.

        Args:
            inputs: vectors of one array per input port, as ``[[image]]``; None: the project's own test vectors
                (tests/), and its outputs are compared with theirs.
            layout: of ``inputs`` and of the outputs for them. "model": shapes and types of the model's file, as ONNX
                Runtime takes them. "device": arrays of the device's buffers, of any type with the right number of
                bytes, and outputs of int8 (lines, bytes of a line), as they also are for test vectors. A library whose
                metadata.json states no ports has this layout alone.
            observe: as in ``build``; fills ``observations``.
            sanitize: as in ``build``.
            count: how instructions are counted in QEMU; ``auto`` is the plugin, and the timer where it does not load.
                On a board its cycles are counted by a second run, of a program with a timer, unless this is ``none``.
            profile: count per function as well (plugin).
            estimate: estimate the board's cycles as well, where QEMU runs the program and loads the plugin.
            watch_writes: report stores outside arena, stack and context (plugin).
            timeout: seconds that the program may take.
            jobs: compilers that run at the same time.
            transport: ``qemu``, ``gdb``, ``uart`` or ``command``; empty for the first of them that the board has.
            server: ``HOST:PORT`` of a GDB server that listens, in place of the board's.
            port: device of the serial line, in place of the board's.

        Raises:
            DeviceFaultError: a fault or a sanitizer stopped the program.
            TinySegError: wrong inputs, missing tool, timeout.
        """
        watch = Watch(profile, watch_writes, estimate)
        way = choose_transport(self.board, transport, server, port)
        variant = Variant(observe, self._checked_sanitize(sanitize), uart=way.uart is not None)
        emulated = way.kind == "qemu"
        check_watch(emulated, watch, count)
        check_timeout(timeout)
        check_jobs(jobs)
        tests = self.directory / "tests"
        if layout not in ("model", "device"):
            raise UsageError(f"layout is 'model' or 'device', not {layout!r}")
        ports = self._ports if inputs is not None and layout == "model" else None
        if inputs is None:
            vectors = read_test_vectors(self.library, tests)
        else:
            check_vectors(self.library, inputs)
            if ports is not None:
                inputs = [device_vector(ports, index, arrays) for index, arrays in enumerate(inputs)]
            vectors = encode_vectors(self.library, inputs)
        with exclusively(self.directory):
            elf = self._build(variant, jobs)
            image = self.machine.read_image(elf)
            folder = elf.parent / "run"
            prepare_folder(folder, vectors)
            result, counted = run_counting(
                partial(self._execute, elf, folder, way, timeout),
                self.machine,
                image,
                folder,
                self.directory / "build" / "plugin",
                count=count if emulated else "none",
                watch=watch,
                timing=timing_options(self.board),
            )
            status = check_exit(self.machine, result, image)
            pairs = read_report(folder)
            report = dict(pairs)
            outputs = read_outputs(self.library, folder, report.get("vectors", 0) - (1 if status else 0))
            cycles: tuple[int, ...] = ()
            if emulated and counted.method == "none" and count != "none":
                counted = Counted(self._count_by_timer(vectors, way, timeout, jobs), "timer")
            elif counts_cycles(self.board, way) and count != "none":
                cycles = tuple(counts.run for counts in self._count_by_timer(vectors, way, timeout, jobs))
            slowest = max(counted.vectors, key=lambda counts: counts.run, default=Counts(0, 0))
            return RunResult(
                board=self.board.name,
                elf=str(elf),
                outputs=outputs if ports is None else tuple(model_vector(ports, arrays) for arrays in outputs),
                status=status,
                ram=Ram(
                    arena=image.arena_bytes,
                    io=0,
                    static=self.machine.static_bytes(image),
                    stack=report.get("stack", 0),
                    slow=image.slow_bytes,
                    banks=image.banks,
                ),
                fast=image.fast,
                flash=self.machine.flash(image, elf.parent, self.library.name),
                mismatches=count_mismatches(tests, outputs) if inputs is None else None,
                instructions=slowest.run,
                callback_instructions=slowest.callbacks,
                instructions_per_vector=tuple(counts.run for counts in counted.vectors),
                counted_by=counted.method,
                cycles=max(cycles, default=0) or None,  # a counter that stands still is none
                clock_hz=self.board.clock_hz,
                estimated=self._estimated(elf, counted) if estimate else None,
                storage=storage_traffic(pairs),
                profile=counted.plugin.profile,
                executed=counted.plugin.executed,
                stray_writes=counted.plugin.stray_writes,
                observations=tuple(read_observations(folder, len(vectors))) if observe else (),
            )

    def predict(self, *arrays: np.ndarray) -> np.ndarray | tuple[np.ndarray, ...]:
        """One inference on the project's board: the output, or a tuple of them where the model has several.

        Builds if necessary; nothing is counted, which is fastest. ``run`` takes many vectors at once, and measures.

        Args:
            arrays: one per input of the model, of its shape and type, as ONNX Runtime takes them; a first dimension of
                1 may be left out.

        Raises:
            UsageError: another number of arrays, or other shapes or types.
            TinySegError: the network returned an error, or what ``run`` raises.
        """
        given = [_with_batch(array, port) for array, port in zip(arrays, self.ports.inputs, strict=False)]
        result = self.run([[*given, *arrays[len(given) :]]], count="none")
        if result.status or not result.outputs:
            status = f"status {result.status} (see include/{self.library.name}.h)"
            raise TinySegError(f"the network on {self.board.name} returned {status}")
        outputs = result.outputs[0]
        return outputs[0] if len(outputs) == 1 else outputs

    @property
    def ports(self) -> Network:
        """A network without nodes that has the model's ports.

        Raises:
            UsageError: metadata.json states none.
        """
        if self._ports is None:
            raise UsageError(f"{self.directory} does not state its ports: compile the model again")
        return self._ports

    def host_program(self, jobs: int = 1) -> HostProgram:
        """The same C, built for this computer: one process takes thousands of vectors.

        Raises:
            UsageError: a network with states, or one whose metadata.json states no ports.
            TinySegError: make or the compiler are missing or fail.
        """
        with exclusively(self.directory):
            return HostProgram(self.directory, self.library, self.ports, jobs)

    def deepest_stacks(self, elf: str | Path) -> dict[str, StackDepth]:
        """The most stack that the program's code can take; empty on the host.

        Args:
            elf: what ``build`` returned.

        Returns:
            "run": of ``<name>_run`` with all that it calls; "program": from reset on, of which a run measures a part.

        Raises:
            TinySegError: the cross compiler's objdump is missing or fails.
        """
        path = Path(elf)
        return self.machine.deepest_stacks(path, self.machine.read_image(path), self.library.name)

    def flash(self) -> None:
        """Builds and writes the program to the board with the board's own tool.

        Raises:
            TinySegError: the board is emulated or the host, or its tool is missing or fails.
        """
        check_flashable(self.board)
        flash(self.board, self.build())

    def _build(self, variant: Variant, jobs: int) -> Path:
        elf = build_program(self.directory, self.library.name, self.machine, self.board, variant, jobs)
        self.machine.check_boot(self.board, elf)
        return elf

    def _checked_sanitize(self, sanitize: bool) -> bool:
        if sanitize and not self.board.is_host:
            raise UsageError(f"sanitizers run on the host, not on '{self.board.name}': generate for the board 'host'")
        return sanitize

    def _estimated(self, elf: Path, counted: Counted) -> EstimatedCycles | None:
        """The mean of all vectors; None where the plugin did not run."""
        vectors, seen = len(counted.vectors), counted.plugin
        if not vectors or not seen.executed:
            return None
        core = self.machine.estimate_cycles(elf, seen.executed, self.board.core)
        waits = seen.waits
        return EstimatedCycles(
            round(core / vectors), round(waits.code / vectors), round(waits.data / vectors), self.board.clock_hz
        )

    def _execute(self, elf: Path, folder: Path, way: Transport, timeout: float, options: Sequence[str]) -> CallResult:
        return execute(
            self.machine, self.board, elf, folder, way, emulation=self._emulation, options=options, timeout=timeout
        )

    def _count_by_timer(
        self, vectors: Sequence[Sequence[bytes]], way: Transport, timeout: float, jobs: int
    ) -> tuple[Counts, ...]:
        """A second run, of a build that reads a timer: its stack and size are not those of the firmware.

        The timer counts instructions in the emulator's virtual time, and cycles on a board.
        """
        timer = timer_of(self.board)
        variant = Variant(timer=True, uart=way.uart is not None)
        elf = self._build(variant, jobs)
        folder = build_folder(self.directory, self.board, variant) / "run"
        prepare_folder(folder, vectors)
        result = self._execute(elf, folder, way, timeout, [] if timer is None else counting_options(timer))
        check_exit(self.machine, result, self.machine.read_image(elf))
        return read_timer_report(read_report(folder))


def _with_batch(array: np.ndarray, port: Port) -> np.ndarray:
    """An array with the first dimension of 1 that the port has."""
    missing = isinstance(array, np.ndarray) and port.model_shape[:1] == (1,) and array.shape == port.model_shape[1:]
    return array[np.newaxis] if missing else array
