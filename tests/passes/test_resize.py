"""Resize in all its modes: one operator by line, whose results are ONNX Runtime's."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.passes.qdq_models import QdqModel, random_inputs, run_onnxruntime
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.network import Network, reference
from tinyseg_tvm.relay_passes import lower
from tinyseg_tvm.relay_passes.resize import integer_weights

OPSET = 19
SCALES = [(2.0, 2.0), (1.6, 0.7), (0.5, 0.5), (0.3, 1.3), (0.2, 1.0)]
MODES: dict[str, dict[str, Any]] = {
    "linear": {"mode": "linear"},
    "antialiased": {"mode": "linear", "antialias": 1},
    "cubic": {"mode": "cubic"},
    "sharper cubic": {"mode": "cubic", "cubic_coeff_a": -0.5, "exclude_outside": 1},
    "antialiased cubic": {"mode": "cubic", "antialias": 1},
    "nearest": {"mode": "nearest", "nearest_mode": "round_prefer_floor"},
    "nearest by ceil": {"mode": "nearest", "nearest_mode": "ceil"},
}
COORDINATES = [
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_crop_and_resize",
]


def resized(
    m: QdqModel,
    x: str,
    scales: tuple[float, ...] = (),
    sizes: tuple[int, ...] = (),
    roi: tuple[float, ...] = (),
    **attributes: Any,
) -> str:
    operands = [m.constant(np.array(roi, np.float32)) if roi else ""]
    operands += [m.constant(np.array(scales, np.float32))] if scales else [""]
    operands += [m.constant(np.array(sizes, np.int64))] if sizes else []
    return str(m.op("Resize", x, *operands, **attributes))


def lowered(model: onnx.ModelProto) -> Network:
    return lower(from_onnx(model)[0])


def check(model: onnx.ModelProto, kinds: list[str], steps: float = 1, share: float = 0.1) -> None:
    """The network is of ``kinds``; integers agree within ``steps``, few differ at all; floats within 1e-4."""
    network = lowered(model)
    assert [node.operator.kind for node in network.nodes] == kinds
    inputs = random_inputs(model)
    for expected, actual in zip(run_onnxruntime(model, inputs), reference.run(network, inputs), strict=True):
        assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype)
        difference = np.abs(actual.astype(np.float64) - expected.astype(np.float64))
        if expected.dtype == np.float32:
            assert difference.max() <= 1e-4 * np.abs(expected).max()
        else:
            assert difference.max() <= steps
            assert (difference > 0).mean() <= share


@pytest.mark.sampled(4)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("coordinates", COORDINATES)
def test_every_mode_at_any_scale(mode: str, coordinates: str) -> None:
    attributes = {**MODES[mode], "coordinate_transformation_mode": coordinates}
    crops = coordinates == "tf_crop_and_resize"
    roi = (0, 0, 0.25, 0.1, 1, 1, 0.9, 0.75) if crops else ()  # all of it inside
    for scales in SCALES:
        for quantised in (True, False):
            m = QdqModel()
            x = m.activation(1, 12, 7, 6) if quantised else m.input(1, 12, 7, 6, dtype=TensorProto.FLOAT)
            y = resized(m, x, (1, 1, *scales), roi=roi, **attributes)
            y = m.quantize(y, 0.05, 3) if quantised else y
            check(m.build(y, opset=OPSET), ["resize2d"])


@pytest.mark.parametrize("policy", ["not_larger", "not_smaller"])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_the_aspect_ratio_is_kept(policy: str, mode: str) -> None:
    m = QdqModel()
    attributes: dict[str, Any] = {"axes": [2, 3], "keep_aspect_ratio_policy": policy, "mode": mode}
    y = resized(m, m.activation(1, 3, 8, 6), sizes=(13, 20), **attributes)
    check(m.build(m.quantize(y, 0.05, 3), opset=OPSET), ["resize2d"])


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_what_lies_outside_of_a_crop_is_padded(mode: str) -> None:
    m = QdqModel()
    attributes: dict[str, Any] = {
        "mode": mode,
        "coordinate_transformation_mode": "tf_crop_and_resize",
        "extrapolation_value": 2.0,
    }
    y = resized(m, m.activation(1, 2, 7, 6), (1, 1, 1.5, 2), roi=(0, 0, -0.2, 0.3, 1, 1, 0.8, 1.4), **attributes)
    check(m.build(m.quantize(y, 0.05, 3), opset=OPSET), ["resize2d", "pad"])


def test_a_crop_that_is_outside_altogether_is_refused() -> None:
    m = QdqModel()
    attributes: dict[str, Any] = {"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize"}
    y = resized(m, m.activation(1, 2, 7, 6), (1, 1, 1.5, 2), roi=(0, 0, 2, 2, 1, 1, 3, 3), **attributes)
    with pytest.raises(TinySegError, match="outside of the map"):
        from_onnx(m.build(m.quantize(y, 0.05, 3), opset=OPSET))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_integers_without_quantisers_around(dtype: Any, mode: str) -> None:
    m = QdqModel()
    x = m.input(1, 2, 5, 6, dtype=TensorProto.INT8 if dtype == np.int8 else TensorProto.UINT8)
    y = resized(m, x, (1, 1, 2, 1.5), mode=mode)
    model = m.build(m.dequantize(y, 0.05, 7, dtype), opset=OPSET)
    network = lowered(model)
    assert "opaque" not in [node.operator.kind for node in network.nodes]
    inputs = random_inputs(model)
    difference = np.abs(reference.run(network, inputs)[0] - run_onnxruntime(model, inputs)[0])
    assert difference.max() <= 0.05 * 1.01  # ONNX Runtime cuts off the fraction


@pytest.mark.parametrize("dtype", [TensorProto.INT32, TensorProto.UINT8])
def test_indices_are_resized_by_line(dtype: int) -> None:
    m = QdqModel()
    x = m.input(1, 1, 5, 6, dtype=dtype)
    check(m.build(resized(m, x, (1, 1, 2, 1.5), mode="nearest"), opset=OPSET), ["resize2d"])


@pytest.mark.parametrize("mode", ["linear", "nearest"])
@pytest.mark.parametrize(
    ("shape", "scales"),
    [
        ((1, 4, 5), (1, 1, 1.5)),
        ((6, 5), (2, 1.5)),
        ((1, 7, 6, 2), (1, 2, 1.5, 1)),
        ((2, 3, 5, 4), (1, 1, 0.6, 2)),
        ((1, 2, 3, 4, 5), (1, 1, 2, 0.5, 1.5)),
    ],
)
def test_any_axes_can_be_resized(mode: str, shape: tuple[int, ...], scales: tuple[float, ...]) -> None:
    m = QdqModel()
    model = m.build(resized(m, m.input(*shape, dtype=TensorProto.FLOAT), scales, mode=mode), opset=OPSET)
    inputs = random_inputs(model)
    network = lowered(model)
    assert "resize2d" in {node.operator.kind for node in network.nodes}
    assert "opaque" not in {node.operator.kind for node in network.nodes}
    np.testing.assert_allclose(reference.run(network, inputs)[0], run_onnxruntime(model, inputs)[0], atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "opset", "scales"),
    [
        ("Upsample", 9, (1, 1, 2, 2.5)),
        ("Resize", 10, (1, 1, 2, 2)),
        ("Resize", 10, (1, 1, 0.6, 0.6)),
        ("Resize", 10, (1, 1, 0.6, 2.5)),
    ],
)
def test_forms_before_opset_11(kind: str, opset: int, scales: tuple[float, ...]) -> None:
    m = QdqModel()
    x = m.input(1, 2, 5, 7, dtype=TensorProto.FLOAT)
    y = m.op(kind, x, m.constant(np.array(scales, np.float32)), mode="nearest")
    model = m.build(y, opset=opset)
    inputs = random_inputs(model)
    np.testing.assert_array_equal(reference.run(lowered(model), inputs)[0], run_onnxruntime(model, inputs)[0])


def test_a_resize_to_the_same_shape_is_no_operator() -> None:
    m = QdqModel()
    y = resized(m, m.activation(1, 3, 5, 7), (1, 1, 1.1, 1.1), mode="linear")
    check(m.build(m.quantize(m.op("Sigmoid", y), 0.004, -128), opset=OPSET), ["lookup"], share=0)


def test_integer_weights_sum_to_their_unit() -> None:
    weights = np.array([[0.1, 0.2, 0.3, 0.4], [-0.09375, 0.59375, 0.59375, -0.09375]], np.float32)
    made = integer_weights(weights)
    assert made.sum(axis=1).tolist() == [2048, 2048]
    assert np.abs(made - 2048 * weights).max() <= 1
