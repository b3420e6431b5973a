"""Decisions on a program as a design space of TVM's MetaSchedule.

A draw by ``sample_categorical`` makes the decision, so that a trace records it; what follows from it is done anew for
every draw, so searches have to replay the function (``ReplayFunc``), not a mutated trace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tinyseg_tvm.codegen.programs.tiled import TiledProgram

D = TypeVar("D")
LABEL = "tinyseg.decision"  # the annotation that states which decision of the space a schedule took


def design_space(program: TiledProgram[D]) -> Callable[[Any], None]:
    """A function for ``meta_schedule.space_generator.ScheduleFn``: a ``tvm.s_tir.Schedule`` to a decided one."""
    space = program.space

    def decide(schedule: Any) -> None:
        draw = schedule.sample_categorical(list(range(len(space))), [1.0 / len(space)] * len(space))
        number = int(schedule.get(draw))
        schedule.annotate(schedule.get_sblock("root"), LABEL, number)
        program.apply(schedule, space[number])

    return decide


def taken(program: TiledProgram[D], module: Any) -> D:
    """The decision on a program that a schedule of its ``design_space`` took.

    Args:
        program: the program.
        module: the ``IRModule`` of the schedule.

    Raises:
        ValueError: the module is of no such schedule.
    """
    (function,) = module.functions.values()
    annotations = function.body.block.annotations
    if LABEL not in annotations:
        raise ValueError("the module holds no decision of this space")
    return program.space[int(annotations[LABEL])]
