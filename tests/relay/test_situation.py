"""A situation: everything but the network that a plan depends on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tinyseg_tvm.boards import load_board
from tinyseg_tvm.codegen.tuning_records import TuningRecords
from tinyseg_tvm.compiler.options import BuildOptions
from tinyseg_tvm.compiler.situation import situation_of
from tinyseg_tvm.errors import UsageError


def test_storages_media_and_models_follow_from_the_options_in_their_order():
    names = tuple(storage.name for storage in load_board("lm3s6965evb").storages)[:2]
    assert len(names) == 2
    for order in (names, names[::-1]):
        situation = situation_of(BuildOptions(board="lm3s6965evb", storage=",".join(order)))
        assert tuple(storage.name for storage in situation.storages) == order
        assert tuple(medium.name for medium in situation.media) == tuple(situation.models) == order
    assert replace(situation, options=BuildOptions(board="lm3s6965evb")).media == ()


def test_a_storage_that_the_board_does_not_have_is_refused():
    with pytest.raises(UsageError, match="tape"):
        _ = situation_of(BuildOptions(board="lm3s6965evb", storage="tape")).storages


def test_the_limit_of_ram_is_stated_or_the_board_s_or_none():
    board = load_board("lm3s6965evb")
    situation = situation_of(BuildOptions(board="lm3s6965evb"))
    assert situation.ram_limit == board.ram_bytes
    stated = replace(situation, options=replace(situation.options, ram=1000))
    assert stated.ram_limit == 1000
    assert stated.unlimited().ram_limit is None
    assert stated.unlimited().board.flash_bytes == board.flash_bytes


def test_the_core_is_the_board_s_or_the_one_named_with_its_records():
    assert situation_of(BuildOptions(board="mps2_an386")).core.name == "cortex-m4"
    records = TuningRecords("cortex-m0plus")
    core = situation_of(BuildOptions(board="mps2_an386", mcpu="cortex-m0plus"), records).core
    assert (core.name, core.has_dsp, core.records) == ("cortex-m0plus", False, records)
    with pytest.raises(UsageError, match="measured on 'cortex-m0plus'"):
        situation_of(BuildOptions(board="mps2_an386"), records)
