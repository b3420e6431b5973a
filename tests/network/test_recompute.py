"""A network with clones has the planning problem that the planner made by cloning operators."""

import pytest

from tinyseg_tvm.network.problem import build_problem
from tinyseg_tvm.network.recompute import clone_nodes
from tinyseg_tvm.planner.recompute import decisions, recompute, unchanged


@pytest.mark.parametrize("io", ["resident", "line"])
def test_the_problem_of_a_network_with_clones_is_the_planners(models_dir, io):
    pytest.importorskip("tvm")
    from tinyseg_tvm import relay_passes
    from tinyseg_tvm.frontend import from_onnx

    model, _ = from_onnx(models_dir / "onnx" / "gen_tinyunet_96x96_b4.onnx")
    network = relay_passes.lower(model)
    problem = build_problem(network, io=io)
    found = list(decisions(problem, set(range(len(problem.tensors))), 10**9))
    assert found
    for decision in (found[0], found[-1]):
        split = recompute(unchanged(problem), decision)
        assert build_problem(clone_nodes(network, split), io=io) == split.problem
