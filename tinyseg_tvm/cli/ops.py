"""Print the supported operators of ONNX and of TensorFlow Lite.

ONNX: how each runs in each type, its route and what it becomes. TensorFlow Lite: by type.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import Any

EXAMPLES = """examples:
  tinyseg ops
  tinyseg ops --json
"""

LEGEND = "integer and float: by line, at its best, between quantisers or as the type says; whole: one step; -: not."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Prints both matrices."""
    from tinyseg_tvm.frontend import supported_operators
    from tinyseg_tvm.frontend.operator_words import TYPES as ONNX_TYPES
    from tinyseg_tvm.frontend.rewrites.qoperators import MICROSOFT
    from tinyseg_tvm.frontend.tflite.support import NOTES, OPERATOR_TYPES, TYPES
    from tinyseg_tvm.report.tables import render

    operators = sorted(supported_operators(), key=lambda operator: operator.name)
    if arguments.json:
        rows: list[dict[str, Any]] = [
            {"format": "onnx", **dataclasses.asdict(o), "types": dict(zip(ONNX_TYPES, o.types, strict=False))}
            for o in operators
        ]
        rows += [{"format": "tflite", "name": name, "types": types} for name, types in sorted(OPERATOR_TYPES.items())]
        rows += [
            {"format": "tflite", "name": name, "types": [], "detail": note} for name, note in sorted(NOTES.items())
        ]
        print(json.dumps(rows, indent=2, sort_keys=True))
        return 0
    own = [o for o in operators if not o.name.startswith(MICROSOFT)]
    listed = [[o.name, *(o.types or ("",) * len(ONNX_TYPES)), str(o.route), o.detail] for o in own]
    print(render(listed, ["ONNX operator", *ONNX_TYPES, "route", "how it runs"]))
    print(LEGEND)
    print()
    others = [[o.name, str(o.route), o.detail] for o in operators if o.name.startswith(MICROSOFT)]
    print(render(others, ["ONNX Runtime's operator", "route", "what becomes of it"]))
    cells = {name: ["yes" if column in types else "-" for column in TYPES] for name, types in OPERATOR_TYPES.items()}
    print()
    print(render([[name, *row] for name, row in sorted(cells.items())], ["TensorFlow Lite operator", *TYPES]))
    print()
    print(render([[name, note] for name, note in sorted(NOTES.items())], ["also", "what becomes of it"]))
    return 0
