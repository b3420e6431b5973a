"""The kernels for cores without the DSP extension: C twins on this computer, inner loops in assembler in QEMU, and that
a mistake in either is found."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.codegen.harness import SANITIZE, NetworkBuilder, mutate_runtime
from tests.kernels.kernel_cases import accepted_case
from tests.kernels.test_kernels import INTEGER, check_on_host, network_of, run_on_board
from tinyseg_tvm.codegen import Core
from tinyseg_tvm.codegen.operators import NodeView, select_variant
from tinyseg_tvm.codegen.operators.scheduled_windows import MOST_SEGMENTS
from tinyseg_tvm.codegen.programs.channels.v7m_kernels import V7mChannelKernel
from tinyseg_tvm.codegen.text.runtime_files import include_options, runtime_text
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.operators import AveragePool2d, Conv2d, Lookup, TensorType
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.operators.arithmetic.onnx_functions import requantize

KINDS = ["conv2d", "conv2d_transpose", "dense", "depthwise", "elementwise", "max_pool2d"]
PLAIN = Core("host")
M0 = Core("host", has_fpu=False, has_wide_multiply=False)


def bytewise_network(seed: int) -> tuple[Network, list[np.ndarray]]:
    """Average pools (ties among their results) and tables, of channels that are no multiple of four."""
    rng = np.random.default_rng(seed)
    builder = NetworkBuilder("bytewise")
    inputs: list[np.ndarray] = []
    scales = [(0.05, 0.04), (0.1, 0.05), (0.02, 0.07), (0.0001, 3.0), (40.0, 0.01)]
    for number, (fine, coarse) in enumerate(scales):
        channels = int(rng.integers(1, 9))
        inputs.append(rng.integers(-128, 128, (1, 5, 6, channels), dtype=np.int8))
        name = builder.input(f"x{number}", TensorType(inputs[-1].shape, "int8"))
        pool = AveragePool2d((2, 3), (2, 1), (1, 1, 0, 1), bool(number % 2), onnx.Average(fine, 3, coarse, -4))
        builder.output(builder.node(f"average_{number}", pool, [name]))
        table = rng.permutation(256).astype(np.uint8).view(np.int8)
        builder.output(builder.node(f"lookup_{number}", Lookup("int8"), [name], table=table))
    return builder.build(), inputs


@pytest.mark.parametrize(
    "flags", [pytest.param((), id="float", marks=pytest.mark.release), pytest.param((INTEGER,), id="integer")]
)
def test_c_twins_equal_the_reference(flags, tmp_path):
    network, inputs = network_of(KINDS, 7, 20 + len(flags))
    check_on_host(network, inputs, tmp_path, *flags, streamed=bool(flags), core=PLAIN)


def test_averages_and_tables_equal_the_reference(tmp_path):
    network, inputs = bytewise_network(1)
    check_on_host(network, inputs, tmp_path / "host", INTEGER, streamed=False, core=PLAIN)
    assert run_on_board("mps2_an385", network, inputs, tmp_path / "project") == []


def test_inner_loops_in_assembler_equal_the_reference(tmp_path):
    network, inputs = network_of(["conv2d", "conv2d_transpose", "dense", "depthwise"], 12, 30)
    assert run_on_board("mps2_an385", network, inputs, tmp_path / "project") == []


def test_cores_without_the_dsp_extension_get_the_kernels_and_others_do_not():
    network, _ = network_of(KINDS, 12, 31)
    views = [NodeView.of(node, network, PLAIN) for node in network.nodes]
    chosen = {select_variant(view).name.partition(",")[0] for view in views}
    assert {f"{kind} tiles v7m" for kind in ("conv2d", "conv2d_transpose", "dense", "depthwise")} <= chosen
    dsp = [NodeView.of(node, network, Core("host", has_dsp=True)) for node in network.nodes]
    assert not any("v7m" in select_variant(view).name for view in dsp)


def test_a_kernel_of_many_taps_keeps_the_stack_small():
    rng = np.random.default_rng(0)
    while True:
        case = accepted_case("conv2d", rng)
        if isinstance(case.operator, Conv2d) and case.operator.groups == 1:
            break
    channels = case.inputs[0].shape[3]
    builder = NetworkBuilder("wide")
    x = builder.input("x", TensorType((1, 9, 15, channels), "int8"))
    weight = np.ones((4, 7, 7, channels), np.int8)
    assert weight.shape[1] * weight.shape[2] > MOST_SEGMENTS
    operator = Conv2d((1, 1), (3, 6, 3, 6), (1, 2), 1, onnx.WeightedSum(0, 0, -128, 127))
    constants: dict[str, np.ndarray] = {
        "weight": weight,
        "bias": np.zeros(4, np.int32),
        "multiplier": np.full(4, 1e-3, np.float32),
    }
    builder.output(builder.node("layer", operator, [x], **constants))
    network = builder.build()
    assert select_variant(NodeView.of(network.nodes[0], network, PLAIN)).name == "conv2d portable"


REQUANTIZE = """
#include "tinyseg_requantize.h"
#include <stdio.h>
int main(void)
{
    int32_t acc;
    float multiplier;
    while (fread(&acc, 4, 1, stdin) == 1 && fread(&multiplier, 4, 1, stdin) == 1) {
        const tinyseg_output output = {-5, -128, 127};
        putchar(tinyseg_requantize(acc, multiplier, &output) & 255);
    }
    return 0;
}
"""


def requantized(pairs: np.ndarray, folder: Path) -> np.ndarray:
    """What the C makes of (accumulator, multiplier) records."""
    (folder / "requantize.c").write_text(REQUANTIZE, encoding="utf-8")
    command = [
        "cc",
        "-std=c99",
        "-O2",
        *SANITIZE,
        INTEGER,
        f"-I{folder}",
        *include_options(),
        "requantize.c",
        "-o",
        "r",
    ]
    subprocess.run(command, cwd=folder, check=True)
    result = subprocess.run([folder / "r"], input=pairs.tobytes(), stdout=subprocess.PIPE, check=True)
    return np.frombuffer(result.stdout, np.int8)


def near_ties(rng: np.random.Generator, count: int) -> np.ndarray:
    """Accumulators and multipliers whose products lie at ties, next to them, and anywhere."""
    pairs = np.zeros(count, np.dtype([("acc", "<i4"), ("multiplier", "<f4")]))
    mantissa = rng.choice([1.0, 1.25, 1.5, 1.75, 1 + 2.0**-23, 2 - 2.0**-23], count)
    mantissa = np.where(rng.integers(2, size=count), mantissa, rng.uniform(1, 2, count))
    pairs["multiplier"] = mantissa * np.exp2(rng.integers(-32, 4, count))
    target = rng.integers(-140, 140, count) + 0.5
    acc = np.rint(target / pairs["multiplier"].astype(float)) + rng.integers(-2, 3, count)
    pairs["acc"] = np.clip(acc, -(2**31) + 1, 2**31 - 1).astype(np.int64)
    return pairs


def test_integer_requantisation_equals_the_definition_at_and_near_ties(tmp_path):
    pairs = near_ties(np.random.default_rng(5), 400_000)
    expected = requantize(pairs["acc"], pairs["multiplier"], -5, -128, 127)
    assert np.array_equal(requantized(pairs, tmp_path), expected)


@pytest.mark.release
@pytest.mark.parametrize(
    ("before", "after"),
    [("0x40000u", "0x1u"), ("floor + (floor & 1)", "floor + 1"), ("fraction == 0x80000000u", "fraction >> 31 != 0u")],
)
def test_a_mistake_in_the_fast_requantisation_is_found(before, after, tmp_path):
    text = runtime_text("tinyseg_requantize.h")
    assert before in text
    (tmp_path / "tinyseg_requantize.h").write_text(text.replace(before, after), encoding="utf-8")
    pairs = near_ties(np.random.default_rng(5), 400_000)
    expected = requantize(pairs["acc"], pairs["multiplier"], -5, -128, 127)
    assert not np.array_equal(requantized(pairs, tmp_path), expected)


# file: kind of operator, text, another text
MUTATIONS = {
    "tinyseg_depthwise_body.h": ("depthwise", "s3 += v * w2;", "s3 += v * w1;"),
    "tinyseg_accumulate.h": ("dense", "TINYSEG_ACCUMULATE_ELEMENT(3);", "TINYSEG_ACCUMULATE_ELEMENT(2);"),
    "tinyseg_pool2d.c": ("max_pool2d", "larger(b[0], b[n])", "larger(b[0], b[0])"),
    "tinyseg_elementwise.c": ("elementwise", "b_factor * *b++ + offset", "b_factor * *b + offset"),
}


@pytest.mark.release
@pytest.mark.parametrize("file", sorted(MUTATIONS))
def test_a_mutated_c_twin_is_found(file, tmp_path, monkeypatch):
    kind, before, after = MUTATIONS[file]
    mutate_runtime(monkeypatch, (file, before, after))
    network, inputs = network_of([kind], 20, 1)
    core = M0 if kind == "depthwise" else PLAIN
    with pytest.raises(AssertionError):
        check_on_host(network, inputs, tmp_path, streamed=False, core=core)


@pytest.mark.parametrize("mutated", [False, True])
def test_depthwise_convolutions_that_tiles_do_not_compute_equal_the_reference_in_qemu(mutated, tmp_path, monkeypatch):
    monkeypatch.setattr(V7mChannelKernel, "suits", False)
    if mutated:
        mutate_runtime(monkeypatch, ("tinyseg_depthwise_body.h", '"adc %[h], %[zero]', '"add %[h], %[zero]'))
    network, inputs = network_of(["depthwise"], 12, 2)
    assert (run_on_board("mps2_an385", network, inputs, tmp_path / "project") != []) == mutated


def test_kernels_for_armv6m_equal_the_reference(tmp_path):
    network, inputs = network_of(KINDS, 4, 40)
    check_on_host(network, inputs, tmp_path, INTEGER, streamed=False, core=M0)
