"""Samples with their labels: a folder of pictures, or a ``.npz`` file.

| data | what is read |
|---|---|
| ``DIR/images/`` and ``DIR/masks/`` | pictures, and maps of classes (grey or palette) under the same names |
| ``DIR/<class>/`` | pictures of each class; classes are numbered in the order of their names |
| ``DIR/`` | pictures without labels |
| ``FILE.npz`` | ``images`` (number, height, width, channels) of uint8, or float32 arrays of a network's values under
the names of its inputs (of one input, ``images`` too); with ``masks`` (number, height, width) or ``labels`` (number) |

In masks that hold 0 and 255 alone, 255 is class 1; in others it marks pixels that have no part.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tinyseg_tvm.accuracy.pictures import SUFFIXES, read_mask, read_picture
from tinyseg_tvm.accuracy.scores import IGNORED
from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.given import shown

MOST_UNPACKED = 1 << 33
"""Bytes of all arrays of a file together, which are in memory at once."""


@dataclass(frozen=True)
class Sample:
    """One sample.

    Attributes:
        name: of its file, or its number.
        pixels: uint8 (height, width, channels); None where the file holds a network's values.
        values: float32 arrays by the network's input, with a batch dimension of 1, in the place of pixels.
        label: int64: the class of each pixel (height, width), of the picture (no dimension), or None.
    """

    name: str
    pixels: np.ndarray | None = None
    values: Mapping[str, np.ndarray] = field(default_factory=dict)
    label: np.ndarray | None = None


@dataclass(frozen=True)
class Samples:
    """Samples that are read when they are asked for.

    Attributes:
        source: where they come from.
        names: one each.
        read: the sample of a number.
        task: what the labels are for; empty where there are none.
        classes: names of the classes, where the data names them.
    """

    source: str
    names: tuple[str, ...]
    read: Callable[[int], Sample]
    task: str = ""
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Sample]:
        return (self.read(index) for index in range(len(self)))

    def spread(self, most: int) -> Samples:
        """At most so many of them, evenly spread over all."""
        if len(self) <= most:
            return self
        chosen = np.linspace(0, len(self) - 1, most).round().astype(int).tolist()
        names = tuple(self.names[index] for index in chosen)
        return Samples(self.source, names, lambda index: self.read(chosen[index]), self.task, self.classes)


def read_samples(
    source: Path, *, inputs: Sequence[str], channels: int | None = 3, resize: tuple[int, int] | None = None
) -> Samples:
    """The samples of a folder or a ``.npz`` file.

    Args:
        source: see above.
        inputs: names of the network's inputs.
        channels: of the network's pictures, 1 (grey) or 3 (RGB); None where it takes none.
        resize: (height, width) to which pictures (bilinear) and masks (nearest) are brought.

    Raises:
        UsageError: nothing to read, labels that fit no picture, or values that are no numbers.
        TinySegError: a file that cannot be read.
    """
    if source.is_dir():
        if channels not in (1, 3):
            raise UsageError(f"{source}: pictures have 1 or 3 channels, the network takes {channels}: give a .npz file")
        return _folder(source, channels, resize)
    if not source.is_file():
        raise UsageError(f"{source}: no such folder or file")
    return _archive(source, inputs, channels, resize)


def _folder(source: Path, channels: int, resize: tuple[int, int] | None) -> Samples:
    if (source / "images").is_dir():
        masks = source / "masks"
        paths = _pictures(source / "images")
        labels = _matching(paths, masks) if masks.is_dir() else []
        white = _black_and_white(read_mask(path, None) for path in labels)
    else:
        folders = sorted(path for path in source.iterdir() if path.is_dir() and not path.name.startswith("."))
        if any(map(_pictures, folders)) and not _pictures(source):
            return _classes(source, folders, channels, resize)
        paths, labels, white = _pictures(source), [], False
    if not paths:
        raise UsageError(f"{source}: no pictures ({', '.join(sorted(SUFFIXES))}) in it")

    def read(index: int) -> Sample:
        label = _classes_of(read_mask(labels[index], resize), white) if labels else None
        return Sample(paths[index].name, read_picture(paths[index], channels, resize), label=label)

    task = "segmentation" if labels else ""
    return Samples(str(source), tuple(path.name for path in paths), read, task)


def _classes(source: Path, folders: Sequence[Path], channels: int, resize: tuple[int, int] | None) -> Samples:
    for folder in folders:
        if not _pictures(folder):
            raise UsageError(f"{folder} has no pictures: each folder is a class, and their order numbers them")
    found = [(path, number) for number, folder in enumerate(folders) for path in _pictures(folder)]

    def read(index: int) -> Sample:
        path, number = found[index]
        return Sample(names[index], read_picture(path, channels, resize), label=np.array(number, np.int64))

    names = tuple(f"{path.parent.name}/{path.name}" for path, _ in found)
    return Samples(str(source), names, read, "classification", tuple(folder.name for folder in folders))


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())


def _matching(paths: Sequence[Path], masks: Path) -> list[Path]:
    by_stem = {path.stem: path for path in _pictures(masks)}
    for path in paths:
        if path.stem not in by_stem:
            raise UsageError(f"{path} has no mask: {masks / path.stem}.png is missing")
    return [by_stem[path.stem] for path in paths]


def _archive(source: Path, inputs: Sequence[str], channels: int | None, resize: tuple[int, int] | None) -> Samples:
    arrays = _arrays(source)
    label_name = next((name for name in ("masks", "labels") if name in arrays and name not in inputs), "")
    labels = arrays.pop(label_name, None)
    if len(inputs) == 1 and inputs[0] not in arrays and "images" in arrays:
        arrays[inputs[0]] = arrays["images"]
    missing = [name for name in inputs if name not in arrays]
    if missing:
        raise UsageError(f"{source}: no array for the input {missing[0]!r}; it has {', '.join(arrays) or 'none'}")
    count = _count(source, {name: arrays[name] for name in inputs}, labels)
    values = {name: arrays[name] for name in inputs}
    _check_finite(source, values)
    pixels = values[inputs[0]] if len(inputs) == 1 and values[inputs[0]].dtype == np.uint8 else None
    if pixels is not None:
        pixels = _as_pictures(source, pixels, channels)
    white = labels is not None and label_name == "masks" and _black_and_white(labels)

    def read(index: int) -> Sample:
        label = None if labels is None else _classes_of(np.asarray(labels[index], np.int64), white)
        if pixels is None:
            feeds = {name: np.asarray(array[index : index + 1], np.float32) for name, array in values.items()}
            return Sample(str(index), values=feeds, label=label)
        if resize is not None and pixels.shape[1:3] != resize:
            raise UsageError(f"{source}: its pictures are {pixels.shape[1]}x{pixels.shape[2]}: resize is for folders")
        return Sample(str(index), pixels[index], label=label)

    task = {"masks": "segmentation", "labels": "classification"}.get(label_name, "")
    return Samples(str(source), tuple(map(str, range(count))), read, task)


def _arrays(source: Path) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(source) as file:
            size = sum(member.file_size for member in file.infolist())
        if size > MOST_UNPACKED:
            raise TinySegError(
                f"{source}: its arrays take {size} bytes, more than {MOST_UNPACKED}: give a part of them"
            )
        with np.load(source, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except TinySegError:
        raise
    except Exception as error:  # those of zip files, their compressions and NumPy's headers have no class in common
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise TinySegError(f"{source}: no readable .npz file ({said})") from None
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise UsageError(f"{source}: {shown(name)} is no array")
    return arrays


def _check_finite(source: Path, values: Mapping[str, np.ndarray]) -> None:
    for name, array in values.items():
        if array.dtype.kind == "f":
            for index, sample in enumerate(array):
                with np.errstate(over="ignore"):
                    finite = np.isfinite(np.asarray(sample, np.float32)).all()
                if not finite:
                    raise UsageError(f"{source}, sample {index}: input {name!r} holds values that are no numbers")


def _count(source: Path, values: Mapping[str, np.ndarray], labels: np.ndarray | None) -> int:
    arrays = [*values.items(), *([("its labels", labels)] if labels is not None else [])]
    for name, array in arrays:
        if array.ndim < 1 or array.dtype.kind not in "buif":
            raise UsageError(f"{source}: {name} is no array of numbers with a first dimension that counts samples")
    if labels is not None and labels.dtype.kind == "f":
        raise UsageError(f"{source}: its labels are {labels.dtype}, classes are whole numbers: store them as integers")
    counts = {name: len(array) for name, array in arrays}
    if len({*counts.values()}) != 1 or 0 in counts.values():
        raise UsageError(f"{source}: as many samples of each are needed, and one at least: {counts}")
    return next(iter(counts.values()))


def _as_pictures(source: Path, pixels: np.ndarray, channels: int | None) -> np.ndarray:
    pictures = pixels[..., np.newaxis] if pixels.ndim == 3 else pixels
    if pictures.ndim != 4 or channels is None or pictures.shape[3] != channels:
        raise UsageError(
            f"{source}: uint8 arrays are pictures (number, height, width, {channels or 'channels'}), "
            f"this one is {list(pixels.shape)}; give values of other networks as float32"
        )
    return pictures


def _black_and_white(masks: Iterator[np.ndarray] | np.ndarray) -> bool:
    """Whether masks hold 0 and IGNORED alone, and IGNORED is there."""
    there = False
    for mask in masks:
        foreground = mask[mask != 0]
        if (foreground != IGNORED).any():
            return False
        there = there or bool(foreground.size)
    return there


def _classes_of(mask: np.ndarray, white: bool) -> np.ndarray:
    return np.where(mask == IGNORED, 1, mask) if white else mask
