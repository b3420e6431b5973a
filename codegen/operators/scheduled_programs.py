"""Variants of operators that are scheduled TVM programs (codegen/programs): what they cost, and their C.

An operator is one or more *calls*: convolutions that compute results of an output line. A family of micro-kernels makes
a program of each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.operators.arithmetic import WeightedSum, of_onnx, requantize_cycles
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant
from tinyseg_tvm.codegen.operators.scheduled_convolution import Call, Convolution
from tinyseg_tvm.codegen.programs.long_tail import PLACEHOLDER, WORKSPACE_ALIGNMENT
from tinyseg_tvm.codegen.programs.tiled import TiledProgram, c_type, cycles, lowered, ranked
from tinyseg_tvm.codegen.tuning_records import program_key
from tinyseg_tvm.network.cost import Cost

Summing = TypeVar("Summing", bound=WeightedSum)
Calls = Callable[[NodeView[Summing]], Sequence[Call]]
"""The convolutions that a node is; none if it is not made of such as the programs compute."""
Lines = Callable[[NodeView[Summing], FunctionWriter], None]
"""Writes the declaration of ``lines``."""


@dataclass(frozen=True)
class Family(ABC):
    """Micro-kernels for some cores, and how they take their lines.

    Attributes:
        runs_on: whether a core has what they need.
        stack: bytes of staged values that lie on the stack, at the most; 0: they lie in scratch memory.
    """

    runs_on: Callable[[Core], bool]
    stack: int

    def computes(self, view: NodeView[WeightedSum]) -> bool:
        """Whether the micro-kernels have a node's element type and rule."""
        return of_onnx(view)

    @property
    @abstractmethod
    def name(self) -> str:
        """For reports."""

    def taken(self, call: Call) -> Call | None:
        """The call as its program takes it; None: there is no such program."""
        return call

    @abstractmethod
    def program(self, convolution: Convolution, core: Core) -> TiledProgram[Any] | None:
        """What computes a convolution on a core; None: the micro-kernels do not."""

    @abstractmethod
    def weights(self, convolution: Convolution, number: int) -> Sequence[np.ndarray]:
        """Weights of one of the convolutions, as its program packs them."""


@dataclass(frozen=True)
class Scheduled:
    """A call with its program and what was decided on it."""

    call: Call
    program: TiledProgram[Any]
    decisions: Any

    @property
    def staged_bytes(self) -> int:
        """Of its line, where it is made of several, or of what the program stages of it."""
        staging = self.call.staging
        columns = -(-staging.bytes // WORKSPACE_ALIGNMENT) * WORKSPACE_ALIGNMENT if staging else 0
        return max(columns, self.program.workspace_bytes)


def best_decisions(program: TiledProgram[Any], view: NodeView[WeightedSum]) -> Any:
    """Those that the tuner recorded; else those of fewest estimated cycles."""
    return view.core.records.choice(program.kernel, ranked(program, requantize_cycles(view.core)))


def program_variant(kind: str, family: Family, calls: Calls[Summing], lines: Lines[Summing]) -> Variant[Summing]:
    """The variant of operators of a kind by a family of micro-kernels.

    Args:
        kind: in reports.
        family: of the micro-kernels.
        calls: what a node of the kind is, with int8 weights.
        lines: writes the declaration of ``lines``.
    """

    def scheduled(view: NodeView[Summing]) -> list[Scheduled]:
        if not family.runs_on(view.core) or not family.computes(view) or view.constants["weight"].dtype != np.int8:
            return []
        found = []
        for each in view.once(calls):
            call = family.taken(each)
            program = family.program(call.convolution, view.core) if call else None
            if call is None or program is None:
                return []
            found.append(Scheduled(call, program, best_decisions(program, view)))
        return found

    def supports(view: NodeView[Summing]) -> bool:
        found = view.once(scheduled)
        return bool(found) and (not family.stack or 0 < _most_staged(found) <= family.stack)

    def cost(view: NodeView[Summing]) -> Cost:
        found = view.once(scheduled)
        total = 0.0
        for each in found:
            staging = each.call.staging.cycles if each.call.staging else 0.0
            total += each.call.share * (staging + cycles(each.program, each.decisions, requantize_cycles(view.core)))
        # with scratch memory to spare, the stack is left alone
        return Cost(0, round(total) + 1) if family.stack else Cost(_most_staged(found), round(total))

    def emit(view: NodeView[Summing], out: FunctionWriter) -> None:
        found = view.once(scheduled)
        workspace = out.scratch or "NULL"
        if family.stack:
            array = found[0].program.staged
            out.write(f"uint32_t {array}[{-(-_most_staged(found) // 4)}];")
            workspace = f"(uint8_t *){array}"
        lines(view, out)
        _emit(found, family, workspace, out)

    def flash(view: NodeView[Summing]) -> int:
        found = view.once(scheduled)
        total = found[0].call.convolution.multiplier.nbytes
        for each in found:
            sets = len(each.call.convolution.weights)
            total += sets * (each.program.weight_bytes + 4 * each.program.kernel.sum.channels)
            total += each.call.staging.flash_bytes if each.call.staging else 0
        return total + max((each.program.padding for each in found if each.call.convolution.padded), default=0)

    def code(view: NodeView[Summing]) -> int:
        different = {(each.program, each.decisions) for each in view.once(scheduled)}
        return sum(program.code_bytes(decisions) for program, decisions in different)

    def programs(view: NodeView[Summing]) -> dict[str, tuple[Any, ...]]:
        different = dict.fromkeys(each.program for each in view.once(scheduled))
        requantize = requantize_cycles(view.core)
        return {program_key(program.kernel): ranked(program, requantize) for program in different}

    return Variant(f"{kind} {family.name}", supports, cost, emit, flash, code, programs)


def _most_staged(found: Sequence[Scheduled]) -> int:
    """Bytes of the call that stages the most."""
    return max((each.staged_bytes for each in found), default=0)


def _emit(found: Sequence[Scheduled], family: Family, workspace: str, out: FunctionWriter) -> None:
    """Writes the calls, and gives the C of the functions that they need."""
    functions: dict[tuple[TiledProgram[Any], Any], str] = {}
    for number, each in enumerate(found):
        suffix = f"_{number}" if len(found) > 1 else ""
        plain = lowered(each.program, each.decisions)
        function = functions.get((each.program, each.decisions))
        if function is None:
            function = functions[each.program, each.decisions] = f"{out.symbol}_tvm{suffix}"
            out.modules.add(each.program.kernel.module)
            out.sources.append(plain.source.replace(PLACEHOLDER, function))
        arguments = _arguments(each, family, suffix, workspace, out)
        if plain.workspace_bytes:
            arguments.append(workspace)
        call = each.call.staging.emit(out, suffix, f"(int8_t *){workspace}") if each.call.staging else []
        call += [f"{function}(", *(f"    {argument}," for argument in arguments[:-1]), f"    {arguments[-1]});"]
        if each.call.condition:
            call = [f"if ({each.call.condition}) {{", *(f"    {line}" for line in call), "}"]
        out.write(*call)


def _arguments(each: Scheduled, family: Family, suffix: str, workspace: str, out: FunctionWriter) -> list[str]:
    """Arguments of a call, in C; stores the constants, under names that end with the suffix."""
    convolution, program = each.call.convolution, each.program
    line, step = workspace if each.call.staging else "lines[{0}]", "{1}"
    if convolution.padded:
        padding = out.constant("padding", np.full(program.padding, convolution.zero_point, np.int8))
        line = f"lines[{{0}}] != NULL ? lines[{{0}}] : {padding}"
        step = "lines[{0}] != NULL ? {1} : 0"
    several = len(convolution.weights)
    packed = [program.packed(family.weights(convolution, i), each.decisions) for i in range(several)]
    biases = [program.arranged(bias) for bias in convolution.biases]
    multiplier = program.arranged(convolution.multiplier)
    sizes = packed[0].size, biases[0].size
    offset = [f" + step % {several}u * {n}u" if several > 1 else "" for n in sizes]
    constants = [
        ("int8_t", out.constant(f"weight{suffix}", np.concatenate(packed)) + offset[0]),
        ("int32_t", out.constant(f"bias{suffix}", np.concatenate(biases)) + offset[1]),
        (c_type(str(multiplier.dtype)), out.constant("multiplier", multiplier)),
    ]
    # the generated functions know no const
    arguments = [f"(int8_t *)(uintptr_t)({line.format(i)})" for i in range(program.lines)]
    arguments += [step.format(i, size) for i, size in enumerate(program.steps)]
    arguments += [f"({ctype} *)(uintptr_t)({symbol})" for ctype, symbol in constants]
    first = f" + {each.call.first_result}u" if each.call.first_result else ""
    return [*arguments, f"{out.output()}{first}"]
