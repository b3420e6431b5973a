"""Networks over endless input: what a round takes beside an inference of the whole input, as firmware.

Runs rounds in QEMU, until results come and some more, each compared with the reference. The example's network is always
there; others come from a folder.

    python benchmarks/endless.py [--models DIR] [--board mps2_an386] [NAME ...]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tinyseg_tvm.micro import RunResult, generate_project
from tinyseg_tvm.network import Network, Port, reference
from tinyseg_tvm.relay import BuildOptions, Factory, build, frontend
from tinyseg_tvm.relay.factory import random_inputs
from tinyseg_tvm.report.tables import render

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "segmentation" / "tinyunet_int8.onnx"
MODELS = ROOT.parent / "shared" / "models"
NETWORKS = (
    "mlperf_kws_ref_model",
    "fdt_kws_cnn_s_quantized",
    "tflm_micro_speech_quantized",
    "micro_kws_m_static_qdq",
    "fdt_mw_magic_wand_int8_qdq",
    "tinyseg_tinyunet_int8io",
)
ROUNDS_BEHIND = 3  # that are compared once results come
HEADERS = [
    "network",
    "lines",
    "a round's",
    "results behind",
    "exact",
    "MACs",
    "of the whole",
    "instructions",
    "of the whole",
    "RAM KiB",
    "whole KiB",
]


def compiled(path: Path, options: BuildOptions) -> Factory:
    """The network of a model."""
    mod, params = frontend.from_file(path)
    return build(mod, options, params, name=path.stem)


def _whole_lines(factory: Factory) -> int:
    """Lines of the model's input, along the axis that is endless."""
    lowered = factory.lowered.exchanged if factory.axis == "columns" else factory.lowered
    return lowered.network.tensors[lowered.network.inputs[0].tensor].type.lines


def run_rounds(factory: Factory) -> tuple[RunResult, bool]:
    """The firmware over as many rounds as bring results, and whether every byte is the reference's."""
    network = factory.network
    late = max((p.delay or 0) // network.tensors[p.tensor].type.lines for p in network.outputs)
    rounds = [random_inputs(network, seed) for seed in range(late + ROUNDS_BEHIND)]
    frames = [_in_the_models_layout(network, network.inputs, arrays) for arrays in rounds]
    with tempfile.TemporaryDirectory() as folder:
        result = generate_project(factory.board, factory, Path(folder, "project")).run(frames)
    expected = reference.run_sequence(network, rounds)
    exact = result.status == 0 and len(result.outputs) == len(expected)
    for outputs, arrays in zip(result.outputs, expected, strict=False):
        wanted = _in_the_models_layout(network, network.outputs, arrays)
        exact = exact and all(np.array_equal(got, want) for got, want in zip(outputs, wanted, strict=True))
    return result, exact


def _in_the_models_layout(network: Network, ports: Sequence[Port], arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [reference.from_device(network, port, array) for port, array in zip(ports, arrays, strict=True)]


def row(path: Path, options: BuildOptions) -> tuple[list[str], bool]:
    """The table's row of a model, and whether the firmware is exact."""
    factory, whole = compiled(path, replace(options, endless=0)), compiled(path, options)
    result, exact = run_rounds(factory)
    with tempfile.TemporaryDirectory() as folder:
        once = generate_project(whole.board, whole, Path(folder, "project")).run()
    network = factory.network
    delays = {p.name: p.delay or 0 for p in network.outputs}
    return [
        path.stem,
        factory.axis,
        f"{network.tensors[network.inputs[0].tensor].type.lines} of {_whole_lines(factory)}",
        ", ".join(str(delay) for delay in delays.values()),
        "yes" if exact and once.mismatches == 0 else "NO",
        f"{factory.macs:,}",
        f"{100 * factory.macs / max(whole.macs, 1):.1f} %",
        f"{result.instructions:,}",
        f"{100 * result.instructions / max(once.instructions, 1):.1f} %",
        f"{result.ram.total / 1024:.1f}",
        f"{once.ram.total / 1024:.1f}",
    ], exact and once.mismatches == 0


def main() -> int:
    """Prints the table; 1 where firmware is not exact."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=MODELS, help="folder with onnx/*.onnx")
    parser.add_argument("--board", default="mps2_an386")
    parser.add_argument("names", nargs="*", metavar="NAME", help="parts of networks' names (default: all)")
    arguments = parser.parse_args()
    paths = [EXAMPLE, *(arguments.models / "onnx" / f"{name}.onnx" for name in NETWORKS)]
    chosen = [p for p in paths if p.exists() and (not arguments.names or any(n in p.stem for n in arguments.names))]
    rows, failed = [], 0
    for path in chosen:
        cells, exact = row(path, BuildOptions(board=arguments.board, io_type="quantized"))
        print(*cells, file=sys.stderr, sep=" | ")
        rows.append(cells)
        failed += not exact
    print(render(rows, HEADERS))
    return min(failed, 1)


if __name__ == "__main__":
    raise SystemExit(main())
