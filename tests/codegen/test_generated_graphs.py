"""Random graphs, streamed in random orders with lines packed over one another, equal the reference bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.codegen.harness import (
    NetworkBuilder,
    assert_equal_to_reference,
    build,
    problem_of,
    random_inputs,
    streamed_plan,
)
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.network.problem import IoMode
from tinyseg_tvm.operators import (
    Conv2d,
    Conv2dTranspose,
    Elementwise,
    GlobalPool,
    Lookup,
    MaxPool2d,
    Resize2d,
    TensorType,
)
from tinyseg_tvm.operators.arithmetic import onnx


def weights(rng: np.random.Generator, *shape: int) -> dict[str, np.ndarray]:
    spread = 1 / (40 * np.sqrt(np.prod(shape[1:])))
    return {
        "weight": rng.integers(-127, 128, shape).astype(np.int8),
        "bias": rng.integers(-2000, 2000, shape[0]).astype(np.int32),
        "multiplier": (spread * rng.uniform(0.3, 1.5, shape[0])).astype(np.float32),
    }


class RandomGraph:
    """Grows a graph of maps whose operands are any earlier maps that fit."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.builder = NetworkBuilder("graph")
        rows, columns, channels = self.rng.integers(4, 13), self.rng.integers(2, 9), self.rng.integers(1, 5)
        self.maps = [self.builder.input("x", TensorType((1, int(rows), int(columns), int(channels)), "int8"))]

    def shape(self, name: str) -> tuple[int, ...]:
        return self.builder.tensors[name].type.shape

    def grow(self, number: int) -> None:
        source = self.maps[int(self.rng.integers(max(0, len(self.maps) - 3), len(self.maps)))]
        kinds = [self.conv, self.depthwise, self.upsample, self.pool, self.join, self.table, self.nearest, self.gate]
        self.maps.append(kinds[int(self.rng.integers(len(kinds)))](f"node{number}", source))

    def conv(self, name: str, source: str, stride: int | None = None) -> str:
        rng = self.rng
        _, rows, columns, _ = self.shape(source)
        pieces = [source, *(m for m in self.maps if self.shape(m)[:3] == (1, rows, columns) and rng.random() < 0.4)]
        channels = sum(self.shape(p)[3] for p in pieces)
        kernel, dilation = int(rng.integers(1, 4)), int(rng.integers(1, 3))
        stride = stride or int(rng.integers(1, 3))
        padding = dilation * (kernel - 1)
        operator = Conv2d(
            (stride, stride),
            (padding, padding // 2, padding, padding),
            (dilation, dilation),
            1,
            onnx.WeightedSum(5, -9, -128, 127),
        )
        return self.builder.node(
            name, operator, pieces, **weights(rng, int(rng.integers(1, 7)), kernel, kernel, channels)
        )

    def depthwise(self, name: str, source: str) -> str:
        channels = self.shape(source)[3]
        operator = Conv2d((1, 1), (1, 1, 1, 1), (1, 1), channels, onnx.WeightedSum(-3, 4, -128, 100))
        return self.builder.node(name, operator, [source], **weights(self.rng, channels, 3, 3, 1))

    def upsample(self, name: str, source: str) -> str:
        if self.shape(source)[1] > 16:
            return self.conv(name, source, stride=2)
        operator = Conv2dTranspose((2, 2), (0, 0, 0, 0), (0, 0), (1, 1), 1, onnx.WeightedSum(2, 1, -128, 127))
        return self.builder.node(name, operator, [source], **weights(self.rng, 3, 2, 2, self.shape(source)[3]))

    def pool(self, name: str, source: str) -> str:
        return self.builder.node(name, MaxPool2d((2, 2), (1, 1), (1, 0, 0, 1), (1, 1)), [source])

    def join(self, name: str, source: str) -> str:
        others = [m for m in self.maps if self.shape(m) == self.shape(source)]
        other = others[int(self.rng.integers(len(others)))]
        operator = Elementwise("add", onnx.Binary(0.11, 3, 0.07, -2, 0.13, 5, -128, 127))
        return self.builder.node(name, operator, [source, other])

    def table(self, name: str, source: str) -> str:
        values = self.rng.permutation(256).astype(np.uint8).view(np.int8)
        return self.builder.node(name, Lookup("int8"), [source], table=values)

    def nearest(self, name: str, source: str) -> str:
        _, rows, columns, _ = self.shape(source)
        result = min(2 * rows, 24)
        sources = (np.arange(result) * rows // result).astype(np.int32)[:, None]
        straight = np.arange(columns, dtype=np.int32)[:, None]
        return self.builder.node(
            name,
            Resize2d("nearest"),
            [source],
            rows=sources,
            row_weights=np.ones_like(sources),
            columns=straight,
            column_weights=np.ones_like(straight),
        )

    def gate(self, name: str, source: str) -> str:
        """Squeeze and excite: a factor per channel from the whole map."""
        pooled = self.builder.node(f"{name}_pool", GlobalPool("average", onnx.Average(0.1, 2, 0.08, -5)), [source])
        operator = Elementwise("mul", onnx.Binary(0.1, 2, 0.08, -5, 0.4, 7, -128, 127))
        return self.builder.node(name, operator, [source, pooled])

    def build(self, nodes: int) -> Network:
        for number in range(nodes):
            self.grow(number)
        read = {name for node in self.builder.nodes for name in node.inputs}
        for name in self.maps[1:]:
            if name not in read:
                self.builder.output(name)
        return self.builder.build()


def check(seed: int, directory: Path) -> None:
    network = RandomGraph(seed).build(3 + seed % 8)
    io: IoMode = "line" if seed % 2 else "resident"
    problem = problem_of(network, io)
    rng = np.random.default_rng(seed)
    program = build(network, problem, streamed_plan(problem, rng), directory, io=io)
    assert_equal_to_reference(program, random_inputs(network, rng))


@pytest.mark.parametrize("seed", range(5))
def test_random_streamed_graphs_equal_the_reference(seed, tmp_path):
    check(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_many_random_streamed_graphs_equal_the_reference(seed, tmp_path):
    check(seed, tmp_path)
