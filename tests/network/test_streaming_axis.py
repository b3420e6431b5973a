"""Exchanging height and width changes lines, not results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tvm import te

from tests.decided_networks import assert_same_network, by_columns
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network import Network, Node, Port, Tensor
from tinyseg_tvm.network.reference import run
from tinyseg_tvm.operators import (
    ArgMax,
    AveragePool2d,
    Concat,
    Conv2d,
    Conv2dTranspose,
    Dense,
    DepthToSpace,
    Elementwise,
    ElementwiseConstant,
    GlobalPool,
    Lookup,
    MaxPool2d,
    Operator,
    Pad,
    Rearrange,
    Reshape,
    Resize2d,
    Select,
    Slice,
    Softmax,
    TensorType,
    Transpose,
)
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.operators.opaque import Opaque


class Builder:
    """Builds a network one node at a time; types are inferred."""

    def __init__(self, model_shape: tuple[int, ...], permutation: tuple[int, ...], shape: tuple[int, ...]) -> None:
        self.tensors = {"x": Tensor("x", TensorType(shape, "int8"), 0.1, 0)}
        self.nodes: list[Node] = []
        self.inputs = (Port("x", "x", model_shape, "int8", permutation),)

    def add(self, operator: Operator, *inputs: str, **constants: np.ndarray) -> str:
        types = [self.tensors[name].type for name in inputs]
        constant_types = {name: TensorType(a.shape, str(a.dtype)) for name, a in constants.items()}
        (kind,) = operator.infer(types, constant_types)
        name = f"{operator.kind}_{len(self.nodes)}"
        self.tensors[name] = Tensor(name, kind, 0.1, 0)
        self.nodes.append(Node(name, operator, inputs, (name,), constants))
        return name

    def shape(self, name: str) -> tuple[int, ...]:
        return self.tensors[name].type.shape

    def network(self, *outputs: str) -> Network:
        ports = []
        for name in outputs:
            kind = self.tensors[name].type
            permutation: tuple[int, ...] = tuple(range(len(kind.shape)))
            if len(kind.shape) == 4:  # as a model in NCHW has it
                permutation = (0, 2, 3, 1)
                shape: tuple[int, ...] = (kind.shape[0], kind.shape[3], kind.shape[1], kind.shape[2])
            else:
                shape = kind.shape
            ports.append(Port(name, name, shape, kind.dtype, permutation))
        return Network("net", self.tensors, tuple(self.nodes), self.inputs, tuple(ports))


def weights(rng: np.random.Generator, *shape: int) -> dict[str, np.ndarray]:
    return {
        "weight": rng.integers(-127, 128, shape, dtype=np.int8),
        "bias": rng.integers(-1000, 1000, shape[0], dtype=np.int32),
        "multiplier": np.full(shape[0], 1e-3, np.float32),
    }


def clamp(name: str, *arguments: Any) -> Any:
    made: type[Any] = {"conv": Conv2d, "tconv": Conv2dTranspose, "dense": Dense}[name]
    return made(*arguments, onnx.WeightedSum(3, -4, -128, 127))


def assert_same_results(network: Network, seed: int = 0) -> Network:
    columns = by_columns(network)
    rng = np.random.default_rng(seed)
    inputs = [rng.integers(-128, 128, port.model_shape, dtype=np.int8) for port in network.inputs]
    for got, expected in zip(run(columns, inputs), run(network, inputs), strict=True):
        np.testing.assert_array_equal(got, expected)
    again = by_columns(columns)
    for got, expected in zip(run(again, inputs), run(network, inputs), strict=True):
        np.testing.assert_array_equal(got, expected)
    return columns


def start(height: int = 9, width: int = 6, channels: int = 3) -> Builder:
    return Builder((1, channels, height, width), (0, 2, 3, 1), (1, height, width, channels))


def test_lines_become_columns():
    rng = np.random.default_rng(0)
    build = start(9, 6, 3)
    result = build.add(clamp("conv", (2, 1), (1, 0, 2, 3), (1, 2), 1), "x", **weights(rng, 4, 3, 2, 3))
    network = build.network(result)
    columns = assert_same_results(network)
    assert columns.tensors["x"].type.shape == (1, 6, 9, 3)
    assert columns.tensors["x"].type.lines == 6
    assert columns.inputs[0].permutation == (0, 3, 2, 1)
    operator = columns.nodes[0].operator
    assert isinstance(operator, Conv2d)
    assert operator.padding == (0, 1, 3, 2)
    assert columns.nodes[0].constants["weight"].shape == (4, 2, 3, 3)


def blocks(shape: tuple[int, ...], order: int) -> Operator:
    """Blocks of pixels become channels."""
    _, height, width, channels = shape
    rows, columns = 2 - height % 2, 2 - width % 2
    split = (1, height // rows, rows, width // columns, columns, channels)
    permutation = ((0, 1, 3, 2, 4, 5), (0, 1, 3, 5, 4, 2))[order]
    return Rearrange(split, permutation, (1, height // rows, width // columns, rows * columns * channels))


def unary(build: Builder, rng: np.random.Generator, source: str, choice: int) -> str:  # noqa: C901, PLR0912
    """One of the operators that take one map."""
    _, height, width, channels = build.shape(source)
    if choice == 0:
        return build.add(clamp("conv", (1, 2), (1, 2, 1, 0), (1, 1), 1), source, **weights(rng, 4, 3, 2, channels))
    if choice == 1:
        return build.add(
            clamp("conv", (2, 1), (2, 0, 2, 1), (2, 1), channels), source, **weights(rng, channels, 3, 2, 1)
        )
    if choice == 2:
        return build.add(
            clamp("tconv", (2, 1), (0, 1, 1, 0), (1, 0), (1, 1), 1), source, **weights(rng, 3, 2, 3, channels)
        )
    if choice == 3:
        return build.add(MaxPool2d((2, 3), (1, 2), (1, 1, 0, 1), (1, 1)), source)
    if choice == 4:
        return build.add(AveragePool2d((3, 2), (2, 1), (1, 0, 1, 1), False, onnx.Average(0.1, 3, 0.1, 3)), source)
    if choice == 5:
        nearest = (
            rng.integers(0, height, (height + 2, 1)).astype(np.int32),
            rng.integers(0, width, (width, 1)).astype(np.int32),
        )
        ones = [np.ones_like(table) for table in nearest]
        tables = {"rows": nearest[0], "row_weights": ones[0], "columns": nearest[1], "column_weights": ones[1]}
        return build.add(Resize2d("nearest"), source, **tables)
    if choice == 6:
        return build.add(Pad((0, 1, 2, 0), (0, 0, 3, 1), -7), source)
    if choice == 7:
        return build.add(Slice((0, height // 2, 0, 0), (1, height, width, channels), (1, 1, 2, 1)), source)
    if choice == 8:
        other = rng.integers(-128, 128, (1, height, width, channels), dtype=np.int8)
        operator = ElementwiseConstant(
            "mul", constant_is_lhs=True, arithmetic=onnx.Binary(0.1, 3, 0.1, 1, 0.9, 0, -128, 127)
        )
        return build.add(operator, source, other=other)
    if choice == 9:
        gate = build.add(GlobalPool("average", onnx.Average(0.1, 0, 0.1, 0)), source)
        return build.add(Elementwise("mul", onnx.Binary(0.1, 0, 0.1, 0, 0.8, 0, -128, 127)), source, gate)
    if choice == 10:
        table = rng.permutation(256).astype(np.uint8).view(np.int8)
        return build.add(Concat(3), source, build.add(Lookup("int8"), source, table=table))
    if choice == 11:
        return build.add(Concat(int(rng.integers(1, 3))), source, source)
    if choice == 15:
        axis = int(rng.integers(1, 4))
        indices = np.arange(build.shape(source)[axis])[::-1].astype(np.int32)
        return build.add(Select(axis), source, indices=indices)
    if choice == 14:
        return build.add(blocks(build.shape(source), int(rng.integers(2))), source)
    if choice == 12:
        return build.add(clamp("dense", False), source, **weights(rng, 5, channels))
    return build.add(
        Softmax(onnx.Softmax(1 / 256, -128)), source, table=np.exp(-np.arange(256) * 0.05).astype(np.float32)
    )


def head(build: Builder, rng: np.random.Generator, source: str, choice: int) -> str:
    """One of the ways a network may leave the form of a map, or not."""
    _, height, width, channels = build.shape(source)
    if choice == 0:
        return build.add(clamp("dense", True), source, **weights(rng, 5, height * width * channels))
    if choice == 1:
        return build.add(ArgMax(False, False, "uint8"), source)
    if choice == 2:
        pooled = build.add(GlobalPool("average", onnx.Average(0.1, 0, 0.1, 0)), source)
        return build.add(Reshape((1, channels)), pooled)
    if choice == 3:
        return build.add(Reshape((1, height * width * channels)), build.add(Transpose((0, 3, 1, 2)), source))
    if choice == 4:
        return build.add(Rearrange((1, height, width, channels), (0, 3, 1, 2), (1, channels * height * width)), source)
    return source


@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, 15), min_size=1, max_size=4),
    st.integers(0, 5),
    st.tuples(st.integers(6, 9), st.integers(6, 9)),
)
def test_random_chains_compute_the_same(seed, choices, last, extents):
    rng = np.random.default_rng(seed)
    build = start(*extents)
    name = "x"
    for choice in choices:
        if min(build.shape(name)[1:3]) < 3:
            break
        name = unary(build, rng, name, choice)
    assert_same_results(build.network(head(build, rng, name, last)), seed)


def test_ports_without_a_batch_axis_keep_their_model_shape():
    build = Builder((3, 9, 6), (1, 2, 0), (1, 9, 6, 3))
    columns = assert_same_results(build.network(build.add(MaxPool2d((2, 2), (2, 2), (0, 0, 0, 0), (1, 1)), "x")))
    assert columns.inputs[0].permutation == (2, 1, 0)


def test_a_pooled_branch_that_is_resized_back_joins_the_map():
    build = start()
    pooled = build.add(GlobalPool("average", onnx.Average(0.1, 0, 0.1, 0)), "x")
    tables = {
        "rows": np.zeros((9, 1), np.int32),
        "row_weights": np.ones((9, 1), np.int32),
        "columns": np.zeros((6, 1), np.int32),
        "column_weights": np.ones((6, 1), np.int32),
    }
    wide = build.add(Resize2d("nearest"), pooled, **tables)
    assert_same_results(build.network(build.add(Concat(3), "x", wide)))


def test_networks_without_maps_stay_as_they_are():
    rng = np.random.default_rng(0)
    build = Builder((1, 7), (0, 1), (1, 7))
    network = build.network(build.add(clamp("dense", False), "x", **weights(rng, 5, 7)))
    assert_same_network(by_columns(network), network)


def test_everything_that_cannot_be_exchanged_is_named_at_once():
    build = start(4, 4, 4)
    taken_apart = build.add(Reshape((1, 16, 4)), "x")
    blocks = build.add(DepthToSpace(2, "DCR"), "x")
    with pytest.raises(TinySegError) as error:
        by_columns(build.network(taken_apart, blocks))
    assert "node 'reshape_0' (reshape): it takes the map (1, 4, 4, 4) apart into (1, 16, 4)" in str(error.value)
    assert "node 'depth_to_space_1' (depth_to_space)" in str(error.value)
    assert "stream it by rows" in str(error.value)


def test_operators_computed_as_a_whole_are_refused_on_maps():
    build = start()
    x = te.placeholder((1, 9, 6, 3), "int8", name="x")
    program = te.create_prim_func([x, te.compute(x.shape, lambda *indices: -x(*indices))])
    name = build.add(Opaque("negative", (TensorType((1, 9, 6, 3), "int8"),), (), program), "x")
    with pytest.raises(TinySegError, match=r"node 'opaque_0' \(opaque\): it is computed as a whole"):
        by_columns(build.network(name))
