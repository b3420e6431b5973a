"""Kernels of maps of few channels: for the vector extension pixels that stream past weights in registers, and columns
of depthwise convolutions that are staged several at a time; for the DSP extension columns of less than a word."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.codegen.harness import NetworkBuilder
from tests.kernels.test_kernels import check_on_host, run_on_board
from tests.operators.operator_cases import int8_array
from tinyseg_tvm.codegen import Core
from tinyseg_tvm.codegen.programs import tiled
from tinyseg_tvm.codegen.programs.windows import mve_kernels
from tinyseg_tvm.codegen.programs.windows.mve_products import Layout
from tinyseg_tvm.codegen.programs.windows.mve_streams import Stream
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.operators import Conv2d, TensorType
from tinyseg_tvm.operators.arithmetic import onnx, tflite
from tinyseg_tvm.operators.arithmetic.tflite_functions import quantize_multiplier

BOARD = "mps3_an547"
POINTWISE = (  # channels, outputs, width, least and greatest result
    (3, 4, 20, -128, 127),  # the last two groups of pixels reach beyond the line
    (4, 2, 8, -20, 60),
    (8, 6, 41, -128, 127),  # one pixel is left over
    (16, 2, 12, -128, 100),
    (17, 4, 8, -128, 127),
    (32, 2, 14, -128, 127),
)
DEPTHWISE = (  # channels, width, stride, padding at both sides
    (4, 16, 1, (1, 1)),
    (4, 19, 2, (0, 1)),
    (8, 17, 1, (2, 0)),
    (8, 18, 2, (1, 1)),
    (16, 16, 1, (1, 1)),
    (24, 16, 1, (1, 1)),  # eight channels of more
    (3, 16, 1, (1, 1)),
    (2, 9, 2, (0, 1)),
    (1, 12, 1, (1, 1)),
    (3, 1, 1, (1, 1)),  # no column has a word
)


def narrow_maps(*, by_tflite: bool = False) -> tuple[Network, list[np.ndarray]]:
    """A convolution of each."""
    rng = np.random.default_rng(4)
    builder = NetworkBuilder("narrow")
    inputs: list[np.ndarray] = []
    rule = tflite.WeightedSum if by_tflite else onnx.WeightedSum

    def add(
        x: np.ndarray, weights: tuple[int, ...], bounds: tuple[int, int], strides: Any, sides: Any, groups: int
    ) -> None:
        number = len(inputs)
        top = 1 if groups > 1 else 0
        operator = Conv2d(strides, (top, sides[0], top, sides[1]), (1, 1), groups, rule(-9, 3, *bounds))
        multiplier = rng.uniform(0.1, 2, weights[0]) / (73 * np.sqrt(np.prod(weights[1:])))
        constants = {
            "weight": int8_array(rng, weights),
            "bias": rng.integers(-3000, 3000, weights[0]).astype(np.int32),
            "multiplier": multiplier.astype(np.float32),
        }
        if by_tflite:
            constants["multiplier"], constants["shift"] = quantize_multiplier(multiplier)
        inputs.append(x)
        name = builder.input(f"x{number}", TensorType(x.shape, "int8"))
        builder.output(builder.node(f"conv_{number}", operator, [name], **constants))

    for channels, outputs, width, *bounds in POINTWISE:
        x = int8_array(rng, (1, 1, width, channels))
        add(x, (outputs, 1, 1, channels), (bounds[0], bounds[1]), (1, 1), (0, 0), 1)
    for channels, width, stride, sides in DEPTHWISE:
        x = int8_array(rng, (1, 3, width, channels))
        add(x, (channels, 3, 3, 1), (-128, 127), (1, stride), sides, channels)
    for channels, step in ((4, 12), (20, 6)):  # pixels far from each other
        x = int8_array(rng, (1, 1, 8 * step + 1, channels))
        add(x, (4, 1, 1, channels), (-128, 127), (1, step), (0, 0), 1)
    return builder.build(), inputs


def test_narrow_maps_equal_the_reference_on_a_board(tmp_path):
    assert run_on_board(BOARD, *narrow_maps(), tmp_path / "project") == []


@pytest.mark.release
def test_narrow_maps_equal_the_reference_by_the_other_rule_on_a_board(tmp_path):
    assert run_on_board(BOARD, *narrow_maps(by_tflite=True), tmp_path / "project") == []


@pytest.mark.release
def test_narrow_maps_equal_the_reference_on_a_board_without_vectors(tmp_path):
    assert run_on_board("mps2_an386", *narrow_maps(), tmp_path / "project") == []


@pytest.mark.release
@pytest.mark.parametrize("vectors", [False, True])
def test_narrow_maps_equal_the_reference_on_the_host(vectors, tmp_path):
    core = Core("host", has_dsp=True, has_mve=vectors)
    check_on_host(*narrow_maps(), tmp_path, streamed=False, core=core)


def test_only_windows_whose_weights_stay_in_registers_stream():
    taken = [k for k in (1, 4, 16, 20, 32, 33, 48) if Stream.takes(Layout.of(k, k), 8)]
    assert taken == [1, 4, 16, 20, 32]
    assert Stream.takes(Layout.of(4, 48), 8)  # of each twelfth value
    assert not Stream.takes(Layout.of(4, 128), 8)  # further than an offset reaches


@pytest.mark.release
@pytest.mark.parametrize(("right", "wrong"), [("vadd.i32 q5, q5, r7", "vadd.i32 q5, q5, r5"), ("q4, r9", "q4, r0")])
def test_a_mutated_stream_is_found(right, wrong, tmp_path, monkeypatch):
    true_stream = mve_kernels.MveKernel._stream

    class Mutated(Stream):
        @property
        def statement(self) -> list[str]:
            return [line.replace(right, wrong) for line in super().statement]

    def mutated(kernel: mve_kernels.MveKernel, pixels: int) -> Stream:
        true = true_stream(kernel, pixels)
        return Mutated(true.layout, true.pixels, true.row, true.output, true.fixed_point)

    monkeypatch.setattr(mve_kernels.MveKernel, "_stream", mutated)
    tiled.lowered.cache_clear()
    differing = run_on_board(BOARD, *narrow_maps(), tmp_path / "project")
    tiled.lowered.cache_clear()
    assert differing
