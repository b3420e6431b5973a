"""Compare every operator's result on the board with the reference executor, line by line.

Builds the firmware with an observer, runs it, and prints number and size of the differences per operator, each given
the operands that it had on the board. Floating point of the long tail may differ by its tolerance.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tinyseg_tvm.cli import arguments as shared

EXAMPLES = """examples:
  tinyseg verify out
  tinyseg verify out --input image.npy --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="a project made by 'tinyseg compile'")
    parser.add_argument("--input", type=Path, action="append", default=[], metavar="X.npy", help="one per model input")
    shared.add_transport(parser)
    parser.add_argument("--timeout", type=float, default=600.0, metavar="SECONDS", help="default: 600")
    parser.add_argument("--json", action="store_true", help="print exactly one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Runs the observed firmware and prints the table; 1 where anything differs."""
    from tinyseg_tvm.cli import vectors
    from tinyseg_tvm.cli.comparison import compare
    from tinyseg_tvm.micro import Project
    from tinyseg_tvm.relay.factory import random_inputs
    from tinyseg_tvm.report.tables import render

    network = vectors.project_network(arguments.directory)
    inputs = vectors.read_inputs(network, arguments.input) if arguments.input else random_inputs(network, seed=0)
    result = Project(arguments.directory).run(
        [inputs],
        layout="device",
        observe=True,
        count="none",
        timeout=arguments.timeout,
        transport=arguments.transport,
        server=arguments.server,
        port=arguments.port,
    )
    rows = compare(network, inputs, result)
    bad = sum(row.differing for row in rows)
    if arguments.json:
        print(json.dumps({"operators": [row.as_dict() for row in rows], "differing": bad}, sort_keys=True))
    else:
        table = [[r.name, r.kind, f"{r.values:,}", f"{r.differing:,}", f"{r.largest:g}", r.first] for r in rows]
        print(render(table, ["operator", "kind", "values", "differ", "largest", "first at line"]))
        count = sum(row.values for row in rows)
        print(f"\n{bad:,} values differ" if bad else f"\nAll {count:,} values agree with the reference")
    return 1 if bad else 0
