"""MaxUnpool puts values back where a MaxPool found its maxima: by line, as ONNX Runtime does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.decided_networks import by_columns
from tests.passes.qdq_models import QdqModel, random_inputs, run_onnxruntime
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.network import reference
from tinyseg_tvm.relay_passes import lower


def unpooled(m: QdqModel, x: str, shape: tuple[int, ...] = (), **window: Any) -> str:
    values, indices = m.op("MaxPool", x, outputs=2, **window)
    values = m.op("Neg", values)
    sizes = [m.constant(np.array(shape, np.int64))] if shape else []
    return str(m.op("MaxUnpool", values, indices, *sizes, **window))


WINDOWS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((), {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ((1, 3, 6, 8), {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ((1, 3, 6, 8), {"kernel_shape": [2, 2], "strides": [3, 3]}),
]


@pytest.mark.parametrize(("shape", "window"), WINDOWS)
@pytest.mark.parametrize("quantised", [True, False])
def test_unpooling(shape: tuple[int, ...], window: dict[str, Any], quantised: bool) -> None:
    m = QdqModel()
    x = m.activation(1, 3, 6, 8) if quantised else m.input(1, 3, 6, 8, dtype=TensorProto.FLOAT)
    y = unpooled(m, x, shape, **window)
    result = m.quantize(y, 0.05, 3) if quantised else y
    model = built_with_shape(m, result, shape, quantised) if shape else m.build(result)
    network = lower(from_onnx(model)[0])
    assert "opaque" not in {node.operator.kind for node in network.nodes}
    inputs = [np.sign(array) * (array % 7) if quantised else array for array in random_inputs(model)]  # equal maxima
    inputs = [array.astype(before.dtype) for array, before in zip(inputs, random_inputs(model), strict=True)]
    expected = run_onnxruntime(model, inputs)[0]
    np.testing.assert_array_equal(reference.run(network, inputs)[0], expected)
    if window["strides"] >= window["kernel_shape"]:
        np.testing.assert_array_equal(reference.run(by_columns(network), inputs)[0], expected)
    else:
        with pytest.raises(TinySegError, match="overlap"):
            by_columns(network)


def built_with_shape(m: QdqModel, result: str, shape: tuple[int, ...], quantised: bool) -> Any:
    """ONNX infers no shape of a MaxUnpool that is given one."""
    kind = TensorProto.INT8 if quantised else TensorProto.FLOAT
    outputs = [helper.make_tensor_value_info(result, kind, shape)]
    graph = helper.make_graph(m.nodes, "model", m.inputs, outputs, m.initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
