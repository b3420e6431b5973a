"""What may be given to a generated Makefile: flags of the user's own, and variants that a board may not have."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.micro.fake_library import fake_files
from tinyseg_tvm.codegen.text.runtime_files import RUNTIME, include_options
from tinyseg_tvm.micro import generate_project


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *words], cwd=folder, capture_output=True, text=True, check=False, timeout=300)


def test_flags_of_the_command_line_come_behind_the_projects_own(tmp_path: Path) -> None:
    files = fake_files()
    files["src/fake.c"] += b"#ifndef EXTRA\n#define EXTRA 0\n#endif\nconst int fake_extra = EXTRA;\n"
    generate_project("mps2_an386", files, tmp_path / "p")
    assert make(tmp_path / "p", "CFLAGS=-DEXTRA=1").returncode == 0
    built = (tmp_path / "p" / "build" / "mps2_an386" / "src" / "fake.c.o").read_bytes()
    assert make(tmp_path / "p").returncode == 0  # with other flags, objects are other ones
    assert (tmp_path / "p" / "build" / "mps2_an386" / "src" / "fake.c.o").read_bytes() != built
    again = make(tmp_path / "p")
    assert "fake.c" not in again.stdout  # and with the same flags the same ones


def test_boards_without_an_emulator_have_no_timer_variant(tmp_path: Path) -> None:
    generate_project("host", fake_files(), tmp_path / "p")
    done = make(tmp_path / "p", "TIMER=1")
    assert done.returncode != 0
    assert "TIMER=1 counts instructions of an emulated board or cycles" in done.stderr


@pytest.mark.parametrize("module", sorted(path.name for path in RUNTIME.glob("v6m/*.c")))
def test_assembler_of_armv6m_says_its_syntax(module: str, tmp_path: Path) -> None:
    """CMake, Arduino and Zephyr do not pass ``-masm-syntax-unified``, without which GCC expects the old one."""
    flags = ["-mcpu=cortex-m0plus", "-mthumb", "-std=c99", "-O2", *include_options()]
    subprocess.run(
        ["arm-none-eabi-gcc", *flags, "-c", str(RUNTIME / "v6m" / module), "-o", str(tmp_path / "x.o")], check=True
    )
