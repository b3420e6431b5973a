"""What every operator of the lowered network states about itself.

An operator is a frozen dataclass of its attributes. It knows shapes and lines, not buffers: it infers
its result types, says which input lines each of its steps reads and which output lines it writes, and
computes its result in NumPy. That computation *is* the numeric contract (docs/numeric-contract.md);
the generated C equals it bit for bit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, cast

import numpy as np

from tinyseg_tvm.operators import arithmetic as arithmetic_rules
from tinyseg_tvm.operators.arithmetic import Arithmetic
from tinyseg_tvm.operators.sliding import ONE_TO_ONE, Sliding
from tinyseg_tvm.operators.tensor_type import TensorType

ARITHMETIC = "arithmetic"
"""Name of the field that holds an operator's arithmetic."""

Lines = tuple[int, ...]


def _plain(value: Any) -> Any:
    if isinstance(value, Arithmetic):
        return arithmetic_rules.to_attributes(value)
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class LineAccess:
    """Which lines an operator touches in each of its steps.

    Attributes:
        steps: number of steps. Step ``i`` is run after step ``i - 1``.
        reads: per activation operand, per step, the lines read (ascending; empty where none).
        writes: per result, per step, the lines written (ascending). Every line is written exactly
            once, in order.
        whole_reads: per operand, True where the kernel needs the tensor's lines at consecutive
            addresses (it is handed one pointer to all of it).
        whole_writes: the same for each result.
        state_bytes: kept from the first step to the last (accumulators of reducers).
    """

    steps: int
    reads: tuple[tuple[Lines, ...], ...]
    writes: tuple[tuple[Lines, ...], ...]
    whole_reads: tuple[bool, ...]
    whole_writes: tuple[bool, ...]
    state_bytes: int = 0


@dataclass(frozen=True)
class Exchanged:
    """An operator for operands (1, H, W, ...) whose rows and columns are exchanged.

    Attributes:
        operator: it, or the one in its place.
        constants: its constants then.
        result: True where rows and columns of its results are exchanged as well; False where they are as before.
    """

    operator: Operator
    constants: Mapping[str, np.ndarray]
    result: bool = True


@dataclass(frozen=True)
class Part:
    """Lines of results, and the lines of the operands that they are made of, numbered as in ``Sliding``."""

    first: int
    lines: int
    first_read: int
    lines_read: int


@dataclass(frozen=True)
class Slid:
    """An operator over a part of its operands' lines, and its constants then."""

    operator: Operator
    constants: Mapping[str, np.ndarray]


class Operator(ABC):
    """Base of all operators. Subclasses are frozen dataclasses, one per file, named by ``kind``.

    ``kind`` is the name of the Relax operator ``relax.tinyseg.<kind>``; its attributes are the
    dataclass fields, its operands the activations followed by the constants of ``constant_names``.
    What differs between int8, float32 and rules of rounding is the field ``arithmetic``, where there is one.
    """

    kind: ClassVar[str]
    onnx: ClassVar[tuple[str, ...]] = ()
    """ONNX operators that, quantised, become it (``tinyseg ops`` prints them); of others only Lookup may name them."""
    own_constants: ClassVar[tuple[str, ...]] = ()
    """Constant operands that the operator has whatever its arithmetic."""
    stores_result: ClassVar[bool] = False
    """The result lives in storage: in RAM its lines take ``stored_line_bytes``."""
    any_pixel_order: ClassVar[bool] = False
    """Each pixel is computed for itself, or all of them together: rows and columns may change places."""
    each_element: ClassVar[bool] = False
    """Every element of the result is a function of the one at its place in the operand: any layout will do."""
    keeps_zeros: ClassVar[bool] = False
    """Lines of the result have as many zeros as those of the first operand."""

    @property
    def stored_line_bytes(self) -> int:
        """Bytes that a line of a stored result takes in RAM."""
        return 0

    @property
    def keeps_quantization(self) -> bool:
        """Whether every element of the result is one of the operands' (or stands for one), in their quantisation."""
        return False

    @property
    def cuts_at_zero(self) -> bool:
        """Whether values below zero become zero, as by ReLU, so that many elements are zero."""
        return self._arithmetic is not None and self._arithmetic.cuts_at_zero

    @property
    def clamp(self) -> tuple[float, float] | None:
        """Least and greatest value of results, where the operator's attributes or its arithmetic say them."""
        held = self._clamping
        return (held.output_min, held.output_max) if hasattr(held, "output_min") else None

    def clamped(self, low: float, high: float) -> Operator:
        """The same operator with another clamp, where it has one."""
        if self._arithmetic is None:
            return cast(Operator, replace(cast(Any, self), output_min=low, output_max=high))
        held = replace(self._clamping, output_min=low, output_max=high)
        return cast(Operator, replace(cast(Any, self), **{ARITHMETIC: held}))

    @property
    def _clamping(self) -> Any:
        """What has ``output_min`` and ``output_max``, if anything has."""
        return self._arithmetic or self

    @property
    def result_quantization(self) -> tuple[float, int] | None:
        """Scale and zero point of the result, where the operator's attributes say them."""
        return None if self._arithmetic is None else self._arithmetic.result_quantization

    @property
    def operand_quantization(self) -> tuple[float, int] | None:
        """Scale and zero point of the operand, where the operator's attributes say them."""
        return None

    @property
    def _arithmetic(self) -> Arithmetic | None:
        """How results are made; None where values are moved or chosen."""
        found: Arithmetic | None = getattr(self, ARITHMETIC, None)
        return found

    @property
    def constant_names(self) -> tuple[str, ...]:
        """Constant operands in order: the operator's own, then those of its arithmetic."""
        return (*self.own_constants, *(self._arithmetic.constant_names if self._arithmetic else ()))

    def to_attributes(self) -> dict[str, Any]:
        """The dataclass fields as plain values (tuples as lists), for Relax attributes and files.

        An arithmetic is a dictionary; there is none where an operator needs none.
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        return {name: _plain(value) for name, value in values.items() if value is not None}

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, Any]) -> Operator:
        """The operator of ``to_attributes``'s values. Raises TypeError for missing or unknown ones."""
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in attributes.items()}
        if ARITHMETIC in attributes:
            values[ARITHMETIC] = arithmetic_rules.from_attributes(attributes[ARITHMETIC])
        return cls(**values)

    @abstractmethod
    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """Result types. Raises ValueError where operands and attributes contradict each other."""

    @abstractmethod
    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The results, exactly as every generated program computes them."""

    @abstractmethod
    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Lines read and written in each step (``constants``: the weight's kernel size, the rows of a resize)."""

    def check(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> None:
        """Raises ValueError where the constants' values break the contract, as an accumulator that can overflow."""
        del inputs, constants

    def macs(
        self, inputs: Sequence[TensorType], outputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]
    ) -> int:
        """Multiply-accumulates of one inference; 0 for operators that are not counted in MACs."""
        return 0

    def in_place(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> tuple[int, ...]:
        """Operands whose line a step may overwrite with the result's line of equal size.

        Where the operator is one step over whole tensors (Reshape), the whole operand may be the whole result.
        The kernel must then give the right result when the two addresses are equal.
        """
        return ()

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """The operator that computes the same results where rows and columns of every map among its operands are
        exchanged. ``inputs`` are the types before that. Raises ValueError with the reason where there is none.
        """
        del inputs
        if not (self.any_pixel_order or self.each_element):
            raise ValueError("it is computed as a whole, in the order of rows")
        return Exchanged(self, constants)

    def sliding(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Sliding:
        """How the results' lines follow from the operands' where these never end. ``inputs``: of the model's extent.

        Raises:
            ValueError: with the reason, where a result needs more than lines around its own.
        """
        outputs = self.infer(inputs, {name: TensorType(c.shape, str(c.dtype)) for name, c in constants.items()})
        access = self.line_access(inputs, outputs, constants)
        each = tuple((line,) for line in range(access.steps))
        reads = all(lines == each or kind.lines == 1 for lines, kind in zip(access.reads, inputs, strict=True))
        if not reads or any(lines != each for lines in access.writes) or access.state_bytes or any(access.whole_writes):
            raise ValueError("its results depend on all lines")
        return ONE_TO_ONE

    def over(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray], part: Part) -> Slid:
        """The operator over the lines that a part needs, and its constants. ``inputs``: of the model's extent."""
        del inputs, part
        return Slid(self, constants)
