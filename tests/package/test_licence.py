"""The licence: one text, named by the package, and by every file that is copied into generated projects."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IDENTIFIER = "SPDX-License-Identifier: Apache-2.0"
COPIED = ("codegen/runtime", "codegen/library/templates", "tinyseg_tvm/micro/port")
COMMENTS = {
    **dict.fromkeys((".c", ".cpp", ".h", ".ld", ".S", ".ino"), "/* {} */"),
    ".md": "<!-- {} -->",
    ".pdsc": "<!-- {} -->",
}
"""By a file's suffix; a number sign elsewhere."""


def sources() -> list[Path]:
    """Every file that goes into a project, as it is or filled in, and the C that the planner compiles for itself."""
    copied = [path for folder in COPIED for path in (ROOT / folder).rglob("*") if path.is_file()]
    return sorted([*copied, *ROOT.joinpath("tinyseg_tvm").rglob("native/*.c")])


def test_there_are_files_of_every_sort() -> None:
    names = {path.name for path in sources()}
    assert names >= {"tinyseg_requantize.h", "network.c.jinja", "Makefile.jinja", "startup.c", "cascade.c"}


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_names_its_licence_in_the_first_line(path: Path) -> None:
    expected = COMMENTS.get(Path(path.name.removesuffix(".jinja")).suffix, "# {}").format(IDENTIFIER)
    assert path.read_text(encoding="utf-8").partition("\n")[0] == expected


def test_the_package_names_the_licence_whose_text_is_beside_it() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    assert settings["metadata"]["license"] == "Apache-2.0"
    text = (ROOT / settings["metadata"]["license_files"]).read_text(encoding="utf-8")
    assert text.split()[:4] == ["Apache", "License", "Version", "2.0,"]
    assert "END OF TERMS AND CONDITIONS" in text
