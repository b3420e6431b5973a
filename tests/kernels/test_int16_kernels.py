"""Kernels of int16 for cores with extensions equal the reference, by their C twins and with sanitizers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.codegen.harness import HOST, NetworkBuilder, assert_equal_to_reference, build, spread_plan
from tests.kernels.test_kernels import DSP, MVE, problem_of
from tests.operators.int16_cases import int16_array
from tinyseg_tvm.codegen import Core
from tinyseg_tvm.codegen.operators import NodeView
from tinyseg_tvm.codegen.operators.arithmetic import sum_dtype
from tinyseg_tvm.operators import Conv2d, Dense, TensorType
from tinyseg_tvm.operators.arithmetic import onnx

# Shapes of maps, output channels, groups, kernel and padding; several maps are pieces. The last values of a run, and
# channels that do not go by four, too.
CONVOLUTIONS = [
    ([(1, 5, 7, 8)], 9, 1, (3, 3), 1),
    ([(1, 4, 5, 16)], 8, 1, (1, 1), 0),
    ([(1, 6, 5, 16)], 12, 2, (2, 3), 1),
    ([(1, 4, 6, 8), (1, 4, 6, 16)], 5, 1, (3, 2), 2),
]
DENSES = [((1, 3, 4, 8), True, 6), ((5, 24), False, 7)]


def weights(rng: np.random.Generator, shape: tuple[int, ...], wide: bool) -> dict[str, np.ndarray]:
    """Of a layer whose sums are of 64 bits if ``wide``."""
    bias = rng.integers(-(2**20), 2**20, shape[0]).astype(np.int32)
    return {
        "weight": rng.integers(-128, 128, shape).astype(np.int8),
        "bias": bias.astype(np.int64) * 2**15 if wide else bias,
        "multiplier": rng.uniform(0.0005, 0.003, shape[0]).astype(np.float32),
    }


@pytest.mark.parametrize(("weight", "bias", "wide"), [("int8", 5, False), ("int8", 2**40, True), ("int16", 5, True)])
def test_a_layer_keeps_as_many_bytes_of_each_sum_as_its_kernel_sums_in(weight: str, bias: int, wide: bool) -> None:
    constants = {
        "weight": np.full((3, 8), 7, weight),
        "bias": np.full(3, bias, np.int64 if bias > 2**31 else np.int32),
        "multiplier": np.ones(3, np.float32),
    }
    builder = NetworkBuilder("layer")
    operator = Dense(True, onnx.WeightedSum(0, 0, -32768, 32767, dtype="int16"))
    builder.output(builder.node("dense", operator, [builder.input("x", TensorType((1, 4, 2), "int16"))], **constants))
    network = builder.build()
    view = NodeView.of(network.nodes[0], network, HOST)
    assert sum_dtype(view) == ("int64" if wide else "int32")
    assert view.access.state_bytes == 3 * np.dtype(sum_dtype(view)).itemsize


@pytest.mark.parametrize("wide", [False, True], ids=["32 bits", "64 bits"])
@pytest.mark.parametrize("core", [DSP, MVE], ids=["dsp", "mve"])
def test_sums_by_extensions_equal_the_reference(core: Core, wide: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    builder, inputs = NetworkBuilder("wide"), []

    def arithmetic() -> onnx.WeightedSum:
        before, after = (int(zero) for zero in rng.integers(-32768, 32768, 2))
        return onnx.WeightedSum(before, after, -30000, 32767, dtype="int16")

    def maps(*shapes: tuple[int, ...]) -> list[str]:
        arrays = [int16_array(rng, shape) for shape in shapes]
        inputs.extend(arrays)
        return [builder.input(f"x{len(inputs)}_{i}", TensorType(a.shape, "int16")) for i, a in enumerate(arrays)]

    for number, (shapes, outputs, groups, kernel, pad) in enumerate(CONVOLUTIONS):
        operator = Conv2d((1, 1), (pad, pad, pad, 0), (1, 1 + number % 2), groups, arithmetic())
        depth = sum(shape[3] for shape in shapes) // groups
        constants = weights(rng, (outputs, *kernel, depth), wide)
        builder.output(builder.node(f"conv{number}", operator, maps(*shapes), **constants))
    for number, (shape, flatten, outputs) in enumerate(DENSES):
        elements = int(np.prod(shape)) if flatten else shape[-1]
        constants = weights(rng, (outputs, elements), wide)
        builder.output(builder.node(f"dense{number}", Dense(flatten, arithmetic()), maps(shape), **constants))
    network = builder.build()
    problem = problem_of(network, core)
    family = "mve" if core is MVE else "dsp"
    assert {operator.kernel.rpartition(" ")[2] for operator in problem.operators if operator.kernel} == {family}
    assert_equal_to_reference(build(network, problem, spread_plan(problem), tmp_path, core=core), inputs)
