"""Records of plain values from TOML tables: every key known, every value of its type."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, TypeVar, get_type_hints

from tinyseg_tvm.boards.size import parse_size
from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.given import Rule, check, shown

SIZE_KEYS = frozenset({"length", "capacity", "default_bytes"})
TYPE_NAMES = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}

Record = TypeVar("Record")


def one_of(value: str, choices: tuple[str, ...], where: str, key: str) -> None:
    """Raises TinySegError where a key's value is none of the choices."""
    if value not in choices:
        raise TinySegError(f"{where}: {key} is {shown(value)}, must be one of {', '.join(choices)}")


def take(table: dict[str, Any], key: str, kind: type, where: str, default: Any = None) -> Any:
    """Removes and returns a key that is not a plain field.

    Raises:
        TinySegError: it is missing and has no default, or is of another type.
    """
    if key not in table:
        if default is None:
            raise TinySegError(f"{where}: missing key '{key}' ({TYPE_NAMES[kind]})")
        return default
    return checked(table.pop(key), kind, f"{where}: {key}")


def checked(value: Any, kind: Any, where: str) -> Any:
    """The value, which must be of a type.

    Raises:
        TinySegError: it is of another one.
    """
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value) if abs(value) < 1 << 64 else math.inf  # which no range allows
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TinySegError(f"{where} must be {TYPE_NAMES[kind]}, is {shown(value)}")
    return value


def _field_value(key: str, value: Any, kind: Any, where: str) -> Any:
    if key in SIZE_KEYS and isinstance(value, str):
        try:
            return parse_size(value)
        except UsageError as error:
            raise TinySegError(f"{where}: {key}: {error}") from None
    if kind == tuple[str, ...]:
        return tuple(
            checked(item, str, f"{where}: {key}[{i}]") for i, item in enumerate(checked(value, list, f"{where}: {key}"))
        )
    return checked(value, kind, f"{where}: {key}")


def record(cls: type[Record], table: Any, where: str, **given: Any) -> Record:
    """An instance of a frozen dataclass from a TOML table plus values that do not come from it.

    Raises:
        TinySegError: unknown or missing keys, wrong types.
    """
    table = checked(table, dict, where)
    kinds = get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    allowed = [name for name in fields if name not in given]
    unknown = sorted(set(table) - set(allowed))
    if unknown:
        raise TinySegError(f"{where}: unknown key {shown(unknown[0])}; known keys: {', '.join(allowed)}")
    missing = [name for name in allowed if name not in table and fields[name].default is dataclasses.MISSING]
    if missing:
        raise TinySegError(f"{where}: missing key '{missing[0]}'")
    values = {key: _field_value(key, value, kinds[key], where) for key, value in table.items()}
    return cls(**values, **given)


def check_values(record: Any, allowed: Mapping[str, Rule], where: str) -> None:
    """Raises TinySegError where a value of a record is not what its rule allows."""
    for key, rule in allowed.items():
        check(rule, getattr(record, key), f"{where}{key}")
