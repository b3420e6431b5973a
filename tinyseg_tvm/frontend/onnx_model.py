"""From an ONNX file to a Relax module."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import onnx
import tvm

from tinyseg_tvm.frontend.graph import Graph
from tinyseg_tvm.frontend.importing import import_graph
from tinyseg_tvm.frontend.loading import load_model
from tinyseg_tvm.frontend.normalization import normalize
from tinyseg_tvm.frontend.reading import read_graph
from tinyseg_tvm.frontend.names import printable_name


def normalized_graph(
    model: onnx.ModelProto | str | os.PathLike[str],
    shapes: Mapping[str, Sequence[int] | int] | None = None,
    batch: int = 1,
) -> tuple[Graph, str]:
    """The model's graph in the normalised forms, and the SHA-256 of the model."""
    proto, folder, digest = load_model(model)
    graph = read_graph(proto, folder, shapes or {}, batch)
    normalize(graph)
    return graph, digest


def from_onnx(
    model: onnx.ModelProto | str | os.PathLike[str],
    *,
    shapes: Mapping[str, Sequence[int] | int] | None = None,
    batch: int = 1,
    name: str | None = None,
) -> tuple[tvm.IRModule, dict[str, Any]]:
    graph, digest = normalized_graph(model, shapes, batch)
    module = import_graph(graph)

    def ports(names: list[str], parameters: list[str]) -> list[dict[str, Any]]:
        return [
            {"name": n, "parameter": p, "shape": list(graph.types[n].shape), "dtype": graph.types[n].dtype}
            for n, p in zip(names, parameters, strict=True)
        ]

    main = module["main"]
    parameters = [parameter.name for parameter in main.params]
    outputs = [printable_name(n, f"output_{i}") for i, n in enumerate(graph.outputs)]
    main = main.with_attr(
        "tinyseg.model_ports", {"inputs": ports(graph.inputs, parameters), "outputs": ports(graph.outputs, outputs)}
    )
    module["main"] = main
    return module.with_attrs({"tinyseg.model_hash": digest}), {}
