"""A random TensorFlow Lite network while it grows: quantised tensors, and what a layer needs to add one.

Written from the schema and the operators' published semantics alone: nothing here may know how TinySeg lowers one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.frontend.tflite_files import TfliteFile

MOST_VALUES = 4000  # of a tensor
MOST_SPREAD = 300.0  # of values about 0
LIMITS = {"int8": (-128, 127), "int16": (-32768, 32767)}
ACTIVATIONS = ("NONE", "NONE", "RELU", "RELU6", "RELU_N1_TO_1")


class Impossible(Exception):
    """What was drawn is no layer: shapes do not fit, or the result is too large."""


@dataclass(frozen=True)
class Value:
    """An activation: its tensor's index, shape and quantisation."""

    index: int
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int


@dataclass
class Network:
    """A file under construction, of activations of one type; ``draw`` is the only source of chance."""

    draw: np.random.Generator
    dtype: str
    file: TfliteFile = field(default_factory=TfliteFile)
    values: list[Value] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    results: list[Value] = field(default_factory=list)
    read: set[int] = field(default_factory=set)

    def one_of(self, *choices: Any) -> Any:
        """One of the choices, each as likely."""
        return choices[int(self.draw.integers(len(choices)))]

    def maybe(self, share: float) -> bool:
        """True with this probability."""
        return bool(self.draw.random() < share)

    def between(self, low: int, high: int) -> int:
        """A random number, both ends among them."""
        return int(self.draw.integers(low, high + 1))

    def scale(self, spread: float) -> float:
        """That of a result whose values spread about as far, in float32; now and then too small, so it saturates.

        Values no network holds have none: from a scale of 16 on, shifts of TANH's kernel leave its integers.
        """
        steps = 100.0 if self.dtype == "int8" else 25_000.0
        return float(np.float32(min(spread, MOST_SPREAD) / steps * self.draw.uniform(0.3, 2.5)))

    def zero_point(self) -> int:
        """Of a tensor: 0 for int16."""
        return 0 if self.dtype != "int8" else self.one_of(0, -128, 127, self.between(-128, 127))

    def spread(self, value: Value) -> float:
        """About how far values lie from 0."""
        low, high = LIMITS[self.dtype]
        return value.scale * max(value.zero_point - low, high - value.zero_point)

    def constant(self, values: npt.ArrayLike, dtype: str = "int32") -> int:
        """A constant without quantisation."""
        return self.file.constant(np.array(values, dtype))

    def codes(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        """Random codes of the whole range, ends included."""
        low, high = LIMITS[dtype or self.dtype]
        return self.draw.integers(low, high + 1, tuple(shape)).astype(dtype or self.dtype)

    def add(
        self,
        kind: str,
        inputs: Sequence[int | Value],
        shape: Sequence[int],
        scale: float,
        zero_point: int,
        dtype: str | None = None,
        **options: object,
    ) -> Value:
        """A node and its one result."""
        return self.add_several(kind, inputs, [shape], scale, zero_point, dtype, **options)[0]

    def add_several(
        self,
        kind: str,
        inputs: Sequence[int | Value],
        shapes: Sequence[Sequence[int]],
        scale: float,
        zero_point: int,
        dtype: str | None = None,
        **options: object,
    ) -> list[Value]:
        """A node and its results, quantised alike."""
        made = []
        for shape in shapes:
            if not 0 < int(np.prod(shape, dtype=np.int64)) <= MOST_VALUES:
                raise Impossible("the result is empty or too large")
        indices = [each.index if isinstance(each, Value) else each for each in inputs]
        for shape in shapes:
            index = self.file.tensor(shape, dtype or self.dtype, scale if scale else None, zero_point)
            made.append(Value(index, tuple(int(extent) for extent in shape), dtype or self.dtype, scale, zero_point))
        self.file.operator(kind, indices, [each.index for each in made], **options)
        self.read.update(indices)
        self.values += made
        return made

    def like(self, kind: str, inputs: Sequence[int | Value], shape: Sequence[int], of: Value, **options: Any) -> Value:
        """A node whose result is quantised as ``of`` is."""
        return self.add(kind, inputs, shape, of.scale, of.zero_point, **options)
