"""Write the pictures and tables of a plan: memory map, operators, RAM against its price; SVG, PNG, HTML, CSV, JSON."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyseg_tvm.cli import arguments as shared

EXAMPLES = """examples:
  tinyseg report unet.onnx -o reports --board mps2_an386
  tinyseg report unet.onnx -o reports --storage psram --brief
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    shared.add_model(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the reports")
    parser.add_argument("--brief", action="store_true", help="without the picture of what else would be possible")
    shared.add_build_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plans and writes the reports; prints their paths."""
    from tinyseg_tvm.cli.compilation import compile_model
    from tinyseg_tvm.cli.front import front_of, front_points

    factory = compile_model(arguments)
    front = None if arguments.brief else front_of(factory, arguments.quiet)
    for path in factory.write_reports(arguments.output, points=front_points(factory, front)):
        print(path)
    return 0
