"""What the documentation site makes of pages that are written to be read in the repository, too: a hook of mkdocs.

A line ``<!-- from the README: HEADING -->`` becomes that section of README.md, so that its tables have one home. Links
from pages to files beside docs/ become texts, for those files are no pages.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BESIDE = re.compile(r"\[([^\]]*)\]\(\.\./[^)]*\)")
FROM_README = re.compile(r"^<!-- from the README: (.+) -->$", re.MULTILINE)


def readme_section(heading: str) -> str:
    """A section of README.md with its heading, its links as seen from docs/.

    Raises:
        ValueError: there is no such heading.
    """
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(heading)}\n.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"README.md has no section {heading!r}, which a page of docs/ shows")
    return found[0].replace("](docs/", "](")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by mkdocs with the text of each page."""
    return BESIDE.sub(r"\1", FROM_README.sub(lambda match: readme_section(match[1]), markdown))
