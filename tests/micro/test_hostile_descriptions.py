"""Boards and storages whose descriptions are written to break out of the files that are made of them."""

from __future__ import annotations

import dataclasses
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.micro.fake_library import fake_files
from tinyseg_tvm.boards import Storage, load_board, parse_board
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.micro.storages import StorageUse, board_storages

EMULATOR = 'qemu = { machine = "mps2-an386", systick_hz = 25_000_000 }'


def test_texts_of_a_board_stay_comments_and_words(tmp_path: Path) -> None:
    touch = f"$(shell touch {tmp_path}/PWNED)"
    words = ["echo", touch, "it's", "`id`", "a  b", "# {elf}"]
    text = load_board("mps2_an386").toml
    text = text.replace("Arm MPS2+", f"{touch} */ ENTRY(evil) \\\\")
    text = text.replace(EMULATOR, f"run_command = {words!r}")
    project = generate_project(parse_board("mine", text, "mine.toml"), fake_files(), tmp_path / "out")
    script = (project.directory / "port/mine/board.ld").read_text()
    assert "ENTRY(evil)" in script.partition("*/\n")[2].partition("*/")[0]
    assert script.count("ENTRY(") == 2
    made = subprocess.run(["make", "-n", "run"], cwd=project.directory, capture_output=True, text=True, check=True)
    shown = next(line for line in made.stdout.splitlines() if "echo" in line)
    assert shlex.split(shown)[-6:] == [*words[:-1], "# ../fake.elf"]
    assert not (tmp_path / "PWNED").exists()


def test_a_description_with_a_line_end_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    text = load_board("host").toml.replace("this computer", "x\\nPWN := $(shell touch PWNED)")
    (tmp_path / "host.toml").write_text(text)
    with pytest.raises(TinySegError, match=r"host.toml: description is .*: must be a string of printable"):
        generate_project(tmp_path / "host.toml", fake_files(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


STORAGE = Storage("card", "sd", 1 << 20, 512, 1000, 1000, bus="stellaris_ssi")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bus": "sd_storage"}, "bus is 'sd_storage', must be one of those in port/storage: stellaris_ssi"),
        ({"bus": "../x"}, "bus is '../x', must be one of"),
        ({"bus": ""}, "bus is '', must be one of"),
        ({"kind": "eeprom", "bus": "versatile_i2c"}, "page_bytes is 0, its driver needs it"),
        ({"kind": "uart", "bus": "", "address": 4}, "interrupt is -1, must be 0 to 30"),
        ({"kind": "uart", "bus": "", "address": 4, "interrupt": 31}, "interrupt is 31, must be 0 to 30"),
        ({"kind": "file"}, "bus is 'stellaris_ssi', must be one of those in port/storage: none"),
        ({"kind": "nor", "bus": "", "erase_block_bytes": 100, "page_bytes": 64}, "multiple of page_bytes"),
    ],
)
def test_a_storage_without_what_its_driver_needs_is_refused(change: dict[str, object], message: str) -> None:
    storage = dataclasses.replace(STORAGE, **change)  # type: ignore[arg-type]
    with pytest.raises(TinySegError, match=message):
        board_storages(load_board("lm3s6965evb"), [StorageUse(0, "card", 4096, 512)], [storage])
