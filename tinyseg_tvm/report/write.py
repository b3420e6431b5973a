"""Writes all reports of a build into a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Problem
from tinyseg_tvm.report.documents import memory_document, operators_csv
from tinyseg_tvm.report.memory import memory_map
from tinyseg_tvm.report.points import Point, Rival
from tinyseg_tvm.report.tables import Cell


def write_reports(
    directory: Path | str,
    problem: Problem,
    plan: Plan,
    *,
    title: str = "",
    kinds: Mapping[str, str] | None = None,
    facts: Mapping[str, Cell] | None = None,
    remarks: Sequence[str] = (),
    rivals: Sequence[Rival] = (),
    points: Sequence[Point] = (),
    pictures: bool = True,
    png: bool = True,
) -> list[Path]:
    """Write memory_map.json and operators.csv and, with ``pictures``, memory_map.svg and .png and report.html.

    The files hold no dates, versions or machine names: the same plan gives the same bytes.

    Args:
        directory: made where it does not exist.
        problem: the planning problem.
        plan: a valid plan for it.
        title: shown above the pictures, for example the model's name.
        kinds: kind of each operator by name, where known.
        facts: headline figures of the page, name to value.
        remarks: sentences below those.
        rivals: rows (planner, RAM bytes, remark) of the comparison with other planners.
        points: alternatives for the trade-off picture, pareto.svg and .png, drawn where there are at least two.
        pictures: also draw; needs about two seconds.
        png: draw memory_map.png as well as memory_map.svg.

    Returns:
        The files written, in order.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    memory = memory_map(problem, plan)
    document = memory_document(memory, title)
    texts = {
        "memory_map.json": json.dumps(document, indent=None, separators=(",", ":")) + "\n",
        "operators.csv": operators_csv(memory, kinds),
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
    from tinyseg_tvm.report.page import page

    figure = memory_figure(memory, title)
    drawn = {name: save(figure, folder / name) for name in ("memory_map.svg", *(("memory_map.png",) if png else ()))}
    if len(points) > 1:
        trade = pareto_figure(points)
        drawn |= {name: save(trade, folder / name) for name in ("pareto.svg", *(("pareto.png",) if png else ()))}
    written += drawn.values()
    svgs = {name: path.read_text(encoding="utf-8") for name, path in drawn.items() if path.suffix == ".svg"}
    html = page(memory, svgs, title=title, kinds=kinds, facts=facts or {}, remarks=remarks, rivals=rivals)
    (folder / "report.html").write_text(html, encoding="utf-8", newline="\n")
    return [*written, folder / "report.html"]
