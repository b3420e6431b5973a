"""Pads of all modes, Tile, Expand, Slice and Split of any axis and step, Concat with constants: by line, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from tests.decided_networks import by_columns
from tests.passes.qdq_models import QdqModel, random_inputs, run_onnxruntime
from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.network import Network, reference
from tinyseg_tvm.relay_passes import lower

FLOAT = TensorProto.FLOAT


def check(m: QdqModel, *results: str, opset: int = 19) -> Network:
    """Results are ONNX Runtime's, and no step takes whole maps."""
    model = m.build(*results, opset=opset)
    network = lower(from_onnx(model)[0])
    inputs = random_inputs(model)
    wanted = run_onnxruntime(model, inputs)
    for streamed in (network, by_columns(network)):
        for expected, actual in zip(wanted, reference.run(streamed, inputs), strict=True):
            np.testing.assert_array_equal(actual, expected)
    for node in network.nodes:
        access = node.operator.line_access(network.input_types(node), network.output_types(node), node.constants)
        taken = [kind.lines for kind, whole in zip(network.input_types(node), access.whole_reads, strict=True) if whole]
        assert node.operator.kind != "opaque"
        assert max(taken, default=1) == 1, node.name
    return network


def integers(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


@pytest.mark.parametrize("mode", ["reflect", "edge", "wrap"])
@pytest.mark.parametrize("pads", [(0, 0, 2, 1, 0, 0, 1, 3), (0, 1, 0, 0, 0, 2, 0, 1), (0, 0, -1, 2, 0, 0, 2, -2)])
@pytest.mark.parametrize("quantised", [True, False])
def test_pads_of_all_modes(mode: str, pads: tuple[int, ...], quantised: bool) -> None:
    if min(pads) < 0 and mode != "edge":
        pads = tuple(max(amount, 0) for amount in pads)
    m = QdqModel()
    x = m.activation(1, 4, 6, 5) if quantised else m.input(1, 4, 6, 5, dtype=FLOAT)
    y = m.op("Pad", x, m.constant(integers(*pads)), mode=mode)
    check(m, m.quantize(y, 0.05, 3) if quantised else y)


def test_a_pad_below_zero_cuts_off() -> None:
    m = QdqModel()
    y = m.op("Pad", m.activation(1, 4, 6, 5), m.constant(integers(0, 0, -1, 2, 0, -1, 1, -2)))
    check(m, m.quantize(y, 0.05, 3))


@pytest.mark.parametrize("repeats", [(1, 1, 2, 3), (1, 3, 1, 1), (1, 1, 1, 2)])
def test_tile(repeats: tuple[int, ...]) -> None:
    m = QdqModel()
    check(m, m.quantize(m.op("Tile", m.activation(1, 4, 3, 5), m.constant(integers(*repeats))), 0.05, 3))


@pytest.mark.parametrize(
    ("shape", "result"), [((1, 4, 1, 1), (1, 4, 3, 5)), ((1, 1, 6, 5), (4, 1, 1)), ((1, 4, 1, 5), (1, 1, 6, 1))]
)
def test_expand(shape: tuple[int, ...], result: tuple[int, ...]) -> None:
    m = QdqModel()
    check(m, m.quantize(m.op("Expand", m.activation(*shape), m.constant(integers(*result))), 0.05, 3))


@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize("bounds", [(0, 6, 2), (5, 0, -1), (-2, -7, -2)])
@pytest.mark.parametrize("quantised", [True, False])
def test_slices_of_any_axis_and_step(axis: int, bounds: tuple[int, int, int], quantised: bool) -> None:
    m = QdqModel()
    x = m.activation(1, 6, 6, 6) if quantised else m.input(1, 6, 6, 6, dtype=FLOAT)
    begin, end, step = bounds
    operands = (m.constant(integers(value)) for value in (begin, end, axis, step))
    y = m.op("Slice", x, *operands)
    check(m, m.quantize(y, 0.05, 3) if quantised else y)


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_splits_of_any_axis(axis: int) -> None:
    m = QdqModel()
    parts = m.op("Split", m.activation(1, 6, 6, 6), m.constant(integers(1, 3, 2)), outputs=3, axis=axis)
    check(m, *(m.quantize(part, 0.05, 3) for part in parts))


@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize("first", [True, False])
def test_concat_with_a_constant(axis: int, first: bool) -> None:
    m = QdqModel()
    x, constant = m.activation(1, 3, 3, 3), m.weight(1, 3, 3, 3, scale=0.04)
    y: Any = m.op("Concat", *((constant, x) if first else (x, constant)), axis=axis)
    check(m, m.quantize(y, 0.05, 3))
    m = QdqModel()
    x, constant = m.input(1, 3, 3, 3, dtype=FLOAT), m.constant(m.random.normal(0, 1, (1, 3, 3, 3)).astype(np.float32))
    check(m, m.op("Concat", *((constant, x) if first else (x, constant)), axis=axis))
