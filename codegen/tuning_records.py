"""What the tuner measured: cycles of kernels in place of their estimates, and the best decisions on programs.

A record is of an operator's shape, not of its weights or quantisation parameters, so that it holds for a network that
was trained anew, and for other networks with such operators.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from tinyseg_tvm.operators import Operator, TensorType
from tinyseg_tvm.operators.base import ARITHMETIC

_NAMELESS_RULE = "onnx"  # whose records do not say the rule: there were some before there were others
_QUANTIZATION = ("scale", "zero_point", "_min", "_max")  # ends of the names of an operator's fields that are left out

T = TypeVar("T")
Decision = tuple[int, ...]
"""What was decided on a program: the fields of a ``Decisions``, as integers."""


@dataclass(frozen=True)
class TuningRecord:
    """One kernel that computes one operator.

    Attributes:
        operator: signature of the operator (``signature_of``).
        kernel: name of the variant.
        cycles: per step.
        measured: whether they were; else they are the estimate, corrected by what was measured of others.
        decisions: on the kernel's programs that they are of, by ``program_key``.
        versions: names and versions of the tools that measured.
    """

    operator: str
    kernel: str
    cycles: int
    measured: bool
    decisions: tuple[tuple[str, Decision], ...] = ()
    versions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class TuningRecords:
    """All records for a board, or for a core.

    Attributes:
        core: its name; empty if there are none.
        records: of kernels; of one kernel with several decisions where these were measured.
        decisions: on programs, by ``program_key``: those that builds take.
        board: what they were measured on.
    """

    core: str = ""
    records: tuple[TuningRecord, ...] = ()
    decisions: tuple[tuple[str, Decision], ...] = ()
    board: str = ""

    @cached_property
    def _records(self) -> dict[tuple[str, str], TuningRecord]:
        best: dict[tuple[str, str], TuningRecord] = {}
        for record in self.records:
            other = best.setdefault((record.operator, record.kernel), record)
            if self._merit(record) < self._merit(other):
                best[record.operator, record.kernel] = record
        return best

    def _merit(self, record: TuningRecord) -> tuple[bool, bool, int]:
        """Less is better: with the decisions that builds take, measured, fast."""
        taken = all(self._decisions.get(key) == decision for key, decision in record.decisions)
        return not taken, not record.measured, record.cycles

    @cached_property
    def _decisions(self) -> dict[str, Decision]:
        return dict(self.decisions)

    def find(self, operator: str, kernel: str) -> TuningRecord | None:
        """The record of a kernel; None where there is none."""
        return self._records.get((operator, kernel))

    def choice(self, kernel: Any, ranked: Sequence[T]) -> T:
        """What to decide on a program: what was recorded, if it can be decided; else the first of ``ranked``.

        Args:
            kernel: the program's micro-kernels.
            ranked: the decisions that there are (dataclasses), best estimated first.
        """
        if not self.decisions:
            return ranked[0]
        taken = self._decisions.get(program_key(kernel))
        return next((each for each in ranked if decision_of(each) == taken), ranked[0])


def merged(old: TuningRecords, new: TuningRecords) -> TuningRecords:
    """The records of both, of one core.

    Where both know a kernel with the same decisions, what was measured goes before what was not, and new before old. A
    program's decision is the one that was measured to be best, by cycles relative to the operator's best kernel; the
    new one where none was measured.
    """
    records: dict[tuple[str, str, tuple[tuple[str, Decision], ...]], TuningRecord] = {}
    for record in (*old.records, *new.records):
        key = record.operator, record.kernel, record.decisions
        if key not in records or record.measured or not records[key].measured:
            records[key] = record
    measured = [record for record in records.values() if record.measured]
    least: dict[str, int] = {}
    for record in measured:
        least[record.operator] = min(record.cycles, least.get(record.operator, record.cycles))
    decisions = dict(old.decisions) | dict(new.decisions)
    best: dict[str, float] = {}
    for record in measured:
        for program, decision in record.decisions:
            relative = record.cycles / max(least[record.operator], 1)
            if relative < best.get(program, float("inf")):
                best[program], decisions[program] = relative, decision
    ordered = sorted(records.values(), key=lambda record: (record.operator, record.kernel, record.decisions))
    return TuningRecords(new.core, tuple(ordered), tuple(sorted(decisions.items())), new.board)


def decision_of(decisions: Any) -> Decision:
    """The fields of a ``Decisions`` as integers."""
    return tuple(int(value) for value in dataclasses.astuple(decisions))


def program_key(kernel: Any) -> str:
    """Identifies the program of micro-kernels: a dataclass whose ``sum`` says what they compute."""
    plain = dataclasses.replace(kernel, sum=dataclasses.replace(kernel.sum, zero_point=0, output=(0, -128, 127)))
    return hashlib.sha256(repr(plain).encode()).hexdigest()[:16]


def signature_of(
    operator: Operator,
    inputs: Sequence[TensorType],
    outputs: Sequence[TensorType],
    constants: Mapping[str, Any],
) -> str:
    """An operator's kind, shapes and settings as a readable text, without what quantisation chose."""
    settings = [
        f"{f.name}={getattr(operator, f.name)!r}"
        for f in dataclasses.fields(operator)  # type: ignore[arg-type]
        if f.name != ARITHMETIC and not f.name.endswith(_QUANTIZATION)
    ]
    rule = getattr(getattr(operator, ARITHMETIC, None), "rule", _NAMELESS_RULE)
    settings += [f"rule={rule!r}"] if rule != _NAMELESS_RULE else []
    shapes = [_shape(t.dtype, t.shape) for t in inputs]
    results = [_shape(t.dtype, t.shape) for t in outputs]
    held = [f"{name} {_shape(array.dtype, array.shape)}" for name, array in sorted(constants.items())]
    return f"{operator.kind}({', '.join(settings)}) {' '.join(shapes)} -> {' '.join(results)}; {', '.join(held)}"


def _shape(dtype: object, shape: Sequence[int]) -> str:
    return f"{dtype}[{'x'.join(map(str, shape))}]"
