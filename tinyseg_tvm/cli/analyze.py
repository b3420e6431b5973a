"""Plan a model without writing anything: what it needs, what is alive at the peak, and which memories it would fit.

The figures have the names under which 'tinyseg run' measures them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json

from tinyseg_tvm.cli import arguments as shared

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


def run(arguments: argparse.Namespace) -> int:
    """Plans and prints."""
    from tinyseg_tvm.cli.compilation import ProgressBar, compile_model
    from tinyseg_tvm.relay.alternatives import alternatives, ladder
    from tinyseg_tvm.report.tables import Cell, kib, render

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
        rows: list[list[Cell]] = [[c.label, c.ram, kib(c.ram), c.recomputed_macs, c.arguments] for c in choices]
        print("\n" + render(rows, ["whole program's RAM", "bytes", "", "extra MACs", "options"]))
        steps = [[kib(rung.bytes), rung.fits.label if rung.fits else "does not fit"] for rung in ladder(choices)]
        print("\n" + render(steps, ["SRAM", "fits"]))
    return 0
