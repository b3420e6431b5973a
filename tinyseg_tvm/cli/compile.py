"""Compile a model into a C project for a board.

Without --ram the plan has least RAM, repeats no multiply-accumulate and writes nothing to storage. With --ram the
limit holds for the whole program (data, stack, arena, inputs and outputs) and is the linker's limit too. With
--objective pareto the project is the plan with least RAM, and what RAM could be traded for is printed and drawn.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyseg_tvm.cli import arguments as shared

EXAMPLES = """examples:
  tinyseg compile unet.onnx -o out --board mps2_an386
  tinyseg compile unet.onnx -o out --board lm3s6965evb --ram 64K --io line
  tinyseg compile unet.onnx -o out --board mps2_an386 --objective pareto
  tinyseg compile unet.onnx -o out --target 'c -tinyseg -mcpu=cortex-m4' --stream-axis columns
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    shared.add_model(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the project")
    parser.add_argument("--json", action="store_true", help="print the promised figures as one JSON object")
    shared.add_build_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compiles and writes the project."""
    from tinyseg_tvm.cli.compilation import compile_model
    from tinyseg_tvm.cli.front import front_of, front_points, print_figures
    from tinyseg_tvm.micro import generate_project

    factory = compile_model(arguments)
    choices = front_of(factory, arguments.quiet) if factory.options.objective == "pareto" else []
    generate_project(factory.board, factory, arguments.output, ram_limit=factory.options.ram, storages=factory.storages)
    if choices:
        factory.write_reports(arguments.output / "reports", points=front_points(factory, choices))
    print_figures(factory, choices, as_json=arguments.json)
    if not arguments.json:
        print(f"\nProject: {arguments.output}")
    return 0
