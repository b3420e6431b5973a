"""Indices of the Gather and Scatter families: constant ones are checked, those of run time stay inside."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from tests.frontend.onnx_models import model, node, port
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.frontend.onnx_model import normalized_graph
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.network import reference
from tinyseg_tvm.relay import BuildOptions, build

LEAST, MOST = -(2**63), 2**63 - 1
# Operator, attributes, operands beside the constant indices (their shapes), the indices, what is said of them.
OUTSIDE = [
    ("Gather", {"axis": 1}, {"x": [4, 3]}, [0, 3], "3 at [1] lies outside of -3 to 2"),
    ("Gather", {"axis": -2}, {"x": [4, 3]}, [-5], "-5 at [0] lies outside of -4 to 3"),
    ("Gather", {}, {"x": [4, 3]}, MOST, "at [0] lies outside of -4 to 3"),
    ("GatherElements", {"axis": 1}, {"x": [2, 3]}, [[0], [3]], "3 at [1, 0] lies outside of -3 to 2"),
    ("GatherND", {}, {"x": [2, 3]}, [[0, 0], [1, -4]], "-4 at [1, 1] lies outside of -3 to 2"),
    ("GatherND", {"batch_dims": 1}, {"x": [2, 3]}, [[0], [3]], "3 at [1, 0] lies outside of -3 to 2"),
    ("ScatterElements", {"axis": 0}, {"x": [2, 3], "u": [1, 3]}, [[0, 2, 1]], "2 at [0, 1] lies outside of -2 to 1"),
    ("ScatterND", {}, {"x": [4, 3], "u": [1, 3]}, [[4]], "4 at [0, 0] lies outside of -4 to 3"),
    ("ScatterND", {}, {"x": [4, 3], "u": [1]}, [[-5, 0]], "-5 at [0, 0] lies outside of -4 to 3"),
    ("ReverseSequence", {"time_axis": 0, "batch_axis": 1}, {"x": [4, 2]}, [4, 5], "5 at [1] lies outside of 0 to 4"),
]


@pytest.mark.parametrize(("op_type", "attributes", "operands", "indices", "said"), OUTSIDE)
def test_a_constant_index_outside_of_its_axis_is_refused(op_type, attributes, operands, indices, said):
    first, *others = operands
    nodes = [node(op_type, " ".join([first, "i", *others]), "y", "chooser", **attributes)]
    proto = model(
        nodes, [port(n, s) for n, s in operands.items()], [port("y", None)], {"i": np.array(indices, np.int64)}, 18
    )
    with pytest.raises(TinySegError) as caught:
        normalized_graph(proto)
    assert "node 'chooser'" in str(caught.value)
    assert said in str(caught.value)


def test_a_constant_of_constants_is_checked_as_well():
    nodes = [node("Gather", "table i", "row", "chooser"), node("Add", "x row", "y")]
    constants = {"table": np.ones((5, 3), np.float32), "i": np.array([1 << 47], np.int64)}
    with pytest.raises(TinySegError, match=r"'chooser' .*index 140737488355328 .* -5 to 4"):
        normalized_graph(model(nodes, [port("x", [1, 3])], [port("y", None)], constants))


def test_indices_of_an_unpooled_map_are_places_in_it():
    proto = model(
        [node("MaxUnpool", "x i", "y", "unpool", kernel_shape=[2, 2], strides=[2, 2])],
        [port("x", [1, 1, 2, 2])],
        [port("y", None)],
        {"i": np.array([[[[0, 1], [2, 16]]]], np.int64)},
    )
    with pytest.raises(TinySegError, match=r"unpool.* 16 .*15"):
        normalized_graph(proto)


def test_a_condition_longer_than_its_axis_is_refused():
    proto = model(
        [node("Compress", "x c", "y", "some", axis=0)],
        [port("x", [3, 2])],
        [port("y", None)],
        {"c": np.array([1, 0, 0, 1], bool)},
    )
    with pytest.raises(TinySegError, match=r"'some' .*4 elements for an axis of 3"):
        normalized_graph(proto)


@pytest.mark.parametrize(("op_type", "constants"), [("TopK", [-2]), ("Split", [-1, 5])])
def test_negative_extents_are_refused_before_shapes_are_inferred_from_them(op_type, constants):
    outputs = ["a", "b"]
    nodes = [node(op_type, "x k", "a b", "part", axis=0), node("Slice", "a s s", "y")]
    values = {"k": np.array(constants, np.int64), "s": np.array([0], np.int64)}
    proto = model(nodes, [port("x", [4, 3])], [port(n, None) for n in outputs], values)
    with pytest.raises(TinySegError, match=r"node 'part' .*negative shape"):
        normalized_graph(proto)


def moved(indices, extents):
    """The contract: below 0 from the end, outside to the ends."""
    extents = np.array(extents, np.int64)
    counted = np.where(indices < 0, indices.astype(object) + extents, indices.astype(object))
    return np.clip(counted, 0, extents - 1).astype(np.int64)


def family():
    """All members that take indices at run time, and integer arithmetic at its edges."""
    nodes = [
        node("Gather", "x i", "gathered", axis=1),
        node("Gather", "table i", "rows"),
        node("GatherElements", "x grid", "elements", axis=0),
        node("GatherND", "x pairs", "points"),
        node("ScatterElements", "x grid u", "scattered", axis=1),
        node("ScatterElements", "x grid u", "added", axis=0, reduction="add"),
        node("ScatterND", "x pairs v", "placed"),
        node("MaxUnpool", "m places", "unpooled", kernel_shape=[2, 2], strides=[2, 2]),
        node("OneHot", "i depth onoff", "hot"),
        node("Div", "a b", "quotient"),
        node("Mod", "a b", "remainder"),
        node("Mod", "a b", "rest", fmod=1),
        node("Add", "a a", "sum"),
        node("Mul", "a a", "square"),
        node("BitShift", "c d", "shifted", direction="LEFT"),
        node("BitShift", "c d", "back", direction="RIGHT"),
    ]
    inputs = [port("x", [4, 3]), port("i", [6], "int64"), port("grid", [2, 3], "int64"), port("pairs", [3, 2], "int64")]
    inputs += [port("u", [2, 3]), port("v", [3]), port("m", [1, 1, 2, 2]), port("places", [1, 1, 2, 2], "int64")]
    inputs += [port("a", [6], "int32"), port("b", [6], "int32"), port("c", [6], "uint8"), port("d", [6], "uint8")]
    kinds = dict.fromkeys(("quotient", "remainder", "rest", "sum", "square"), "int32")
    kinds |= {"shifted": "uint8", "back": "uint8"}
    outputs = [port(name, None, kinds.get(name, "float32")) for each in nodes for name in each.output]
    table = np.arange(20, dtype=np.float32).reshape(5, 4)
    constants = {"table": table, "depth": np.array(4, np.int64), "onoff": np.array([-1, 5], np.float32)}
    return model(nodes, inputs, outputs, constants, 18), table


FAR = np.array([LEAST, MOST, -3, -4, 3, -(2**40)], np.int64)
NUMBERS = np.array([7, -7, -(2**31), -(2**31), 2**31 - 1, 0], np.int32)
DIVISORS = np.array([0, 2, -1, 0, 2**31 - 1, -(2**31)], np.int32)
BYTES = np.array([1, 255, 3, 200, 7, 99], np.uint8)
AMOUNTS = np.array([0, 7, 8, 9, 31, 250], np.uint8)


def feeds(indices):
    x, u, v = np.arange(12, dtype=np.float32).reshape(4, 3), np.ones((2, 3), np.float32), np.full(3, 50, np.float32)
    m = np.array([[[[1, 2], [3, 4]]]], np.float32)
    grid, places = indices.reshape(2, 3), indices[:4].reshape(1, 1, 2, 2)
    return [x, indices, grid, indices.reshape(3, 2), u, v, m, places, NUMBERS, DIVISORS, BYTES, AMOUNTS]


def expected(table, arrays):
    x, i, grid, pairs, u, v, m, places, *_ = arrays
    result = [x[:, moved(i, [3])], table[moved(i, [5])], np.take_along_axis(x, moved(grid, [4]), 0)]
    at = moved(pairs, [4, 3])
    result.append(x[at[:, 0], at[:, 1]])
    scattered, added, placed = x.copy(), x.copy(), x.copy()
    for row, column in np.ndindex(2, 3):
        scattered[row, moved(grid, [3])[row, column]] = u[row, column]
        added[moved(grid, [4])[row, column], column] += u[row, column]
    for (row, column), value in zip(at, v, strict=True):
        placed[row, column] = value
    unpooled = np.zeros(16, np.float32)
    for place, value in zip(moved(places, [16]).ravel(), m.ravel(), strict=True):
        unpooled[place] = value
    hot = np.array([[5.0 if index in (k, k - 4) else -1.0 for k in range(4)] for index in i.tolist()], np.float32)
    a, b = NUMBERS.astype(object), DIVISORS.astype(object)
    pairs = list(zip(a, b, strict=True))
    quotient = [
        0 if not n else int(abs(m) // abs(n)) * (1 if (m < 0) == (n < 0) else -1) for m, n in zip(a, b, strict=True)
    ]
    remainder = [0 if not n else m % n for m, n in zip(a, b, strict=True)]
    rest = [0 if not n else m - q * n for m, n, q in zip(a, b, quotient, strict=True)]
    wrapped = [np.array(values, object) for values in (quotient, remainder, rest, a + a, a * a)]
    integers = [((each + 2**31) % 2**32 - 2**31).astype(np.int32) for each in wrapped]
    wide = BYTES.astype(object)
    shifted = [0 if n > 7 else (c << n) % 256 for c, n in zip(wide, AMOUNTS.tolist(), strict=True)]
    back = [0 if n > 7 else c >> n for c, n in zip(wide, AMOUNTS.tolist(), strict=True)]
    return [*result, scattered, added, placed, unpooled.reshape(1, 1, 4, 4), hot, *integers, shifted, back]


@pytest.mark.skipif(not shutil.which("gcc"), reason="no compiler")
def test_no_value_leads_outside_of_a_tensor_or_of_arithmetic(tmp_path):
    proto, table = family()
    factory = build(*from_onnx(proto)[:1], BuildOptions(board="host"), name="family")
    vectors = [feeds(FAR), feeds(np.array([0, 1, 2, -1, -2, -3], np.int64))]
    result = generate_project("host", factory.files, tmp_path / "project").run(vectors, sanitize=True)
    names = [output.name for output in proto.graph.output]
    for vector, got in zip(vectors, result.outputs, strict=True):
        wanted = expected(table, vector)
        computed = reference.run(factory.network, vector)
        for name, a, b, c in zip(names, wanted, computed, got, strict=True):
            np.testing.assert_array_equal(b, a, f"reference: {name}")
            np.testing.assert_array_equal(c, a, f"program: {name}")
