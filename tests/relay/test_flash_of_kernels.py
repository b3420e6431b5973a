"""Faster kernels with larger constants are chosen only as far as the board's flash reaches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.codegen.harness import NetworkBuilder, spread_plan
from tinyseg_tvm.boards import Memory, load_board
from tinyseg_tvm.codegen import Core, kernel_choices, kernel_cost
from tinyseg_tvm.compiler.kernel_choice import CODE_BYTES, with_fast_kernels
from tinyseg_tvm.compiler.options import BuildOptions
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.network.problem import build_problem
from tinyseg_tvm.operators import Conv2d, TensorType
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.planner.problem import Pool
from tinyseg_tvm.planner.validator import validate
from tinyseg_tvm.relay_passes.lowered_module import LoweredModule

DSP = Core("host", has_dsp=True)
ARENA = 1 << 20


def two_convolutions():
    """The first over a map of four times the pixels, so that it gains more per byte."""
    rng = np.random.default_rng(0)
    builder = NetworkBuilder("flash")
    for name, extent in (("large", 32), ("small", 16)):
        operator = Conv2d((1, 1), (1, 1, 1, 1), (1, 1), 1, onnx.WeightedSum(3, -5, -128, 127))
        constants: dict[str, np.ndarray] = {
            "weight": rng.integers(-127, 128, (16, 3, 3, 16)).astype(np.int8),
            "bias": np.zeros(16, np.int32),
            "multiplier": np.full(16, 0.001, np.float32),
        }
        x = builder.input(f"x_{name}", TensorType((1, extent, extent, 16), "int8"))
        builder.output(builder.node(name, operator, [x], **constants))
    return builder.build()


@pytest.mark.parametrize(("fast", "missing"), [(2, 0), (1, 1), (0, 1 << 20)])
def test_kernels_of_large_constants_are_given_up_where_flash_is_missing(fast, missing):
    network = two_convolutions()
    arena = (Pool("arena", ARENA),)
    problem = build_problem(network, io="resident", cost=lambda node: kernel_cost(node, network, DSP, 0), pools=arena)
    choices = [kernel_choices(node, network, DSP) for node in network.nodes]
    wanted = [min(costs, key=lambda cost: cost.cycles_per_step).flash_bytes for costs in choices]
    flash = max(CODE_BYTES + sum(wanted) - missing, 0)
    board = replace(load_board("host"), memories=(Memory("FLASH", "flash", 0, flash),))
    situation = Situation(BuildOptions(ram=ARENA), board, DSP)
    planned = with_fast_kernels(
        Planned("rows", LoweredModule.of_network(network), problem, spread_plan(problem)), situation
    )
    faster = planned.problem
    validate(faster, planned.plan)
    got = [operator.flash_bytes for operator in faster.operators]
    for operator, costs in zip(faster.operators, choices, strict=True):  # the name is replaced with the figures
        assert Cost(operator.scratch_bytes, operator.cycles, operator.flash_bytes, operator.kernel) in costs
    assert [size == most for size, most in zip(got, wanted, strict=True)] == [fast > 0, fast > 1]
    assert all(
        operator.cycles < before.cycles for operator, before in zip(faster.operators, problem.operators, strict=True)
    )
