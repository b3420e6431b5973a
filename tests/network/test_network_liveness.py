"""Lives of lines under layer-by-layer execution."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinyseg_tvm.network import Network, Node, Port, Tensor, liveness
from tinyseg_tvm.operators import Elementwise, MaxPool2d, TensorType
from tinyseg_tvm.operators.arithmetic import onnx

ADD = Elementwise("add", onnx.Binary(0.1, 0, 0.1, 0, 0.1, 0, -128, 127))
COPY = MaxPool2d((1, 1), (1, 1), (0, 0, 0, 0), (1, 1))
BLUR = MaxPool2d((3, 1), (1, 1), (1, 0, 1, 0), (1, 1))
TYPE = TensorType((1, 5, 2, 3), "int8")


def network(nodes):
    names = ["x", *(node.name for node in nodes)]
    last = names[-1]
    port: dict[str, Any] = {"model_shape": TYPE.shape, "model_dtype": "int8", "permutation": (0, 1, 2, 3)}
    return Network(
        "n",
        {name: Tensor(name, TYPE) for name in names},
        tuple(nodes),
        (Port("x", "x", **port),),
        (Port("y", last, **port),),
    )


def node(name, operator, *inputs):
    return Node(name, operator, inputs, (name,), {})


def test_a_chain_holds_what_is_not_yet_read_and_what_is_written():
    found = liveness.analyse(network([node("a", COPY, "x"), node("b", COPY, "a")]))
    # Five lines, plus the line that is read and written in the same step.
    assert found.peak_bytes == 6 * TYPE.line_bytes
    assert found.lives["a"].birth == 0
    assert found.lives["a"].death == 10
    assert found.lives["b"].death == 10


def test_windows_keep_neighbouring_lines():
    found = liveness.analyse(network([node("a", BLUR, "x"), node("b", COPY, "a")]))
    # Line i of x is read last by step i + 1: at step i lines i - 1 to 4 of x and 0 to i of a are alive.
    assert found.peak_bytes == 7 * TYPE.line_bytes


def test_a_skip_is_cold_between_its_readers():
    nodes = [node("a", COPY, "x"), node("b", COPY, "a"), node("c", COPY, "b"), node("d", ADD, "a", "c")]
    found = liveness.analyse(network(nodes))
    assert found.lives["a"].cold == (liveness.ColdRange(10, 15, 5),)
    assert found.lives["b"].cold == ()


@st.composite
def random_networks(draw):
    nodes: list[Node] = []
    for i in range(draw(st.integers(1, 6))):
        names = ["x", *(n.name for n in nodes)]
        operator = draw(st.sampled_from([COPY, BLUR, ADD]))
        count = 2 if operator is ADD else 1
        nodes.append(node(f"n{i}", operator, *(draw(st.sampled_from(names)) for _ in range(count))))
    return network(nodes)


@given(random_networks())
def test_the_peak_is_the_largest_sum_of_living_lines(case):
    """Counted line by line and step by step, independently of the difference arrays."""
    steps = []
    for n in case.nodes:
        access = n.operator.line_access(case.input_types(n), case.output_types(n), n.constants)
        touching = [*zip(n.inputs, access.reads, strict=True), *zip(n.outputs, access.writes, strict=True)]
        steps += [{(name, line) for name, lines in touching for line in lines[i]} for i in range(access.steps)]
    alive = np.zeros(len(steps), int)
    for name in case.tensors:
        for line in range(TYPE.lines):
            used = [i for i, touched in enumerate(steps) if (name, line) in touched]
            first = 0 if name == "x" else used[0]
            last = len(steps) - 1 if name == case.outputs[0].tensor else max(used, default=-1)
            alive[first : last + 1] += 1
    found = liveness.analyse(case)
    assert found.peak_bytes == alive.max() * TYPE.line_bytes
    assert found.peak_step == alive.argmax()
