"""Every network of a folder as firmware: bit-exact to the reference, RAM, flash, instructions, in one table.

Runs each model in QEMU where the board's memory holds it, else as a program of this computer.

    python benchmarks/models.py [--models DIR] [--board mps2_an386] [--io line] [--stream-axis auto] [NAME ...]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from tinyseg_tvm.errors import DoesNotFitError, TinySegError
from tinyseg_tvm.micro import RunResult, generate_project
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

    @property
    def exact(self) -> bool:
        """Equal to the reference byte by byte; float programs within the contract's tolerance are not exact."""
        return self.result.status == 0 and self.result.mismatches == 0

    def cells(self) -> list[str]:
        """The table's row."""
        ram, result = self.result.ram, self.result
        per_mac = result.instructions / self.factory.macs if self.factory.macs else 0.0
        return [
            self.model,
            result.board,
            self.factory.axis,
            "yes" if self.exact else f"{result.mismatches} bytes differ",
            f"{ram.arena:,}",
            f"{ram.total:,}",
            f"{ram.total / 1024:.1f}",
            f"{result.flash.total:,}",
            f"{result.instructions:,}",
            f"{per_mac:.2f}",
            f"{self.seconds:.0f}",
        ]


HEADERS = [
    "model",
    "board",
    "lines",
    "exact",
    "arena B",
    "RAM B",
    "KiB",
    "flash B",
    "instructions",
    "/MAC",
    "compile s",
]


def measure(path: Path, options: BuildOptions) -> Row:
    """Compiles, builds and runs one model; on the host where it does not fit the board."""
    begin = time.monotonic()
    mod, params = frontend.from_onnx(path)
    with tempfile.TemporaryDirectory() as folder:
        try:
            factory = build(mod, options, params, name=path.stem)
            seconds = time.monotonic() - begin
            result = generate_project(factory.board, factory, Path(folder, "project")).run()
        except DoesNotFitError:
            factory = build(mod, replace(options, board="host", ram=None), params, name=path.stem)
            seconds = time.monotonic() - begin
            result = generate_project(factory.board, factory, Path(folder, "project")).run()
    return Row(path.stem, factory, result, seconds)


def main() -> int:
    """Prints the table; returns 1 where a model fails or differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="parts of model names (default: all)")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder with onnx/*.onnx")
    parser.add_argument("--board", default="mps2_an386")
    parser.add_argument("--io", default="resident")
    parser.add_argument("--io-type", default="model")
    parser.add_argument("--stream-axis", default="auto")
    parser.add_argument("--layerwise", action="store_true")
    arguments = parser.parse_args()
    options = BuildOptions(
        board=arguments.board,
        io=arguments.io,
        io_type=arguments.io_type,
        stream_axis=arguments.stream_axis,
        layerwise=arguments.layerwise,
    )
    paths = sorted(arguments.models.glob("onnx/*.onnx"))
    chosen = [p for p in paths if not arguments.names or any(name in p.stem for name in arguments.names)]
    rows, failures = [], 0
    for path in chosen:
        print(path.stem, file=sys.stderr)
        try:
            row = measure(path, options)
        except TinySegError as error:
            failures += 1
            rows.append([path.stem, "-", "-", f"failed: {error}"[:90]] + ["-"] * (len(HEADERS) - 4))
            continue
        failures += not row.exact and not row.model.startswith("float")
        rows.append(row.cells())
    print(render(rows, HEADERS))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
