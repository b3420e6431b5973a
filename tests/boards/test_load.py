"""Board descriptions: those that come with the compiler, and what is wrong with others."""

import os
import re
from pathlib import Path

import pytest

from tinyseg_tvm.boards import board_names, core_names, load_board, load_core, load_storage, parse_board, parse_size
from tinyseg_tvm.boards.board import FAMILIES
from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.micro.port_files import PORT_FOLDER

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


EMULATED = {
    *("lm3s6965evb", "microbit", "mps2_an385", "mps2_an386", "mps2_an500", "mps2_an505", "mps3_an547"),
    *("netduinoplus2", "b_l475e_iot01a", "olimex_stm32_h405"),
}
REAL = {  # kilobytes of RAM and flash, clock in MHz: from the makers' product pages, not from the descriptions
    "arduino_nano_33_ble_sense": (256, 1024 - 64, 64),
    "b_l475e_iot01a": (96, 1024, 80),
    "max78000fthr": (128, 512, 100),
    "nrf52840_dk": (256, 1024, 64),
    "nrf5340_dk": (512, 1024, 128),
    "nucleo_f446re": (128, 512, 180),
    "nucleo_h743zi2": (512, 2048, 400),
    "nucleo_l4r5zi": (640, 2048, 120),
    "nucleo_u575zi_q": (768, 2048, 160),
    "olimex_stm32_h405": (128, 1024, 168),
    "portenta_h7": (512, 2048 - 256 - 512, 400),
    "raspberry_pi_pico": (264, 2048, 125),
    "raspberry_pi_pico2": (520, 4096, 150),
    "stm32f746g_disco": (320, 1024, 216),
}


def test_every_board_of_the_compiler_loads() -> None:
    assert set(board_names()) == {"host", *EMULATED, *REAL}
    for name in board_names():
        board = load_board(name)
        assert board.name == name
        assert board.is_emulated == (name in EMULATED)


@pytest.mark.parametrize("name", REAL)
def test_boards_that_people_have_are_described_by_their_manuals(name: str) -> None:
    board = load_board(name)
    ram, flash, clock = REAL[name]
    assert (board.ram_bytes, board.flash_bytes, board.clock_hz) == (ram * 1024, flash * 1024, clock * 1_000_000)
    assert board.family
    assert board.toml.startswith("# ")  # which manual says so
    cited = [line for line in board.toml.splitlines() if line.startswith("flash_wait_states")]
    assert all(re.search(r"# RM\d+, ", line) for line in cited)
    assert bool(cited) == board.family.startswith("stm32")


def test_families_are_those_whose_start_up_there_is() -> None:
    folders = {folder.name for folder in (PORT_FOLDER / "families").iterdir() if folder.is_dir()}
    assert folders == set(FAMILIES) == {load_board(name).family for name in REAL}
    assert all((PORT_FOLDER / "families" / name / "system.c").is_file() for name in folders)


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
        ("length = 65536", "length = 0", "length is 0: must be an integer from 1"),
        ("origin = 0x2000_0000", "origin = 0x0800_0100", "overlap"),
        ('kind = "ram"', 'kind = "rom"', "kind is 'rom', must be one of"),
        ('kind = "ram"', 'kind = "slow"', "exactly one memory of kind 'ram'"),
        ('name = "RAM"', 'name = "ram ; )"', "capital letters"),
        ("stack_bytes = 1024", "stack_bytes = 100", "stack_bytes"),
        (
            'description = "test"',
            'description = "a\\nPWN := $(shell touch PWNED)"',
            "description is .* must be a string",
        ),
        ('description = "test"', 'description = "\\u001b[2J"', "description is .* must be a string"),
        ('description = "test"', f'description = "{"x" * 201}"', "at most 200"),
        ('name = "RAM"', 'name = "ORIGIN"', "linker scripts"),
        ('name = "RAM"', f'name = "{"R" * 33}"', "at most 32"),
        ("origin = 0x2000_0000", "origin = -1", "origin is -1: must be an integer from 0"),
        ("origin = 0x2000_0000", "origin = 0x2000_0001", "multiple of 32"),
        ("origin = 0x2000_0000", "origin = 0xFFFF_FF00", "within 32 bits"),
        ("clock_hz = 1_000_000", "clock_hz = 1" + "0" * 5000, "not valid TOML|clock_hz is"),
        ("clock_hz = 1_000_000", "clock_hz = " + "[" * 5000, "not valid TOML"),
        ('core = "cortex-m4"', 'core = "host"', "that of the board 'host' alone"),
        ('core = "cortex-m4"', 'core = "cortex-m4"\nmemories = 5', "not valid TOML"),
        ('core = "cortex-m4"', 'core = "cortex-m4"\nstorages = 5', "storages must be a list"),
        ('core = "cortex-m4"', 'core = "cortex-m4"\nrun_command = ["a\\n\\tb"]', r"run_command\[0\] is"),
        (
            'core = "cortex-m4"',
            'core = "cortex-m4"\nqemu = { machine = "x,y", systick_hz = 1 }',
            "qemu.machine is 'x,y'",
        ),
        ("clock_hz = 1_000_000", "clock_hz = ", "not valid TOML"),
        ('core = "cortex-m4"', 'core = "cortex-m4"\nflash_command = "st-flash"', "flash_command must be a list"),
        ('core = "cortex-m4"', 'core = "cortex-m4"\nqemu = { machine = "x" }', "missing key 'systick_hz'"),
    ],
)
def test_a_wrong_description_is_refused_with_file_and_key(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(TinySegError, match=message) as error:
        parse_board("my_board", GOOD.replace(old, new, 1), "my_board.toml")
    assert str(error.value).startswith("my_board.toml")
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("cycles = 'dwtt'", "cycles is 'dwtt', must be one of"),
        ("debug = 'openocd'", "debug must be a table"),
        ("[debug]", "debug: needs either server .* or connect"),
        ("[debug]\nserver = ['x', '{port}']\nconnect = 'a:1'", "debug: needs either server .* or connect"),
        ("[debug]\nserver = ['openocd']", "debug.server: no word holds {port}"),
        ("[debug]\nconnect = 'localhost'", "debug.connect is 'localhost': must be a string of HOST:PORT"),
        ("[debug]\nconnect = 'a:1'\nreset = \"x\\ny\"", "debug.reset is"),
        ("[debug]\nserver = ['{port}', 3]", r"debug: server\[1\] must be a string"),
        ("[debug]\nconnect = 'a:1'\nbaud = 3", "unknown key 'baud'; known keys: server, connect, reset"),
        ("[uart]\naddress = 4", "uart: missing key 'driver'"),
        ("[uart]\ndriver = '../x'\naddress = 4", "uart.driver is .* no path"),
        ("[uart]\ndriver = 'x'\naddress = 4\nbaud = 0", "uart.baud is 0: must be an integer from 300"),
        ("[uart]\ndriver = 'x'\naddress = 4\nsetup = [{ set = 1 }]", r"setup\[0\]: missing key 'address'"),
        ("[uart]\ndriver = 'x'\naddress = 4\nsetup = [{ address = 6 }]", r"setup\[0\].address is 0x6: must be"),
        ("[uart]\ndriver = 'x'\naddress = 4\nsetup = [{ address = 4, set = -1 }]", r"setup\[0\].set is -1: must"),
    ],
)
def test_a_wrong_way_to_the_board_is_refused_with_its_key(keys: str, message: str) -> None:
    text = GOOD + keys if keys.startswith("[") else keys + GOOD
    with pytest.raises(TinySegError, match=message) as error:
        parse_board("probe", text, "probe.toml")
    assert "probe.toml" in str(error.value)
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "card"', 'name = "card*/"', "name is"),
        ('name = "card"', 'name = "a,b"', "name is"),
        ('kind = "sd"', 'kind = "sd"\nbus = "../../../etc/passwd"', "bus is .* no path"),
        ('kind = "sd"', 'kind = "sd"\ninterrupt = 32', "interrupt is 32: must be an integer from -1 to 31"),
        ('kind = "sd"', 'kind = "sd"\nlatency_microseconds = nan', "latency_microseconds is nan"),
        ('kind = "sd"', 'kind = "sd"\nlatency_microseconds = 1' + "0" * 400, "latency_microseconds is inf"),
        ('capacity = "1M"', 'capacity = "8G"', "capacity is 8589934592: must be an integer from 1 to 4294967295"),
        ("block_bytes = 512", "block_bytes = 0", "block_bytes is 0"),
        ("block_bytes = 512", "block_bytes = 255", "block_bytes is 255: must be a power of two"),
    ],
)
def test_a_wrong_storage_is_refused_with_file_and_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in STORAGE
    path = tmp_path / "card.toml"
    path.write_text(STORAGE.replace(old, new, 1))
    with pytest.raises(TinySegError, match=message) as error:
        load_storage(path)
    assert "card.toml" in str(error.value)
    assert str(error.value).isprintable()


def test_what_is_no_regular_file_or_too_large_is_not_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * ((1 << 20) + 1))
    for path, message in ((pipe, "no regular file"), (tmp_path, "no regular file"), (large, "larger than")):
        with pytest.raises(TinySegError, match=message):
            load_storage(path)
    with pytest.raises(TinySegError, match="null"):
        load_board("\0.toml")


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(UsageError, match="known boards: arduino_nano_33_ble_sense, b_l475e_iot01a, host, "):
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
