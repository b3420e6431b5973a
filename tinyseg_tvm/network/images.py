"""Ports as images: height, width and channels of the model's map, and where its pixels are in the device's buffer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.network.network import Network, Port


@dataclass(frozen=True)
class Image:
    """A port's map, in the model's own rows and columns.

    Attributes:
        height, width: rows and columns.
        channels: values of a pixel.
        columns: whether the device holds it column by column.
        pixel_bytes: bytes of a pixel, channels side by side.
    """

    height: int
    width: int
    channels: int
    columns: bool
    pixel_bytes: int

    @property
    def row_stride(self) -> int:
        """Bytes from a pixel to the one below it, in the device's buffer."""
        return self.pixel_bytes * (1 if self.columns else self.width)

    @property
    def pixel_stride(self) -> int:
        """Bytes from a pixel to the one right of it, in the device's buffer."""
        return self.pixel_bytes * (self.height if self.columns else 1)


def image_of(network: Network, port: Port) -> Image | None:
    """The image that a port carries, a map (1, H, W, C) or, of one channel, (1, H, W); None where it is none."""
    kind = network.tensors[port.tensor].type
    shape = kind.shape
    one_channel = len(shape) == 3 and (port.exchanged or tuple(port.permutation) == tuple(range(len(shape))))
    if not shape or shape[0] != 1 or not (len(shape) == 4 or one_channel):
        return None
    channels = shape[3] if len(shape) == 4 else 1
    height, width = (shape[2], shape[1]) if port.exchanged else (shape[1], shape[2])
    return Image(height, width, channels, port.exchanged, channels * np.dtype(kind.dtype).itemsize)
