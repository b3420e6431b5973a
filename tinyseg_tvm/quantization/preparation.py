"""Prepares a float network for quantisation: float32, static shapes, a recent operator set, shapes of all tensors.

ONNX Runtime's ``quant_pre_process`` folds constants and batch normalisation, and finds the shapes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, version_converter

from tinyseg_tvm.accuracy.session import needed
from tinyseg_tvm.errors import TinySegError, UsageError

OPSET = 17  # the first with all that torch's older exporter writes, e.g. LayerNormalization
OPSET_OF_INT16 = 21  # QuantizeLinear of int16
LARGEST_FILE = 1 << 31


def load_float(path: Path) -> onnx.ModelProto:
    """The network of a file, in float32.

    Raises:
        TinySegError: no ONNX file, or a quantised network.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise TinySegError(f"{path} is larger than {LARGEST_FILE} bytes, more than ONNX files may be")
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except TinySegError:
        raise
    except Exception as error:  # protobuf's and the checker's errors have no class in common
        raise TinySegError(f"{path}: no ONNX file of a float network ({' '.join(str(error).split())[:300]})") from None
    for node in model.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear") or "QLinear" in node.op_type:
            raise UsageError(
                f"{path} is quantised already (node {node.name or node.output[0]!r}, {node.op_type}): "
                "give the float network, or compile this one as it is"
            )
    _widen(model.graph)
    return model


def _widen(graph: onnx.GraphProto) -> None:
    """Makes float32 of float16: constants, ports and casts."""
    for ports in (graph.input, graph.output, graph.value_info):
        for port in ports:
            if port.type.tensor_type.elem_type == TensorProto.FLOAT16:
                port.type.tensor_type.elem_type = TensorProto.FLOAT
    for tensor in graph.initializer:
        _widen_tensor(tensor)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                _widen_tensor(attribute.t)
            elif attribute.type == onnx.AttributeProto.GRAPH:
                _widen(attribute.g)
            elif node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT16:
                attribute.i = TensorProto.FLOAT


def _widen_tensor(tensor: onnx.TensorProto) -> None:
    if tensor.data_type == TensorProto.FLOAT16:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))


def network_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """The graph's inputs that are no constants."""
    constants = {constant.name for constant in model.graph.initializer}
    return [port for port in model.graph.input if port.name not in constants]


def shape_of(port: onnx.ValueInfoProto) -> tuple[int | None, ...]:
    """A port's extents; None for open ones."""
    return tuple(
        dimension.dim_value if dimension.HasField("dim_value") and dimension.dim_value > 0 else None
        for dimension in port.type.tensor_type.shape.dim
    )


def fix_shapes(model: onnx.ModelProto, shapes: Mapping[str, Sequence[int] | int], batch: int) -> None:
    """Gives open dimensions of the inputs their extents.

    Args:
        model: changed in place.
        shapes: the shape of an input, or the extent of a named dimension.
        batch: of inputs whose first dimension is open.

    Raises:
        UsageError: a shape of another rank, or a dimension that stays open.
    """
    inputs = network_inputs(model)
    names = {port.name for port in inputs} | {d.dim_param for p in inputs for d in p.type.tensor_type.shape.dim}
    for name in shapes:
        if name not in names:
            raise UsageError(f"--shape {name}: the network has no input and no dimension of that name")
    for port in inputs:
        dimensions = port.type.tensor_type.shape.dim
        given = shapes.get(port.name)
        whole = [given] if isinstance(given, int) else given
        if whole is not None and len(whole) != len(dimensions):
            raise UsageError(f"--shape {port.name}: {len(whole)} extents are given, the input has {len(dimensions)}")
        for index, dimension in enumerate(dimensions):
            named = shapes.get(dimension.dim_param) if dimension.dim_param else None
            extent = whole[index] if whole is not None else dimension.dim_value or named
            if not extent and index == 0:
                extent = batch
            if not isinstance(extent, int) or extent < 1:
                example = "x".join(str(d.dim_value or d.dim_param or "?") for d in dimensions)
                raise UsageError(f"input {port.name!r} has open dimensions ({example}): state --shape {port.name}=...")
            dimension.Clear()
            dimension.dim_value = extent
    for result in model.graph.output:
        result.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]


def prepend_normalisation(model: onnx.ModelProto, mean: Sequence[float], std: Sequence[float], channel: int) -> str:
    """Lets the network take pixels of 0 to 1 and normalise them itself: a table per channel once it is quantised.

    Args:
        model: changed in place; its one input keeps its name.
        mean: per channel.
        std: likewise.
        channel: axis of the channels in the input's shape.

    Returns:
        The name of the normalised tensor.
    """
    (port,) = network_inputs(model)
    along = [1] * len(port.type.tensor_type.shape.dim)
    along[channel] = -1
    factor = (1.0 / np.asarray(std, np.float64)).astype(np.float32).reshape(along)
    offset = (-np.asarray(mean, np.float64) / np.asarray(std, np.float64)).astype(np.float32).reshape(along)
    normalised = unused_name(model, f"{port.name}_normalised")
    scaled = unused_name(model, f"{port.name}_scaled")
    for node in model.graph.node:
        node.input[:] = [normalised if name == port.name else name for name in node.input]
    constants = {f"{scaled}_factor": factor, f"{normalised}_offset": offset}
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    model.graph.node.insert(0, helper.make_node("Mul", [port.name, f"{scaled}_factor"], [scaled], name=scaled))
    add = helper.make_node("Add", [scaled, f"{normalised}_offset"], [normalised], name=normalised)
    model.graph.node.insert(1, add)
    return normalised


def unused_name(model: onnx.ModelProto, wanted: str) -> str:
    """``wanted``, or that with a number behind it where the graph has it already."""
    graph = model.graph
    taken = {name for node in graph.node for name in (*node.input, *node.output, node.name)}
    taken |= {constant.name for constant in graph.initializer}
    return next(name for name in (wanted, *(f"{wanted}_{n}" for n in range(len(taken) + 1))) if name not in taken)


def prepared(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """The network with constants folded, all shapes found, and a name for every node.

    Raises:
        TinySegError: ONNX Runtime is not installed or refuses the network, or the operator set is too old.
    """
    needed("onnxruntime")
    quantizer = needed("onnxruntime.quantization.shape_inference")
    default = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    try:
        newer = version_converter.convert_version(model, opset) if default < opset else model
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "float.onnx"), Path(folder, "prepared.onnx")
            onnx.save(newer, source)
            quantizer.quant_pre_process(source, target, skip_symbolic_shape=True)
            result = onnx.load(target)
    except Exception as error:
        text = " ".join(str(error).split())[:400]
        raise TinySegError(f"the network cannot be prepared for quantisation: {text}") from None
    _name_nodes(result)
    return result


def _name_nodes(model: onnx.ModelProto) -> None:
    taken: set[str] = set()
    for number, node in enumerate(model.graph.node):
        wanted = node.name or f"{node.op_type}_{number}"
        node.name = wanted if wanted not in taken else f"{wanted}_{number}"
        taken.add(node.name)
