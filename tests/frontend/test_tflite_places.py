"""What TensorFlow Lite repeats, turns round, gathers, folds and reduces is what NumPy makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from tests.frontend.tflite_files import TfliteFile
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_tflite
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.network.reference import run
from tinyseg_tvm.relay_passes import lower

SHAPE = (1, 3, 4, 2)


def lowered(made: TfliteFile, inputs: Sequence[int], result: int) -> Network:
    return lower(from_tflite(made.to_bytes(inputs, [result]))[0])


def values(shape: Sequence[int], dtype: str = "int8") -> np.ndarray:
    rng = np.random.default_rng(2)
    if dtype == "float32":
        return rng.normal(0, 1, shape).astype(np.float32)
    return rng.integers(-128, 128, shape).astype(dtype)


def one_node(
    kind: str,
    constants: Sequence[Any],
    shape: Sequence[int],
    source: Sequence[int] = SHAPE,
    dtype: str = "int8",
    **o: Any,
) -> Callable[[np.ndarray], np.ndarray]:
    """A file of one node of an input and constants; what it makes of values."""
    made, scale = TfliteFile(), None if dtype == "float32" else 0.1
    x = made.tensor(source, dtype, scale)
    operands = [x, *(made.constant(np.array(each, np.int32)) for each in constants)]
    y = made.tensor(shape, dtype, scale)
    made.operator(kind, operands, [y], **o)
    network = lowered(made, [x], y)
    return lambda given: run(network, [given])[0]


@pytest.mark.parametrize(
    ("kind", "constants", "function"),
    [
        ("TILE", [[1, 2, 3, 1]], lambda x: np.tile(x, (1, 2, 3, 1))),
        ("REVERSE_V2", [[1, -1]], lambda x: x[:, ::-1, :, ::-1]),
        ("GATHER_ND", [[[0, 2], [0, 0], [0, 2]]], lambda x: x[[0, 0, 0], [2, 0, 2]]),
        ("GATHER_ND", [[0, 1, 3]], lambda x: x[0, 1, 3]),
    ],
)
def test_places_are_copied(kind: str, constants: list[Any], function: Callable[[np.ndarray], np.ndarray]):
    given = values(SHAPE)
    wanted = function(given)
    assert np.array_equal(one_node(kind, constants, wanted.shape)(given), wanted)


def test_values_are_repeated():
    given = values((1, 3, 1, 2))
    assert np.array_equal(one_node("BROADCAST_TO", [SHAPE], SHAPE, (1, 3, 1, 2))(given), np.broadcast_to(given, SHAPE))
    made = TfliteFile()
    x, y = made.tensor((1,), "int8", 0.1), made.tensor((1, 2, 3, 2), "int8", 0.1)
    made.operator("FILL", [made.constant(np.array([1, 2, 3, 2], np.int32)), x], [y])
    assert (run(lowered(made, [x], y), [np.array([7], np.int8)])[0] == 7).all()


def test_rows_of_a_table_are_looked_up():
    made, table = TfliteFile(), values((5, 4))
    x = made.tensor((3,), "int32", None)
    stored, y = made.tensor(table.shape, "int8", 0.1, 0, table), made.tensor((3, 4), "int8", 0.1)
    made.operator("EMBEDDING_LOOKUP", [x, stored], [y])
    given = np.array([4, 0, 2], np.int32)
    assert np.array_equal(run(lowered(made, [x], y), [given])[0], table[given])


@pytest.mark.parametrize(
    ("kind", "function"), [("SUM", np.sum), ("REDUCE_MIN", np.min), ("REDUCE_PROD", np.prod), ("REDUCE_MAX", np.max)]
)
def test_reals_are_reduced(kind: str, function: Callable[..., np.ndarray]):
    given = values(SHAPE, "float32")
    for axes, kept in (([1, 2], 1), ([3], 0), ([2], 1)):
        wanted = function(given, axis=tuple(axes), keepdims=bool(kept))
        made = one_node(kind, [axes], wanted.shape, dtype="float32", keep_dims=kept)(given)
        np.testing.assert_allclose(made, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["ADD", "SUB", "SQUARED_DIFFERENCE"])
@pytest.mark.parametrize("constant", [False, True])
def test_operands_broadcast_both_ways(kind: str, constant: bool):
    shapes, whole = ((1, 3, 1, 2), (1, 1, 4, 2)), SHAPE

    def file(repeat: bool) -> tuple[Network, list[np.ndarray]]:
        made = TfliteFile()
        arrays = [np.broadcast_to(values(s), whole if repeat else s) for s in shapes]
        x = made.tensor(arrays[0].shape, "int8", 0.1, 3)
        other = made.tensor(arrays[1].shape, "int8", 0.07, -2, arrays[1] if constant else None)
        y = made.tensor(whole, "int8", 0.3, 1)
        made.operator(kind, [x, other], [y])
        return lowered(made, [x] if constant else [x, other], y), arrays[: 1 if constant else 2]

    (as_they_are, given), (repeated, all_given) = file(False), file(True)
    assert np.array_equal(run(as_they_are, given)[0], run(repeated, [np.ascontiguousarray(a) for a in all_given])[0])


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("transposed", [(0, 0), (1, 1)])
@pytest.mark.parametrize("place", [0, 1])
def test_a_constant_matrix_is_multiplied_as_an_activation_is(dtype: str, transposed: tuple[int, int], place: int):
    shapes = [(1, 2, 3, 5)[::1], (1, 2, 5, 4)]
    stored = [(*s[:2], *(s[2:][::-1] if t else s[2:])) for s, t in zip(shapes, transposed, strict=True)]
    zero_point = 0 if dtype == "int16" else 4
    arrays = [values(s, "int8").astype(dtype) * (100 if dtype == "int16" else 1) for s in stored]
    arrays[place] = np.ascontiguousarray(arrays[place][:, :1])

    def product(constant: bool) -> np.ndarray:
        made = TfliteFile()
        operands = []
        for number, array in enumerate(arrays):
            data = array if constant and number == place else None
            operands.append(made.tensor(array.shape, dtype, 0.02, zero_point * (number - 1), data))
        y = made.tensor((1, 2, 3, 4), dtype, 0.5, zero_point)
        made.operator("BATCH_MATMUL", operands, [y], adj_x=transposed[0], adj_y=transposed[1])
        inputs = [k for k in (0, 1) if not (constant and k == place)]
        return run(lowered(made, [operands[k] for k in inputs], y), [arrays[k] for k in inputs])[0]

    assert np.array_equal(product(True), product(False))


def test_what_depends_on_types_and_constants_is_folded():
    made = TfliteFile()
    x = made.tensor(SHAPE, "float32", None)
    rank, sizes, first = (
        made.tensor((), "int32", None),
        made.tensor((4,), "int32", None),
        made.tensor((1,), "int32", None),
    )
    count, ones, zeros = (made.tensor(s, "int32", None) for s in ((1,), (2,), (2,)))
    one, two, shape = (
        made.constant(np.array(1, np.int32)),
        made.constant(np.array([2], np.int32)),
        made.tensor((3,), "int32", None),
    )
    made.operator("RANK", [x], [rank])
    made.operator("SHAPE", [x], [sizes])
    bounds = [made.constant(np.array([k], np.int32)) for k in (1, 2, 1)]
    made.operator("STRIDED_SLICE", [sizes, *bounds], [first], **dict.fromkeys(("begin_mask", "end_mask"), 0))
    made.operator("FLOOR_DIV", [made.constant(np.array([24], np.int32)), first], [count])  # 24 / 3
    made.operator("FILL", [two, one], [ones])
    made.operator("ZEROS_LIKE", [ones], [zeros])
    made.operator("CONCATENATION", [ones, count], [shape], axis=0, fused_activation_function="NONE")
    y, total = made.tensor((1, 1, 24), "float32", None), made.tensor((1, 1, 24), "float32", None)
    made.operator(
        "SUB", [shape, made.constant(np.array([0, 0, -16], np.int32))], [wide := made.tensor((3,), "int32", None)]
    )
    made.operator("RESHAPE", [x, wide], [y])
    made.operator("CAST", [rank], [real := made.tensor((), "float32", None)])
    made.operator("ADD", [y, real], [total], fused_activation_function="NONE")
    given = values(SHAPE, "float32")
    assert np.array_equal(run(lowered(made, [x], total), [given])[0], given.reshape(1, 1, 24) + np.float32(4))


def test_matrices_of_two_types_are_refused_with_a_remedy():
    made = TfliteFile()
    x, y = made.tensor((2, 4), "int16", 0.1), made.tensor((2, 3), "int16", 0.1)
    weights = made.tensor((4, 3), "int8", 0.1, 0, values((4, 3)))
    made.operator("BATCH_MATMUL", [x, weights], [y], adj_x=0, adj_y=0)
    with pytest.raises(TinySegError, match=r"int16 by int8.*FULLY_CONNECTED"):
        lowered(made, [x], y)
