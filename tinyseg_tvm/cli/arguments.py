"""Arguments that several verbs share, and how they become build options."""

from __future__ import annotations

import argparse
import dataclasses
import re
import shlex
from pathlib import Path

from tinyseg_tvm.compiler.options import FLAGS, BuildOptions, options_from_text
from tinyseg_tvm.errors import UsageError

MODEL_FILE = "an ONNX file (float32, QDQ or QOperator) or a TensorFlow Lite file"


def add_model(parser: argparse.ArgumentParser, metavar: str = "MODEL", meaning: str = MODEL_FILE) -> None:
    """The model file and how its open dimensions are fixed."""
    parser.add_argument("model", type=Path, metavar=metavar, help=meaning)
    parser.add_argument(
        "--shape",
        action="append",
        default=[],
        metavar="INPUT=1x3x80x120",
        help="fixes the shape of an input whose file leaves dimensions open, or one of its named dimensions: h=80 "
        "(may be given several times)",
    )
    parser.add_argument("--batch", type=int, default=1, help="value of an open batch dimension (default: 1)")
    parser.add_argument(
        "--state",
        action="append",
        default=[],
        metavar="OUTPUT=INPUT",
        help="an output that the next inference finds as its input; it stays in the arena (may be given several times)",
    )
    parser.add_argument("--name", default="", help="name of the C library (default: from the file's name)")


def add_transport(parser: argparse.ArgumentParser) -> None:
    """How programs get to their board."""
    parser.add_argument(
        "--transport", default="", help="qemu, gdb, uart or command (default: the first that the board has)"
    )
    parser.add_argument(
        "--server", default="", metavar="HOST:PORT", help="a GDB server that listens, in place of the board's own"
    )
    parser.add_argument(
        "--port", default="", metavar="DEVICE", help="serial device (or HOST:PORT), in place of the board's own"
    )


def add_spreading(parser: argparse.ArgumentParser) -> None:
    """Who does the work, and where results are kept."""
    group = parser.add_argument_group("where the work is done; results do not depend on it")
    group.add_argument("--workers", type=int, default=1, metavar="N", help="at a time, on this computer (default: 1)")
    group.add_argument(
        "--cluster",
        default="",
        metavar="tcp://HOST:PORT",
        help="a Dask scheduler, whose workers do it (pip install 'tinyseg-tvm[cluster]')",
    )
    group.add_argument(
        "--cache", type=Path, metavar="DIR", help="keep results there, and take those that are there (default: none)"
    )


def add_build_options(parser: argparse.ArgumentParser) -> None:
    """The options of BuildOptions."""
    group = parser.add_argument_group("target and plan")
    group.add_argument("--board", default="", help="board name or TOML file; see 'tinyseg boards' (default: host)")
    group.add_argument(
        "--target", default="", metavar="'c -tinyseg ...'", help="target string; single options override it"
    )
    group.add_argument("--mcpu", default="", help="core, where it is not the board's own")
    group.add_argument("--ram", default="", metavar="N", help="limit of the whole program's RAM, e.g. 64K")
    group.add_argument("--objective", default="", help="balanced (default), ram, speed, flash or pareto")
    group.add_argument("--max-recompute", default="", metavar="PCT", help="extra MACs allowed, percent (default: 0)")
    group.add_argument("--max-written", default="", metavar="N", help="bytes written to storage per inference")
    group.add_argument("--storage", default="", help="storages of the board or TOML files, with commas (default: none)")
    group.add_argument("--codec", default="", help="of lines in storage: none (default), delta, mask or auto")
    group.add_argument(
        "--frame-rate", default="", metavar="HZ", help="inferences per second, for flash wear (default: 1)"
    )
    group.add_argument(
        "--stream-axis",
        default="",
        help="auto (default: rows with --io line, else what serves the objective), rows or columns",
    )
    group.add_argument("--io", default="", help="resident (default): I/O in the arena; line: a callback per line")
    group.add_argument(
        "--io-type", default="", help="model (default): port types as in the file; quantized: edge conversions dropped"
    )
    group.add_argument("--effort", default="", metavar="N", help="search effort of the planner (default: 1)")
    group.add_argument(
        "--fast",
        default="",
        metavar="N",
        help="bytes of the board's fast memory for kernels and weights (default: what the board says; 0: none)",
    )
    group.add_argument("--tuning", default="", metavar="FILE", help="records of 'tinyseg tune' (default: estimates)")
    group.add_argument(
        "--endless",
        nargs="?",
        const="0",
        default="",
        metavar="LINES",
        help="the input's lines never end: an inference takes the next LINES (default: as few as strides allow)",
    )
    group.add_argument("--layerwise", action="store_true", help="run layer by layer, for comparison")
    group.add_argument(
        "--keep-dead", action="store_true", help="keep channels that have no part in the results, for comparison"
    )
    group.add_argument(
        "--whole-channels",
        action="store_true",
        help="never compute channels (heads of attention, ...) block by block, for comparison",
    )
    group.add_argument(
        "--shared-runtime",
        action="store_true",
        help="for programs of several networks: one copy of the kernels, where all are compiled with this option",
    )


def build_options(arguments: argparse.Namespace) -> BuildOptions:
    """The build options that were given; the target string first, single options over it."""
    from tinyseg_tvm.relay.target import parse_target

    base = parse_target(arguments.target) if arguments.target else BuildOptions()
    names = [field.name for field in dataclasses.fields(BuildOptions) if field.name not in FLAGS]
    given = {name.replace("_", "-"): getattr(arguments, name) for name in names if getattr(arguments, name)}
    given |= {name: "true" for name in FLAGS if getattr(arguments, name)}
    return options_from_text(given, base)


VARIED = {"ram", "objective", "max_recompute", "max_written", "storage", "stream_axis", "io", "layerwise"}
"""Options that a plan among alternatives states itself (compiler/alternatives.py)."""


def compile_command(arguments: argparse.Namespace) -> str:
    """A command line of ``tinyseg compile`` for the same model and target, to which ``VARIED`` options are added."""
    words = ["tinyseg", "compile", str(arguments.model)]
    words += [word for shape in arguments.shape for word in ("--shape", shape)]
    words += [word for state in arguments.state for word in ("--state", state)]
    words += ["--batch", str(arguments.batch)] if arguments.batch != 1 else []
    words += ["--name", arguments.name] if arguments.name else []
    options = build_options(arguments)
    for field in dataclasses.fields(BuildOptions):
        value, option = getattr(options, field.name), "--" + field.name.replace("_", "-")
        if field.name not in VARIED and value != field.default:
            words += [option] if field.name in FLAGS else [option, str(value)]
    return shlex.join([*words, "-o", "out"])


def parse_shapes(texts: list[str]) -> dict[str, list[int] | int]:
    """``["input=1x3x80x120", "h=80"]`` as ``{"input": [1, 3, 80, 120], "h": 80}``.

    Raises:
        UsageError: not of that form.
    """
    shapes: dict[str, list[int] | int] = {}
    for text in texts:
        name, _, dimensions = text.rpartition("=")
        if not name or re.fullmatch(r"[0-9]{1,9}(x[0-9]{1,9})*", dimensions) is None:
            raise UsageError(f"--shape {text}: write INPUT=1x3x80x120, or h=80 for a dimension named h")
        extents = [int(part) for part in dimensions.split("x")]
        shapes[name] = extents if len(extents) > 1 else extents[0]
    return shapes


def parse_states(texts: list[str], inputs: list[str], outputs: list[str]) -> dict[str, str]:
    """``["hidden_out=hidden_in"]`` as ``{"hidden_out": "hidden_in"}``; names may hold ``=`` themselves.

    Args:
        texts: as given.
        inputs: names of the model's.
        outputs: likewise.

    Raises:
        UsageError: not of that form, or an output twice.
    """
    states: dict[str, str] = {}
    for text in texts:
        cuts = [(text[:at], text[at + 1 :]) for at, letter in enumerate(text) if letter == "="]
        known = [cut for cut in cuts if cut[0] in outputs and cut[1] in inputs]
        output, name = (known or cuts or [("", "")])[0]
        if not output or not name:
            raise UsageError(f"--state {text}: write OUTPUT=INPUT, two names of the model")
        if output in states:
            raise UsageError(f"--state {text}: output {output!r} is bound twice")
        states[output] = name
    return states
