"""A form of every operator that the compiler lists: ONNX's own examples, and models of our own where those do not."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.frontend.onnx_models import model, node, port

F = np.float32


def _with(
    nodes: list[onnx.NodeProto], constants: dict[str, Any], dtype: str = "float32", opset: int = 17
) -> onnx.ModelProto:
    return model(nodes, [port("x", [2, 3], dtype)], [port("y", None, dtype)], constants, opset)


def _body(nodes: list[onnx.NodeProto], inputs: list[str], outputs: list[str]) -> onnx.GraphProto:
    """The graph of a branch or an iteration, whose inputs of one letter are float32."""
    types = {"i": TensorProto.INT64, "go": TensorProto.BOOL, "on": TensorProto.BOOL}
    values = [
        [helper.make_tensor_value_info(name, types.get(name, TensorProto.FLOAT), None) for name in names]
        for names in (inputs, outputs)
    ]
    return helper.make_graph(nodes, "body", *values)


_TRUE = np.array(True)
_NEGATED = _body([node("Neg", "x", "b")], [], ["b"])
_ITERATION = _body([node("Identity", "go", "on"), node("Neg", "v", "b")], ["i", "go", "v"], ["on", "b"])
_STEP = _body([node("Add", "h p", "s"), node("Neg", "s", "b")], ["h", "p"], ["s", "b"])


def _held(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    """Of sequences, whose last tensor r becomes the result."""
    return _with([*nodes, node("Neg", "r", "y")], {"n": np.int64(0)}, opset=18)


_PAIR, _FIRST = node("SequenceConstruct", "x x", "s"), node("SequenceAt", "t n", "r")
_TRUTH = [node("Cast", "b", "f", to=1), node("Mul", "x f", "r")]
SEQUENCES: dict[str, onnx.ModelProto] = {
    "ConcatFromSequence": _held(_PAIR, node("ConcatFromSequence", "s", "r", axis=0)),
    "Optional": _held(node("Optional", "x", "s"), node("OptionalGetElement", "s", "r")),
    "OptionalGetElement": _held(node("OptionalGetElement", "x", "r")),
    "OptionalHasElement": _held(node("OptionalHasElement", "x", "b"), *_TRUTH),
    "SequenceAt": _held(_PAIR, node("SequenceAt", "s n", "r")),
    "SequenceConstruct": _held(_PAIR, node("SequenceInsert", "s x n", "t"), _FIRST),
    "SequenceEmpty": _held(node("SequenceEmpty", "", "s"), node("SequenceInsert", "s x", "t"), _FIRST),
    "SequenceErase": _held(_PAIR, node("SequenceErase", "s", "t"), _FIRST),
    "SequenceInsert": _held(_PAIR, node("SequenceInsert", "s x", "t"), _FIRST),
    "SequenceLength": _held(_PAIR, node("SequenceLength", "s", "b"), *_TRUTH),
    "SplitToSequence": _held(node("SplitToSequence", "x", "t"), _FIRST),
}

OWN: dict[str, onnx.ModelProto] = {
    **SEQUENCES,
    "BlackmanWindow": _with([node("BlackmanWindow", "n", "w"), node("Mul", "x w", "y")], {"n": np.int32(3)}),
    "CastLike": _with([node("CastLike", "c x", "w"), node("Mul", "x w", "y")], {"c": np.array([1, 2, 3], np.int64)}),
    "Constant": _with([node("Constant", "", "w", value_float=2.0), node("Mul", "x w", "y")], {}),
    "ConstantOfShape": _with(
        [node("ConstantOfShape", "s", "w"), node("Add", "x w", "y")], {"s": np.array([3], np.int64)}
    ),
    "EyeLike": _with([node("EyeLike", "c", "w"), node("MatMul", "x w", "y")], {"c": np.zeros((3, 3), F)}),
    "HammingWindow": _with([node("HammingWindow", "n", "w"), node("Mul", "x w", "y")], {"n": np.int32(3)}),
    "HannWindow": _with([node("HannWindow", "n", "w"), node("Mul", "x w", "y")], {"n": np.int32(3)}),
    "LayerNormalization": _with([node("LayerNormalization", "x c", "y")], {"c": np.array([1, 2, 3], F)}),
    "If": _with(
        [node("If", "c", "w", then_branch=_NEGATED, else_branch=_NEGATED), node("Relu", "w", "y")], {"c": _TRUE}
    ),
    "Loop": _with([node("Loop", "n c x", "y", body=_ITERATION)], {"n": np.int64(2), "c": _TRUE}),
    "Scan": _with([node("Scan", "h x", "f y", body=_STEP, num_scan_inputs=1)], {"h": np.zeros(3, F)}),
    "MelWeightMatrix": _with(
        [node("MelWeightMatrix", "a b c d e", "w"), node("MatMul", "x w", "y")],
        {"a": np.int64(4), "b": np.int64(4), "c": np.int64(8000), "d": F(0), "e": F(4000)},
    ),
    "Not": model([node("Not", "x", "y")], [port("x", [2, 3], "bool")], [port("y", [2, 3], "bool")]),
    "Range": _with([node("Range", "a b c", "w"), node("Mul", "x w", "y")], {"a": F(0), "b": F(3), "c": F(1)}),
    "Shape": _with([node("Shape", "x", "s"), node("Cast", "s", "w", to=1), node("MatMul", "w x", "y")], {}),
    "Size": _with([node("Size", "x", "s"), node("Cast", "s", "w", to=1), node("Add", "x w", "y")], {}),
    "GlobalLpPool": model([node("GlobalLpPool", "x", "y")], [port("x", [1, 2, 4, 4])], [port("y", [1, 2, 1, 1])]),
    "MaxUnpool": model(
        [
            node("MaxPool", "x", "p i", kernel_shape=[2, 2], strides=[2, 2]),
            node("MaxUnpool", "p i", "y", kernel_shape=[2, 2], strides=[2, 2]),
        ],
        [port("x", [1, 2, 4, 4])],
        [port("y", [1, 2, 4, 4])],
    ),
    "MaxRoiPool": model(
        [node("MaxRoiPool", "x r", "y", pooled_shape=[2, 2])],
        [port("x", [1, 2, 4, 4])],
        [port("y", [1, 2, 2, 2])],
        {"r": np.array([[0, 0, 0, 3, 3]], F)},
    ),
}


def examples() -> Iterator[tuple[str, onnx.ModelProto]]:
    """ONNX's own, each operator with its model; operands behind the first as constants, and as they are."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    for case in sorted(cases, key=lambda case: case.model.ByteSize()):
        if len(case.model.graph.node) != 1:
            continue
        for constant in (True, False):
            proto = onnx.ModelProto()
            proto.CopyFrom(case.model)
            if constant:
                operands = list(zip(case.model.graph.input, case.data_sets[0][0], strict=True))[1:]
                if not all(isinstance(value, np.ndarray | np.generic) for _, value in operands):
                    continue
                del proto.graph.input[1:]
                proto.graph.initializer.extend(
                    numpy_helper.from_array(np.asarray(value), port.name) for port, value in operands
                )
            yield proto.graph.node[0].op_type, proto
