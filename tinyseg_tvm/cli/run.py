"""Run a project's firmware on its board (the host, QEMU, by GDB server, serial line or command) and measure it.

Without --input the project's own test vectors are run. Outputs are compared byte by byte with the reference executor;
those that floating point of the long tail has part in may differ by its tolerance.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from tinyseg_tvm.cli import arguments as shared

EXAMPLES = """examples:
  tinyseg run out
  tinyseg run out --json
  tinyseg run out --input image.npy --output mask.npy
  tinyseg run out --server localhost:3333      (a GDB server that listens: OpenOCD, pyOCD, J-Link, ...)
  tinyseg run out --port /dev/ttyACM0          (a serial line)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="a project made by 'tinyseg compile'")
    parser.add_argument("--input", type=Path, action="append", default=[], metavar="X.npy", help="one per model input")
    parser.add_argument(
        "--output", type=Path, action="append", default=[], metavar="Y.npy", help="one per model output"
    )
    parser.add_argument("--profile", action="store_true", help="count instructions per function (QEMU)")
    parser.add_argument("--sanitize", action="store_true", help="address and undefined-behaviour sanitizers (host)")
    shared.add_transport(parser)
    parser.add_argument("--timeout", type=float, default=600.0, metavar="SECONDS", help="default: 600")
    parser.add_argument("--json", action="store_true", help="print exactly one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Runs, compares, prints; 1 where an output differs or the firmware failed."""
    import numpy as np

    from tinyseg_tvm.cli import vectors
    from tinyseg_tvm.errors import TinySegError, UsageError
    from tinyseg_tvm.micro import Project
    from tinyseg_tvm.network.reference_process import run_apart

    metadata = vectors.project_metadata(arguments.directory)
    network = vectors.project_network(arguments.directory)
    if arguments.output and len(arguments.output) != len(network.outputs):
        raise UsageError(f"--output: the network has {len(network.outputs)} outputs, {len(arguments.output)} are named")
    inputs = vectors.read_inputs(network, arguments.input) if arguments.input else None
    project = Project(arguments.directory)
    result = project.run(
        None if inputs is None else [inputs],
        layout="device",
        profile=arguments.profile,
        estimate=True,
        sanitize=arguments.sanitize,
        timeout=arguments.timeout,
        transport=arguments.transport,
        server=arguments.server,
        port=arguments.port,
    )
    if result.status != 0 or not result.outputs:
        raise TinySegError(f"the firmware returned status {result.status} (see include/{network.name}.h)")
    figures = result.as_dict()
    figures["most_stack"] = {key: depth.as_dict() for key, depth in project.deepest_stacks(result.elf).items()}
    if inputs is not None:
        (expected,) = run_apart(network, [inputs])
        figures["mismatches"] = vectors.mismatches(expected, result.outputs[0])
        references = [expected]
    else:
        references = vectors.expected_outputs(network, arguments.directory, len(result.outputs))
    figures["disagreements"] = sum(
        vectors.disagreements(network, *pair) for pair in zip(references, result.outputs, strict=True)
    )
    for key in ("macs", "recomputed_macs"):
        figures[key] = metadata["promised"][key]
    if arguments.profile:
        figures["profile"] = dict(sorted(result.profile.items(), key=lambda item: -item[1]))
    for path, array in zip(arguments.output, vectors.model_outputs(network, result.outputs[0]), strict=False):
        np.save(path, array)
    print(json.dumps(figures, sort_keys=True) if arguments.json else _text(figures))
    return 1 if figures["disagreements"] else 0


def _text(figures: dict[str, Any]) -> str:
    from tinyseg_tvm.report.tables import render

    ram, flash, storage = figures["ram"], figures["flash"], figures["storage"]
    fast = figures["fast"]
    fast_row = ["  of static, copies in fast memory", f"code {fast['code']:,} B, weights {fast['weights']:,} B"]
    most = figures["most_stack"]
    sizes = ", ".join(f"{most[key]['bytes']:,} B" for key in ("run", "program") if most)
    stack_rows = [["  most stack by the code: network, program", sizes]] if most else []
    rows = [
        ["board", figures["board"]],
        ["bytes that differ from the reference", f"{figures['mismatches']}"],
        ["values outside the numeric contract", f"{figures['disagreements']}"],
        ["RAM, whole program", f"{ram['total']:,} B"],
        ["  arena (resident I/O included)", f"{ram['arena']:,} B"],
        ["  static, stack, slow", f"{ram['static']:,} B, {ram['stack']:,} B, {ram['slow']:,} B"],
        *([f"  in {name}", f"{size:,} B"] for name, size in ram["banks"].items()),
        *stack_rows,
        *([fast_row] if fast["total"] else []),
        ["flash", f"{flash['total']:,} B (code {flash['code']:,}, weights {flash['weights']:,})"],
        ["instructions", _counted(figures["instructions"], figures["macs"])],
        ["cycles", _counted(figures["cycles"], figures["macs"])],
        *_estimated(figures),
        *([] if figures["milliseconds"] is None else [["milliseconds", f"{figures['milliseconds']:.3f}"]]),
        ["MACs, of them recomputed", f"{figures['macs']:,}, {figures['recomputed_macs']:,}"],
        ["storage written, read", f"{storage['written']:,} B, {storage['read']:,} B"],
    ]
    text = render(rows, ["figure", "measured"])
    if "profile" in figures:
        text += "\n\n" + render(
            [[f"{n:,}", name] for name, n in figures["profile"].items()], ["instructions", "function"]
        )
    return text


def _estimated(figures: dict[str, Any]) -> list[list[str]]:
    """Cycles by the board's model, where the program was emulated."""
    estimated = figures["estimated"]
    if estimated is None:
        return []
    parts = ", ".join(f"{estimated[key]:,}" for key in ("core", "waiting_for_code", "waiting_for_data"))
    return [
        ["cycles, estimated", _counted(estimated["cycles"], figures["macs"])],
        ["  core, waiting for code, for data", parts],
        ["  milliseconds, estimated", f"{estimated['milliseconds']:.3f}"],
    ]


def _counted(count: int | None, macs: int) -> str:
    """A count, and how many that is for each multiply-accumulate."""
    if count is None:
        return "not measured"
    return f"{count:,} ({count / macs:.2f} per MAC)" if macs else f"{count:,}"
