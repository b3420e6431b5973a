"""Every kernel of a core family equals the reference bit for bit: on this computer with sanitizers, where instructions
of the family are emulated in C, and in QEMU on a core of each family.

Many random nodes share one program, since compiling is what takes time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.codegen.harness import (
    NetworkBuilder,
    assert_equal_to_reference,
    build,
    mutate_runtime,
    spread_plan,
    streamed_plan,
)
from tests.kernels.kernel_cases import CASES, SWEEPS, accepted_case
from tinyseg_tvm.boards import load_board
from tinyseg_tvm.codegen import Core, generate, kernel_cost
from tinyseg_tvm.codegen.operators import FunctionWriter, NodeView, emitter_for, select_variant
from tinyseg_tvm.codegen.text.constants import ConstantPool
from tinyseg_tvm.codegen.text.identifiers import Names
from tinyseg_tvm.compiler.situation import generator_core
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.network.problem import build_problem
from tinyseg_tvm.network.reference import run as run_reference
from tinyseg_tvm.operators import Conv2d, Conv2dTranspose, Operator
from tinyseg_tvm.planner.problem import Problem

DSP = Core("host", has_dsp=True)
MVE = Core("host", has_dsp=True, has_mve=True)
DIRECT_KINDS = ["conv2d", "conv2d_transpose", "dense", "depthwise"]  # with kernels that take no scratch memory
INTEGER = "-DTINYSEG_REQUANTIZE_INTEGER=1"
BOARDS = ["mps2_an385", "mps2_an386", "mps2_an500", "mps2_an505", "mps3_an547"]
SIMILAR = ("mps2_an500", "mps2_an505")  # cores with the instructions of mps2_an386
FOR_RELEASES = ("mps2_an386", "mps3_an547")  # one of each family


def network_of(kinds: list[str], each: int, seed: int) -> tuple[Network, list[np.ndarray]]:
    """Independent random nodes, and operands for them."""
    rng = np.random.default_rng(seed)
    builder = NetworkBuilder("kernels")
    inputs: list[np.ndarray] = []
    for kind in kinds:
        for number in range(each):
            case = accepted_case(kind, rng)
            names = [builder.input(f"{kind}{number}_{k}", t) for k, t in enumerate(case.input_types)]
            inputs += case.inputs
            builder.output(builder.node(f"{kind}_{number}", case.operator, names, **case.constants))
    return builder.build(), inputs


def problem_of(network: Network, core: Core, scratch_limit: int | None = None) -> Problem:
    """With the fastest kernels of so much scratch."""
    return build_problem(network, io="resident", cost=lambda node: kernel_cost(node, network, core, scratch_limit))


def check_on_host(
    network: Network,
    inputs: list[np.ndarray],
    directory: Path,
    *flags: str,
    streamed: bool,
    core: Core = DSP,
    scratch_limit: int | None = None,
) -> None:
    problem = problem_of(network, core, scratch_limit)
    plan = streamed_plan(problem, np.random.default_rng(0)) if streamed else spread_plan(problem)
    assert_equal_to_reference(build(network, problem, plan, directory, core=core, flags=flags), inputs)


@pytest.mark.parametrize(
    "flags", [pytest.param((), id="float"), pytest.param((INTEGER,), id="integer", marks=pytest.mark.release)]
)
def test_emulated_dsp_kernels_equal_the_reference(flags, tmp_path):
    network, inputs = network_of(sorted(CASES), 8 if flags else 4, 1 + len(flags))
    check_on_host(network, inputs, tmp_path, *flags, streamed=bool(flags))


def test_c_twins_of_the_vector_kernels_equal_the_reference(tmp_path):
    network, inputs = network_of(sorted(CASES), 4, 3)
    check_on_host(network, inputs, tmp_path, streamed=False, core=MVE)


@pytest.mark.parametrize("core", [pytest.param(DSP, id="dsp"), pytest.param(MVE, id="mve", marks=pytest.mark.release)])
def test_kernels_without_scratch_equal_the_reference(core, tmp_path):
    network, inputs = network_of(DIRECT_KINDS, 6, 4)
    check_on_host(network, inputs, tmp_path, streamed=False, core=core, scratch_limit=0)


@pytest.mark.parametrize("seed", SWEEPS)
@pytest.mark.parametrize("kind", sorted(CASES))
def test_many_emulated_dsp_kernels_of_one_kind_equal_the_reference(kind, seed, tmp_path):
    network, inputs = network_of([kind], 60, 100 + seed)
    check_on_host(network, inputs, tmp_path, *([INTEGER] if seed == 1 else []), streamed=False)


def run_on_board(
    name: str, network: Network, inputs: list[np.ndarray], directory: Path, scratch_limit: int | None = None
) -> list[str]:
    """Runs the network on a board; returns the names of nodes whose results differ."""
    board = load_board(name)
    core = generator_core(board.core)
    problem = problem_of(network, core, scratch_limit)
    plan = spread_plan(problem)
    files = generate(network, problem, plan, name="kernels", core=core, io="resident", metadata={})
    result = generate_project(board, files, directory).run([inputs], layout="device", count="none")
    assert result.status == 0
    expected = run_reference(network, inputs, layout="device")
    return [
        node.name
        for node, got, want in zip(network.nodes, result.outputs[0], expected, strict=True)
        if got.tobytes() != np.ascontiguousarray(want).tobytes()
    ]


@pytest.mark.parametrize("board", [pytest.param(b, marks=pytest.mark.release if b in SIMILAR else ()) for b in BOARDS])
def test_kernels_equal_the_reference_on_every_core(board, tmp_path):
    network, inputs = network_of(sorted(CASES), 5, BOARDS.index(board))
    assert run_on_board(board, network, inputs, tmp_path / "project") == []


@pytest.mark.parametrize("board", [pytest.param("mps2_an386", marks=pytest.mark.release), "mps3_an547"])
def test_kernels_without_scratch_equal_the_reference_on_boards(board, tmp_path):
    network, inputs = network_of(DIRECT_KINDS, 8, 10 + BOARDS.index(board))
    assert run_on_board(board, network, inputs, tmp_path / "project", scratch_limit=0) == []


@pytest.mark.parametrize("kind", sorted(CASES))
@pytest.mark.parametrize(
    "board",
    [pytest.param(b, marks=pytest.mark.release if b in FOR_RELEASES else pytest.mark.slow) for b in BOARDS],
)
def test_many_kernels_of_one_kind_equal_the_reference_on_every_core(board, kind, tmp_path):
    network, inputs = network_of([kind], 80, 200 + BOARDS.index(board))
    assert run_on_board(board, network, inputs, tmp_path / "project") == []


def test_a_core_with_the_dsp_extension_gets_its_kernels():
    network, _ = network_of(sorted(CASES), 10, 1)
    chosen = {select_variant(NodeView.of(node, network, DSP)).name for node in network.nodes}
    assert all(any(name.startswith(kind) and "dsp" in name for name in chosen) for kind in sorted(CASES))
    plain = {select_variant(NodeView.of(node, network, Core())).name for node in network.nodes}
    assert not any("dsp" in name for name in plain)


def test_a_core_with_the_vector_extension_gets_its_kernels():
    network, _ = network_of(sorted(CASES), 10, 1)
    views = [NodeView.of(node, network, MVE) for node in network.nodes]
    assert {f"{kind} mve" for kind in sorted(CASES)} <= {select_variant(view).name for view in views}
    assert "conv2d direct mve" in {select_variant(view, scratch_limit=0).name for view in views}
    dsp = [NodeView.of(node, network, DSP) for node in network.nodes]
    assert not any("mve" in select_variant(view, limit).name for view in dsp for limit in (0, None))


def of_one_group(operator: Operator) -> bool:
    """Whether it is a convolution, transposed or not, of one group."""
    return isinstance(operator, Conv2d | Conv2dTranspose) and operator.groups == 1


def test_without_scratch_many_convolutions_of_one_group_get_the_extensions_kernels():
    network, _ = network_of(["conv2d", "conv2d_transpose"], 20, 6)
    for core, family in ((DSP, "dsp"), (MVE, "mve")):
        views = [NodeView.of(node, network, core) for node in network.nodes if of_one_group(node.operator)]
        small = [select_variant(view, scratch_limit=0) for view in views]
        assert sum(family in variant.name for variant in small) > len(small) // 2
        assert all(variant.cost(view).scratch_bytes == 0 for variant, view in zip(small, views, strict=True))


@pytest.mark.parametrize("core", [DSP, MVE, Core()], ids=["dsp", "mve", "plain"])
def test_the_flash_of_a_cost_is_what_the_kernel_stores(core):
    network, _ = network_of(DIRECT_KINDS, 12, 9)
    seen = set()
    for node in network.nodes:
        view = NodeView.of(node, network, core)
        for variant in emitter_for(node.operator.kind):
            if variant.supports(view):
                pool = ConstantPool(Names())
                reads = tuple("line" for _ in node.inputs)
                variant.emit(view, FunctionWriter(view, "node", reads, ("out",), "state", "scratch", pool))
                padding = sum(c.array.nbytes for c in pool.constants if "padding" in c.symbol)
                stored = sum(c.array.nbytes for c in pool.constants) - padding
                assert abs(variant.flash(view) - stored) <= max(padding, 256), variant.name  # equal ones are one
                seen.add(variant.name)
    assert len(seen) >= 4


# file: kind of operator, text, another text, core, limit of scratch
MUTATIONS = {
    "tinyseg_conv2d_dsp_body.h": ("conv2d", "column + tap * dilation", "column + tap", DSP, None),
    "tinyseg_conv2d_direct_dsp_body.h": ("conv2d", "x[n >> 1], 0)", "x[0], 0)", DSP, 0),
    "tinyseg_joined.h": ("conv2d", "(uint32_t)joined - (uint32_t)first) >> 8", "(uint32_t)joined) >> 8", DSP, 0),
    "tinyseg_columns_dsp.c": ("depthwise", "(y & 0xFFFF0000u)", "(y & 0x7FFF0000u)", DSP, None),
    "tinyseg_dense_dsp.c": ("dense", "w += quads * block", "w += quads * 4", DSP, None),
    "tinyseg_pool2d_dsp.c": ("max_pool2d", "const int32_t back = rest - 4;", "const int32_t back = -4;", DSP, None),
    "tinyseg_linear_dsp.c": ("elementwise", "(y >> (8 * (n))) + offset", "(y >> (8 * ((n) & 2))) + offset", DSP, None),
    "tinyseg_product_dsp.c": (
        "elementwise",
        "return wide_times_low(x, y >> 16, sum)",
        "return wide_times_low(x, y, sum)",
        DSP,
        None,
    ),
    "tinyseg_product_mve.c": ("elementwise_constant", "a += n;", "a += 0u;", MVE, None),
    "tinyseg_elementwise.h": ("elementwise", "+ p->offset) >> p->shift", ") >> p->shift", MVE, None),
    "tinyseg_dsp.h": ("conv2d_transpose", "sum > 127 ? 127", "sum > 126 ? 126", DSP, None),
    "tinyseg_average_dsp.c": ("average_pool2d", "channels - 4 : channel + 4", "channels : channel + 4", DSP, None),
    "tinyseg_lookup_dsp.c": ("lookup", "elements & ~7u", "elements & ~3u", DSP, None),
    "tinyseg_average_mve.c": ("global_pool", "sum - p->zero", "sum", MVE, None),
    "tinyseg_lookup_mve.c": ("lookup", "*out++ = table[*in++]", "*out++ = *in++", MVE, None),
    "tinyseg_columns_mve.c": ("conv2d", "to += channels;", "to += 1;", MVE, None),
    "tinyseg_conv2d_mve.c": ("conv2d", "x * channels + group * used", "x * channels", MVE, None),
    "tinyseg_conv2d_direct_mve.c": ("conv2d", "(tap - first) * channels", "channels", MVE, 0),
    "tinyseg_depthwise_block_mve.c": ("depthwise", "{0, 8, 4, 12}", "{0, 4, 8, 12}", MVE, None),
    "tinyseg_dense_mve.c": ("dense", "16 * k + i % 16", "i % 16", MVE, None),
    "tinyseg_pool2d_mve.c": ("max_pool2d", "int8_t most = -128", "int8_t most = -20", MVE, None),
    "tinyseg_linear_mve.c": (
        "elementwise",
        "tinyseg_linear_1(p, a[i], b[i])",
        "tinyseg_linear_1(p, a[i], b[0])",
        MVE,
        None,
    ),
}


@pytest.mark.release
@pytest.mark.parametrize("file", sorted(MUTATIONS))
def test_a_mutated_kernel_is_found(file, tmp_path, monkeypatch):
    kind, before, after, core, limit = MUTATIONS[file]
    mutate_runtime(monkeypatch, (file, before, after))
    network, inputs = network_of([kind], 20, 1)
    with pytest.raises(AssertionError):
        check_on_host(network, inputs, tmp_path, streamed=False, core=core, scratch_limit=limit)


# per board and limit of scratch: kind of operator, file, text, another text that compiles to as many bytes
MUTATED_INSTRUCTIONS = {
    ("mps2_an386", None): [
        ("conv2d", "tinyseg_conv2d_dsp_body.h", "smlad %[b2], %[s], %[v], %[b2]", "smlad %[b2], %[s], %[u], %[b2]"),
        ("elementwise", "tinyseg_linear_dsp.c", "ssat %0, #8", "ssat %0, #7"),
        ("elementwise_constant", "tinyseg_product_dsp.c", "smlawt %0", "smlawb %0"),
        ("max_pool2d", "tinyseg_pool2d_dsp.c", "sub %[out], %[out], %[beyond]", "add %[out], %[out], %[beyond]"),
        ("depthwise", "tinyseg_columns_dsp.c", "pkhtb r4, r5, r1, asr #16", "pkhtb r4, r5, r1, asr #15"),
    ],
    ("mps2_an386", 0): [
        ("conv2d", "tinyseg_conv2d_direct_dsp_body.h", "pkhbt r11, r11, lr, lsl #16", "pkhbt r11, r11, lr, lsl #15"),
    ],
    ("mps3_an547", None): [
        ("conv2d", "tinyseg_conv2d_mve.c", "vqadd.s16 q2, q2, r5", "vqadd.s16 q2, q2, r4"),
        ("depthwise", "tinyseg_depthwise_block_mve.c", "vmovlt.s16 q0, q0", "vmovlb.s16 q0, q0"),
        ("dense", "tinyseg_dense_mve.c", "vmladava.s8 %[a3], q0, q2", "vmladava.s8 %[a3], q0, q1"),
        ("max_pool2d", "tinyseg_pool2d_mve.c", "vdupq_n_s8(-128)", "vdupq_n_s8(-20)"),
        ("elementwise", "tinyseg_linear_mve.c", "vmla.s32 q0, q4", "vmla.s32 q0, q2"),
        ("elementwise_constant", "tinyseg_product_mve.c", "vmlas.s32 q4, q5", "vmlas.s32 q4, q2"),
        ("lookup", "tinyseg_lookup_mve.c", "vldrb.u8 q1, [%[table], q0]", "vldrb.8 q1, [%[table]]"),
        ("average_pool2d", "tinyseg_average_mve.c", "vsubq_n_s32(vmovlbq_s16(sums), zero)", "vmovlbq_s16(sums)"),
        ("global_pool", "tinyseg_average_mve.c", "MOST_PIXELS 255", "MOST_PIXELS 600"),
    ],
    ("mps3_an547", 1 << 20): [  # as without a limit
        ("conv2d", "tinyseg_conv2d_mve.c", "vldrb.8 q0, [%[w]], #32", "vldrb.8 q0, [%[w]], #16"),
        ("depthwise", "tinyseg_depthwise_block_mve.c", "b->moved = whole * move;", "b->moved = 0;"),
    ],
    ("mps3_an547", 1 << 21): [
        ("conv2d", "tinyseg_columns_mve.c", "[%[place]], #16", "[%[place]], #8"),
    ],
    ("mps3_an547", 0): [
        ("conv2d", "tinyseg_conv2d_direct_mve.c", "and r11, r11, #15", "and r11, r11, #7"),
    ],
}


@pytest.mark.release
@pytest.mark.parametrize(("board", "limit"), sorted(MUTATED_INSTRUCTIONS, key=str))
def test_every_mutated_instruction_is_found_in_qemu(board, limit, tmp_path, monkeypatch):
    mutations = MUTATED_INSTRUCTIONS[board, limit]
    mutate_runtime(monkeypatch, *(mutation[1:] for mutation in mutations))
    kinds = [kind for kind, *_ in mutations]
    network, inputs = network_of(kinds, 20, 1)
    wrong = run_on_board(board, network, inputs, tmp_path / "project", scratch_limit=limit)
    assert {name.rsplit("_", 1)[0] for name in wrong} == set(kinds)
