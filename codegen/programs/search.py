"""The decisions on a weighted sum as a design space of TVM's MetaSchedule.

A draw by ``sample_categorical`` makes the decision, so that a trace records it; what follows from it is done anew for
every draw, so searches have to replay the function (``ReplayFunc``), not a mutated trace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinyseg_tvm.codegen.programs.micro_kernels import MicroKernel
from tinyseg_tvm.codegen.programs.schedule import Decisions, apply, decision_space

LABEL = "tinyseg.decision"  # the annotation that states which decision of the space a schedule took


def space_function(kernel: MicroKernel) -> Callable[[Any], None]:
    """A function for ``meta_schedule.space_generator.ScheduleFn``: a ``tvm.s_tir.Schedule`` to a decided one."""
    space = decision_space(kernel.sum)

    def decide(schedule: Any) -> None:
        draw = schedule.sample_categorical(list(range(len(space))), [1.0 / len(space)] * len(space))
        number = int(schedule.get(draw))
        schedule.annotate(schedule.get_sblock("root"), LABEL, number)
        apply(schedule, kernel, space[number])

    return decide


def decision_of(kernel: MicroKernel, module: Any) -> Decisions:
    """The decisions that a schedule of ``space_function`` took.

    Args:
        kernel: whose space it is.
        module: the ``IRModule`` of the schedule.

    Raises:
        ValueError: the module is of no such schedule.
    """
    (function,) = module.functions.values()
    annotations = function.body.block.annotations
    if LABEL not in annotations:
        raise ValueError("the module holds no decision of this space")
    return decision_space(kernel.sum)[int(annotations[LABEL])]
