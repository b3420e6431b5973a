"""Pictures and masks from files, by Pillow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tinyseg_tvm.errors import TinySegError

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
MOST_PIXELS = 1 << 26  # of one picture


def read_picture(path: Path, channels: int, resize: tuple[int, int] | None) -> np.ndarray:
    """A picture as uint8 (height, width, channels), grey or RGB, brought to ``resize`` (height, width) bilinearly.

    Raises:
        TinySegError: no picture, or one that is larger than anybody's.
    """
    image = _opened(path).convert("L" if channels == 1 else "RGB")
    if resize is not None and image.size != resize[::-1]:
        image = image.resize(resize[::-1], Image.Resampling.BILINEAR)
    pixels = np.asarray(image, np.uint8)
    return pixels[..., np.newaxis] if channels == 1 else pixels


def read_mask(path: Path, resize: tuple[int, int] | None) -> np.ndarray:
    """A map of classes as int64 (height, width); values of grey pictures and of palettes are classes.

    Raises:
        TinySegError: no picture, or one in colours.
    """
    image = _opened(path)
    if image.mode not in ("1", "L", "P", "I", "I;16"):
        raise TinySegError(f"{path}: a mask is grey or has a palette, this one is {image.mode}: its values are classes")
    if resize is not None and image.size != resize[::-1]:
        image = image.resize(resize[::-1], Image.Resampling.NEAREST)
    return np.asarray(image).astype(np.int64)


def _opened(path: Path) -> Any:
    try:
        with Image.open(path) as image:
            if image.width * image.height > MOST_PIXELS:
                raise TinySegError(f"{path} has {image.width} x {image.height} pixels, more than {MOST_PIXELS}")
            image.load()
            return image.copy()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise TinySegError(f"{path}: no readable picture ({error})") from None
