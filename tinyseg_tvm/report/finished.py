"""Reports of a build that is finished: found, read, and written again beside another build's, without its model."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.report.page import page
from tinyseg_tvm.report.page_document import page_file, read_document
from tinyseg_tvm.report.tables import render

BESIDE = ("memory_map.json", "operators.csv", "memory_map.svg", "memory_map.png", "pareto.svg", "pareto.png")


def report_files(source: Path) -> list[Path]:
    """The files of the reports in a project's folder, or in a folder of reports; the page first.

    Raises:
        UsageError: there is no page.
    """
    first = page_file(source)
    return [first, *(first.parent / name for name in BESIDE if (first.parent / name).is_file())]


def summary(document: Mapping[str, Any]) -> str:
    """Title, facts and remarks of a page, as text."""
    facts = [(fact["name"], fact["text"]) for fact in document["facts"]]
    table = render([(name, f"{int(text):,}" if text.isdecimal() else text) for name, text in facts], ("figure", ""))
    return "\n\n".join(part for part in (document["title"], table, *document["remarks"]) if part)


def write_again(directory: Path, source: Path, against: Mapping[str, Any] | None = None) -> list[Path]:
    """Writes a finished build's page into a folder, beside another build's, and copies its other reports.

    Args:
        directory: made where it does not exist; not where the build's own reports are.
        source: a project's folder, or a folder of reports.
        against: the document of another build (``read_document``), which the page shows beside this one.

    Raises:
        UsageError: no reports there, or the folder is that of the reports.
        TinySegError: a file that cannot be written.
    """
    first, *others = report_files(source)
    document = read_document(first)
    if directory.resolve() == first.parent.resolve():
        raise UsageError(f"{directory} holds the reports that are read: name another folder")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / first.name).write_text(page(document, against), encoding="utf-8", newline="\n")
        copied = [Path(shutil.copyfile(file, directory / file.name)) for file in others]
    except OSError as error:
        raise TinySegError(f"{directory}: {error.strerror}") from error
    return [directory / first.name, *copied]
