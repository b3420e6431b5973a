"""Compile a model into a C project for a board.

Without --ram the plan balances RAM and time: it has the least RAM that lines need, and more for faster kernels only
where that saves enough. With --ram it is the fastest within the limit, which holds for the whole program (data, stack,
arena, inputs and outputs) and is the linker's limit too. --objective ram takes least RAM, speed the shortest time;
flash has smaller kernels, for at most a third more of the estimated time. With --objective pareto the project is the
plan with least RAM, and what RAM could be traded for is printed and drawn. No multiply-accumulate is repeated and
nothing is written to storage unless options allow it.
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
  tinyseg compile keywords.tflite -o out --board mps2_an386 --endless
  tinyseg compile unet.onnx -o ~/Arduino/libraries/unet --mcpu cortex-m4 --package arduino
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    shared.add_model(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the project")
    parser.add_argument(
        "--package",
        default="",
        metavar="FORM",
        help="write the library as a package with an example, in place of a project: arduino, cmake, cmsis-pack, "
        "esp-idf, pico-sdk, platformio, stm32cube or zephyr",
    )
    parser.add_argument("--json", action="store_true", help="print the promised figures as one JSON object")
    shared.add_build_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compiles and writes the project."""
    from tinyseg_tvm.cli.compilation import compile_model
    from tinyseg_tvm.cli.front import front_choices, front_of, front_points, print_figures
    from tinyseg_tvm.micro import generate_package, generate_project
    from tinyseg_tvm.micro.packages import expect_form

    if arguments.package:
        expect_form(arguments.package)
    factory = compile_model(arguments)
    front = front_of(factory, arguments.quiet) if factory.options.objective == "pareto" else None
    if arguments.package:
        generate_package(arguments.package, factory, arguments.output)
    else:
        generate_project(
            factory.board, factory, arguments.output, ram_limit=factory.options.ram, storages=factory.storages
        )
    if front and not arguments.package:
        factory.write_reports(
            arguments.output / "reports",
            points=front_points(factory, front),
            choices=front_choices(front, shared.compile_command(arguments)),
        )
    print_figures(factory, front, as_json=arguments.json)
    if not arguments.json:
        print(f"\n{_written(arguments)}")
    return 0


def _written(arguments: argparse.Namespace) -> str:
    """What is in the output's folder."""
    if not arguments.package:
        return f"Project: {arguments.output}"
    portable = "" if arguments.board or arguments.mcpu else "; in portable C: --mcpu gives it a core's kernels"
    return f"Package ({arguments.package}): {arguments.output}, see its README.md{portable}"
