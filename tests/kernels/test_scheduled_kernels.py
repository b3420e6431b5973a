"""Kernels that are TVM programs: every decision gives the bits of the reference, on this computer and in QEMU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.codegen.harness import NetworkBuilder, assert_equal_to_reference, build, spread_plan
from tests.kernels.kernel_cases import SWEEPS, accepted_case
from tests.kernels.test_kernels import run_on_board
from tests.operators.operator_cases import int8_array
from tinyseg_tvm.codegen import Core, operators
from tinyseg_tvm.codegen.operators import NodeView, Variant, emitter_for, scheduled_programs
from tinyseg_tvm.codegen.operators.scheduled_windows import FAMILIES, WindowFamily
from tinyseg_tvm.codegen.programs import tiled
from tinyseg_tvm.codegen.programs.tiled import scheduled
from tinyseg_tvm.codegen.programs.windows import dsp_kernels
from tinyseg_tvm.codegen.programs.windows import program as window_program
from tinyseg_tvm.codegen.programs.windows.direct_dsp_kernels import DirectDspKernel
from tinyseg_tvm.codegen.programs.windows.dsp_kernels import DspKernel
from tinyseg_tvm.codegen.programs.windows.kernels import MicroKernel
from tinyseg_tvm.codegen.programs.windows.mve_passes import Passes
from tinyseg_tvm.codegen.programs.windows.mve_products import Layout
from tinyseg_tvm.codegen.programs.windows.program import Decisions, WindowProgram
from tinyseg_tvm.codegen.programs.windows.sum import Line, Segment, WeightedSum
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.network.problem import build_problem
from tinyseg_tvm.operators import Conv2d, TensorType
from tinyseg_tvm.operators.arithmetic import onnx

KINDS = ["conv2d", "conv2d", "dense", "conv2d", "conv2d_transpose"]
CORES = {"dsp": Core("host", has_dsp=True), "mve": Core("host", has_dsp=True, has_mve=True), "v7m": Core("host")}
DSP_LINES, MVE_PIXEL, V7M_PIXEL = (next(f for f in FAMILIES if f.kernel.name == name) for name in ("dsp", "mve", "v7m"))
DIRECT = [f for f in FAMILIES if f.kernel is DirectDspKernel]  # of whole words without padding only
STAGING = [f for f in FAMILIES if f.kernel is not DirectDspKernel]


def named(family: WindowFamily) -> str:
    return family.name


LONG = (  # channels of each piece, outputs, kernel, stride, width, padding on both sides
    ((250,), 6, (1, 1), 1, 9, 0),
    ((1000,), 3, (1, 1), 1, 1, 0),
    ((48,), 5, (3, 3), 1, 7, 1),
    ((80, 17), 4, (3, 3), 1, 6, 1),
    ((129,), 7, (1, 3), 2, 8, 1),
    ((16, 320), 9, (1, 3), 1, 11, 1),
    ((12, 20, 1), 8, (3, 1), 3, 5, 1),  # the last window lies in the padding altogether
)


WORDS = (  # as above: whole words, of which the sums of one have more than eight outputs, or fewer, or rounds left over
    ((640,), 32, (1, 1), 1, 1, 0),
    ((8,), 24, (1, 1), 1, 1, 0),
    ((52,), 16, (1, 1), 1, 5, 0),
    ((28, 4), 11, (1, 1), 2, 9, 0),
    ((4,), 7, (3, 3), 1, 8, 0),
    ((12,), 2, (1, 3), 2, 9, 0),
    ((16,), 8, (3, 1), 1, 6, 0),
    ((36,), 8, (1, 1), 1, 2, 0),
    ((20,), 16, (1, 1), 1, 7, 0),
)


def long_windows(convolutions: Sequence[tuple[Any, ...]] = LONG) -> tuple[Network, list[np.ndarray]]:
    """Convolutions whose windows take many rounds of inner loops, with values left over, and one beside its map."""
    rng = np.random.default_rng(3)
    builder = NetworkBuilder("long")
    inputs: list[np.ndarray] = []
    for number, (channels, outputs, kernel, stride, width, pad) in enumerate(convolutions):
        operator = Conv2d(
            (1, stride), (0, pad, 0, pad), (1, 1), 1, onnx.WeightedSum(int(rng.integers(-128, 128)), 3, -128, 127)
        )
        given = [int8_array(rng, (1, kernel[0], width, c)) for c in channels]
        names = [builder.input(f"x{number}_{k}", TensorType(x.shape, "int8")) for k, x in enumerate(given)]
        inputs += given
        shape = (outputs, *kernel, sum(channels))
        weights = {
            "weight": int8_array(rng, shape),
            "bias": rng.integers(-3000, 3000, outputs).astype(np.int32),
            "multiplier": (rng.uniform(0.1, 2, outputs) / (73 * np.sqrt(np.prod(shape[1:])))).astype(np.float32),
        }
        builder.output(builder.node(f"conv_{number}", operator, names, **weights))
    return builder.build(), inputs


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

    def use(family: WindowFamily) -> list[int]:
        taken: list[int] = []

        def emitters(kind: str) -> tuple[Variant[Any], ...]:
            variants = emitter_for(kind)
            tiles = [v for v in variants if v.name.endswith(family.name)]
            others = [v for v in variants if "tiles" not in v.name]
            return tuple(_first(tiles, others))

        def decisions(program: WindowProgram, view: NodeView[Any]) -> Decisions:
            space = program.space
            taken.append(len(space))
            return space[sum(view.node.name.encode()) % len(space)]

        monkeypatch.setattr(operators, "emitter_for", emitters)
        monkeypatch.setattr(scheduled_programs, "best_decisions", decisions)
        return taken

    tiled.lowered.cache_clear()
    yield use
    tiled.lowered.cache_clear()


def _alone_supports(variant: Variant[Any], others: list[Variant[Any]], view: NodeView[Any]) -> bool:
    return variant.supports(view) and not any(other.supports(view) for other in others)


def _first(tiles: list[Variant[Any]], others: list[Variant[Any]]) -> Iterator[Variant[Any]]:
    """Others compute what tiles do not."""
    for variant in others:
        supports = partial(_alone_supports, variant, tiles)
        yield Variant(variant.name, supports, variant.cost, variant.emit, variant.flash)
    yield from tiles


def check_on_host(family: WindowFamily, seed: int, each: int, directory: Path) -> None:
    core = CORES[family.kernel.name]
    network, inputs = networks(seed, each)
    problem = build_problem(network, io="resident", cost=lambda node: operators.kernel_cost(node, network, core))
    program = build(network, problem, spread_plan(problem), directory, core=core)
    assert_equal_to_reference(program, inputs)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("family", STAGING, ids=named)
def test_tiles_equal_the_reference(family, only_tiles, tmp_path):
    taken = only_tiles(family)
    check_on_host(family, 5 + family.staged_pixels, 10, tmp_path)
    assert len(taken) > 6


@pytest.mark.parametrize("seed", SWEEPS)
@pytest.mark.parametrize("family", STAGING, ids=named)
def test_many_tiles_equal_the_reference(family, seed, only_tiles, tmp_path):
    only_tiles(family)
    check_on_host(family, 100 + seed, 60, tmp_path)


BOARDS = {
    "dsp": ["mps2_an386", "mps2_an500", "mps2_an505"],
    "mve": ["mps3_an547"],
    "v7m": ["mps2_an385"],
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "family",
    [pytest.param(f, marks=pytest.mark.release if f.stack else ()) for f in STAGING],
    ids=named,
)
def test_tiles_equal_the_reference_on_boards(family, only_tiles, tmp_path):
    boards = BOARDS[family.kernel.name]
    only_tiles(family)
    network, inputs = networks(20 + family.staged_pixels, 15)
    board = boards[STAGING.index(family) % len(boards)]
    assert run_on_board(board, network, inputs, tmp_path / "project") == []


@pytest.mark.parametrize("family", DIRECT, ids=named)
def test_whole_words_are_summed_where_they_lie(family, only_tiles, tmp_path):
    taken = only_tiles(family)
    network, inputs = long_windows(WORDS)
    core = CORES["dsp"]
    problem = build_problem(network, io="resident", cost=lambda node: operators.kernel_cost(node, network, core))
    direct = [operator for operator in problem.operators if operator.kernel.endswith(family.name)]
    assert len(direct) == len([case for case in WORDS if case[4] >= family.staged_pixels])
    assert all(operator.scratch_bytes == 0 for operator in direct)
    assert len(set(taken)) > 1
    assert_equal_to_reference(build(network, problem, spread_plan(problem), tmp_path, core=core), inputs)


@pytest.mark.release
@pytest.mark.parametrize("family", DIRECT, ids=named)
def test_whole_words_equal_the_reference_on_a_board(family, only_tiles, tmp_path):
    only_tiles(family)
    assert run_on_board("mps2_an386", *long_windows(WORDS), tmp_path / "project") == []


@pytest.mark.parametrize("family", [DSP_LINES, MVE_PIXEL, V7M_PIXEL], ids=named)
def test_long_windows_equal_the_reference_on_boards(family, only_tiles, tmp_path):
    taken = only_tiles(family)
    network, inputs = long_windows()
    assert run_on_board(BOARDS[family.kernel.name][0], network, inputs, tmp_path / "project") == []
    assert len(taken) >= len(LONG)


def test_convolutions_of_one_group_are_tiles_where_there_is_the_vector_extension():
    network, _ = networks(3, 40)
    convolutions = [node for node in network.nodes if isinstance(node.operator, Conv2d) and node.operator.groups == 1]
    views = [NodeView.of(node, network, CORES["mve"]) for node in convolutions]
    names = {operators.select_variant(view).name for view in views if view.constants["weight"].dtype == np.int8}
    assert all("tiles mve" in name for name in names), names
    assert any("columns staged" in name for name in names)


def largest_inner_loop(statement: list[str]) -> int:
    """Bytes from a label to the branch back to it, with no label between."""
    largest, size = 0, 0
    for line in statement[1:-3]:
        size = 0 if line.endswith(':"') else size + 4
        if "bne.w" in line:
            largest, size = max(largest, size), -(1 << 20)
    return largest


def test_inner_loops_of_passes_stay_under_1_kib():
    rng = np.random.default_rng(1)
    sizes = []
    for _ in range(150):
        channels, taps, stride, segments = (int(rng.integers(1, n)) for n in (300, 6, 3, 8))
        layout = Layout.of(channels * taps, channels * stride)
        bounds = (-5, -100, 100)
        passes = Passes.of(
            ((layout, segments),), int(rng.integers(1, 5)), int(rng.integers(1, 40)), bounds, fixed_point=False
        )
        sizes.append(largest_inner_loop(passes.statement))
    assert 900 < max(sizes) < 1024


@pytest.mark.release
def test_a_mutated_micro_kernel_is_found(only_tiles, tmp_path, monkeypatch):
    only_tiles(DSP_LINES)
    monkeypatch.setattr(dsp_kernels, "_dual", lambda w, p, o: f"s{p}{o} = tinyseg_dual_multiply({w}, x0, s{p}{o});")
    with pytest.raises(AssertionError):
        check_on_host(DSP_LINES, 7, 12, tmp_path)


@pytest.mark.release
@pytest.mark.parametrize(
    ("family", "right", "wrong"),
    [
        (DSP_LINES, "smlad", "smladx"),
        (DIRECT[0], "ror #8", "ror #16"),
        (MVE_PIXEL, "vmladava.s8", "vmladava.u8"),
        (V7M_PIXEL, "mla", "mls"),
    ],
    ids=["dsp", "direct", "mve", "v7m"],
)
def test_a_mutated_instruction_is_found_on_a_board(family, right, wrong, only_tiles, tmp_path, monkeypatch):
    only_tiles(family)
    true_body = family.kernel.body

    def mutated(kernel: MicroKernel, *tile: int) -> list[str]:
        return [line.replace(right, wrong) for line in true_body(kernel, *tile)]

    monkeypatch.setattr(family.kernel, "body", mutated)
    network, inputs = long_windows(WORDS) if family in DIRECT else networks(20, 10)
    board = BOARDS[family.kernel.name.split()[0]][0]
    assert run_on_board(board, network, inputs, tmp_path / "project") != []


def any_program() -> WindowProgram:
    lines = tuple(Line(27, 3, 3, 3) for _ in range(3))
    segments = tuple(Segment(row, 0, 9, 10) for row in range(3))
    weighted_sum = WeightedSum(lines, segments, 9, 7, 7, -3, (5, -128, 127), "int16", (4, 2, 1), 0)
    return WindowProgram(DspKernel(weighted_sum, joined=False))


def test_an_intrinsic_that_computes_something_else_is_refused(monkeypatch):
    from tvm.s_tir import ScheduleError

    program = any_program()
    scheduled(program, program.space[0])
    other = DspKernel(replace(program.kernel.sum, output=(6, -128, 127)), joined=False)
    true_intrinsic = window_program._tile_intrinsic
    monkeypatch.setattr(window_program, "_tile_intrinsic", lambda _, *tile: true_intrinsic(other, *tile))
    with pytest.raises(ScheduleError, match="doesn't match the tensor intrin"):
        scheduled(program, program.space[0])
