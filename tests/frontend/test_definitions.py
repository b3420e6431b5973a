"""Operators that are compiled as others: what they become computes what ONNX's reference implementation does."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator

from tests.frontend.onnx_models import model, node, port, run_onnxruntime
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend.graph import to_model
from tinyseg_tvm.frontend.onnx_model import normalized_graph

RANDOM = np.random.default_rng(11)
OPSET = 22


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def int64s(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def assert_same(proto: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> set[str]:
    """Results of the normalised graph equal those of the model; the operators that it is made of."""
    expected = ReferenceEvaluator(proto).run(None, feeds)
    graph, _ = normalized_graph(proto)
    for wanted, got in zip(expected, run_onnxruntime(to_model(graph), feeds), strict=True):
        assert got.shape == np.shape(wanted)
        assert got.dtype == np.asarray(wanted).dtype
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
    return {each.op_type for each in graph.nodes}


FORMS: dict[str, tuple[str, dict[str, np.ndarray], dict[str, Any], dict[str, Any], int]] = {
    # name: node, inputs, constants, attributes, results
    "one-hot, axis 0, indices below zero": (
        "OneHot",
        {"x": int64s(1, -2, 7)},
        {"d": np.int64(4), "v": floats(2)},
        {"axis": 0},
        1,
    ),
    "one-hot of a matrix in the middle": (
        "OneHot",
        {"x": RANDOM.integers(0, 3, (2, 4))},
        {"d": np.int64(3), "v": floats(2)},
        {"axis": 1},
        1,
    ),
    "reversed sequences, batch first": (
        "ReverseSequence",
        {"x": floats(2, 5, 3), "l": int64s(3, 5)},
        {},
        {"batch_axis": 0, "time_axis": 1},
        1,
    ),
    "compressed": ("Compress", {"x": floats(3, 4)}, {"c": np.array([True, False, True])}, {"axis": 1}, 1),
    "maxima with places": (
        "MaxPool",
        {"x": floats(2, 3, 5, 6)},
        {},
        {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1]},
        2,
    ),
    "unpooled": (
        "MaxUnpool",
        {"x": floats(1, 1, 2, 2), "i": int64s(0, 3, 9, 12).reshape(1, 1, 2, 2)},
        {},
        {"kernel_shape": [2, 2], "strides": [2, 2]},
        1,
    ),
    "columns to image": (
        "Col2Im",
        {"x": floats(2, 12, 15)},
        {"i": int64s(5, 4), "b": int64s(3, 2)},
        {"pads": [1, 0, 1, 0], "strides": [1, 1]},
        1,
    ),
    "deformed": (
        "DeformConv",
        {"x": floats(1, 4, 4, 5), "w": floats(2, 2, 2, 2), "o": floats(1, 16, 3, 4)},
        {},
        {"group": 2, "offset_group": 2, "kernel_shape": [2, 2], "pads": [0, 0, 0, 0]},
        1,
    ),
    "determinants of three rows": ("Det", {"x": floats(2, 3, 3)}, {}, {}, 1),
    "infinities below zero": (
        "IsInf",
        {"x": np.array([np.inf, -np.inf, np.nan, 1], np.float32)},
        {},
        {"detect_positive": 0},
        1,
    ),
    "remainders in the divisor's sign": (
        "Mod",
        {"x": np.array([-3, 3, -6, 6, 5], np.float32), "y": np.array([2, -2, -3, 3, np.inf], np.float32)},
        {},
        {"fmod": 0},
        1,
    ),
    "whether any is true": ("ReduceMax", {"x": RANDOM.integers(0, 2, (3, 2)).astype(bool)}, {"a": int64s(1)}, {}, 1),
    "norm 1": ("LpNormalization", {"x": abs(floats(2, 3, 4))}, {}, {"axis": 1, "p": 1}, 1),
    "integer to a fraction": (
        "Pow",
        {"x": np.array([4, 9], np.int32), "y": np.array([0.5, 1.5], np.float32)},
        {},
        {},
        1,
    ),
    "integer to an integer": (
        "Pow",
        {"x": np.array([3, -2, 7], np.int32), "y": np.array([4, 5, 0], np.int32)},
        {},
        {},
        1,
    ),
    "normalised, with the statistics as results": (
        "LayerNormalization",
        {"x": floats(2, 3, 4), "s": floats(3, 4), "b": floats(3, 4)},
        {},
        {"axis": 1},
        3,
    ),
    "normalised by statistics that are computed": (
        "BatchNormalization",
        {"x": floats(2, 3, 2), "s": floats(3), "b": floats(3), "m": floats(3), "v": abs(floats(3))},
        {},
        {},
        1,
    ),
    "normalised by its own statistics": (
        "BatchNormalization",
        {"x": floats(2, 3, 4), "m": floats(3), "v": abs(floats(3))},
        {"s": floats(3), "b": floats(3)},
        {"training_mode": 1, "momentum": 0.7},
        3,
    ),
    "nothing dropped, with the mask": ("Dropout", {"x": floats(2, 3)}, {"r": np.float32(0.5)}, {}, 2),
    "quantised by what is computed": (
        "QuantizeLinear",
        {"x": 50 * floats(2, 3, 4), "s": np.array(0.3, np.float32), "z": np.array(100, np.uint8)},
        {},
        {},
        1,
    ),
    "quantised by what is computed of each channel": (
        "QuantizeLinear",
        {"x": 50 * floats(2, 3, 4), "s": np.array([0.3, 0.2, 0.7], np.float32)},
        {"z": np.array([3, 0, -7], np.int8)},
        {},
        1,
    ),
    "quantised in blocks": (
        "QuantizeLinear",
        {"x": floats(2, 5)},
        {"s": np.abs(floats(2, 3)) + 1, "z": RANDOM.integers(-3, 4, (2, 3)).astype(np.int16)},
        {"block_size": 2, "axis": -1},
        1,
    ),
    "dequantised by what is computed": (
        "DequantizeLinear",
        {"x": RANDOM.integers(0, 256, (2, 3)).astype(np.uint8), "s": np.array(0.3, np.float32)},
        {"z": np.array(200, np.uint8)},
        {},
        1,
    ),
    "dequantised in blocks": (
        "DequantizeLinear",
        {"x": RANDOM.integers(-128, 128, (4, 3)).astype(np.int8)},
        {"s": floats(2, 3), "z": RANDOM.integers(-128, 128, (2, 3)).astype(np.int8)},
        {"block_size": 2, "axis": 0},
        1,
    ),
    "spectrum of the first axis": ("DFT", {"x": floats(5, 3, 1)}, {"l": int64s(7)[0], "a": int64s(0)[0]}, {}, 1),
    "half a spectrum": ("DFT", {"x": floats(2, 6, 1)}, {}, {"onesided": 1}, 1),
    "spectra of windows": ("STFT", {"x": floats(1, 16, 1), "w": floats(8)}, {"s": int64s(3)[0]}, {}, 1),
}
ORDER = {
    "BatchNormalization": "x s b m v",
    "QuantizeLinear": "x s z",
    "DequantizeLinear": "x s z",
    "DFT": "x l a",
    "STFT": "x s w",
}


@pytest.mark.parametrize("name", FORMS)
def test_definition_computes_what_onnx_says(name):
    op_type, inputs, constants, attributes, results = FORMS[name]
    given = {**inputs, **constants}
    names = [each if each in given else "-" for each in ORDER.get(op_type, " ".join(given)).split()]
    while names[-1] == "-":
        names.pop()
    outputs = [f"y{i}" for i in range(results)]
    proto = model(
        [node(op_type, " ".join(names), " ".join(outputs), **attributes)],
        [],
        [onnx.ValueInfoProto(name=each) for each in outputs],
        constants,
        OPSET,
    )
    for key, array in inputs.items():
        elem_type = helper.np_dtype_to_tensor_dtype(array.dtype)
        proto.graph.input.append(helper.make_tensor_value_info(key, elem_type, array.shape))
    used = assert_same(proto, inputs)
    assert op_type not in used or op_type in ("Mod", "Pow", "ReduceMax")


def test_root_mean_squares_over_all_axes():
    feeds = {"x": floats(3, 4), "w": floats(3, 4)}
    ports = [port(name, [3, 4]) for name in feeds]
    proto = model([node("RMSNormalization", "x w", "y", axis=0)], ports, [port("y", [3, 4])], {}, 23)
    assert "RMSNormalization" not in assert_same(proto, feeds)


def test_function_bodies_use_the_attributes_of_the_call():
    feeds = {"x": floats(2, 3, 4), "t": RANDOM.integers(0, 3, (2, 4))}
    nodes = [node("NegativeLogLikelihoodLoss", "x t", "y", reduction="sum", ignore_index=1)]
    proto = model(nodes, [port("x", [2, 3, 4]), port("t", [2, 4], "int64")], [port("y", [])], {}, OPSET)
    assert "NegativeLogLikelihoodLoss" not in assert_same(proto, feeds)


def test_attention_is_expanded_by_its_operands():
    shapes = {"q": (1, 2, 3, 4), "k": (1, 2, 5, 4), "v": (1, 2, 5, 4)}
    nodes = [node("Attention", "q k v", "y", is_causal=1)]
    ports = [port(name, shape) for name, shape in shapes.items()]
    proto = model(nodes, ports, [port("y", None)], {}, 23)
    assert "Softmax" in assert_same(proto, {name: floats(*shape) for name, shape in shapes.items()})


def test_what_no_definition_covers_is_named():
    proto = model([node("Det", "x", "y", "big")], [port("x", [9, 9])], [port("y", [])], {}, OPSET)
    with pytest.raises(TinySegError, match=r"big.*9 rows"):
        normalized_graph(proto)
    nodes = [node("RoiAlign", "x r b", "y", "roi", mode="max", output_height=2, output_width=2)]
    constants = {"r": np.zeros((1, 4), np.float32), "b": np.zeros(1, np.int64)}
    with pytest.raises(TinySegError, match=r"roi.*mode max"):
        normalized_graph(model(nodes, [port("x", [1, 1, 4, 4])], [port("y", None)], constants, OPSET))
    nodes = [node("Dropout", "x r t", "y", "drop")]
    constants = {"r": np.float32(0.5), "t": np.array(True)}
    with pytest.raises(TinySegError, match=r"drop.*at random"):
        normalized_graph(model(nodes, [port("x", [3])], [port("y", [3])], constants, OPSET))
