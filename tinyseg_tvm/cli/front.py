"""What else a network could need: alternatives to the plan asked for, as text and as values for JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from tinyseg_tvm.cli.compilation import ProgressBar
from tinyseg_tvm.compiler.alternatives import Alternative, alternatives, ladder, points
from tinyseg_tvm.relay import Factory
from tinyseg_tvm.report.points import Point
from tinyseg_tvm.report.tables import Cell, kib, render


def front_of(factory: Factory, quiet: bool) -> list[Alternative]:
    """The alternatives, with a progress bar while they are planned."""
    with ProgressBar(quiet) as progress:
        return alternatives(factory.lowered, factory.situation, progress, factory.quantized_ports)


def front_points(factory: Factory, choices: Sequence[Alternative]) -> list[Point]:
    """The alternatives as points of a picture."""
    return points(choices, factory.macs - factory.planned.recomputed_macs)


def front_figures(choices: list[Alternative]) -> dict[str, Any]:
    """``alternatives``, and which of them the usual memory sizes fit: ``ladder``."""
    return {
        "alternatives": [dataclasses.asdict(choice) for choice in choices],
        "ladder": [{"bytes": rung.bytes, "fits": rung.fits and rung.fits.label} for rung in ladder(choices)],
    }


def front_text(choices: list[Alternative]) -> str:
    """One row per alternative (columns of storage only where some alternative writes), and the ladder."""
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
    return table + "\n\n" + render(steps, ["SRAM", "fits"])


def print_figures(factory: Factory, choices: list[Alternative], *, as_json: bool) -> None:
    """What was built and, where there are any, the alternatives: as text or as one JSON object."""
    if as_json:
        print(
            json.dumps(
                {**factory.figures, "remarks": factory.remarks, **(front_figures(choices) if choices else {})},
                sort_keys=True,
            )
        )
        return
    print(factory.report())
    if choices:
        print("\n" + front_text(choices))
