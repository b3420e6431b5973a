"""Arguments of the verbs that read data: preprocessing, task and their values."""

from __future__ import annotations

import argparse
import math
import re

from tinyseg_tvm.accuracy import LAYOUTS, TASKS, Preprocessing
from tinyseg_tvm.accuracy.pictures import MOST_PIXELS
from tinyseg_tvm.accuracy.scores import Reading
from tinyseg_tvm.errors import UsageError


def add_preprocessing(parser: argparse.ArgumentParser) -> None:
    """How pictures become inputs, and outputs classes."""
    group = parser.add_argument_group("data: an input is (pixel / 255 - mean) / std")
    group.add_argument("--mean", default="0", metavar="M[,M,M]", help="one for all channels or one each (default: 0)")
    group.add_argument(
        "--std", default="1", metavar="S[,S,S]", help="likewise; 1/255 for networks of pixels in 0..255 (default: 1)"
    )
    group.add_argument("--layout", default="nchw", choices=LAYOUTS, help="of the float network (default: nchw)")
    group.add_argument("--resize", default="", metavar="HxW", help="bring pictures and masks to the network's size")
    group.add_argument("--task", default="segmentation", choices=TASKS, help="of the labels (default: segmentation)")
    group.add_argument(
        "--threshold",
        default="0",
        metavar="T",
        help="of networks with one channel: class 1 is above it (default: 0, for logits; 0.5 behind a sigmoid)",
    )


def preprocessing(arguments: argparse.Namespace) -> Preprocessing:
    """The preprocessing that was given.

    Raises:
        UsageError: values of another form.
    """
    size = None
    if arguments.resize:
        found = re.fullmatch(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", arguments.resize, re.ASCII)
        if found is None:
            raise UsageError(f"--resize {arguments.resize}: write HEIGHTxWIDTH, as in 80x120")
        size = (int(found[1]), int(found[2]))
        if size[0] * size[1] > MOST_PIXELS:
            raise UsageError(f"--resize {arguments.resize}: {size[0] * size[1]} pixels, more than {MOST_PIXELS}")
    mean, std = (_numbers(f"--{name}", getattr(arguments, name)) for name in ("mean", "std"))
    return Preprocessing(mean, std, arguments.layout, size)


def reading(arguments: argparse.Namespace) -> Reading:
    """How results become classes.

    Raises:
        UsageError: a threshold that is no number.
    """
    values = _numbers("--threshold", arguments.threshold)
    if len(values) != 1 or not math.isfinite(values[0]):
        raise UsageError(f"--threshold {arguments.threshold}: write one finite number")
    return Reading(arguments.task, arguments.layout, values[0])


def _numbers(option: str, text: str) -> tuple[float, ...]:
    """``"0.5"``, ``"1/255"`` or ``"0.485,0.456,0.406"``."""
    try:
        return tuple(_number(part) for part in text.split(","))
    except (ValueError, ZeroDivisionError):
        raise UsageError(
            f"{option} {text}: write a number, a quotient as 1/255, or one per channel with commas"
        ) from None


def _number(text: str) -> float:
    above, quotient, below = text.partition("/")
    return float(above) / (float(below) if quotient else 1.0)
