"""A small painter for procedurally drawn pictures: polygons, ellipses and lines on a float RGB array.

Shapes are painted back to front. Every shape also writes a class into the truth mask, so what hides an object
in the picture hides it in the mask. Coordinates are pixels (x to the right, y downwards) of the final picture; the
canvas itself is larger by ``scale`` and is averaged down at the end, which smooths the edges.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Colour = NDArray[np.float64]


class Canvas:
    """Pixels (height * scale, width * scale, 3) in 0..1 and the mask of painted vehicles."""

    def __init__(self, height: int, width: int, scale: int) -> None:
        self.scale = scale
        self.pixels = np.zeros((height * scale, width * scale, 3))
        self.mask = np.zeros((height * scale, width * scale), dtype=bool)

    def polygon(
        self, points: Sequence[Point], colour: Colour, *, vehicle: bool = False, shade: float = 0.0, alpha: float = 1.0
    ) -> None:
        """Fill a polygon (even-odd rule).

        Args:
            points: corners in order.
            colour: RGB in 0..1.
            vehicle: the class written into the mask. Translucent shapes (alpha below 1) leave the mask alone.
            shade: vertical gradient; the top is ``shade`` brighter and the bottom ``shade`` darker, relative.
            alpha: opacity in 0..1.
        """
        corners = np.asarray(points) * self.scale
        window = self._window(corners.min(axis=0), corners.max(axis=0))
        if window is None:
            return
        rows, columns = window
        y = np.arange(rows.start, rows.stop)[:, None] + 0.5
        x = np.arange(columns.start, columns.stop)[None, :] + 0.5
        inside = np.zeros((y.shape[0], x.shape[1]), dtype=bool)
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            if y0 == y1:
                continue
            crosses = (y0 > y) != (y1 > y)
            inside ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
        self._blend(rows, columns, inside, self._gradient(y, colour, shade), vehicle=vehicle, alpha=alpha)

    def ellipse(
        self,
        centre: Point,
        radii: Point,
        colour: Colour,
        *,
        vehicle: bool = False,
        shade: float = 0.0,
        alpha: float = 1.0,
    ) -> None:
        """Fill an axis-parallel ellipse; arguments as in ``polygon``."""
        middle, size = np.asarray(centre) * self.scale, np.maximum(np.asarray(radii) * self.scale, 0.5)
        window = self._window(middle - size, middle + size)
        if window is None:
            return
        rows, columns = window
        y = np.arange(rows.start, rows.stop)[:, None] + 0.5
        x = np.arange(columns.start, columns.stop)[None, :] + 0.5
        inside = ((x - middle[0]) / size[0]) ** 2 + ((y - middle[1]) / size[1]) ** 2 <= 1.0
        self._blend(rows, columns, inside, self._gradient(y, colour, shade), vehicle=vehicle, alpha=alpha)

    def rectangle(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        colour: Colour,
        *,
        vehicle: bool = False,
        shade: float = 0.0,
        alpha: float = 1.0,
    ) -> None:
        """Fill an axis-parallel rectangle; arguments as in ``polygon``."""
        self.polygon(
            ((left, top), (right, top), (right, bottom), (left, bottom)),
            colour,
            vehicle=vehicle,
            shade=shade,
            alpha=alpha,
        )

    def reduced(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The picture (height, width, 3) and the mask (height, width), True where most of a pixel is vehicle."""
        height, width = self.mask.shape[0] // self.scale, self.mask.shape[1] // self.scale
        blocks = (height, self.scale, width, self.scale)
        picture = self.pixels.reshape(*blocks, 3).mean(axis=(1, 3))
        return picture, self.mask.reshape(blocks).mean(axis=(1, 3)) >= 0.5

    def _window(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[slice, slice] | None:
        """The part of the canvas inside a bounding box, or None where that is empty."""
        height, width = self.mask.shape
        left, top = max(int(low[0]), 0), max(int(low[1]), 0)
        right, bottom = min(int(high[0]) + 1, width), min(int(high[1]) + 1, height)
        return (slice(top, bottom), slice(left, right)) if left < right and top < bottom else None

    @staticmethod
    def _gradient(y: NDArray[np.float64], colour: Colour, shade: float) -> NDArray[np.float64]:
        position = (y - y[0, 0]) / max(y.shape[0] - 1, 1)
        light: NDArray[np.float64] = 1.0 + shade * (1.0 - 2.0 * position)
        return colour[None, None, :] * light[:, :, None]

    def _blend(
        self,
        rows: slice,
        columns: slice,
        inside: NDArray[np.bool_],
        colour: NDArray[np.float64],
        *,
        vehicle: bool,
        alpha: float,
    ) -> None:
        part = self.pixels[rows, columns]
        weight = inside[:, :, None] * alpha
        part += weight * (colour - part)
        if alpha >= 1.0:
            self.mask[rows, columns] = np.where(inside, vehicle, self.mask[rows, columns])
