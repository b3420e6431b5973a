"""What the tuner measured: cycles of kernels in place of their estimates, and the best decisions on programs.

A record is of an operator's shape, not of its weights or quantisation parameters, so that it holds for a network that
was trained anew.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.given import (
    LARGEST_STATEMENT,
    Flag,
    Integer,
    Listed,
    Named,
    Table,
    Text,
    check,
    parse_json,
    read_regular,
    shown,
)
from tinyseg_tvm.operators import Operator, TensorType
from tinyseg_tvm.operators.base import ARITHMETIC

FORMAT = "tinyseg-tuning-records"
VERSION = 1
_NAMELESS_RULE = "onnx"  # whose records do not say the rule: there were some before there were others
_QUANTIZATION = ("scale", "zero_point", "_min", "_max")  # ends of the names of an operator's fields that are left out

RECORD = Table(
    {"operator": Text(1 << 16), "kernel": Text(200), "cycles": Integer(0, (1 << 53) - 1), "measured": Flag()},
    ("operator", "kernel", "cycles", "measured"),
)
RECORDS = Table(
    {
        "core": Text(64),
        "kernels": Listed(RECORD),
        "decisions": Named(Text(64), Listed(Integer(-(1 << 31), (1 << 31) - 1), 64)),
    },
    ("core", "kernels", "decisions"),
)

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
    """

    operator: str
    kernel: str
    cycles: int
    measured: bool


@dataclass(frozen=True)
class TuningRecords:
    """All records for a core.

    Attributes:
        core: its name; empty if there are none.
        records: of kernels.
        decisions: on programs, by ``program_key``.
    """

    core: str = ""
    records: tuple[TuningRecord, ...] = ()
    decisions: tuple[tuple[str, Decision], ...] = ()

    @cached_property
    def _records(self) -> dict[tuple[str, str], TuningRecord]:
        return {(record.operator, record.kernel): record for record in self.records}

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


def save_records(records: TuningRecords, path: Path) -> None:
    """Writes records as JSON, as a whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    content = {
        "format": FORMAT,
        "version": VERSION,
        "core": records.core,
        "kernels": [dataclasses.asdict(record) for record in records.records],
        "decisions": {key: list(values) for key, values in records.decisions},
    }
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_text(json.dumps(content, indent=1) + "\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def load_records(path: Path) -> TuningRecords:
    """Reads what ``save_records`` wrote.

    Raises:
        TinySegError: the file cannot be read or is none of these.
    """
    remedy = "write it with 'tinyseg tune'"
    try:
        content = parse_json(read_regular(path, LARGEST_STATEMENT), f"tuning records {path}")
    except OSError as error:
        raise TinySegError(f"tuning records {path}: {error.strerror}; {remedy}") from None
    except TinySegError as error:
        raise TinySegError(f"{error}; {remedy}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise TinySegError(f"tuning records {path}: the file is something else; {remedy}")
    if content.get("version") != VERSION:
        version = shown(content.get("version"))
        raise TinySegError(f"tuning records {path}: version {version}, this tool reads {VERSION}; {remedy} anew")
    try:
        check(RECORDS, content, f"tuning records {path}: an entry is broken: file")
    except TinySegError as error:
        raise TinySegError(f"{error}; {remedy} anew") from None
    records = tuple(TuningRecord(*(entry[key] for key in RECORD.needed)) for entry in content["kernels"])
    decisions = tuple((key, tuple(values)) for key, values in content["decisions"].items())
    return TuningRecords(content["core"], records, decisions)
