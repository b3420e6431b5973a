"""A layer as a QLinear operator of ONNX, or of ONNX Runtime's contributed ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper

from tests.random_networks.growing import DOMAIN, Layer

if TYPE_CHECKING:
    from tests.random_networks.writing import Writer

UNARY = {"LeakyRelu", "Sigmoid", "Softmax", "GlobalAveragePool", "AveragePool"}


def as_qoperator(writer: Writer, layer: Layer) -> bool:
    """Writes the layer as one QLinear operator; False where there is none for it, and nothing is written."""
    kinds = [node.op_type for node in layer.nodes]
    if kinds == ["Conv", "Relu"]:
        found = writer.quantisations[layer.outputs[0]]
        if found.zero_point != np.iinfo(found.dtype).min:
            return False
        kinds = ["Conv"]
    if len(kinds) != 1:
        return False
    forms: dict[str, Callable[[Writer, Layer], bool]] = {
        "Conv": _conv, "MatMul": _matmul, "Gemm": _gemm, "Add": _binary, "Mul": _binary, "Concat": _concat
    }  # fmt: skip
    form = _unary if kinds[0] in UNARY else forms.get(kinds[0])
    return form is not None and form(writer, layer)


def _operand(writer: Writer, name: str) -> list[str]:
    """Integers, scale and zero point of an activation."""
    return [f"{name}_q", *writer.parameters(writer.quantisations[name])]


def _add(writer: Writer, layer: Layer, kind: str, inputs: list[str], domain: str = DOMAIN, **attributes: Any) -> bool:
    writer.nodes.append(helper.make_node(kind, inputs, [f"{layer.outputs[0]}_q"], domain=domain, **attributes))
    return True


def _attributes(node: Any) -> dict[str, Any]:
    return {each.name: helper.get_attribute_value(each) for each in node.attribute}


def _conv(writer: Writer, layer: Layer) -> bool:
    node = layer.nodes[0]
    if writer.style.float_bias:
        return False
    levels, scale, zero, _ = writer.quantised_constant(node.input[1])
    inputs = [*_operand(writer, node.input[0]), levels, scale, zero]
    inputs += writer.parameters(writer.quantisations[layer.outputs[0]])
    if len(node.input) > 2:
        inputs.append(writer.quantised_bias(node.input[2], node)[0])
    return _add(writer, layer, "QLinearConv", inputs, "", **_attributes(node))


def _matmul(writer: Writer, layer: Layer) -> bool:
    node = layer.nodes[0]
    if writer.style.per_channel or (writer.style.unsigned_weights and writer.style.activations != "uint8"):
        return False
    if node.input[1] not in writer.network.constants:  # a product of activations stays between quantisers
        return False
    levels, scale, zero, _ = writer.quantised_constant(node.input[1])
    inputs = [*_operand(writer, node.input[0]), levels, scale, zero]
    inputs += writer.parameters(writer.quantisations[layer.outputs[0]])
    return _add(writer, layer, "QLinearMatMul", inputs, "")


def _gemm(writer: Writer, layer: Layer) -> bool:
    node = layer.nodes[0]
    if writer.style.float_bias or writer.style.per_channel:
        return False
    levels, scale, zero, _ = writer.quantised_constant(node.input[1])
    bias = writer.quantised_bias(node.input[2], node)[0] if len(node.input) > 2 else ""
    inputs = [*_operand(writer, node.input[0]), levels, scale, zero, bias]
    inputs += writer.parameters(writer.quantisations[layer.outputs[0]])
    return _add(writer, layer, "QGemm", inputs, **_attributes(node))


def _binary(writer: Writer, layer: Layer) -> bool:
    node = layer.nodes[0]
    if any(name not in writer.quantisations for name in node.input):
        return False
    types = {writer.quantisations[name].dtype for name in (*node.input, *layer.outputs)}
    if len(types) > 1:
        return False
    inputs = [part for name in node.input for part in _operand(writer, name)]
    inputs += writer.parameters(writer.quantisations[layer.outputs[0]])
    return _add(writer, layer, f"QLinear{node.op_type}", inputs)


def _concat(writer: Writer, layer: Layer) -> bool:
    node = layer.nodes[0]
    if any(name not in writer.quantisations for name in node.input):
        return False
    if len({writer.quantisations[name].dtype for name in (*node.input, *layer.outputs)}) > 1:
        return False
    inputs = writer.parameters(writer.quantisations[layer.outputs[0]])
    inputs += [part for name in node.input for part in _operand(writer, name)]
    return _add(writer, layer, "QLinearConcat", inputs, **_attributes(node))


def _unary(writer: Writer, layer: Layer) -> bool:
    node = layer.nodes[0]
    found, result = (writer.quantisations[name] for name in (layer.inputs[0], layer.outputs[0]))
    rank = writer.network.values[layer.inputs[0]].ndim
    pools = {"GlobalAveragePool", "AveragePool"}
    if found.dtype != result.dtype or (rank != 4 and node.op_type in pools):
        return False
    attributes = _attributes(node)
    # ONNX Runtime has no dilations here, and counts padding otherwise than its own AveragePool where windows end in it.
    partial = "ceil_mode" in attributes or any(
        kernel > extent
        for kernel, extent in zip(
            attributes.get("kernel_shape", ()), writer.network.values[layer.inputs[0]].shape[2:], strict=False
        )
    )
    if "dilations" in attributes or ("count_include_pad" in attributes and partial):
        return False
    if node.op_type == "Softmax":
        attributes["opset"] = writer.network.opset
        attributes.setdefault("axis", -1 if writer.network.opset >= 13 else 1)
    inputs = [*_operand(writer, layer.inputs[0]), *writer.parameters(result)]
    return _add(writer, layer, f"QLinear{node.op_type}", inputs, **attributes)
