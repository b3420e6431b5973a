"""Print the supported operators.

Generated from the code: the front end's conversions and the operators of the lowered network.
"""

from __future__ import annotations

import argparse
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
    from tinyseg_tvm.frontend import supported
    from tinyseg_tvm.report.tables import render

    matrix = supported()
    if arguments.json:
        print(json.dumps(matrix, indent=2, sort_keys=True))
    else:
        print(render([[name, how] for name, how in sorted(matrix.items())], ["ONNX operator", "how it runs"]))
    return 0
