"""Replaces operators that are defined by other operators by those.

Of some ONNX gives the definition, as a function; others' are in ``frontend/definitions``. Some of ONNX's functions
depend on the call: on which operands and attributes are there, and on types and ranks. So types must be inferred
before, and are again where a definition uses another. Source: ``onnx.defs``, the schemas' function bodies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import onnx
from onnx import AttributeProto, helper

from tinyseg_tvm.frontend.definitions import definition_of
from tinyseg_tvm.frontend.graph import Graph, Node, node_error, node_proto, type_proto
from tinyseg_tvm.frontend.inference import infer
from tinyseg_tvm.frontend.reading import read_node

PREVIEW = "ai.onnx.preview"
# Operators of ONNX with a function body that neither TVM nor our other rewrites know, by domain.
EXPANDED: dict[str, tuple[str, ...]] = {
    "": (
        "AffineGrid",
        "Attention",
        "BlackmanWindow",
        "CausalConvWithState",
        "Celu",
        "CenterCropPad",
        "HammingWindow",
        "HannWindow",
        "LinearAttention",
        "MeanVarianceNormalization",
        "NegativeLogLikelihoodLoss",
        "RMSNormalization",
        "RotaryEmbedding",
        "Shrink",
        "SoftmaxCrossEntropyLoss",
        "SwiGLU",
        "Swish",
    ),
    PREVIEW: ("FlexAttention",),
}
_MAX_DEPTH = 8  # of bodies that call others
_MAX_NODES = 1 << 16


def expand_functions(graph: Graph) -> None:
    """Replace every node that has a definition by what it stands for. Types are inferred before and behind.

    Raises:
        TinySegError: a call that its operator's definition does not fit.
    """
    for _ in range(_MAX_DEPTH):
        infer(graph)
        if not graph.expand(lambda node: _body(graph, node) if _is_call(node) else definition_of(graph, node)):
            return
        if len(graph.nodes) > _MAX_NODES:
            break
    call = next((node for node in graph.nodes if _is_call(node)), graph.nodes[0])
    raise node_error(call, "its definition is too long or calls itself", "export the model again")


def _is_call(node: Node) -> bool:
    if node.op_type == "SpaceToDepth":  # TVM has the default order of channels alone
        return not node.domain and node.attributes.get("mode", "DCR") == "CRD"
    if node.op_type == "LayerNormalization":  # TVM has no statistics as results
        return not node.domain and any(node.outputs[1:])
    return node.op_type in EXPANDED.get(node.domain, ())


def _body(graph: Graph, node: Node) -> list[Node] | None:
    """The nodes that ``node`` stands for; None where a type that its body depends on is unknown."""
    if any(name and name not in graph.types for name in node.inputs):
        return None
    opset = graph.opset if not node.domain else 1
    schema = onnx.defs.get_schema(node.op_type, opset, node.domain)
    attributes = {
        name: helper.get_attribute_value(attribute.default_value)
        for name, attribute in schema.attributes.items()
        if attribute.default_value.type != AttributeProto.UNDEFINED
    }
    attributes = {key: value.decode() if isinstance(value, bytes) else value for key, value in attributes.items()}
    attributes |= node.attributes
    function = _function(graph, node, schema, opset)
    if function is None:
        raise node_error(node, "ONNX has no definition of it for these operands", "export it as other operators")
    names = dict.fromkeys(function.input, "")
    names.update(zip(function.input, node.inputs, strict=False))
    names.update((formal, name or graph.fresh(f"{node.name}.{formal}")) for formal, name in _results(function, node))
    rename = _renaming(graph, node, names)
    nodes: list[Node] = []
    for proto in function.node:
        inner = onnx.NodeProto()
        inner.CopyFrom(proto)
        _bind(inner, attributes, rename)
        last = node.outputs[0] in inner.output
        inner.name = node.name if last else graph.node_name(f"{node.name}_{inner.op_type}_{len(nodes)}")
        nodes.append(read_node(inner, inner.name))
    return nodes


def _function(graph: Graph, node: Node, schema: Any, opset: int) -> onnx.FunctionProto | None:
    """The body of this call, for the newest operator set up to ``opset`` that has one."""
    versions = schema.context_dependent_function_opset_versions or schema.function_opset_versions
    version = max((version for version in versions if version <= opset), default=None)
    if version is None:
        return None
    if schema.has_context_dependent_function:
        types = [
            (type_proto(graph.types[name]) if name else onnx.TypeProto()).SerializeToString() for name in node.inputs
        ]
        data = schema.get_context_dependent_function_with_opset_version(
            version, node_proto(node).SerializeToString(), types
        )
    else:
        data = schema.get_function_with_opset_version(version)
    return onnx.FunctionProto.FromString(data) if data else None


def _results(function: onnx.FunctionProto, node: Node) -> list[tuple[str, str]]:
    given = [*node.outputs, *[""] * (len(function.output) - len(node.outputs))]
    return list(zip(function.output, given, strict=False))


def _renaming(graph: Graph, node: Node, names: dict[str, str]) -> Callable[[str], str]:
    """What a name of the body is in the graph: an operand, a result, or a name of its own."""

    def rename(name: str) -> str:
        if name and name not in names:
            names[name] = graph.fresh(f"{node.name}.{name}")
        return names.get(name, "")

    return rename


def _bind(proto: onnx.NodeProto, attributes: Mapping[str, Any], rename: Callable[[str], str]) -> None:
    """Give a body's node the graph's names and the call's attributes, in its subgraphs, too."""
    proto.input[:] = map(rename, proto.input)
    proto.output[:] = map(rename, proto.output)
    kept = []
    for attribute in proto.attribute:
        if attribute.ref_attr_name:
            if (value := attributes.get(attribute.ref_attr_name)) is not None:
                kept.append(helper.make_attribute(attribute.name, value, attr_type=attribute.type))
            continue
        if attribute.type == AttributeProto.GRAPH:
            for port in (*attribute.g.input, *attribute.g.output, *attribute.g.initializer, *attribute.g.value_info):
                port.name = rename(port.name)
            for inner in attribute.g.node:
                _bind(inner, attributes, rename)
        kept.append(attribute)
    del proto.attribute[:]
    proto.attribute.extend(kept)
