"""Replaces calls of ONNX functions by their bodies.

Two kinds: functions that the model brings along (PyTorch's exporter writes some), and operators that ONNX itself
defines by other operators and that TVM does not import (Celu, Swish, ...).
"""

from __future__ import annotations

from collections.abc import Collection

import onnx
from onnx import inliner

from tinyseg_tvm.errors import TinySegError

# Operators of ONNX with a function body that neither TVM nor our rewrites know. Their bodies use known operators.
EXPANDED = ("Celu", "Swish", "BlackmanWindow", "HammingWindow", "HannWindow", "MeanVarianceNormalization")
_MAX_DEPTH = 32
_MAX_NODES = 1 << 16


def inline_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without functions.

    Raises:
        TinySegError: functions call themselves, or expand to more than 65,536 nodes.
    """
    if model.functions:
        _check_calls(model)
        model = inliner.inline_local_functions(model)
    called = {node.op_type for node in model.graph.node if node.domain in ("", "ai.onnx")}
    if wanted := sorted(called.intersection(EXPANDED)):
        _spell_defaults(model, wanted)
        model = inliner.inline_selected_functions(model, [("", name) for name in wanted], False, True)
    return model


def _spell_defaults(model: onnx.ModelProto, operators: Collection[str]) -> None:
    """Give calls of ONNX's own functions the attributes that they leave out: the inliner takes those for absent."""
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    for node in model.graph.node:
        if node.op_type not in operators or not onnx.defs.has(node.op_type, opset):
            continue
        given = {attribute.name for attribute in node.attribute}
        for name, attribute in onnx.defs.get_schema(node.op_type, opset).attributes.items():
            if name not in given and attribute.default_value.type != onnx.AttributeProto.UNDEFINED:
                node.attribute.append(attribute.default_value)


def _check_calls(model: onnx.ModelProto) -> None:
    """Walk the calls before anything is expanded: no recursion, no explosion."""
    bodies = {(function.domain, function.name): function.node for function in model.functions}
    sizes: dict[tuple[str, str], int] = {}

    def size(nodes: object, path: tuple[tuple[str, str], ...]) -> int:
        total = 0
        for node in nodes:  # type: ignore[attr-defined]
            key = (node.domain, node.op_type)
            if key in path or len(path) > _MAX_DEPTH:
                raise TinySegError(
                    f"the model's function {key[1]!r} of domain {key[0]!r} calls itself, or calls are nested deeper "
                    f"than {_MAX_DEPTH}. Remedy: export the model again"
                )
            if key in bodies and key not in sizes:
                sizes[key] = size(bodies[key], (*path, key))
            total += sizes.get(key, 1)
        return total

    if (count := size(model.graph.node, ())) > _MAX_NODES:
        raise TinySegError(f"the model's functions expand to {count} nodes, more than the limit of {_MAX_NODES}")
