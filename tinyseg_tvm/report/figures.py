"""A picture of the trade-off between RAM and what is paid for it."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tinyseg_tvm.report.drawing import ACCENT, INK, OURS, new_figure, style, tidy
from tinyseg_tvm.report.points import Point


def pareto_figure(points: Sequence[Point], title: str = "RAM and its price") -> Figure:
    """RAM against MACs and against bytes written per inference.

    A panel shows the points that cost nothing more of the other price, and is left out where all are equal in its own.
    """
    with style():
        macs, written = min(point.macs for point in points), min(point.written for point in points)
        dry = [point for point in points if point.written == written]
        once = [point for point in points if point.macs == macs]
        prices: list[tuple[str, Sequence[Point], list[float]]] = []
        if len({point.macs for point in dry}) > 1:
            prices.append(("million MACs per inference", dry, [point.macs / 1e6 for point in dry]))
        if len({point.written for point in once}) > 1 or not prices:
            shown = once if prices else points
            prices.append(("KiB written to storage per inference", shown, [point.written / 1024 for point in shown]))
        figure = new_figure(6.2 * len(prices), 4.2)
        for number, (label, shown, values) in enumerate(prices):
            axes = figure.add_axes(((number + 0.12) / len(prices), 0.14, 0.82 / len(prices), 0.74))
            tidy(axes)
            axes.set_ylim(0, 1.12 * max(point.ram for point in points) / 1024)
            _scatter(figure, axes, shown, values)
            axes.set_xlabel(label)
            axes.set_ylabel("peak RAM, KiB")
        figure.text(0.12 / len(prices), 0.94, title, fontsize=12, fontweight="bold", va="center")
        return figure


def _scatter(figure: Figure, axes: Axes, points: Sequence[Point], values: Sequence[float]) -> None:
    """Points with their labels, and the line below which none of ours lies."""
    lowest: list[tuple[float, float]] = []
    for value, ram in sorted(
        (value, point.ram / 1024) for point, value in zip(points, values, strict=True) if point.ours
    ):
        if not lowest or ram < lowest[-1][1]:
            lowest.append((value, ram))
    if len(lowest) > 1:
        axes.step(*zip(*lowest, strict=True), where="post", color=OURS, linewidth=1.2, alpha=0.5, zorder=2)
    if len(set(values)) == 1:
        axes.set_xlim(values[0] - 1, values[0] + 1)
    else:
        axes.margins(x=0.06)
    for value, point in zip(values, points, strict=True):
        marker, colour = ("o", OURS) if point.ours else ("D", ACCENT)
        axes.plot(value, point.ram / 1024, marker, color=colour, markersize=6.5, markeredgecolor="white", zorder=3)
    _label(figure, axes, points, values)


def _label(figure: Figure, axes: Axes, points: Sequence[Point], values: Sequence[float]) -> None:
    """Names beside the points, moved up where they would lie on another name or point."""
    size, gap, height = 7.5, 8.0, 9.5  # in typographic points, as all lengths here
    low, high = axes.get_xlim()  # settles the scale that the next lines read
    scale = 72.0 / figure.dpi
    places = [axes.transData.transform((v, p.ram / 1024)) * scale for v, p in zip(values, points, strict=True)]
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in places]
    for number in sorted(range(len(points)), key=lambda n: (points[n].ram, points[n].label)):
        x, y = places[number]
        side = 1 if values[number] <= low + 0.55 * (high - low) else -1
        width = 0.56 * size * len(points[number].label)
        left = x + gap if side > 0 else x - gap - width
        bottom = y - height / 2
        others = [box for other, box in enumerate(taken) if other != number]
        while any(
            left < right and other_left < left + width and bottom < top and other_bottom < bottom + height
            for other_left, other_bottom, right, top in others
        ):
            bottom += 1.0
        taken.append((left, bottom, left + width, bottom + height))
        axes.annotate(
            points[number].label, (values[number], points[number].ram / 1024), fontsize=size, color=INK,
            xytext=(gap * side, bottom + height / 2 - y), textcoords="offset points", va="center",
            ha="left" if side > 0 else "right", parse_math=False, zorder=2.5,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.6},
        )  # fmt: skip
