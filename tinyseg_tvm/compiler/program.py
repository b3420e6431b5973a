"""From a lowered module to the program that is generated: plans along each axis, their kernels and staging."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinyseg_tvm.compiler.flash_saving import with_smaller_kernels
from tinyseg_tvm.compiler.kernel_choice import balance_bound, choose_kernels
from tinyseg_tvm.compiler.kernel_front import KernelFront, kernel_front
from tinyseg_tvm.compiler.objective import merit
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.planning import plans_by_axis
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.compiler.staging import with_fitting_staging
from tinyseg_tvm.planner.progress import Progress
from tinyseg_tvm.relay_passes.lowered_module import LoweredModule


def plan_program(lowered: LoweredModule, situation: Situation, progress: Progress | None = None) -> Planned:
    """The plan, with its kernels, that serves the objective best.

    Raises:
        DoesNotFitError: none keeps the RAM limit.
        TinySegError: columns are demanded of a network that cannot stream along them.
    """
    options = situation.options
    plans = plans_by_axis(lowered, situation, progress)
    if len(plans) > 1 and not (options.fills_ram or options.balances):
        plans = (min(plans, key=lambda planned: planned.arena_bytes),)
    best = best_of([kernel_front(planned, situation) for planned in plans], situation)
    return with_smaller_kernels(best, situation) if options.saves_flash else best


def best_of(fronts: Sequence[KernelFront], situation: Situation) -> Planned:
    """Of plans along different axes the one that serves the objective best with its kernels."""
    if not situation.options.balances:
        return min((_completed(front, situation) for front in fronts), key=lambda planned: merit(planned, situation))
    best: Planned | None = None
    least = math.inf
    for bound, front in sorted(((balance_bound(each, situation), each) for each in fronts), key=lambda pair: pair[0]):
        if bound >= least:
            break
        completed = _completed(front, situation)
        (found,) = merit(completed, situation)
        if found < least:
            best, least = completed, found
    assert best is not None
    return best


def _completed(front: KernelFront, situation: Situation) -> Planned:
    return with_fitting_staging(choose_kernels(front, situation), situation)
