"""What lies in storage during each step: the other half of the memory map."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.report.memory import Ints, MemoryMap


def stored_bytes(memory: MemoryMap) -> dict[str, Ints]:
    """Payload bytes in storage during each step, by name of the tensor that was spilled.

    A line counts from the step that spills it to the one in which its last fetch asks for it no more.
    """
    problem, found = memory.problem, {}
    for number, stored in enumerate(problem.tensors):
        if not stored.stored:
            continue
        spill = next(n for n, o in enumerate(problem.operators) if any(access.tensor == number for access in o.writes))
        source = problem.tensors[problem.operators[spill].reads[0].tensor]
        arrived = np.cumsum(memory.operator_of_step == spill)
        left = [_fetched(memory, n, number) for n, o in enumerate(problem.operators) if n != spill]
        gone = np.min([count for count in left if count is not None] or [np.zeros_like(arrived)], axis=0)
        found[source.name] = (arrived - gone).astype(np.int64) * source.line_bytes
    return found


def _fetched(memory: MemoryMap, operator: int, stored: int) -> Ints | None:
    """Lines of ``stored`` that an operator has fetched before each step ends; None where it reads none."""
    reads = [access for access in memory.problem.operators[operator].reads if access.tensor == stored]
    if not reads:
        return None
    takes = np.zeros(memory.steps, dtype=np.int64)
    takes[memory.operator_of_step == operator] = [bool(lines) for lines in reads[0].lines]
    return np.cumsum(takes) - takes  # the line in use is still counted
