"""An inference as a trace that https://ui.perfetto.dev and chrome://tracing show.

The format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU. Times are estimates.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from tinyseg_tvm.report.build import Build

PROCESS = 1
PROCESSOR = 1  # thread numbers
FIRST_STORAGE = 2


def trace_document(build: Build) -> dict[str, Any]:
    """The trace as JSON values; microseconds.

    One thread is the processor: a slice for each run of steps of one operator, and in it the waiting of a step for
    transfers, drawn at the step's begin; one thread more for each storage. A counter for each pool: bytes alive.

    Raises:
        ValueError: the build's steps have no times.
    """
    if build.timeline is None:
        raise ValueError("a trace needs the times of the steps")
    return {"displayTimeUnit": "ns", "traceEvents": [*_names(build), *_slices(build), *_counters(build)]}


def _names(build: Build) -> Iterator[dict[str, Any]]:
    named = [("process_name", PROCESSOR, build.title or "inference"), ("thread_name", PROCESSOR, "processor")]
    named += [("thread_name", thread, f"storage {name}") for name, thread in _storages(build).items()]
    for what, thread, name in named:
        yield {"ph": "M", "pid": PROCESS, "tid": thread, "name": what, "args": {"name": name}}


def _slices(build: Build) -> Iterator[dict[str, Any]]:
    memory, timeline, threads = build.memory, build.timeline, _storages(build)
    assert timeline is not None
    begins = [0.0, *timeline.ends]
    first = 0
    for number, run in groupby(memory.operator_of_step.tolist()):
        operator = build.problem.operators[number]
        end = first + len([*run])
        facts = {"first step": first, "steps": end - first, "kernel": operator.kernel}
        yield _slice(PROCESSOR, operator.name, begins[first], begins[end], facts)
        for step in range(first, end):
            if timeline.waits[step] > 0:
                facts = {"step": step}
                yield _slice(PROCESSOR, "wait for storage", begins[step], begins[step] + timeline.waits[step], facts)
        first = end
    for moved in timeline.transfers:
        yield _slice(threads[moved.storage], moved.operator, moved.begin, moved.end, {})


def _slice(thread: int, name: str, begin: float, end: float, facts: dict[str, Any]) -> dict[str, Any]:
    times = {"ts": _microseconds(begin), "dur": _microseconds(end - begin)}
    return {"ph": "X", "pid": PROCESS, "tid": thread, "name": name, **times, "args": facts}


def _counters(build: Build) -> Iterator[dict[str, Any]]:
    memory, timeline = build.memory, build.timeline
    assert timeline is not None
    for pool, live in zip(build.problem.pools, memory.live.tolist(), strict=True):
        if not any(live):
            continue
        for step, (size, last) in enumerate(zip(live, [-1, *live], strict=False)):
            if size != last:
                time = timeline.ends[step - 1] if step else 0.0
                name = f"bytes alive in {pool.name}"
                yield {"ph": "C", "pid": PROCESS, "name": name, "ts": _microseconds(time), "args": {"bytes": size}}


def _storages(build: Build) -> dict[str, int]:
    """Threads of the storages by name."""
    assert build.timeline is not None
    names = sorted({moved.storage for moved in build.timeline.transfers})
    return {name: FIRST_STORAGE + number for number, name in enumerate(names)}


def _microseconds(seconds: float) -> float:
    return round(1e6 * seconds, 3)
