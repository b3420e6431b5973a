"""Normalisations and softmax of quantised maps: right, and without a step that takes a whole map."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.passes.qdq_models import QdqModel, random_inputs, run_onnxruntime
from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.network import reference
from tinyseg_tvm.network.problem import line_access
from tinyseg_tvm.relay_passes import lower

CHANNELS, EXTENT = 8, 6


def factors(model: QdqModel, *shape: int) -> str:
    return model.constant(model.random.normal(1, 0.3, shape).astype(np.float32))


def integers(model: QdqModel, *values: int) -> str:
    return model.constant(np.array(values, np.int64))


def instance_norm(model: QdqModel, x: str) -> str:
    return str(model.op("InstanceNormalization", x, factors(model, CHANNELS), factors(model, CHANNELS)))


def group_norm(model: QdqModel, x: str) -> str:
    """As exporters spell it."""
    grouped = model.op("Reshape", x, integers(model, 0, 4, -1))
    ones, zeros = model.constant(np.ones(4, np.float32)), model.constant(np.zeros(4, np.float32))
    normal = model.op("InstanceNormalization", grouped, ones, zeros)
    joined = model.op("Reshape", normal, integers(model, 1, CHANNELS, EXTENT, EXTENT))
    return str(model.op("Mul", joined, factors(model, CHANNELS, 1, 1)))


def layer_norm(model: QdqModel, x: str) -> str:
    """Of the channels of each pixel."""
    pixels = model.op("Transpose", x, perm=[0, 2, 3, 1])
    normal = model.op("LayerNormalization", pixels, factors(model, CHANNELS), factors(model, CHANNELS), axis=-1)
    return str(model.op("Transpose", normal, perm=[0, 3, 1, 2]))


def spelled_layer_norm(model: QdqModel, x: str) -> str:
    """As older exporters write it."""
    pixels = model.op("Transpose", x, perm=[0, 2, 3, 1])
    apart = model.op("Sub", pixels, model.op("ReduceMean", pixels, axes=[-1]))
    squares = model.op("ReduceMean", model.op("Pow", apart, model.constant(np.float32(2))), axes=[-1])
    root = model.op("Sqrt", model.op("Add", squares, model.constant(np.float32(1e-5))))
    return str(model.op("Transpose", model.op("Div", apart, root), perm=[0, 3, 1, 2]))


def along(operator: str, axis: int) -> Callable[[QdqModel, str], str]:
    return lambda model, x: str(model.op(operator, x, axis=axis))


KINDS: dict[str, tuple[Callable[[QdqModel, str], str], tuple[float, int]]] = {
    "InstanceNormalization": (instance_norm, (0.03, 5)),
    "group normalisation": (group_norm, (0.03, 5)),
    "LayerNormalization": (layer_norm, (0.03, 5)),
    "spelled LayerNormalization": (spelled_layer_norm, (0.03, 5)),
    "LayerNormalization of all": (
        lambda m, x: str(m.op("LayerNormalization", x, factors(m, CHANNELS, EXTENT, EXTENT), axis=1)),
        (0.03, 5),
    ),
    "LpNormalization of channels": (along("LpNormalization", 1), (0.008, 0)),
    "LpNormalization of rows": (along("LpNormalization", 3), (0.008, 0)),
    "LogSoftmax of channels": (along("LogSoftmax", 1), (0.1, 120)),
    "ReduceL2 of channels": (lambda m, x: str(m.op("ReduceL2", x, axes=[1])), (0.03, -128)),
    "Softmax of rows": (along("Softmax", 3), (1 / 256, -128)),
    "Softmax of columns": (along("Softmax", 2), (1 / 256, -128)),
}


RESHAPED = {"group normalisation"}  # whose lines are of float32 between the reshapes


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_normalisations_keep_to_lines_and_to_bytes(kind: str) -> None:
    build, result = KINDS[kind]
    model = QdqModel()
    x = model.op("Conv", model.activation(1, 3, EXTENT, EXTENT), model.weight(CHANNELS, 3, 1, 1))
    x = model.dequantize(model.quantize(x, 0.04, 2), 0.04, 2)
    built = model.build(model.quantize(build(model, x), *result))
    imported = from_onnx(built)
    network = lower(imported[0] if isinstance(imported, tuple) else imported)
    for node in network.nodes:
        access = line_access(network, node)
        types = (*network.input_types(node), *network.output_types(node))
        maps = [each for each in types if each.elements >= CHANNELS * EXTENT * EXTENT]
        assert access.steps > 1 or not maps, node
        assert kind in RESHAPED or all(each.dtype == "int8" for each in maps), node
    inputs = random_inputs(built)
    for found, wanted in zip(reference.run(network, inputs), run_onnxruntime(built, inputs), strict=True):
        assert np.abs(found.astype(int) - wanted.astype(int)).max() <= 1
