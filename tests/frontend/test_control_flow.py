"""Branches and loops that no data decides are gone after normalisation; the others are refused in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.frontend.onnx_models import check, model, node, operators, port
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend.control_flow import MOST_NODES
from tinyseg_tvm.frontend.onnx_model import normalized_graph

I64 = np.int64


def body(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    constants: dict[str, Any] | None = None,
) -> onnx.GraphProto:
    """The graph of a branch or an iteration. Types that are names of tensors alone are float32 of any shape."""

    def value(each: Any) -> onnx.ValueInfoProto:
        return each if isinstance(each, onnx.ValueInfoProto) else helper.make_tensor_value_info(each, 1, None)

    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()]
    return helper.make_graph(list(nodes), "body", [*map(value, inputs)], [*map(value, outputs)], tensors)


COUNTER = [helper.make_tensor_value_info("i", TensorProto.INT64, []), helper.make_tensor_value_info("go", 9, [])]
GOES_ON = helper.make_tensor_value_info("on", TensorProto.BOOL, [])
RELU = body([node("Relu", "x", "a", "inner"), node("Add", "a one", "b")], [], ["b"], {"one": np.float32(1)})
NEGATIVE = body([node("Neg", "x", "b", "inner")], [], ["b"])


@pytest.mark.parametrize("rank", [2, 3])
def test_a_branch_is_taken_by_what_follows_from_shapes(rank: int) -> None:
    nodes = [
        node("Shape", "x", "s"),
        node("Size", "s", "n"),
        node("Equal", "n two", "c"),
        node("If", "c", "y", "choice", then_branch=RELU, else_branch=NEGATIVE),
        node("Sigmoid", "y", "z"),
    ]
    proto = model(nodes, [port("x", [2, 3, 4][:rank])], [port("z", None)], {"two": I64(2)})
    assert operators(check(proto, with_tvm=False)) == (["Relu", "Add", "Sigmoid"] if rank == 2 else ["Neg", "Sigmoid"])


def test_branches_within_branches_and_branches_that_compute_nothing() -> None:
    passed = body([node("Identity", "x", "b")], [], ["b"])
    inner = body([node("If", "true", "b", "deep", then_branch=passed, else_branch=NEGATIVE)], [], ["b"])
    nodes = [node("If", "true", "y", "outer", then_branch=inner, else_branch=RELU), node("Relu", "y", "z")]
    proto = model(nodes, [port("x", [2, 3])], [port("z", None)], {"true": np.array(True)})
    assert operators(check(proto, with_tvm=False)) == ["Relu"]


def test_a_loop_of_a_constant_count_with_a_scan_output() -> None:
    step = body(
        [
            node("Cast", "i", "f", to=TensorProto.FLOAT),
            node("Mul", "v w", "m"),
            node("Add", "m f", "v2"),
            node("Slice", "v2 zero one last", "part"),
            node("Identity", "go", "on"),
        ],
        [*COUNTER, "v"],
        [GOES_ON, "v2", "part"],
        {"zero": np.array([0], I64), "one": np.array([2], I64), "last": np.array([1], I64)},
    )
    nodes = [node("Loop", "count true x", "y parts", "loop", body=step), node("Relu", "parts", "p")]
    constants = {"count": I64(4), "true": np.array(True), "w": np.array([0.5, -1, 2], np.float32)}
    graph = check(model(nodes, [port("x", [1, 3])], [port("y", None), port("p", None)], constants), exact=False)
    assert operators(graph).count("Mul") == 4
    assert graph.types["p"].shape == (4, 1, 2)


@pytest.mark.parametrize("limit", ["-", "count"])
def test_a_loop_ends_where_its_own_condition_says_so(limit: str) -> None:
    step = body(
        [node("Add", "i one", "next"), node("Less", "next three", "on"), node("Mul", "v v", "v2")],
        [*COUNTER, "v"],
        [GOES_ON, "v2"],
    )
    constants = {"one": I64(1), "three": I64(3), "count": I64(9), "true": np.array(True)}
    proto = model([node("Loop", f"{limit} true x", "y", body=step)], [port("x", [1, 3])], [port("y", None)], constants)
    assert operators(check(proto, exact=False)) == ["Mul", "Mul", "Mul"]


def test_a_loop_whose_tensors_grow() -> None:
    step = body([node("Concat", "v x", "v2", axis=1), node("Identity", "go", "on")], [*COUNTER, "v"], [GOES_ON, "v2"])
    constants = {"count": I64(3), "true": np.array(True)}
    proto = model([node("Loop", "count true x", "y", body=step)], [port("x", [1, 3])], [port("y", None)], constants)
    assert check(proto).types["y"].shape == (1, 12)


def test_a_loop_without_iterations_gives_what_it_was_given() -> None:
    step = body([node("Neg", "v", "v2"), node("Identity", "go", "on")], [*COUNTER, "v"], [GOES_ON, "v2"])
    nodes = [node("Loop", "count true x", "v9", body=step), node("Relu", "v9", "y")]
    proto = model(nodes, [port("x", [2, 3])], [port("y", None)], {"count": I64(0), "true": np.array(True)})
    assert operators(check(proto, with_tvm=False)) == ["Relu"]


@pytest.mark.parametrize("backwards", [0, 1])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("opset", [9, 17])
def test_a_scan_over_a_sequence(axis: int, backwards: int, opset: int) -> None:
    step = body([node("Add", "state part", "sum"), node("Mul", "sum w", "out")], ["state", "part"], ["sum", "out"])
    scan = node(
        "Scan", "h x", "last all", "scan", body=step, num_scan_inputs=1, scan_input_axes=[axis],
        scan_input_directions=[backwards], scan_output_axes=[1], scan_output_directions=[backwards],
    )  # fmt: skip
    shape = [4, 3] if axis == 0 else [3, 4]
    constants = {"h": np.zeros(3, np.float32), "w": np.array([1, 2, 3], np.float32)}
    proto = model([scan], [port("x", shape)], [port("last", None), port("all", None)], constants, opset)
    graph = check(proto, exact=False)
    assert graph.types["all"].shape == (3, 4)
    assert operators(graph).count("Add") == 4


@pytest.mark.parametrize("backwards", [0, 1])
def test_a_scan_of_operator_set_8_runs_over_each_entry_of_a_batch(backwards: int) -> None:
    step = body([node("Add", "state part", "sum"), node("Mul", "sum sum", "out")], ["state", "part"], ["sum", "out"])
    scan = node("Scan", "- h x", "last all", "scan", body=step, num_scan_inputs=1, directions=[backwards])
    constants = {"h": np.ones((2, 3), np.float32)}
    proto = model([scan], [port("x", [2, 4, 3])], [port("last", None), port("all", None)], constants, 8)
    graph = check(proto, exact=False)
    assert graph.types["last"].shape == (2, 3)
    assert graph.types["all"].shape == (2, 4, 3)


def refusal(nodes: Sequence[onnx.NodeProto], constants: dict[str, Any], *inputs: onnx.ValueInfoProto) -> str:
    with pytest.raises(TinySegError) as caught:
        normalized_graph(model(nodes, [port("x", [1, 3]), *inputs], [port("y", None)], constants))
    return str(caught.value)


def test_what_depends_on_data_is_refused_once() -> None:
    choices = [node("If", "c", f"y{i}", f"choice{i}", then_branch=RELU, else_branch=NEGATIVE) for i in range(5)]
    message = refusal([*choices, node("Sum", "y0 y1 y2 y3 y4", "y")], {}, port("c", [], "bool"))
    assert message.startswith(
        "5 unsupported node(s) in the model:\n  choice0 (If), choice1 (If), choice2 (If) and 2 more"
    )
    assert message.count("its condition depends on the data") == 1


def test_a_loop_that_data_ends_is_refused() -> None:
    nodes = [node("ReduceSum", "v", "t", keepdims=0), node("Greater", "t zero", "on"), node("Mul", "v v", "v2")]
    step = body(nodes, [*COUNTER, "v"], [GOES_ON, "v2"])
    constants = {"count": I64(3), "true": np.array(True), "zero": np.float32(0)}
    message = refusal([node("Loop", "count true x", "y", "looping", body=step)], constants)
    assert "looping (Loop): when it ends depends on the data" in message


def test_an_endless_loop_is_refused() -> None:
    step = body([node("Mul", "v v", "v2"), node("Identity", "go", "on")], [*COUNTER, "v"], [GOES_ON, "v2"])
    constants = {"count": I64(2**40), "true": np.array(True)}
    message = refusal([node("Loop", "count true x", "y", "looping", body=step)], constants)
    assert f"looping (Loop): its branches and iterations are more than {MOST_NODES} nodes" in message


def test_a_body_that_reads_what_does_not_exist_is_one_error() -> None:
    broken = body([node("Relu", "nowhere", "b")], [], ["b"])
    nodes = [node("If", "true", "y", then_branch=broken, else_branch=broken)]
    assert "'nowhere' does not exist" in refusal(nodes, {"true": np.array(True)})
