"""Plan a model without writing anything: what it needs, what is alive at the peak, and why.

The figures have the names under which 'tinyseg run' measures them.
"""

from __future__ import annotations

import argparse
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
    shared.add_build_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plans and prints."""
    from tinyseg_tvm.cli.compilation import compile_model

    factory = compile_model(arguments)
    print(json.dumps(factory.figures, sort_keys=True) if arguments.json else factory.report())
    return 0
