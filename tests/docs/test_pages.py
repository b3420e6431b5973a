"""The pages that teach: their commands and snippets run, page after page; messages in them are the tool's own."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tinyseg_tvm.cli.main import NO_TVM

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = (  # each may use what those before it made
    "index",
    "your-first-firmware",
    "fit-a-network",
    "in-your-application",
    "from-pytorch",
    "from-keras-and-tflite",
    "tuning",
    "numbers",
    "troubleshooting",
    "glossary",
)
BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>not run|run|compile): (?P<what>.+?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror")
PATIENCE = 1800  # seconds: a loaded machine is no fault of a page


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; ``mark`` and ``what`` are of the comment right before it."""

    where: str
    language: str
    text: str
    mark: str
    what: str


def blocks() -> Iterator[Block]:
    """All blocks of all pages."""
    for page in PAGES:
        text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
        assert text.count("```") == 2 * len([*BLOCK.finditer(text)])
        for found in BLOCK.finditer(text):
            line = text[: found.start("language")].count("\n") + 1
            yield Block(f"{page}.md:{line}", found["language"], found["text"], found["mark"] or "", found["what"] or "")


def command(block: Block) -> list[list[str]]:
    """What runs a block."""
    if block.language == "console":
        lines = [line.removeprefix("$ ") for line in block.text.splitlines() if line.startswith("$ ")]
        assert lines, block
        return [["bash", "-euc", line] for line in lines]
    if block.language == "python":
        return [[sys.executable, "-c", block.text]]
    assert (block.language, block.mark) == ("c", "compile"), block
    return [["gcc", *WARNINGS, f"-I{block.what}/include", "-x", "c", "-c", "-o", os.devnull, "-"]]


def missing(block: Block) -> str:
    """Why a block cannot run here; empty where it can."""
    if block.mark == "not run":
        return block.what
    module = block.what.removeprefix("needs ") if block.mark == "run" else ""
    return f"{module} is not installed" if module and importlib.util.find_spec(module) is None else ""


def test_every_block_runs_or_says_why_not() -> None:
    found = [*blocks()]
    assert {block.language for block in found} == {"console", "python", "c"}
    for block in found:
        assert command(block)
        assert block.mark != "run" or block.what.startswith("needs "), block
        assert (block.language == "c") == (block.mark == "compile"), block
    assert sum(block.mark == "not run" for block in found) == 5


def test_the_version_of_tvm_is_said_as_it_is_asked_for() -> None:
    assert (
        f"pip install {re.findall(r'^ +(apache-tvm==.+)$', (ROOT / 'setup.cfg').read_text(), re.MULTILINE)[0]}."
        in NO_TVM
    )


@pytest.mark.release
def test_the_pages_work_from_the_first_to_the_last(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    search = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    environment = {**os.environ, "PATH": search}
    for block in blocks():
        if missing(block):
            continue
        for words in command(block):
            done = subprocess.run(
                words, cwd=tmp_path, env=environment, input=block.text if block.language == "c" else None,
                capture_output=True, text=True, check=False, timeout=PATIENCE,
            )  # fmt: skip
            assert done.returncode == 0, f"{block.where}: {' '.join(words)[:200]}\n{done.stdout}\n{done.stderr}"
    assert (tmp_path / "mask.png").stat().st_size > 100
    assert (tmp_path / "out" / "reports" / "report.html").is_file()


def test_messages_of_the_troubleshooting_page_are_in_the_source() -> None:
    text = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    table = text.partition("## By error message")[2].partition("##")[0]
    messages = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    source = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("tinyseg_tvm", "codegen", "relay_passes")
        for path in sorted((ROOT / folder).rglob("*.py"))
    )
    assert len(messages) > 10
    assert [message for message in messages if message not in source] == []


def test_pages_of_the_site_are_there_and_links_lead_somewhere() -> None:
    site = re.findall(r": ([\w-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert {f"{page}.md" for page in PAGES} <= set(site)
    assert [page for page in site if not (DOCS / page).is_file()] == []
    for page in DOCS.glob("*.md"):
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (DOCS / link).exists(), (page.name, link)


def test_sections_of_the_readme_that_pages_show_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"<!-- from the README: (.+) -->", (DOCS / "numbers.md").read_text(encoding="utf-8"))
    assert shown == ["RAM, measured", "With storage", "Speed"]
    for heading in shown:
        assert f"\n## {heading}\n" in readme
