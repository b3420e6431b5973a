"""Pictures of results: segmentation panels, and the trade-off between RAM and what is paid for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tinyseg_tvm.report.drawing import ACCENT, FAINT, INK, OURS, new_figure, style, tidy
from tinyseg_tvm.report.points import Point

Picture = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

_HIT = np.array([46, 170, 116])
_FALSE_ALARM = np.array([226, 74, 58])
_MISS = np.array([58, 110, 226])


def overlay(image: Picture, mask: Mask, truth: Mask | None = None, opacity: float = 0.55) -> Picture:
    """The picture (height, width, 3) with the mask laid over it in colour.

    Green where the mask is right, red where it marks too much, blue where it misses. Without ``truth`` the mask is
    green.
    """
    truth = mask if truth is None else truth
    colour = np.where((mask & truth)[..., None], _HIT, np.where(mask[..., None], _FALSE_ALARM, _MISS))
    mixed = image * (1.0 - opacity) + colour * opacity
    return np.where((mask | truth)[..., None], np.rint(mixed), image).astype(np.uint8)


def intersection_over_union(mask: Mask, truth: Mask) -> float:
    """IoU of two masks; 1 where both are empty."""
    union = int((mask | truth).sum())
    return float((mask & truth).sum() / union) if union else 1.0


def segmentation_figure(
    images: Sequence[Picture], masks: Sequence[Mask], truths: Sequence[Mask], title: str = ""
) -> Figure:
    """One row per scene: input, predicted mask, truth, and both laid over the input, with the scene's IoU.

    Args:
        images: (height, width, 3) RGB, one per scene.
        masks: (height, width), one per scene.
        truths: the same for the masks that would be right.
        title: above all rows; none where empty.
    """
    with style():
        height, width = masks[0].shape
        columns, cell = ("input", "mask from the device", "truth", "overlay"), 2.6
        row, head, gap = cell * height / width, (0.62 if title else 0.3), 0.07
        total_width, total = len(columns) * (cell + gap) + gap, head + len(images) * (row + gap) + 0.34
        figure = new_figure(total_width, total)
        if title:
            figure.text(gap / total_width, 1 - 0.22 / total, title, fontsize=12, fontweight="bold", va="center")
        for number, (image, mask, truth) in enumerate(zip(images, masks, truths, strict=True)):
            cells = (image, _plain(mask), _plain(truth), overlay(image, mask, truth))
            bottom = total - head - (number + 1) * (row + gap) + gap
            for column, (name, pixels) in enumerate(zip(columns, cells, strict=True)):
                left = gap + column * (cell + gap)
                axes = figure.add_axes((left / total_width, bottom / total, cell / total_width, row / total))
                axes.imshow(pixels, interpolation="nearest", aspect="auto")
                axes.set_axis_off()
                if number == 0:
                    axes.set_title(name, fontsize=9, color=FAINT, pad=4)
            _badge(axes, f"IoU {intersection_over_union(mask, truth):.2f}")
        _overlay_key(figure, total_width, total)
        return figure


def _plain(mask: Mask) -> Picture:
    return np.where(mask[..., None], np.array([250, 250, 252]), np.array([28, 32, 40])).astype(np.uint8)


def _badge(axes: Axes, text: str) -> None:
    axes.text(
        0.98, 0.04, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=8, color="white",
        bbox={"facecolor": "#14181f", "alpha": 0.75, "edgecolor": "none", "pad": 2.0},
    )  # fmt: skip


def _overlay_key(figure: Figure, width: float, height: float) -> None:
    """Names of the overlay's colours, below the last column."""
    x = width - 2.62
    for colour, name in ((_HIT, "right"), (_FALSE_ALARM, "too much"), (_MISS, "missed")):
        figure.text(x / width, 0.17 / height, "■", color=tuple(colour / 255), fontsize=10, va="center")
        figure.text((x + 0.15) / width, 0.17 / height, name, fontsize=8, color=FAINT, va="center")
        x += 0.4 + 0.075 * len(name)


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
