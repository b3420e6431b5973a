"""Shifts uint8 quantised tensors to int8 (value and zero point minus 128), and uint16 ones to int16, exactly.

An unsigned tensor is shifted together with all tensors it is moved into or compared with by operators that only
copy or order values (reshape, concat, max pooling, ...). The group must begin at QuantizeLinear, constants or graph
inputs and end at DequantizeLinear, ArgMax or graph outputs; any other reader (a Cast to float, integer arithmetic)
leaves the group as it is. Graph inputs and outputs keep their type: there a
DequantizeLinear(unsigned) -> QuantizeLinear(signed) pair of equal scale, the identity, converts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tinyseg_tvm.frontend.graph import Graph, Node, ValueType

SIGNED = {"uint8": "int8", "uint16": "int16"}
"""The type that one becomes."""

# Operators that copy or order the values of these inputs (by position; None: all) into all their results.
_MOVES: dict[str, tuple[int, ...] | None] = {
    "Identity": (0,),
    "Reshape": (0,),
    "Flatten": (0,),
    "Squeeze": (0,),
    "Unsqueeze": (0,),
    "Transpose": (0,),
    "Slice": (0,),
    "Split": (0,),
    "Gather": (0,),
    "Tile": (0,),
    "Expand": (0,),
    "DepthToSpace": (0,),
    "SpaceToDepth": (0,),
    "MaxPool": (0,),
    "GlobalMaxPool": (0,),
    "ReduceMax": (0,),
    "ReduceMin": (0,),
    "Pad": (0, 2),
    "Clip": (0, 1, 2),
    "Concat": None,
    "Max": None,
    "Min": None,
    "Resize": (0,),
}


@dataclass
class _Group:
    tensors: set[str] = field(default_factory=set)
    convertible: bool = True


def shift_to_signed(graph: Graph) -> None:
    """Shift every group of uint8 or uint16 tensors for which that is exact. Quantisers must be canonical."""
    groups = _groups(graph)
    for group in groups:
        if group.convertible:
            _shift(graph, group)


def _moved(node: Node) -> list[str]:
    """The tensors whose values reach the node's results unchanged."""
    positions = _MOVES[node.op_type]
    return [name for i, name in enumerate(node.inputs) if name and (positions is None or i in positions)]


def _moves(node: Node) -> bool:
    if node.domain or node.op_type not in _MOVES:
        return False
    if node.op_type == "Pad":
        return node.attributes.get("mode", "constant") == "constant" or not node.input(2)
    return node.op_type != "Resize" or node.attributes.get("mode", "nearest") == "nearest"


def _groups(graph: Graph) -> list[_Group]:
    group_of = _joined(graph)
    anchored: set[int] = set()
    for node in graph.nodes:
        data = _quantized_tensor(graph, node)
        if data is not None:
            anchored.add(id(group_of.get(data)))
            allowed = {data, node.inputs[2]}
        elif _moves(node):
            allowed = {*_moved(node), *node.outputs}
        else:
            allowed = {node.inputs[0]} if node.op_type in ("ArgMax", "ArgMin") and not node.domain else set()
        for name in (*node.inputs, *node.outputs):
            if name in group_of and name not in allowed:
                group_of[name].convertible = False
    unique = {id(group): group for group in group_of.values()}
    return [group for key, group in unique.items() if key in anchored]


def _joined(graph: Graph) -> dict[str, _Group]:
    """The group of each unsigned tensor."""
    group_of = {name: _Group({name}) for name, value in graph.types.items() if value.dtype in SIGNED}

    def join(names: list[str]) -> None:
        present = [name for name in names if name in group_of]
        for name in present[1:]:
            target, source = group_of[present[0]], group_of[name]
            if target is not source:
                target.tensors |= source.tensors
                for member in source.tensors:
                    group_of[member] = target

    for node in graph.nodes:
        if _moves(node):
            join([*_moved(node), *node.outputs])
    return group_of


def _quantized_tensor(graph: Graph, node: Node) -> str | None:
    """The integer tensor of a quantiser with constant parameters, else None."""
    if node.op_type not in ("QuantizeLinear", "DequantizeLinear") or node.domain or len(node.inputs) != 3:
        return None
    if any(name not in graph.constants for name in node.inputs[1:]):
        return None
    return node.outputs[0] if node.op_type == "QuantizeLinear" else node.inputs[0]


def _shift(graph: Graph, group: _Group) -> None:
    _explicit_pad_values(graph, group)
    quantization = _quantization(graph, group)
    originals = {name: graph.types[name] for name in group.tensors}
    for node in graph.nodes:
        if _quantized_tensor(graph, node) in group.tensors:
            node.inputs[2] = graph.add_constant(node.inputs[2], _shifted(graph.constants[node.inputs[2]]))
    for name in group.tensors & graph.constants.keys():
        graph.constants[name] = _shifted(graph.constants[name])
    for name, value in originals.items():
        graph.types[name] = ValueType(SIGNED[value.dtype], value.shape)
    _convert_edges(graph, group, originals, quantization)


def _shifted(value: np.ndarray) -> np.ndarray:
    signed = np.dtype(SIGNED[str(value.dtype)])
    return (value.astype(np.int32) + np.iinfo(signed).min).astype(signed)


def _explicit_pad_values(graph: Graph, group: _Group) -> None:
    """Pad's default value is 0, which the shift would turn into another."""
    for node in graph.nodes:
        constant = node.op_type == "Pad" and node.attributes.get("mode", "constant") == "constant"
        if constant and node.inputs[0] in group.tensors and not node.input(2):
            rest = node.inputs[3:]
            value = graph.add_constant(f"{node.name}.value", np.zeros((), graph.dtype(node.inputs[0])))
            group.tensors.add(value)
            node.inputs = [*node.inputs[:2], value, *rest]


def _quantization(graph: Graph, group: _Group) -> tuple[str, np.ndarray]:
    """Scale (tensor name) and unsigned zero point of a per-tensor quantiser of the group."""
    for node in graph.nodes:
        if _quantized_tensor(graph, node) in group.tensors and graph.constants[node.inputs[1]].ndim == 0:
            return node.inputs[1], graph.constants[node.inputs[2]]
    unsigned = np.dtype(graph.dtype(next(iter(group.tensors))))
    middle = (int(np.iinfo(unsigned).max) + 1) // 2
    return graph.add_constant("scale", np.array(1, np.float32)), np.array(middle, unsigned)


def _convert_edges(
    graph: Graph, group: _Group, originals: dict[str, ValueType], quantization: tuple[str, np.ndarray]
) -> None:
    scale, zero = quantization
    unsigned = str(zero.dtype)
    signed = SIGNED[unsigned]

    def pair(source: str, result: str, name: str, dtypes: tuple[str, str]) -> list[Node]:
        value = graph.fresh(f"{source}.value")
        zeros = {unsigned: zero, signed: _shifted(zero)}
        first, second = (graph.add_constant(f"{source}.zero_point", zeros[dtype]) for dtype in dtypes)
        graph.types[value] = ValueType("float32", graph.types[source].shape)
        graph.types[result] = ValueType(dtypes[1], graph.types[source].shape)
        return [
            Node(graph.node_name(f"{name}_dequantize"), "DequantizeLinear", [source, scale, first], [value]),
            Node(graph.node_name(f"{name}_quantize"), "QuantizeLinear", [value, scale, second], [result]),
        ]

    for i, name in enumerate(graph.inputs):
        if name in group.tensors:
            graph.types[name] = originals[name]
            inner = graph.fresh(f"{name}.{signed}")
            graph.replace_uses(name, inner)
            if name in graph.outputs:  # an input that is also an output has no producer to move
                graph.replace_uses(inner, name)
                continue
            graph.nodes[:0] = pair(name, inner, f"input_{i}", (unsigned, signed))
    for i, name in enumerate(graph.outputs):
        if name in group.tensors and name not in graph.inputs and graph.dtype(name) == signed:
            inner = graph.fresh(f"{name}.{signed}")
            graph.types[inner] = ValueType(signed, originals[name].shape)
            for node in graph.nodes:
                node.inputs = [inner if tensor == name else tensor for tensor in node.inputs]
                node.outputs = [inner if tensor == name else tensor for tensor in node.outputs]
            graph.nodes.extend(pair(inner, name, f"output_{i}", (signed, unsigned)))
