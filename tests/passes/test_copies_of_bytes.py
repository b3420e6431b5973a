"""Values that functions of bytes make are copied as bytes: no map of float32 lies before or behind the copy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.passes.qdq_models import QdqModel, random_inputs, run_onnxruntime
from tests.passes.test_float_lowering import network_of
from tinyseg_tvm.network import reference


def integers(m: QdqModel, *values: int) -> str:
    return m.constant(np.array(values, np.int64))


def resized(m: QdqModel, x: str) -> str:
    scales = m.constant(np.array([1, 1, 2, 2], np.float32))
    return str(m.op("Resize", x, "", scales, mode="nearest", nearest_mode="floor"))


COPIES: dict[str, Callable[[QdqModel, str], str]] = {
    "Resize": resized,
    "Slice": lambda m, x: str(m.op("Slice", x, *(integers(m, n) for n in (1, 3, 2)))),
    "Gather": lambda m, x: str(m.op("Gather", x, integers(m, 3, 0, 1), axis=1)),
    "DepthToSpace": lambda m, x: str(m.op("DepthToSpace", x, blocksize=2)),
    "shuffle": lambda m, x: str(
        m.op(
            "Reshape",
            m.op("Transpose", m.op("Reshape", x, integers(m, 1, 2, 2, 4, 5)), perm=[0, 2, 1, 3, 4]),
            integers(m, 1, 4, 4, 5),
        )
    ),
}


@pytest.mark.parametrize("kind", COPIES)
@pytest.mark.parametrize("first", ["Sin", ""])
def test_a_copy_between_functions_of_float_is_of_bytes(kind, first):
    m = QdqModel()
    x = m.op("Conv", m.activation(1, 3, 4, 5), m.weight(4, 3, 1, 1))
    x = m.dequantize(m.quantize(x, 0.04, 2), 0.04, 2)
    y = COPIES[kind](m, m.op(first, x) if first else x)
    model = m.build(m.quantize(m.op("Sigmoid", y), 1 / 256, -128))
    network = network_of(model)
    assert {tensor.type.dtype for tensor in network.tensors.values()} == {"int8"}
    inputs = random_inputs(model)
    found, wanted = reference.run(network, inputs)[0], run_onnxruntime(model, inputs)[0]
    assert np.abs(found.astype(int) - wanted.astype(int)).max() <= 1  # ONNX Runtime's functions are approximations, too


def test_a_function_that_others_read_is_made_once():
    m = QdqModel()
    x = m.op("Sin", m.activation(1, 4, 4, 5))
    cubed = m.op("Mul", m.op("Mul", x, x), x)
    model = m.build(m.quantize(m.op("Exp", resized(m, x)), 0.02, 0), m.op("Cos", cubed))
    network = network_of(model)
    assert sum("sin" in getattr(node.operator, "expression", "") for node in network.nodes) == 1
    inputs = random_inputs(model)
    for found, wanted in zip(reference.run(network, inputs), run_onnxruntime(model, inputs), strict=True):
        assert np.abs(found.astype(float) - wanted).max() <= 1
