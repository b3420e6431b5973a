"""Networks with spilled tensors give the reference's results, bit for bit, on the host and on a board."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.storage.spilled_networks import project, small_unet, spilled
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.network.problem import IoMode

VARIANTS: dict[str, dict[str, Any]] = {
    "by line": {},
    "without prefetch": {"ahead": 0},
    "far ahead": {"ahead": 3, "ring": 2},
    "in blocks": {"block": 64},
    "records of several lines": {"group": 3, "block": 32, "ahead": 2},
    "coded": {"codec": "delta"},
    "coded, records of several lines in blocks": {"codec": "mask", "group": 2, "block": 16, "ahead": 2},
    "part of the lines": {"first_line": 3, "lines": 7},
    "the first lines": {"lines": 5},
}


def both_skips(**options: Any) -> Network:
    network = spilled(small_unet(), "skip0", ("join0",), **options)
    deeper = {key: value for key, value in options.items() if key not in ("first_line", "lines")}
    return spilled(network, "skip1", ("join1",), slot=1, **deeper)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("options", VARIANTS.values(), ids=list(VARIANTS))
def test_spilled_tensors_come_back_unchanged(options, tmp_path):
    io: IoMode = "line" if "ahead" in options else "resident"
    result = project(both_skips(**options), "host", tmp_path / "out", io).run(sanitize=True)
    assert result.status == 0
    assert result.mismatches == 0
    assert result.storage.written == result.storage.read > 0
    if "codec" not in options:
        assert result.storage.written_physical > result.storage.written


def test_nor_flash_is_erased_before_it_is_written(tmp_path):
    result = project(both_skips(storage="nor", codec="delta"), "host", tmp_path / "out").run(sanitize=True)
    assert (result.status, result.mismatches) == (0, 0)
    assert result.storage.erases == 1  # all of it fits a sector


def test_every_observed_line_is_the_references(tmp_path):
    from tinyseg_tvm.cli.comparison import compare
    from tinyseg_tvm.relay.factory import random_inputs

    network = both_skips(first_line=2, lines=9)
    inputs = random_inputs(network, seed=1)
    result = project(network, "host", tmp_path / "out").run([inputs], layout="device", observe=True)
    rows = compare(network, inputs, result)
    assert {row.kind for row in rows} >= {"spill", "fetch"}
    assert sum(row.differing for row in rows) == 0


def test_two_consumers_fetch_the_same_tensor(tmp_path):
    network = spilled(small_unet(), "skip0", ("pool0", "join0"))
    result = project(network, "host", tmp_path / "out").run(sanitize=True)
    assert result.mismatches == 0
    assert result.storage.read == 2 * result.storage.written


@pytest.mark.sampled(2)
@pytest.mark.parametrize("storage", ["file", "psram", "nor", "eeprom"])
def test_spilled_tensors_come_back_unchanged_on_a_cortex_m4(storage, tmp_path):
    result = project(both_skips(storage=storage), "mps2_an386", tmp_path / "out").run(watch_writes=True)
    assert (result.status, result.mismatches) == (0, 0)
    assert result.stray_writes == ()
    assert result.storage.written == sum(np.prod(shape) for shape in ((16, 12, 4), (8, 6, 8)))


def test_spilled_tensors_come_back_unchanged_from_an_sd_card(tmp_path):
    network = both_skips(storage="sd", block=512, codec="delta", ahead=2)
    result = project(network, "lm3s6965evb", tmp_path / "out").run()
    assert (result.status, result.mismatches) == (0, 0)
    assert result.storage.written_physical % 512 == 0


def test_transfers_on_the_timed_storage_overlap_with_computing(tmp_path):
    counts = {}
    for name, options in {
        "ahead": {"storage": "timed", "ahead": 2, "ring": 2},
        "waiting": {"storage": "timed", "ahead": 0},
        "no time": {"storage": "psram", "ahead": 2},
    }.items():
        result = project(both_skips(**options), "mps2_an386", tmp_path / name).run()
        assert (result.status, result.mismatches) == (0, 0)
        counts[name] = result.instructions
    assert counts["no time"] < counts["ahead"] < counts["waiting"]
