"""Depthwise convolutions as TVM programs: every decision gives the reference's bits, on this computer and in QEMU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.codegen.harness import (
    SANITIZE,
    NetworkBuilder,
    assert_equal_to_reference,
    build,
    mutate_runtime,
    spread_plan,
)
from tests.kernels.kernel_cases import Rng, clamp, constants, int8
from tests.kernels.test_kernels import network_of, run_on_board
from tests.operators.operator_cases import Case, int8_array
from tinyseg_tvm.codegen import Core, operators
from tinyseg_tvm.codegen.operators import NodeView, emitter_for, kernel_choices, scheduled_depthwise
from tinyseg_tvm.codegen.operators.scheduled_depthwise import VARIANTS
from tinyseg_tvm.codegen.programs import channel_kernels, channel_schedule
from tinyseg_tvm.codegen.programs.channel_kernels import ChannelKernel
from tinyseg_tvm.codegen.programs.channel_schedule import Decisions, apply, decision_space, scheduled
from tinyseg_tvm.codegen.programs.channel_sum import ChannelSum, program
from tinyseg_tvm.codegen.programs.search import design_space, taken
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.network.problem import build_problem
from tinyseg_tvm.operators import Conv2d

CORE = Core("host", has_dsp=True)
NUMBERS = range(len(VARIANTS))
# kernel, stride, dilation, padding, channels, width: what the random cases seldom or never are
RARE = [
    ((3, 3), 1, 1, (1, 1, 1, 1), 7, 47),
    ((3, 3), 2, 1, (0, 0, 1, 1), 6, 96),
    ((3, 3), 1, 9, (9, 9, 9, 9), 4, 20),
    ((5, 5), 1, 40, (2, 80, 2, 80), 5, 90),  # columns that no offset of a load reaches
    ((7, 7), 1, 1, (3, 3, 3, 3), 9, 21),
    ((6, 9), 3, 1, (5, 8, 5, 8), 4, 30),
    ((9, 1), 1, 1, (4, 0, 4, 0), 3, 9),
    ((1, 11), 1, 1, (0, 5, 0, 5), 2, 40),
    ((13, 13), 1, 1, (6, 6, 6, 6), 5, 13),
    ((2, 6), 5, 2, (1, 20, 1, 20), 8, 19),  # runs that lie in the padding altogether
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
        operator = Conv2d((1, stride), padding, (1, dilation), channels, int8(rng), **clamp(rng))
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
    inputs = []
    for number, (kernel, stride, dilation, padding, channels, width) in enumerate(RARE):
        case = rare_case(rng, kernel, stride, dilation, padding, channels, width)
        (type_,) = case.input_types
        inputs += case.inputs
        name = builder.input(f"x{number}", type_)
        builder.output(builder.node(f"rare_{number}", case.operator, [name], **case.constants))
    return builder.build(), inputs


@pytest.fixture
def only(monkeypatch):
    """Depthwise convolutions by one variant wherever it can, with decisions that change from node to node."""

    def use(number: int) -> list[int]:
        chosen = VARIANTS[number]
        taken: list[int] = []

        def emitters(kind: str) -> tuple[operators.Variant, ...]:
            others = [v for v in emitter_for(kind) if v not in VARIANTS]
            return (
                chosen,
                *(replace(v, supports=lambda w, v=v: v.supports(w) and not chosen.supports(w)) for v in others),
            )

        def decisions(kernel: ChannelKernel, view: NodeView) -> Decisions:
            space = decision_space(kernel)
            taken.append(len(space))
            return space[sum(view.node.name.encode()) % len(space)]

        monkeypatch.setattr(operators, "emitter_for", emitters)
        monkeypatch.setattr(scheduled_depthwise, "best_decisions", decisions)
        return taken

    scheduled_depthwise.lowered.cache_clear()
    yield use
    scheduled_depthwise.lowered.cache_clear()


def check_on_host(network: Network, inputs: list[np.ndarray], directory: Path, *flags: str) -> None:
    problem = build_problem(network, io="resident", cost=lambda node: operators.kernel_cost(node, network, CORE))
    program = build(network, problem, spread_plan(problem), directory, core=CORE, flags=[*SANITIZE, *flags])
    assert_equal_to_reference(program, inputs)


@pytest.mark.parametrize("number", NUMBERS)
def test_depthwise_tiles_equal_the_reference(number, only, tmp_path):
    taken = only(number)
    network, inputs = network_of(["depthwise"], 12, 40 + number)
    check_on_host(network, inputs, tmp_path)
    assert len(taken) > 6


@pytest.mark.parametrize("number", [0, 2])
def test_rare_shapes_equal_the_reference(number, only, tmp_path):
    taken = only(number)
    check_on_host(*rare_network(number), tmp_path, "-DTINYSEG_REQUANTIZE_INTEGER=1")
    assert len(taken) > 6


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("number", NUMBERS)
def test_many_depthwise_tiles_equal_the_reference(number, seed, only, tmp_path):
    only(number)
    network, inputs = network_of(["depthwise"], 60, 300 + seed)
    check_on_host(network, inputs, tmp_path)


@pytest.mark.parametrize(
    ("board", "number"), [("mps2_an386", 0), ("mps2_an386", 1), ("mps2_an500", 2), ("mps2_an505", 0)]
)
def test_depthwise_tiles_equal_the_reference_on_boards(board, number, only, tmp_path):
    only(number)
    network, inputs = network_of(["depthwise"], 20, 50 + number)
    assert run_on_board(board, network, inputs, tmp_path / "project") == []


@pytest.mark.parametrize("number", [0, 2])
def test_rare_shapes_equal_the_reference_on_a_board(number, only, tmp_path):
    only(number)
    assert run_on_board("mps2_an386", *rare_network(5), tmp_path / "project") == []


@pytest.mark.slow
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("board", ["mps2_an386", "mps2_an500", "mps2_an505"])
def test_many_depthwise_tiles_equal_the_reference_on_boards(board, number, only, tmp_path):
    only(number)
    network, inputs = network_of(["depthwise"], 80, 400 + number)
    assert run_on_board(board, network, inputs, tmp_path / "project") == []


@pytest.mark.parametrize(
    ("text", "other"), [("tinyseg_multiply_halves(", "tinyseg_multiply_halves(1u + "), ("weights[", "weights[0 * ")]
)
def test_a_mutated_twin_is_found(text, other, only, tmp_path, monkeypatch):
    only(0)
    true_twin = ChannelKernel._twin
    monkeypatch.setattr(ChannelKernel, "_twin", lambda *of: [line.replace(text, other) for line in true_twin(*of)])
    network, inputs = network_of(["depthwise"], 8, 40)
    with pytest.raises(AssertionError):
        check_on_host(network, inputs, tmp_path)


def test_a_mutated_staging_is_found(only, tmp_path, monkeypatch):
    only(0)
    mutate_runtime(monkeypatch, ("tinyseg_columns_dsp.c", "(count + 1) / 2", "count / 2"))
    network, inputs = network_of(["depthwise"], 8, 40)
    with pytest.raises(AssertionError):
        check_on_host(network, inputs, tmp_path)


@pytest.mark.parametrize(("text", "other"), [("smlad ", "smladx "), ("smlabt ", "smlabb "), ("ldrd ", "ldrd.w ")])
def test_mutated_instructions_are_found_on_a_board(text, other, only, tmp_path, monkeypatch):
    only(0)
    true_assembler = channel_kernels._assembler
    monkeypatch.setattr(
        channel_kernels,
        "_assembler",
        lambda code, *of: true_assembler([line.replace(text, other) for line in code], *of),
    )
    network, inputs = network_of(["depthwise"], 12, 50)
    different = run_on_board("mps2_an386", network, inputs, tmp_path / "project")
    assert (different == []) == (text == "ldrd ")  # the same instruction


def any_kernel(run: int = 8) -> ChannelKernel:
    return ChannelKernel(ChannelSum(3, 3, 1, 1, 34, 1, 34, 9, -3, (5, -128, 127), run))


@pytest.mark.parametrize("different", [{"output": (6, -128, 127)}, {"taps": 2}, {"dilation": 2}, {"stride": 2}])
def test_an_intrinsic_that_computes_something_else_is_refused(different, monkeypatch):
    from tvm.s_tir import ScheduleError

    kernel = any_kernel()
    decisions = decision_space(kernel)[0]
    scheduled(kernel, decisions)
    other = ChannelKernel(replace(kernel.sum, **different))
    true_intrinsic = channel_schedule._tile_intrinsic
    monkeypatch.setattr(channel_schedule, "_tile_intrinsic", lambda _, *tile: true_intrinsic(other, *tile))
    with pytest.raises(ScheduleError, match="doesn't match the tensor intrin"):
        scheduled(kernel, decisions)


def test_an_intrinsic_that_stages_something_else_is_refused(monkeypatch):
    from tvm.s_tir import ScheduleError

    kernel = any_kernel()
    other = ChannelKernel(replace(kernel.sum, zero_point=-4))
    true_intrinsic = channel_schedule._stage_intrinsic
    monkeypatch.setattr(channel_schedule, "_stage_intrinsic", lambda _, part: true_intrinsic(other, part))
    with pytest.raises(ScheduleError, match="doesn't match the tensor intrin"):
        scheduled(kernel, decision_space(kernel)[0])


def test_draws_of_the_design_space_make_every_decision():
    import tvm
    from tvm.s_tir import Schedule

    kernel = any_kernel()
    space = decision_space(kernel)
    assert len(space) == 4
    decide = design_space(space, lambda schedule, decisions: apply(schedule, kernel, decisions))
    drawn = set()
    for seed in range(1, 40):
        draw = Schedule(tvm.IRModule({"main": program(kernel.sum)}), seed=seed)
        decide(draw)
        decisions = taken(space, draw.mod)
        drawn.add(decisions)
    assert drawn == set(space)


def test_runs_cover_the_line_once_and_stage_what_their_pixels_reach():
    rng = np.random.default_rng(0)
    for _ in range(300):
        taps, stride, dilation, width, before, run = (int(rng.integers(1, high)) for high in (6, 4, 4, 40, 9, 12))
        pixels = int(rng.integers(1, 30))
        s = ChannelSum(3, taps, stride, dilation, width, before, pixels, 5, 0, (0, -128, 127), run)
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


def test_more_scratch_buys_cycles():
    network, _ = network_of(["depthwise"], 40, 3)
    several = 0
    for node in network.nodes:
        choices = kernel_choices(node, network, CORE)
        assert choices[-1].cycles_per_step == min(choice.cycles_per_step for choice in choices)
        several += choices[-1].scratch_bytes > choices[0].scratch_bytes
    assert several > 10
