"""Write what a plan looks like: a page to look into it, pictures, tables, and a trace; HTML, SVG, PNG, CSV, JSON.

The page, report.html, is one file that needs no network: memory over time, RAM and its price with the command of each
point, operators, the network, flash. With --against it shows another build beside this one.

Of a finished project, which has its reports already, figures and the paths of the reports are printed; -o writes them
again elsewhere, with --against beside another project's. That plans nothing and needs no model.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tinyseg_tvm.cli import arguments as shared
from tinyseg_tvm.errors import UsageError

EXAMPLES = """examples:
  tinyseg report unet.onnx -o reports --board mps2_an386
  tinyseg report unet.onnx -o reports --board mps2_an386 --io line --against out
  tinyseg report unet.onnx -o reports --board mps2_an386 --brief --trace unet.trace.json
  tinyseg report unet.onnx -o reports --storage psram --brief
  tinyseg report out
  tinyseg report out -o compared --against other
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    shared.add_model(parser, "MODEL|PROJECT", "a model's file, or a folder of 'tinyseg compile'")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder for the reports; needed of a model")
    parser.add_argument("--brief", action="store_true", help="without what else would be possible")
    parser.add_argument(
        "--against",
        type=Path,
        metavar="DIR",
        help="a project of 'tinyseg compile', or a folder of reports: the page shows it beside this build",
    )
    parser.add_argument(
        "--trace",
        type=Path,
        metavar="FILE",
        help="also write the schedule as a trace for ui.perfetto.dev or chrome://tracing (JSON, estimated times)",
    )
    shared.add_build_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plans and writes the reports, or finds those of a finished project; prints their paths."""
    if arguments.model.is_dir():
        return _of_a_project(arguments)
    if arguments.output is None:
        raise UsageError("-o DIR: name the folder for the reports of a model")
    from tinyseg_tvm.cli.compilation import compile_model
    from tinyseg_tvm.cli.front import front_choices, front_of, front_points
    from tinyseg_tvm.report.page_document import read_document
    from tinyseg_tvm.report.trace import trace_document

    against = read_document(arguments.against) if arguments.against else None
    if against:
        against["title"] += f" ({arguments.against})"
    factory = compile_model(arguments)
    front = None if arguments.brief else front_of(factory, arguments.quiet)
    written = factory.write_reports(
        arguments.output,
        points=front_points(factory, front),
        choices=front_choices(front, shared.compile_command(arguments)),
        against=against,
    )
    if arguments.trace:
        arguments.trace.write_text(json.dumps(trace_document(factory.told), separators=(",", ":")) + "\n")
        written.append(arguments.trace)
    for path in written:
        print(path)
    return 0


def _of_a_project(arguments: argparse.Namespace) -> int:
    from tinyseg_tvm.relay import BuildOptions
    from tinyseg_tvm.report.finished import report_files, summary, write_again
    from tinyseg_tvm.report.page_document import read_document

    of_a_plan = (
        arguments.shape,
        arguments.state,
        arguments.name,
        arguments.batch != 1,
        arguments.trace,
        arguments.brief,
    )
    if any(of_a_plan) or shared.build_options(arguments) != BuildOptions():
        raise UsageError(
            f"{arguments.model} is compiled already: of a project there are only -o and --against; options of a plan, "
            "--brief and --trace need its model"
        )
    if arguments.against and arguments.output is None:
        raise UsageError("--against: name the folder for the page of both (-o DIR)")
    if arguments.output is None:
        files = report_files(arguments.model)
        print(summary(read_document(files[0])) + "\n")
    else:
        against = read_document(arguments.against) if arguments.against else None
        if against:
            against["title"] += f" ({arguments.against})"
        files = write_again(arguments.output, arguments.model, against)
    for path in files:
        print(path)
    return 0
