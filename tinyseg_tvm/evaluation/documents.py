"""An evaluation as files: figures in JSON, a row per sample in CSV, the worst samples as PNG, a page in HTML."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jinja2

from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.evaluation.evaluator import Evaluation
from tinyseg_tvm.evaluation.pictures import worst_figure
from tinyseg_tvm.report.drawing import save

MOST_OF_MATRIX = 32  # classes of which the page shows the confusion matrix


def write_documents(found: Evaluation, folder: Path) -> list[Path]:
    """Writes evaluation.json, samples.csv, worst.png and evaluation.html; returns their paths.

    Raises:
        UsageError: the folder cannot be made.
        OSError: a file cannot be written; what was there before stays whole.
    """
    make_folder(folder)
    figures = json.dumps(found.as_dict(), indent=2, sort_keys=True) + "\n"
    paths = [_written(folder / "evaluation.json", figures), _written(folder / "samples.csv", samples_table(found))]
    picture = b""
    if drawable(found):
        paths.append(folder / "worst.png")
        with _replacing(paths[-1]) as partial:
            save(worst_figure(found.worst, found.classes), partial)
        picture = paths[-1].read_bytes()
    return [*paths, _written(folder / "evaluation.html", page(found, picture))]


def make_folder(folder: Path) -> None:
    """Makes a folder for documents, where it is not there.

    Raises:
        UsageError: a file is in its place, or nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} is no folder and cannot become one ({error.strerror}): name another") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{folder}: nothing can be written there: name another folder")


def _written(path: Path, text: str) -> Path:
    with _replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="")
    return path


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A file beside ``path`` that takes its place when it is whole."""
    partial = path.with_name(f".partial-{path.name}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def drawable(found: Evaluation) -> bool:
    """Whether there is something to draw: maps, or pictures."""
    return any(one.device.ndim or one.pixels is not None for one in found.worst)


def samples_table(found: Evaluation) -> str:
    """CSV: a sample's name, its figure (mean IoU; 1 or 0) and its agreement with the float network."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("sample", "mean_iou" if found.task == "segmentation" else "right", "agreement"))
    for name, *figures in found.tally.rows:
        harmless = name if name[:1] not in "=+-@\t\r" else f"'{name}"  # a name is no formula of a spreadsheet
        writer.writerow((harmless, *("" if value is None else f"{value:.6f}" for value in figures)))
    return stream.getvalue()


def page(found: Evaluation, picture: bytes) -> str:
    """One self-contained HTML page; ``picture`` is the PNG of the worst samples, or empty."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tinyseg_tvm", "evaluation"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    score = found.tally.device or found.tally.agreement
    matrix = score.matrix.tolist() if score is not None and len(score.matrix) <= MOST_OF_MATRIX else []
    return environment.get_template("evaluation.html.j2").render(
        found=found,
        device=found.tally.device,
        reference=found.tally.reference,
        agreement=found.tally.agreement,
        names=found.class_names(len(matrix)),
        matrix=matrix,
        picture=base64.b64encode(picture).decode("ascii"),
    )
