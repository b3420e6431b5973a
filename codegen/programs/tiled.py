"""Programs that compute an output line tile by tile: what those of ``windows`` and of ``channels`` have in common.

A program is

* *what is computed*, a ``PrimFunc`` of TVM's schedulable form without any decision on tiles, order or instructions;
* the *micro-kernels* of a family of cores: C functions, written for the program's shape, that compute a tile each, from
  its values to its results;
* a space of *decisions* on tiles and their order, and what each of them costs.

A tile becomes a *tensor intrinsic*. Its description covers the whole reduction and the requantisation, so that TVM
proves that it computes the same as the part of the program that it replaces; its implementation calls a micro-kernel,
whose sums never leave the registers. Values that micro-kernels do not take as they lie are *staged*: copied to a
workspace, by intrinsics too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np

from tinyseg_tvm.codegen.programs.long_tail import LoweredProgram, lower_placed

CALL = 100.0  # cycles of a line around its tiles

D = TypeVar("D")


FIXED_POINT = "int64"
"""Type of multipliers of two words (runtime/portable/tinyseg_tflite.h)."""


def c_type(multiplier: str) -> str:
    """C's name of a type of multipliers."""
    return {"float32": "float", FIXED_POINT: "int64_t"}[multiplier]


class LineSum(Protocol):
    """What is computed of an output line, as all programs have it."""

    @property
    def channels(self) -> int:
        """Of the output line."""

    @property
    def zero_point(self) -> int:
        """Of the input."""

    @property
    def output(self) -> tuple[int, int, int]:
        """Zero point, least and greatest value of the output."""


@dataclass(frozen=True)
class TileKernel(ABC):
    """The micro-kernels of one program.

    Attributes:
        sum: what they compute.
        name: of the family.
        module: the runtime module that they need.
    """

    sum: LineSum
    name: ClassVar[str]
    module: ClassVar[str]

    @property
    def output(self) -> str:
        """Declaration of the constants of requantisation."""
        return f"static const tinyseg_output output = {{{', '.join(map(str, self.sum.output))}}};"


@dataclass(frozen=True)
class TiledProgram(ABC, Generic[D]):
    """A program for one output line, with its micro-kernels.

    ``D`` is a frozen dataclass of integers, or of what is as good as one: what a schedule decides.

    Its parameters in C: each line; the bytes from column to column of each, where ``steps`` are taken; weight int8,
    bias int32 with the zero point folded in, the multiplier, the results, and the workspace, if there is one.

    Attributes:
        kernel: the micro-kernels.
        staged: what an array on the stack is called that staged values lie in.
    """

    kernel: TileKernel
    staged: ClassVar[str]

    @abstractmethod
    def prim_func(self) -> Any:
        """What is computed, a ``tvm.tirx.PrimFunc``."""

    @property
    @abstractmethod
    def space(self) -> tuple[D, ...]:
        """Every decision that makes a difference."""

    @abstractmethod
    def apply(self, schedule: Any, decisions: D) -> None:
        """Takes the decisions on a ``tvm.s_tir.Schedule`` of the program."""

    @abstractmethod
    def functions(self, decisions: D) -> list[str]:
        """C of the functions that the scheduled program calls; those that others call come first."""

    @abstractmethod
    def cycles_of_parts(self, decisions: D, requantize: int) -> Iterable[float]:
        """Estimated cycles of the tiles of each part of the line, and of what is staged.

        Args:
            decisions: which tiles there are.
            requantize: cycles of a requantisation.
        """

    @abstractmethod
    def code_bytes(self, decisions: D) -> int:
        """Estimated bytes of code of the functions."""

    @property
    @abstractmethod
    def offsets(self) -> Mapping[str, int]:
        """Where each staged buffer lies in the workspace, by name."""

    @property
    @abstractmethod
    def workspace_bytes(self) -> int:
        """Of all staged buffers, and of what micro-kernels reach beyond them; 0: nothing is staged."""

    @property
    @abstractmethod
    def lines(self) -> int:
        """Input lines."""

    @property
    def steps(self) -> Sequence[int]:
        """Bytes from column to column of each line, where the program takes them; 0 in the place of a missing line."""
        return ()

    @property
    @abstractmethod
    def padding(self) -> int:
        """Zero points that stand for a line that is missing."""

    @abstractmethod
    def packed(self, weights: Sequence[np.ndarray], decisions: D) -> np.ndarray:
        """Weights in the order in which the tiles take them, int8.

        Args:
            weights: (channels, values) of each run of values of a window.
            decisions: which tiles there are.
        """

    def arranged(self, values: np.ndarray) -> np.ndarray:
        """Biases or multipliers of all channels in the order in which the tiles take them."""
        return values

    @property
    @abstractmethod
    def weight_bytes(self) -> int:
        """Bytes of the weights as packed."""


def scheduled(program: TiledProgram[D], decisions: D) -> Any:
    """The program as scheduled by ``decisions``, a ``tvm.tirx.PrimFunc`` that calls the functions."""
    import tvm
    from tvm.s_tir import Schedule

    schedule = Schedule(tvm.IRModule({"main": program.prim_func()}))
    program.apply(schedule, decisions)
    return schedule.mod["main"]


@cache
def lowered(program: TiledProgram[D], decisions: D) -> LoweredProgram:
    """The program's C, after that of the functions."""
    lowest = lower_placed(scheduled(program, decisions), program.offsets)
    return LoweredProgram("\n".join([*program.functions(decisions), lowest.source]), lowest.workspace_bytes)


@cache
def cycles(program: TiledProgram[D], decisions: D, requantize: int) -> float:
    """Estimated cycles of an output line, with so many for each requantisation."""
    total = CALL
    for each in program.cycles_of_parts(decisions, requantize):
        total += each
    return total


@cache
def ranked(program: TiledProgram[D], requantize: int) -> tuple[D, ...]:
    """All decisions, those of fewest estimated cycles first."""
    return tuple(sorted(program.space, key=lambda decisions: cycles(program, decisions, requantize)))
