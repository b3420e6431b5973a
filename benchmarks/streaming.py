"""Whole-program RAM of line streaming, measured on firmware in QEMU, beside the bars and the rivals.

    python benchmarks/streaming.py [--models DIR] [ROW ...]

Figures are KiB of data, bss, arena, resident I/O and stack; every run is compared with the reference byte by byte.
"TFLM program" is the same of TensorFlow Lite Micro's whole program with CMSIS-NN, built for the same core; it was
measured apart, this repository does not hold it. Where it is not known, the ratio is to the arena that TFLM's
interpreter reports on x86-64 or, for the largest networks, its planner computes. "bar" is what we set out to reach.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tinyseg_tvm.frontend import from_onnx, from_tflite
from tinyseg_tvm.micro import RunResult, generate_project
from tinyseg_tvm.network.problem import IoMode
from tinyseg_tvm.relay import BuildOptions, Factory, build
from tinyseg_tvm.report.tables import render

MODELS = Path(__file__).resolve().parents[2] / "shared" / "models"
BOARD = "mps2_an386"


@dataclass(frozen=True)
class Tflm:
    """KiB that TensorFlow Lite Micro takes: its arena, and the whole program with CMSIS-NN where it is known."""

    arena: float
    program: float | None = None

    @property
    def yardstick(self) -> float:
        """What ours is compared with."""
        return self.arena if self.program is None else self.program


@dataclass(frozen=True)
class Case:
    """One row: a network, how it is run, the bar in KiB, the exact floor of live lines, and what TFLM takes.

    ``model`` is a file: the original ``.tflite`` that the rival's figure is of, or an ONNX model.
    """

    name: str
    model: str
    axis: str
    io: IoMode
    bar: float
    floor: float | None
    tflm: Tflm
    io_type: str = "model"
    recompute: float = 0.0
    ram: int | None = None

    @property
    def options(self) -> BuildOptions:
        """Its build options: least RAM."""
        return BuildOptions(
            board=BOARD,
            objective="ram",
            stream_axis=self.axis,
            io=self.io,
            io_type=self.io_type,
            max_recompute=self.recompute,
            ram=self.ram,
        )


UNET = "gen_tinyunet_80x120_int8.onnx"
TINY_UNET = Tflm(311, 235.2)
NANO_U = Tflm(85.7, 84.1)
VWW = Tflm(101, 100.2)
PERSON_DETECT = Tflm(83, 82.2)
TINYENGINE_VWW = Tflm(219.7, 216.6)  # float input and output
MCUNETV2 = Tflm(2553, 2543)  # the same
CASES = [
    Case("unet-rows", UNET, "rows", "resident", 114, 105.7, TINY_UNET),
    Case("unet-columns", UNET, "columns", "resident", 87, 79.8, TINY_UNET),
    Case("unet-columns-line", UNET, "columns", "line", 71, 64.2, TINY_UNET),
    Case("unet-recompute", UNET, "columns", "resident", 70, 63.1, TINY_UNET, recompute=10.1),
    Case("unet-240x320", "gen_tinyunet_240x320_int8.onnx", "columns", "line", 205, 194, Tflm(2400), ram=256 * 1024),
    Case("nano-u", "seg_nano_u_botanicgarden.tflite", "auto", "resident", 20, 14.7, NANO_U),
    Case("nano-u-line", "seg_nano_u_botanicgarden.tflite", "columns", "line", 10, 5.8, NANO_U),
    Case("vww", "mlperf_vww_96_int8.tflite", "auto", "resident", 34, 27.4, VWW),
    Case("vww-line", "mlperf_vww_96_int8.tflite", "rows", "line", 15, 10.0, VWW),
    Case("person", "tflm_person_detect.tflite", "auto", "resident", 17, 12.0, PERSON_DETECT),
    Case("person-line", "tflm_person_detect.tflite", "rows", "line", 14, 9.8, PERSON_DETECT),
    Case("resnet8-line", "mlperf_resnet8_int8.tflite", "rows", "line", 14, 8.9, Tflm(54.7, 55.6)),
    Case("kws-line", "mlperf_kws_ref_model.tflite", "rows", "line", 7, 3.5, Tflm(23.7, 24.2)),
    Case("vww80-line", "tinyengine_vww.tflite", "rows", "line", 20, 13.7, TINYENGINE_VWW, io_type="quantized"),
    Case("mcunetv2-line", "tinyengine_mcunetv2_large.onnx", "rows", "line", 260, 234, MCUNETV2, io_type="quantized"),
    Case(
        "mcunetv2-recompute",
        "tinyengine_mcunetv2_large.onnx",
        "rows",
        "line",
        260,
        None,
        MCUNETV2,
        "quantized",
        recompute=35.0,
    ),
    Case("posenet-line", "fdt_pos_posenet_075_353_481_quant.onnx", "columns", "line", 260, 226, Tflm(2999)),
    Case(
        "deeplab-line",
        "seg_coral_deeplabv3_mnv2_dm05_pascal_quant.onnx",
        "rows",
        "line",
        300,
        247,
        Tflm(7453),
        "quantized",
    ),
]
HEADERS = ["row", "lines", "I/O", "RAM KiB", "bar", "live-line floor", "TFLM program", "TFLM arena", "TFLM / ours"]
HEADERS += ["exact", "extra MACs"]


def model_path(file: str, models: Path) -> Path:
    """Where a network lies under the folder of all: by its format, as its suffix says."""
    return models / Path(file).suffix[1:] / file


def measure(case: Case, models: Path) -> tuple[Factory, RunResult]:
    """Compiles, builds and runs one row."""
    path = model_path(case.model, models)
    mod, params = (from_tflite if path.suffix == ".tflite" else from_onnx)(path)
    factory = build(mod, case.options, params, name=path.stem)
    with tempfile.TemporaryDirectory() as folder:
        project = generate_project(factory.board, factory, Path(folder, "project"), ram_limit=case.ram)
        return factory, project.run()


def main() -> int:
    """Prints the table; returns 1 where a row misses its bar or differs from the reference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help="names of rows (default: all)")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder with onnx/*.onnx and tflite/*.tflite")
    arguments = parser.parse_args()
    rows, missed = [], 0
    for case in (case for case in CASES if not arguments.rows or case.name in arguments.rows):
        print(case.name, file=sys.stderr, flush=True)
        factory, result = measure(case, arguments.models)
        ram = result.ram.total / 1024
        exact = result.status == 0 and result.mismatches == 0
        missed += ram > case.bar or not exact
        extra = factory.planned.recomputed_macs / max(factory.macs - factory.planned.recomputed_macs, 1)
        mark = "" if ram <= case.bar else "  MISSED"
        row = [case.name, factory.axis, case.io, f"{ram:.1f}{mark}", f"{case.bar:g}", case.floor and f"{case.floor:g}"]
        program = "" if case.tflm.program is None else f"{case.tflm.program:g}"
        row += [program, f"{case.tflm.arena:g}", f"{case.tflm.yardstick / ram:.1f} x"]
        rows.append([*row, "yes" if exact else "NO", f"{100 * extra:.1f} %"])
    print(render(rows, HEADERS))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
