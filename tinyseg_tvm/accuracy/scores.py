"""What a network's results are worth: class maps, confusion matrices, intersection over union.

IoU and pixel accuracy are those of PASCAL VOC (Everingham et al., "The PASCAL Visual Object Classes Challenge", 2010):
counted over all pictures together; pixels of the label IGNORED have no part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyseg_tvm.errors import UsageError

TASKS = ("segmentation", "classification")
IGNORED = 255
MOST_CLASSES = 1024


@dataclass(frozen=True)
class Reading:
    """How a network's first output becomes classes.

    Attributes:
        task: of TASKS.
        layout: of the output, ``nchw`` or ``nhwc``.
        threshold: of the one channel of networks of two classes, in real values: 0 for logits, 0.5 for chances.
    """

    task: str = "segmentation"
    layout: str = "nchw"
    threshold: float = 0.0

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise UsageError(f"task is {' or '.join(TASKS)}, not {self.task!r}")

    def classes(self, output: np.ndarray) -> int:
        """The number of classes that an output of real values tells apart; 0: it holds classes already."""
        if np.issubdtype(output.dtype, np.integer) or output.dtype == bool:
            return 0
        output = self._laid_out(output)
        return max(2, int(output.shape[self._axis(output)]))

    def predicted(self, output: np.ndarray) -> np.ndarray:
        """The class of each pixel (height, width), or of the picture (no dimension); int64.

        Args:
            output: real values, of one picture; integers are classes already.

        Raises:
            UsageError: an output that is none of the task's.
        """
        if np.issubdtype(output.dtype, np.integer) or output.dtype == bool:
            return self._shaped(output.astype(np.int64))
        output = self._laid_out(output)
        axis = self._axis(output)
        one = output.shape[axis] == 1
        found = output.take(0, axis) > self.threshold if one else output.argmax(axis)
        return self._shaped(np.asarray(found, np.int64))

    def _laid_out(self, output: np.ndarray) -> np.ndarray:
        return output.reshape(1, -1) if self.task == "classification" else output

    def _axis(self, output: np.ndarray) -> int:
        if self.task == "classification":
            return 1
        if output.ndim != 4:
            raise UsageError(
                f"the network's first output has the shape {list(output.shape)}: a map of classes has four dimensions; "
                "state --task classification"
            )
        return 1 if self.layout == "nchw" else 3

    def _shaped(self, classes: np.ndarray) -> np.ndarray:
        dimensions = 2 if self.task == "segmentation" else 0
        singles = [axis for axis, extent in enumerate(classes.shape) if extent == 1]
        surplus = tuple(singles[: max(0, classes.ndim - dimensions)])
        found = classes.squeeze(surplus) if surplus else classes
        if found.ndim != dimensions:
            raise UsageError(f"the network's result has the shape {list(classes.shape)}, which is none of {self.task}")
        return found


def enlarged(classes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A map of classes brought to a shape that is a multiple of its own, each class repeated; else as it is."""
    if (
        classes.ndim != 2
        or len(shape) != 2
        or any(whole % part for whole, part in zip(shape, classes.shape, strict=True))
    ):
        return classes
    return classes.repeat(shape[0] // classes.shape[0], 0).repeat(shape[1] // classes.shape[1], 1)


class Score:
    """A confusion matrix that grows: rows are the truth, columns what was predicted."""

    def __init__(self, classes: int) -> None:
        """Nothing was seen of so many classes; 0: as many as come."""
        self._grows = classes == 0
        self.matrix = np.zeros((0, 0), np.int64)
        self._grow(classes)

    def add(self, predicted: np.ndarray, truth: np.ndarray) -> None:
        """Counts a picture's classes.

        Raises:
            UsageError: maps of other sizes, or a class that the matrix does not have.
        """
        if predicted.shape != truth.shape:
            raise UsageError(
                f"the network's map has {list(predicted.shape)} pixels, the label {list(truth.shape)}: state --resize"
            )
        seen = truth != IGNORED
        rows, columns = truth[seen].astype(np.int64), predicted[seen].astype(np.int64)
        if self._grows:
            self._grow(1 + int(max(rows.max(initial=-1), columns.max(initial=-1))))
        classes = len(self.matrix)
        for name, values in (("the label", rows), ("the network's result", columns)):
            if values.size and (values.max() >= classes or values.min() < 0):
                raise UsageError(
                    f"{name} has the class {values.max()}, and the network tells {classes} apart "
                    f"(pixels that have no part are {IGNORED})"
                )
        self.matrix += np.bincount(rows * classes + columns, minlength=classes * classes).reshape(classes, classes)

    def _grow(self, classes: int) -> None:
        if classes > MOST_CLASSES:
            raise UsageError(f"there are {classes} classes, more than {MOST_CLASSES}: are these labels?")
        more = max(0, classes - len(self.matrix))
        self.matrix = np.pad(self.matrix, ((0, more), (0, more)))

    def merged(self, other: Score) -> Score:
        """What both have seen."""
        found = Score(max(len(self.matrix), len(other.matrix)))
        for score in (self, other):
            count = len(score.matrix)
            found.matrix[:count, :count] += score.matrix
        return found

    @property
    def seen(self) -> int:
        """How many pixels or pictures have a part."""
        return int(self.matrix.sum())

    @property
    def iou(self) -> list[float | None]:
        """Intersection over union of each class; None where it is neither there nor predicted."""
        hits = np.diag(self.matrix)
        unions = self.matrix.sum(0) + self.matrix.sum(1) - hits
        return [float(hit / union) if union else None for hit, union in zip(hits, unions, strict=True)]

    @property
    def mean_iou(self) -> float:
        """The mean over the classes that are there; NaN where nothing was seen."""
        there = [value for value in self.iou if value is not None]
        return float(np.mean(there)) if there else math.nan

    @property
    def accuracy(self) -> float:
        """The share of pixels, or of pictures (top-1), whose class is right; NaN where nothing was seen."""
        return float(np.trace(self.matrix) / self.seen) if self.seen else math.nan

    def figure(self, task: str) -> float:
        """The one number that networks are compared by."""
        return self.mean_iou if task == "segmentation" else self.accuracy

    def as_dict(self, task: str) -> dict[str, Any]:
        """All figures under the names that the command line prints."""
        if task == "classification":
            return {"top1": self.accuracy, "confusion": self.matrix.tolist()}
        return {
            "mean_iou": self.mean_iou,
            "iou": self.iou,
            "pixel_accuracy": self.accuracy,
            "confusion": self.matrix.tolist(),
        }
