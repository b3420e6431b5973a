"""How good the orders of steps are: bytes alive at once, what no order takes less than, and what packing adds.

    python benchmarks/orders.py [--models DIR] [--io-type model|quantized] [NAME ...]

For every network (of the folder, or, where there is none, of many_blocks.py), by rows and by columns where they differ,
with line and with resident I/O: the bytes alive at the peak of the plan, the bound by minimum cuts, whether the order
is optimal or how far above the bound it is, the arena, and the arena by the live bytes. Plans are those of
``--objective ram`` without a limit, with the kernels of least scratch. Float ports are quantised unless ``--io-type
model`` is given.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from many_blocks import NETWORKS

from tinyseg_tvm import relay_passes
from tinyseg_tvm.compiler.options import BuildOptions
from tinyseg_tvm.compiler.planning import plans_by_axis
from tinyseg_tvm.compiler.situation import situation_of
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_onnx, from_tflite
from tinyseg_tvm.network.problem import IoMode
from tinyseg_tvm.planner.liveness import lifetimes, live_bound
from tinyseg_tvm.planner.order_bound import least_live
from tinyseg_tvm.planner.step_table import step_table
from tinyseg_tvm.relay_passes.lowered_module import LoweredModule

MODELS = Path(__file__).resolve().parents[2] / "shared" / "models"
BOARD = "mps2_an386"
MODES: tuple[IoMode, ...] = ("line", "resident")


def networks(folder: Path, names: list[str]) -> Iterator[tuple[str, Any]]:
    """Names and imported modules of all networks, or why one cannot be read."""
    paths = sorted([*folder.glob("tflite/*.tflite"), *folder.glob("onnx/*.onnx")])
    read = {path.stem: path for path in reversed(paths)}  # of one in both forms, the original
    for name, source in read.items() if read else NETWORKS.items():
        if names and not any(part in name for part in names):
            continue
        try:
            if isinstance(source, Path):
                yield name, (from_tflite if source.suffix == ".tflite" else from_onnx)(source)[0]
            else:
                yield name, from_onnx(source())[0]
        except TinySegError as error:
            yield name, error


def rows(module: Any, io_type: str) -> Iterator[tuple[str, str, int, int, int]]:
    """I/O, axis, live bytes, bound and arena of each plan of a module; of two that are alike in these, one."""
    lowered = LoweredModule.of(
        relay_passes.layout_pipeline(io_type)(relay_passes.integer_pipeline()(module)), "network"
    )
    for io in MODES:
        known = set()
        for axis in ("rows", "columns"):
            options = BuildOptions(board=BOARD, objective="ram", io=io, io_type=io_type, stream_axis=axis)
            try:
                ((planned),) = plans_by_axis(lowered, situation_of(options).unlimited())
            except TinySegError:
                continue
            steps = planned.plan.steps
            live = live_bound(lifetimes(step_table(planned.problem), steps))
            found = live, least_live(planned.problem, steps), planned.arena_bytes
            if found not in known:
                known.add(found)
                yield io, axis, *found


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="parts of names of networks (default: all)")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder with onnx/*.onnx and tflite/*.tflite")
    parser.add_argument("--io-type", choices=("model", "quantized"), default="quantized", help="of the ports")
    arguments = parser.parse_args()
    print(f"{'network':44s} {'I/O':9s} {'lines':8s} {'live':>9s} {'bound':>9s} {'order':>10s} {'arena':>9s}  / live")
    for name, module in networks(arguments.models, arguments.names):
        try:
            if isinstance(module, TinySegError):
                raise module
            for io, axis, live, least, arena in rows(module, arguments.io_type):
                order = "optimal" if live <= least else f"+{100 * (live / least - 1):.1f} %"
                print(
                    f"{name:44s} {io:9s} {axis:8s} {live:9,d} {least:9,d} {order:>10s} {arena:9,d} "
                    f"{arena / max(live, 1):7.3f}",
                    flush=True,
                )
        except TinySegError as error:
            print(f"{name:44s} {str(error).splitlines()[0]}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
