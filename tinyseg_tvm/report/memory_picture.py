"""The memory map as a picture: addresses over time, bytes alive and in storage over time, which operator runs when."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tinyseg_tvm.report.drawing import ACCENT, FAINT, GRID, INK, Colour, clipped, new_figure, style, tensor_colour, tidy
from tinyseg_tvm.report.memory import Ints, Kind, MemoryMap, Owner
from tinyseg_tvm.report.outlines import label_spot, outlines, polygon
from tinyseg_tvm.report.stored import stored_bytes
from tinyseg_tvm.report.tables import kib

WIDTH = 12.0
MAP_HEIGHT = 4.2
LIVE_HEIGHT = 1.3
SCHEDULE_HEIGHT = 2.8  # where operators are too many to be named
LEFT, RIGHT, TOP, BOTTOM, GAP = 1.45, 2.15, 0.75, 0.5, 0.28
NAMED_OPERATORS = 40
LEGEND_ENTRIES = 14
LABEL_POINTS = 6.5

_STATE: Colour = (0.45, 0.47, 0.52)
_SCRATCH: Colour = (0.72, 0.74, 0.78)


def memory_figure(memory: MemoryMap, title: str = "") -> Figure:
    """The picture of a memory map; readable for a handful of steps as for 30,000."""
    with style():
        used = [pool for pool, size in enumerate(memory.pool_bytes) if size] or [0]
        operators = len(memory.problem.operators)
        schedule_height = max(0.105 * operators, 0.8) if operators <= NAMED_OPERATORS else SCHEDULE_HEIGHT
        stored = stored_bytes(memory)
        stored_height = LIVE_HEIGHT + GAP if stored else 0.0
        height = TOP + len(used) * (MAP_HEIGHT + GAP) + LIVE_HEIGHT + GAP + stored_height + schedule_height + BOTTOM
        figure = new_figure(WIDTH, height)
        colours = owner_colours(memory)
        edge = height - TOP

        def panel(panel_height: float) -> Axes:
            nonlocal edge
            edge -= panel_height
            box = (LEFT / WIDTH, edge / height, (WIDTH - LEFT - RIGHT) / WIDTH, panel_height / height)
            edge -= GAP
            axes = figure.add_axes(box)
            tidy(axes)
            axes.set_xlim(0, max(memory.steps, 1))
            axes.tick_params(labelbottom=False)
            return axes

        maps = [panel(MAP_HEIGHT) for _ in used]
        for axes, pool in zip(maps, used, strict=True):
            _draw_map(axes, memory, pool, colours)
        _legend(maps[0], memory, colours)
        _draw_live(panel(LIVE_HEIGHT), memory)
        if stored:
            _draw_stored(panel(LIVE_HEIGHT), memory, stored, colours)
        schedule = panel(schedule_height)
        _draw_schedule(schedule, memory, colours)
        schedule.tick_params(labelbottom=True)
        schedule.set_xlabel("step")
        for axes in figure.axes:
            axes.axvline(memory.peak_step + 0.5, color=ACCENT, linewidth=0.8, linestyle=(0, (2, 2)), zorder=4)
        _headline(figure, memory, title, height)
        return figure


def owner_colours(memory: MemoryMap) -> dict[str, Colour]:
    """Colour of each owner by its label."""
    numbers = {tensor.name: number for number, tensor in enumerate(memory.problem.tensors)}
    fixed = {Kind.STATE: _STATE, Kind.SCRATCH: _SCRATCH}
    return {owner.label: fixed.get(owner.kind) or tensor_colour(numbers[owner.name]) for owner in memory.owners}


def _headline(figure: Figure, memory: MemoryMap, title: str, height: float) -> None:
    figure.text(
        LEFT / WIDTH, 1 - 0.26 / height, title or "Memory over time", fontsize=13, fontweight="bold", va="center"
    )
    facts = [f"{memory.steps:,} steps"]
    for pool, size, live in zip(memory.problem.pools, memory.pool_bytes, memory.live_peak, strict=True):
        if size:
            facts.append(f"{pool.name} {size:,} B, at most {live:,} B alive at once")
    figure.text(LEFT / WIDTH, 1 - 0.54 / height, "  ·  ".join(facts), fontsize=9, color=FAINT, va="center")


def _draw_map(axes: Axes, memory: MemoryMap, pool: int, colours: dict[str, Colour]) -> None:
    owners, size = memory.in_pool(pool), memory.pool_bytes[pool]
    top = 1.06 * max(size, 1)
    axes.set_ylim(0, top)
    _byte_axis(axes, top, ticks=9)
    axes.set_ylabel(f"address in {memory.problem.pools[pool].name}, KiB")
    points_per_byte = 72.0 * MAP_HEIGHT / top
    points_per_step = 72.0 * (WIDTH - LEFT - RIGHT) / max(memory.steps, 1)
    for owner, shapes in zip(owners, outlines(owners, memory.steps), strict=True):
        if not shapes:
            continue
        axes.add_collection(
            PolyCollection(
                [polygon(shape) for shape in shapes],
                facecolors=[colours[owner.label]],
                edgecolors="white" if owner.kind is Kind.TENSOR else INK,
                linewidths=0.35,
                hatch=None if owner.kind is Kind.TENSOR else "////",
                zorder=2,
            ),
            autolim=False,
        )
        spots = [label_spot(shape, 1.15 * LABEL_POINTS / points_per_byte) for shape in shapes]
        (x, y), width = max(spots, key=lambda spot: spot[1])
        if width * points_per_step > 0.62 * LABEL_POINTS * len(owner.label):
            axes.text(x, y, owner.label, fontsize=LABEL_POINTS, ha="center", va="center", zorder=5, parse_math=False)
    axes.axhline(size, color=ACCENT, linewidth=1.1, zorder=4)
    axes.annotate(
        f"{size:,} B", (1.0, size), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
        color=ACCENT, fontsize=9, fontweight="bold", va="center", annotation_clip=False,
    )  # fmt: skip


def _draw_live(axes: Axes, memory: MemoryMap) -> None:
    total = memory.live.sum(axis=0)
    edges = np.arange(memory.steps + 1)
    axes.stairs(total, edges, fill=True, color="#cfdbea", zorder=2)
    axes.stairs(total, edges, color="#3d5f8a", linewidth=0.8, zorder=3)
    peak = int(total.max(initial=0))
    axes.set_ylim(0, 1.12 * max(peak, 1))
    _byte_axis(axes, 1.12 * max(peak, 1), ticks=5)
    axes.set_ylabel("alive, KiB")
    if memory.steps:
        operator = memory.problem.operators[int(memory.operator_of_step[memory.peak_step])]
        text = f"most alive: {peak:,} B\nstep {memory.peak_step:,}\n{clipped(operator.name, 30)}"
        axes.annotate(
            text, (1.0, 1.0), xycoords="axes fraction", xytext=(6, 0), textcoords="offset points",
            fontsize=7.5, color=ACCENT, va="top", annotation_clip=False, parse_math=False,
        )  # fmt: skip


def _draw_stored(axes: Axes, memory: MemoryMap, stored: dict[str, Ints], colours: dict[str, Colour]) -> None:
    """What waits in storage, tensor upon tensor, in the colours of the map."""
    edges = np.arange(memory.steps + 1)
    floor = np.zeros(memory.steps, dtype=np.int64)
    most = int(np.sum(list(stored.values()), axis=0).max(initial=0))
    for name, bytes_there in stored.items():
        colour = colours.get(name, _STATE)
        axes.stairs(floor + bytes_there, edges, baseline=floor, fill=True, color=colour, zorder=2)
        when = int(np.argmax(bytes_there))
        if bytes_there[when] > 0.12 * most:
            middle = np.flatnonzero(bytes_there == bytes_there[when]).mean()
            y = float(floor[when] + bytes_there[when] / 2)
            axes.text(middle, y, name, fontsize=LABEL_POINTS, ha="center", va="center", zorder=5, parse_math=False)
        floor = floor + bytes_there
    peak = int(floor.max(initial=0))
    axes.set_ylim(0, 1.12 * max(peak, 1))
    _byte_axis(axes, 1.12 * max(peak, 1), ticks=5)
    axes.set_ylabel("in storage, KiB")
    axes.annotate(
        f"most at once:\n{peak:,} B", (1.0, 1.0), xycoords="axes fraction", xytext=(6, 0), textcoords="offset points",
        fontsize=7.5, color=FAINT, va="top", annotation_clip=False,
    )  # fmt: skip


def _draw_schedule(axes: Axes, memory: MemoryMap, colours: dict[str, Colour]) -> None:
    """One row per operator, top to bottom, with a bar wherever it runs."""
    problem, tolerance = memory.problem, memory.steps // 1200
    for number, operator in enumerate(problem.operators):
        when = np.flatnonzero(memory.operator_of_step == number)
        if not len(when):
            continue
        runs = np.split(when, np.flatnonzero(np.diff(when) > 1 + tolerance) + 1)
        results = [problem.tensors[access.tensor].name for access in operator.writes]
        colour = next((colours[name] for name in results if name in colours), _STATE)
        bars = [(float(run[0]), float(run[-1] + 1 - run[0])) for run in runs]
        darker = tuple(0.78 * channel for channel in colour)
        axes.broken_barh(bars, (number + 0.08, 0.84), facecolors=[darker], linewidth=0, zorder=3)
    count = len(problem.operators)
    axes.set_ylim(max(count, 1), 0)
    axes.grid(False, axis="y")
    if count <= NAMED_OPERATORS:
        names = [clipped(operator.name, 22) for operator in problem.operators]
        axes.set_yticks(np.arange(count) + 0.5, names, fontsize=6, parse_math=False)
        axes.tick_params(axis="y", length=0, pad=2)
        for row in range(1, count):
            axes.axhline(row, color=GRID, linewidth=0.4, zorder=1)
    else:
        axes.set_ylabel("operator")


def _legend(axes: Axes, memory: MemoryMap, colours: dict[str, Colour]) -> None:
    """The owners with the largest share of the picture, and how much of each is alive at once."""

    def entry(owner: Owner) -> Patch:
        name = clipped(owner.label, 26).replace("$", r"\$")
        most = int(owner.live(memory.steps).max(initial=0))
        hatch = None if owner.kind is Kind.TENSOR else "////"
        return Patch(facecolor=colours[owner.label], hatch=hatch, linewidth=0, label=f"{name}\n{kib(most)} at once")

    biggest = sorted(memory.owners, key=lambda owner: (-owner.byte_steps, owner.label))[:LEGEND_ENTRIES]
    shown = sorted(biggest, key=memory.owners.index)
    axes.legend(
        handles=[entry(owner) for owner in shown], title="largest", title_fontsize=8, fontsize=6.8, frameon=False,
        loc="upper left", bbox_to_anchor=(1.012, 0.9), borderaxespad=0.0, labelspacing=0.42, handlelength=1.2,
    )  # fmt: skip


def _byte_axis(axes: Axes, top: float, ticks: int) -> None:
    """At most ``ticks`` ticks at powers of two of KiB."""
    step = 2.0 ** max(math.ceil(math.log2(top / 1024 / ticks)), -6)
    places = np.arange(0, top / 1024, step)
    axes.set_yticks(places * 1024, [f"{place:g}" for place in places])
