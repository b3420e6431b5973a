"""Causal convolutions over time, padded at one end alone: their projects build without a warning."""

from __future__ import annotations

from pathlib import Path

import onnx

from tests.passes.qdq_models import QdqModel
from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.relay import BuildOptions, build

SCALE = 0.05


def temporal_network(steps: int, channels: int, dilations: tuple[int, ...]) -> onnx.ModelProto:
    """Residual blocks of causal convolutions with two taps, int8 (1, C, T, 1) to the same."""
    m = QdqModel(seed=3)
    x = m.activation(1, channels, steps, 1, scale=SCALE)
    result = ""
    for dilation in dilations:
        weight = m.weight(channels, channels, 2, 1)
        bias = m.bias(channels, x, weight)
        y = m.op("Conv", x, weight, bias, pads=[dilation, 0, 0, 0], dilations=[dilation, 1])
        y = m.dequantize(m.quantize(y, SCALE, 3), SCALE, 3)
        result = m.quantize(m.op("Add", x, y), SCALE, 3)
        x = m.dequantize(result, SCALE, 3)
    return m.build(result)


def test_gcc_does_not_warn_of_lines_that_a_causal_convolution_never_reads(tmp_path: Path) -> None:
    mod, params = from_onnx(temporal_network(16, 8, (1, 2, 4)))
    factory = build(mod, BuildOptions(stream_axis="rows"), params)
    placement = factory.files[f"src/{factory.name}_placement.h"].decode()
    assert "_offsets[line]" in placement, "gcc warns of tables alone"
    assert generate_project("host", factory, tmp_path / "project").run().mismatches == 0
