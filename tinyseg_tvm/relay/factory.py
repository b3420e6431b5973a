"""What ``relay.build`` returns: a planned network, ready to be written as a project or in Model Library Format."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tinyseg_tvm import __version__, codegen, relay_passes
from tinyseg_tvm.boards import Board, Storage
from tinyseg_tvm.compiler import remarks
from tinyseg_tvm.compiler.energy import Energy, energy_of
from tinyseg_tvm.compiler.memory import Memory, overhead_bytes, promised_memory
from tinyseg_tvm.compiler.options import BuildOptions
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.compiler.storage_use import StorageUse, lifetime_sentences, use_of, wears_out_soon
from tinyseg_tvm.network import Network, Port
from tinyseg_tvm.network.reference_process import run_apart
from tinyseg_tvm.network.serialization import dump_network
from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Problem
from tinyseg_tvm.planner.storage_timing import Timeline, Timing, replay
from tinyseg_tvm.relay_passes.lowered_module import LoweredModule
from tinyseg_tvm.relay_passes.remove_unused_channels import removed_channels
from tinyseg_tvm.report import tables, text
from tinyseg_tvm.report.build import Build
from tinyseg_tvm.report.points import Choice, Point
from tinyseg_tvm.report.tables import Cell, kib
from tinyseg_tvm.report.write import write_reports

TEST_VECTORS = 2
NETWORK_FILE = "tests/network.npz"


@dataclass(frozen=True, repr=False)
class Factory:
    """A planned network.

    Attributes:
        name: the C library's name.
        situation: what it was planned for.
        lowered: the module that was planned, before any decision.
        planned: how it runs: what the code generator is given.
        integer: the module after the first half of the passes, in which ports are as in the model.
        model_hash: SHA-256 of the model's file.
    """

    name: str
    situation: Situation
    lowered: LoweredModule
    planned: Planned
    integer: Any
    model_hash: str

    def __repr__(self) -> str:
        figures = f"{kib(self.memory.total)} of RAM, {self.macs:,} MACs, {len(self.plan.steps):,} steps"
        return f"<Factory {self.name} for {self.board.name}: {figures}>"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        parts = asdict(self.memory)
        parts |= parts.pop("banks")
        ram = [(f"bytes of RAM: {part}", size) for part, size in parts.items() if size]
        rows: list[tuple[str, Cell]] = [*ram, *self._facts().items()]
        return tables.html(f"{self.name} for {self.board.name}", rows, [*self.remarks, *self.warnings])

    @property
    def options(self) -> BuildOptions:
        """What the build was told."""
        return self.situation.options

    @property
    def board(self) -> Board:
        """The board it was built for."""
        return self.situation.board

    @property
    def core(self) -> codegen.Core:
        """The core whose kernels it has."""
        return self.situation.core

    @property
    def module(self) -> Any:
        """The Relax module after all passes, those that carry out the planner's decisions included."""
        return self.planned.decided.module

    @property
    def network(self) -> Network:
        """The network as it is generated."""
        return self.planned.network

    @property
    def problem(self) -> Problem:
        """Its planning problem."""
        return self.planned.problem

    @property
    def plan(self) -> Plan:
        """The validated plan."""
        return self.planned.plan

    @property
    def axis(self) -> str:
        """Whether lines are "rows" or "columns" of the model's feature maps."""
        return self.planned.axis

    @property
    def memory(self) -> Memory:
        """The promised RAM figures."""
        fast = sum(content.bytes for content in self.fast_contents)
        return promised_memory(self.planned, self.situation, fast)

    @cached_property
    def fast_contents(self) -> tuple[codegen.FastContents, ...]:
        """What is copied to the board's fast memories."""
        return codegen.fast_contents(
            self.network,
            self.problem,
            self.plan,
            name=self.name,
            core=self.core,
            io=self.options.io,
            fast=self.situation.fast_spaces,
        )

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference, recomputed ones included."""
        return sum(operator.macs for operator in self.problem.operators)

    @property
    def storages(self) -> tuple[Storage, ...]:
        """Storages that the build was given."""
        return self.situation.storages

    @cached_property
    def storage_use(self) -> StorageUse:
        """What an inference writes and reads, and what that costs."""
        return use_of(self.planned, self.situation)

    @cached_property
    def timing(self) -> Timing:
        """Estimated time of an inference at the board's clock, with what it waits for transfers."""
        return replay(self.problem, self.plan, self.planned.spilled, self.situation.models, self.board.clock_hz)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know before using this plan."""
        if not wears_out_soon(self.storage_use, self.situation):
            return ()
        sentences = "; ".join(lifetime_sentences(self.storage_use, self.situation))
        unwritten = self.planned.live_without_writing + overhead_bytes(self.situation, self.problem)
        return (
            f"the storage is worn out within a year: {sentences}. A plan that writes nothing (without --storage) needs "
            f"about {kib(unwritten)}, and less with --max-recompute",
        )

    @cached_property
    def remarks(self) -> tuple[str, ...]:
        """What the user should know of this plan beside its figures, a sentence each."""
        return (
            *remarks.orientation(self.planned, self.situation, self.name),
            *remarks.half_ports(self.network),
            *remarks.endless(self.planned, self.lowered),
            *remarks.removed(removed_channels(self.lowered.module)),
            *remarks.in_blocks(self.planned),
            *remarks.float_ports(self.planned, self.quantized_ports, self.situation, self.memory.total),
            *remarks.software_float(self.planned, self.quantized_ports, self.situation),
            *remarks.detours(self.planned, self.memory.total),
        )

    @cached_property
    def quantized_ports(self) -> LoweredModule | None:
        """What ``lowered`` would be with ``-io-type=quantized``, where float32 ports would become smaller."""
        if self.options.io_type == "quantized" or not remarks.has_float_ports(self.network):
            return None
        module = relay_passes.layout_pipeline("quantized", keep_dead=self.options.keep_dead)(self.integer)
        quantized = LoweredModule.of(module, self.name)
        fewer = remarks.port_bytes(quantized.network) < remarks.port_bytes(self.network)
        return quantized if fewer else None

    @property
    def energy(self) -> Energy | None:
        """Estimated energy of an inference, where the board states its powers."""
        return energy_of(self.timing, self.storage_use.cost.joules, self.board, self.options.frame_rate)

    @cached_property
    def figures(self) -> dict[str, Any]:
        """The promised figures under the names that ``tinyseg run --json`` measures them."""
        return {
            "board": self.board.name,
            "ram": asdict(self.memory),
            "fast": {
                "total": sum(content.bytes for content in self.fast_contents),
                "code": sum(content.code_bytes for content in self.fast_contents),
                "weights": sum(content.weights_bytes for content in self.fast_contents),
            },
            "macs": self.macs,
            "recomputed_macs": self.planned.recomputed_macs,
            "storage": self.storage_use.figures(),
            "storage_cost": asdict(self.storage_use.cost),
            "seconds": asdict(self.timing),
            "energy": None if self.energy is None else {**asdict(self.energy), "total": self.energy.total},
            "stream_axis": self.axis,
        }

    @cached_property
    def files(self) -> dict[str, bytes]:
        """The C library: relative path to content. Equal builds give equal bytes."""
        metadata = {
            "tool": {"name": "tinyseg-tvm", "version": __version__},
            "model": {"sha256": self.model_hash},
            "options": asdict(self.options),
            "promised": self.figures,
        }
        return codegen.generate(
            self.network,
            self.problem,
            self.plan,
            name=self.name,
            core=self.core,
            io=self.options.io,
            metadata=metadata,
            fast=self.situation.fast_spaces,
            shared_runtime=self.options.shared_runtime,
        )

    def project_files(self) -> dict[str, bytes]:
        """The C library with test vectors and reports: what ``micro.generate_project`` writes for a board."""
        return {**self.files, **self.test_files, **self.report_files}

    @cached_property
    def test_files(self) -> dict[str, bytes]:
        """Test vectors in device layout with the reference executor's results, and the network itself."""
        files = {NETWORK_FILE: dump_network(self.network)}
        vectors = [random_inputs(self.network, seed=vector) for vector in range(TEST_VECTORS)]
        results = run_apart(self.network, vectors)
        for vector, (inputs, outputs) in enumerate(zip(vectors, results, strict=True)):
            for kind, arrays in (("input", inputs), ("output", outputs)):
                files |= {f"tests/{kind}{vector}_{port}.bin": array.tobytes() for port, array in enumerate(arrays)}
        return files

    @cached_property
    def report_files(self) -> dict[str, bytes]:
        """Memory map and operator table as pictures and data."""
        with tempfile.TemporaryDirectory() as folder:
            return {f"reports/{path.name}": path.read_bytes() for path in self.write_reports(folder, png=False)}

    @cached_property
    def told(self) -> Build:
        """The build as its reports show it."""
        timeline = Timeline()
        replay(
            self.problem, self.plan, self.planned.spilled, self.situation.models, self.board.clock_hz, timeline=timeline
        )
        return Build(
            self.problem,
            self.plan,
            title=f"{self.name} on {self.board.name}",
            network=self.network,
            timeline=timeline,
            facts=self._facts(),
            remarks=self.remarks,
        )

    def _facts(self) -> dict[str, Cell]:
        """Headline figures of the page."""
        written = {"bytes written to storage": self.planned.written_bytes} if self.planned.written_bytes else {}
        return {
            "bytes of the whole program's RAM": self.memory.total,
            "MACs": self.macs,
            "cycles, estimated": sum(operator.cycles * operator.steps for operator in self.problem.operators),
            f"ms at {self.board.clock_hz / 1e6:g} MHz, estimated": round(1e3 * self.timing.seconds, 3),
            "bytes of flash for operators": sum(operator.flash_bytes for operator in self.problem.operators),
            **written,
            "lines are": self.axis,
        }

    def write_reports(
        self,
        directory: str | Path,
        *,
        png: bool = True,
        points: Sequence[Point] = (),
        choices: Sequence[Choice] = (),
        against: Mapping[str, Any] | None = None,
    ) -> list[Path]:
        """Writes the reports into a folder; returns the files.

        Args:
            directory: made where it does not exist.
            png: PNG as well as SVG, which takes as long as all the others together.
            points: alternatives, drawn as RAM against its price.
            choices: alternatives on the page, each with its command.
            against: the document of another build, which the page shows beside this one.
        """
        return write_reports(directory, self.told, points=points, choices=choices, against=against, png=png)

    def report(self) -> str:
        """The promised figures and the peak, as text."""
        parts = [text.summary(self.network, self.problem, self.plan, self.figures, self.remarks)]
        if self.planned.spilled:
            parts.append(text.storage_table(self.planned.spilled, self.figures))
            parts += lifetime_sentences(self.storage_use, self.situation)
        return "\n\n".join([*parts, *(f"warning: {warning}" for warning in self.warnings)])

    def export_library_format(self, path: str | Path) -> Path:
        """Writes microTVM's Model Library Format: a tar file with the C library, parameters and metadata.

        Raises:
            TinySegError: the file cannot be written.
        """
        return codegen.export_library_format(
            Path(path), self.name, self.files, relax=self.module.script(), figures=json.loads(json.dumps(self.figures))
        )


def random_inputs(network: Network, seed: int) -> list[np.ndarray]:
    """One random array per input port, in device layout: the whole range of integers, floats in [0, 1)."""
    generator = np.random.default_rng(seed)
    return [_random(network, port, generator) for port in network.inputs]


def _random(network: Network, port: Port, generator: np.random.Generator) -> np.ndarray:
    kind = network.tensors[port.tensor].type
    if np.issubdtype(np.dtype(kind.dtype), np.integer):
        limits = np.iinfo(kind.dtype)
        low, high = (limits.min, limits.max) if limits.bits == 8 else (0, 1)
        return generator.integers(low, high, kind.shape, dtype=kind.dtype, endpoint=True)
    return generator.random(kind.shape, dtype=np.float32).astype(kind.dtype)
