"""Evaluate firmware on data: its own C, run on this computer over thousands of samples.

Takes a project of 'tinyseg compile' for any board, or a model. The generated C, kernels and driver included, is built
for this computer and fed by a few processes, so that nothing but the processor differs from the board; --board runs
some samples there (in QEMU) and compares byte by byte. Results are scored against labels and, with --float, against
the float network, which ONNX Runtime runs without graph optimisation. The samples that went worst are drawn.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tinyseg_tvm.errors import UsageError

if TYPE_CHECKING:
    from tinyseg_tvm.evaluation import Evaluation

EXAMPLES = """examples:
  tinyseg evaluate out --data labelled/ --task segmentation
  tinyseg evaluate out --data test.npz --float unet.onnx -o evaluation --board
  tinyseg evaluate unet_int8.onnx --data test.npz --workers 8 --json
  tinyseg evaluate net_int8.onnx --data classes/ --task classification --board mps2_an386

data:
  DIR/images + DIR/masks (same names), DIR/<class>/*.png, or FILE.npz with images and masks or labels, as for
  'tinyseg quantize'; without labels --float is needed
"""

MOST_CLASSES = 24  # that are printed
BOARD_SAMPLES = 2
SHOWN = 3  # of the worst samples


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    from tinyseg_tvm.cli.data_arguments import add_preprocessing

    parser.add_argument("source", type=Path, metavar="PROJECT|MODEL", help="a folder of 'tinyseg compile', or a model")
    parser.add_argument("--data", type=Path, required=True, help="a folder of pictures or a .npz file")
    parser.add_argument("--float", type=Path, dest="reference", metavar="F.onnx", help="the float network")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="write JSON, CSV, HTML and the worst samples")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="processes at a time (default: all cores)")
    parser.add_argument(
        "--worst", type=int, default=8, metavar="N", help="samples that are drawn (default: 8, 64 at most)"
    )
    parser.add_argument(
        "--board",
        nargs="?",
        const="",
        metavar="NAME",
        help="also run samples on the project's board and compare bytes; of a model, the board to compile for",
    )
    parser.add_argument("--board-samples", type=int, metavar="N", help=f"how many of them (default: {BOARD_SAMPLES})")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="of a sample (default: 60)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_preprocessing(parser)


def run(arguments: argparse.Namespace) -> int:
    """Evaluates, writes and prints; 1 where the board's bytes differ."""
    from tinyseg_tvm.cli import data_arguments as data
    from tinyseg_tvm.evaluation import EvaluationOptions, evaluate, make_folder, opened_project, write_documents
    from tinyseg_tvm.relay import ProgressBar

    if arguments.board == "" and not arguments.source.is_dir():
        raise UsageError("--board: name the board for which the model is to be compiled")
    if arguments.board_samples is not None and (arguments.board is None or arguments.board_samples < 1):
        raise UsageError(f"--board-samples {arguments.board_samples}: 1 at least, and with --board")
    options = EvaluationOptions(
        preprocessing=data.preprocessing(arguments),
        reading=data.reading(arguments),
        workers=arguments.workers,
        worst=arguments.worst,
        on_board=0 if arguments.board is None else arguments.board_samples or BOARD_SAMPLES,
        timeout=arguments.timeout,
    )
    if arguments.output:
        make_folder(arguments.output)
    with tempfile.TemporaryDirectory(prefix="tinyseg-") as folder, ProgressBar(arguments.quiet) as progress:
        project = opened_project(
            arguments.source, Path(folder, "project"), board=arguments.board or "", progress=progress
        )
        found = evaluate(project, arguments.data, reference=arguments.reference, options=options, progress=progress)
    written = write_documents(found, arguments.output) if arguments.output else []
    print(json.dumps(found.as_dict(), sort_keys=True) if arguments.json else _text(found))
    if not arguments.json:
        for path in written:
            print(path)
    return 1 if found.on_board[1] else 0


def _text(found: Evaluation) -> str:
    from tinyseg_tvm.report.tables import Cell, render

    tally = found.tally
    parts = [f"{found.name} ({found.board}): {len(tally.rows):,} samples of {found.data}"]
    scores = {"firmware": tally.device, "float network": tally.reference}
    there = {name: score for name, score in scores.items() if score is not None}
    rows: list[list[Cell]] = []
    if found.task == "segmentation" and there:
        rows.append(["mean IoU", *(f"{score.mean_iou:.4f}" for score in there.values())])
        for name, *values in found.intersections()[:MOST_CLASSES]:
            figures = ["-" if value is None else f"{value:.4f}" for value in values]
            rows.append([f"IoU of {name}", *figures[: len(there)]])
    what = "pixel accuracy" if found.task == "segmentation" else "top-1"
    rows.append([what, *(f"{score.accuracy:.4f}" for score in there.values())])
    if there:
        parts.append(render(rows, ["", *there]))
        score = next(iter(there.values()))
        if len(score.matrix) <= MOST_CLASSES:
            names = found.class_names(len(score.matrix))
            matrix: list[list[Cell]] = [[name, *row] for name, row in zip(names, score.matrix.tolist(), strict=True)]
            parts.append(render(matrix, ["truth, predicted:", *names]))
    if tally.agreement is not None:
        parts.append(f"as the float network: {100 * tally.agreement.accuracy:.3f} %")
    if found.on_board[0]:
        count, differing = found.on_board
        said = f"{differing} bytes differ from" if differing else "equal to the byte to"
        parts.append(f"{count} samples on {found.board}: {said} the same C on this computer")
    parts.append("\n".join(f"worst: {one.name} ({one.worth:.4f})" for one in found.worst[:SHOWN]))
    return "\n\n".join(part for part in parts if part)
