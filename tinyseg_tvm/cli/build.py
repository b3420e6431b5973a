"""Build a project's firmware with the board's toolchain."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

EXAMPLES = """examples:
  tinyseg build out
  tinyseg build out --sanitize      (projects for the host)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="a project made by 'tinyseg compile'")
    parser.add_argument("--sanitize", action="store_true", help="address and undefined-behaviour sanitizers (host)")
    parser.add_argument("-j", "--jobs", type=int, default=2, help="compilers at the same time (default: 2)")


def run(arguments: argparse.Namespace) -> int:
    """Builds; prints the program's path, and beside the output the most stack that the network can take."""
    from tinyseg_tvm.micro import Project
    from tinyseg_tvm.report.text import stack_sentence

    project = Project(arguments.directory)
    elf = project.build(jobs=arguments.jobs, sanitize=arguments.sanitize)
    print(elf)
    if (depth := project.deepest_stacks(elf).get("run")) is not None:
        print(stack_sentence(f"{project.library.name}_run", depth.bytes, depth.path, depth.unbounded), file=sys.stderr)
    return 0
