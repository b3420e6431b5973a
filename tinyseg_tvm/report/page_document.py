"""What the page shows, as JSON values: embedded in report.html, from which another report reads it to compare.

All texts come from models and are data: nothing here is markup. Where thousands of lines would make a page that no
browser likes, lines that share an address become one rectangle; ``exact`` says whether any did.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.given import Flag, Integer, Listed, Number, Table, Text, check, parse_json, read_regular
from tinyseg_tvm.network import Network
from tinyseg_tvm.planner.problem import Operator, Problem
from tinyseg_tvm.report.build import Build
from tinyseg_tvm.report.documents import operator_rows
from tinyseg_tvm.report.memory import Kind, MemoryMap
from tinyseg_tvm.report.outlines import Band, bands
from tinyseg_tvm.report.points import Choice
from tinyseg_tvm.report.stored import stored_bytes

FORMAT = 1
MOST_RUNS = 16_000  # of rectangles, each some 40 characters: 640 KB
LARGEST_PAGE = 1 << 24  # bytes of a report.html that is read again
BEGIN, END = '<script type="application/json" id="document">', "</script>"

Run = list[int]
"""Equally spaced rectangles: how many, first line, address, bytes, first step, end step, and what the next has more of
address, first step and end step."""

_SIZE = Integer(0, 1 << 53)
_STEP = Integer(-1, 1 << 53)
_NAME = Text(longest=4000, printable=False)
_INTEGERS = Listed(Integer(-(1 << 53), 1 << 53))
_MAYBE = Listed(Number(-1e300, 1e300))  # of one value or none
DOCUMENT = Table(
    {
        "format": Integer(FORMAT, FORMAT),
        "title": _NAME,
        "steps": _SIZE,
        "exact": Flag(),
        "order": Listed(_SIZE, 1 << 24),
        "ends": Listed(Number(0.0, 1e15), 1 << 24),
        "facts": Listed(Table({"name": _NAME, "text": _NAME, "value": _MAYBE}, ("name", "text", "value"))),
        "remarks": Listed(_NAME),
        "rivals": Listed(Table({"name": _NAME, "bytes": _SIZE, "remark": _NAME}, ("name", "bytes", "remark"))),
        "pools": Listed(Table({"name": _NAME, "bytes": _SIZE}, ("name", "bytes"))),
        "operators": Listed(
            Table(
                {
                    **dict.fromkeys(("name", "kind", "kernel"), _NAME),
                    **dict.fromkeys(("steps", "first", "last", "cycles", "macs", "flash", "own", "alive"), _SIZE),
                    **dict.fromkeys(("float", "whole"), Flag()),
                    **dict.fromkeys(("reads", "writes"), Listed(_SIZE)),
                },
                ("name", "kind", "kernel", "steps", "first", "last", "cycles", "macs", "flash", "own", "alive", "float",
                 "whole", "reads", "writes"),
            )
        ),
        "tensors": Listed(
            Table(
                {"name": _NAME, "lines": _SIZE, "line_bytes": _SIZE, "role": _NAME, "type": _NAME, "values": _NAME},
                ("name", "lines", "line_bytes", "role", "type", "values"),
            )
        ),
        "owners": Listed(
            Table(
                {"of": _SIZE, "kind": _NAME, "pool": _SIZE, "live": _SIZE, "runs": Listed(_INTEGERS)},
                ("of", "kind", "pool", "live", "runs"),
            )
        ),
        "stored": Listed(Table({"name": _NAME, "changes": Listed(Listed(_STEP))}, ("name", "changes"))),
        "choices": Listed(
            Table(
                {
                    **dict.fromkeys(("label", "command"), _NAME),
                    **dict.fromkeys(("ram", "written", "recomputed_macs"), _SIZE),
                    "seconds": Number(0.0, 1e15),
                },
                ("label", "command", "ram", "seconds"),
            )
        ),
    },
    ("format", "title", "steps", "exact", "order", "ends", "facts", "remarks", "rivals", "pools", "operators",
     "tensors", "owners", "stored", "choices"),
)  # fmt: skip
"""What a page's document must be, for reading one that another program or person may have changed."""


def page_document(build: Build, choices: Sequence[Choice] = ()) -> dict[str, Any]:
    """The page's document.

    ``order``: operator numbers and how many steps each then runs, alternating. ``ends``: microseconds at which each
    step ends, the differences between them; empty: not known. ``operators[].own``: bytes of state and scratch;
    ``alive``: most bytes alive while it runs. ``owners[].of``: number of the tensor or operator; ``runs``: see ``Run``.
    ``stored[].changes``: [step, bytes] wherever the number of bytes in storage changes.
    """
    memory = build.memory
    exact, owners = _owners(memory)
    return {
        "format": FORMAT,
        "title": build.title,
        "steps": memory.steps,
        "exact": exact,
        "order": [
            value for number, run in groupby(memory.operator_of_step.tolist()) for value in (number, len([*run]))
        ],
        "ends": _differences(build),
        "facts": [
            {"name": name, "text": _text(value), "value": _value(value)} for name, value in _facts(build).items()
        ],
        "remarks": list(build.remarks),
        "rivals": [{"name": name, "bytes": size, "remark": remark} for name, size, remark in build.rivals],
        "pools": [
            {"name": pool.name, "bytes": used}
            for pool, used in zip(memory.problem.pools, memory.pool_bytes, strict=True)
        ],
        "operators": _operators(build),
        "tensors": _tensors(build.problem, build.network),
        "owners": owners,
        "stored": [
            {
                "name": name,
                "changes": [[int(step), int(size[step])] for step in np.flatnonzero(np.diff(size, prepend=0))],
            }
            for name, size in stored_bytes(memory).items()
        ],
        "choices": [asdict(choice) for choice in choices],
    }


def page_file(path: Path) -> Path:
    """The report.html that ``path`` is, or that its folder, or its project, has.

    Raises:
        UsageError: there is none.
    """
    places = [path] if path.suffix == ".html" else [path / "report.html", path / "reports" / "report.html"]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise UsageError(f"{path}: no report.html there: name a project, or a folder that 'tinyseg report' wrote")
    return file


def read_document(path: Path) -> dict[str, Any]:
    """The document of a report that was written before.

    Args:
        path: a report.html, a folder that holds one, or a project's folder.

    Raises:
        UsageError: there is none, or it is not what this program writes.
    """
    file = page_file(path)
    text = read_regular(file, LARGEST_PAGE).decode(errors="replace")
    found = re.search(f"{re.escape(BEGIN)}(.*?){re.escape(END)}", text, re.DOTALL)
    if found is None:
        raise UsageError(f"{file}: no report of this program, or of one before 0.2: write it again")
    document: dict[str, Any] = parse_json(found[1].encode(), str(file))
    check(DOCUMENT, document, str(file))
    _check_numbers(document, file)
    return document


def embedded(document: dict[str, Any]) -> str:
    """JSON that may stand in a script element: no character of it can end the element or begin a comment."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _check_numbers(document: dict[str, Any], file: Path) -> None:
    """Numbers of operators, tensors and pools are those of some, and steps add up."""
    operators, tensors = len(document["operators"]), len(document["tensors"])
    wrong = sum(document["order"][1::2]) != document["steps"] or len(document["order"]) % 2 != 0
    wrong = wrong or any(number >= operators for number in document["order"][::2])
    wrong = wrong or (document["ends"] and len(document["ends"]) != document["steps"])
    wrong = wrong or any(n >= tensors for o in document["operators"] for n in (*o["reads"], *o["writes"]))
    for owner in document["owners"]:
        wrong = wrong or owner["of"] >= (tensors if owner["kind"] == Kind.TENSOR.value else operators)
        wrong = wrong or owner["pool"] >= len(document["pools"]) or any(len(run) != 9 for run in owner["runs"])
        wrong = wrong or sum(run[0] for run in owner["runs"]) > LARGEST_PAGE
    wrong = wrong or any(len(change) != 2 for each in document["stored"] for change in each["changes"])
    if wrong:
        raise UsageError(f"{file}: its numbers do not fit each other: write it again")


def _facts(build: Build) -> dict[str, Any]:
    memory = build.memory
    pools = zip(memory.problem.pools, memory.pool_bytes, strict=True)
    facts: dict[str, Any] = {f"bytes of {pool.name}": used for pool, used in pools if used}
    return {**facts, "bytes alive at most": int(memory.live.sum(axis=0).max(initial=0)), **build.facts}


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if isinstance(value, float) else str(value)


def _value(value: Any) -> list[float]:
    """The number, if it is one: what differences are made of."""
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


def _differences(build: Build) -> list[float]:
    if build.timeline is None:
        return []
    ends = [round(1e6 * end, 2) for end in build.timeline.ends]
    return [round(end - before, 2) for before, end in zip([0.0, *ends], ends, strict=False)]


def _operators(build: Build) -> list[dict[str, Any]]:
    problem, network = build.problem, build.network
    floats = _float_operators(network) if network else set()
    rows = operator_rows(build.memory, build.kinds)
    alive = {str(row[0]): int(row[-2]) for row in rows}
    steps = {str(row[0]): (int(row[3]), int(row[4])) for row in rows}
    return [
        {
            "name": operator.name,
            "kind": build.kinds.get(operator.name, ""),
            "kernel": operator.kernel,
            "steps": operator.steps,
            "first": steps[operator.name][0],
            "last": steps[operator.name][1],
            "cycles": operator.cycles * operator.steps,
            "macs": operator.macs,
            "flash": operator.flash_bytes,
            "own": operator.state_bytes + operator.scratch_bytes,
            "alive": alive[operator.name],
            "float": operator.name in floats,
            "whole": _takes_whole(problem, operator),
            "reads": [access.tensor for access in operator.reads],
            "writes": [access.tensor for access in operator.writes],
        }
        for operator in problem.operators
    ]


def _float_operators(network: Network) -> set[str]:
    """Names of operators that compute in floating point: an operand and a result are of such a type."""
    found = set()
    for node in network.nodes:
        kinds = [{kind.dtype for kind in side} for side in (network.input_types(node), network.output_types(node))]
        if all(any(dtype.startswith("float") for dtype in side) for side in kinds):
            found.add(node.name)
    return found


def _takes_whole(problem: Problem, operator: Operator) -> bool:
    """Whether its only step reads all of a tensor of several lines."""
    return operator.steps == 1 and any(
        len(access.lines[0]) == problem.tensors[access.tensor].lines > 1 for access in operator.reads
    )


def _tensors(problem: Problem, network: Network | None) -> list[dict[str, Any]]:
    found = []
    for tensor in problem.tensors:
        known = network.tensors.get(tensor.name) if network else None
        shape = "x".join(map(str, known.type.shape)) if known else f"{tensor.lines} x {tensor.line_bytes} B"
        values = f"scale {known.scale:.6g}, zero point {known.zero_point}" if known and known.scale is not None else ""
        found.append(
            {
                "name": tensor.name,
                "lines": tensor.lines,
                "line_bytes": tensor.line_bytes,
                "role": tensor.role.value,
                "type": f"{shape} {known.type.dtype}" if known else shape,
                "values": values,
            }
        )
    return found


def _owners(memory: MemoryMap) -> tuple[bool, list[dict[str, Any]]]:
    """Owners with their rectangles; whether each line has its own."""
    tensors = {tensor.name: number for number, tensor in enumerate(memory.problem.tensors)}
    operators = {operator.name: number for number, operator in enumerate(memory.problem.operators)}
    exact, tolerance = True, 0
    runs = [_runs(range(len(o.addresses)), o.addresses.tolist(), o.steps.tolist()) for o in memory.owners]
    while sum(map(len, runs)) > MOST_RUNS and tolerance < memory.steps:
        merged = [_band_runs(bands(owner, tolerance)) for owner in memory.owners]
        if sum(map(len, merged)) < sum(map(len, runs)):
            exact, runs = False, merged
        tolerance = max(2 * tolerance, memory.steps // 4000, 1)
    return exact, [
        {
            "of": (tensors if owner.kind is Kind.TENSOR else operators)[owner.name],
            "kind": owner.kind.value,
            "pool": owner.pool,
            "live": int(owner.live(memory.steps).max(initial=0)),
            "runs": of_owner,
        }
        for owner, of_owner in zip(memory.owners, runs, strict=True)
    ]


def _band_runs(merged: Sequence[Band]) -> list[Run]:
    """Rectangles that are lines no longer: line 0 of an unknown number."""
    return _runs([0] * len(merged), [[b.low, b.high] for b in merged], [[b.begin, b.end] for b in merged])


def _runs(lines: Sequence[int], addresses: Sequence[Sequence[int]], steps: Sequence[Sequence[int]]) -> list[Run]:
    """Rectangles of one size whose addresses and steps progress alike, as runs; without those that live no step."""
    rows = [
        (line, low, high - low, begin, end)
        for line, (low, high), (begin, end) in zip(lines, addresses, steps, strict=True)
        if end > begin and high > low
    ]
    found: list[Run] = []
    last: tuple[int, ...] = ()
    for row in rows:
        change = [row[1] - last[1], row[3] - last[3], row[4] - last[4]] if last else []
        if last and row[0] - last[0] == 1 and row[2] == last[2] and (found[-1][0] == 1 or found[-1][6:] == change):
            found[-1] = [found[-1][0] + 1, *found[-1][1:6], *change]
        else:
            found.append([1, *row, 0, 0, 0])
        last = row
    return found
