"""Plan a model without writing anything: what it needs, what is alive at the peak, and which memories it would fit.

The figures have the names under which 'tinyseg run' measures them.
"""

from __future__ import annotations

import argparse

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
    from tinyseg_tvm.cli.compilation import compile_model
    from tinyseg_tvm.cli.front import front_of, print_figures

    factory = compile_model(arguments)
    front = None if arguments.brief else front_of(factory, arguments.quiet)
    print_figures(factory, front, as_json=arguments.json)
    return 0
