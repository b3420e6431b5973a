"""Tiny U-Net with tensors in storage: what each budget of writing makes of its RAM, promised and measured.

The bars are whole-program KiB; the floors are live activation bytes of an exact line simulation.

    python benchmarks/spilling.py [MODEL] [--board mps2_an386] [--storage timed] [--promise-only] [ROW ...]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tinyseg_tvm.micro import RunResult, generate_project
from tinyseg_tvm.relay import Factory, build, frontend
from tinyseg_tvm.relay.options import BuildOptions, options_from_text
from tinyseg_tvm.report.tables import render

MODEL = Path(__file__).resolve().parents[1] / "examples" / "segmentation" / "tinyunet_int8.onnx"


@dataclass(frozen=True)
class Condition:
    """One row: options of ``tinyseg compile``, the floor and the bar in KiB."""

    name: str
    arguments: str
    floor: float
    bar: float


CONDITIONS = (
    Condition("rows, resident I/O, 75 KiB", "--stream-axis rows --max-written 75K", 52.7, 60),
    Condition("columns, resident I/O, 75 KiB", "--stream-axis columns --max-written 75K", 37.7, 46),
    Condition("columns, I/O by line, 75 KiB", "--stream-axis columns --io line --max-written 75K", 32.5, 40),
    Condition("rows, resident I/O, 113 KiB", "--stream-axis rows --max-written 113K", 31.2, 39),
    Condition("columns, I/O by line, 113 KiB", "--stream-axis columns --io line --max-written 113K", 18.4, 26),
    Condition("columns, I/O by line, any traffic", "--stream-axis columns --io line", 3.4, 14),
)
HEADERS = (
    "condition",
    "floor",
    "bar",
    "promised",
    "measured",
    "written",
    "physical",
    "exact",
    "frames of life",
    "command",
)


def measure(factory: Factory) -> RunResult:
    """The firmware's figures."""
    with tempfile.TemporaryDirectory() as folder:
        return generate_project(factory.board, factory, Path(folder) / "out", storages=factory.storages).run()


def row(condition: Condition, model: Path, base: BuildOptions, command: str, promise_only: bool) -> list[str]:
    """Builds, runs and tells one condition."""
    words = condition.arguments.split()
    given = {key.lstrip("-"): value for key, value in zip(words[::2], words[1::2], strict=True)}
    mod, params = frontend.from_onnx(model)
    factory = build(mod, options_from_text(given, base), params, name=model.stem)
    promised = factory.memory.total - factory.memory.slow
    cells = [condition.name, f"{condition.floor}", f"{condition.bar}", f"{promised / 1024:.1f}"]
    storage, life = factory.figures["storage"], factory.storage_use.cost.lifetime_frames
    written = [f"{storage['written'] / 1024:.1f}", f"{storage['written_physical'] / 1024:.1f}"]
    last = ["-" if life is None else f"{life / 1e6:.2f} M", f"{command} {condition.arguments}"]
    if promise_only:
        return [*cells, "-", *written, "-", *last]
    result = measure(factory)
    exact = result.status == 0 and result.mismatches == 0 and result.storage.written == storage["written"]
    return [*cells, f"{(result.ram.total - result.ram.slow) / 1024:.1f}", *written, "yes" if exact else "NO", *last]


def main(arguments: list[str] | None = None) -> int:
    """Prints the table; 1 where a bar is missed or a result is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, default=MODEL)
    parser.add_argument("--board", default="mps2_an386")
    parser.add_argument("--storage", default="timed", help="name on the board, or a TOML file")
    parser.add_argument("--promise-only", action="store_true", help="plan without running")
    parser.add_argument("--row", type=int, action="append", help="number of a condition, from 0; all by default")
    chosen = parser.parse_args(arguments)
    base = BuildOptions(board=chosen.board, storage=chosen.storage)
    command = f"tinyseg compile {chosen.model.name} --board {chosen.board} --storage {chosen.storage}"
    picked = [CONDITIONS[number] for number in chosen.row] if chosen.row else CONDITIONS
    rows = [row(condition, chosen.model, base, command, chosen.promise_only) for condition in picked]
    print(render(rows, HEADERS))
    missed = [cells for cells in rows if float(cells[3]) > float(cells[2]) or cells[7] == "NO"]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
