"""The look shared by all pictures: colours, fonts, and files that are the same bytes every time.

Colours are chosen in OKLCH (Björn Ottosson, "A perceptual color space for image processing", 2020), so that all
tensors look equally strong; neighbours in a network differ by the golden angle in hue.
"""

from __future__ import annotations

import math
import warnings
from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Colour = tuple[float, float, float]

INK = "#22262e"
FAINT = "#8a919e"
GRID = "#e4e7ec"
ACCENT = "#c2334d"
OURS = "#2266aa"

_GOLDEN_ANGLE = math.pi * (3.0 - math.sqrt(5.0))
_LIGHTNESS = (0.77, 0.69, 0.84, 0.73, 0.80)
_CHROMA = 0.10

_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.titlesize": 10,
    "xtick.color": INK,
    "ytick.color": INK,
    "path.simplify": False,
    "svg.hashsalt": "tinyseg",
    "svg.fonttype": "path",
}


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure of the given size in inches, not registered with pyplot."""
    return Figure(figsize=(width, height), facecolor="white")


def style() -> AbstractContextManager[None]:
    """Context in which every figure is made and saved."""
    return mpl.rc_context(_STYLE)


def save(figure: Figure, path: Path, dpi: int = 150) -> Path:
    """Write a figure as .svg or .png without dates or versions; returns ``path``."""
    with style(), warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="Glyph"
        )  # names in a script that the font does not have show as boxes
        metadata = {".svg": {"Date": None, "Creator": None}, ".png": {"Software": None}}[path.suffix]
        figure.savefig(path, dpi=dpi, metadata=metadata)
    return path


def tensor_colour(number: int) -> Colour:
    """Colour of the tensor with this position in the network."""
    return _oklch(_LIGHTNESS[number % len(_LIGHTNESS)], _CHROMA, 0.6 + number * _GOLDEN_ANGLE)


def clipped(name: str, length: int) -> str:
    """A long name with its middle left out, and without characters that a font cannot show."""
    name = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name)
    head = (length - 1) // 2
    return name if len(name) <= length else f"{name[:head]}…{name[head + 1 - length :]}"


def tidy(axes: Axes) -> None:
    """Remove the frame's upper and right side and lay a faint grid below the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def _oklch(lightness: float, chroma: float, hue: float) -> Colour:
    """OKLCH to sRGB, each channel clipped to 0..1."""
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    return _gamma(red), _gamma(green), _gamma(blue)


def _gamma(linear: float) -> float:
    linear = min(max(linear, 0.0), 1.0)
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
