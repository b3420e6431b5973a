"""Cycles that memories take: the plugin's model against one in Python, and against sums by hand."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.micro.fake_library import fake_files
from tinyseg_tvm.boards import board_names, load_board
from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.micro.emulator import PLUGIN_SOURCES
from tinyseg_tvm.micro.memory_timing import timing_options

FLASH = "0-100000"
Model = Callable[..., ctypes.CDLL]


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    (source,) = (path for path in PLUGIN_SOURCES if path.stem == "memory_timing")
    made: Path = tmp_path_factory.mktemp("timing") / "timing.so"
    emulator = Path(__file__).parent / "memory_timing" / "emulator.c"
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-I{source.parent}"]
    subprocess.run(["cc", *flags, source, emulator, "-o", made], check=True)
    return made


@pytest.fixture
def model(library: Path, tmp_path: Path) -> Model:
    """A fresh copy of the library, which keeps its state, with caches and memories."""

    def made(memory: str, *caches: str) -> ctypes.CDLL:
        own = tmp_path / "own.so"
        own.write_bytes(library.read_bytes())
        loaded = ctypes.CDLL(str(own))
        for name in ("run", "load", "store"):
            getattr(loaded, name).argtypes = [ctypes.c_uint64, ctypes.c_size_t][: 2 if name == "run" else 1]
        for cache in caches:
            assert loaded.memory_timing_add_cache(cache.encode())
        assert loaded.memory_timing_add_memory(memory.encode())
        loaded.run(0x200000, 1)  # registers the callbacks; nothing waits there
        return loaded

    return made


def waited(loaded: ctypes.CDLL) -> tuple[int, int]:
    both = (ctypes.c_uint64 * 2)()
    loaded.memory_timing_take(both)
    return both[0], both[1]


def test_without_a_cache_each_line_of_the_flash_is_waited_for(model: Model) -> None:
    flash = model(f"{FLASH}:5:8:0:-1:-1")
    flash.run(0, 8)  # four lines of two instructions
    assert waited(flash) == (20, 0)
    flash.run(0, 2)
    flash.run(0, 2)  # the interface still holds it
    assert waited(flash) == (5, 0)
    for address in (0x100, 0x104, 0x108, 0x100):
        flash.load(address)
    assert waited(flash) == (0, 15)
    flash.load(0x200000)
    flash.store(0x100)
    assert waited(flash) == (0, 0)


def test_prefetch_hides_what_the_instructions_of_a_line_take(model: Model) -> None:
    flash = model(f"{FLASH}:5:16:1:-1:-1")
    flash.run(0, 16)  # four lines of four instructions: 5, then 6 - 4 each
    assert waited(flash) == (5 + 3 * 2, 0)
    flash.run(0x1000, 1)  # a jump
    assert waited(flash) == (5, 0)


def test_a_cache_of_parts_reads_the_part_that_is_needed(model: Model) -> None:
    flash = model(f"{FLASH}:5:8:0:0:-1", "1024:32:32:8")
    flash.run(0, 8)
    assert waited(flash) == (20, 0)
    for _ in range(3):
        flash.run(0, 8)
    assert waited(flash) == (0, 0)
    flash.run(0, 512)
    assert waited(flash) == ((256 - 4) * 5, 0)  # the loop's lines are there, what does not fit pushes them out
    flash.run(0, 8)
    assert waited(flash) == (20, 0)


def test_a_cache_may_hold_code_and_data(model: Model) -> None:
    flash = model(f"{FLASH}:4:16:0:0:0", "8192:16:2:16")
    flash.load(0x40)
    flash.run(0x40, 4)
    assert waited(flash) == (0, 4)
    flash.run(0x40 + 4096, 4)
    flash.run(0x40 + 8192, 4)  # the third line of a set of two
    flash.load(0x40)
    assert waited(flash) == (8, 4)


def test_lines_longer_than_a_read_keep_the_interface(model: Model) -> None:
    flash = model(f"{FLASH}:5:8:0:-1:0", "256:32:2:32")
    for address in range(0x100, 0x120, 4):
        flash.load(address)
    assert waited(flash) == (0, 5 + 3)


@pytest.mark.parametrize(("length", "line", "ways"), [(256, 16, 1), (1024, 32, 4), (512, 16, 32)])
def test_caches_are_those_of_another_model(model: Model, length: int, line: int, ways: int) -> None:
    flash = model(f"{FLASH}:7:{line}:0:-1:0", f"{length}:{line}:{ways}:{line}")
    random = np.random.default_rng(length)
    sets: dict[int, list[int]] = {}
    misses = 0
    for address in (random.integers(0, 2048, 3000) // 4 * 4).tolist():
        number = address // line
        held = sets.setdefault(number % (length // line // ways), [])
        misses += number not in held
        if number in held:
            held.remove(number)
        held.append(number)
        del held[:-ways]
        flash.load(address)
    assert waited(flash) == (0, 7 * misses)


def test_what_cannot_be_is_refused(library: Path) -> None:
    loaded = ctypes.CDLL(str(library))
    for cache in (b"", b"100:32:2:8", b"1024:32:128:32", b"1024:32:2:12", b"1024:0:2:8"):
        assert not loaded.memory_timing_add_cache(cache)
    for memory in (b"", b"0-10:5:8:0", b"0-10:5:0:0:-1:-1", b"0-10:5:8:0:7:-1"):
        assert not loaded.memory_timing_add_memory(memory)


def test_options_say_what_the_board_has() -> None:
    assert timing_options(load_board("mps2_an386")) == []
    assert timing_options(load_board("nucleo_l4r5zi@qemu")) == [
        "cache=1024:32:32:8",
        "cache=256:32:8:8",
        "memory=0-200000:5:8:1:0:1",
    ]
    both = timing_options(load_board("nucleo_u575zi_q@qemu"))
    assert both == ["cache=8192:16:2:16", "memory=10000000-10200000:4:16:1:0:0"]


REAL = [name for name in board_names() if name != "host" and not load_board(name).is_emulated]


@pytest.mark.parametrize("name", REAL)
def test_boards_are_emulated_with_their_core_and_sizes(name: str) -> None:
    real, emulated = load_board(name), load_board(f"{name}@qemu")
    assert emulated.is_emulated
    assert (emulated.name, emulated.core, emulated.clock_hz) == (real.name, real.core, real.clock_hz)
    assert (emulated.ram_bytes, emulated.flash_bytes) == (real.ram_bytes, real.flash_bytes)
    for memory in emulated.memories:
        (same,) = (m for m in real.memories if m.name == memory.name)
        assert (memory.kind, memory.length, memory.read_bytes) == (same.kind, same.length, same.read_bytes)
        assert (memory.prefetch, emulated.wait_states(memory)) == (same.prefetch, real.wait_states(same))
    assert emulated.caches == real.caches


def test_emulated_boards_are_themselves_and_the_host_is_not_emulated() -> None:
    assert load_board("mps2_an386@qemu") == load_board("mps2_an386")
    with pytest.raises(UsageError, match="unknown board 'nucleo'"):
        load_board("nucleo@qemu")
    with pytest.raises(UsageError, match="nothing emulates a host"):
        load_board("host@qemu")


@pytest.mark.parametrize(
    ("board", "same"),
    [
        ("nucleo_l4r5zi@qemu", "mps2_an386"),
        pytest.param("raspberry_pi_pico@qemu", "microbit", marks=pytest.mark.release),
    ],
)
def test_a_run_estimates_by_core_and_memories(board: str, same: str, tmp_path: Path) -> None:
    waiting = generate_project(board, fake_files(), tmp_path / "a").run(estimate=True)
    ideal = generate_project(same, fake_files(), tmp_path / "b").run(estimate=True)
    assert waiting.mismatches == 0
    assert waiting.estimated is not None
    assert ideal.estimated is not None
    assert (ideal.estimated.code, ideal.estimated.data) == (0, 0)
    assert waiting.estimated.code > 0
    assert waiting.estimated.data > 0  # the weights
    assert waiting.estimated.core > waiting.instructions
    if same == "mps2_an386":
        assert waiting.estimated.core == ideal.estimated.core
    figures = waiting.as_dict()["estimated"]
    assert figures["cycles"] == waiting.estimated.total
    assert figures["milliseconds"] == pytest.approx(1000 * waiting.estimated.total / load_board(board).clock_hz)
    assert generate_project(same, fake_files(), tmp_path / "b").run().estimated is None
