"""Plan a model without writing anything: what it needs, what is alive at the peak, and which memories it would fit.

The figures have the names under which 'tinyseg run' measures them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tinyseg_tvm.cli import arguments as shared

if TYPE_CHECKING:
    from tinyseg_tvm.relay.alternatives import Alternative

EXAMPLES = """examples:
  tinyseg analyze unet.onnx
  tinyseg analyze unet.onnx --io line --stream-axis columns --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    shared.add_model(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--brief", action="store_true", help="only the plan asked for, not what else would be possible")
    shared.add_build_options(parser)


def _table(choices: Sequence[Alternative]) -> str:
    """One row per alternative; columns of storage only where some alternative writes."""
    from tinyseg_tvm.report.tables import Cell, kib, render

    headers = ["whole program's RAM", "bytes", "", "extra MACs", "ms"]
    rows: list[list[Cell]] = [
        [c.label, c.ram, kib(c.ram), c.recomputed_macs, f"{1e3 * c.seconds:.0f}"] for c in choices
    ]
    if any(choice.written for choice in choices):
        headers += ["written", "mJ", "million frames of life"]
        for row, choice in zip(rows, choices, strict=True):
            life = choice.lifetime_frames
            row += [choice.written, f"{1e3 * choice.joules:.2f}", None if life is None else f"{life / 1e6:.2f}"]
    return render([[*row, choice.arguments] for row, choice in zip(rows, choices, strict=True)], [*headers, "options"])


def run(arguments: argparse.Namespace) -> int:
    """Plans and prints."""
    from tinyseg_tvm.cli.compilation import ProgressBar, compile_model
    from tinyseg_tvm.relay.alternatives import alternatives, ladder
    from tinyseg_tvm.report.tables import kib, render

    factory = compile_model(arguments)
    choices = []
    if not arguments.brief:
        with ProgressBar(arguments.quiet) as progress:
            choices = alternatives(factory.lowered, factory.options, factory.board, factory.core, progress)
    if arguments.json:
        figures = dict(factory.figures)
        if choices:
            figures["alternatives"] = [dataclasses.asdict(choice) for choice in choices]
            figures["ladder"] = [
                {"bytes": rung.bytes, "fits": rung.fits and rung.fits.label} for rung in ladder(choices)
            ]
        print(json.dumps(figures, sort_keys=True))
        return 0
    print(factory.report())
    if choices:
        print("\n" + _table(choices))
        steps = [[kib(rung.bytes), rung.fits.label if rung.fits else "does not fit"] for rung in ladder(choices)]
        print("\n" + render(steps, ["SRAM", "fits"]))
    return 0
