"""The worst samples side by side: the picture, what the float network, the firmware and the label say, what differs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tinyseg_tvm.accuracy.scores import IGNORED
from tinyseg_tvm.evaluation.outcomes import Outcome
from tinyseg_tvm.report.drawing import FAINT, clipped, new_figure, style, tensor_colour

CELL = 2.2  # inches
GAP = 0.08
HEAD = 0.32
CAPTION = 0.24
WRONG = (226, 74, 58)
BACKGROUND = (28, 32, 40)
IGNORED_COLOUR = (120, 120, 128)
LONGEST_NAME = 40


def worst_figure(outcomes: Sequence[Outcome], classes: Sequence[str]) -> Figure:
    """One row per sample of a segmentation, or one cell per picture of a classification.

    Args:
        outcomes: the worst first; one at least.
        classes: names of the classes.
    """
    with style():
        if outcomes[0].device.ndim:
            return _maps(outcomes)
        return _pictures(outcomes, classes)


def _maps(outcomes: Sequence[Outcome]) -> Figure:
    columns = _columns(outcomes[0])
    height, width = outcomes[0].device.shape
    row = CELL * height / width + CAPTION
    total_width, total = len(columns) * (CELL + GAP) + GAP, HEAD + len(outcomes) * (row + GAP)
    figure = new_figure(total_width, total)
    for number, one in enumerate(outcomes):
        bottom = total - HEAD - (number + 1) * row - number * GAP
        for column, (name, pixels) in enumerate(_columns(one).items()):
            left = GAP + column * (CELL + GAP)
            axes = figure.add_axes(
                (left / total_width, (bottom + CAPTION) / total, CELL / total_width, (row - CAPTION) / total)
            )
            _show(axes, pixels)
            if number == 0:
                axes.set_title(name, fontsize=9, color=FAINT, pad=4)
        figure.text(GAP / total_width, (bottom + CAPTION / 2) / total, _caption(one), fontsize=8, va="center")
    return figure


def _columns(one: Outcome) -> dict[str, np.ndarray]:
    """Pictures of a row by what is above them."""
    found: dict[str, np.ndarray] = {}
    if one.pixels is not None:
        found["input"] = one.pixels
    if one.reference is not None:
        found["float network"] = coloured(one.reference)
    found["firmware"] = coloured(one.device)
    right = one.reference if one.truth is None else one.truth
    if one.truth is not None:
        found["truth"] = coloured(one.truth)
    if right is not None:
        differing = np.where((one.device != right)[..., None], WRONG, BACKGROUND)
        found["difference"] = np.where((right == IGNORED)[..., None], IGNORED_COLOUR, differing).astype(np.uint8)
    return found


def coloured(classes: np.ndarray) -> np.ndarray:
    """Classes (height, width) as uint8 (height, width, 3): the first dark, pixels that have no part grey."""
    kinds = [tuple(round(255 * part) for part in tensor_colour(number)) for number in range(int(classes.max()) + 1)]
    table = np.array([BACKGROUND, *kinds[1:]], np.uint8)
    ignored = classes >= 255
    found = table[np.where(ignored, 0, classes)]
    return np.where(ignored[..., None], IGNORED_COLOUR, found).astype(np.uint8)


def _pictures(outcomes: Sequence[Outcome], classes: Sequence[str]) -> Figure:
    shown = [one for one in outcomes if one.pixels is not None]
    columns = min(4, max(1, len(shown)))
    rows = -(-len(shown) // columns)
    row = CELL + 2 * CAPTION
    total_width, total = columns * (CELL + GAP) + GAP, max(1, rows) * (row + GAP) + GAP
    figure = new_figure(total_width, total)
    for number, one in enumerate(shown):
        left, bottom = GAP + number % columns * (CELL + GAP), total - (number // columns + 1) * (row + GAP)
        axes = figure.add_axes((left / total_width, (bottom + 2 * CAPTION) / total, CELL / total_width, CELL / total))
        assert one.pixels is not None
        _show(axes, one.pixels)
        said = {"firmware": one.device, "float": one.reference, "truth": one.truth}
        words = [f"{who} {_name(classes, what)}" for who, what in said.items() if what is not None]
        text = f"{clipped(one.name, LONGEST_NAME)}\n{', '.join(words)}"
        figure.text(left / total_width, (bottom + CAPTION) / total, text, fontsize=7, va="center")
    return figure


def _name(classes: Sequence[str], number: np.ndarray) -> str:
    return clipped(classes[int(number)], 16) if int(number) < len(classes) else str(int(number))


def _show(axes: Axes, pixels: np.ndarray) -> None:
    grey = pixels.shape[2] == 1
    axes.imshow(pixels[..., 0] if grey else pixels, cmap="gray" if grey else None, vmin=0, vmax=255, aspect="auto")
    axes.set_axis_off()


def _caption(one: Outcome) -> str:
    figures = [f"mean IoU {one.figure:.3f}"] if one.figure is not None else []
    figures += [f"{100 * one.agreement:.2f} % as the float network"] if one.agreement is not None else []
    return f"{clipped(one.name, LONGEST_NAME)}: {', '.join(figures)}"
