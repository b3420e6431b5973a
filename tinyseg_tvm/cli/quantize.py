"""Quantise a float ONNX network to int8, and say what 'tinyseg compile' makes of it.

Every activation gets a scale (a Q/DQ pair behind it), weights one per output channel, so that no operator stays in
float. The calibration methods are compared on the data, by labels where there are some, and the best is kept. Inputs of
pictures become int8 pixels (pixel - 128), whatever --mean and --std are: they are folded into the input's scale and
zero point, or, where channels differ, into a table that runs on the device. float16 models and open shapes are taken.

Needs ONNX Runtime: pip install 'tinyseg-tvm[quantize]'.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from tinyseg_tvm.cli import arguments as shared
from tinyseg_tvm.errors import DoesNotFitError, UsageError

if TYPE_CHECKING:
    from tinyseg_tvm.quantization import Outlook, Quantized

EXAMPLES = """examples:
  tinyseg quantize unet.onnx --calibration photos/ --resize 80x120 -o unet_int8.onnx
  tinyseg quantize unet.onnx --calibration photos/ --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 -o unet_int8.onnx
  tinyseg quantize unet.onnx --calibration photos/ --evaluation labelled/ --board mps2_an386 -o unet_int8.onnx
  tinyseg quantize net.onnx --calibration windows.npz --evaluation test.npz --task classification -o q.onnx
  tinyseg quantize net.onnx --calibration photos/ --exclude '/head/*' --method percentile -o q.onnx

data:
  DIR/*.png (.jpg ...)     pictures; with labels as DIR/images + DIR/masks (same names; values are classes, 255 has no
                           part) or DIR/<class>/*.png
  FILE.npz                 images (N,H,W,C) of uint8 with masks (N,H,W) or labels (N); or float32 arrays of the inputs
"""

SHOWN_LAYERS = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    from tinyseg_tvm.cli.data_arguments import add_preprocessing

    parser.add_argument("model", type=Path, metavar="MODEL", help="an ONNX file of float32 or float16")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="Q.onnx", help="the quantised network")
    parser.add_argument(
        "--calibration", type=Path, required=True, metavar="DATA", help="a folder of pictures or a .npz file"
    )
    parser.add_argument(
        "--evaluation", type=Path, metavar="DATA", help="with labels, by which the methods are compared"
    )
    parser.add_argument("--samples", type=int, default=128, metavar="N", help="calibration samples (default: 128)")
    parser.add_argument("--scored", type=int, default=500, metavar="N", help="labelled samples compared (default: 500)")
    parser.add_argument(
        "--method", action="append", default=[], help="minmax, entropy or percentile: compare only these (default: all)"
    )
    parser.add_argument("--activations", default="int8", help="int8 (default) or int16")
    parser.add_argument(
        "--exclude", action="append", default=[], metavar="NODE", help="stays in float; * and ? as in file names"
    )
    parser.add_argument(
        "--io", default="quantized", help="quantized (default): integers; float: float32 as in the model"
    )
    parser.add_argument(
        "--shape", action="append", default=[], metavar="INPUT=1x3x80x120", help="of open dimensions; h=80 for one"
    )
    parser.add_argument("--batch", type=int, default=1, help="value of an open batch dimension (default: 1)")
    parser.add_argument("--board", default="host", help="for which RAM is promised at the end (default: host)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_preprocessing(parser)


def run(arguments: argparse.Namespace) -> int:
    """Quantises, writes and prints."""
    from tinyseg_tvm.boards import load_board
    from tinyseg_tvm.cli import data_arguments as data
    from tinyseg_tvm.quantization import METHODS, QuantizationOptions, outlook, quantize
    from tinyseg_tvm.relay import ProgressBar

    _check_output(arguments)
    load_board(arguments.board)
    options = QuantizationOptions(
        preprocessing=data.preprocessing(arguments),
        methods=tuple(dict.fromkeys(arguments.method)) or METHODS,
        activations=arguments.activations,
        excluded=arguments.exclude,
        ports=arguments.io,
        shapes=shared.parse_shapes(arguments.shape),
        batch=arguments.batch,
        reading=data.reading(arguments),
        samples=arguments.samples,
        scored=arguments.scored,
    )
    with ProgressBar(arguments.quiet) as progress:
        found = quantize(
            arguments.model, arguments.calibration, evaluation=arguments.evaluation, options=options, progress=progress
        )
        found.save(arguments.output)
        plan: Outlook | DoesNotFitError
        try:
            plan = outlook(arguments.output, arguments.board, progress)
        except DoesNotFitError as error:  # the network is written, and right for a larger board
            plan = error
    print(_json(found, plan) if arguments.json else _text(found, plan, arguments.output))
    return 0


def _check_output(arguments: argparse.Namespace) -> None:
    """Raises UsageError where the result cannot be written, or would replace what it is made of."""
    output = arguments.output
    if not output.absolute().parent.is_dir():
        raise UsageError(f"--output {output}: no such folder")
    if output.is_dir():
        raise UsageError(f"--output {output} is a folder: name the file to write")
    for given in (arguments.model, arguments.calibration, arguments.evaluation):
        if given is not None and output.exists() and given.exists() and output.samefile(given):
            raise UsageError(f"--output {output} is {given} itself, which is read: name another file")


def _json(found: Quantized, plan: Outlook | DoesNotFitError) -> str:
    return json.dumps(_finite(_figures(found, plan)), sort_keys=True, allow_nan=False)


def _finite(value: object) -> object:
    """The same with None in the place of what JSON has no number for."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _figures(found: Quantized, plan: Outlook | DoesNotFitError) -> dict[str, object]:
    return {
        "method": found.method,
        "candidates": [dataclasses.asdict(candidate) for candidate in found.candidates],
        "task": found.task,
        "samples": found.samples,
        "float": found.float_figure,
        "layers": [dataclasses.asdict(layer) for layer in found.layers],
        "ports": {name: {"scale": scale, "zero_point": zero} for name, (scale, zero) in found.ports.items()},
        "compiled": {"does_not_fit": str(plan)} if isinstance(plan, DoesNotFitError) else dataclasses.asdict(plan),
    }


def _text(found: Quantized, plan: Outlook | DoesNotFitError, output: Path) -> str:
    from tinyseg_tvm.report.tables import Cell, kib, render

    figure = {"segmentation": "mean IoU", "classification": "top-1"}.get(found.task, "")
    noise = "signal to noise, dB"
    rows: list[list[Cell]] = [
        [c.method, *([f"{c.figure:.4f}"] if figure else []), f"{c.decibels:.1f}"] for c in found.candidates
    ]
    if figure:
        rows.append(["(float)", f"{found.float_figure:.4f}", "-"])
    parts = [render(rows, ["calibration", *([figure] if figure else []), noise])]
    by = (
        f"{figure} over {found.samples} samples"
        if figure
        else f"agreement with the float network on {found.samples} samples"
    )
    parts.append(f"kept: {found.method}, by {by}")
    worst = sorted(found.layers, key=lambda layer: -layer.added)[:SHOWN_LAYERS]
    layers: list[list[Cell]] = [
        [layer.node, layer.kind, f"{layer.decibels:.1f}", f"{100 * layer.added:.3f}"] for layer in worst
    ]
    parts.append(render(layers, ["layers that lose most", "operator", noise, "noise added, % of signal"]))
    if found.worst is not None:
        name = found.worst.node
        parts.append(f"{name} ({found.worst.kind}) loses most; --exclude '{name}' would keep it in float")
    ports: list[list[Cell]] = [[name, f"{scale:.8g}", zero] for name, (scale, zero) in found.ports.items()]
    if ports:
        parts.append(render(ports, ["port", "scale", "zero point"]))
    if isinstance(plan, DoesNotFitError):
        return "\n\n".join([*parts, f"{output} is written, and does not fit the board: {plan}"])
    parts.append(
        f"tinyseg compile {output} --board {plan.board}: {kib(plan.ram)} of RAM ({plan.arena:,} B of arena), "
        f"{plan.macs:,} MACs; float islands left: {', '.join(plan.islands) or 'none'}"
    )
    return "\n\n".join([*parts, *plan.remarks])
