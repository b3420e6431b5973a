"""Programs that call Arm's CMSIS-NN layer by layer, as engines on top of it do: what the model of cycles is checked by.

    python benchmarks/cmsis_nn.py --cmsis-nn DIR [--models DIR] [--boards nucleo_l4r5zi@qemu,...] [NETWORK ...]

CMSIS-NN is not part of this repository: ``DIR`` is a checkout of https://github.com/ARM-software/CMSIS-NN. The figures
of docs/cycle-model.md are of its release 4.0.0 (November 2022), about as old as microTVM's results. Outputs are
compared with golden vectors.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from cmsis_nn_program import Program
from mlperf_tiny import MODELS, NETWORKS, published

from tinyseg_tvm.micro import RunResult, generate_project
from tinyseg_tvm.report.tables import render

BOARDS = "nucleo_l4r5zi@qemu,nrf5340_dk@qemu"
ENGINE = "microTVM + CMSIS-NN"
HEADERS = ["network", "board", "exact", "core", "code", "data", "Mcycles, estimated", "published", "ratio"]


def measure(model: str, board: str, cmsis: Path, models: Path) -> RunResult:
    """Builds and runs a network's program."""
    program = Program(models / "tflite" / f"{model}.tflite")
    files = program.files(cmsis, models / "golden" / f"{model}.npz")
    with tempfile.TemporaryDirectory() as folder:
        return generate_project(board, files, Path(folder, "project")).run(estimate=True)


def main() -> int:
    """Prints the table; returns 1 where a program does not compute the golden outputs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", help=f"of {', '.join(NETWORKS)} (default: all)")
    parser.add_argument("--cmsis-nn", type=Path, required=True, help="a checkout of CMSIS-NN")
    parser.add_argument("--models", type=Path, default=MODELS)
    parser.add_argument("--boards", default=BOARDS)
    arguments = parser.parse_args()
    rows, exact = [], True
    for board in arguments.boards.split(","):
        for network in arguments.networks or NETWORKS:
            result = measure(NETWORKS[network], board, arguments.cmsis_nn, arguments.models)
            exact &= result.status == 0 and result.mismatches == 0
            rows.append(_row(network, board, result))
            print(rows[-1], file=sys.stderr)
    print(render(rows, HEADERS))
    return 0 if exact else 1


def _row(network: str, board: str, result: RunResult) -> list[str]:
    estimated, known = result.estimated, published(network, board, ENGINE)
    assert estimated is not None
    parts = [f"{value / 1e6:.3f}" for value in (estimated.core, estimated.code, estimated.data, estimated.total)]
    verdict = "yes" if result.status == 0 and result.mismatches == 0 else f"NO ({result.status}, {result.mismatches})"
    beside = ["", ""] if known is None else [f"{known:g}", f"{estimated.total / 1e6 / known:.2f}"]
    return [network, result.board, verdict, *parts, *beside]


if __name__ == "__main__":
    sys.exit(main())
