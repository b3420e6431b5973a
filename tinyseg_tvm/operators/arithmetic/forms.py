"""The forms that results take, whatever the rule: what an operator asks of its arithmetic.

An operator knows windows, lines and which values go together; how a result is made of them is a value of one of these
classes. A rule (``onnx.py``, ``float32.py``) is a module with a frozen dataclass for each form that it has, named as
the form. Their fields are what the formula needs beside the operands: zero points, scales, the clamp.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.tensor_type import TensorType


class Arithmetic(ABC):
    """How results are made: a rule, element types, and the numbers of the formula.

    Attributes:
        rule: name of the rule's module.
        form: name of the form, as its class in this module.
        constant_names: constants that the formula needs beside those of the operator.
    """

    rule: ClassVar[str]
    form: ClassVar[str]
    constant_names: ClassVar[tuple[str, ...]] = ()

    @property
    @abstractmethod
    def dtype(self) -> str:
        """Element type of operands and results."""

    @property
    def result_quantization(self) -> tuple[float, int] | None:
        """Scale (as float32 holds it) and zero point of the result, where the numbers of the formula say them."""
        return None

    @property
    def cuts_at_zero(self) -> bool:
        """Whether values below zero become the integer zero point, so that many elements are alike."""
        return False

    @property
    def operand_zero(self) -> int:
        """The operands' value that stands for 0: what padding is made of."""
        return 0

    def expect_operands(self, inputs: Sequence[TensorType]) -> None:
        """Raises ValueError unless every operand has the element type of the arithmetic, and its numbers are sound."""
        for index, operand in enumerate(inputs):
            if operand.dtype != self.dtype:
                raise ValueError(f"operand {index} is {operand.dtype}, {self.dtype} is needed")


class WeightedSum(Arithmetic):
    """``result(bias[o] + sum(x * w[o]))``: convolutions, transposed ones and dense layers.

    Accumulators are arrays of any shape (..., O); only the methods here know their type. Products are added in the
    order of calls, and of the last axis within a call, where the rule has an order.
    """

    form = "WeightedSum"
    accumulator_bytes: ClassVar[int] = 4
    """Of a sum as kernels keep it from step to step."""

    @abstractmethod
    def expect_constants(self, constants: Mapping[str, TensorType], rank: int) -> int:
        """Output channels O of ``weight``, ``bias`` and the rule's constants; ValueError where they do not fit."""

    def check(self, constants: Mapping[str, np.ndarray]) -> None:
        """Raises ValueError where the constants' values break the rule, as an accumulator that can overflow."""
        del constants

    @abstractmethod
    def begin(self, constants: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        """Accumulators of the shape (..., O) that hold the biases."""

    @abstractmethod
    def values(self, data: np.ndarray) -> np.ndarray:
        """Operands as they are multiplied: free of their zero point."""

    @abstractmethod
    def add(self, accumulators: np.ndarray, values: np.ndarray, weights: np.ndarray) -> None:
        """Adds ``sum(values[..., k] * weights[..., k])`` in place.

        Args:
            accumulators: (..., G, O / G).
            values: (..., G, K), as ``values`` gives them.
            weights: (G, O / G, K).
        """

    @abstractmethod
    def results(self, accumulators: np.ndarray, constants: Mapping[str, np.ndarray]) -> np.ndarray:
        """The results of accumulators (..., O)."""


class Average(Arithmetic):
    """``result(sum(x) / count)``: average pooling, over windows or over whole maps."""

    form = "Average"

    @abstractmethod
    def most_values(self) -> int:
        """How many values a sum can have."""

    @abstractmethod
    def values(self, data: np.ndarray) -> np.ndarray:
        """Operands as they are summed: free of their zero point, and in the type of the sums."""

    @abstractmethod
    def results(self, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """The averages; ``counts`` broadcast against the sums, which begin at 0."""


class Binary(Arithmetic):
    """``result(f(a, b))`` of two operands, one of which may be a constant."""

    form = "Binary"
    functions: ClassVar[tuple[str, ...]]
    """Names of what ``f`` may be."""

    def expect_function(self, function: str) -> None:
        """Raises ValueError unless the rule has a function of this name."""
        if function not in self.functions:
            raise ValueError(f"function {function!r} is none of {', '.join(self.functions)}")

    @abstractmethod
    def results(self, function: str, lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """Of operands that broadcast against each other."""


class Softmax(Arithmetic):
    """``result(exp(x[i]) / sum(exp(x)))`` over the last axis."""

    form = "Softmax"

    def expect_constants(self, constants: Mapping[str, TensorType]) -> None:
        """Raises ValueError where the rule's constants are not as it needs them."""
        del constants

    @abstractmethod
    def results(self, data: np.ndarray, constants: Mapping[str, np.ndarray]) -> np.ndarray:
        """Of the shape of ``data``."""


class Interpolation(Arithmetic):
    """``result(sum(weight * x) / unit)`` with integer weights that sum to ``unit``: bilinear resizing."""

    form = "Interpolation"

    @abstractmethod
    def values(self, data: np.ndarray) -> np.ndarray:
        """Operands as they are multiplied: free of their zero point."""

    @abstractmethod
    def results(self, accumulators: np.ndarray, unit: int) -> np.ndarray:
        """The results of integer sums whose weights sum to ``unit``."""
