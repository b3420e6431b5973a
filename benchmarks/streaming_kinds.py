"""Whole-program RAM of networks around one operator, against the same network with a Relu or table of equal shape.

    python benchmarks/streaming_kinds.py [--run] [--board BOARD] [--objective OBJECTIVE] [--io MODE] [NAME ...]

Each network is a convolution, the operator, and a convolution (``operator_twins``). The bar is a ratio of 1.3. Bytes
that every algorithm must hold which reads its input once (queries, keys and values of attention, the map that a
normalisation reads twice, states and gates of a recurrent layer) are added to the twin's: "held". ``--run`` builds
both, runs them in QEMU, and takes the measured bytes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import onnx
from operator_twins import Pair
from streaming_kinds_pairs import PAIRS

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.relay import BuildOptions, build, frontend
from tinyseg_tvm.report.tables import render

BAR = 1.3
HEADERS = ["kind", "operator", "type", "RAM B", "twin B", "held B", "ratio", ""]


def ram_bytes(model: onnx.ModelProto, options: BuildOptions, run: bool) -> int:
    """Whole-program RAM of a network: as promised, or as measured where it is run.

    Raises:
        TinySegError: it is not compiled, or its program is wrong.
    """
    factory = build(frontend.from_onnx(model), options)
    if not run:
        return factory.memory.total
    with tempfile.TemporaryDirectory() as folder:
        result = generate_project(factory.board, factory, Path(folder, "project")).run()
    if result.status or result.mismatches:
        raise TinySegError(f"ends with {result.status}, {result.mismatches} values differ from the reference's")
    return result.ram.total


def ratio(
    pair: Pair, options: BuildOptions, run: bool = False, known: dict[bytes, int] | None = None
) -> tuple[int, int, float]:
    """RAM of a network and of its twin, and the ratio of the network's to the twin's and what is held.

    ``known``: RAM of twins, by their files; most are the twins of several operators.
    """
    known = {} if known is None else known
    twin = pair.model(twin=True)
    key = twin.SerializeToString(deterministic=True)
    if key not in known:
        known[key] = ram_bytes(twin, options, run)
    ours = ram_bytes(pair.model(twin=False), options, run)
    return ours, known[key], ours / (known[key] + pair.held)


def main() -> int:
    """Prints the table; returns 1 where a pair misses the bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="kinds, or names of operators (default: all)")
    parser.add_argument("--run", action="store_true", help="build and run, and print measured bytes")
    parser.add_argument("--board", default="mps2_an386")
    parser.add_argument("--objective", default="ram")
    parser.add_argument("--io", default="line", choices=("line", "resident"))
    arguments = parser.parse_args()
    options = BuildOptions(board=arguments.board, objective=arguments.objective, io=arguments.io)
    rows, missed = [], 0
    known: dict[bytes, int] = {}
    for pair in PAIRS:
        if arguments.names and not {pair.kind, pair.name} & set(arguments.names):
            continue
        try:
            ours, twin, found = ratio(pair, options, arguments.run, known)
        except TinySegError as error:
            rows.append([pair.kind, pair.name, pair.values, "", "", "", "", f"REFUSED: {str(error)[:150]}"])
            missed += 1
            print(rows[-1], file=sys.stderr, flush=True)
            continue
        missed += found > BAR
        rows.append(
            [
                *(pair.kind, pair.name, pair.values, f"{ours:,}", f"{twin:,}", f"{pair.held:,}" if pair.held else ""),
                *(f"{found:.2f}", "MISSED" if found > BAR else ""),
            ]
        )
        print(*rows[-1], file=sys.stderr, flush=True)
    print(render(rows, HEADERS))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
