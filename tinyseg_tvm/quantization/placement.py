"""Where quantisation has to stand: behind every activation, but not inside what becomes one operator of integers.

* A function of one tensor, element by element (``x * sigmoid(x)``, GELU as a chain of Erf and products, hard-swish
  as Add, Clip and Mul), becomes one table. Quantised inside it would lose bits at every step.
* A clamp behind a weighted sum is part of that sum.

Tensors of which neither is true have a QuantizeLinear and a DequantizeLinear.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

UNARY = frozenset(
    {"Abs", "Celu", "Ceil", "Clip", "Cos", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish"}
    | {"LeakyRelu", "Log", "Mish", "Neg", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Sin"}
    | {"Softplus", "Softsign", "Sqrt", "Swish", "Tanh", "ThresholdedRelu"}
)
BINARY = frozenset({"Add", "Div", "Max", "Min", "Mul", "Pow", "PRelu", "Sub"})
SUMS = frozenset({"Add", "Conv", "ConvTranspose", "Gemm", "MatMul", "Sub"})
CLAMPS = frozenset({"Clip", "Relu"})
UNCHANGED = frozenset(
    {"AveragePool", "Flatten", "Gather", "GatherElements", "MaxPool", "Pad", "Reshape", "Resize", "Slice", "Split"}
    | {"Squeeze", "Transpose", "TopK", "Unsqueeze"}
)
"""Operators whose result ONNX Runtime gives the scale of their operand."""

SHARED_RANGE = 4.0
"""A concatenation's operands get one scale where that makes none of their ranges more than this much wider."""

Range = tuple[float, float]


@dataclass(frozen=True)
class Placement:
    """What the quantiser has to leave as it is.

    Attributes:
        interior: tensors without quantisation.
        constants: operands of tables, which stay float32.
    """

    interior: frozenset[str]
    constants: frozenset[str]


def placement_of(model: onnx.ModelProto) -> Placement:
    """Where quantisation stands in a prepared network."""
    graph = model.graph
    constants = {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}
    outputs = {port.name for port in graph.output}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    roots: dict[str, str] = {}
    operands: set[str] = set()
    for node in graph.node:
        root = _root(node, roots, constants)
        if root:
            roots[node.output[0]] = root
            operands.update(name for name in node.input if name in constants)
    inside = {
        name
        for name, root in roots.items()
        if name not in outputs and readers.get(name) and all(roots.get(r.output[0]) == root for r in readers[name])
    }
    makers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        maker = makers.get(node.input[0]) if node.op_type in CLAMPS else None
        if maker is None or maker.op_type not in SUMS or node.input[0] in outputs:
            continue
        if len(readers[node.input[0]]) == 1:
            inside.add(node.input[0])
    elsewhere = {
        name for node in graph.node if not roots.get(node.output[0]) for name in node.input if name in operands
    }
    return Placement(frozenset(inside), frozenset(operands - elsewhere))


def _root(node: onnx.NodeProto, roots: Mapping[str, str], constants: Mapping[str, np.ndarray]) -> str:
    """The one tensor of whose elements a node's elements are a function; empty where there is none."""
    if node.domain or len(node.output) != 1 or node.op_type not in UNARY | BINARY:
        return ""
    varying = [name for name in node.input if name and name not in constants]
    found = {roots.get(name, name) for name in varying}
    if len(found) != 1 or (node.op_type in BINARY and not all(map(_along_one_axis, _fixed(node, constants)))):
        return ""
    if node.op_type == "Add" and len(varying) == 2 and varying[0] not in roots and varying[1] not in roots:
        return ""  # x + x: a sum
    return str(found.pop())


def _fixed(node: onnx.NodeProto, constants: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    return [constants[name] for name in node.input if name in constants]


def _along_one_axis(constant: np.ndarray) -> bool:
    """Whether a constant is one value, or one per channel."""
    return bool(sum(extent > 1 for extent in constant.shape) <= 1)


def shared_ranges(model: onnx.ModelProto, ranges: Mapping[str, Range]) -> dict[str, Range]:
    """Ranges in which the operands of a concatenation have one, so that it moves bytes alone.

    Operands whose own range is much narrower keep it, and are requantised.
    """
    result = dict(ranges)
    makers = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        if node.op_type != "Concat" or node.output[0] not in ranges:
            continue
        operands = [name for name in node.input if name in ranges]
        union = _union(result[name] for name in (*operands, node.output[0]))
        close = [name for name in operands if _width(union) <= SHARED_RANGE * _width(ranges[name])]
        result[node.output[0]] = union
        result |= {origin: union for name in close for origin in _origins(name, makers, ranges)}
    return result


def _origins(name: str, makers: Mapping[str, onnx.NodeProto], ranges: Mapping[str, Range]) -> list[str]:
    """A tensor and those from which it has its scale."""
    found = [name]
    while (maker := makers.get(found[-1])) is not None and maker.op_type in UNCHANGED and maker.input[0] in ranges:
        found.append(maker.input[0])
    return found


def _union(ranges: Iterable[Range]) -> Range:
    lows, highs = zip(*ranges, strict=True)
    return min(lows), max(highs)


def _width(bounds: Range) -> float:
    return max(bounds[1], 0.0) - min(bounds[0], 0.0)
