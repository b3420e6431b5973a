"""Writes all reports of a build into a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyseg_tvm.report.build import Build
from tinyseg_tvm.report.documents import memory_document, operators_csv
from tinyseg_tvm.report.page import page
from tinyseg_tvm.report.page_document import page_document
from tinyseg_tvm.report.points import Choice, Point


def write_reports(
    directory: Path | str,
    build: Build,
    *,
    points: Sequence[Point] = (),
    choices: Sequence[Choice] = (),
    against: Mapping[str, Any] | None = None,
    pictures: bool = True,
    png: bool = True,
) -> list[Path]:
    """Write memory_map.json, operators.csv and report.html and, with ``pictures``, memory_map.svg and .png.

    The files hold no dates, versions or machine names: the same plan gives the same bytes.

    Args:
        directory: made where it does not exist.
        build: what they are of.
        points: alternatives for the trade-off picture, pareto.svg and .png, drawn where there are at least two.
        choices: alternatives on the page, each with its command.
        against: the document of another build (``read_document``), which the page shows beside this one.
        pictures: also draw; needs about two seconds.
        png: draw memory_map.png as well as memory_map.svg.

    Returns:
        The files written, in order.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "memory_map.json": json.dumps(memory_document(build.memory, build.title), separators=(",", ":")) + "\n",
        "operators.csv": operators_csv(build.memory, build.kinds),
        "report.html": page(page_document(build, choices), against),
    }
    written = []
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
        written.append(folder / name)
    if not pictures:
        return written
    # matplotlib takes half a second to import, which programs without pictures need not pay.
    from tinyseg_tvm.report.drawing import save
    from tinyseg_tvm.report.figures import pareto_figure
    from tinyseg_tvm.report.memory_picture import memory_figure

    endings = (".svg", ".png") if png else (".svg",)
    figure = memory_figure(build.memory, build.title)
    written += [save(figure, folder / f"memory_map{ending}") for ending in endings]
    if len(points) > 1:
        trade = pareto_figure(points)
        written += [save(trade, folder / f"pareto{ending}") for ending in endings]
    return written
