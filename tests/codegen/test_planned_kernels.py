"""The plan names the kernel of each operator, and the code generator takes that one or refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.codegen.harness import NetworkBuilder, spread_plan
from tinyseg_tvm.codegen import Core, generate, kernel_choices, kernel_cost
from tinyseg_tvm.codegen.operators import KINDS, NodeView, emitter_for, planned_variant, variant_costs
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.problem import build_problem
from tinyseg_tvm.operators import Conv2d, TensorType
from tinyseg_tvm.operators.arithmetic import onnx

DSP = Core("host", has_dsp=True)


@pytest.fixture(scope="module")
def network():
    builder = NetworkBuilder("kernels")
    constants: dict[str, np.ndarray] = {
        "weight": np.ones((16, 3, 3, 16), np.int8),
        "bias": np.zeros(16, np.int32),
        "multiplier": np.full(16, 0.001, np.float32),
    }
    operator = Conv2d((1, 1), (1, 1, 1, 1), (1, 1), 1, onnx.WeightedSum(3, -5, -128, 127))
    builder.output(builder.node("conv", operator, [builder.input("x", TensorType((1, 8, 8, 16), "int8"))], **constants))
    return builder.build()


def problem_of(network, limit=None):
    return build_problem(network, io="resident", cost=lambda node: kernel_cost(node, network, DSP, limit))


def generated(network, problem, core=DSP):
    return generate(network, problem, spread_plan(problem), name="net", core=core, io="resident", metadata={})


def test_kernels_of_a_kind_have_names_of_their_own():
    for kind in KINDS:
        names = [variant.name for variant in emitter_for(kind)]
        assert len(names) == len(set(names)), kind


def test_a_problem_names_the_kernels_that_its_figures_are_of(network):
    view = NodeView.of(network.nodes[0], network, DSP)
    costs = {variant.name: cost for variant, cost in variant_costs(view)}
    assert len(costs) > 2
    for limit in (0, None):
        (operator,) = problem_of(network, limit).operators
        cost = costs[operator.kernel]
        assert (operator.scratch_bytes, operator.cycles) == (cost.scratch_bytes, cost.cycles_per_step)
    assert all(costs[cost.kernel] == cost for cost in kernel_choices(network.nodes[0], network, DSP))


def test_the_kernel_named_is_the_one_generated_whatever_the_figures_say(network):
    view = NodeView.of(network.nodes[0], network, DSP)
    problem = problem_of(network)
    for variant, cost in variant_costs(view):
        named = replace(problem.operators[0], kernel=variant.name, scratch_bytes=cost.scratch_bytes, cycles=1)
        assert planned_variant(view, named) is variant
        text = generated(network, replace(problem, operators=(named,)))["metadata.json"].decode()
        assert f'"kernel": "{variant.name}"' in text


def test_without_a_name_the_scratch_decides(network):
    view = NodeView.of(network.nodes[0], network, DSP)
    for limit in (0, None):
        (operator,) = problem_of(network, limit).operators
        assert planned_variant(view, replace(operator, kernel="")).name == operator.kernel


@pytest.mark.parametrize("kernel", ["conv2d mve", "conv2d of another kind", "dense portable"])
def test_a_kernel_that_cannot_compute_the_node_is_refused(network, kernel):
    problem = problem_of(network)
    named = replace(problem, operators=(replace(problem.operators[0], kernel=kernel),))
    with pytest.raises(TinySegError, match=f"'conv' .*does not compute it on host: '{kernel}'"):
        generated(network, named)


def test_a_plan_for_another_core_is_refused(network):
    with pytest.raises(TinySegError, match="does not compute it on plain: 'conv2d winograd'"):
        generated(network, problem_of(network), Core("plain"))
