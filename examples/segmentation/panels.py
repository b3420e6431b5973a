"""Pictures of segmentation: masks over their scenes, and how well they agree with the truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tinyseg_tvm.report.drawing import FAINT, new_figure, style

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
