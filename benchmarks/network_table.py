"""Whole networks with the fastest kernels that a limit of RAM allows: instructions, RAM, flash, and what they are
spent on. Used by kernels.py (``--networks``).
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tinyseg_tvm.micro import RunResult, generate_project
from tinyseg_tvm.relay import BuildOptions, Factory, build, frontend
from tinyseg_tvm.report.tables import render

UNET = "gen_tinyunet_80x120_int8"
NETWORKS = {  # model: (title, axis, limit of the whole program in KiB)
    "mlperf_vww_96_int8": ("VWW", "auto", 60),
    "mlperf_resnet8_int8": ("ResNet-8", "auto", 40),
    "tflm_person_detect": ("person_detect", "auto", 40),
    "mlperf_kws_ref_model": ("KWS", "auto", 20),
    "seg_nano_u_botanicgarden": ("Nano-U", "auto", 30),
    UNET: ("Tiny U-Net", "rows", 116),
}
AMPLE = 2 << 20  # bytes of RAM in which every operator gets its fastest kernel
REQUANTISE = re.compile(r"store|requanti|near_tie|multiply_(integer|exact)|scale")
HEADERS = [
    "network",
    "board",
    "lines",
    "exact",
    "MACs",
    "instructions",
    "/MAC",
    "RAM KiB",
    "code B",
    "weights B",
    "driver",
    "kernels",
    "requantise",
]


@dataclass(frozen=True)
class Shares:
    """Instructions of an inference: of the tables' driver and the operators' functions, of kernels, and of functions
    that do nothing but requantise (kernels that requantise in their own code do not count here).
    """

    driver: int
    kernels: int
    requantise: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.driver + self.kernels + self.requantise


def is_program(function: str, name: str) -> bool:
    """Whether a function of the program ``name`` is one that an operator has to itself, in ``src/<name>_tvm.c``."""
    return function.startswith(name) and "_tvm" in function


def shares_of(profile: Mapping[str, int], name: str, vectors: int) -> Shares:
    """Splits instructions per function, all vectors together, of a program ``name``."""
    counts = {"driver": 0, "kernels": 0, "requantise": 0}
    for function, count in profile.items():
        part = "requantise" if REQUANTISE.search(function) else "kernels"
        if function.startswith(name) and not is_program(function, name):
            part = "driver"
        counts[part] += count
    return Shares(*(count // vectors for count in counts.values()))


def run(path: Path, options: BuildOptions) -> tuple[Factory, RunResult]:
    """Compiles, builds and runs a model, counting per function."""
    mod, params = frontend.from_onnx(path)
    factory = build(mod, options, params, name=path.stem)
    with tempfile.TemporaryDirectory() as folder:
        project = generate_project(factory.board, factory, Path(folder, "project"), ram_limit=options.ram)
        return factory, project.run(profile=True)


def is_exact(result: RunResult) -> bool:
    """Whether the firmware's results equal the reference's."""
    return result.status == 0 and result.mismatches == 0


def row(title: str, factory: Factory, result: RunResult) -> list[str]:
    """The table's row of a network."""
    shares = shares_of(result.profile, factory.name, len(result.outputs))
    total = max(shares.total, 1)
    return [
        title,
        factory.board.name,
        factory.axis,
        "yes" if is_exact(result) else "NO",
        f"{factory.macs:,}",
        f"{result.instructions:,}",
        f"{result.instructions / max(factory.macs, 1):.3f}",
        f"{result.ram.total / 1024:.1f}",
        f"{result.flash.code:,}",
        f"{result.flash.weights:,}",
        *(f"{100 * count / total:.1f} %" for count in (shares.driver, shares.kernels, shares.requantise)),
    ]


def compare_layerwise(path: Path, board: str) -> tuple[list[list[str]], float, bool]:
    """A network streamed by rows and layer by layer, each with its fastest kernels.

    Returns:
        rows of the table, instructions streamed by those layer by layer, and whether both are exact.
    """
    rows, counts, exact = [], [], True
    for title, layerwise in ((f"{path.stem}: by rows", False), (f"{path.stem}: by layer", True)):
        options = BuildOptions(board=board, stream_axis="rows", ram=AMPLE, layerwise=layerwise)
        factory, result = run(path, options)
        rows.append(row(title, factory, result))
        counts.append(result.instructions)
        exact = exact and is_exact(result)
    return rows, counts[0] / counts[1], exact


def print_networks(models: Path, boards: list[str], names: list[str]) -> int:
    """Prints the tables for the models in ``models``; returns how many runs are not exact."""
    chosen = [m for m in NETWORKS if not names or any(name in m or name in NETWORKS[m][0] for name in names)]
    rows, failed = [], 0
    for board in boards:
        for model in chosen:
            title, axis, ram = NETWORKS[model]
            options = BuildOptions(board=board, stream_axis=axis, ram=ram * 1024)
            factory, result = run(models / f"{model}.onnx", options)
            rows.append(row(title, factory, result))
            print(*rows[-1], file=sys.stderr, sep=" | ")
            failed += not is_exact(result)
    print(render(rows, HEADERS))
    if UNET not in chosen:
        return failed
    print("\nTiny U-Net with the fastest kernels, streamed and layer by layer:")
    for board in boards:
        compared, ratio, exact = compare_layerwise(models / f"{UNET}.onnx", board)
        failed += not exact
        print(render(compared, HEADERS))
        print(f"streamed / layer by layer on {board}: {ratio:.4f}")
    return failed
