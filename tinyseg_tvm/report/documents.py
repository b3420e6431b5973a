"""The reports that other programs read: memory_map.json and operators.csv."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinyseg_tvm.planner.problem import Access
from tinyseg_tvm.report.memory import Kind, MemoryMap, Owner

FORMAT = 1

OPERATOR_COLUMNS = (
    "operator", "kind", "steps", "first_step", "last_step", "macs", "cycles", "reads", "writes", "bytes_read",
    "bytes_written", "state_bytes", "scratch_bytes", "most_alive_bytes",
    "flash_bytes",
)  # fmt: skip


def memory_document(memory: MemoryMap, title: str = "") -> dict[str, Any]:
    """The memory map as JSON values.

    ``format``: 1. ``steps``: number of steps. ``pools``: name, bytes used, bytes it has (null: no limit), most bytes
    alive at once. ``peak``: the first step at which most bytes are alive, and who they belong to. ``owners``: name,
    kind (tensor, state, scratch), pool, bytes alive at once at most, first step and end, and ``blocks``: runs of
    lines as [first line, lines, address of the first, bytes from one to the next]. ``live``: [step, bytes] wherever
    the number of bytes alive changes, all pools together.
    """
    total = memory.live.sum(axis=0)
    changes = np.flatnonzero(np.diff(total, prepend=-1))
    pools = zip(memory.problem.pools, memory.pool_bytes, memory.live_peak, strict=True)
    return {
        "format": FORMAT,
        "title": title,
        "steps": memory.steps,
        "pools": [
            {"name": pool.name, "bytes": used, "capacity": pool.bytes, "live_bytes": live} for pool, used, live in pools
        ],
        "peak": {
            "step": memory.peak_step,
            "bytes": int(total.max(initial=0)),
            "owners": [
                {"name": owner.name, "kind": owner.kind.value, "bytes": size}
                for owner, size in memory.at(memory.peak_step)
            ],
        },
        "owners": [_owner(owner, memory) for owner in memory.owners],
        "live": [[int(step), int(total[step])] for step in changes],
    }


def _owner(owner: Owner, memory: MemoryMap) -> dict[str, Any]:
    lives = owner.steps[:, 1] > owner.steps[:, 0]
    return {
        "name": owner.name,
        "kind": owner.kind.value,
        "pool": memory.problem.pools[owner.pool].name,
        "live_bytes": int(owner.live(memory.steps).max(initial=0)),
        "first_step": int(owner.steps[lives, 0].min()) if lives.any() else 0,
        "end_step": int(owner.steps[lives, 1].max()) if lives.any() else 0,
        "blocks": _runs(owner.addresses if owner.kind is Kind.TENSOR else owner.addresses[:1]),
    }


def _runs(addresses: np.ndarray) -> list[list[int]]:
    """Lines at addresses in arithmetic progression, as [first line, lines, address, pitch]."""
    low = addresses[:, 0].tolist()
    runs: list[list[int]] = []
    line = 0
    while line < len(low):
        pitch = low[line + 1] - low[line] if line + 1 < len(low) else 0
        end = line + 1
        while end < len(low) and low[end] - low[end - 1] == pitch:
            end += 1
        runs.append([line, end - line, low[line], pitch if end - line > 1 else 0])
        line = end
    return runs


def operator_rows(memory: MemoryMap, kinds: Mapping[str, str] | None = None) -> list[tuple[str | int, ...]]:
    """One row per operator with the values of ``OPERATOR_COLUMNS``, in the problem's order.

    Args:
        memory: the memory map.
        kinds: kind of each operator by name ("conv2d"), where known.
    """
    problem, total = memory.problem, memory.live.sum(axis=0)

    def names(accesses: Sequence[Access]) -> str:
        return " ".join(problem.tensors[access.tensor].name for access in accesses)

    def traffic(accesses: Sequence[Access]) -> int:
        return sum(problem.tensors[access.tensor].line_bytes * sum(map(len, access.lines)) for access in accesses)

    rows: list[tuple[str | int, ...]] = []
    for number, operator in enumerate(problem.operators):
        when = np.flatnonzero(memory.operator_of_step == number)
        first, last = (int(when[0]), int(when[-1])) if len(when) else (0, 0)
        alive = int(total[when].max(initial=0))
        about = (operator.name, (kinds or {}).get(operator.name, ""), operator.steps, first, last)
        work = (operator.macs, operator.cycles * operator.steps, names(operator.reads), names(operator.writes))
        moved = (traffic(operator.reads), traffic(operator.writes))
        rows.append((*about, *work, *moved, operator.state_bytes, operator.scratch_bytes, alive, operator.flash_bytes))
    return rows


def operators_csv(memory: MemoryMap, kinds: Mapping[str, str] | None = None) -> str:
    """``operator_rows`` as comma-separated values with a header line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(OPERATOR_COLUMNS)
    writer.writerows(operator_rows(memory, kinds))
    return text.getvalue()
