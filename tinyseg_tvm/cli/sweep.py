"""Plan many models for many boards, limits of RAM, storages and objectives: one table, JSON or CSV.

Every combination is a row; what does not fit or cannot be compiled says so in its row. With --cache a sweep that was
interrupted goes on where it was, and one with more models or boards plans only what is new.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import sys
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from tinyseg_tvm.cli import arguments as shared

if TYPE_CHECKING:
    from tinyseg_tvm.compiler.options import BuildOptions
    from tinyseg_tvm.sweep import Row

EXAMPLES = """examples:
  tinyseg sweep a.onnx b.tflite --boards mps2_an385,mps2_an386
  tinyseg sweep *.onnx --boards nucleo_l4r5zi --rams 32K,64K,128K --workers 4 --cache planned --csv
  tinyseg sweep a.onnx --board lm3s6965evb --storages none,sd --objectives ram,balanced,speed --json
"""
NONE = "none"
SEVERAL = "+"  # between storages that one build has


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="ONNX or TensorFlow Lite files")
    group = parser.add_argument_group("what is combined (with commas)")
    group.add_argument("--boards", default="", metavar="B,B", help="boards (default: --board alone)")
    group.add_argument("--rams", default="", metavar="N,N", help="limits of RAM; none: the board's (default: --ram)")
    group.add_argument(
        "--storages", default="", metavar="S,S", help="storages; none: without; a+b: with both (default: --storage)"
    )
    group.add_argument("--objectives", default="", metavar="O,O", help="objectives (default: --objective)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a list of JSON objects")
    form.add_argument("--csv", action="store_true", help="print comma-separated values")
    parser.add_argument(
        "--shape", action="append", default=[], metavar="INPUT=1x3x80x120", help="fixes open dimensions of all models"
    )
    parser.add_argument("--batch", type=int, default=1, help="value of an open batch dimension (default: 1)")
    shared.add_spreading(parser)
    shared.add_build_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plans, and prints what is there, where it is interrupted, too."""
    from tinyseg_tvm.parallel import executor_for
    from tinyseg_tvm.relay import ProgressBar
    from tinyseg_tvm.sweep import points_of, sweep

    shapes = shared.parse_shapes(arguments.shape)
    points = points_of(arguments.models, _options(arguments), shapes, arguments.batch)
    rows: list[Row] = []
    try:
        with (
            executor_for(arguments.workers, arguments.cluster, processes=True) as executor,
            ProgressBar(arguments.quiet) as progress,
        ):
            for row in sweep(points, executor, arguments.cache):
                rows.append(row)
                progress(f"{row['model']} on {row['board']}", len(rows) / len(points))
    except KeyboardInterrupt:
        _print(rows, arguments)
        hint = "the same command goes on from here" if arguments.cache else "with --cache DIR a sweep can go on"
        raise KeyboardInterrupt(f"{len(rows)} of {len(points)} points are planned; {hint}") from None
    _print(rows, arguments)
    return 1 if any(row["verdict"] == "error" for row in rows) else 0


def _options(arguments: argparse.Namespace) -> list[BuildOptions]:
    """Every combination, over the options that all have."""
    from tinyseg_tvm.compiler.options import options_from_text

    base = shared.build_options(arguments)
    axes = {
        "board": _listed(arguments.boards),
        "ram": _listed(arguments.rams),
        "storage": [name.replace(SEVERAL, ",") for name in _listed(arguments.storages)],
        "objective": _listed(arguments.objectives),
    }
    given = {name: values for name, values in axes.items() if values}
    combined = []
    for choice in product(*given.values()):
        texts = dict(zip(given, choice, strict=True))
        ram = None if texts.get("ram") == NONE else base.ram
        storage = "" if texts.get("storage") == NONE else base.storage
        plain = dataclasses.replace(base, ram=ram, storage=storage)
        stated = {name: text for name, text in texts.items() if name == "board" or text != NONE}
        combined.append(options_from_text(stated, plain))
    return combined


def _listed(text: str) -> list[str]:
    return list(filter(None, text.split(",")))


def _print(rows: list[Row], arguments: argparse.Namespace) -> None:
    from tinyseg_tvm.report.tables import render
    from tinyseg_tvm.sweep import HEADERS

    if arguments.json:
        print(json.dumps(rows))
    elif arguments.csv:
        writer = csv.DictWriter(sys.stdout, HEADERS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        shown = [name for name in HEADERS if name != "remark" and any(row[name] is not None for row in rows)]
        print(render([[row[name] for name in shown] for row in rows], [name.replace("_", " ") for name in shown]))
        for row in rows:
            if row["verdict"] == "error":
                print(f"{row['model']} on {row['board']}: {row['remark']}")
