"""Random networks with random spills to two slow storages: every line of every tensor is exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.codegen.harness import assert_equal_to_reference, random_inputs
from tests.end_to_end.shared_program import build_program
from tests.storage.random_spills import BLOCKS, network_along_its_axis, planned, spilled_network
from tinyseg_tvm.network import reference
from tinyseg_tvm.operators import Fetch, Spill
from tinyseg_tvm.operators.stored_records import CODECS

BATCH = 25
FAST = range(100)  # planned and run by the reference executor
COMPILED = range(6)  # and as C
RELEASE = range(5000, 5050)
SLOW = range(5050, 6000)


def check(seeds: range, directory: Path) -> None:
    members = build_program([planned(seed) for seed in seeds], directory)
    for seed, member in zip(seeds, members, strict=True):
        try:
            assert_equal_to_reference(member, random_inputs(member.network, np.random.default_rng(seed)))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def batches(seeds: range, mark: pytest.MarkDecorator) -> list[object]:
    return [pytest.param(seeds[first : first + BATCH], marks=mark) for first in range(0, len(seeds), BATCH)]


def test_random_spills_are_exact(tmp_path: Path) -> None:
    check(COMPILED, tmp_path)


@pytest.mark.parametrize("seeds", [FAST[:30], pytest.param(FAST[30:], marks=pytest.mark.release)], ids=str)
def test_random_spills_are_planned_and_change_no_result(seeds: range) -> None:
    for seed in seeds:
        plain, spilled = network_along_its_axis(seed), planned(seed).network
        inputs = random_inputs(plain, np.random.default_rng(seed))
        for ours, theirs in zip(
            reference.run(spilled, inputs, layout="device"), reference.run(plain, inputs, layout="device"), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs, err_msg=f"seed {seed}")


@pytest.mark.parametrize("seeds", [*batches(RELEASE, pytest.mark.release), *batches(SLOW, pytest.mark.slow)], ids=str)
def test_many_random_spills_are_exact(seeds: range, tmp_path: Path) -> None:
    check(seeds, tmp_path)


def test_the_fast_seeds_spill_in_every_way() -> None:
    found = [spilled_network(seed) for seed in FAST]
    spills = [node.operator for network, _ in found for node in network.nodes if isinstance(node.operator, Spill)]
    fetches = [node.operator for network, _ in found for node in network.nodes if isinstance(node.operator, Fetch)]
    assert {spill.codec for spill in spills} == set(CODECS)
    assert {spill.storage for spill in spills} == set(BLOCKS)
    assert {spill.ring for spill in spills} == {1, 2, 3}
    assert {fetch.ahead for fetch in fetches} == {0, 1, 2, 3}
    assert any(spill.group > 1 for spill in spills)
    assert any(spill.first_line for spill in spills)
    assert sum(d.tensor.endswith("_part") for _, decisions in found for d in decisions) > 5
    assert any({d.transfer.storage for d in decisions} == set(BLOCKS) for _, decisions in found)
    assert any(len({d.transfer.codec for d in decisions}) > 1 for _, decisions in found)
    assert any(len(decision.late) > 1 for _, decisions in found for decision in decisions)
    assert sum(bool(decisions) for _, decisions in found) > 80
