"""Float32 kernels: the multiply-add in integers, random graphs, and the kernels on cores with and without an FPU."""

from __future__ import annotations

import ctypes
import ctypes.util
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.codegen.harness import (
    NetworkBuilder,
    assert_equal_to_reference,
    build,
    mutate_runtime,
    problem_of,
    random_inputs,
    streamed_plan,
)
from tests.operators.operator_cases import CASES
from tinyseg_tvm.boards import load_board
from tinyseg_tvm.codegen import generate, kernel_cost
from tinyseg_tvm.codegen.text.runtime_files import include_options, runtime_text
from tinyseg_tvm.compiler.situation import generator_core
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.network.problem import build_problem
from tinyseg_tvm.network.reference import run as run_reference
from tinyseg_tvm.operators import (
    AveragePool2d,
    Clip,
    Concat,
    Conv2d,
    Conv2dTranspose,
    Dense,
    Elementwise,
    ElementwiseConstant,
    GlobalPool,
    MaxPool2d,
    Operator,
    Pad,
    Softmax,
    TensorType,
)
from tinyseg_tvm.operators.arithmetic import float32
from tinyseg_tvm.operators.arithmetic.float32 import FLOAT32_MAX
from tinyseg_tvm.operators.arithmetic.float32_functions import fused_multiply_add

Rng = np.random.Generator
FREE = (-FLOAT32_MAX, FLOAT32_MAX)


def pick(rng: Rng, choices):
    return choices[int(rng.integers(len(choices)))]


def floats(rng: Rng, *shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


class RandomGraph:
    """Maps of several sizes, joined by whatever operators fit them."""

    def __init__(self, rng: Rng, nodes: int) -> None:
        self.rng = rng
        self.builder = NetworkBuilder("floats")
        shape = (1, int(rng.integers(4, 9)), int(rng.integers(4, 14)), int(rng.integers(1, 9)))
        self.maps = [self.builder.input("x", TensorType(shape, "float32"), None, None)]
        for number in range(nodes):
            self.maps.append(self.add(number))
        last = self.maps[-1]
        self.builder.output(last)
        pooled = self.node("pooled", pick(rng, [GlobalPool("average", float32.Average()), GlobalPool("max")]), last)
        flat = self.sum("flat", Dense(True, float32.WeightedSum(*FREE)), last, (7, int(np.prod(self.shape(last)))))
        gate = self.node("gate", Elementwise("mul", float32.Binary(*FREE)), last, pooled)
        self.builder.output(gate)
        self.builder.output(self.node("classes", Softmax(float32.Softmax()), flat))

    def shape(self, name: str) -> tuple[int, ...]:
        return self.builder.tensors[name].type.shape

    def node(self, name: str, operator: Operator, *inputs: str, **constants: np.ndarray) -> str:
        return self.builder.node(name, operator, inputs, **constants)

    def sum(self, name: str, operator: Operator, source: str, weight: tuple[int, ...], *more: str) -> str:
        scale = np.float32(1 / np.sqrt(np.prod(weight[1:])))
        constants = {"weight": floats(self.rng, *weight) * scale, "bias": floats(self.rng, weight[0])}
        return self.node(name, operator, source, *more, **constants)

    def clamp(self) -> tuple[float, float]:
        low, high = pick(self.rng, [FREE, (0.0, FLOAT32_MAX), (0.0, 1.0), (-0.5, 0.7)])
        return low, high

    def add(self, number: int) -> str:
        rng, source = self.rng, pick(self.rng, self.maps[-3:])
        _, height, width, channels = shape = self.shape(source)
        partners = [name for name in self.maps if self.shape(name)[:3] == shape[:3]]
        equals = [name for name in self.maps if self.shape(name) == shape]
        kinds = [
            "conv",
            "conv",
            "conv",
            "depthwise",
            "transposed",
            "pool",
            "binary",
            "constant",
            "clip",
            "concat",
            "dense",
        ]
        kind = pick(rng, kinds)
        name = f"{kind}_{number}"
        operator: Operator
        padding = pick(rng, [(1, 1, 1, 1), (0, 1, 1, 0), (1, 2, 1, 2)])
        if kind == "conv" and width > 1:
            pieces = [source, pick(rng, partners)][: int(rng.integers(1, 3))]
            depth = sum(self.shape(piece)[3] for piece in pieces)
            operator = Conv2d((1, pick(rng, [1, 2])), padding, (1, 1), 1, float32.WeightedSum(*self.clamp()))
            return self.sum(name, operator, pieces[0], (int(rng.integers(1, 12)), 2, 3, depth), *pieces[1:])
        if kind == "depthwise":
            operator = Conv2d((1, 1), (1, 1, 1, 1), (1, 1), channels, float32.WeightedSum(*self.clamp()))
            return self.sum(name, operator, source, (channels, 3, 3, 1))
        if kind == "transposed" and height * width <= 64:
            operator = Conv2dTranspose((2, 2), (0, 0, 0, 0), (0, 0), (1, 1), 1, float32.WeightedSum(*self.clamp()))
            return self.sum(name, operator, source, (int(rng.integers(1, 6)), 2, int(rng.integers(2, 4)), channels))
        if kind == "pool" and min(height, width) > 3:
            if rng.integers(2):
                return self.node(name, MaxPool2d((2, 2), (2, 1), (0, 0, 0, 0), (1, 1)), source)
            return self.node(
                name, AveragePool2d((3, 2), (1, 2), (1, 1, 1, 0), bool(rng.integers(2)), float32.Average()), source
            )
        if kind == "binary":
            function = pick(rng, ["add", "sub", "mul", "max", "min"])
            return self.node(name, Elementwise(function, float32.Binary(*self.clamp())), source, pick(rng, equals))
        if kind == "constant":
            other = floats(rng, pick(rng, [1, channels]))
            function, arithmetic = pick(rng, ["add", "sub", "div"]), float32.Binary(*self.clamp())
            operator = ElementwiseConstant(function, bool(rng.integers(2)), arithmetic)
            return self.node(name, operator, source, other=np.where(np.abs(other) < 0.1, np.float32(0.3), other))
        if kind == "concat":
            return self.node(name, Concat(3), source, pick(rng, partners))
        if kind == "dense":
            return self.sum(
                name, Dense(False, float32.WeightedSum(*self.clamp())), source, (int(rng.integers(1, 9)), channels)
            )
        if kind == "pool":
            return self.node(name, Pad((0, 1, 1, 0), (0, 0, 1, 0), 0.5), source)
        return self.node(name, Clip(-0.9, 1.1), source)


def graph(seed: int, nodes: int) -> tuple[Network, list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    network = RandomGraph(rng, nodes).builder.build()
    return network, random_inputs(network, rng)


ALONE = {"matmul", "reduce", "resize2d"}
"""Kinds whose extents fit no other map of a graph: test_generated_operators.py has them."""


def test_random_graphs_hold_every_float_operator():
    kinds = {node.operator.kind for seed in range(12) for node in graph(seed, 12)[0].nodes}
    assert kinds >= ({case.split()[0] for case in CASES if case.endswith(" float32")} | {"clip"}) - ALONE


def check(seed: int, directory: Path, nodes: int = 12) -> None:
    network, inputs = graph(seed, nodes)
    problem = problem_of(network)
    plan = streamed_plan(problem, np.random.default_rng(seed))
    assert_equal_to_reference(build(network, problem, plan, directory), inputs)


def check_all(seeds: range, directory: Path) -> None:
    for seed in seeds:
        check(seed, directory / str(seed))


@pytest.mark.parametrize("seed", range(2))
def test_random_float_graphs_streamed_in_random_orders_equal_the_reference(seed, tmp_path):
    check(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 130))
def test_many_random_float_graphs_equal_the_reference(seed, tmp_path):
    check(seed, tmp_path, nodes=25)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("board", ["microbit", "mps2_an385", "mps2_an386", "mps3_an547"])
def test_float_kernels_equal_the_reference_on_cores_with_and_without_an_fpu(board, tmp_path):
    # two small graphs each: the microbit has 16 KiB of RAM and computes in integers
    core = generator_core(load_board(board).core)
    for seed in (3, 4):
        network, inputs = graph(seed, 9)
        problem = build_problem(network, io="resident", cost=partial(kernel_cost, network=network, core=core))
        plan = streamed_plan(problem, np.random.default_rng(seed))
        files = generate(network, problem, plan, name="floats", core=core, io="resident", metadata={})
        result = generate_project(load_board(board), files, tmp_path / str(seed)).run(
            [inputs], layout="device", count="none"
        )
        assert result.status == 0
        for got, want in zip(result.outputs[0], run_reference(network, inputs, layout="device"), strict=True):
            assert got.tobytes() == np.ascontiguousarray(want).tobytes()


MUTATIONS = {
    "tinyseg_conv2d_f32.c": ("o -= repeating ? 1 : 0;", "o -= repeating ? 2 : 0;"),
    "tinyseg_depthwise_f32.c": ("3 * p->stride * channels - 4;", "2 * p->stride * channels - 4;"),
    "tinyseg_dense_f32.c": ("index == 0u ? p->bias : sums", "sums"),
    "tinyseg_pool2d_f32.c": ("in[2] > a2 ? in[2] : a2", "in[2] > a1 ? in[2] : a2"),
    "tinyseg_elementwise_f32.c": ("return b - a;", "return a - b;"),
    "tinyseg_fma_f32.c": ("rest == half && (bits & 1u) != 0u", "rest == half"),
}


@pytest.mark.release
@pytest.mark.parametrize("file", sorted(set(MUTATIONS) - {"tinyseg_fma_f32.c"}))
def test_a_mutated_float_kernel_is_found(file, tmp_path, monkeypatch):
    before, after = MUTATIONS[file]
    mutate_runtime(monkeypatch, (file, before, after))
    with pytest.raises(AssertionError):
        check_all(range(12), tmp_path)


def compiled_multiply_add(directory: Path, source: str) -> Callable[[float, float, float], float]:
    """``tinyseg_fma_in_integers`` of a source text, as a function of this process."""
    (directory / "fma.c").write_text(source)
    command = ["gcc", "-std=c99", "-O1", "-shared", "-fPIC", *include_options(), "fma.c", "-o", "fma.so"]
    subprocess.run(command, cwd=directory, check=True, timeout=60)
    function = ctypes.CDLL(str(directory / "fma.so")).tinyseg_fma_in_integers
    function.argtypes, function.restype = [ctypes.c_float] * 3, ctypes.c_float
    return function


def operands(count: int) -> list[np.ndarray]:
    """Random bit patterns, sums of similar size, and exact ties."""
    rng = np.random.default_rng(0)
    x, y, z = (rng.integers(0, 2**32, count, dtype=np.uint32).view(np.float32) for _ in range(3))
    with np.errstate(all="ignore"):
        near = (x * y * rng.choice(np.array([1, -1, 0.5, 3e-8, 1e8], np.float32), count)).astype(np.float32)
        z = np.where(rng.integers(3, size=count) > 0, near, z)
        simple = rng.integers(5, size=count) == 0
        x, y = (np.where(simple, rng.integers(-40, 40, count).astype(np.float32), a) for a in (x, y))
        z = np.where(simple, (rng.integers(-4, 4, count) * 2.0**25 + 2).astype(np.float32), z)
        fits = np.isfinite(x) & np.isfinite(y) & np.isfinite(z) & (np.abs(x.astype(float) * y + z) < 1e38)
    return [a[fits] for a in (x, y, z)]


def disagreements(function: Callable[[float, float, float], float], count: int) -> int:
    x, y, z = operands(count)
    got = np.array([function(a, b, c) for a, b, c in zip(x.tolist(), y.tolist(), z.tolist(), strict=True)], np.float32)
    return int((got.view(np.uint32) != fused_multiply_add(x, y, z).view(np.uint32)).sum())


def test_the_multiply_add_in_integers_equals_the_definition(tmp_path):
    text = runtime_text("tinyseg_fma_f32.c")
    assert disagreements(compiled_multiply_add(tmp_path, text), 60000) == 0


def test_a_multiply_add_that_rounds_ties_up_is_found(tmp_path):
    before, after = MUTATIONS["tinyseg_fma_f32.c"]
    text = runtime_text("tinyseg_fma_f32.c")
    assert before in text
    assert disagreements(compiled_multiply_add(tmp_path, text.replace(before, after)), 20000) > 0
