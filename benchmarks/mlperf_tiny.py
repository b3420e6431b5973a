"""The four networks of MLPerf Tiny: cycles by our model beside those that others published.

    python benchmarks/mlperf_tiny.py [--models DIR] [--boards NAME,...] [--objectives balanced,speed] [NETWORK ...]

Ours are estimated: the board's program runs in QEMU, which counts instructions and accesses, and a model of the board's
core and memories turns them into cycles (docs/cycle-model.md says how far that is from boards). None of ours was
measured on a board. Theirs were: medians of the results that MLCommons publishes, cycles being the board's clock by the
throughput.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyseg_tvm.frontend import from_tflite
from tinyseg_tvm.micro import RunResult, generate_project
from tinyseg_tvm.relay import BuildOptions, build
from tinyseg_tvm.report.tables import render

MODELS = Path(__file__).resolve().parents[2] / "shared" / "models"
BOARD_FILES = Path(__file__).resolve().parent / "boards"
NETWORKS = {
    "IC": "mlperf_resnet8_int8",
    "VWW": "mlperf_vww_96_int8",
    "KWS": "mlperf_kws_ref_model",
    "AD": "mlperf_ad01_int8",
}
"""ResNet-8, a quarter of MobileNetV1, DS-CNN, an autoencoder of dense layers."""
BOARDS = "nucleo_l4r5zi,nucleo_u575zi_q,nucleo_h7a3zi,nucleo_g0b1re"
OBJECTIVES = "balanced,speed"


@dataclass(frozen=True)
class Published:
    """Million cycles of an engine on a board, in the order of NETWORKS, and the round and submitter of the result."""

    board: str
    engine: str
    source: str
    mcycles: tuple[float, float, float, float]

    def row(self, networks: Sequence[str]) -> list[str]:
        """Of the table."""
        cycles = dict(zip(NETWORKS, self.mcycles, strict=True))
        return [self.board, self.engine, *(f"{cycles[network]:g}" for network in networks), self.source]


PUBLISHED = (
    Published("nucleo_l4r5zi", "TFLM, reference", "v0.5, MLCommons", (84.5, 72.1, 21.8, 1.21)),
    Published("nucleo_l4r5zi", "microTVM + CMSIS-NN", "v1.0, OctoML", (46.8, 36.1, 11.98, 1.03)),
    Published("nucleo_l4r5zi", "HALE", "v1.1, Bosch", (21.5, 21.7, 7.52, 0.68)),
    Published("nucleo_l4r5zi", "Plumerai 2023.05", "v1.1, Plumerai", (20.1, 11.85, 5.73, 0.49)),
    Published("nucleo_l4r5zi", "X-CUBE-AI 9.0", "v1.2, STMicroelectronics", (19.8, 10.67, 5.18, 0.63)),
    Published("nrf5340_dk", "microTVM + CMSIS-NN", "v1.0, OctoML", (40.5, 29.7, 9.74, 0.80)),
    Published("nucleo_u575zi_q", "Plumerai", "v1.1, Plumerai", (16.7, 9.52, 4.81, 0.59)),
    Published("nucleo_u575zi_q", "X-CUBE-AI 10.2", "v1.3, STMicroelectronics", (17.5, 9.48, 4.64, 0.51)),
    Published("nucleo_h7a3zi", "X-CUBE-AI 9.0", "v1.2, STMicroelectronics", (11.4, 6.66, 3.17, 0.34)),
    Published("nucleo_g0b1re", "HALE", "v1.2, Bosch", (97.4, 90.5, 30.4, 2.62)),
)


def published(network: str, board: str, engine: str) -> float | None:
    """An engine's million cycles, where there are some. ``board`` may name its emulation."""
    name = board.partition("@")[0]
    found = (each for each in PUBLISHED if (each.board, each.engine) == (name, engine))
    return next((each.mcycles[list(NETWORKS).index(network)] for each in found), None)


def emulated(board: str) -> str:
    """What names a board as QEMU emulates it: those that the compiler does not know lie beside this file."""
    own = BOARD_FILES / f"{board}.toml"
    return f"{own if own.exists() else board}@qemu"


def measure(model: Path, board: str, objective: str) -> RunResult:
    """Compiles a network for a board, runs it and estimates its cycles. ``speed`` may use all of the board's RAM."""
    mod, params = from_tflite(model)
    factory = build(mod, BuildOptions(board=emulated(board), objective=objective), params, name=model.stem)
    with tempfile.TemporaryDirectory() as folder:
        return generate_project(emulated(board), factory, Path(folder, "project")).run(estimate=True)


def main() -> int:
    """Prints a table for each board, in million cycles; returns 1 where a program differs from its reference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", help=f"of {', '.join(NETWORKS)} (default: all)")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder with tflite/*.tflite")
    parser.add_argument("--boards", default=BOARDS)
    parser.add_argument("--objectives", default=OBJECTIVES)
    arguments = parser.parse_args()
    networks = arguments.networks or list(NETWORKS)
    paths = [arguments.models / "tflite" / f"{NETWORKS[network]}.tflite" for network in networks]
    absent = ", ".join(str(path) for path in paths if not path.exists())
    if absent:
        print(f"nothing is measured: {absent} missing (github.com/mlcommons/tiny has the files)", file=sys.stderr)
        return 0
    exact = True
    for board in arguments.boards.split(","):
        rows = [each.row(networks) for each in PUBLISHED if each.board == board]
        for objective in arguments.objectives.split(","):
            results = [measure(path, board, objective) for path in paths]
            exact &= all(result.status == 0 and result.mismatches == 0 for result in results)
            rows.append(_row(board, objective, results))
            print(rows[-1], file=sys.stderr, flush=True)
        print(render(rows, ["board", "engine", *networks, "source"]) + "\n", flush=True)
    print("Million cycles of an inference. Ours are estimated by a model, measured on no board; theirs were measured.")
    return 0 if exact else 1


def _row(board: str, objective: str, results: Sequence[RunResult]) -> list[str]:
    cycles = [result.estimated.total for result in results if result.estimated is not None]
    sizes = ", ".join(f"{result.ram.total / 1024:.1f}" for result in results)
    return [board, f"ours, {objective}", *(f"{each / 1e6:.3g}" for each in cycles), f"estimated; RAM {sizes} KiB"]


if __name__ == "__main__":
    sys.exit(main())
