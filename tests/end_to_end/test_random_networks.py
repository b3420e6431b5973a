"""Random networks through planner, validator, code generator and compiler: every line of every tensor is exact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.codegen.harness import assert_equal_to_reference, problem_of, random_inputs
from tests.decided_networks import by_columns
from tests.end_to_end import random_networks
from tests.end_to_end.random_int16_networks import random_int16_network
from tests.end_to_end.random_networks import random_network
from tests.end_to_end.shared_program import Entry, build_program
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network import Network, reference
from tinyseg_tvm.network.problem import IoMode
from tinyseg_tvm.operators import OPERATORS
from tinyseg_tvm.planner.layerwise import plan_layerwise
from tinyseg_tvm.planner.optimiser import plan as optimise
from tinyseg_tvm.planner.validator import validate

BATCH = 25
FAST = range(100)  # the first QUICK by make test, the others by make test-release
QUICK = 12
RELEASE = range(1000, 1400)
SLOW = range(1400, 3000)


Grow = Callable[[int], Network]


def planned(seed: int, grow: Grow = random_network) -> Entry:
    """The seed's network along a random axis, with random I/O, layer by layer or streamed; its plan is validated."""
    rng = np.random.default_rng([seed, 1])
    network = grow(seed)
    columns, line_io, layerwise, thorough = rng.random(4) < (0.5, 0.5, 0.2, 0.2)
    if columns:
        network = along_columns(network)
    io: IoMode = "line" if line_io else "resident"
    problem = problem_of(network, io)
    plan = plan_layerwise(problem) if layerwise else optimise(problem, effort=0.05 if thorough else 0.01)
    validate(problem, plan)
    return Entry(network, problem, plan, io)


def along_columns(network: Network) -> Network:
    """The network along its columns, proved to compute the same; itself where it has no such form."""
    try:
        swapped = by_columns(network)
    except TinySegError:
        return network
    inputs = [reference.from_device(network, port, array) for port, array in _arrays(network)]
    for ours, theirs in zip(reference.run(swapped, inputs), reference.run(network, inputs), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    return swapped


def _arrays(network: Network):
    return zip(network.inputs, random_inputs(network, np.random.default_rng(0)), strict=True)


def check(seeds: range, directory: Path, grow: Grow = random_network) -> None:
    members = build_program([planned(seed, grow) for seed in seeds], directory)
    for seed, member in zip(seeds, members, strict=True):
        try:
            assert_equal_to_reference(member, random_inputs(member.network, np.random.default_rng(seed)))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def batches(seeds: range, *marks: pytest.MarkDecorator) -> list[object]:
    return [pytest.param(seeds[first : first + BATCH], marks=marks) for first in range(0, len(seeds), BATCH)]


@pytest.mark.parametrize("seeds", [FAST[:QUICK], *batches(FAST[QUICK:], pytest.mark.release)], ids=str)
def test_random_networks_are_exact(seeds: range, tmp_path: Path) -> None:
    check(seeds, tmp_path)


@pytest.mark.parametrize("seeds", [FAST[:6], pytest.param(FAST[6:], marks=pytest.mark.release)], ids=str)
def test_random_networks_of_int16_are_exact(seeds: range, tmp_path: Path) -> None:
    check(seeds, tmp_path, random_int16_network)


@pytest.mark.parametrize("seeds", [*batches(RELEASE, pytest.mark.release), *batches(SLOW, pytest.mark.slow)], ids=str)
def test_many_random_networks_are_exact(seeds: range, tmp_path: Path) -> None:
    check(seeds, tmp_path)


def test_the_fast_seeds_hold_every_operator_that_grows_and_every_kind_of_graph() -> None:
    networks = [random_network(seed) for seed in FAST]
    kinds = {node.operator.kind for network in networks for node in network.nodes}
    # The others: tests/codegen/test_generated_operators.py has every kind, tests/storage spill and fetch.
    assert kinds == {kind for kind, operator in OPERATORS.items() if operator in vars(random_networks).values()}
    assert {len(network.inputs) for network in networks} >= {1, 2, 3}
    assert {len(network.outputs) for network in networks} >= {1, 2, 3}
    pieces = {len(n.inputs) for network in networks for n in network.nodes if n.operator.kind == "conv2d"}
    assert pieces >= {1, 2, 3}


def test_a_seed_gives_one_network() -> None:
    first, second = random_network(7), random_network(7)
    assert [node.name for node in first.nodes] == [node.name for node in second.nodes]
    assert first.tensors == second.tensors
