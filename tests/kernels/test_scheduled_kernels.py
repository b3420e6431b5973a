"""Kernels that are TVM programs: every decision gives the bits of the reference, on this computer and in QEMU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.codegen.harness import SANITIZE, NetworkBuilder, assert_equal_to_reference, build, spread_plan
from tests.kernels.kernel_cases import accepted_case
from tests.kernels.test_kernels import run_on_board
from tinyseg_tvm.codegen import Core, operators
from tinyseg_tvm.codegen.operators import NodeView, Variant, emitter_for, scheduled_sum
from tinyseg_tvm.codegen.operators.scheduled_sum import STAGED_PIXELS
from tinyseg_tvm.codegen.programs import micro_kernels, schedule
from tinyseg_tvm.codegen.programs.micro_kernels import DspKernel
from tinyseg_tvm.codegen.programs.schedule import decision_space, scheduled
from tinyseg_tvm.codegen.programs.search import decision_of, space_function
from tinyseg_tvm.codegen.programs.weighted_sum import Line, Segment, WeightedSum, program
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.network.problem import build_problem

KINDS = ["conv2d", "conv2d", "dense", "conv2d", "conv2d_transpose"]
CORE = Core("host", has_dsp=True)


def networks(seed: int, each: int) -> tuple[Network, list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    builder = NetworkBuilder("tiles")
    inputs: list[np.ndarray] = []
    for number in range(each):
        kind = KINDS[number % len(KINDS)]
        case = accepted_case(kind, rng)
        names = [builder.input(f"x{number}_{k}", t) for k, t in enumerate(case.input_types)]
        inputs += case.inputs
        builder.output(builder.node(f"{kind}_{number}", case.operator, names, **case.constants))
    return builder.build(), inputs


@pytest.fixture
def only_tiles(monkeypatch):
    """Convolutions by tiles wherever they can be, of one staging, with decisions that change from node to node."""

    def use(staged_pixels: int) -> list[int]:
        named = f"tiles dsp, {f'{staged_pixels} pixels' if staged_pixels else 'lines'} staged"
        taken: list[int] = []

        def emitters(kind: str) -> tuple[Variant, ...]:
            variants = emitter_for(kind)
            tiles = [v for v in variants if named in v.name]
            others = [v for v in variants if "tiles" not in v.name]
            return tuple(_first(tiles, others))

        def decisions(kernel: micro_kernels.MicroKernel, view: NodeView) -> schedule.Decisions:
            space = decision_space(kernel.sum)
            taken.append(len(space))
            return space[sum(view.node.name.encode()) % len(space)]

        monkeypatch.setattr(operators, "emitter_for", emitters)
        monkeypatch.setattr(scheduled_sum, "best_decisions", decisions)
        return taken

    scheduled_sum.lowered.cache_clear()
    yield use
    scheduled_sum.lowered.cache_clear()


def _first(tiles: list[Variant], others: list[Variant]) -> Iterator[Variant]:
    """Others compute what tiles do not."""
    for variant in others:
        yield Variant(
            variant.name,
            lambda view, v=variant: v.supports(view) and not any(t.supports(view) for t in tiles),
            variant.cost,
            variant.emit,
            variant.flash,
        )
    yield from tiles


def check_on_host(seed: int, each: int, directory: Path) -> None:
    network, inputs = networks(seed, each)
    problem = build_problem(network, io="resident", cost=lambda node: operators.kernel_cost(node, network, CORE))
    program = build(network, problem, spread_plan(problem), directory, core=CORE, flags=SANITIZE)
    assert_equal_to_reference(program, inputs)


@pytest.mark.parametrize("staged_pixels", STAGED_PIXELS)
def test_tiles_equal_the_reference(staged_pixels, only_tiles, tmp_path):
    taken = only_tiles(staged_pixels)
    check_on_host(5 + staged_pixels, 10, tmp_path)
    assert len(taken) > 6


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("staged_pixels", STAGED_PIXELS)
def test_many_tiles_equal_the_reference(staged_pixels, seed, only_tiles, tmp_path):
    only_tiles(staged_pixels)
    check_on_host(100 + seed, 60, tmp_path)


@pytest.mark.parametrize(
    ("board", "staged_pixels"),
    [("mps2_an386", 0), ("mps2_an386", 2), ("mps2_an500", 4), ("mps2_an505", 2)],
)
def test_tiles_equal_the_reference_on_boards(board, staged_pixels, only_tiles, tmp_path):
    only_tiles(staged_pixels)
    network, inputs = networks(20 + staged_pixels, 15)
    assert run_on_board(board, network, inputs, tmp_path / "project") == []


def test_a_mutated_micro_kernel_is_found(only_tiles, tmp_path, monkeypatch):
    only_tiles(0)
    monkeypatch.setattr(micro_kernels, "_dual", lambda w, p, o: f"s{p}{o} = tinyseg_dual_multiply({w}, x0, s{p}{o});")
    with pytest.raises(AssertionError):
        check_on_host(7, 12, tmp_path)


def test_a_mutated_instruction_is_found_on_a_board(only_tiles, tmp_path, monkeypatch):
    only_tiles(0)
    true_loop = micro_kernels.assembler_loop
    monkeypatch.setattr(
        micro_kernels,
        "assembler_loop",
        lambda body, *rest: true_loop([*body[:-1], body[-1].replace("smlad", "smladx")], *rest),
    )
    network, inputs = networks(20, 10)
    assert run_on_board("mps2_an386", network, inputs, tmp_path / "project") != []


def any_kernel() -> micro_kernels.MicroKernel:
    lines = tuple(Line(27, 3, 3, 3) for _ in range(3))
    segments = tuple(Segment(row, 0, 9) for row in range(3))
    return DspKernel(WeightedSum(lines, segments, 9, 7, -3, (5, -128, 127), True, 0), joined=False)


def test_an_intrinsic_that_computes_something_else_is_refused(monkeypatch):
    from tvm.s_tir import ScheduleError

    kernel = any_kernel()
    decisions = decision_space(kernel.sum)[0]
    scheduled(kernel, decisions)
    other = DspKernel(replace(kernel.sum, output=(6, -128, 127)), joined=False)
    true_intrinsic = schedule._tile_intrinsic
    monkeypatch.setattr(schedule, "_tile_intrinsic", lambda _, *tile: true_intrinsic(other, *tile))
    with pytest.raises(ScheduleError, match="doesn't match the tensor intrin"):
        scheduled(kernel, decisions)


def test_draws_of_the_design_space_make_every_decision():
    import tvm
    from tvm.s_tir import Schedule

    kernel = any_kernel()
    decide = space_function(kernel)
    drawn = set()
    for seed in range(1, 60):
        draw = Schedule(tvm.IRModule({"main": program(kernel.sum)}), seed=seed)
        decide(draw)
        drawn.add(decision_of(kernel, draw.mod))
    assert drawn == set(decision_space(kernel.sum))
