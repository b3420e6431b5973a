"""Sequences and optionals whose contents no data decides leave nothing behind."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from tests.frontend.onnx_models import model, node, port, run_onnxruntime
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend.graph import to_model
from tinyseg_tvm.frontend.onnx_model import normalized_graph
from tinyseg_tvm.frontend.sequences import SEQUENCES

X, Y = (np.arange(6, dtype=np.float32).reshape(2, 3) + k for k in (0, 10))
NUMBERS = {name: np.array(value, np.int64) for name, value in (("n0", 0), ("n1", 1), ("n2", 2), ("m1", -1), ("n5", 5))}
TWO = node("SequenceConstruct", "x y", "s")


def of(*nodes: onnx.NodeProto, result: str = "z", extra: tuple[onnx.ValueInfoProto, ...] = ()) -> onnx.ModelProto:
    """A model of inputs x and y (2, 3), whose last tensor but one is r."""
    made = [*nodes, node("Neg", "r", "z")]
    return model(made, [port("x", [2, 3]), port("y", [2, 3]), *extra], [port(result, None)], NUMBERS)


CASES = {
    "at": (TWO, node("SequenceAt", "s m1", "r")),
    "insert": (TWO, node("SequenceInsert", "s x m1", "t"), node("SequenceAt", "t n2", "r")),
    "append": (TWO, node("SequenceInsert", "s x", "t"), node("SequenceAt", "t n2", "r")),
    "erase": (TWO, node("SequenceErase", "s n0", "t"), node("SequenceAt", "t n0", "r")),
    "erase the last": (TWO, node("SequenceErase", "s", "t"), node("SequenceAt", "t m1", "r")),
    "empty": (node("SequenceEmpty", "", "s"), node("SequenceInsert", "s y", "t"), node("SequenceAt", "t n0", "r")),
    "length": (TWO, node("SequenceLength", "s", "n"), node("Cast", "n", "f", to=1), node("Mul", "x f", "r")),
    "join": (TWO, node("ConcatFromSequence", "s", "r", axis=1)),
    "stack": (TWO, node("ConcatFromSequence", "s", "r", axis=-1, new_axis=1)),
    "split": (node("SplitToSequence", "x", "s", axis=1), node("SequenceAt", "s n1", "r")),
    "split without axis": (node("SplitToSequence", "x", "s", axis=0, keepdims=0), node("SequenceAt", "s n1", "r")),
    "split by two": (node("SplitToSequence", "x n2", "s", axis=-1), node("SequenceAt", "s m1", "r")),
    "passed on": (TWO, node("Identity", "s", "t"), node("SequenceAt", "t n1", "r")),
    "optional": (node("Optional", "x", "s"), node("OptionalGetElement", "s", "r")),
    "whether": (
        node("Optional", "x", "s"),
        node("OptionalHasElement", "s", "b"),
        node("Cast", "b", "f", to=1),
        node("Mul", "x f", "r"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_sequences_are_what_they_hold(name: str) -> None:
    proto, feeds = of(*CASES[name]), {"x": X, "y": Y}
    graph, _ = normalized_graph(proto)
    assert not {each.op_type for each in graph.nodes} & SEQUENCES.keys()
    expected = run_onnxruntime(proto, feeds)
    for got, wanted in zip(run_onnxruntime(to_model(graph), feeds), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)
        assert got.shape == wanted.shape


def test_every_operator_on_sequences_has_a_case() -> None:
    assert {each.op_type for nodes in CASES.values() for each in nodes} >= SEQUENCES.keys()


REFUSED = {
    "at run time": (
        of(TWO, node("SequenceAt", "s i", "r", "it"), extra=(port("i", [], "int64"),)),
        r"it \(SequenceAt\).*depends on the data",
    ),
    "outside": (of(TWO, node("SequenceAt", "s n5", "r", "it")), r"'it' .*position 5 lies outside of its 2"),
    "empty": (
        of(node("SequenceEmpty", "", "s"), node("SequenceAt", "s n0", "r", "it")),
        r"'it' .*position 0 lies outside of its 0",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_known_is_refused_by_name(name: str) -> None:
    proto, said = REFUSED[name]
    with pytest.raises(TinySegError, match=said):
        normalized_graph(proto)


def test_a_sequence_is_no_output() -> None:
    with pytest.raises(TinySegError, match=r"made \(SequenceConstruct\).*port"):
        normalized_graph(of(node("SequenceConstruct", "x y", "s", "made"), node("SequenceAt", "s n0", "r"), result="s"))
