"""Networks of TensorFlow Lite as firmware: equal to the reference on every family of kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.frontend.tflite_files import TfliteFile
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.relay import BuildOptions, build, frontend

SAME = {"padding": "SAME", "stride_w": 1, "stride_h": 1, "dilation_w_factor": 1, "dilation_h_factor": 1}


def network(large_multipliers: bool = False) -> bytes:
    """Convolutions of 3 x 3, 1 x 1 and depthwise ones, a sum, pools, a transposed convolution, dense and softmax."""
    rng = np.random.default_rng(5)
    made = TfliteFile()
    small = 1.0 if large_multipliers else 0.02

    def weights(shape: tuple[int, ...], axis: int) -> int:
        values = rng.integers(-127, 128, shape).astype(np.int8)
        return made.tensor(shape, "int8", small * rng.uniform(0.2, 1, shape[axis]), 0, values, axis)

    def bias(channels: int) -> int:
        return made.tensor((channels,), "int32", 0.001, 0, rng.integers(-4000, 4000, channels).astype(np.int32))

    def layer(kind: str, source: int, weight: int, shape: tuple[int, ...], channels: int, **options: object) -> int:
        result = made.tensor(shape, "int8", 0.05, -20)
        made.operator(kind, [source, weight, bias(channels)], [result], fused_activation_function="RELU6", **options)
        return result

    x = made.tensor((1, 10, 12, 5), "int8", 0.02, 3, name="image")
    first = layer("CONV_2D", x, weights((8, 3, 3, 5), 0), (1, 10, 12, 8), 8, **SAME)
    depthwise = layer(
        "DEPTHWISE_CONV_2D", first, weights((1, 3, 3, 8), 3), (1, 10, 12, 8), 8, depth_multiplier=1, **SAME
    )
    pointwise = layer("CONV_2D", depthwise, weights((8, 1, 1, 8), 0), (1, 10, 12, 8), 8, **SAME)
    added = made.tensor((1, 10, 12, 8), "int8", 0.07, 1)
    made.operator("ADD", [first, pointwise], [added], fused_activation_function="NONE")
    pooled = made.tensor((1, 5, 6, 8), "int8", 0.07, 1)
    made.operator(
        "AVERAGE_POOL_2D",
        [added],
        [pooled],
        padding="SAME",
        stride_w=2,
        stride_h=2,
        filter_width=3,
        filter_height=3,
        fused_activation_function="NONE",
    )
    larger = made.tensor((1, 10, 12, 6), "int8", 0.05, -20)
    shape = made.constant(np.array([1, 10, 12, 6], np.int32))
    made.operator(
        "TRANSPOSE_CONV", [shape, weights((6, 2, 2, 8), 0), pooled], [larger], padding="SAME", stride_w=2, stride_h=2
    )
    mean = made.tensor((1, 6), "int8", 0.03, -5)
    made.operator("MEAN", [larger, made.constant(np.array([1, 2], np.int32))], [mean], keep_dims=0)
    dense = made.tensor((1, 4), "int8", 0.1, 0)
    matrix = made.tensor((4, 6), "int8", 0.01, 0, rng.integers(-127, 128, (4, 6)).astype(np.int8))
    made.operator("FULLY_CONNECTED", [mean, matrix, bias(4)], [dense], fused_activation_function="NONE")
    shares = made.tensor((1, 4), "int8", 1 / 256, -128)
    made.operator("SOFTMAX", [dense], [shares], beta=1.0)
    return made.to_bytes([x], [shares, larger, mean])


@pytest.mark.parametrize(
    "board",
    [
        "mps2_an386",
        "mps3_an547",
        *(pytest.param(board, marks=pytest.mark.release) for board in ("host", "mps2_an385", "microbit")),
    ],
)
def test_firmware_equals_the_reference(board: str, tmp_path: Path):
    module, params = frontend.from_tflite(network())
    project = generate_project(board, build(module, BuildOptions(board=board), params), tmp_path / "project")
    result = project.run(sanitize=True) if board == "host" else project.run(count="none")
    assert result.mismatches == 0
    runtime = (tmp_path / "project" / "runtime" / "tinyseg_requantize.h").read_text()
    assert "#define TINYSEG_RULE_TFLITE\n" in runtime
    assert "#define TINYSEG_TFLITE_RIGHT\n" in runtime


@pytest.mark.release
@pytest.mark.parametrize("board", ["mps2_an386", "mps2_an385", "mps3_an547"])
def test_multipliers_above_one_half_are_exact(board: str, tmp_path: Path):
    module, params = frontend.from_tflite(network(large_multipliers=True))
    project = generate_project(board, build(module, BuildOptions(board=board), params), tmp_path / "project")
    assert project.run(count="none").mismatches == 0
    assert "TINYSEG_TFLITE_RIGHT\n" not in (tmp_path / "project" / "runtime" / "tinyseg_requantize.h").read_text()
