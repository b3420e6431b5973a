"""Decisions on a program as a design space of TVM's MetaSchedule.

A draw by ``sample_categorical`` makes the decision, so that a trace records it; what follows from it is done anew for
every draw, so searches have to replay the function (``ReplayFunc``), not a mutated trace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tinyseg_tvm.codegen.programs.windows.kernels import MicroKernel
from tinyseg_tvm.codegen.programs.windows.schedule import Decisions, apply, decision_space

D = TypeVar("D")
LABEL = "tinyseg.decision"  # the annotation that states which decision of the space a schedule took


def design_space(space: Sequence[D], take: Callable[[Any, D], None]) -> Callable[[Any], None]:
    """A function for ``meta_schedule.space_generator.ScheduleFn``: a ``tvm.s_tir.Schedule`` to a decided one.

    Args:
        space: the decisions.
        take: takes one of them on a schedule.
    """

    def decide(schedule: Any) -> None:
        draw = schedule.sample_categorical(list(range(len(space))), [1.0 / len(space)] * len(space))
        number = int(schedule.get(draw))
        schedule.annotate(schedule.get_sblock("root"), LABEL, number)
        take(schedule, space[number])

    return decide


def taken(space: Sequence[D], module: Any) -> D:
    """The decision of a space that a schedule of ``design_space`` took.

    Args:
        space: the decisions.
        module: the ``IRModule`` of the schedule.

    Raises:
        ValueError: the module is of no such schedule.
    """
    (function,) = module.functions.values()
    annotations = function.body.block.annotations
    if LABEL not in annotations:
        raise ValueError("the module holds no decision of this space")
    return space[int(annotations[LABEL])]


def space_function(kernel: MicroKernel) -> Callable[[Any], None]:
    """The design space of a weighted sum."""
    return design_space(decision_space(kernel), lambda schedule, decisions: apply(schedule, kernel, decisions))


def decision_of(kernel: MicroKernel, module: Any) -> Decisions:
    """The decisions on a weighted sum that a schedule of its space took."""
    return taken(decision_space(kernel), module)
