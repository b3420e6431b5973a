"""Ports of integers: what their values mean, and data that are not what they were made for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.accuracy.preprocessing import HALF_OF_SIGNED, WHITE, Preprocessing
from tinyseg_tvm.accuracy.samples import Sample, Samples
from tinyseg_tvm.accuracy.scores import Reading
from tinyseg_tvm.errors import UsageError

COMPARED = 32  # samples of each kind whose ranges are compared
WIDER = 3.0
"""Ranges of data that differ by more than this factor were not made by the same preprocessing: a normalisation left
out makes it 4 and more, 0 to 255 in place of 0 to 1 makes it 255."""
_SAME_SCALE = 1e-3

Range = tuple[float, float]


@dataclass(frozen=True)
class PortScale:
    """An input or output: real values are ``(integer - zero_point) * scale``.

    Attributes:
        dtype: NumPy's name.
        scale: None where the port carries the values themselves.
        zero_point: 0 likewise.
    """

    dtype: str
    scale: float | None = None
    zero_point: int = 0

    @property
    def range(self) -> Range:
        """The least and the largest real value of a quantised port."""
        kind = np.iinfo(self.dtype)
        scale = self.scale or 1.0
        return (kind.min - self.zero_point) * scale, (kind.max - self.zero_point) * scale

    def quantised(self, values: np.ndarray) -> np.ndarray:
        """The integers of real values, rounded to even and saturated; values as they are where nothing is quantised."""
        if self.scale is None:
            return np.asarray(values, self.dtype)
        kind = np.iinfo(self.dtype)
        steps = np.rint(values.astype(np.float64) / self.scale) + self.zero_point
        return np.asarray(np.clip(steps, kind.min, kind.max), self.dtype)

    def real(self, values: np.ndarray) -> np.ndarray:
        """The real values of integers; values as they are where nothing is quantised."""
        if self.scale is None:
            return values
        return np.asarray((values.astype(np.int64) - self.zero_point) * np.float32(self.scale), np.float32)

    def takes_pixels(self, preprocessing: Preprocessing) -> bool:
        """Whether its integers are pixels: ``pixel - 128`` of int8, pixels of wider types.

        So it is where the network normalises pixels itself, and where scale and zero point are the normalisation.
        """
        if self.scale is None:
            return False
        offset = pixel_offset(self.dtype)
        if abs(self.scale * WHITE - 1.0) < _SAME_SCALE and self.zero_point == -offset:
            return True
        if not preprocessing.uniform:
            return False
        stated = folded_normalisation(preprocessing, self.dtype)
        same = abs(self.scale / stated.scale - 1.0) < _SAME_SCALE if stated.scale else False
        return same and abs(self.zero_point - stated.zero_point) <= 1


def pixel_offset(dtype: str) -> int:
    """What is taken from a pixel to make an integer of a port."""
    return HALF_OF_SIGNED if dtype == "int8" else 0


def folded_normalisation(preprocessing: Preprocessing, dtype: str) -> PortScale:
    """Scale and zero point with which a port of pixels carries normalised values.

    The zero point is rounded: values are off by half a pixel's step at most.
    """
    mean, std = preprocessing.mean[0], preprocessing.std[0]
    return PortScale(dtype, 1.0 / (WHITE * std), round(WHITE * mean) - pixel_offset(dtype))


def port_values(port: PortScale, sample: Sample, name: str, preprocessing: Preprocessing) -> np.ndarray:
    """What a port takes of a sample."""
    if sample.pixels is None:
        return port.quantised(sample.values[name])
    if not port.takes_pixels(preprocessing):
        return port.quantised(preprocessing.image(sample.pixels))
    if port.dtype == "int8":
        return preprocessing.pixels(sample.pixels)
    return (preprocessing.pixels(sample.pixels).astype(np.int16) + HALF_OF_SIGNED).astype(port.dtype)


def real_values(sample: Sample, names: Iterable[str], preprocessing: Preprocessing) -> dict[str, np.ndarray]:
    """The float32 inputs of a sample by name."""
    if sample.pixels is None:
        return {name: sample.values[name] for name in names}
    return {name: preprocessing.image(sample.pixels) for name in names}


def data_ranges(samples: Samples, names: Iterable[str], preprocessing: Preprocessing) -> dict[str, Range]:
    """The range of each input over some of the samples."""
    found: dict[str, Range] = {}
    for sample in samples.spread(COMPARED):
        for name, values in real_values(sample, names, preprocessing).items():
            if not np.isfinite(values).all():
                raise UsageError(
                    f"{samples.source}, sample {sample.name}: input {name!r} holds values that are no numbers"
                )
            low, high = found.get(name, (np.inf, -np.inf))
            found[name] = min(low, float(values.min())), max(high, float(values.max()))
    return found


def check_threshold(port: PortScale, shape: tuple[int | None, ...], reading: Reading) -> None:
    """Raises UsageError where an output of one channel can never be on both sides of the threshold.

    Args:
        port: the output's.
        shape: likewise.
        reading: how it becomes classes.
    """
    one = shape[1 if reading.layout == "nchw" else 3] == 1 if len(shape) == 4 else {*shape} == {1}
    if not one or port.scale is None:
        return
    threshold = reading.threshold
    low, high = port.range
    if not low < threshold < high:
        raise UsageError(
            f"the network's output takes {low:.4g} to {high:.4g}, and class 1 is above {threshold:g}: state "
            "--threshold (0.5 for the chances of a sigmoid)"
        )


def check_preprocessing(samples: Samples, preprocessing: Preprocessing) -> None:
    """Raises UsageError where preprocessing is stated for samples that hold a network's values."""
    stated = preprocessing.mean, preprocessing.std, preprocessing.resize
    nothing = Preprocessing.mean, Preprocessing.std, Preprocessing.resize
    if stated != nothing and samples.read(0).pixels is None:
        raise UsageError(f"{samples.source} holds the network's values already: mean, std and resize are for pictures")


def check_classes(samples: Samples, shape: tuple[int | None, ...], dtype: str, reading: Reading) -> None:
    """Raises UsageError where the data's folders are not the classes that an output tells apart.

    Args:
        samples: with names of classes, or without.
        shape: of the output.
        dtype: NumPy's name, of its real values.
        reading: how it becomes classes.
    """
    extents = [extent for extent in shape if extent is not None]
    if not samples.classes or len(extents) < len(shape):
        return
    count = reading.classes(np.broadcast_to(np.zeros((), dtype), extents))
    if count and count != len(samples.classes):
        raise UsageError(
            f"{samples.source} has {len(samples.classes)} folders of classes, the network tells {count} apart: there "
            "must be one of each, and their order numbers them"
        )


def check_same_ranges(these: Mapping[str, Range], what: str, others: Mapping[str, Range], which: str) -> None:
    """Raises UsageError where data have ranges that one preprocessing does not give.

    Args:
        these: range by input.
        what: where they come from.
        others: likewise, what is taken as right.
        which: where those come from.
    """
    for name, (low, high) in these.items():
        left, right = others[name]
        width, other = max(high - low, 1e-12), max(right - left, 1e-12)
        outside = max(high - right, left - low, 0.0)
        if width > WIDER * other or other > WIDER * width or outside > other:
            raise UsageError(
                f"{what}: input {name!r} takes {low:.4g} to {high:.4g}, and {left:.4g} to {right:.4g} for {which}: "
                "they were not preprocessed alike (pixels of 0..255 in place of 0..1? --mean and --std left out?)"
            )
