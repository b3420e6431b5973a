"""Kernels of less flash, for a stated part of the time: ``--objective flash``."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence

import numpy as np
import pytest

from tests.end_to_end.small_models import segmenter
from tinyseg_tvm import relay
from tinyseg_tvm.codegen import Core, kernel_size, program_flash
from tinyseg_tvm.compiler.flash_saving import SLOWER, KernelFlash, smallest
from tinyseg_tvm.compiler.kernel_front import cycles_of
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.planner.validator import validate

TARGET = "c -tinyseg -board=mps2_an386"

Choices = list[tuple[int, list[KernelFlash]]]


def random_choices(seed: int) -> Choices:
    """Up to four operators of up to four kernels, with code among three parts."""
    rng = np.random.default_rng(seed)
    parts: list[Hashable] = ["a", "b", "c"]
    sizes = {part: int(rng.integers(100, 3000)) for part in parts}
    choices = []
    for _ in range(int(rng.integers(2, 5))):
        kernels = []
        for number in range(int(rng.integers(2, 5))):
            used = [part for part in parts if rng.random() < 0.4]
            cost = Cost(0, int(rng.integers(100, 2000)), kernel=str(number))
            kernels.append(KernelFlash(cost, int(rng.integers(0, 2000)), {part: sizes[part] for part in used}))
        kernels.sort(key=lambda each: each.cost.cycles_per_step)
        choices.append((int(rng.integers(1, 20)), kernels))
    return choices


def cycles(choices: Choices, chosen: Sequence[KernelFlash]) -> int:
    return sum(steps * each.cost.cycles_per_step for (steps, _), each in zip(choices, chosen, strict=True))


def flash(chosen: Sequence[KernelFlash]) -> int:
    parts = {part: size for each in chosen for part, size in each.parts.items()}
    return sum(each.own_bytes for each in chosen) + sum(parts.values())


def test_the_search_keeps_the_limit_and_comes_near_the_exhaustive_choice() -> None:
    found, least, fastest = 0, 0, 0
    for seed in range(40):
        choices = random_choices(seed)
        begin = [kernels[0] for _, kernels in choices]
        most = cycles(choices, begin) * (1 + SLOWER)
        chosen = smallest(choices, cycles(choices, begin) * SLOWER)
        assert all(each in kernels for (_, kernels), each in zip(choices, chosen, strict=True))
        assert cycles(choices, chosen) <= most
        assert flash(chosen) <= flash(begin)
        able = [each for each in itertools.product(*(k for _, k in choices)) if cycles(choices, each) <= most]
        found, fastest = found + flash(chosen), fastest + flash(begin)
        least += min(map(flash, able))
    assert fastest - found >= 0.7 * (fastest - least)


def test_code_that_operators_have_together_counts_once() -> None:
    own = [KernelFlash(Cost(0, 100, kernel="own"), 0, {number: 300}) for number in range(3)]
    shared = KernelFlash(Cost(0, 110, kernel="shared"), 0, {"shared": 500})
    choices = [(1, [each, shared]) for each in own]
    assert smallest(choices, 30) == [shared] * 3  # 500 bytes, not 900
    assert smallest(choices, 29) == own  # two would take 800, but no price of a cycle makes them best
    assert smallest(choices[:1], 30) == own[:1]


@pytest.fixture(scope="module")
def factories() -> tuple[relay.Factory, relay.Factory]:
    mod = relay.frontend.from_onnx(segmenter(24, 32))
    return relay.build(mod, TARGET), relay.build(mod, f"{TARGET} -objective=flash")


def flash_of(planned: Planned, core: Core) -> int:
    kernels = {operator.name: operator.kernel for operator in planned.problem.operators}
    nodes = planned.network.nodes
    return sum(program_flash([kernel_size(node, planned.network, core, kernels[node.name]) for node in nodes], core))


def test_a_plan_takes_less_flash_in_the_memory_of_the_balanced_one(factories) -> None:
    balanced, smaller = (factory.planned for factory in factories)
    assert smaller.plan == balanced.plan
    validate(smaller.problem, smaller.plan)
    before = cycles_of(balanced.problem.operators)
    assert before < cycles_of(smaller.problem.operators) <= (1 + SLOWER) * before
    core = factories[1].situation.core
    assert flash_of(smaller, core) < flash_of(balanced, core)


@pytest.mark.release
def test_its_outputs_are_those_of_the_reference(factories, tmp_path) -> None:
    assert generate_project("mps2_an386", factories[1], tmp_path / "project").run(count="none").mismatches == 0
