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
    """

    rule: ClassVar[str]
    form: ClassVar[str]

    @property
    @abstractmethod
    def dtype(self) -> str:
        """Element type of operands, and of results unless ``result_dtype`` says another."""

    @property
    def result_dtype(self) -> str:
        """Element type of results."""
        return self.dtype

    @property
    def constant_names(self) -> tuple[str, ...]:
        """Constants that the formula needs beside those of the operator."""
        return ()

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
        expect_type(inputs, self.dtype)


class WeightedSum(Arithmetic):
    """``result(bias[o] + sum(x * w[o]))``: convolutions, transposed ones and dense layers.

    Accumulators are arrays of any shape (..., O); only the methods here know their type. Products are added in the
    order of calls, and of the last axis within a call, where the rule has an order.
    """

    form = "WeightedSum"

    def accumulator_bytes(self, constants: Mapping[str, np.ndarray]) -> int:
        """Of a sum as kernels keep it from step to step."""
        del constants
        return 4

    def grows(self, constants: Mapping[str, np.ndarray]) -> bool:
        """Whether a larger sum never gives a smaller result."""
        del constants
        return False

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


class ProductSum(Arithmetic):
    """``result(sum(a * b))`` of two activations: matrix products."""

    form = "ProductSum"

    def expect_products(self, count: int) -> None:
        """Raises ValueError where a sum of so many products could leave the accumulator."""
        del count

    @abstractmethod
    def results(self, lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """The products of rows: ``lhs`` (..., M, K) and ``rhs`` (..., N, K), which broadcast, to (..., M, N)."""


class Average(Arithmetic):
    """``result(sum(x) / count)``: average pooling, over windows or over whole maps."""

    form = "Average"
    reductions: ClassVar[tuple[str, ...]] = ("sum", "mean")
    """Functions of an operator Reduce that it makes; a sum is one of count 1."""

    @abstractmethod
    def most_values(self) -> int:
        """How many values a sum can have."""

    def sum_bytes(self, count: int) -> int:
        """Of a sum of so many values, as kernels keep it from step to step."""
        del count
        return 4

    @abstractmethod
    def values(self, data: np.ndarray) -> np.ndarray:
        """Operands as they are summed: free of their zero point, and in the type of the sums."""

    @abstractmethod
    def results(self, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """The averages; ``counts`` broadcast against the sums, which begin at 0."""


class Reduction(Arithmetic):
    """One float32 in place of many values: a sum, a mean, a product or the variance of operands as real numbers."""

    form = "Reduction"
    reductions: ClassVar[tuple[str, ...]] = ("sum", "mean", "product", "variance")

    @abstractmethod
    def most_values(self) -> int:
        """How many values can become one."""

    @abstractmethod
    def state_bytes(self, function: str) -> int:
        """What a kernel keeps of a result from step to step."""

    @abstractmethod
    def reduced(self, function: str, data: np.ndarray) -> np.ndarray:
        """The results (K,) of ``data`` (K, N), whose values are taken in the order of the last axis."""


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


class Unary(Arithmetic):
    """``result(x)`` of each value: several forms, whose classes have the name."""

    @abstractmethod
    def results(self, data: np.ndarray) -> np.ndarray:
        """Of the shape of ``data``."""


class Softmax(Arithmetic):
    """``result(exp(x[i]) / sum(exp(x)))`` over the last axis."""

    form = "Softmax"

    def expect_constants(self, constants: Mapping[str, TensorType]) -> None:
        """Raises ValueError where the rule's constants are not as it needs them."""
        del constants

    @abstractmethod
    def results(self, data: np.ndarray, constants: Mapping[str, np.ndarray]) -> np.ndarray:
        """Of the shape of ``data``."""


class Normalization(Arithmetic):
    """``result(x[i] / sqrt(sum(x^2)))`` over the last axis."""

    form = "Normalization"

    @abstractmethod
    def most_values(self) -> int:
        """How many values a vector can have."""

    @abstractmethod
    def results(self, data: np.ndarray) -> np.ndarray:
        """Of the shape of ``data``."""


class Interpolation(Arithmetic):
    """``result(sum(row_weight * column_weight * x))`` with weights that sum to 1, or to a unit: resizing."""

    form = "Interpolation"
    weight_dtype: ClassVar[str]
    """Element type of the weights of a row or column."""

    @abstractmethod
    def check(self, row_weights: np.ndarray, column_weights: np.ndarray) -> None:
        """Raises ValueError unless the weights (N, T) of rows and of columns sum to what they must."""

    def order(self, rows: int, columns: int) -> list[tuple[int, int]]:
        """In which order the products of so many rows and columns are added, as (row, column)."""
        return [(row, column) for row in range(rows) for column in range(columns)]

    def exchanged(self) -> Interpolation:
        """The arithmetic where what were rows are columns."""
        return self

    @abstractmethod
    def values(self, data: np.ndarray) -> np.ndarray:
        """Operands as they are multiplied: free of their zero point, and in the type of the sums."""

    @abstractmethod
    def add(self, sums: np.ndarray, values: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """``sums + row * column * values``, where the weight ``row`` is not 0; sums begin at 0."""

    @abstractmethod
    def results(self, sums: np.ndarray) -> np.ndarray:
        """The results of sums."""


def expect_type(inputs: Sequence[TensorType], dtype: str) -> None:
    """Raises ValueError unless every operand has this element type."""
    for index, operand in enumerate(inputs):
        if operand.dtype != dtype:
            raise ValueError(f"operand {index} is {operand.dtype}, {dtype} is needed")
