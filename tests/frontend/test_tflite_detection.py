"""Networks that end in TFLite_Detection_PostProcess are cut there, and custom operators are refused all at once."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from tests.frontend.tflite_files import TfliteFile
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_tflite
from tinyseg_tvm.network.reference import run
from tinyseg_tvm.relay_passes import lower

DETECTION = "CUSTOM TFLite_Detection_PostProcess"


def detector(*, read_on: bool = False) -> bytes:
    """Boxes are the image, scores its logistic function; one more output stands before the four of the detection."""
    made = TfliteFile()
    image = made.tensor((1, 6, 4), "uint8", 0.1, 120, name="image")
    scores = made.tensor((1, 6, 4), "uint8", 1 / 256, 0, name="scores")
    made.operator("LOGISTIC", [image], [scores])
    flat = made.tensor((1, 24), "uint8", 0.1, 120, name="flat")
    made.operator("RESHAPE", [image, made.constant(np.array([1, 24], np.int32))], [flat], new_shape=[1, 24])
    anchors = made.tensor((6, 4), "uint8", 0.1, 0, np.zeros((6, 4), np.uint8), name="anchors")
    results = [made.tensor(shape, "float32", None) for shape in ((1, 5, 4), (1, 5), (1, 5), (1,))]
    made.operator(DETECTION, [image, scores, anchors], results)
    if read_on:
        after = made.tensor((1, 5), "float32", None, name="after")
        made.operator("ABS", [results[1]], [after])
        results.append(after)
    return made.to_bytes([image], [flat, *results])


def test_its_operands_become_outputs(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        module, _ = from_tflite(detector())
    assert "is left to the application: its operands 'image' and 'scores' are outputs of the network" in caplog.text
    network = lower(module)
    assert [port.name for port in network.outputs] == ["flat", "image", "scores"]
    image = np.random.default_rng(0).integers(0, 256, (1, 6, 4)).astype(np.uint8)
    flat, boxes, scores = run(network, [image])
    np.testing.assert_array_equal(flat, image.reshape(1, 24))
    np.testing.assert_array_equal(boxes, image)
    np.testing.assert_allclose(scores / 256, 1 / (1 + np.exp(-(image - 120.0) * 0.1)), atol=0.004)


def test_a_detection_that_others_read_is_refused():
    with pytest.raises(TinySegError, match=r"node 'after' \(ABS\) reads its result. Remedy: end the network there"):
        from_tflite(detector(read_on=True))


@pytest.mark.parametrize(("dtype", "zero_point"), [("int8", 128), ("uint8", -1), ("int16", 1 << 32)])
def test_zero_points_that_a_type_does_not_have_are_refused(dtype, zero_point):
    made = TfliteFile()
    image, result = (made.tensor((1, 4), dtype, 0.1, zero_point, name=name) for name in ("image", "result"))
    made.operator("ABS", [image], [result])
    with pytest.raises(TinySegError, match=f"'image' has the zero point {zero_point}, which {dtype} does not have"):
        from_tflite(made.to_bytes([image], [result]))


def test_custom_operators_are_listed_together():
    made = TfliteFile()
    tensors = [made.tensor((1, 4), "float32", None, name=name) for name in ("x", "first", "second", "third")]
    for kind, operands in (("CUSTOM FlexErf", (0, 1)), ("ABS", (1, 2)), ("CUSTOM Mfcc", (2, 3))):
        made.operator(kind, [tensors[operands[0]]], [tensors[operands[1]]])
    with pytest.raises(TinySegError) as refusal:
        from_tflite(made.to_bytes([tensors[0]], [tensors[3]]))
    text = str(refusal.value)
    assert "node 'first' (CUSTOM FlexErf)" in text
    assert "node 'third' (CUSTOM Mfcc)" in text
    assert "ABS" not in text
    assert text.endswith("Remedy: convert the model without SELECT_TF_OPS")
