"""Quantise the float network to int8 (ONNX QDQ) with ONNX Runtime.

Weights are int8 per output channel, activations int8 per tensor. Three choices make the result cheap on a
microcontroller:

* The operands of each concatenation share one scale and zero point, so that joining them needs no arithmetic.
* ReLU stays a node between a convolution and its quantisation: with a shared zero point above -128 its clamp is at
  the zero point and cannot be left to saturation.
* The model's own input and output are int8 (edge Quantize/DequantizeLinear removed): ``image`` is ``pixel - 128``
  (scale 1/255, zero point -128), and a pixel is vehicle where ``logits`` is above its zero point. Scales are in the
  metadata.

    python quantise.py tinyunet_float.onnx tinyunet_int8.onnx
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.calibrate import create_calibrator
from scenes import CALIBRATION_SEEDS, scene

METHOD = CalibrationMethod.MinMax
Range = tuple[float, float]


class Scenes(CalibrationDataReader):  # type: ignore[misc]
    """Calibration pictures as floats in 0..1."""

    def __init__(self, seeds: Sequence[int]) -> None:
        self.feeds: Iterator[dict[str, np.ndarray]] = (
            {"image": scene(seed).image.transpose(2, 0, 1)[None].astype(np.float32) / 255} for seed in seeds
        )

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next picture, None at the end."""
        return next(self.feeds, None)


def activation_ranges(path: Path, seeds: Sequence[int]) -> dict[str, Range]:
    """Calibrated (low, high) of every activation."""
    with tempfile.TemporaryDirectory() as folder:
        calibrator = create_calibrator(path, None, str(Path(folder) / "augmented.onnx"), calibrate_method=METHOD)
        calibrator.collect_data(Scenes(seeds))
        data = calibrator.compute_data()
    return {name: (_first(entry.range_value[0]), _first(entry.range_value[1])) for name, entry in data.items()}


def _first(values: np.ndarray) -> float:
    return float(np.ravel(values)[0])


def shared_ranges(model: onnx.ModelProto, ranges: dict[str, Range]) -> dict[str, Range]:
    """The image's true range, and one range for the operands and the result of each concatenation."""
    shared: dict[str, Range] = {"image": (0.0, 1.0)}
    for node in model.graph.node:
        if node.op_type == "Concat":
            group = [*node.input, *node.output]
            union = min(ranges[name][0] for name in group), max(ranges[name][1] for name in group)
            shared.update(dict.fromkeys(group, union))
    return shared


def without_pairs_before_relu(model: onnx.ModelProto) -> None:
    """Remove Quantize/DequantizeLinear between convolution and ReLU: the accumulator is requantised once, after it."""
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    for relu in [node for node in graph.node if node.op_type == "Relu"]:
        dequantise = makers[relu.input[0]]
        quantise = makers[dequantise.input[0]]
        relu.input[0] = quantise.input[0]
        graph.node.remove(dequantise)
        graph.node.remove(quantise)


def without_edges(model: onnx.ModelProto) -> None:
    """Make the graph's input and output int8 by removing the Quantize and Dequantize at its edges."""
    graph = model.graph
    (quantise,) = (node for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] == "image")
    (dequantise,) = (node for node in graph.node if node.op_type == "DequantizeLinear" and node.output[0] == "logits")
    for node in graph.node:
        node.input[:] = ["image" if name == quantise.output[0] else name for name in node.input]
        node.output[:] = ["logits" if name == dequantise.input[0] else name for name in node.output]
    constants = {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}
    notes = {}
    for port, node in (("image", quantise), ("logits", dequantise)):
        notes[f"{port}.scale"], notes[f"{port}.zero_point"] = (str(constants[name].item()) for name in node.input[1:])
        graph.node.remove(node)
    for port in (graph.input[0], graph.output[0]):
        port.type.tensor_type.elem_type = TensorProto.INT8
    helper.set_model_props(model, notes)
    used = {name for node in graph.node for name in node.input}
    for constant in [constant for constant in graph.initializer if constant.name not in used]:
        graph.initializer.remove(constant)
    del graph.value_info[:]


def quantise(source: Path, target: Path) -> None:
    """Write the int8 QDQ network of a float one."""
    seeds = list(CALIBRATION_SEEDS)
    shared = shared_ranges(onnx.load(source), activation_ranges(source, seeds))
    overrides = {name: [{"rmin": np.float32(low), "rmax": np.float32(high)}] for name, (low, high) in shared.items()}
    quantize_static(
        source,
        target,
        Scenes(seeds),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=METHOD,
        extra_options={"QDQKeepRemovableActivations": True, "TensorQuantOverrides": overrides},
    )
    model = onnx.load(target)
    without_pairs_before_relu(model)
    without_edges(model)
    model.producer_name = "tinyunet"
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)


if __name__ == "__main__":
    quantise(Path(sys.argv[1]), Path(sys.argv[2]))
