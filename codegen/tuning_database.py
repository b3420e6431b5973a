"""The file of tuning records: of several boards, from several networks and people, one record a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tinyseg_tvm.codegen.tuning_records import TuningRecord, TuningRecords, merged
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.given import (
    LARGEST_STATEMENT,
    Flag,
    Integer,
    Listed,
    Named,
    Rule,
    Table,
    Text,
    check,
    parse_json,
    read_regular,
    shown,
)

FORMAT = "tinyseg-tuning-records"
VERSION = 2

_DECISIONS = Named(Text(64), Listed(Integer(-(1 << 31), (1 << 31) - 1), 64))
_RECORD: Mapping[str, Rule] = {
    "operator": Text(1 << 16),
    "kernel": Text(200),
    "cycles": Integer(0, (1 << 53) - 1),
    "measured": Flag(),
    "decisions": _DECISIONS,
    "tools": Integer(0, 1 << 20),
}
_BOARD = Table(
    {"core": Text(64), "kernels": Listed(Table(_RECORD, tuple(_RECORD))), "decisions": _DECISIONS},
    ("core", "kernels", "decisions"),
)
_FILE = Table(
    {"tools": Listed(Named(Text(200), Text(1000))), "boards": Named(Text(200), _BOARD)},
    ("tools", "boards"),
)

Database = Mapping[str, TuningRecords]
"""Records by board."""


def records_for(database: Database, board: str, core: str) -> TuningRecords:
    """The records for a build: those of its board; else those of the first board with its core; else any."""
    same = [database[name] for name in sorted(database) if database[name].core == core]
    return next((each for each in same if each.board == board), (same or [*database.values(), TuningRecords()])[0])


def merged_databases(old: Database, new: Database) -> Database:
    """Records of both, board by board (``tuning_records.merged``).

    Raises:
        TinySegError: boards of one name with different cores.
    """
    both = dict(old)
    for board, records in new.items():
        other = both.get(board, TuningRecords(records.core, board=board))
        if other.core != records.core:
            raise TinySegError(
                f"tuning records of two boards named {board!r}, with the cores {other.core!r} and {records.core!r}: "
                "keep them in files of their own"
            )
        both[board] = merged(other, records)
    return both


def save_database(database: Database, path: Path) -> None:
    """Writes records as JSON, as a whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_text("\n".join(_lines(database)) + "\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _lines(database: Database) -> Iterator[str]:
    """In an order of their own, so that files of equal records are equal and changes of a few are few lines."""
    tools = sorted({record.versions for records in database.values() for record in records.records})
    yield f'{{"format": "{FORMAT}", "version": {VERSION},'
    yield f'"tools": {json.dumps([dict(each) for each in tools])},'
    yield '"boards": {'
    for number, (board, records) in enumerate(sorted(database.items())):
        yield f'{json.dumps(board)}: {{"core": {json.dumps(records.core)}, "kernels": ['
        kernels = [
            {
                "operator": record.operator,
                "kernel": record.kernel,
                "cycles": record.cycles,
                "measured": record.measured,
                "decisions": dict(record.decisions),
                "tools": tools.index(record.versions),
            }
            for record in records.records
        ]
        yield ",\n".join(map(json.dumps, kernels))
        yield f'], "decisions": {json.dumps(dict(records.decisions))}}}{"," * (number + 1 < len(database))}'
    yield "}}"


def load_database(path: Path) -> Database:
    """Reads what ``save_database`` wrote.

    Raises:
        TinySegError: the file cannot be read or is none of these.
    """
    remedy = "write it with 'tinyseg tune'"
    try:
        content = parse_json(read_regular(path, LARGEST_STATEMENT), f"tuning records {path}")
    except OSError as error:
        raise TinySegError(f"tuning records {path}: {error.strerror}; {remedy}") from None
    except TinySegError as error:
        raise TinySegError(f"{error}; {remedy}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise TinySegError(f"tuning records {path}: the file is something else; {remedy}")
    if content.get("version") != VERSION:
        version = shown(content.get("version"))
        raise TinySegError(f"tuning records {path}: version {version}, this tool reads {VERSION}; {remedy} anew")
    try:
        check(_FILE, content, f"tuning records {path}: an entry is broken: file")
    except TinySegError as error:
        raise TinySegError(f"{error}; {remedy} anew") from None
    tools = [tuple(each.items()) for each in content["tools"]]
    found = {}
    for board, section in content["boards"].items():
        if any(entry["tools"] >= len(tools) for entry in section["kernels"]):
            raise TinySegError(f"tuning records {path}: an entry is broken: its tools are not listed; {remedy} anew")
        records = tuple(_record(entry, tools) for entry in section["kernels"])
        found[board] = TuningRecords(section["core"], records, _decisions(section["decisions"]), board)
    return found


def _record(entry: Mapping[str, Any], tools: list[tuple[tuple[str, str], ...]]) -> TuningRecord:
    known = {key: entry[key] for key in ("operator", "kernel", "cycles", "measured")}
    return TuningRecord(**known, decisions=_decisions(entry["decisions"]), versions=tools[entry["tools"]])


def _decisions(section: Mapping[str, list[int]]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    return tuple((key, tuple(values)) for key, values in section.items())
