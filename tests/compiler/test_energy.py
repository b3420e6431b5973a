"""Energy of an inference: by the board's powers, with the processor asleep in waits or not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.end_to_end.small_models import segmenter
from tinyseg_tvm.boards import load_board
from tinyseg_tvm.compiler.energy import energy_of
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.planner.storage_timing import Timing
from tinyseg_tvm.relay import build, frontend
from tinyseg_tvm.report.text import summary

TIMING = Timing(computing=0.2, waiting=0.05, transferring=0.1)
POWERS = "active_milliwatts = 40\nsleep_milliwatts = 4\n"
MEDIUM = (
    'name = "medium"\nkind = "file"\ncapacity = 100_000\nblock_bytes = 4\nread_nanojoules_per_byte = 50\n'
    "read_bytes_per_second = 10_000\nwrite_bytes_per_second = 10_000\nwrite_nanojoules_per_byte = 100\n"
)


def test_waits_count_at_the_power_of_sleep() -> None:
    board = replace(load_board("mps2_an386"), active_milliwatts=40.0, sleep_milliwatts=4.0)
    energy = energy_of(TIMING, 0.001, board, 2.0)
    assert energy is not None
    assert energy.computing == pytest.approx(0.008)
    assert energy.waiting == pytest.approx(0.0002)
    assert energy.waiting_awake == pytest.approx(0.002)
    assert energy.total == pytest.approx(0.0092)
    assert energy.average_milliwatts == pytest.approx(2 * 1e3 * (0.0092 + 0.25 * 0.004))
    too_often = energy_of(TIMING, 0.001, board, 5.0)
    assert too_often is not None
    assert too_often.average_milliwatts is None
    assert energy_of(TIMING, 0.001, load_board("mps2_an386"), 2.0) is None


def test_a_build_says_what_sleep_saves(tmp_path: Path) -> None:
    (medium := tmp_path / "medium.toml").write_text(MEDIUM)
    (board := tmp_path / "meter.toml").write_text(POWERS + load_board("mps2_an386").toml)
    module, params = frontend.from_onnx(segmenter())
    factory = build(module, f"c -tinyseg -board={board} -storage={medium} -objective=ram", params, name="net")
    energy, seconds = factory.figures["energy"], factory.figures["seconds"]
    assert energy["waiting"] == pytest.approx(0.004 * seconds["waiting"])
    assert energy["computing"] == pytest.approx(0.04 * seconds["computing"])
    assert 0 < energy["waiting"] < energy["waiting_awake"]
    assert energy["transfers"] == factory.figures["storage_cost"]["joules"] > 0
    text = summary(factory.network, factory.problem, factory.plan, factory.figures)
    assert f"{1e3 * energy['total']:.3f}" in text
    assert "without TINYSEG_IDLE" in text


def test_sleep_takes_no_more_than_work(tmp_path: Path) -> None:
    (board := tmp_path / "meter.toml").write_text("sleep_milliwatts = 4\n" + load_board("mps2_an386").toml)
    with pytest.raises(TinySegError, match="must be at most active_milliwatts"):
        load_board(str(board))
