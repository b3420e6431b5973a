"""A network of TensorFlow Lite with 16 bit activations as firmware: equal to the reference on every core."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.frontend.tflite_files import TfliteFile
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.relay import BuildOptions, build, frontend

SAME = {"padding": "SAME", "stride_w": 1, "stride_h": 1, "dilation_w_factor": 1, "dilation_h_factor": 1}
NONE = {"fused_activation_function": "NONE"}


def network() -> bytes:
    """An hourglass: convolutions with biases of both types, a depthwise and a transposed one, joins, functions."""
    rng = np.random.default_rng(6)
    made = TfliteFile()

    def weights(shape: tuple[int, ...], axis: int) -> int:
        values = rng.integers(-127, 128, shape).astype(np.int8)
        return made.tensor(shape, "int8", 0.02 * rng.uniform(0.2, 1, shape[axis]), 0, values, axis)

    def bias(channels: int, dtype: str) -> int:
        values = rng.integers(-1_000_000, 1_000_000, channels).astype(dtype)
        return made.tensor((channels,), dtype, 1e-6, 0, values)

    def activation(shape: tuple[int, ...], scale: float = 3e-4, name: str | None = None) -> int:
        return made.tensor(shape, "int16", scale, 0, name=name)

    def layer(kind: str, source: int, weight: int, result: int, channels: int, bias_type: str = "int64") -> int:
        options = {**SAME, "depth_multiplier": 1} if kind == "DEPTHWISE_CONV_2D" else SAME
        operands = [source, weight, bias(channels, bias_type)]
        made.operator(kind, operands, [result], fused_activation_function="RELU6", **options)
        return result

    x = activation((1, 12, 10, 6), 1e-4, "image")
    first = layer("CONV_2D", x, weights((8, 3, 3, 6), 0), activation((1, 12, 10, 8)), 8)
    depthwise = layer("DEPTHWISE_CONV_2D", first, weights((1, 3, 3, 8), 3), activation((1, 12, 10, 8)), 8)
    narrow = layer("CONV_2D", depthwise, weights((8, 1, 1, 8), 0), activation((1, 12, 10, 8)), 8, "int32")
    pooled = activation((1, 6, 5, 8))
    window = {"padding": "VALID", "stride_w": 2, "stride_h": 2, "filter_width": 2, "filter_height": 2}
    made.operator("AVERAGE_POOL_2D", [narrow], [pooled], **window, **NONE)
    larger = activation((1, 12, 10, 8))
    shape = made.constant(np.array([1, 12, 10, 8], np.int32))
    made.operator(
        "TRANSPOSE_CONV", [shape, weights((8, 2, 2, 8), 0), pooled], [larger], padding="SAME", stride_w=2, stride_h=2
    )
    added, leaky, gate = activation((1, 12, 10, 8)), activation((1, 12, 10, 8), 2.0**-12), activation((1, 12, 10, 8))
    made.tensors[gate]["scales"] = [np.float32(2.0**-15)]
    made.operator("ADD", [first, larger], [added], pot_scale_int16=0, **NONE)
    made.operator("LEAKY_RELU", [added], [leaky], alpha=0.1)
    made.operator("LOGISTIC", [leaky], [gate])
    gated = activation((1, 12, 10, 8))
    made.operator("MUL", [leaky, gate], [gated], **NONE)
    mean, dense, shares = activation((1, 8), 1e-5), activation((1, 4), 1e-4), activation((1, 4), 2.0**-15)
    made.operator("MEAN", [gated, made.constant(np.array([1, 2], np.int32))], [mean], keep_dims=0)
    matrix = made.tensor((4, 8), "int8", 0.01, 0, rng.integers(-127, 128, (4, 8)).astype(np.int8))
    made.operator("FULLY_CONNECTED", [mean, matrix, bias(4, "int32")], [dense], **NONE)
    made.operator("SOFTMAX", [dense], [shares], beta=1.0)
    byte = made.tensor((1, 12, 10, 8), "int8", 0.08, -3)
    made.operator("QUANTIZE", [gated], [byte])
    return made.to_bytes([x], [shares, byte, mean, larger])


@pytest.mark.parametrize(
    "board",
    [
        "host",
        *(
            pytest.param(board, marks=pytest.mark.release)
            for board in ("mps2_an386", "mps3_an547", "mps2_an385", "microbit")
        ),
    ],
)
def test_firmware_equals_the_reference(board: str, tmp_path: Path):
    module, params = frontend.from_tflite(network())
    project = generate_project(board, build(module, BuildOptions(board=board), params), tmp_path / "project")
    result = project.run(sanitize=True) if board == "host" else project.run(count="none")
    assert result.mismatches == 0
    different = [len(np.unique(array)) for outputs in result.outputs for array in outputs]
    assert min(different) > 2, "outputs that are all alike would hide differences"
