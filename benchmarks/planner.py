"""How tight and how fast the planner is.

``minimalloc``: the packing problems of google/minimalloc (capacity 1,048,576), by first-fit with repair (top reached)
and, where that does not fit, by branch and bound (minimalloc/); a placement counts as solved once checked pair by pair.
``models``: for every network the exact live bound of the schedule, the packed arena, the gap between them and the
time, layer by layer and streamed by rows and columns, with resident and line I/O.
``blocks``: for networks of many blocks (many_blocks.py), by rows on a Cortex-M4, what the plan and the choice of
kernels take: seconds of this process.

``chains``: for convolutions one after the other, what import, lowering and build take, on both axes: CPU seconds.
``unet``: the same for the example's U-Net at other heights and widths.

    python benchmarks/planner.py minimalloc ../shared/models/minimalloc
    python benchmarks/planner.py models ../shared/models/onnx [name ...]
    python benchmarks/planner.py blocks [name ...]
    python benchmarks/planner.py chains [layers ...]
    python benchmarks/planner.py unet [HEIGHTxWIDTH ...]
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from many_blocks import NETWORKS, chain
from minimalloc import native
from minimalloc.branch_and_bound import fit

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.problem import IoMode
from tinyseg_tvm.planner.layerwise import plan_layerwise
from tinyseg_tvm.planner.liveness import lifetimes, live_bound
from tinyseg_tvm.planner.optimiser import plan
from tinyseg_tvm.planner.problem import Problem
from tinyseg_tvm.planner.rectangles import Blocks
from tinyseg_tvm.planner.repair import improve
from tinyseg_tvm.planner.step_table import Ints, step_table

CAPACITY = 1_048_576
CHAINS = (50, 100, 200, 400)  # layers
UNETS = ("80x120", "240x320", "480x640")
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "segmentation" / "tinyunet_int8.onnx"
KIB = 1024


def minimalloc(folder: Path, nodes: int, compiled: bool) -> bool:
    """Solve all problems of capacity CAPACITY in ``folder``; True where all fit."""
    print(f"{'problem':10s} {'blocks':>6s} {'live':>9s} {'first fit':>9s} {'s':>6s}  {'solved by':20s} {'s':>6s}")
    paths = sorted(folder.glob(f"*.{CAPACITY}.csv"))
    solved = 0
    for path in paths:
        rectangles = read(path)
        size, begin, end = rectangles.T
        times = np.unique(rectangles[:, 1:])
        slots = np.searchsorted(times, begin), np.searchsorted(times, end)
        load = np.cumsum(np.bincount(slots[0], size, len(times)) - np.bincount(slots[1], size, len(times)))
        blocks = Blocks(np.arange(len(size) + 1), np.zeros_like(size), size, *slots, alignment=1)
        start = time.perf_counter()
        address: Ints | None = improve(blocks, CAPACITY, 100)
        assert address is not None
        top = int((address + size).max())
        middle = time.perf_counter()
        method = "first fit"
        if top > CAPACITY:
            address = fit(rectangles, CAPACITY, nodes, compiled)
            method = "branch and bound"
        stop = time.perf_counter()
        valid = address is not None and is_packed(rectangles, address, CAPACITY)
        solved += valid
        print(
            f"{path.stem.split('.')[0]:10s} {len(size):6d} {int(load.max()):9d} {top:9d} {middle - start:6.1f}  "
            f"{method if valid else 'not solved':20s} {stop - middle:6.1f}",
            flush=True,
        )
    how = "branch and bound in C" if compiled and native.load() else "pure Python and NumPy"
    print(f"{solved} of {len(paths)} solved at capacity {CAPACITY}, {how}, one process")
    return solved == len(paths)


def read(path: Path) -> Ints:
    """Rows (size, begin, end) of a MiniMalloc problem."""
    with path.open(encoding="utf-8") as file:
        rows = [(int(row["size"]), int(row["lower"]), int(row["upper"])) for row in csv.DictReader(file)]
    return np.array(rows, dtype=np.int64)


def is_packed(rectangles: Ints, address: Ints, height: int) -> bool:
    """Whether all lie in [0, height) and no two that live at the same time share a byte."""
    size, begin, end = rectangles.T
    top = address + size
    apart = (top[:, None] <= address) | (top <= address[:, None])
    apart |= (end[:, None] <= begin) | (end <= begin[:, None])
    np.fill_diagonal(apart, True)
    return bool((address >= 0).all() and (top <= height).all() and apart.all())


def models(folder: Path, names: list[str], effort: float) -> None:
    """Print one line per network, interface and kind of plan."""
    print(f"{'model':44s} {'I/O':9s} {'plan':10s} {'live KiB':>9s} {'arena KiB':>9s} {'gap %':>6s} {'s':>6s}")
    for path in sorted(folder.glob("*.onnx")):
        if names and not any(name in path.stem for name in names):
            continue
        try:
            for io, kind, problem in problems(path):
                start = time.perf_counter()
                made = plan_layerwise(problem) if kind == "layers" else plan(problem, effort=effort)
                seconds = time.perf_counter() - start
                bound = live_bound(lifetimes(step_table(problem), made.steps))
                arena = made.pool_bytes[0]
                print(
                    f"{path.stem:44s} {io:9s} {kind:10s} {bound / KIB:9.1f} {arena / KIB:9.1f} "
                    f"{100 * (arena / max(bound, 1) - 1):6.1f} {seconds:6.1f}",
                    flush=True,
                )
        except TinySegError as error:
            print(f"{path.stem:44s} {str(error).splitlines()[0]}", flush=True)


def problems(path: Path) -> Iterator[tuple[str, str, Problem]]:
    """The planning problems of a model (kernel scratch not counted): I/O, kind of plan, problem."""
    from tinyseg_tvm.frontend import from_onnx
    from tinyseg_tvm.network.problem import build_problem
    from tinyseg_tvm.relay_passes import integer_pipeline, layout_pipeline
    from tinyseg_tvm.relay_passes.exchange_rows_and_columns import exchange_rows_and_columns
    from tinyseg_tvm.relay_passes.lowered_module import LoweredModule

    lowered = LoweredModule.of(layout_pipeline()(integer_pipeline()(from_onnx(path)[0])))
    modes: tuple[IoMode, ...] = ("resident", "line")
    for io in modes:
        rows = build_problem(lowered.network, io=io)
        yield io, "layers", rows
        yield io, "rows", rows
        try:
            columns = lowered.after(exchange_rows_and_columns(path.stem))
            yield io, "columns", build_problem(columns.network, io=io)
        except TinySegError:
            continue


def many_blocks(names: list[str], effort: int) -> None:
    """Print one line per network and interface."""
    from tinyseg_tvm import relay_passes
    from tinyseg_tvm.compiler.kernel_choice import with_fast_kernels
    from tinyseg_tvm.compiler.options import BuildOptions
    from tinyseg_tvm.compiler.planning import plan_network
    from tinyseg_tvm.compiler.situation import situation_of
    from tinyseg_tvm.frontend import from_onnx
    from tinyseg_tvm.relay_passes.lowered_module import LoweredModule

    print(f"{'network':20s} {'I/O':9s} {'lines':>7s} {'arena KiB':>9s} {'plan s':>7s} {'kernels s':>9s}")
    for name, make in NETWORKS.items():
        if names and not any(part in name for part in names):
            continue
        module = relay_passes.layout_pipeline("model")(relay_passes.integer_pipeline()(from_onnx(make())[0]))
        lowered = LoweredModule.of(module, name)
        modes: tuple[IoMode, ...] = ("line", "resident")
        for io in modes:
            options = BuildOptions(board="mps2_an386", io=io, stream_axis="rows", effort=effort)
            situation = situation_of(options).unlimited()
            start = time.process_time()
            planned = plan_network(lowered, situation)
            middle = time.process_time()
            planned = with_fast_kernels(planned, situation)
            stop = time.process_time()
            lines = sum(tensor.lines for tensor in planned.problem.tensors)
            print(
                f"{name:20s} {io:9s} {lines:7d} {planned.arena_bytes / KIB:9.1f} {middle - start:7.1f} "
                f"{stop - middle:9.1f}",
                flush=True,
            )


def chains(lengths: Sequence[int], effort: int) -> None:
    """Print one line per number of layers."""
    build_times("layers", ((str(layers), chain(layers)) for layers in lengths), effort)


def unets(sizes: Sequence[str], effort: int) -> None:
    """Print one line per size of the image."""
    build_times("image", ((size, unet(*map(int, size.split("x")))) for size in sizes), effort)


def unet(height: int, width: int) -> onnx.ModelProto:
    """The example's network for images of another size, multiples of 8."""
    model = onnx.load(EXAMPLE)
    shapes = [port.type.tensor_type.shape.dim for port in (*model.graph.input, *model.graph.output)]
    before = [dimension.dim_value for dimension in shapes[0]][-2:]
    for shape in shapes:
        for dimension in shape:
            if dimension.dim_value in before:
                dimension.dim_value = (height, width)[before.index(dimension.dim_value)]
    del model.graph.value_info[:]
    return model


def build_times(what: str, models: Iterable[tuple[str, onnx.ModelProto]], effort: int) -> None:
    """Print CPU seconds of import and build, and the plan's bytes."""
    from tinyseg_tvm.compiler.options import BuildOptions
    from tinyseg_tvm.relay import build, frontend

    print(f"{what:>8s} {'import s':>8s} {'build s':>8s} {'live KiB':>9s} {'arena KiB':>9s}")
    for name, model in models:
        start = time.process_time()
        module, parameters = frontend.from_onnx(model)
        middle = time.process_time()
        planned = build(module, BuildOptions(board="mps2_an386", effort=effort), parameters).planned
        stop = time.process_time()
        bound = live_bound(lifetimes(step_table(planned.problem), planned.plan.steps))
        arena = planned.arena_bytes
        print(
            f"{name:>8s} {middle - start:8.1f} {stop - middle:8.1f} {bound / KIB:9.1f} {arena / KIB:9.1f}", flush=True
        )


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("minimalloc", "models", "blocks", "chains", "unet"))
    parser.add_argument(
        "names",
        nargs="*",
        help="the folder, where there is one; parts of model names, default: all; numbers of layers; HEIGHTxWIDTH",
    )
    parser.add_argument("--effort", type=int, default=1, help="of the search for streaming plans")
    parser.add_argument("--nodes", type=int, default=2_000_000, help="placements tried per minimalloc problem")
    parser.add_argument("--python", action="store_true", help="do not compile the branch and bound")
    options = parser.parse_args()
    if options.what == "blocks":
        many_blocks(options.names, options.effort)
        return 0
    if options.what == "chains":
        chains([int(name) for name in options.names] or CHAINS, options.effort)
        return 0
    if options.what == "unet":
        unets(options.names or UNETS, options.effort)
        return 0
    if not options.names:
        parser.error(f"{options.what}: needs a folder")
    folder, names = Path(options.names[0]), options.names[1:]
    if options.what == "minimalloc":
        return 0 if minimalloc(folder, options.nodes, not options.python) else 1
    models(folder, names, options.effort)
    return 0


if __name__ == "__main__":
    sys.exit(main())
