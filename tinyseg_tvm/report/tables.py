"""Plain-text tables with aligned columns, and numbers as a reader wants them.

Headers are bold on a terminal unless the environment variable NO_COLOR is set (https://no-color.org).
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Sequence
from html import escape

Cell = str | int | float | None

_BOLD = "\033[1m"
_PLAIN = "\033[0m"
_GAP = "  "


def render(rows: Sequence[Sequence[Cell]], headers: Sequence[str], bold: bool | None = None) -> str:
    """A table as text, without a final newline.

    Args:
        rows: cells; integers get thousands separators, floats two decimals, None a dash. A column is set flush right
            when all of its cells are numbers (or texts that begin with a digit) and flush left otherwise.
        headers: one per column.
        bold: headers in bold; by default where standard output is a terminal and NO_COLOR is not set.

    Raises:
        ValueError: where a row has another number of cells than ``headers``.
    """
    texts = [[_text(cell) for cell in row] for row in rows]
    for row in texts:
        if len(row) != len(headers):
            raise ValueError(f"a row of {len(row)} cells in a table of {len(headers)} columns: {row}")
    columns = list(zip(headers, *texts, strict=True))
    right = [bool(texts) and all(_numeric(cell) for cell in column[1:]) for column in columns]
    widths = [max(_width(cell) for cell in column) for column in columns]
    head = _line(headers, widths, right)
    rule = _GAP.join("-" * width for width in widths)
    if use_colour() if bold is None else bold:
        head = f"{_BOLD}{head}{_PLAIN}"
    return "\n".join((head, rule, *(_line(row, widths, right) for row in texts)))


def html(title: str, rows: Sequence[tuple[str, Cell]], sentences: Sequence[str] = ()) -> str:
    """Figures as a table for a notebook: a heading, names and values, sentences below. All texts are escaped."""
    cells = "".join(
        f"<tr><td align='left'>{escape(name)}</td><td align='right'>{escape(_text(value))}</td></tr>"
        for name, value in rows
    )
    below = "".join(f"<div>{escape(sentence)}</div>" for sentence in sentences)
    return f"<div><b>{escape(title)}</b><table>{cells}</table>{below}</div>"


def use_colour() -> bool:
    """Whether standard output is a terminal that wants escape sequences."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def kib(size: int) -> str:
    """Bytes as KiB with one decimal: ``52.7 KiB``."""
    return f"{size / 1024:,.1f} KiB"


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, float):
        return f"{cell:,.2f}"
    return "".join(character if character.isprintable() else " " for character in cell)


def _numeric(cell: str) -> bool:
    return cell == "-" or cell.lstrip("+-~")[:1].isdigit()


def _width(text: str) -> int:
    """Columns of a terminal that the text takes: wide characters two, combining marks none."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = []
    for cell, width, flush_right in zip(cells, widths, right, strict=True):
        space = " " * (width - _width(cell))
        padded.append(space + cell if flush_right else cell + space)
    return _GAP.join(padded).rstrip()
