"""From an ONNX file to a Relax module."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import onnx
import tvm

from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.frontend.functions import inline_functions
from tinyseg_tvm.frontend.graph import Graph
from tinyseg_tvm.frontend.importing import import_graph
from tinyseg_tvm.frontend.loading import load_model, model_digest
from tinyseg_tvm.frontend.names import NameSupply, printable_name
from tinyseg_tvm.frontend.normalization import normalize
from tinyseg_tvm.frontend.reading import read_graph

Model: TypeAlias = onnx.ModelProto | str | os.PathLike[str]
Shapes: TypeAlias = Mapping[str, Sequence[int] | int]

LARGEST_BATCH = (1 << 31) - 1


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
    model: Model,
    shape: Shapes | None = None,
    dtype: str | Mapping[str, str] | None = None,
    *,
    shapes: Shapes | None = None,
    batch: int = 1,
    name: str | None = None,
) -> tuple[tvm.IRModule, dict[str, Any]]:
    """Import an ONNX model.

    Args:
        model: a path, or a model in memory (without external data).
        shape: the shape of an input by its name, or the value of a named dimension by its name.
        dtype: as Relay takes it. The file says what its inputs are: a mapping from inputs to types is checked
            against it, and one type for all, which is for inputs without one, changes nothing.
        shapes: another name of ``shape``.
        batch: value of a first dimension that the model leaves open and ``shape`` does not give.
        name: the network's name; the file's, without its extension, where omitted, and the graph's own for a model in
            memory.

    Returns:
        The module, whose function ``main`` has the forms listed in the package's docstring, and the parameters:
        always ``{}``, as constants stay in the module. ``relay.build(mod, target, params=params)`` takes both.
        Module attributes: ``tinyseg.model_hash`` (SHA-256 of the file, hex), ``tinyseg.model_name`` (printable).
        Function attribute ``tinyseg.model_ports``: ``{"inputs": [...], "outputs": [...]}`` in the model's order, each
        ``{"name", "parameter", "shape", "dtype"}``; ``name`` is the model's own, ``parameter`` its printable form (the
        Relax parameter's name for inputs). ``dtype`` is the file's: a parameter or result of float16 or bfloat16 is
        float32.

    Raises:
        TinySegError: the file is broken, a dimension has no value, or nodes are unsupported (all are listed).
        UsageError: an argument is not of its form, or ``dtype`` contradicts the file.
    """
    if shape is not None and shapes is not None:
        raise UsageError("from_onnx: shape and shapes are two names of one argument; give one of them")
    if isinstance(batch, bool) or not isinstance(batch, int) or not 1 <= batch <= LARGEST_BATCH:
        raise UsageError(f"batch is {batch!r}, must be an integer from 1 to {LARGEST_BATCH}")
    graph, digest = normalized_graph(model, _checked_shapes(shape if shapes is None else shapes), batch)
    _check_types(graph, dtype)
    module = import_graph(graph)
    main = module["main"]
    supply = NameSupply()
    outputs = [supply.unique(tensor, f"output_{i}") for i, tensor in enumerate(graph.outputs)]
    ports = {
        "inputs": _ports(graph, graph.inputs, [parameter.name for parameter in main.params]),
        "outputs": _ports(graph, graph.outputs, outputs),
    }
    module["main"] = main.with_attr("tinyseg.model_ports", ports)
    attributes = {
        "tinyseg.model_hash": digest,
        "tinyseg.model_name": printable_name(name or _file_name(model) or graph.name, "network"),
    }
    return module.with_attrs(attributes), {}


def _file_name(model: Model) -> str:
    return "" if isinstance(model, onnx.ModelProto) else Path(model).stem


def _checked_shapes(shapes: object) -> dict[str, list[int] | int]:
    """The shapes with Python's own integers, also where NumPy's or a tuple were given."""
    example = 'write {"input": (1, 3, 64, 96)}'
    if shapes is None:
        return {}
    if not isinstance(shapes, Mapping):
        raise UsageError(f"from_onnx: shape is a mapping from inputs to shapes, not {type(shapes).__name__}: {example}")
    checked: dict[str, list[int] | int] = {}
    for name, shape in shapes.items():
        try:
            checked[name] = (
                [operator.index(extent) for extent in shape] if hasattr(shape, "__iter__") else (operator.index(shape))
            )
        except TypeError:
            raise UsageError(f"from_onnx: the shape of {name!r} is {shape!r}, not integers: {example}") from None
    return checked


def _check_types(graph: Graph, dtype: object) -> None:
    if dtype is None or isinstance(dtype, str):
        return
    if not isinstance(dtype, Mapping):
        raise UsageError(f"from_onnx: dtype is a type's name or a mapping from inputs to such, not {dtype!r}")
    for name, wanted in dtype.items():
        if name not in graph.inputs:
            raise UsageError(f"from_onnx: dtype names {name!r}, and the model's inputs are {', '.join(graph.inputs)}")
        if wanted != (held := _port_type(graph, name)):
            raise UsageError(
                f"from_onnx: input {name!r} is {held} in the model, not {wanted!r}; for int8 ports "
                "of a quantised model build with -io-type=quantized"
            )


def _port_type(graph: Graph, name: str) -> str:
    """The element type of an input or output in the file."""
    return graph.half.get(name) or graph.types[name].dtype


def _ports(graph: Graph, names: Sequence[str], parameters: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "name": tensor,
            "parameter": text,
            "shape": list(graph.types[tensor].shape),
            "dtype": _port_type(graph, tensor),
        }
        for tensor, text in zip(names, parameters, strict=True)
    ]
