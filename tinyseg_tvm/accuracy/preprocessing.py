"""From a picture to a network's input: size, range and layout, all of them stated and none guessed.

A pixel of 0 to 255 becomes ``(pixel / 255 - mean) / std``, the convention of torchvision; networks of pixels in 0..255
have ``std`` 1/255.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.errors import UsageError

LAYOUTS = ("nchw", "nhwc")
WHITE = 255.0
HALF_OF_SIGNED = 128  # an int8 pixel is the pixel less this


@dataclass(frozen=True)
class Preprocessing:
    """How pictures become inputs.

    Attributes:
        mean: per channel, or one for all; in units of white (0 to 1).
        std: likewise.
        layout: ``nchw`` or ``nhwc``, of the network's input.
        resize: (height, width) of the network's input; None: pictures have its size.
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    layout: str = "nchw"
    resize: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise UsageError(f"layout is {' or '.join(LAYOUTS)}, not {self.layout!r}")
        if any(not np.isfinite(value) or value <= 0.0 for value in self.std):
            raise UsageError(f"std is {list(self.std)}: must be above 0")
        if any(not np.isfinite(value) for value in self.mean):
            raise UsageError(f"mean is {list(self.mean)}: must be finite")

    @property
    def uniform(self) -> bool:
        """Whether all channels are normalised alike, so that a scale and a zero point say it."""
        return len({*self.mean}) == 1 and len({*self.std}) == 1

    def image(self, pixels: np.ndarray) -> np.ndarray:
        """A network's float32 input of uint8 ``pixels`` (height, width, channels), with a batch dimension of 1."""
        mean, std = np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32)
        if {mean.size, std.size} - {1, pixels.shape[2]}:
            raise UsageError(
                f"mean has {mean.size} and std {std.size} values, the pictures have {pixels.shape[2]} channels: "
                "state one value, or one per channel"
            )
        return self._laid_out(((pixels.astype(np.float32) / np.float32(WHITE) - mean) / std).astype(np.float32))

    def pixels(self, pixels: np.ndarray) -> np.ndarray:
        """An int8 input of uint8 ``pixels``: ``pixel - 128``, what devices take."""
        return self._laid_out((pixels.astype(np.int16) - HALF_OF_SIGNED).astype(np.int8))

    def _laid_out(self, values: np.ndarray) -> np.ndarray:
        ordered = values.transpose(2, 0, 1) if self.layout == "nchw" else values
        return np.ascontiguousarray(ordered[np.newaxis])

    def image_extents(self, shape: tuple[int | None, ...]) -> tuple[int | None, int | None, int | None]:
        """(height, width, channels) that an input of a shape takes.

        Raises:
            UsageError: it takes no pictures.
        """
        if len(shape) != 4:
            raise UsageError(
                f"the network's input has the shape {list(shape)}: pictures need four dimensions; give a .npz file "
                "of float32 arrays for it"
            )
        height, width, channels = (2, 3, 1) if self.layout == "nchw" else (1, 2, 3)
        return shape[height], shape[width], shape[channels]
