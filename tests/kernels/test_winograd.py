"""The Winograd convolution equals the reference bit for bit for every node that it accepts, and refuses the others."""

from __future__ import annotations

from dataclasses import replace
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
from tests.kernels.kernel_cases import CHANNELS, SWEEPS, constants, pick, weighted_sum
from tests.operators.operator_cases import Case, int8_array
from tinyseg_tvm.boards import load_board
from tinyseg_tvm.codegen import Core, generate, kernel_cost
from tinyseg_tvm.codegen.operators import NodeView, conv2d, select_variant
from tinyseg_tvm.codegen.operators.winograd import (
    DATA_TRANSFORM,
    OFFSETS,
    SCALE,
    multipliers_are_exact,
    sums_are_exact,
    transformed_weight,
)
from tinyseg_tvm.compiler.situation import generator_core
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.network.problem import build_problem
from tinyseg_tvm.network.reference import run as run_reference
from tinyseg_tvm.operators import Conv2d
from tinyseg_tvm.operators.arithmetic import onnx

DSP = Core("host", has_dsp=True)
INTEGER = "-DTINYSEG_REQUANTIZE_INTEGER=1"
BOARDS = ["mps2_an386", "mps2_an500", "mps2_an505", "mps3_an547"]
RESULT_TRANSFORM = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])
WINOGRAD = next(variant for variant in conv2d.VARIANTS if variant.name == "conv2d winograd")


@pytest.fixture
def only_winograd(monkeypatch):
    monkeypatch.setattr(conv2d, "VARIANTS", (WINOGRAD,))


def random_weights(rng: np.random.Generator, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Weights of int8, one in four with the largest sums, and one of int16 as where weights have a zero point."""
    weights = constants(rng, shape)
    kind = rng.integers(4)
    if kind == 0:
        sign = rng.integers(2, size=(shape[0], 1, 1, 1)) * np.ones(shape)
        weights["weight"] = np.where(sign > 0, 127, -128).astype(np.int8)
    elif kind == 1:
        weights["weight"] = rng.integers(-255, 256, shape).astype(np.int16)
    return weights


def random_values(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Values of int8, in many cases the least and the largest only, or one of them."""
    kind = rng.integers(4)
    if kind == 0:
        return rng.choice(np.array([-128, 127], np.int8), shape)
    return np.full(shape, pick(rng, [-128, 127]), np.int8) if kind == 1 else int8_array(rng, shape)


def random_padding(rng: np.random.Generator) -> tuple[int, int, int, int]:
    if not rng.integers(4):
        return 2, 3, 1, 4
    top, left, bottom, right = rng.integers(0, 2, 4).tolist()
    return top, left, bottom, right


def accepted_case(rng: np.random.Generator) -> Case:
    """A random convolution that the kernel computes: any width, padding, pieces, channels, zero points."""
    while True:
        padding = random_padding(rng)
        height, width, rows = int(rng.integers(1, 4)), int(rng.integers(1, 22)), pick(rng, [3, 3, 3, 1, 2])
        if height + padding[0] + padding[2] < rows or width + padding[1] + padding[3] < 3:
            continue
        channels = [pick(rng, CHANNELS) for _ in range(pick(rng, [1, 1, 2, 3]))]
        operator = Conv2d((pick(rng, [1, 1, 2]), 1), padding, (1, 1), 1, weighted_sum(rng))
        weights = random_weights(rng, (pick(rng, CHANNELS), rows, 3, sum(channels)))
        case = Case(operator, tuple(random_values(rng, (1, height, width, c)) for c in channels), weights)
        try:
            operator.check(case.input_types, weights)
        except ValueError:
            continue
        exact = sums_are_exact(weights["weight"], weights["bias"], operator.arithmetic.operand_zero)
        if exact and multipliers_are_exact(weights["multiplier"]):
            return case


def network_of(cases: list[Case]) -> tuple[Network, list[np.ndarray]]:
    """Independent nodes, and their operands."""
    builder = NetworkBuilder("winograd")
    inputs: list[np.ndarray] = []
    for number, case in enumerate(cases):
        names = [builder.input(f"x{number}_{k}", t) for k, t in enumerate(case.input_types)]
        inputs += case.inputs
        builder.output(builder.node(f"convolution_{number}", case.operator, names, **case.constants))
    return builder.build(), inputs


def random_network(seed: int, nodes: int) -> tuple[Network, list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    return network_of([accepted_case(rng) for _ in range(nodes)])


def check_on_host(network: Network, inputs: list[np.ndarray], directory: Path, *flags: str) -> None:
    problem = build_problem(network, io="resident", cost=lambda node: kernel_cost(node, network, DSP))
    program = build(network, problem, spread_plan(problem), directory, core=DSP, flags=flags)
    assert_equal_to_reference(program, inputs)


def wrong_on_board(name: str, network: Network, inputs: list[np.ndarray], directory: Path) -> list[str]:
    """Runs the network in QEMU; names of nodes whose results differ."""
    board = load_board(name)
    core = generator_core(board.core)
    problem = build_problem(network, io="resident", cost=lambda node: kernel_cost(node, network, core))
    plan = spread_plan(problem)
    files = generate(network, problem, plan, name="winograd", core=core, io="resident", metadata={})
    result = generate_project(board, files, directory).run([inputs], layout="device", count="none")
    assert result.status == 0
    expected = run_reference(network, inputs, layout="device")
    pairs = zip(network.nodes, result.outputs[0], expected, strict=True)
    return [node.name for node, got, want in pairs if got.tobytes() != np.ascontiguousarray(want).tobytes()]


@pytest.mark.parametrize("flags", [(), (INTEGER,)], ids=["float", "integer"])
def test_the_c_twin_equals_the_reference(flags, tmp_path, only_winograd):
    check_on_host(*random_network(len(flags), 16), tmp_path, *flags)


@pytest.mark.parametrize("board", BOARDS)
def test_the_kernel_equals_the_reference_on_every_core(board, tmp_path, only_winograd):
    assert wrong_on_board(board, *random_network(10 + BOARDS.index(board), 24), tmp_path / "project") == []


@pytest.mark.parametrize("seed", SWEEPS)
def test_many_random_convolutions_equal_the_reference(seed, tmp_path, only_winograd):
    check_on_host(*random_network(100 + seed, 80), tmp_path / "host", *([INTEGER] if seed == 1 else []))
    assert wrong_on_board("mps2_an386", *random_network(200 + seed, 80), tmp_path / "project") == []


KERNEL, DSP_HEADER = "tinyseg_conv2d_winograd.c", "tinyseg_dsp.h"
# file, text, another text
MUTATIONS = [
    (DSP_HEADER, "tinyseg_low(halves) + tinyseg_byte(word, 0)", "tinyseg_low(halves) + tinyseg_byte(word, 2)"),
    (KERNEL, "to[10] = d5 - d3 - (e << 2)", "to[10] = d5 - d3 - (e << 1)"),
    (KERNEL, "word | (word & 0xFF00u) << 8", "word"),
    (KERNEL, "tinyseg_clamp(width - column, first, POSITIONS)", "tinyseg_clamp(width - column + 1, first, POSITIONS)"),
    (KERNEL, "if (pixels > TILE) {", "if (pixels > TILE + 1) {"),
    (KERNEL, "d + (u << 3)", "d + (u << 2)"),
    (KERNEL, "pixel < pixels;", "pixel < pixels - 1;"),
    (KERNEL, "lay_out(p, lines, column + second", "lay_out(p, lines, column + TILE"),
    (KERNEL, "uint8_t *other = out + second * step;", "uint8_t *other = out + TILE * step;"),
    (KERNEL, "        --y;\n", ""),
]


@pytest.mark.release
@pytest.mark.parametrize("number", range(len(MUTATIONS)))
def test_a_mutated_kernel_is_found(number, tmp_path, monkeypatch, only_winograd):
    mutate_runtime(monkeypatch, MUTATIONS[number])
    with pytest.raises(AssertionError):
        check_on_host(*random_network(1, 20), tmp_path)


@pytest.mark.release
@pytest.mark.parametrize(
    "mutation",
    [
        (KERNEL, "smlad r11, %[t], %[v], r11", "smlad r11, %[t], %[u], r11"),
        (KERNEL, "smlad r10, %[t], %[u], r10", "smlad r10, %[s], %[u], r10"),
        (DSP_HEADER, "sxtab16 %0, %1, %2, ror #8", "sxtab16 %0, %1, %2, ror #0"),
        (KERNEL, "ldr.w %[s], [%[w]], #8", "ldr.w %[s], [%[w]], #12"),
        (KERNEL, "ldrd %[s], %[t], [%[w]], #16", "ldrd %[s], %[t], [%[w]], #8"),
        (KERNEL, "ldr.w %[s], [%[w]], #16", "ldr.w %[s], [%[w]], #8"),
    ],
)
def test_a_mutated_instruction_is_found_in_qemu(mutation, tmp_path, monkeypatch, only_winograd):
    mutate_runtime(monkeypatch, mutation)
    assert wrong_on_board("mps2_an386", *random_network(2, 30), tmp_path / "project")


def test_the_transforms_make_24_times_a_convolution_of_four_pixels():
    rng = np.random.default_rng(0)
    taps, values = rng.integers(-128, 128, (5, 1, 3, 7)), rng.integers(-128, 128, (6, 7))
    sums = np.einsum("poi,pi->po", transformed_weight(taps)[:, :, 0], DATA_TRANSFORM @ values)
    direct = [np.einsum("oti,ti->o", taps[:, 0], values[x : x + 3]) for x in range(4)]
    assert np.array_equal(RESULT_TRANSFORM @ sums, SCALE * np.array(direct))


def test_transformed_values_with_their_offsets_are_never_negative_and_fit_int16():
    reach = np.where(DATA_TRANSFORM > 0, DATA_TRANSFORM, 0).sum(axis=1), np.where(DATA_TRANSFORM < 0, DATA_TRANSFORM, 0)
    offsets = DATA_TRANSFORM @ OFFSETS
    low = 127 * reach[1].sum(axis=1) - 128 * reach[0] + offsets
    high = 127 * reach[0] - 128 * reach[1].sum(axis=1) + offsets
    assert low.min() >= 0
    assert high.max() < 1 << 15


def convolution(weight: np.ndarray, bias: int = 0, multiplier: float = 0.001, **attributes) -> NodeView[Any]:
    fields = {"strides": (1, 1), "padding": (1, 1, 1, 1), "dilation": (1, 1), "groups": 1, **attributes}
    operator = Conv2d(**fields, arithmetic=onnx.WeightedSum(0, 0, -128, 127))
    weights = {
        "weight": weight,
        "bias": np.full(weight.shape[0], bias, np.int32),
        "multiplier": np.full(weight.shape[0], multiplier, np.float32),
    }
    network, _ = network_of(
        [Case(operator, (np.zeros((1, 8, 16, weight.shape[3] * operator.groups), np.int8),), weights)]
    )
    return NodeView.of(network.nodes[0], network, DSP)


def test_what_could_overflow_or_is_of_another_form_is_refused():
    ones = np.ones((4, 3, 3, 8), np.int8)
    assert WINOGRAD.supports(convolution(ones))
    most = 128 * 72
    assert WINOGRAD.supports(convolution(ones, bias=(1 << 28) - most))
    assert not WINOGRAD.supports(convolution(ones, bias=(1 << 28) - most + 128))
    assert WINOGRAD.supports(convolution(1365 * ones.astype(np.int16)))
    assert not WINOGRAD.supports(convolution(1366 * ones.astype(np.int16)))
    assert not WINOGRAD.supports(convolution(ones, multiplier=2.0**-124))
    assert not WINOGRAD.supports(convolution(ones, strides=(1, 2)))
    assert not WINOGRAD.supports(convolution(ones, dilation=(1, 2)))
    assert not WINOGRAD.supports(convolution(ones, groups=2))
    assert not WINOGRAD.supports(convolution(np.ones((4, 3, 1, 8), np.int8)))
    assert not WINOGRAD.supports(replace(convolution(ones), core=Core()))


def test_it_is_the_fastest_choice_where_scratch_allows_and_states_its_flash():
    rng = np.random.default_rng(0)
    view = convolution(rng.integers(-127, 128, (16, 3, 3, 16)).astype(np.int8))
    assert select_variant(view).name == "conv2d winograd"
    scratch = WINOGRAD.cost(view).scratch_bytes
    assert scratch == 48 * 24 + 192 + 96
    assert select_variant(view, scratch - 1).name == "conv2d tiles dsp, 4 pixels staged"
    assert WINOGRAD.flash(view) == 6 * 4 * 16 * 25 + 8 * 16
