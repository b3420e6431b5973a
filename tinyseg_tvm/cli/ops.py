"""Print the supported operators.

Generated from the code: the front end's conversions and the operators of the lowered network.
"""

from __future__ import annotations

import argparse
import dataclasses
import json

EXAMPLES = """examples:
  tinyseg ops
  tinyseg ops --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Prints the matrix."""
    from tinyseg_tvm.frontend import supported_operators
    from tinyseg_tvm.report.tables import render

    operators = sorted(supported_operators(), key=lambda operator: operator.name)
    if arguments.json:
        print(json.dumps([dataclasses.asdict(operator) for operator in operators], indent=2, sort_keys=True))
    else:
        print(render([[o.name, str(o.route), o.detail] for o in operators], ["ONNX operator", "route", "how it runs"]))
    return 0
