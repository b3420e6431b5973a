"""The report as one HTML file that needs no network: its document, and the style and the program that show it.

The program (browser/*.js) makes elements from texts, never from markup, and a policy lets the page run that one script,
use that one style sheet and fetch nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import Any

import jinja2

from tinyseg_tvm.report.page_document import BEGIN, END, embedded

SCRIPTS = (
    "elements",
    "build",
    "drawing",
    "memory",
    "gestures",
    "details",
    "tables",
    "network",
    "flash",
    "choices",
    "main",
)
"""Parts of the program, in the order of their use of each other."""


def page(document: Mapping[str, Any], against: Mapping[str, Any] | None = None) -> str:
    """The page's text.

    Args:
        document: of ``page_document``.
        against: that of another build, shown beside it.
    """
    shown = {**document, "against": {**against, "choices": []} if against else None}
    folder = resources.files("tinyseg_tvm.report") / "browser"
    style = (folder / "page.css").read_text(encoding="utf-8")
    parts = [(folder / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    script = "\n".join(['"use strict";', "(() => {", *parts, "})();"])
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tinyseg_tvm.report", "browser"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("page.html.j2").render(
        title=document["title"] or "Memory report",
        policy="; ".join(
            (
                "default-src 'none'",
                f"script-src '{_digest(script)}'",
                f"style-src '{_digest(style)}'",
                "base-uri 'none'",
                "form-action 'none'",
            )
        ),
        style=style,
        document=f"{BEGIN}{embedded(shown)}{END}",
        script=script,
    )


def _digest(text: str) -> str:
    """A source of the content security policy: what the text of an element must hash to."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
