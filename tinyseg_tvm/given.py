"""What files of others may hold: reading them without surprises, and rules for the values that they give.

A file is a regular one, of bounded size. A value has a type, a range, a length, and no control characters; an error
says where it stands, what it is and what is allowed. Whatever becomes part of a Makefile, of C, of a linker script or
of a path goes through here first.
"""

from __future__ import annotations

import json
import math
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tinyseg_tvm.errors import TinySegError

LARGEST_DESCRIPTION = 1 << 20  # bytes of a file that a person writes
LARGEST_STATEMENT = 1 << 28  # bytes of one that this tool wrote
LONGEST_SHOWN = 80  # characters of a value in a message


class Rule(Protocol):
    """What a value may be; as a text, in words."""

    def wrong(self, value: Any) -> tuple[str, Any, Rule] | None:
        """The part of a value that breaks the rule: where in it, what is there, what should be; None: it is right."""
        ...


@dataclass(frozen=True)
class Integer:
    """A whole number of a range."""

    low: int = 0
    high: int = (1 << 32) - 1

    def __str__(self) -> str:
        return f"an integer from {self.low} to {self.high}"

    def wrong(self, value: Any) -> tuple[str, Any, Rule] | None:
        """See ``Rule``."""
        right = isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high
        return None if right else ("", value, self)


@dataclass(frozen=True)
class Number:
    """A finite number of a range."""

    low: float = 0.0
    high: float = 1e12

    def __str__(self) -> str:
        return f"a number from {self.low:g} to {self.high:g}"

    def wrong(self, value: Any) -> tuple[str, Any, Rule] | None:
        """See ``Rule``."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        right = number and self.low <= value <= self.high and (isinstance(value, int) or math.isfinite(value))
        return None if right else ("", value, self)


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def __str__(self) -> str:
        return "true or false"

    def wrong(self, value: Any) -> tuple[str, Any, Rule] | None:
        """See ``Rule``."""
        return None if isinstance(value, bool) else ("", value, self)


@dataclass(frozen=True)
class Text:
    """Printable characters: no line ends, no control characters.

    Attributes:
        longest: characters.
        form: a regular expression of all of it; empty for any text.
        meaning: that expression in words.
        printable: whether other characters are refused.
    """

    longest: int = 200
    form: str = ""
    meaning: str = "printable characters on one line"
    printable: bool = True

    def __str__(self) -> str:
        return f"a string of {self.meaning}, at most {self.longest} of them"

    def wrong(self, value: Any) -> tuple[str, Any, Rule] | None:
        """See ``Rule``."""
        right = isinstance(value, str) and len(value) <= self.longest and (value.isprintable() or not self.printable)
        right = right and (not self.form or re.fullmatch(self.form, value, re.ASCII) is not None)
        return None if right else ("", value, self)


@dataclass(frozen=True)
class Listed:
    """A list of values of one kind."""

    each: Rule
    most: int = 1 << 20

    def __str__(self) -> str:
        return f"a list of at most {self.most} values, each {self.each}"

    def wrong(self, value: Any) -> tuple[str, Any, Rule] | None:
        """See ``Rule``."""
        if not isinstance(value, list | tuple) or len(value) > self.most:
            return "", value, self
        return _first_wrong((f"[{index}]", item, self.each) for index, item in enumerate(value))


@dataclass(frozen=True)
class Table:
    """A table of named values.

    Attributes:
        keys: rules of the values that are known; others may be there and mean nothing here.
        needed: keys that must be there.
    """

    keys: Mapping[str, Rule]
    needed: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"a table with {', '.join(self.needed)}" if self.needed else "a table"

    def wrong(self, value: Any) -> tuple[str, Any, Rule] | None:
        """See ``Rule``."""
        if not isinstance(value, dict):
            return "", value, self
        for key in self.needed:
            if key not in value:
                return f".{key}", None, self.keys.get(key, self)
        return _first_wrong((f".{key}", value[key], rule) for key, rule in self.keys.items() if key in value)


@dataclass(frozen=True)
class Named:
    """A table of values of one kind under names of one kind."""

    name: Rule
    each: Rule

    def __str__(self) -> str:
        return f"a table of values, each {self.each}"

    def wrong(self, value: Any) -> tuple[str, Any, Rule] | None:
        """See ``Rule``."""
        if not isinstance(value, dict):
            return "", value, self
        names = _first_wrong((" name", name, self.name) for name in value)
        return names or _first_wrong((f"[{shown(name)}]", item, self.each) for name, item in value.items())


@dataclass(frozen=True)
class Nullable:
    """Null, or a value."""

    value: Rule

    def __str__(self) -> str:
        return f"null or {self.value}"

    def wrong(self, value: Any) -> tuple[str, Any, Rule] | None:
        """See ``Rule``."""
        return None if value is None or self.value.wrong(value) is None else ("", value, self)


def _first_wrong(parts: Any) -> tuple[str, Any, Rule] | None:
    for place, item, rule in parts:
        found = rule.wrong(item)
        if found is not None:
            inner, value, broken = found
            return place + inner, value, broken
    return None


def check(rule: Rule, value: Any, where: str) -> None:
    """Raises TinySegError where a value breaks a rule; ``where`` names file and key."""
    found = rule.wrong(value)
    if found is not None:
        place, item, broken = found
        what = "is missing" if item is None else f"is {shown(item)}"
        raise TinySegError(f"{where}{place} {what}: must be {broken}")


def shown(value: object) -> str:
    """A value in a message: on one line, printable, not long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, lists in lists
        text = f"a value of type {type(value).__name__}"
    text = "".join(c if c.isprintable() else "?" for c in text[: LONGEST_SHOWN + 1])
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "..."


def read_regular(path: Path, largest: int = LARGEST_DESCRIPTION) -> bytes:
    """The bytes of a regular file: no device, no pipe, which might never end.

    Raises:
        OSError: it cannot be read.
        TinySegError: it is no regular file, or larger than ``largest`` bytes.
    """
    try:
        kind = path.stat()
    except ValueError as error:  # a NUL in the name
        raise TinySegError(f"{shown(str(path))}: {error}") from None
    if not stat.S_ISREG(kind.st_mode):
        raise TinySegError(f"{path} is no regular file")
    with path.open("rb") as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise TinySegError(f"{path} is larger than {largest} bytes, which such a file never is")
    return data


def parse_json(data: bytes, where: str) -> Any:
    """What a JSON text holds.

    Raises:
        TinySegError: it is none, or nested without end.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise TinySegError(f"{where}: not JSON ({shown(str(error))})") from None


def check_links(directory: Path, names: tuple[str, ...]) -> None:
    """Raises TinySegError where a symbolic link in a folder leads out of it.

    Args:
        directory: the folder.
        names: the files and folders in it that are looked through.
    """
    root = directory.resolve()
    for name in names:
        top = directory / name
        for path in (top, *(top.rglob("*") if top.is_dir() and not top.is_symlink() else ())):
            if path.is_symlink() and not _resolved(path).is_relative_to(root):
                raise TinySegError(
                    f"{path} is a symbolic link that leads out of {directory}: such links are not followed; "
                    "put the file itself there"
                )


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # links in a circle
        return Path("/")
