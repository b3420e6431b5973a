"""Write what a plan looks like: a page to look into it, pictures, tables, and a trace; HTML, SVG, PNG, CSV, JSON.

The page, report.html, is one file that needs no network: memory over time, RAM and its price with the command of each
point, operators, the network, flash. With --against it shows another build beside this one.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tinyseg_tvm.cli import arguments as shared

EXAMPLES = """examples:
  tinyseg report unet.onnx -o reports --board mps2_an386
  tinyseg report unet.onnx -o reports --board mps2_an386 --io line --against out
  tinyseg report unet.onnx -o reports --board mps2_an386 --brief --trace unet.trace.json
  tinyseg report unet.onnx -o reports --storage psram --brief
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    shared.add_model(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the reports")
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
    """Plans and writes the reports; prints their paths."""
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
