"""Every network of a folder as firmware: bit-exact to the reference, RAM, flash, instructions, in one table.

Runs each model in QEMU where the board's memory holds it, else as a program of this computer.

    python benchmarks/models.py [--models DIR] [--board mps2_an386] [--objective ram] [--workers N] [NAME ...]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tvm import IRModule

from tinyseg_tvm.errors import DoesNotFitError, TinySegError
from tinyseg_tvm.micro import RunResult, generate_project
from tinyseg_tvm.network.agreement import TOLERANCE
from tinyseg_tvm.parallel import executor_for, results
from tinyseg_tvm.relay import BuildOptions, Factory, build, frontend
from tinyseg_tvm.report.tables import render

MODELS = Path(__file__).resolve().parents[2] / "shared" / "models"


@dataclass(frozen=True)
class Row:
    """A model's firmware: what was promised, what was measured."""

    model: str
    factory: Factory
    result: RunResult
    seconds: float
    float_error: float | None

    @property
    def agrees(self) -> bool:
        """Equal to the reference byte by byte, or computed in float and within TOLERANCE of it."""
        if self.result.status != 0:
            return False
        return self.result.mismatches == 0 or (self.float_error is not None and self.float_error <= TOLERANCE)

    def verdict(self) -> str:
        """The table's column "exact"."""
        if self.result.status != 0:
            return f"status {self.result.status}"
        if self.result.mismatches == 0:
            return "yes"
        error = "" if self.float_error is None else f", {self.float_error:.0e} of the largest"
        return f"{self.result.mismatches} bytes differ{error}"

    def cells(self) -> list[str]:
        """The table's row."""
        ram, result = self.result.ram, self.result
        cycles = sum(operator.cycles * operator.steps for operator in self.factory.problem.operators)
        per_mac = result.instructions / self.factory.macs if self.factory.macs else 0.0
        return [
            self.model,
            result.board,
            self.factory.options.objective,
            self.factory.axis,
            self.verdict(),
            f"{ram.arena:,}",
            f"{ram.total:,}",
            f"{ram.total / 1024:.1f}",
            f"{result.flash.total:,}",
            f"{cycles:,}",
            f"{result.instructions:,}",
            f"{per_mac:.2f}",
            f"{self.seconds:.0f}",
        ]


HEADERS = [
    "model",
    "board",
    "objective",
    "lines",
    "exact",
    "arena B",
    "RAM B",
    "KiB",
    "flash B",
    "cycles, estimated",
    "instructions",
    "/MAC",
    "compile s",
]


def measure(path: Path, options: BuildOptions) -> Row:
    """Compiles, builds and runs one model; on the host where it does not fit the board."""
    mod, params = frontend.from_onnx(path)
    try:
        return measure_on(path.stem, mod, params, options)
    except DoesNotFitError:
        return measure_on(path.stem, mod, params, replace(options, board="host", ram=None))


def measure_on(name: str, mod: IRModule, params: Mapping[str, Any], options: BuildOptions) -> Row:
    """As ``measure``, on the options' board."""
    begin = time.monotonic()
    factory = build(mod, options, params, name=name)
    seconds = time.monotonic() - begin
    with tempfile.TemporaryDirectory() as folder:
        project = generate_project(factory.board, factory, Path(folder, "project"))
        result = project.run()
        return Row(name, factory, result, seconds, float_error(factory, result, project.directory / "tests"))


def float_error(factory: Factory, result: RunResult, tests: Path) -> float | None:
    """Largest difference from the expected outputs, as part of an output's largest value; None: no float arithmetic."""
    if result.status != 0 or not any(node.operator.kind == "opaque" for node in factory.network.nodes):
        return None
    largest = 0.0
    for vector, outputs in enumerate(result.outputs):
        for index, (port, output) in enumerate(zip(factory.network.outputs, outputs, strict=True)):
            dtype = factory.network.tensors[port.tensor].type.dtype
            if dtype != "float32":
                return None
            expected = np.frombuffer((tests / f"output{vector}_{index}.bin").read_bytes(), dtype)
            actual = np.frombuffer(output.tobytes(), dtype)
            largest = max(largest, float(np.abs(actual - expected).max() / max(np.abs(expected).max(), 1e-30)))
    return largest


def cells(options: BuildOptions, path: Path) -> tuple[bool, list[str]]:
    """Whether a model agrees, and its row of the table."""
    print(path.stem, file=sys.stderr)
    try:
        row = measure(path, options)
    except TinySegError as error:
        return False, [path.stem, "-", "-", f"failed: {error}"[:90]] + ["-"] * (len(HEADERS) - 4)
    return row.agrees, row.cells()


def main() -> int:
    """Prints the table; returns 1 where a model fails or differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="parts of model names (default: all)")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder with onnx/*.onnx")
    parser.add_argument("--board", default="mps2_an386")
    parser.add_argument("--objective", default=BuildOptions.objective)
    parser.add_argument("--ram", type=int, help="limit in KiB")
    parser.add_argument("--io", default="resident")
    parser.add_argument("--io-type", default="model")
    parser.add_argument("--stream-axis", default="auto")
    parser.add_argument("--layerwise", action="store_true")
    parser.add_argument("--workers", type=int, default=1, help="processes at a time (1)")
    arguments = parser.parse_args()
    options = BuildOptions(
        board=arguments.board,
        ram=arguments.ram and arguments.ram * 1024,
        objective=arguments.objective,
        io=arguments.io,
        io_type=arguments.io_type,
        stream_axis=arguments.stream_axis,
        layerwise=arguments.layerwise,
    )
    paths = sorted(arguments.models.glob("onnx/*.onnx"))
    chosen = [p for p in paths if not arguments.names or any(name in p.stem for name in arguments.names)]
    with executor_for(arguments.workers, processes=True) as executor:
        found = list(results(partial(cells, options), chosen, executor))
    print(render([row for _, row in found], HEADERS))
    return 0 if all(agrees for agrees, _ in found) else 1


if __name__ == "__main__":
    sys.exit(main())
