"""Write the pictures and tables of a project: memory map, live bytes, operators, as SVG, PNG, HTML, CSV and JSON."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyseg_tvm.cli import arguments as shared

EXAMPLES = """examples:
  tinyseg report unet.onnx -o reports --board mps2_an386
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    shared.add_model(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the reports")
    shared.add_build_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plans and writes the reports; prints their paths."""
    from tinyseg_tvm.cli.compilation import compile_model

    factory = compile_model(arguments)
    for path in factory.write_reports(arguments.output):
        print(path)
    return 0
