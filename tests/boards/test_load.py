"""Board descriptions: those that come with the compiler, and what is wrong with others."""

from pathlib import Path

import pytest

from tinyseg_tvm.boards import board_names, core_names, load_board, load_core, load_storage, parse_board, parse_size
from tinyseg_tvm.errors import TinySegError, UsageError

GOOD = """
description = "test"
core = "cortex-m4"
clock_hz = 1_000_000
static_bytes = 96
stack_bytes = 1024

[[memories]]
name = "FLASH"
kind = "flash"
origin = 0x0800_0000
length = "512K"

[[memories]]
name = "RAM"
kind = "ram"
origin = 0x2000_0000
length = 65536
"""

STORAGE = """
name = "card"
kind = "sd"
capacity = "1M"
block_bytes = 512
read_bytes_per_second = 1_000_000
write_bytes_per_second = 500_000
"""


def test_every_board_of_the_compiler_loads() -> None:
    assert set(board_names()) == {
        "host",
        "lm3s6965evb",
        "microbit",
        "mps2_an385",
        "mps2_an386",
        "mps2_an500",
        "mps2_an505",
        "mps3_an547",
        "netduinoplus2",
    }
    for name in board_names():
        board = load_board(name)
        assert board.name == name
        assert board.is_host or board.qemu is not None


@pytest.mark.parametrize(
    ("name", "ram", "flash", "core"),
    [
        ("lm3s6965evb", 64 * 1024, 256 * 1024, "cortex-m3"),
        ("microbit", 16 * 1024, 256 * 1024, "cortex-m0"),
        ("netduinoplus2", 128 * 1024, 1024 * 1024, "cortex-m4"),
    ],
)
def test_small_boards_have_their_true_memories(name: str, ram: int, flash: int, core: str) -> None:
    board = load_board(name)
    assert (board.ram_bytes, board.flash_bytes, board.core.name) == (ram, flash, core)


def test_cores_have_their_extensions() -> None:
    assert len(core_names()) == len(set(core_names()))
    assert load_core("cortex-m55").mve
    assert load_core("cortex-m4").dsp
    assert load_core("cortex-m4").fpu == "single"
    assert not load_core("cortex-m3").dsp
    assert load_core("cortex-m0").version == 6


def test_a_description_of_ones_own_is_loaded_by_path(tmp_path: Path) -> None:
    path = tmp_path / "my_board.toml"
    path.write_text(GOOD + "\n[[storages]]\n" + STORAGE)
    board = load_board(path)
    assert board.name == "my_board"
    flash = board.memory("flash")
    assert flash is not None
    assert flash.length == 512 * 1024
    assert board.storages[0].capacity == 1 << 20
    assert load_board(str(path)) == board


def test_a_storage_is_loaded_from_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_text(STORAGE)
    assert load_storage(path).block_bytes == 512


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("clock_hz = 1_000_000", "", "missing key 'clock_hz'"),
        ('core = "cortex-m4"', "", "missing key 'core'"),
        ("clock_hz =", "clok_hz = 1\nclock_hz =", "unknown key 'clok_hz'"),
        ('origin = 0x0800_0000\nlength = "512K"', 'origin = 0x0800_0000\nlenght = "512K"', "unknown key 'lenght'"),
        ("clock_hz = 1_000_000", 'clock_hz = "fast"', "clock_hz must be an integer"),
        ("clock_hz = 1_000_000", "clock_hz = true", "clock_hz must be an integer"),
        ('core = "cortex-m4"', 'core = "cortex-m99"', "unknown core 'cortex-m99'"),
        ('length = "512K"', 'length = "many"', "is not a size"),
        ("length = 65536", "length = 0", "positive length"),
        ("origin = 0x2000_0000", "origin = 0x0800_0100", "overlap"),
        ('kind = "ram"', 'kind = "rom"', "kind is 'rom', must be one of"),
        ('kind = "ram"', 'kind = "slow"', "exactly one memory of kind 'ram'"),
        ('name = "RAM"', 'name = "ram ; )"', "capital letters"),
        ("stack_bytes = 1024", "stack_bytes = 100", "stack_bytes"),
        ("clock_hz = 1_000_000", "clock_hz = ", "not valid TOML"),
        ('core = "cortex-m4"', 'core = "cortex-m4"\nflash_command = "st-flash"', "flash_command must be a list"),
        ('core = "cortex-m4"', 'core = "cortex-m4"\nqemu = { machine = "x" }', "missing key 'systick_hz'"),
    ],
)
def test_a_wrong_description_is_refused_with_file_and_key(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(TinySegError, match=message) as error:
        parse_board("my_board", GOOD.replace(old, new, 1), "my_board.toml")
    assert "\n" not in str(error.value) or "TOML" in str(error.value)


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(UsageError, match="known boards: host, lm3s6965evb"):
        load_board("stm32")
    with pytest.raises(UsageError, match="known cores: cortex-m0"):
        load_core("m4")
    with pytest.raises(TinySegError, match="cannot read"):
        load_board("missing.toml")
    with pytest.raises(UsageError, match="unknown board 'cores'"):
        load_board("cores")


def test_a_file_name_that_is_no_identifier_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "my board.toml"
    path.write_text(GOOD)
    with pytest.raises(TinySegError, match="rename the file"):
        load_board(path)


@pytest.mark.parametrize(("text", "size"), [("64K", 65536), ("1.5M", 1572864), ("100", 100), ("4 KiB", 4096), (7, 7)])
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "K", "-1K", "1T", "0.3", "64 kilobytes"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError):
        parse_size(text)


def test_the_example_of_the_documentation_is_a_board() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "adding-a-board.md").read_text()
    board = parse_board("nucleo_f446re", text.split("```toml\n")[1].split("```")[0], "docs/adding-a-board.md")
    assert board.ram_bytes == 128 * 1024
    assert board.flash_command[0] == "openocd"
    assert board.storages[0].kind == "sd"
