"""The size of a network's context (``<name>_context`` of templates/network.h.jinja), where a pointer has 4 bytes.

The generated library asserts it when it is compiled for such a core.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinyseg_tvm.codegen.memories.storage_layout import StorageRegion
from tinyseg_tvm.planner.problem import Problem

_WORD = 4  # bytes of a pointer, and what structs with one are aligned to
_IO_MEMBERS = 3  # of <name>_io: read_line, write_line, user
_TRANSFER = 16  # tinyseg_transfer
_STEP_COUNTER = 2


def context_bytes(problem: Problem, storages: Sequence[StorageRegion] = ()) -> int:
    """Bytes of the context of a network.

    Args:
        problem: whose pools are pointed to and whose operators' steps are counted.
        storages: what the network uses of each storage: a pointer and a queue of transfers.
    """
    pointers = len(problem.pools) + _IO_MEMBERS + len(storages)
    queues = sum(_TRANSFER * region.queue for region in storages)
    counters = _STEP_COUNTER * len(problem.operators)
    return _WORD * pointers + queues + -(-counters // _WORD) * _WORD
