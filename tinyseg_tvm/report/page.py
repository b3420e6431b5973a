"""The report as one self-contained HTML page: figures, memory map, who is alive at the peak, operators."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

import jinja2

from tinyseg_tvm.report.documents import OPERATOR_COLUMNS, operator_rows
from tinyseg_tvm.report.memory import MemoryMap
from tinyseg_tvm.report.points import Rival
from tinyseg_tvm.report.tables import Cell

_SHOWN = (
    "operator",
    "kind",
    "steps",
    "first_step",
    "last_step",
    "macs",
    "bytes_read",
    "bytes_written",
    "scratch_bytes",
    "flash_bytes",
)
_TEXTS = ("operator", "kind")


def page(
    memory: MemoryMap,
    svgs: Mapping[str, str],
    *,
    title: str = "",
    kinds: Mapping[str, str] | None = None,
    facts: Mapping[str, Cell] | None = None,
    remarks: Sequence[str] = (),
    rivals: Sequence[Rival] = (),
) -> str:
    """The page's text.

    Args:
        memory: the memory map.
        svgs: texts of the pictures by file name; "memory_map.svg" is needed.
        title: the page's heading.
        kinds: kind of each operator by name, where known.
        facts: headline figures, name to value, shown after those of the memory map.
        remarks: sentences below those.
        rivals: rows (planner, RAM bytes, remark).
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tinyseg_tvm.report", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["number"] = _number
    pools = zip(memory.problem.pools, memory.pool_bytes, strict=True)
    headline: dict[str, Cell] = {f"bytes of {pool.name}": used for pool, used in pools if used}
    headline["bytes alive at most"] = int(memory.live.sum(axis=0).max(initial=0))
    chosen = [OPERATOR_COLUMNS.index(name) for name in _SHOWN]
    return environment.get_template("page.html.j2").render(
        memory=memory,
        title=title or "Memory report",
        facts={**headline, **(facts or {})},
        remarks=remarks,
        rivals=rivals,
        largest_rival=max((row[1] for row in rivals), default=1),
        images={name: _data_url(text) for name, text in svgs.items()},
        at_peak=memory.at(memory.peak_step),
        columns=_SHOWN,
        texts=_TEXTS,
        operators=[[row[index] for index in chosen] for row in operator_rows(memory, kinds)],
        zip=zip,
    )


def _number(value: Cell) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if isinstance(value, float) else value


def _data_url(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
