"""The report of a build as text for a terminal: RAM, work, and who is alive at the peak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinyseg_tvm.network import Network
from tinyseg_tvm.planner.order_bound import least_live
from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Problem
from tinyseg_tvm.planner.spilling import SpillDecision
from tinyseg_tvm.report.holdings import Held, holdings
from tinyseg_tvm.report.memory import MemoryMap, memory_map
from tinyseg_tvm.report.tables import Cell, kib, render

AT_PEAK = 12

_RAM_PARTS = (
    ("arena", "lines, states, scratch, resident input and output"),
    ("io", "input and output buffers outside the arena"),
    ("static", "data and bss outside the arena, copies in fast memory"),
    ("stack", "deepest stack"),
    ("slow", "writable slow memory"),
)


def summary(
    network: Network, problem: Problem, plan: Plan, figures: Mapping[str, Any], remarks: Sequence[str] = ()
) -> str:
    """The promised figures, the peak, and the dearest operators.

    Args:
        network: what was planned; names the operators' kinds.
        problem: its planning problem.
        plan: a valid plan.
        figures: promised figures with the names of ``tinyseg run --json``: ``ram``, ``macs``, ``storage`` and others.
        remarks: sentences below the RAM.
    """
    memory = memory_map(problem, plan)
    sections = [
        f"{network.name} on {figures['board']}",
        ram_table(figures["ram"]),
        *(["\n".join(remarks)] if remarks else []),
        render(_work(memory, figures), ("per inference", "")),
        peak_table(memory),
        order_sentence(problem, plan, int(memory.live.sum(axis=0).max(initial=0))),
        holding_table(memory),
        operator_table(memory),
    ]
    return "\n\n".join(sections)


def ram_table(ram: Mapping[str, Any]) -> str:
    """Parts of the RAM in bytes, those that are not 0, and their sum."""
    rows: list[tuple[Cell, ...]] = [
        (name, ram[name], kib(ram[name]), what) for name, what in _RAM_PARTS if ram.get(name)
    ]
    rows += [(name, size, kib(size), "lines, states, scratch") for name, size in ram.get("banks", {}).items()]
    return render([*rows, ("total", ram["total"], kib(ram["total"]), "")], ("RAM", "bytes", "", ""))


def peak_table(memory: MemoryMap) -> str:
    """Who is alive at the step with most bytes alive; small ones are summed up."""
    alive = memory.at(memory.peak_step)
    total = sum(size for _, size in alive)
    rows: list[tuple[Cell, ...]] = [
        (owner.label, size, kib(size), _share(size, total)) for owner, size in alive[:AT_PEAK]
    ]
    rest = alive[AT_PEAK:]
    if rest:
        size = sum(size for _, size in rest)
        rows.append((f"{len(rest)} others", size, kib(size), _share(size, total)))
    operator = memory.problem.operators[int(memory.operator_of_step[memory.peak_step])].name if memory.steps else "-"
    where = f"at most {total:,} bytes are alive at once: step {memory.peak_step:,} of {memory.steps:,}, in {operator}"
    return where + "\n" + render(rows, ("alive there", "bytes", "", "share"))


def order_sentence(problem: Problem, plan: Plan, live: int) -> str:
    """Whether another order of the steps could have fewer bytes alive at once than ``live``, and how many fewer."""
    least = least_live(problem, plan.steps)
    if live <= least:
        return "the order of steps is optimal: none has fewer bytes alive at once"
    gap = 100 * (live / max(least, 1) - 1)
    return f"the order of steps is within {gap:.1f} % of the bound: none has fewer than {least:,} bytes alive at once"


def holding_table(memory: MemoryMap) -> str:
    """What keeps lines waiting: resident ports, tensors held whole at cuts, delay lines; the dearest ones."""
    waiting = [holding for holding in holdings(memory) if holding.held is not Held.WINDOW]
    rows: list[tuple[Cell, ...]] = [
        (
            holding.tensor,
            holding.held.value,
            f"{holding.lines} of {holding.of}",
            holding.bytes,
            holding.at_peak,
            holding.saving,
            ", ".join(holding.readers),
        )
        for holding in waiting[:AT_PEAK]
    ]
    if not rows:
        return "no tensor waits: every line is used within its window"
    headers = ("kept waiting", "as", "lines", "bytes", "at the peak", "peak sinks without it by", "read by")
    return render(rows, headers)


def operator_table(memory: MemoryMap) -> str:
    """The operators that take most flash: constants as packed and code of their own; small ones are summed up."""
    operators = sorted(memory.problem.operators, key=lambda operator: -operator.flash_bytes)
    total = sum(operator.flash_bytes for operator in operators)
    rows: list[tuple[Cell, ...]] = [
        (o.name, o.kernel or "-", o.macs, o.scratch_bytes, o.flash_bytes, _share(o.flash_bytes, total))
        for o in operators[:AT_PEAK]
    ]
    if rest := operators[AT_PEAK:]:
        size = sum(operator.flash_bytes for operator in rest)
        macs = sum(operator.macs for operator in rest)
        rows.append((f"{len(rest)} others", "-", macs, None, size, _share(size, total)))
    where = f"operators take about {total:,} bytes of flash: constants as packed, and code that is their own"
    return where + "\n" + render(rows, ("operator", "kernel", "MACs", "scratch", "flash", "share"))


def _share(size: int, total: int) -> str:
    return f"{100 * size / max(total, 1):.0f} %"


def storage_table(spilled: Sequence[SpillDecision], figures: Mapping[str, Any]) -> str:
    """What goes to storage and who reads it back, and what that costs by the model of the storage."""
    rows = [
        (
            decision.tensor,
            decision.transfer.storage,
            decision.transfer.codec,
            f"lines {decision.first_line} to {decision.first_line + decision.lines - 1}"
            if decision.lines
            else "all lines",
            ", ".join(name for readers in decision.late for name in readers),
        )
        for decision in spilled
    ]
    storage, cost, seconds = figures["storage"], figures["storage_cost"], figures["seconds"]
    costs: list[tuple[Cell, ...]] = [
        ("bytes on the medium, written", storage["written_physical"]),
        ("bytes on the medium, read", storage["read_physical"]),
        ("erases", storage["erases"]),
        ("transfers, ms", f"{1e3 * seconds['transferring']:.1f}"),
        ("of these waited for, ms", f"{1e3 * seconds['waiting']:.1f}"),
        ("computing, ms", f"{1e3 * seconds['computing']:.1f}"),
        ("energy of transfers, mJ", f"{1e3 * cost['joules']:.3f}"),
    ]
    return "\n\n".join(
        [render(rows, ("spilled", "to", "codec", "part", "read back by")), render(costs, ("storage, estimated", ""))]
    )


def _work(memory: MemoryMap, figures: Mapping[str, Any]) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = [("steps", memory.steps), ("MACs", figures["macs"])]
    if figures.get("recomputed_macs"):
        rows.append(("of these recomputed", figures["recomputed_macs"]))
    fast = figures.get("fast", {})
    if fast.get("total"):
        rows.append(("bytes in fast memory: code, at most", fast["code"]))
        rows.append(("bytes in fast memory: weights", fast["weights"]))
    rows += [
        (f"bytes {name}", size)
        for name, size in figures.get("storage", {}).items()
        if size and name in ("written", "read")
    ]
    return rows + _energy(figures)


def _energy(figures: Mapping[str, Any]) -> list[tuple[Cell, ...]]:
    """Where the board states its powers."""
    energy = figures.get("energy")
    if energy is None:
        return []
    rows: list[tuple[Cell, ...]] = [("energy, estimated, mJ", f"{1e3 * energy['total']:.3f}")]
    if energy["waiting_awake"]:
        awake = energy["total"] - energy["waiting"] + energy["waiting_awake"]
        rows.append(("the same without TINYSEG_IDLE, mJ", f"{1e3 * awake:.3f}"))
    if energy["average_milliwatts"] is not None:
        rows.append(("average power at the frame rate, mW", f"{energy['average_milliwatts']:.3f}"))
    return rows


def stack_sentence(function: str, size: int, path: Sequence[str], unbounded: Sequence[str]) -> str:
    """The most stack that a function can take, and where that is."""
    sentence = f"{function} takes at most {size:,} B of stack, in {' > '.join(path)}"
    return f"{sentence}; counted once: {', '.join(unbounded)}" if unbounded else sentence
