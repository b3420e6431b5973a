"""The same networks from TensorFlow Lite and from ONNX: RAM and instructions of both, measured on firmware in QEMU.

    python benchmarks/tflite_twins.py [--models DIR] [ROW ...]

Each row compiles ``tflite/NAME.tflite`` and its twin ``onnx/NAME.onnx`` with equal options; the twin has other
arithmetic (ONNX's rule), equal geometry and weights. Every run is compared with its reference byte by byte. The bars:
RAM at most 1 % (Tiny U-Net) or 2 % above the twin's; instructions at most 4 % above it on the Cortex-M4, and below it
on the Cortex-M3.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_onnx, from_tflite
from tinyseg_tvm.micro import RunResult, generate_project
from tinyseg_tvm.network.problem import IoMode
from tinyseg_tvm.relay import BuildOptions, build
from tinyseg_tvm.report.tables import render

MODELS = Path(__file__).resolve().parents[2] / "shared" / "models"
UNET = "tinyseg_tinyunet_int8io"
HEADERS = ["row", "board", "RAM tflite", "RAM onnx", "ratio", "instructions tflite", "onnx", "ratio", "exact", "bars"]


@dataclass(frozen=True)
class Case:
    """One row: a network and how it is run; ``ram_bar`` and ``time_bar`` are ratios, None where there is none."""

    name: str
    model: str
    board: str = "mps2_an386"
    axis: str = "auto"
    io: IoMode = "resident"
    io_type: str = "model"
    objective: str = "ram"
    ram: int | None = None
    recompute: float = 0.0
    ram_bar: float | None = 1.02
    time_bar: float | None = None

    @property
    def options(self) -> BuildOptions:
        """Its build options."""
        return BuildOptions(
            board=self.board,
            objective=self.objective,
            stream_axis=self.axis,
            io=self.io,
            io_type=self.io_type,
            max_recompute=self.recompute,
            ram=self.ram,
        )


CASES = [
    Case("unet-rows", UNET, axis="rows", ram_bar=1.01),
    Case("unet-columns", UNET, axis="columns", ram_bar=1.01),
    Case("unet-columns-line", UNET, axis="columns", io="line", ram_bar=1.01),
    Case("unet-recompute", UNET, axis="columns", recompute=10.1, ram_bar=1.01),
    Case("unet-m4", UNET, axis="rows", objective="balanced", ram=116 << 10, ram_bar=1.01, time_bar=1.04),
    Case("unet-m3", UNET, "mps2_an385", "rows", objective="balanced", ram=116 << 10, ram_bar=1.01, time_bar=1.0),
    Case("nano-u", "seg_nano_u_botanicgarden"),
    Case("nano-u-line", "seg_nano_u_botanicgarden", axis="columns", io="line"),
    Case("vww", "mlperf_vww_96_int8"),
    Case("vww-line", "mlperf_vww_96_int8", axis="rows", io="line"),
    Case("person", "tflm_person_detect"),
    Case("person-line", "tflm_person_detect", axis="rows", io="line"),
    Case("resnet8-line", "mlperf_resnet8_int8", axis="rows", io="line"),
    Case("kws-line", "mlperf_kws_ref_model", axis="rows", io="line"),
    Case("ad01", "mlperf_ad01_int8"),
    Case("micro-speech", "tflm_micro_speech_quantized"),
    Case("vww80-line", "tinyengine_vww", axis="rows", io="line", io_type="quantized"),
    Case("mcunetv2-line", "tinyengine_mcunetv2_large", axis="rows", io="line", io_type="quantized"),
    Case("posenet-line", "fdt_pos_posenet_075_353_481_quant", axis="columns", io="line"),
    Case("deeplab-line", "seg_coral_deeplabv3_mnv2_dm05_pascal_quant", axis="rows", io="line", io_type="quantized"),
]


def measure(case: Case, path: Path) -> RunResult:
    """Compiles, builds and runs a network."""
    mod, params = (from_tflite if path.suffix == ".tflite" else from_onnx)(path)
    factory = build(mod, case.options, params, name=path.stem)
    with tempfile.TemporaryDirectory() as folder:
        return generate_project(factory.board, factory, Path(folder, "project"), ram_limit=case.ram).run()


def judge(case: Case, models: Path) -> tuple[list[str], bool]:
    """The row of a case, and whether it keeps its bars."""
    try:
        ours, twin = (measure(case, models / kind / f"{case.model}.{kind}") for kind in ("tflite", "onnx"))
    except TinySegError as error:
        return [case.name, case.board, *[""] * 6, "NO", str(error)[:80]], False
    memory = ours.ram.total / twin.ram.total
    time = ours.instructions / twin.instructions if ours.instructions and twin.instructions else None
    exact = not (ours.status or twin.status or ours.mismatches or twin.mismatches)
    missed = [
        name
        for name, found, bar in (("RAM", memory, case.ram_bar), ("instructions", time, case.time_bar))
        if bar is not None and (found is None or found > bar)
    ]
    row = [case.name, case.board, f"{ours.ram.total / 1024:.1f}", f"{twin.ram.total / 1024:.1f}", f"{memory:.3f}"]
    row += [f"{result.instructions or 0:,}" for result in (ours, twin)]
    row += ["" if time is None else f"{time:.3f}", "yes" if exact else "NO"]
    return [*row, f"MISSED: {', '.join(missed)}" if missed else "kept"], exact and not missed


def main() -> int:
    """Prints the table; returns 1 where a row misses a bar or differs from its reference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help="names of rows (default: all)")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder with onnx/*.onnx and tflite/*.tflite")
    arguments = parser.parse_args()
    rows, kept = [], True
    for case in (case for case in CASES if not arguments.rows or case.name in arguments.rows):
        print(case.name, file=sys.stderr, flush=True)
        row, good = judge(case, arguments.models)
        rows.append(row)
        kept = kept and good
    print(render(rows, HEADERS))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
