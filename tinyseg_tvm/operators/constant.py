"""Values that no inference changes, as lines in RAM: what a concatenation adds, or a result of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.spatial_exchange import exchanged_constant
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Constant(Operator):
    """The constant ``values``, copied line by line. Any element type."""

    kind: ClassVar[str] = "constant"
    own_constants: ClassVar[tuple[str, ...]] = ("values",)

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The constant's type."""
        if inputs:
            raise ValueError(f"no operand is needed, not {len(inputs)}")
        return (constants["values"],)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The constant."""
        return (constants["values"].copy(),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Step ``i`` writes line ``i``, and reads nothing."""
        return by_line([], outputs[0])

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """A map's rows are its columns; what is no map stays as it is."""
        shape = constants["values"].shape
        is_map = len(shape) == 4 and shape[0] == 1
        return Exchanged(self, exchanged_constant(constants, "values") if is_map else constants, result=is_map)
