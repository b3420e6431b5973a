"""Depthwise convolutions as TVM programs: every decision gives the reference's bits, on this computer and in QEMU."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.codegen.harness import (
    NetworkBuilder,
    assert_equal_to_reference,
    build,
    mutate_runtime,
    spread_plan,
)
from tests.kernels.kernel_cases import SWEEPS, Rng, constants, weighted_sum
from tests.kernels.test_kernels import network_of, run_on_board
from tests.micro.test_kernel_code import LARGEST_LOOP, compiled, innermost_loops
from tests.operators.operator_cases import Case, int8_array
from tinyseg_tvm.boards import load_core
from tinyseg_tvm.codegen import Core, operators
from tinyseg_tvm.codegen.operators import FunctionWriter, NodeView, emitter_for, kernel_choices, scheduled_programs
from tinyseg_tvm.codegen.operators.scheduled_depthwise import VARIANTS
from tinyseg_tvm.codegen.programs import mve_assembler, tiled
from tinyseg_tvm.codegen.programs.channels import dsp_products, kernels, mve_kernels, mve_lanes, v7m_kernels
from tinyseg_tvm.codegen.programs.channels import program as channel_program
from tinyseg_tvm.codegen.programs.channels.direct_columns import DirectSum
from tinyseg_tvm.codegen.programs.channels.dsp_columns import DspSum
from tinyseg_tvm.codegen.programs.channels.dsp_kernels import DspChannelKernel
from tinyseg_tvm.codegen.programs.channels.dsp_products import PixelProducts
from tinyseg_tvm.codegen.programs.channels.mve_columns import MveSum
from tinyseg_tvm.codegen.programs.channels.mve_kernels import MveChannelKernel
from tinyseg_tvm.codegen.programs.channels.mve_lanes import MveLanesKernel, groups_of
from tinyseg_tvm.codegen.programs.channels.program import ChannelProgram, Decisions
from tinyseg_tvm.codegen.programs.channels.v7m_kernels import V7mChannelKernel
from tinyseg_tvm.codegen.programs.long_tail import long_tail_files
from tinyseg_tvm.codegen.programs.tiled import scheduled
from tinyseg_tvm.codegen.text.constants import ConstantPool
from tinyseg_tvm.codegen.text.identifiers import Names
from tinyseg_tvm.codegen.text.runtime_files import header_of
from tinyseg_tvm.compiler.situation import generator_core
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.network.problem import build_problem
from tinyseg_tvm.operators import Conv2d
from tinyseg_tvm.operators.arithmetic import onnx

CORES = {
    "dsp": Core("host", has_dsp=True),
    "mve": Core("host", has_dsp=True, has_mve=True),
    "v7m": Core("host", has_fpu=False),
}
BOARDS = {"dsp": "mps2_an386", "mve": "mps3_an547", "v7m": "mps2_an385"}
NUMBERS = range(len(VARIANTS))
LANES = next(n for n in NUMBERS if VARIANTS[n].name == "depthwise tiles mve, as it lies")


def some(numbers: Iterable[int], fast: Collection[int]) -> list[Any]:
    """Parameters; those that differ from others in their decisions alone are for releases."""
    return [pytest.param(n, marks=() if n in fast else (pytest.mark.release,)) for n in numbers]


# kernel, stride, dilation, padding, channels, width: what the random cases seldom or never are
RARE = [
    ((3, 3), 1, 1, (1, 1, 1, 1), 7, 47),
    ((3, 3), 2, 1, (0, 0, 1, 1), 6, 96),
    ((3, 3), 1, 1, (1, 1, 1, 1), 3, 22),  # columns that are staged four at a time, and those that remain
    ((3, 3), 1, 9, (9, 9, 9, 9), 4, 20),
    ((5, 5), 1, 40, (2, 80, 2, 80), 5, 90),  # columns that no offset of a load reaches
    ((7, 7), 1, 1, (3, 3, 3, 3), 9, 21),
    ((6, 9), 3, 1, (5, 8, 5, 8), 4, 30),
    ((9, 1), 1, 1, (4, 0, 4, 0), 3, 9),
    ((1, 11), 1, 1, (0, 5, 0, 5), 2, 40),
    ((13, 13), 1, 1, (6, 6, 6, 6), 5, 13),
    ((2, 6), 5, 2, (1, 20, 1, 20), 8, 19),  # runs that lie in the padding altogether
    ((3, 3), 1, 1, (1, 1, 1, 1), 135, 3),  # columns that no offset of a vector's load reaches; blocks that overlap
    ((5, 5), 2, 1, (2, 1, 2, 2), 17, 9),
    ((3, 3), 1, 1, (1, 1, 1, 1), 600, 10),  # results that no offset of a store reaches
]


def rare_case(
    rng: Rng,
    kernel: tuple[int, int],
    stride: int,
    dilation: int,
    padding: tuple[int, int, int, int],
    channels: int,
    width: int,
) -> Case:
    while True:
        operator = Conv2d((1, stride), padding, (1, dilation), channels, weighted_sum(rng))
        values = int8_array(rng, (1, max(2, kernel[0] - padding[0]), width, channels))
        case = Case(operator, (values,), constants(rng, (channels, *kernel, 1)))
        try:
            operator.check(case.input_types, case.constants)
        except ValueError:
            continue
        return case


def rare_network(seed: int) -> tuple[Network, list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    builder = NetworkBuilder("rare")
    inputs: list[np.ndarray] = []
    for number, (kernel, stride, dilation, padding, channels, width) in enumerate(RARE):
        case = rare_case(rng, kernel, stride, dilation, padding, channels, width)
        (type_,) = case.input_types
        inputs += case.inputs
        name = builder.input(f"x{number}", type_)
        builder.output(builder.node(f"rare_{number}", case.operator, [name], **case.constants))
    return builder.build(), inputs


# kernel, stride, padding, channels, width: of channels for vectors of lanes, whose blocks may overlap
WIDE = [
    (3, 1, (1, 1, 1, 1), 135, 3),
    (5, 2, (2, 1, 2, 2), 17, 9),
    (3, 2, (0, 0, 1, 1), 32, 10),
    (3, 1, (1, 1, 1, 1), 16, 6),
]


def wide_network() -> tuple[Network, list[np.ndarray]]:
    """Weights as networks have them, which need two groups of taps or a few, and results all over int8."""
    rng = np.random.default_rng(0)
    builder = NetworkBuilder("wide")
    inputs: list[np.ndarray] = []
    for number, (kernel, stride, padding, channels, width) in enumerate(WIDE):
        bounds = onnx.WeightedSum(
            input_zero_point=-90, output_zero_point=20, output_min=-100 if number else -128, output_max=127
        )
        operator = Conv2d((stride, stride), padding, (1, 1), channels, bounds)
        values = rng.integers(-128, 128, (1, 4, width, channels)).astype(np.int8)
        held: dict[str, np.ndarray] = {
            "weight": rng.normal(0, 50, (channels, kernel, kernel, 1)).clip(-128, 127).astype(np.int8),
            "bias": rng.integers(-20000, 20000, channels).astype(np.int32),
            "multiplier": (rng.uniform(0.5, 2, channels) / 400).astype(np.float32),
        }
        inputs.append(values)
        name = builder.input(f"x{number}", Case(operator, (values,), held).input_types[0])
        builder.output(builder.node(f"wide_{number}", operator, [name], **held))
    return builder.build(), inputs


def test_lanes_equal_the_reference_on_a_board(only, tmp_path):
    taken = only(LANES)
    assert run_on_board("mps3_an547", *wide_network(), tmp_path / "project") == []
    assert len(taken) >= len(WIDE)


def _alone_supports(variant: operators.Variant[Any], other: operators.Variant[Any], view: NodeView[Any]) -> bool:
    return variant.supports(view) and not other.supports(view)


@pytest.fixture
def only(monkeypatch):
    """Depthwise convolutions by one variant wherever it can, with decisions that change from node to node."""

    def use(number: int) -> list[int]:
        chosen = VARIANTS[number]
        taken: list[int] = []

        def emitters(kind: str) -> tuple[operators.Variant[Any], ...]:
            others = [v for v in emitter_for(kind) if v not in VARIANTS]
            return (chosen, *(replace(v, supports=partial(_alone_supports, v, chosen)) for v in others))

        def decisions(program: ChannelProgram, view: NodeView[Any]) -> Decisions:
            space = program.space
            taken.append(len(space))
            return space[sum(view.node.name.encode()) % len(space)]

        monkeypatch.setattr(operators, "emitter_for", emitters)
        monkeypatch.setattr(scheduled_programs, "best_decisions", decisions)
        return taken

    tiled.lowered.cache_clear()
    yield use
    tiled.lowered.cache_clear()


def family_of(number: int) -> str:
    return next(family for family in CORES if f"tiles {family}," in VARIANTS[number].name)


def numbers_of(family: str) -> list[int]:
    return [number for number in NUMBERS if family_of(number) == family]


def check_on_host(number: int, network: Network, inputs: list[np.ndarray], directory: Path, *flags: str) -> None:
    core = CORES[family_of(number)]
    problem = build_problem(network, io="resident", cost=lambda node: operators.kernel_cost(node, network, core))
    program = build(network, problem, spread_plan(problem), directory, core=core, flags=flags)
    assert_equal_to_reference(program, inputs)


@pytest.mark.parametrize("number", some(NUMBERS, (0, 3, 6)))
def test_depthwise_tiles_equal_the_reference(number, only, tmp_path):
    taken = only(number)
    network, inputs = network_of(["depthwise"], 8, 40 + number)
    check_on_host(number, network, inputs, tmp_path)
    assert len(taken) > 4


@pytest.mark.parametrize("number", some((0, 2, 3, 5, 6, 7), (3,)))
def test_rare_shapes_equal_the_reference(number, only, tmp_path):
    taken = only(number)
    check_on_host(number, *rare_network(number), tmp_path, "-DTINYSEG_REQUANTIZE_INTEGER=1")
    assert len(taken) > (5 if number == LANES else 6)


@pytest.mark.parametrize("seed", SWEEPS)
@pytest.mark.parametrize("number", NUMBERS)
def test_many_depthwise_tiles_equal_the_reference(number, seed, only, tmp_path):
    only(number)
    network, inputs = network_of(["depthwise"], 60, 300 + seed)
    check_on_host(number, network, inputs, tmp_path)


OTHER_BOARDS = {1: "mps2_an500", 2: "mps2_an505"}  # for some of the variants


@pytest.mark.parametrize("number", some(NUMBERS, (0, 3, 6)))
def test_depthwise_tiles_equal_the_reference_on_boards(number, only, tmp_path):
    taken = only(number)
    network, inputs = network_of(["depthwise"], 10, 50 + number)
    board = OTHER_BOARDS.get(number, BOARDS[family_of(number)])
    assert run_on_board(board, network, inputs, tmp_path / "project") == []
    assert len(taken) > 5


@pytest.mark.parametrize("number", some((0, 2, 3, 5, 6, 7), (5,)))
def test_rare_shapes_equal_the_reference_on_a_board(number, only, tmp_path):
    only(number)
    assert run_on_board(BOARDS[family_of(number)], *rare_network(5), tmp_path / "project") == []


@pytest.mark.parametrize("seed", SWEEPS)
@pytest.mark.parametrize("number", NUMBERS)
def test_many_depthwise_tiles_equal_the_reference_on_boards(number, seed, only, tmp_path):
    only(number)
    network, inputs = network_of(["depthwise"], 80, 400 + 10 * seed + number)
    board = [BOARDS[family_of(number)], *OTHER_BOARDS.values()][seed if family_of(number) == "dsp" else 0]
    assert run_on_board(board, network, inputs, tmp_path / "project") == []


# family, what writes its C twin, text of that, another text
TWINS = [
    ("dsp", PixelProducts, "tinyseg_multiply_halves(", "tinyseg_multiply_halves(1u + "),
    ("dsp", PixelProducts, "weights[", "weights[0 * "),
    ("mve", MveChannelKernel, "const int8_t *w = tile.weight;", "const int8_t *w = tile.weight + 1;"),
    ("mve", MveChannelKernel, "+ first * 4;", "+ 0 * first;"),
    ("mve", MveChannelKernel, "++tile.multiplier;", ""),
    ("mve lanes", MveLanesKernel, "tap < ", "tap <= "),
    ("mve lanes", MveLanesKernel, "multiplier + own", "multiplier"),
    ("v7m", V7mChannelKernel, "w[i]", "w[0]"),
    ("v7m", V7mChannelKernel, "tap >= 0 &&", "tap >= -1 &&"),
]


@pytest.mark.release
@pytest.mark.parametrize(("family", "writer", "text", "other"), TWINS)
def test_a_mutated_twin_is_found(family, writer, text, other, only, tmp_path, monkeypatch):
    number = LANES if family == "mve lanes" else numbers_of(family)[0]
    only(number)
    true_twin = writer._twin
    monkeypatch.setattr(writer, "_twin", lambda *of: [line.replace(text, other) for line in true_twin(*of)])
    network, inputs = network_of(["depthwise"], 8, 40)
    with pytest.raises(AssertionError):
        check_on_host(number, network, inputs, tmp_path)


# family, file of the runtime, text, another text
STAGING = [
    ("dsp", "tinyseg_columns_dsp.c", "(count + 1) / 2", "count / 2"),
    ("mve", "tinyseg_planes_mve.c", "+ row / 4 * distance", ""),
]


@pytest.mark.release
@pytest.mark.parametrize(("family", "file", "text", "other"), STAGING)
def test_a_mutated_staging_is_found(family, file, text, other, only, tmp_path, monkeypatch):
    number = numbers_of(family)[0]
    only(number)
    mutate_runtime(monkeypatch, (file, text, other))
    network, inputs = network_of(["depthwise"], 8, 40)
    with pytest.raises(AssertionError):
        check_on_host(number, network, inputs, tmp_path)


@pytest.mark.release
@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("vmovnt.i32 q3, q2", "vmovnt.i32 q3, q1"),
        ("vshrnb.i16 q1, q0, #8", "vshrnb.i16 q1, q0, #7"),
        ("vshr.u32 q2, q1, #16", "vshr.u32 q2, q1, #15"),
        ("vshr.u32 q3, q0, #24", "vshr.u32 q3, q0, #23"),
    ],
)
def test_mutated_instructions_that_stage_are_found_on_a_board(text, other, only, tmp_path, monkeypatch):
    only(numbers_of("mve")[0])
    mutate_runtime(monkeypatch, ("tinyseg_planes_mve.c", text, other))
    network, inputs = network_of(["depthwise"], 20, 50)
    assert run_on_board("mps3_an547", network, inputs, tmp_path / "project") != []


@pytest.mark.release
@pytest.mark.parametrize(("text", "other"), [("smlad ", "smladx "), ("smlabt ", "smlabb "), ("ldrd ", "ldrd.w ")])
def test_mutated_dsp_instructions_are_found_on_a_board(text, other, only, tmp_path, monkeypatch):
    only(0)
    true_assembler = kernels.assembler
    monkeypatch.setattr(
        dsp_products,
        "assembler",
        lambda code, *of: true_assembler([line.replace(text, other) for line in code], *of),
    )
    network, inputs = network_of(["depthwise"], 12, 50)
    different = run_on_board("mps2_an386", network, inputs, tmp_path / "project")
    assert (different == []) == (text == "ldrd ")  # the same instruction


@pytest.mark.release
@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("vmladav.s8 r2, ", "vmladav.s8 r2, q0, @"),
        ("vmladava.s8 r6,", "vmladav.s8 r6,"),
        ("vcvtn.", "vcvt."),
        ("vqadd.s16", "vadd.i16"),
        ("vqmovnt.s32 q0, q1", "vqmovnt.s32 q0, q0"),
        ("vcvtn.", "vcvtn."),
    ],
)
def test_mutated_vector_instructions_are_found_on_a_board(text, other, only, tmp_path, monkeypatch):
    only(numbers_of("mve")[0])
    true_statement = mve_assembler.statement

    def mutated(code: list[str], *of: str) -> list[str]:
        lines = [line.replace(text, other) for line in code]
        return true_statement([line.partition("@")[0] + "q0" if "@" in line else line for line in lines], *of)

    monkeypatch.setattr(mve_kernels, "statement", mutated)
    network, inputs = network_of(["depthwise"], 12, 50)
    different = run_on_board("mps3_an547", network, inputs, tmp_path / "project")
    assert (different == []) == (text == other)


@pytest.mark.release
@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("mla %[s1], %[v], %[w1]", "mla %[s1], %[v], %[w0]"),
        ("str %[x], %[row_1]", "ldr %[x], %[row_1]"),
        ("smlal ", "umlal "),
        ("mov %[near], #0", "mov %[near], #1"),
    ],
)
def test_mutated_products_one_by_one_are_found_on_a_board(text, other, only, tmp_path, monkeypatch):
    only(numbers_of("v7m")[0])
    true_assembler = kernels.assembler
    monkeypatch.setattr(
        v7m_kernels,
        "assembler",
        lambda code, *of: true_assembler([line.replace(text, other) for line in code], *of),
    )
    network, inputs = network_of(["depthwise"], 12, 50)
    different = run_on_board("mps2_an385", network, inputs, tmp_path / "project")
    assert (different == []) == ("near" in text)  # all results computed by the exact way, too


@pytest.mark.release
@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("vmovlb.s16 q0,", "vmovlb.u16 q0,"),
        ("vmullt.s8 q1, q2,", "vmullb.s8 q1, q2,"),
        ("vdup.8 q7, r12", "vdup.8 q7, lr"),
        ("vadd.i32 q7,", "vadd.i16 q7,"),
        ("movne r12, #16", "movne r12, #15"),
        ("vcvtn.", "vcvtn."),
    ],
)
def test_mutated_instructions_of_lanes_are_found_on_a_board(text, other, only, tmp_path, monkeypatch):
    only(LANES)
    true_lines = vars(mve_lanes.LanesCode)["lines"].func
    mutated = property(lambda code: [line.replace(text, other) for line in true_lines(code)])
    monkeypatch.setattr(mve_lanes.LanesCode, "lines", mutated)
    assert (run_on_board("mps3_an547", *wide_network(), tmp_path / "project") == []) == (text == other)


@pytest.mark.release
def test_sums_of_more_taps_than_16_bits_hold_are_found_on_a_board(only, tmp_path, monkeypatch):
    only(LANES)
    monkeypatch.setattr(mve_lanes, "groups_of", lambda weight: (tuple(range(weight.shape[1])),))
    assert run_on_board("mps3_an547", *wide_network(), tmp_path / "project") != []


def test_no_sum_of_a_group_of_taps_leaves_16_bits():
    rng = np.random.default_rng(3)
    for most in (1, 20, 60, 128):
        for taps in (1, 4, 9, 25):
            weight = rng.integers(-most, min(most, 127) + 1, (int(rng.integers(1, 40)), taps)).astype(np.int8)
            groups = groups_of(weight)
            assert sorted(tap for group in groups for tap in group) == list(range(taps))
            products = weight.astype(np.int64)[..., None] * np.array([-128, 127])
            for group in groups:
                of_group = products[:, list(group)]
                assert of_group.max(axis=2).sum(axis=1).max() <= 32767
                assert of_group.min(axis=2).sum(axis=1).min() >= -32768
            assert len(groups) <= -(-taps // max(1, 32767 // (128 * most)))
    assert groups_of(np.array([[-128, -128]], np.int8)) == ((0,), (1,))


SHAPE = (3, 3, 1, 1, 50, 1, 50, 33, -3, (5, -128, 127), 16)
KERNELS = {
    "dsp": DspChannelKernel(DspSum(*SHAPE)),
    "mve": MveChannelKernel(MveSum(*SHAPE)),
    "v7m": V7mChannelKernel(DirectSum(*SHAPE[:-1], 8)),
}


@pytest.mark.parametrize("family", KERNELS)
@pytest.mark.parametrize("different", [{"output": (6, -128, 127)}, {"taps": 2}, {"dilation": 2}, {"stride": 2}])
def test_an_intrinsic_that_computes_something_else_is_refused(different, family, monkeypatch):
    from tvm.s_tir import ScheduleError

    kernel = KERNELS[family]
    program = ChannelProgram(kernel)
    scheduled(program, program.space[0])
    other = replace(kernel, sum=replace(kernel.sum, **different))
    true_intrinsic = channel_program._tile_intrinsic
    monkeypatch.setattr(channel_program, "_tile_intrinsic", lambda _, *tile: true_intrinsic(other, *tile))
    with pytest.raises(ScheduleError, match="doesn't match the tensor intrin"):
        scheduled(program, program.space[0])


@pytest.mark.parametrize("family", ["dsp", "mve"])
def test_an_intrinsic_that_stages_something_else_is_refused(family, monkeypatch):
    from tvm.s_tir import ScheduleError

    kernel = KERNELS[family]
    other = replace(kernel, sum=replace(kernel.sum, zero_point=-4))
    true_intrinsic = channel_program._stage_intrinsic
    monkeypatch.setattr(channel_program, "_stage_intrinsic", lambda _, part: true_intrinsic(other, part))
    with pytest.raises(ScheduleError, match="doesn't match the tensor intrin"):
        scheduled(ChannelProgram(kernel), ChannelProgram(kernel).space[0])


@pytest.mark.parametrize(("family", "decisions"), [("dsp", 6), ("mve", 4), ("v7m", 4)])
def test_a_space_holds_different_decisions(family, decisions):
    space = ChannelProgram(KERNELS[family]).space
    assert len(space) == len(set(space)) == decisions


def test_runs_cover_the_line_once_and_stage_what_their_pixels_reach():
    rng = np.random.default_rng(0)
    for _ in range(300):
        taps, stride, dilation, width, before, run = (int(rng.integers(1, high)) for high in (6, 4, 4, 40, 9, 12))
        pixels = int(rng.integers(1, 30))
        s = DspSum(3, taps, stride, dilation, width, before, pixels, 5, 0, (0, -128, 127), run)
        place = 0
        for span in s.spans:
            assert span.first == place
            for group in range(span.groups):
                first = place * stride - before
                columns = range(first, first + s.columns(span.pixels))
                inside = [column for column in columns if 0 <= column < width]
                assert (span.before, span.columns, span.total) == (
                    sum(column < 0 for column in columns),
                    len(inside),
                    len(columns),
                )
                assert not inside or inside[0] == span.source + group * span.pixels * stride
                place += span.pixels
        assert place == pixels


def test_pixels_with_the_same_taps_in_the_line_are_a_span():
    rng = np.random.default_rng(1)
    for _ in range(300):
        taps, stride, dilation, width, before, run = (int(rng.integers(1, high)) for high in (6, 4, 4, 40, 9, 9))
        s = DirectSum(3, taps, stride, dilation, width, before, int(rng.integers(1, 30)), 5, 0, (0, -128, 127), run)
        place = 0
        for span in s.spans:
            assert span.first == place
            for _ in range(span.pixels * span.groups):
                columns = [place * stride - before + tap * dilation for tap in range(taps)]
                inside = [0 <= column < width for column in columns]
                assert inside == [span.before <= tap < span.before + span.columns for tap in range(taps)]
                if span.columns:
                    assert columns[span.before] == span.source + (place - span.first) * stride
                place += 1
        assert place == s.pixels


def near_ties(seed: int) -> tuple[Network, list[np.ndarray]]:
    """Multipliers that make many sums ties, or nearly, and some of the largest margins."""
    rng = np.random.default_rng(seed)
    builder = NetworkBuilder("ties")
    inputs: list[np.ndarray] = []
    lost = [2.0**-n * (1 + 2.0 ** (n - 32) - 2.0**-23) for n in (21, 20, 19, 18)]  # nearly a unit of 2^-32
    scales = [2.0**-2, 2.0**-5, 0.5 - 2.0**-25, *lost, 0.0]
    for number, large in enumerate((0, 1 << 20, 1 << 26)):
        operator = Conv2d((1, 1), (1, 1, 1, 1), (1, 1), 8, onnx.WeightedSum(-3, -5, -128, 127))
        values = int8_array(rng, (1, 4, 21, 8))
        weight = rng.integers(-128, 128, (8, 3, 3, 1)).astype(np.int8)
        bias = (rng.integers(-3000, 3000, 8) + large).astype(np.int32)
        case = Case(operator, (values,), {"weight": weight, "bias": bias, "multiplier": np.array(scales, np.float32)})
        inputs += case.inputs
        name = builder.input(f"x{number}", case.input_types[0])
        builder.output(builder.node(f"ties_{number}", operator, [name], **case.constants))
    return builder.build(), inputs


def test_results_at_and_near_ties_equal_the_reference_on_a_board(only, tmp_path):
    taken = only(numbers_of("v7m")[0])
    assert run_on_board("mps2_an385", *near_ties(1), tmp_path / "project") == []
    assert len(taken) >= 3


@pytest.mark.release
@pytest.mark.parametrize(("text", "other"), [("blo 1f", "nop"), ("1 << 18", "1")])
def test_a_mistake_in_what_is_near_a_tie_is_found_on_a_board(text, other, only, tmp_path, monkeypatch):
    only(numbers_of("v7m")[0])
    if text == "blo 1f":
        true_assembler = kernels.assembler
        replaced = lambda code, *of: true_assembler([line.replace(text, other) for line in code], *of)  # noqa: E731
        monkeypatch.setattr(v7m_kernels, "assembler", replaced)
    else:
        monkeypatch.setattr(V7mChannelKernel, "of", lambda s, *_: V7mChannelKernel(s, 1))
    assert run_on_board("mps2_an385", *near_ties(1), tmp_path / "project") != []


@pytest.mark.parametrize("family", ["dsp", "mve"])
def test_more_scratch_buys_cycles(family):
    network, _ = network_of(["depthwise"], 40, 3)
    several = 0
    for node in network.nodes:
        choices = kernel_choices(node, network, CORES[family])
        fastest = min(choices, key=lambda cost: cost.cycles_per_step)
        several += fastest.scratch_bytes > choices[0].scratch_bytes
    assert several > 10


@pytest.mark.release
@pytest.mark.parametrize(
    "core",
    ["cortex-m3", pytest.param("cortex-m55", marks=pytest.mark.xfail(reason="a loop of lanes has 1,254 bytes"))],
)
def test_inner_loops_are_under_1_kib(core, tmp_path):
    facts = generator_core(load_core(core))
    network, _ = rare_network(5)
    sources: list[str] = []
    modules: set[str] = set()
    for node in network.nodes:
        view = NodeView.of(node, network, facts)
        for number, variant in enumerate(VARIANTS):
            if variant.supports(view):
                pool = ConstantPool(Names())
                out = FunctionWriter(view, f"{node.name}_{number}", ("line",), ("out",), "state", "scratch", pool)
                variant.emit(view, out)
                sources += out.sources
                modules |= out.modules
    for path, text in long_tail_files("net", sources, sorted(header_of(module) for module in modules)).items():
        (tmp_path / Path(path).name).write_text(text.replace("../runtime/", ""))
    loops = innermost_loops(compiled(tmp_path / "net_tvm.c", core, tmp_path))
    assert 500 < max(loop.bytes for loop in loops) < LARGEST_LOOP
