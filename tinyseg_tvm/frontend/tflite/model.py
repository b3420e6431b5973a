"""A TensorFlow Lite model as read: plain values, with every index known to be inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Options = Mapping[str, "int | float | str | tuple[int, ...]"]


@dataclass(frozen=True)
class Quantization:
    """``real = scale * (code - zero_point)``.

    Attributes:
        scales: float32, one for the tensor or one for each index of ``axis``.
        zero_points: int64, as many.
        axis: along which there are several.
    """

    scales: np.ndarray
    zero_points: np.ndarray
    axis: int

    @property
    def per_tensor(self) -> bool:
        """Whether one scale is for all."""
        return self.scales.size == 1

    @property
    def scale(self) -> float:
        """Of the tensor, as float32 holds it."""
        return float(self.scales[0])

    @property
    def zero_point(self) -> int:
        """Of the tensor."""
        return int(self.zero_points[0])


@dataclass(frozen=True)
class Tensor:
    """A tensor of a subgraph.

    Attributes:
        name: the file's.
        shape: static.
        open_axes: those that the file leaves open (-1 in its signature).
        dtype: NumPy's name, or "int4", "string", "resource", "variant", ...
        quantization: None where there is none.
        data: the constant's values (int4 as int8); None where it is computed.
        is_variable: it lives across inferences.
    """

    name: str
    shape: tuple[int, ...]
    open_axes: tuple[int, ...]
    dtype: str
    quantization: Quantization | None
    data: np.ndarray | None
    is_variable: bool


@dataclass(frozen=True)
class OperatorCall:
    """A node of a subgraph.

    Attributes:
        kind: the operator's name, as in the schema; of custom ones "CUSTOM <name>".
        version: of the operator.
        inputs: indices of tensors; -1 where an optional one is absent.
        outputs: indices of tensors.
        intermediates: indices of tensors that carry quantisation alone.
        options: by name, every one that the schema lists.
    """

    kind: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    intermediates: tuple[int, ...]
    options: Options


@dataclass(frozen=True)
class Subgraph:
    """A function of the model: ``inputs`` and ``outputs`` are indices of ``tensors``."""

    name: str
    tensors: Sequence[Tensor]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: Sequence[OperatorCall]

    def label(self, call: OperatorCall) -> str:
        """A node in messages: its first result and its operator."""
        name = self.tensors[call.outputs[0]].name if call.outputs else ""
        return f"node {name!r} ({call.kind})" if name else f"a node ({call.kind})"


@dataclass(frozen=True)
class Model:
    """A file: the first subgraph is the network."""

    subgraphs: Sequence[Subgraph]
    description: str
