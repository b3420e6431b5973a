"""ONNX Runtime's ``quantize_static`` with stated ranges, and what is taken out of its result again."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from tinyseg_tvm.accuracy.session import needed
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.quantization.calibration import Feeds, Reader
from tinyseg_tvm.quantization.placement import UNCHANGED, Placement, Range
from tinyseg_tvm.quantization.preparation import unused_name

DEQUANTIZED = "_DequantizeLinear_Output"
_NOT_QUANTISED = frozenset({"Constant", "ConstantOfShape", "Shape", "Size", "ArgMax", "ArgMin", "If", "Loop", "Scan"})


def quantized(
    model: onnx.ModelProto,
    ranges: Mapping[str, Range],
    placement: Placement,
    *,
    sample: Feeds,
    excluded: Collection[str] = (),
    int16: bool = False,
    stated: Mapping[str, tuple[float, int]] | None = None,
) -> onnx.ModelProto:
    """The QDQ network of a prepared float one: int8 weights per output channel, activations per tensor.

    Args:
        model: the float network.
        ranges: of all activations.
        placement: what stays as it is.
        sample: anything that the network takes; ONNX Runtime runs it once.
        excluded: nodes that stay in float.
        int16: activations of 16 bits.
        stated: scale and zero point of tensors, in place of those that follow from ranges.

    Raises:
        TinySegError: ONNX Runtime cannot quantise the network.
    """
    quantization = needed("onnxruntime.quantization")
    makers = {name: node for node in model.graph.node for name in node.output}
    own = {name for name in ranges if name not in makers or makers[name].op_type not in UNCHANGED}
    overrides: dict[str, list[dict[str, Any]]] = {
        name: [{"rmin": np.float32(ranges[name][0]), "rmax": np.float32(ranges[name][1])}] for name in sorted(own)
    }
    for name, (scale, zero) in (stated or {}).items():
        kind = np.int16 if int16 else np.int8
        overrides[name] = [{"scale": np.array(scale, np.float32), "zero_point": np.array(zero, kind)}]
    kinds = sorted({node.op_type for node in model.graph.node} - _NOT_QUANTISED)
    level = logging.getLogger().level
    try:
        logging.getLogger().setLevel(logging.ERROR)  # ONNX Runtime warns through the root logger
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "float.onnx"), Path(folder, "quantized.onnx")
            onnx.save(model, source)
            quantization.quantize_static(
                source,
                target,
                Reader([sample]),
                quant_format=quantization.QuantFormat.QDQ,
                op_types_to_quantize=kinds,
                nodes_to_exclude=sorted(excluded),
                per_channel=True,
                activation_type=quantization.QuantType.QInt16 if int16 else quantization.QuantType.QInt8,
                weight_type=quantization.QuantType.QInt8,
                calibrate_method=quantization.CalibrationMethod.MinMax,
                extra_options={"QDQKeepRemovableActivations": True, "TensorQuantOverrides": overrides},
            )
            result = onnx.load(target)
    except Exception as error:
        raise TinySegError(f"ONNX Runtime cannot quantise it: {' '.join(str(error).split())[:400]}") from None
    finally:
        logging.getLogger().setLevel(level)
    _without_pairs(result, placement.interior)
    _with_float_constants(model, result, placement.constants)
    _without_unused(result)
    return result


def _without_pairs(model: onnx.ModelProto, names: Collection[str]) -> None:
    """Takes quantisation and dequantisation of tensors out again."""
    graph = model.graph
    before = {node.output[0]: node for node in graph.node if node.op_type == "QuantizeLinear"}
    renamed = {
        node.output[0]: before[node.input[0]].input[0]
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in before and before[node.input[0]].input[0] in names
    }
    _rename(model, renamed)


def _with_float_constants(source: onnx.ModelProto, model: onnx.ModelProto, names: Collection[str]) -> None:
    """Gives operands of tables their float32 values back."""
    there = {constant.name for constant in model.graph.initializer}
    originals = {constant.name: constant for constant in source.graph.initializer if constant.name in names}
    makers = {node.output[0]: node for node in model.graph.node}
    renamed = {f"{name}{DEQUANTIZED}": name for name in originals if f"{name}{DEQUANTIZED}" in makers}
    model.graph.initializer.extend(originals[name] for name in renamed.values() if name not in there)
    _rename(model, renamed)


def _rename(model: onnx.ModelProto, renamed: Mapping[str, str]) -> None:
    for node in model.graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]


def _without_unused(model: onnx.ModelProto) -> None:
    """Removes nodes and constants whose results nobody reads."""
    graph = model.graph
    outputs = {port.name for port in graph.output}
    changed = True
    while changed:
        read = {name for node in graph.node for name in node.input} | outputs
        unused = [node for node in graph.node if not read.intersection(node.output)]
        for node in unused:
            graph.node.remove(node)
        changed = bool(unused)
    read = {name for node in graph.node for name in node.input} | outputs
    for constant in [constant for constant in graph.initializer if constant.name not in read]:
        graph.initializer.remove(constant)
    del graph.value_info[:]


def with_quantized_ports(model: onnx.ModelProto) -> onnx.ModelProto:
    """The network whose ports are the integers themselves, without conversions at the edges."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    constants = {constant.name: constant for constant in graph.initializer}
    for port in graph.input:
        readers = [node for node in graph.node if port.name in node.input]
        if len(readers) == 1 and readers[0].op_type == "QuantizeLinear":
            _take_integers(graph, port, readers[0], constants)
    makers = {name: node for node in graph.node for name in node.output}
    outputs = {port.name for port in graph.output}
    for port in graph.output:
        maker = makers.get(port.name)
        if maker is None or maker.op_type != "DequantizeLinear":
            continue
        integers = maker.input[0]
        if integers in makers and integers not in outputs:
            inside = {port.name: unused_name(result, f"{port.name}_real"), integers: port.name}
            for node in graph.node:  # the real values stay for those that read them inside
                node.output[:] = [inside.get(name, name) for name in node.output]
                node.input[:] = [inside.get(name, name) for name in node.input]
            port.type.tensor_type.elem_type = constants[maker.input[2]].data_type
    _without_unused(result)
    return result


def _take_integers(
    graph: onnx.GraphProto, port: onnx.ValueInfoProto, quantize: onnx.NodeProto, constants: Mapping[str, Any]
) -> None:
    graph.node.remove(quantize)
    for node in graph.node:
        node.input[:] = [port.name if name == quantize.output[0] else name for name in node.input]
    port.type.tensor_type.elem_type = constants[quantize.input[2]].data_type


def port_quantization(model: onnx.ModelProto) -> dict[str, tuple[float, int]]:
    """Scale and zero point of each port that carries integers, by its name."""
    constants = {constant.name: constant for constant in model.graph.initializer}
    found: dict[str, tuple[float, int]] = {}
    ports = {port.name for port in (*model.graph.input, *model.graph.output)}
    for node in model.graph.node:
        name = {"DequantizeLinear": node.input[:1], "QuantizeLinear": node.output[:1]}.get(node.op_type, [""])[0]
        if name in ports and node.input[1] in constants:
            scale, zero = (numpy_helper.to_array(constants[part]) for part in node.input[1:3])
            found[name] = float(scale), int(zero)
    return found
