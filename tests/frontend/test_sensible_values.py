"""Constants out of their type's sense are refused with a sentence; values at the edges are ONNX Runtime's."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from tests.frontend.onnx_models import model, node, port, run_onnxruntime
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.frontend.onnx_model import normalized_graph
from tinyseg_tvm.network import reference
from tinyseg_tvm.relay import BuildOptions, build

NAN, INFINITE = np.array([[1, np.nan]], np.float32), np.array([[1, -np.inf]], np.float32)
SENSELESS = [
    ("Conv", [1, 2, 3, 3], NAN.reshape(1, 2, 1, 1), r"'w' is nan at \[0, 1, 0, 0\]"),
    ("Conv", [1, 2, 3, 3], INFINITE.reshape(1, 2, 1, 1), "'w' is -inf"),
    ("Gemm", [1, 2], INFINITE.T, r"'w' is -inf at \[1, 0\]"),
    ("MatMul", [1, 2], NAN.T, "'w' is nan"),
    ("PRelu", [1, 2], NAN, "'w' is nan"),
    ("Add", [1, 2], NAN, "'w' is nan"),
    ("Clip", [1, 2], NAN[0, 1], "'w' is nan"),
]


@pytest.mark.parametrize(("op_type", "shape", "constant", "said"), SENSELESS)
def test_a_weight_that_is_no_number_is_refused(op_type, shape, constant, said):
    proto = model([node(op_type, "x w", "y", "it")], [port("x", shape)], [port("y", None)], {"w": constant})
    with pytest.raises(TinySegError, match=rf"node 'it' .*{said}"):
        normalized_graph(proto)


def test_an_infinity_that_masks_is_taken():
    proto = model([node("Add", "x w", "y")], [port("x", [1, 2])], [port("y", None)], {"w": INFINITE})
    assert [each.op_type for each in normalized_graph(proto)[0].nodes] == ["Add"]


@pytest.mark.parametrize(
    ("scale", "zero", "said"),
    [(0.1, 5, "zero point is 5; integers of 32 bits"), (1e30, 0, "scale is 1.0.*e.30"), (-0.1, 0, "scale is -0.1")],
)
def test_a_bias_that_is_quantised_senselessly_is_refused(scale, zero, said):
    nodes = [node("DequantizeLinear", "b s z", "bias", "bias"), node("Conv", "x w bias", "y")]
    constants = {"b": np.array([3], np.int32), "s": np.float32(scale), "z": np.int32(zero)}
    constants["w"] = np.ones((1, 2, 1, 1), np.float32)
    with pytest.raises(TinySegError, match=f"node 'bias' .*{said}"):
        normalized_graph(model(nodes, [port("x", [1, 2, 3, 3])], [port("y", None)], constants))


def test_results_that_the_device_cannot_hold_are_refused_by_name():
    four_bits = model(
        [node("QuantizeLinear", "x s", "y", "narrow", output_dtype=TensorProto.INT4)],
        [port("x", [4])],
        [port("y", None)],
        {"s": np.float32(0.1)},
        21,
    )
    with pytest.raises(TinySegError, match=r"narrow .*type int4 is an output"):
        normalized_graph(four_bits)
    nodes = [node("Dropout", "x", "y m", "drop")]
    with pytest.raises(TinySegError, match=r"'drop' .*mask"):
        normalized_graph(model(nodes, [port("x", [4])], [port("y", None), port("m", None)], opset=7))
    nodes = [node("BatchNormalization", "x s b m v", "y a c d e", "train")]
    constants = {name: np.ones(2, np.float32) for name in "sbmv"}
    with pytest.raises(TinySegError, match=r"'train' .*training mode"):
        normalized_graph(model(nodes, [port("x", [1, 2, 3])], [port("y", None), port("d", [2])], constants, 9))


def results(proto, feeds):
    factory = build(*from_onnx(proto)[:1], BuildOptions(board="host"), name="edge")
    return reference.run(factory.network, [feeds[value.name] for value in proto.graph.input])


def assert_as_in_onnxruntime(proto, feeds):
    assert_near(results(proto, feeds), run_onnxruntime(proto, feeds))


def assert_near(computed, expected):
    for got, wanted in zip(computed, expected, strict=True):
        assert (got.dtype, got.shape) == (np.asarray(wanted).dtype, np.shape(wanted))
        np.testing.assert_allclose(got, wanted, 1e-5, 1e-6)


@pytest.mark.parametrize("mask", ["bool", "float32"])
def test_a_row_of_attention_that_is_masked_altogether_is_zero(mask):
    ports = [port("q", [1, 1, 2, 4]), port("k", [1, 1, 3, 4]), port("v", [1, 1, 3, 4]), port("m", [2, 3], mask)]
    keep = np.array([[1, 0, 1], [0, 0, 0]], bool)
    rng = np.random.default_rng(0)
    feeds = {name: rng.standard_normal((1, 1, n, 4)).astype(np.float32) for name, n in (("q", 2), ("k", 3), ("v", 3))}
    feeds["m"] = keep if mask == "bool" else np.where(keep, 0, -np.inf).astype(np.float32)
    assert_as_in_onnxruntime(model([node("Attention", "q k v m", "y")], ports, [port("y", None)], opset=23), feeds)


@pytest.mark.parametrize("scale", [0.5, 0.25])
def test_regions_are_moved_by_half_a_pixel_of_the_map(scale):
    attributes = {"output_height": 2, "output_width": 3, "sampling_ratio": 2, "spatial_scale": scale}
    proto = model(
        [node("RoiAlign", "x r b", "y", **attributes)],
        [port("x", [1, 2, 6, 6]), port("r", [2, 4]), port("b", [2], "int64")],
        [port("y", None)],
        opset=16,
    )
    x = np.sin(np.arange(72)).astype(np.float32).reshape(1, 2, 6, 6)
    regions = np.array([[0, 0, 8, 8], [2, 2, 7, 11]], np.float32)
    assert_as_in_onnxruntime(proto, {"x": x, "r": regions, "b": np.zeros(2, np.int64)})


def waves(*shape: int) -> np.ndarray:
    return np.sin(np.arange(np.prod(shape, dtype=int))).astype(np.float32).reshape(shape)


SCALARS = [
    ("ReduceMax", {"keepdims": 0}, (2, 3)),
    ("ArgMax", {"keepdims": 0}, (3,)),
    ("Log", {}, ()),
    ("Sqrt", {}, ()),
    ("Squeeze", {}, (1,)),
]


@pytest.mark.parametrize(("op_type", "attributes", "shape"), SCALARS)
def test_a_scalar_stays_one(op_type, attributes, shape):
    kind = "int64" if op_type == "ArgMax" else "float32"
    nodes = [node(op_type, "x", "m", **attributes), node("Neg", "m", "y")]
    proto = model(nodes, [port("x", shape)], [port("y", [], kind)], opset=13)
    assert_as_in_onnxruntime(proto, {"x": np.asarray(np.abs(waves(*shape)) + 1)})


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
@pytest.mark.parametrize("op_type", ["SpaceToDepth", "DepthToSpace"])
def test_blocks_are_in_the_order_of_the_mode(op_type, mode):
    proto = model(
        [node(op_type, "x", "y", blocksize=2, mode=mode)],
        [port("x", [2, 8, 4, 6])],
        [port("y", None)],
        opset=onnx.defs.onnx_opset_version(),
    )
    feeds = {"x": waves(2, 8, 4, 6)}
    assert_near(results(proto, feeds), ReferenceEvaluator(proto).run(None, feeds))


@pytest.mark.parametrize("sizes", [(7, 9), (3, 2), (1, 5)])
def test_cubic_with_aligned_corners(sizes):
    constants = {"s": np.array([1, 2, *sizes], np.int64)}
    attributes: dict[str, Any] = {
        "mode": "cubic",
        "coordinate_transformation_mode": "align_corners",
        "cubic_coeff_a": -0.5,
    }
    proto = model(
        [node("Resize", "x - - s", "y", **attributes)], [port("x", [1, 2, 4, 5])], [port("y", None)], constants
    )
    assert_as_in_onnxruntime(proto, {"x": waves(1, 2, 4, 5)})


def test_the_greatest_in_any_order_are_the_greatest():
    ports = [port("v", [2, 3]), port("i", [2, 3], "int64")]
    nodes = [node("TopK", "x k", "v i", axis=1, sorted=0)]
    proto = model(nodes, [port("x", [2, 7])], ports, {"k": np.array([3], np.int64)})
    x = waves(2, 7)
    values, places = results(proto, {"x": x})
    np.testing.assert_array_equal(np.sort(values, 1), np.sort(x, 1)[:, -3:])
    np.testing.assert_array_equal(np.take_along_axis(x, places, 1), values)


@pytest.mark.parametrize("op_type", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("size", range(5, 10))
def test_chained_pools_of_partial_windows_have_the_extents_of_onnxruntime(op_type, size):
    attributes: dict[str, Any] = {"kernel_shape": [2, 3], "strides": [3, 2], "pads": [1, 0, 0, 1], "ceil_mode": 1}
    nodes = [node(op_type, "x", "m", **attributes), node(op_type, "m", "y", **attributes)]
    assert_as_in_onnxruntime(
        model(nodes, [port("x", [1, 2, size + 4, size])], [port("y", None)], opset=19),
        {"x": waves(1, 2, size + 4, size)},
    )


def test_results_of_bfloat16_are_rounded_to_it():
    ports = [helper.make_tensor_value_info(name, TensorProto.BFLOAT16, [6]) for name in "xy"]
    proto = model([node("Mul", "x x", "y")], ports[:1], ports[1:], opset=13)
    x = np.array([1.0078125, -3.015625, 3e38, 0.0, np.inf, np.nan], np.float32)
    (got,) = results(proto, {"x": x})
    # of 1.01568604 and of 9.09399414; beyond the greatest value lies infinity
    np.testing.assert_array_equal(got, np.array([1.015625, 9.125, np.inf, 0, np.inf, np.nan], np.float32))


def test_the_greatest_of_sampled_places_is_refused_by_name():
    nodes = [node("RoiAlign", "x r b", "y", "roi", mode="max", output_height=2, output_width=2)]
    ports = [port("x", [1, 2, 6, 6]), port("r", [2, 4]), port("b", [2], "int64")]
    with pytest.raises(TinySegError, match=r"'roi' .*mode max"):
        normalized_graph(model(nodes, ports, [port("y", None)], opset=16))


@pytest.mark.parametrize(("negative", "positive"), [(0, 1), (1, 0), (0, 0), (1, 1)])
def test_infinities_of_the_signs_that_are_asked_for(negative, positive):
    attributes = {"detect_negative": negative, "detect_positive": positive}
    proto = model([node("IsInf", "x", "y", **attributes)], [port("x", [4])], [port("y", [4], "bool")], opset=20)
    x = np.array([np.inf, -np.inf, np.nan, 1], np.float32)
    (got,) = results(proto, {"x": x})
    assert got.tolist() == [bool(positive), bool(negative), False, False]


def test_values_dropped_at_random_are_refused_by_name():
    constants = {"r": np.float32(0.5), "t": np.array(True)}
    proto = model([node("Dropout", "x r t", "y", "drop")], [port("x", [4])], [port("y", [4])], constants, 13)
    with pytest.raises(TinySegError, match=r"'drop' .*at random"):
        normalized_graph(proto)


@pytest.mark.parametrize("op_type", ["ReduceMax", "MaxPool", "GlobalMaxPool"])
def test_the_greatest_of_minus_infinities_is_one(op_type):
    attributes: dict[str, Any] = {
        "ReduceMax": {"axes": [3]},
        "MaxPool": {"kernel_shape": [1, 4], "pads": [0, 1, 0, 1]},
        "GlobalMaxPool": {},
    }[op_type]
    proto = model([node(op_type, "x", "y", **attributes)], [port("x", [1, 5, 3, 4])], [port("y", None)], opset=13)
    (got,) = results(proto, {"x": np.full((1, 5, 3, 4), -np.inf, np.float32)})
    assert np.isneginf(got).all()


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("direction", ["LEFT", "RIGHT"])
def test_shifts_of_signed_numbers_leave_the_sign(direction, constant):
    x = np.array([-8, 7, -(2**31), -3, -1, 5, -6], np.int32)
    by = np.array([1, 2, 31, 32, 100, -1, -64], np.int32)
    ports = [port(name, [7], "int32") for name in ("x", "by", "y")]
    inputs, constants = (ports[:1], {"by": by}) if constant else (ports[:2], {})
    nodes = [node("BitShift", "x by", "y", direction=direction)]
    proto = model(nodes, inputs, ports[2:], constants, onnx.defs.onnx_opset_version())
    (got,) = results(proto, {"x": x, "by": by})
    wide = [
        (value << n if direction == "LEFT" else value >> n) if 0 <= n < 32 else None
        for value, n in zip(x.tolist(), by.tolist(), strict=True)
    ]
    filled = [-1 if direction == "RIGHT" and value < 0 else 0 for value in x]
    wanted = [other if each is None else each for each, other in zip(wide, filled, strict=True)]
    assert got.tolist() == [(each + 2**31) % 2**32 - 2**31 for each in wanted]


@pytest.mark.parametrize("op_type", ["Reshape", "Relu"])
def test_tensors_of_too_many_dimensions_are_refused(op_type):
    """Numpy itself gives up at 32, in the middle of a pass."""
    rank = 44
    shape = [4] + [1] * (rank - 1)
    constants = {"s": np.array(shape, np.int64)} if op_type == "Reshape" else {}
    nodes = [node(op_type, " ".join(["x", *constants]), "y", "it"), node("Mul", "y c", "z")]
    ports = [port("x", [4] if constants else shape)]
    with pytest.raises(TinySegError, match="has 44 dimensions, more than the limit of 16"):
        from_onnx(model(nodes, ports, [port("z", None)], {**constants, "c": np.full([1] * rank, 2, np.float32)}))
