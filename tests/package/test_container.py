"""The Dockerfile copies what is there, and installs the Debian packages that the Makefile names."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_what_it_copies_is_there_and_holds_the_package() -> None:
    copied = [name for words in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE) for name in words.split()[:-1]]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert {"setup.cfg", "pyproject.toml", "tinyseg_tvm", "codegen", "relay_passes", "LICENSE"} <= set(copied)


def test_it_installs_the_tools_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    tools = makefile.partition("\ntools:\n")[2].partition("\n\n")[0]
    needed = set(re.findall(r"=([a-z0-9-]+)", tools)) - {"python3-venv"}  # the image has a Python of its own
    assert len(needed) >= 5
    assert needed <= set(DOCKERFILE.split())
