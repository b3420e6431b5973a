"""From an ONNX file to a Relax module."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import onnx
import tvm

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend.functions import inline_functions
from tinyseg_tvm.frontend.graph import Graph
from tinyseg_tvm.frontend.importing import import_graph
from tinyseg_tvm.frontend.loading import load_model, model_digest
from tinyseg_tvm.frontend.names import NameSupply, printable_name
from tinyseg_tvm.frontend.normalization import normalize
from tinyseg_tvm.frontend.reading import read_graph

Model: TypeAlias = onnx.ModelProto | str | os.PathLike[str]
Shapes: TypeAlias = Mapping[str, Sequence[int] | int]


def normalized_graph(model: Model, shapes: Shapes | None = None, batch: int = 1) -> tuple[Graph, str]:
    """The model's graph in the normalised forms, and the SHA-256 (hex) of the model.

    Arguments and errors are those of ``from_onnx``.
    """
    proto, folder, digest = load_model(model)
    try:
        proto = inline_functions(proto)
        graph = read_graph(proto, folder, shapes or {}, batch)
        digest = model_digest(digest, proto, graph.constants)
        normalize(graph)
    except TinySegError:
        raise
    except Exception as error:  # a damaged file can contradict itself in more ways than can be listed
        text = " ".join(str(error).split())[:300]
        raise TinySegError(
            f"the model contradicts itself: {type(error).__name__}: {text}. Remedy: check it with onnx.checker, or "
            "export it again"
        ) from error
    return graph, digest


def from_onnx(
    model: Model, *, shapes: Shapes | None = None, batch: int = 1, name: str | None = None
) -> tuple[tvm.IRModule, dict[str, Any]]:
    """Import an ONNX model.

    Args:
        model: a path, or a model in memory (without external data).
        shapes: the shape of an input by its name, or the value of a named dimension by its name.
        batch: value of a first dimension that the model leaves open and ``shapes`` does not give.
        name: the network's name; the graph's own where omitted.

    Returns:
        The module, whose function ``main`` has the forms listed in the package's docstring, and the parameters:
        always ``{}``, as constants stay in the module. ``relay.build(mod, target, params=params)`` takes both.
        Module attributes: ``tinyseg.model_hash`` (SHA-256 of the file, hex), ``tinyseg.model_name`` (printable).
        Function attribute ``tinyseg.model_ports``: ``{"inputs": [...], "outputs": [...]}`` in the model's order, each
        ``{"name", "parameter", "shape", "dtype"}``; ``name`` is the model's own, ``parameter`` its printable form (the
        Relax parameter's name for inputs).

    Raises:
        TinySegError: the file is broken, a dimension has no value, or nodes are unsupported (all are listed).
    """
    graph, digest = normalized_graph(model, shapes, batch)
    module = import_graph(graph)
    main = module["main"]
    supply = NameSupply()
    outputs = [supply.unique(tensor, f"output_{i}") for i, tensor in enumerate(graph.outputs)]
    ports = {
        "inputs": _ports(graph, graph.inputs, [parameter.name for parameter in main.params]),
        "outputs": _ports(graph, graph.outputs, outputs),
    }
    module["main"] = main.with_attr("tinyseg.model_ports", ports)
    attributes = {"tinyseg.model_hash": digest, "tinyseg.model_name": printable_name(name or graph.name, "network")}
    return module.with_attrs(attributes), {}


def _ports(graph: Graph, names: Sequence[str], parameters: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "name": tensor,
            "parameter": text,
            "shape": list(graph.types[tensor].shape),
            "dtype": graph.types[tensor].dtype,
        }
        for tensor, text in zip(names, parameters, strict=True)
    ]
