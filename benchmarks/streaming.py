"""Whole-program RAM of line streaming, measured on firmware in QEMU, beside the bars and the rivals.

    python benchmarks/streaming.py [--models DIR] [ROW ...]

Figures are KiB of data, bss, arena, resident I/O and stack; every run is compared with the reference byte by byte.
"TFLM" is the arena that TensorFlow Lite Micro needs for the network, "bar" what we set out to reach.
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
class Case:
    """One row: a network, how it is run, the bar in KiB, the exact floor of live lines, and TFLM's arena.

    ``model`` is a file: the original ``.tflite`` that the rival's figure is of, or an ONNX model.
    """

    name: str
    model: str
    axis: str
    io: IoMode
    bar: float
    floor: float | None
    tflm: float
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
CASES = [
    Case("unet-rows", UNET, "rows", "resident", 114, 105.7, 311),
    Case("unet-columns", UNET, "columns", "resident", 87, 79.8, 311),
    Case("unet-columns-line", UNET, "columns", "line", 71, 64.2, 311),
    Case("unet-recompute", UNET, "columns", "resident", 70, 63.1, 311, recompute=10.1),
    Case("unet-240x320", "gen_tinyunet_240x320_int8.onnx", "columns", "line", 205, 194, 2400, ram=256 * 1024),
    Case("nano-u", "seg_nano_u_botanicgarden.tflite", "auto", "resident", 20, 14.7, 85.7),
    Case("nano-u-line", "seg_nano_u_botanicgarden.tflite", "columns", "line", 10, 5.8, 85.7),
    Case("vww", "mlperf_vww_96_int8.tflite", "auto", "resident", 34, 27.4, 101),
    Case("vww-line", "mlperf_vww_96_int8.tflite", "rows", "line", 15, 10.0, 101),
    Case("person", "tflm_person_detect.tflite", "auto", "resident", 17, 12.0, 83),
    Case("person-line", "tflm_person_detect.tflite", "rows", "line", 14, 9.8, 83),
    Case("resnet8-line", "mlperf_resnet8_int8.tflite", "rows", "line", 14, 8.9, 54.7),
    Case("kws-line", "mlperf_kws_ref_model.tflite", "rows", "line", 7, 3.5, 23.7),
    Case("vww80-line", "tinyengine_vww.tflite", "rows", "line", 20, 13.7, 219.7, io_type="quantized"),
    Case("mcunetv2-line", "tinyengine_mcunetv2_large.onnx", "rows", "line", 260, 234, 2553, io_type="quantized"),
    Case(
        "mcunetv2-recompute",
        "tinyengine_mcunetv2_large.onnx",
        "rows",
        "line",
        260,
        None,
        2553,
        "quantized",
        recompute=35.0,
    ),
    Case("posenet-line", "fdt_pos_posenet_075_353_481_quant.onnx", "columns", "line", 260, 226, 2999),
    Case(
        "deeplab-line", "seg_coral_deeplabv3_mnv2_dm05_pascal_quant.onnx", "rows", "line", 300, 247, 7453, "quantized"
    ),
]
HEADERS = ["row", "lines", "I/O", "RAM KiB", "bar", "live-line floor", "TFLM", "TFLM / ours", "exact", "extra MACs"]


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
        rows.append(
            [*row, f"{case.tflm:g}", f"{case.tflm / ram:.1f} x", "yes" if exact else "NO", f"{100 * extra:.1f} %"]
        )
    print(render(rows, HEADERS))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
