"""The planning problem of a network: numbering, roles, contiguity, errors."""

from __future__ import annotations

import numpy as np
import pytest

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network import Network, Node, Port, Tensor
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.network.problem import build_problem, first_node
from tinyseg_tvm.operators import Conv2d, Elementwise, GlobalPool, Operator, Reshape, TensorType, Transpose
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.planner.problem import Pool, Role


def convolution(outputs: int, channels: int, bias: int = 0) -> dict[str, np.ndarray]:
    return {
        "weight": np.ones((outputs, 3, 3, channels), np.int8),
        "bias": np.full(outputs, bias, np.int32),
        "multiplier": np.full(outputs, 0.01, np.float32),
    }


CONV = Conv2d((1, 1), (1, 1, 1, 1), (1, 1), 1, onnx.WeightedSum(0, 0, -128, 127))
ADD = Elementwise("add", onnx.Binary(0.1, 0, 0.1, 0, 0.1, 0, -128, 127))


def network(
    steps: list[tuple[str, Operator, tuple[str, ...], str, dict[str, np.ndarray]]],
    shapes: dict[str, tuple[int, ...]],
    outputs: tuple[str, ...],
) -> Network:
    return Network(
        name="net",
        tensors={name: Tensor(name, TensorType(shape, "int8"), 0.1, 0) for name, shape in shapes.items()},
        nodes=tuple(Node(name, op, inputs, (result,), constants) for name, op, inputs, result, constants in steps),
        inputs=(Port("in", "x", shapes["x"], "int8", tuple(range(len(shapes["x"])))),),
        outputs=tuple(
            Port(f"out_{name}", name, shapes[name], "int8", tuple(range(len(shapes[name])))) for name in outputs
        ),
    )


def residual(bias: int = 0) -> Network:
    return network(
        [
            ("conv", CONV, ("x",), "a", convolution(3, 3, bias)),
            ("add", ADD, ("a", "x"), "b", {}),
            ("mean", GlobalPool("average", onnx.Average(0.1, 0, 0.1, 0)), ("b",), "c", {}),
            ("flat", Reshape((1, 3)), ("c",), "d", {}),
        ],
        {"x": (1, 5, 4, 3), "a": (1, 5, 4, 3), "b": (1, 5, 4, 3), "c": (1, 1, 1, 3), "d": (1, 3)},
        ("d",),
    )


def test_resident_ports_are_contiguous_tensors_with_roles():
    problem = build_problem(residual(), io="resident")
    assert [o.name for o in problem.operators] == ["conv", "add", "mean", "flat"]
    assert [(t.name, t.role, t.contiguous) for t in problem.tensors] == [
        ("x", Role.RESIDENT_INPUT, True),
        ("a", Role.INTERNAL, False),
        ("b", Role.INTERNAL, False),
        ("c", Role.INTERNAL, False),
        ("d", Role.RESIDENT_OUTPUT, True),
    ]
    assert first_node(residual(), "resident") == 0


def test_line_ports_are_sources_and_sinks_around_the_nodes():
    problem = build_problem(residual(), io="line")
    assert [o.name for o in problem.operators] == ["input in", "conv", "add", "mean", "flat", "output out_d"]
    assert problem.operators[first_node(residual(), "line")].name == "conv"
    assert all(t.role is Role.INTERNAL and not t.contiguous for t in problem.tensors)
    source, sink = problem.operators[0], problem.operators[-1]
    assert (source.steps, source.reads, source.writes[0].lines) == (5, (), ((0,), (1,), (2,), (3,), (4,)))
    assert (sink.steps, sink.writes, sink.reads[0].lines) == (1, (), ((0,),))


def test_accesses_costs_and_sizes_are_those_of_the_operators():
    costs = {"conv": Cost(64, 900), "add": Cost(0, 12), "mean": Cost(8, 7), "flat": Cost()}
    problem = build_problem(residual(), io="resident", cost=lambda node: costs[node.name], pools=(Pool("fast", 100),))
    conv, add, mean, flat = problem.operators
    assert (conv.scratch_bytes, conv.cycles, conv.macs) == (64, 900, 5 * 4 * 3 * 27)
    assert conv.reads[0].lines == ((0, 1), (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4))
    assert [access.tensor for access in add.reads] == [1, 0]
    assert add.in_place == ((0, 0), (1, 0))
    assert (mean.steps, mean.state_bytes, mean.writes[0].lines) == (5, 12, ((), (), (), (), (0,)))
    assert flat.in_place == ((0, 0),)
    assert [(t.lines, t.line_bytes) for t in problem.tensors] == [(5, 12), (5, 12), (5, 12), (1, 3), (1, 3)]
    assert problem.pools == (Pool("fast", 100),)


def test_tensors_taken_whole_are_contiguous():
    turned = network(
        [
            ("conv", CONV, ("x",), "a", convolution(3, 3)),
            ("turn", Transpose((0, 2, 1, 3)), ("a",), "b", {}),
            ("again", CONV, ("b",), "c", convolution(3, 3)),
        ],
        {"x": (1, 5, 4, 3), "a": (1, 5, 4, 3), "b": (1, 4, 5, 3), "c": (1, 4, 5, 3)},
        ("c",),
    )
    problem = build_problem(turned, io="line")
    assert {t.name: t.contiguous for t in problem.tensors} == {"x": False, "a": True, "b": True, "c": False}


def test_overflowing_accumulators_are_refused_with_the_node():
    with pytest.raises(TinySegError, match=r"node 'conv' \(conv2d\): the accumulator of output channel 0 can reach"):
        build_problem(residual(bias=2**31 - 1), io="line")


def test_an_input_that_is_also_an_output_cannot_be_resident():
    through = network(
        [("conv", CONV, ("x",), "a", convolution(3, 3))], {"x": (1, 5, 4, 3), "a": (1, 5, 4, 3)}, ("a", "x")
    )
    with pytest.raises(TinySegError, match=r"output 'out_x' is the model's input unchanged"):
        build_problem(through, io="resident")
    assert len(build_problem(through, io="line").operators) == 4
