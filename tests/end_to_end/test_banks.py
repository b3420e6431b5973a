"""Arenas over several memories: used where the main RAM is too small, promised and measured for each, run in QEMU."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from functools import cache
from pathlib import Path

import pytest

from tests.end_to_end.small_models import segmenter
from tinyseg_tvm.boards import load_board
from tinyseg_tvm.errors import DoesNotFitError, TinySegError
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.relay import build, frontend
from tinyseg_tvm.relay.factory import Factory

HEAD = """description = "A part of the memories of an M4"
core = "cortex-m4"
clock_hz = 25_000_000
static_bytes = 256
stack_bytes = 768
qemu = { machine = "mps2-an386", systick_hz = 25_000_000 }
"""
MEMORY = '[[memories]]\nname = "{}"\nkind = "{}"\norigin = {:#x}\nlength = {}\n{}\n'
MODEL = segmenter(32, 24, 8)


def board(folder: Path, ram: int, **further: int) -> Path:
    """A description with so many bytes of RAM, and of memories FAST and SLOW."""
    text = HEAD + MEMORY.format("FLASH", "flash", 0, 4 << 20, "") + MEMORY.format("RAM", "ram", 0x2000_0000, ram, "")
    if "FAST" in further:
        text += MEMORY.format("FAST", "fast", 0x2020_0000, further["FAST"], 'holds = ["lines"]')
    if "SLOW" in further:
        text += MEMORY.format("SLOW", "slow", 0x2100_0000, further["SLOW"], "")
    path = folder / f"ram{ram}_{'_'.join(map(str, further.values()))}.toml"
    path.write_text(text)
    return path


@cache
def needed() -> int:
    """Bytes of RAM of the network by rows."""
    with tempfile.TemporaryDirectory() as folder:
        return compiled(board(Path(folder), 64 << 10)).memory.total


def compiled(path: Path | str, options: str = "") -> Factory:
    module, params = frontend.from_onnx(MODEL)
    return build(module, f"c -tinyseg -board={path} -stream-axis=rows -objective=ram {options}", params, name="net")


@pytest.mark.release
def test_two_memories_of_which_none_is_enough_hold_a_network(tmp_path: Path) -> None:
    whole = needed()
    half = whole * 3 // 4 // 16 * 16
    with pytest.raises(DoesNotFitError):
        compiled(board(tmp_path, half))
    factory = compiled(board(tmp_path, half, SLOW=half))
    promised = factory.memory
    assert dict(promised.banks).keys() == {"SLOW"}
    assert promised.total == promised.arena + promised.static + promised.stack + sum(promised.banks.values())
    project = generate_project(factory.board, factory, tmp_path / "out")
    run = project.run(watch_writes=True)
    assert run.mismatches == 0
    assert run.ram.arena == promised.arena
    assert dict(run.ram.banks) == dict(promised.banks)
    assert run.ram.total <= promised.total
    assert run.ram.total - run.ram.banks["SLOW"] <= half
    assert run.ram.slow == 0
    assert not run.stray_writes
    stated = json.loads((tmp_path / "out" / "metadata.json").read_text())["memory"]["pools"]
    assert [pool["name"] for pool in stated] == ["arena", "SLOW"]
    image = project.machine.read_image(Path(run.elf))
    pool = image.symbol("pool1")
    assert pool is not None
    assert 0x2100_0000 <= pool.address < 0x2100_0000 + half


def test_fast_memory_comes_before_slow_and_unused_memories_are_not_named(tmp_path: Path) -> None:
    whole = needed()
    part = whole * 5 // 8 // 16 * 16
    least = compiled(board(tmp_path, part, FAST=whole, SLOW=whole))
    assert dict(least.memory.banks).keys() == {"FAST"}
    assert dict(compiled(board(tmp_path, whole + 512, FAST=whole, SLOW=whole)).memory.banks) == {}


@pytest.mark.release
@pytest.mark.xfail(strict=False, reason="the sizes leave large tensors no memory that holds them whole")
@pytest.mark.parametrize("options", ["", "-io=line", "-layerwise", "-objective=speed", "-max-recompute=20"])
def test_three_memories_run_in_every_way(options: str, tmp_path: Path) -> None:
    whole = compiled(board(tmp_path, 256 << 10), options).memory
    beside = whole.static + whole.stack
    ports = 0 if "line" in options.split("=") else 32 * 24 * 3 + 32 * 24
    ram = (beside + ports + (whole.arena - ports) // 3 + 64) // 16 * 16
    bank = (whole.total - ram) * 2 // 3 // 16 * 16
    factory = compiled(board(tmp_path, ram, FAST=bank, SLOW=bank * 2), options)
    assert len(factory.memory.banks) == 2, asdict(factory.memory)
    run = generate_project(factory.board, factory, tmp_path / "out").run(watch_writes=True)
    assert run.mismatches == 0
    assert dict(run.ram.banks) == dict(factory.memory.banks)
    assert not run.stray_writes


@pytest.mark.release
def test_a_stated_limit_counts_all_memories(tmp_path: Path) -> None:
    whole = needed()
    ram = whole * 3 // 4 // 16 * 16
    path = board(tmp_path, ram, SLOW=ram)
    with pytest.raises(DoesNotFitError):
        compiled(path, f"-ram={ram}")
    with pytest.raises(DoesNotFitError, match="nor that with SLOW"):
        compiled(path, f"-ram={ram + 64}")
    limit = whole + 2048
    assert sum(compiled(path, f"-ram={limit}").memory.banks.values()) <= limit - ram


def test_a_library_for_other_memories_is_refused(tmp_path: Path) -> None:
    whole = needed()
    half = whole * 3 // 4 // 16 * 16
    factory = compiled(board(tmp_path, half, SLOW=half))
    text = board(tmp_path, 64 << 10).read_text() + MEMORY.format("SLOW", "weights", 0x2100_0000, 65536, "")
    other = tmp_path / "other.toml"
    other.write_text(text)
    with pytest.raises(TinySegError, match="lines in memory 'SLOW', which 'other' has for other things"):
        generate_project(other, factory, tmp_path / "out")


def test_memories_of_boards_that_lines_can_lie_in() -> None:
    banks = {name: [bank.name for bank in load_board(name).banks] for name in ("nucleo_h743zi2", "olimex_stm32_h405")}
    assert banks == {"nucleo_h743zi2": ["DTCM", "SRAM", "SRAM4"], "olimex_stm32_h405": ["CCM"]}
    assert len(load_board("nucleo_h743zi2@qemu").banks) == 2


@pytest.mark.release
def test_a_network_of_the_size_of_all_banks_of_an_h7_links(tmp_path: Path) -> None:
    """512 KiB of AXI SRAM do not hold it; with DTCM and SRAM it is placed, promised and linked at true sizes."""
    module, params = frontend.from_onnx(segmenter(160, 208, 8))
    options = "c -tinyseg -board=nucleo_h743zi2 -layerwise -stream-axis=rows -objective=ram"
    factory = build(module, options, params, name="net")
    banks = dict(factory.memory.banks)
    assert "SRAM" in banks
    image = (project := generate_project(factory.board, factory, tmp_path / "out")).machine.read_image(project.build())
    assert image.banks == banks
