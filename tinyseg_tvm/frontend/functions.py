"""Replaces calls of functions that the model brings along (PyTorch's exporter writes some) by their bodies."""

from __future__ import annotations

import onnx
from onnx import inliner

from tinyseg_tvm.errors import TinySegError

_MAX_DEPTH = 32
_MAX_NODES = 1 << 16


def inline_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without functions.

    Raises:
        TinySegError: functions call themselves, or expand to more than 65,536 nodes.
    """
    if not model.functions:
        return model
    _check_calls(model)
    return inliner.inline_local_functions(model)


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
