"""What else a network could need: alternatives to the plan asked for, as text and as values for JSON."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from tinyseg_tvm.compiler.alternatives import Outlook, ladder, outlook, points
from tinyseg_tvm.relay import Factory, ProgressBar
from tinyseg_tvm.report.points import Choice, Point
from tinyseg_tvm.report.tables import Cell, kib, render


def front_of(factory: Factory, quiet: bool) -> Outlook:
    """The alternatives, with a progress bar while they are planned."""
    with ProgressBar(quiet) as progress:
        return outlook(factory.lowered, factory.situation, progress, factory.quantized_ports)


def front_points(factory: Factory, front: Outlook | None) -> list[Point]:
    """The alternatives as points of a picture; none where nothing was asked."""
    return points(front.alternatives, factory.macs - factory.planned.recomputed_macs) if front else []


def front_choices(front: Outlook | None, command: str) -> list[Choice]:
    """The alternatives, each with its command: what ``command`` and its own options make."""
    if front is None:
        return []
    kernels = [
        Choice(
            "balanced kernels" if speed.balanced else "least RAM" if not number else "faster kernels",
            f"{command} {speed.arguments}",
            speed.ram,
            speed.seconds,
            speed.cycles,
            speed.flash,
        )
        for number, speed in enumerate(front.speeds)
    ]
    others = [
        Choice(
            each.label,
            f"{command} {each.arguments}",
            each.ram,
            each.seconds,
            written=each.written,
            recomputed_macs=each.recomputed_macs,
        )
        for each in front.alternatives
    ]
    return [*kernels, *others]


def front_figures(front: Outlook) -> dict[str, Any]:
    """``alternatives``, which of them the usual memory sizes fit: ``ladder``, and what kernels cost: ``speeds``."""
    return {
        "alternatives": [dataclasses.asdict(choice) for choice in front.alternatives],
        "ladder": [{"bytes": rung.bytes, "fits": rung.fits and rung.fits.label} for rung in ladder(front.alternatives)],
        "speeds": [dataclasses.asdict(point) for point in front.speeds],
    }


def front_text(front: Outlook) -> str:
    """Rows of alternatives (columns of storage only where some alternative writes), the ladder, and rows of kernels."""
    choices = front.alternatives
    headers = ["whole program's RAM", "bytes", "", "extra MACs", "ms"]
    rows: list[list[Cell]] = [
        [c.label, c.ram, kib(c.ram), c.recomputed_macs, f"{1e3 * c.seconds:.0f}"] for c in choices
    ]
    if any(choice.written for choice in choices):
        headers += ["written", "mJ", "million frames of life"]
        for row, choice in zip(rows, choices, strict=True):
            life = choice.lifetime_frames
            row += [choice.written, f"{1e3 * choice.joules:.2f}", None if life is None else f"{life / 1e6:.2f}"]
    table = render([[*row, choice.arguments] for row, choice in zip(rows, choices, strict=True)], [*headers, "options"])
    steps = [[kib(rung.bytes), rung.fits.label if rung.fits else "does not fit"] for rung in ladder(choices)]
    return "\n\n".join([table, render(steps, ["SRAM", "fits"]), _speeds_text(front)])


def _speeds_text(front: Outlook) -> str:
    """A row per point: what it takes, and what it takes more, and saves, beside least RAM."""
    least = front.speeds[0]
    rows: list[list[Cell]] = [
        [
            "balanced" if point.balanced else "",
            point.ram,
            kib(point.ram),
            f"+{100 * (point.ram / least.ram - 1):.1f} %",
            point.cycles,
            f"{1e3 * point.seconds:.1f}",
            f"-{100 * (1 - point.cycles / least.cycles):.1f} %" if least.cycles else "",
            point.flash,
            f"{100 * (point.flash / least.flash - 1):+.1f} %" if least.flash else "",
            point.arguments,
        ]
        for point in front.speeds
    ]
    headers = ["RAM for faster kernels", "bytes", "", "more", "cycles", "ms", "saved", "flash", "more", "options"]
    return render(rows, headers)


def print_figures(factory: Factory, front: Outlook | None, *, as_json: bool) -> None:
    """What was built and, where they were asked for, the alternatives: as text or as one JSON object."""
    if as_json:
        figures = {**factory.figures, "remarks": factory.remarks, **(front_figures(front) if front else {})}
        print(json.dumps(figures, sort_keys=True))
        return
    print(factory.report())
    if front:
        print("\n" + front_text(front))
