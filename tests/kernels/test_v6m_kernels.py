"""The kernels for cores without 32 x 32 to 64 bit multiplication: C twins on this computer, inner loops in assembler in
QEMU (code for Armv6-M runs on an Armv7-M machine as it is), requantisation at and near ties, and that a mistake in any
of them is found."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.codegen.harness import SANITIZE, NetworkBuilder, mutate_runtime
from tests.kernels.kernel_cases import SWEEPS, accepted_case
from tests.kernels.test_kernels import INTEGER, check_on_host, network_of, run_on_board
from tests.kernels.test_v7m_kernels import REQUANTIZE, near_ties
from tinyseg_tvm.boards import load_board
from tinyseg_tvm.codegen import Core
from tinyseg_tvm.codegen.operators import NodeView, select_variant
from tinyseg_tvm.codegen.operators.narrow_convolution import fits_halves, pack_narrow
from tinyseg_tvm.codegen.text.runtime_files import include_options, runtime_text
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.operators import Conv2d, TensorType
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.operators.arithmetic.onnx_functions import requantize

M0 = Core("host", has_fpu=False, has_wide_multiply=False)
NARROW = "-DTINYSEG_REQUANTIZE_NARROW=1"
KINDS = ["conv2d", "dense", "depthwise", "conv2d_transpose"]


def armv6m_board(folder: Path) -> str:
    """A board that runs code for a Cortex-M0+ and has room for it."""
    text, count = re.subn('core = "cortex-m3"', 'core = "cortex-m0plus"', load_board("mps2_an385").toml)
    assert count == 1
    path = folder / "mps2_as_m0plus.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def extreme_network() -> tuple[Network, list[np.ndarray]]:
    """Convolutions of the largest products that fit halves, of both signs, over all values at their limits."""
    builder = NetworkBuilder("extreme")
    inputs = []
    rng = np.random.default_rng(0)
    for number, (channels, outputs, width) in enumerate([(1, 3, 5), (2, 4, 4), (5, 1, 7), (8, 2, 1)]):
        inputs.append(rng.choice(np.array([-128, 127], np.int8), (1, 4, width, channels)))
        name = builder.input(f"x{number}", TensorType(inputs[-1].shape, "int8"))
        weight = rng.choice(np.array([-127, 127], np.int8), (outputs, 3, 3, channels))
        weight.reshape(outputs, -1)[:, ::2] = rng.choice(np.array([-128, 127], np.int8))
        operator = Conv2d((1, 1), (1, 1, 1, 1), (1, 1), 1, onnx.WeightedSum(-128, 3, -128, 127))
        terms = {"bias": np.zeros(outputs, np.int32), "multiplier": np.full(outputs, 0.00071, np.float32)}
        builder.output(builder.node(f"conv_{number}", operator, [name], weight=weight, **terms))
    return builder.build(), inputs


def names_of(network: Network, core: Core) -> set[str]:
    """Kernels that the nodes get."""
    return {select_variant(NodeView.of(node, network, core)).name for node in network.nodes}


def test_kernels_for_armv6m_equal_the_reference_on_the_host(tmp_path):
    network, inputs = network_of(KINDS, 10, 50)
    assert {"conv2d v6m", "pointwise v6m"} <= names_of(network, M0)
    check_on_host(network, inputs, tmp_path, INTEGER, NARROW, streamed=True, core=M0)


def test_the_largest_joined_products_stay_apart(tmp_path):
    network, inputs = extreme_network()
    assert "conv2d v6m" in names_of(network, M0)
    check_on_host(network, inputs, tmp_path / "host", INTEGER, NARROW, streamed=False, core=M0)
    assert run_on_board(armv6m_board(tmp_path), network, inputs, tmp_path / "project") == []


def test_kernels_for_armv6m_equal_the_reference_in_qemu(tmp_path):
    network, inputs = network_of(KINDS, 14, 51)
    assert run_on_board(armv6m_board(tmp_path), network, inputs, tmp_path / "project") == []


@pytest.mark.parametrize("seed", SWEEPS)
@pytest.mark.parametrize("kind", KINDS)
def test_many_kernels_for_armv6m_of_one_kind_equal_the_reference_in_qemu(kind, seed, tmp_path):
    network, inputs = network_of([kind], 60, 300 + seed)
    assert run_on_board(armv6m_board(tmp_path), network, inputs, tmp_path / "project") == []


def test_two_weights_of_minus_128_in_a_pair_are_left_to_other_kernels():
    weight = np.zeros((2, 1, 1, 4), np.int8)
    weight[1, 0, 0] = [5, -128, -128, 5]
    assert fits_halves(weight, (4,))
    weight[1, 0, 0] = [5, 5, -128, -128]
    assert not fits_halves(weight, (4,))


@pytest.mark.parametrize("outputs", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [(1,), (4,), (3, 2)])
def test_packed_weights_multiply_as_the_weights_do(outputs, channels):
    rng = np.random.default_rng(outputs)
    weight = rng.integers(-128, 128, (outputs, 3, 3, sum(channels))).astype(np.int8)
    packed = pack_narrow(weight, channels).astype(np.int64) - 128
    assert packed.shape[0] == -(-outputs // 2)
    matrix = packed.transpose(0, 2, 1, 3).reshape(packed.shape[0] * 2, -1)
    assert not matrix[outputs:].any()
    assert np.array_equal(matrix.sum(axis=1)[:outputs], weight.reshape(outputs, -1).sum(axis=1, dtype=np.int64))
    assert np.array_equal(matrix[0, : channels[0]], weight[0, 0, 0, : channels[0]])


def records(rng: np.random.Generator) -> np.ndarray:
    """Accumulators and multipliers at and near ties, and beyond the result's range."""
    pairs = near_ties(rng, 400_000)
    far = rng.uniform(-3000, 3000, 50_000) / pairs["multiplier"][:50_000].astype(float)
    pairs["acc"][:50_000] = np.clip(far, -(2**31) + 1, 2**31 - 1).astype(np.int64)
    return pairs


def requantized(pairs: np.ndarray, folder: Path) -> np.ndarray:
    """What the C for Armv6-M makes of (accumulator, multiplier) records."""
    (folder / "requantize.c").write_text(REQUANTIZE, encoding="utf-8")
    flags = ["-std=c99", "-O2", *SANITIZE, INTEGER, NARROW, f"-I{folder}", *include_options()]
    subprocess.run(["cc", *flags, "requantize.c", "-o", "r"], cwd=folder, check=True)
    result = subprocess.run([folder / "r"], input=pairs.tobytes(), stdout=subprocess.PIPE, check=True)
    return np.frombuffer(result.stdout, np.int8)


def test_narrow_requantisation_equals_the_definition_at_and_near_ties(tmp_path):
    pairs = records(np.random.default_rng(6))
    expected = requantize(pairs["acc"], pairs["multiplier"], -5, -128, 127)
    assert np.array_equal(requantized(pairs, tmp_path), expected)


@pytest.mark.release
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("#define TINYSEG_TIE_MARGIN 0x1040000u", "#define TINYSEG_TIE_MARGIN 1u"),
        ("scale.before = scale.factor << (32 - TINYSEG_SCALE_BITS);", "scale.before = 0;"),
        ("scale.limit = 0x7FFFu;", "scale.limit = 0x1FFFFu;"),
        ("high > 0xFFFF", "high > 0x3FFF"),
    ],
)
def test_a_mistake_in_the_narrow_requantisation_is_found(before, after, tmp_path):
    text = runtime_text("tinyseg_requantize.h")
    assert before in text
    (tmp_path / "tinyseg_requantize.h").write_text(text.replace(before, after), encoding="utf-8")
    pairs = records(np.random.default_rng(6))
    expected = requantize(pairs["acc"], pairs["multiplier"], -5, -128, 127)
    flags = ["-std=c99", "-O2", "-fwrapv", INTEGER, NARROW, f"-I{tmp_path}", *include_options()]
    (tmp_path / "requantize.c").write_text(REQUANTIZE, encoding="utf-8")
    subprocess.run(["cc", *flags, "requantize.c", "-o", "r"], cwd=tmp_path, check=True)
    result = subprocess.run([tmp_path / "r"], input=pairs.tobytes(), stdout=subprocess.PIPE, check=True)
    assert not np.array_equal(np.frombuffer(result.stdout, np.int8), expected)


@pytest.mark.release
@pytest.mark.parametrize(
    ("before", "after"),
    [("x + next < width", "x + next <= width"), ("record[2]", "record[1]"), ("- (second << 16);", "- 0u;")],
)
def test_a_mutated_c_twin_is_found(before, after, tmp_path, monkeypatch):
    mutate_runtime(monkeypatch, ("tinyseg_conv2d_v6m.c", before, after))
    network, inputs = network_of(["conv2d"], 16, 2)
    with pytest.raises(AssertionError):
        check_on_host(network, inputs, tmp_path, INTEGER, NARROW, streamed=False, core=M0)


@pytest.mark.release
@pytest.mark.parametrize(
    ("convolution", "depthwise"),
    [
        (("asrs r2, r2, #16", "lsrs r2, r2, #16"), ('TINYSEG_PRODUCT("r4", "r10")', 'TINYSEG_PRODUCT("r3", "r10")')),
        (("subs r1, r1, r4", "adds r1, r1, r4"), ("adcs %[a], %[zero]", "add %[a], %[zero]")),
    ],
)
def test_a_mutated_instruction_is_found_in_qemu(convolution, depthwise, tmp_path, monkeypatch):
    file = "tinyseg_store_v6m.h" if "adcs" in depthwise[0] else "tinyseg_depthwise_v6m.h"
    mutate_runtime(monkeypatch, ("tinyseg_conv2d_v6m.c", *convolution), (file, *depthwise))
    network, inputs = network_of(["conv2d", "depthwise"], 12, 1)
    wrong = run_on_board(armv6m_board(tmp_path), network, inputs, tmp_path / "project")
    assert {name.rsplit("_", 1)[0] for name in wrong} == {"conv2d", "depthwise"}


def test_other_cores_do_not_get_these_kernels():
    case = accepted_case("conv2d", np.random.default_rng(0))
    builder = NetworkBuilder("one")
    names = [builder.input(f"x{k}", t) for k, t in enumerate(case.input_types)]
    builder.output(builder.node("layer", case.operator, names, **case.constants))
    network = builder.build()
    assert not any("v6m" in name for name in names_of(network, Core("host")))
