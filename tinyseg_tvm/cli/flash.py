"""Write a project's firmware to the board, with the tool that the board's description names."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLES = """examples:
  tinyseg flash out
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="a project made by 'tinyseg compile'")


def run(arguments: argparse.Namespace) -> int:
    """Builds if necessary, then flashes."""
    from tinyseg_tvm.micro import Project

    Project(arguments.directory).flash()
    return 0
