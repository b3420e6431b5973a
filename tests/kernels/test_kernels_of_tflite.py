"""Kernels for cores without the DSP extension by the rule ``tflite``: C twins on this computer, assembler in QEMU, and
the product of Armv6-M, which has no long multiplication."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from tests.codegen.harness import SANITIZE, NetworkBuilder
from tests.kernels.kernel_cases import SWEEPS, accepted_case
from tests.kernels.test_kernels import check_on_host, run_on_board
from tests.kernels.test_v6m_kernels import M0, armv6m_board, names_of
from tinyseg_tvm.codegen import Core
from tinyseg_tvm.codegen.text.runtime_files import include_options
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.operators.arithmetic import onnx, tflite
from tinyseg_tvm.operators.arithmetic.tflite_functions import high_product, quantize_multiplier

KINDS = ["conv2d", "dense", "depthwise"]
PLAIN = Core("host")
NARROW = ("-DTINYSEG_REQUANTIZE_NARROW=1", "-DTINYSEG_TFLITE_NARROW=1")


def network_by_tflite(each: int, seed: int) -> tuple[Network, list[np.ndarray]]:
    """Independent random nodes, now and then of multipliers from 1/2 on, of 0, or of a narrow clamp."""
    rng = np.random.default_rng(seed)
    builder = NetworkBuilder("kernels")
    inputs: list[np.ndarray] = []
    for kind in KINDS:
        for number in range(each):
            case = accepted_case(kind, rng)
            old = cast(Any, case.operator).arithmetic
            assert isinstance(old, onnx.WeightedSum)
            zeros = (old.input_zero_point, old.output_zero_point)
            made = tflite.WeightedSum(*zeros, old.output_min, old.output_max)
            real = case.constants["multiplier"].astype(np.float64) * rng.choice([1.0, 1.0, 1.0, 40.0])
            real[rng.random(real.size) < 0.1] = 0.0
            multiplier, shift = quantize_multiplier(real)
            constants = {**case.constants, "multiplier": multiplier, "shift": shift}
            names = [builder.input(f"{kind}{number}_{k}", t) for k, t in enumerate(case.input_types)]
            inputs += case.inputs
            operator = replace(cast(Any, case.operator), arithmetic=made)
            builder.output(builder.node(f"{kind}_{number}", operator, names, **constants))
    return builder.build(), inputs


def test_kernels_without_the_dsp_extension_equal_the_reference(tmp_path: Path):
    network, inputs = network_by_tflite(4, 1)
    assert any(name.startswith("depthwise tiles v7m") for name in names_of(network, PLAIN))
    check_on_host(network, inputs, tmp_path, streamed=True, core=PLAIN)


def test_kernels_for_armv6m_equal_the_reference(tmp_path: Path):
    network, inputs = network_by_tflite(7, 2)
    assert {"conv2d v6m", "pointwise v6m"} <= names_of(network, M0)
    check_on_host(network, inputs, tmp_path, *NARROW, streamed=False, core=M0)


@pytest.mark.release
def test_assembler_without_the_dsp_extension_equals_the_reference(tmp_path: Path):
    network, inputs = network_by_tflite(8, 3)
    assert run_on_board("mps2_an385", network, inputs, tmp_path / "project") == []


@pytest.mark.release
def test_assembler_for_armv6m_equals_the_reference(tmp_path: Path):
    network, inputs = network_by_tflite(8, 4)
    assert run_on_board(armv6m_board(tmp_path), network, inputs, tmp_path / "project") == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", SWEEPS[1:])
def test_many_layers_equal_the_reference_in_qemu(seed: int, tmp_path: Path):
    network, inputs = network_by_tflite(20, 50 + seed)
    assert run_on_board("mps2_an385", network, inputs, tmp_path / "project") == []
    assert run_on_board(armv6m_board(tmp_path), network, inputs, tmp_path / "narrow") == []


PROBE = r"""
#include <stdio.h>
#include "tinyseg_requantize.h"
int main(void)
{
    int32_t pair[2];
    while (fread(pair, sizeof pair, 1, stdin) == 1) {
        const int32_t high = tinyseg_high_product(pair[0], pair[1]);
        fwrite(&high, sizeof high, 1, stdout);
    }
    return 0;
}
"""


@pytest.mark.parametrize("narrow", [0, 1])
def test_products_of_32_bits_are_the_upper_half_of_the_long_product(narrow: int, tmp_path: Path):
    rng = np.random.default_rng(5)
    limits = [-(1 << 31), (1 << 31) - 1, -1, 0, 1, -65536, 65535, 32768, -32769]
    values = np.concatenate([rng.integers(-(1 << 31), 1 << 31, 40_000), np.tile(limits, 40)]).astype(np.int32)
    factors = np.where(rng.random(values.size) < 0.1, 1 << 30, rng.integers(1 << 30, 1 << 31, values.size))
    ties = rng.random(values.size) < 0.2  # products next to a half of 2^31
    values = np.where(ties, (values >> 8) | 1, values).astype(np.int32)
    source = tmp_path / "probe.c"
    source.write_text(PROBE)
    flags = [
        "-DTINYSEG_RULE_TFLITE",
        f"-DTINYSEG_TFLITE_NARROW={narrow}",
        "-std=c99",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
    ]
    command = ["gcc", *flags, *SANITIZE, *include_options(), str(source), "-o", str(tmp_path / "probe")]
    subprocess.run(command, check=True)
    given = np.stack([values, factors.astype(np.int32)], axis=1).tobytes()
    made = subprocess.run([str(tmp_path / "probe")], input=given, capture_output=True, check=True).stdout
    assert np.array_equal(np.frombuffer(made, np.int32), high_product(values, factors))
