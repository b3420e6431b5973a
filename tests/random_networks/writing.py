"""Writes a random network as an ONNX model in a style."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tests.random_networks.growing import IR_VERSION, Layer, Network, model_of, value_info
from tests.random_networks.qoperators import as_qoperator
from tests.random_networks.quantising import Quantisation, Style, quantised_weights

MOVED_AS_INTEGERS = {
    **dict.fromkeys(("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Split", "Identity"), 10),
    **{"MaxPool": 12, "DepthToSpace": 13},
}
"""Operators that take integers, and since which operator set."""
NOISE = 0.1  # share of values that a noisy twin rounds to a neighbour


class Writer:
    """The nodes of a model in the making. ``noise`` makes a twin whose every rounding may go to a neighbour."""

    def __init__(
        self,
        network: Network,
        style: Style,
        quantisations: Mapping[str, Quantisation],
        noise: np.random.Generator | None = None,
    ) -> None:
        self.network = network
        self.style = style
        self.quantisations = quantisations
        self.nodes: list[Any] = []
        self.initialisers: dict[str, np.ndarray] = {}
        self.noise_feeds: dict[str, np.ndarray] = {}
        self._noise = noise
        self._floats: dict[str, str] = {}
        self._dequantised: dict[str, str] = {}
        self._count = 0

    def model(self) -> Any:
        """The model; the ports have the names of the network's tensors."""
        inputs = []
        for name in self.network.inputs:
            found, value = self.quantisations.get(name), self.network.values[name]
            if found and self.style.integer_inputs:
                inputs.append(value_info(integers(name), value.astype(found.dtype)))
                continue
            inputs.append(value_info(name, value))
            self._floats[name] = name
            if found:
                self._quantise(name, name)
        for layer in self.network.layers:
            self._write(layer)
        outputs = [self._output(name) for name in self.network.outputs]
        inputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in self.noise_feeds]
        constants = [numpy_helper.from_array(array, name) for name, array in self.initialisers.items()]
        nodes = self.nodes
        if self.style.constant_nodes:
            nodes = [helper.make_node("Constant", [], [each.name], value=each) for each in constants] + nodes
            constants = []
        if self.style.initialisers_as_inputs:
            inputs += [value_info(each.name, numpy_helper.to_array(each)) for each in constants]
        graph = helper.make_graph(nodes, "net", inputs, outputs, constants)
        return model_of(graph, self.network.opset, 3 if self.style.initialisers_as_inputs else IR_VERSION)

    def node(self, kind: str, inputs: list[str], stem: str, domain: str = "", **attributes: Any) -> str:
        """Adds a node; gives its result's name."""
        result = self.fresh(stem)
        self.nodes.append(helper.make_node(kind, inputs, [result], domain=domain, **attributes))
        return result

    def constant(self, array: np.ndarray, stem: str) -> str:
        """Adds an initialiser; gives its name."""
        name = self.fresh(stem)
        self.initialisers[name] = array
        return name

    def fresh(self, stem: str) -> str:
        """A name that is new."""
        self._count += 1
        return f"{stem}__{self._count}"

    def parameters(self, quantisation: Quantisation) -> list[str]:
        """Initialisers of scale and zero point."""
        scale = self.constant(np.array(quantisation.scale, np.float32), "scale")
        return [scale, self.constant(np.array(quantisation.zero_point, quantisation.dtype), "zero")]

    def quantised_constant(self, name: str) -> tuple[str, str, str, np.ndarray]:
        """Names of a weight's integers, scales and zero points, and the scales."""
        constant = self.network.constants[name]
        levels, scales, zeros = quantised_weights(constant.values, constant.axis, self._style_of(name))
        names = (self.constant(levels, name), self.constant(scales, "scale"), self.constant(zeros, "zero"))
        return (*names, scales)

    def _style_of(self, name: str) -> Style:
        """A transposed convolution's groups share the channels of their weights: one scale for all."""
        transposed = any(
            node.op_type == "ConvTranspose" and name in node.input and any(a.name == "group" for a in node.attribute)
            for layer in self.network.layers
            for node in layer.nodes
        )
        return replace(self.style, per_channel=False) if transposed else self.style

    def _output(self, name: str) -> Any:
        """A result of the model: as integers, or in float."""
        value = self.network.values[name]
        found = self.quantisations.get(name)
        if found and self.style.integer_outputs:
            return value_info(integers(name), value.astype(found.dtype))
        if found:
            result = output(name)
            self.nodes.append(helper.make_node("DequantizeLinear", [integers(name), *self.parameters(found)], [result]))
            return value_info(result, value)
        return value_info(self._floats[name], value)

    def _write(self, layer: Layer) -> None:
        quantised = [name in self.quantisations for name in (*layer.inputs, *layer.outputs)]
        if all(quantised):
            if self._direct(layer):
                return
            if self.style.form == "qoperator" and as_qoperator(self, layer):
                return
        renamed: dict[str, str] = {}
        for name in layer.inputs:
            renamed[name] = self._float(name)
        in_integers = any(quantised[: len(layer.inputs)])
        for node in layer.nodes:
            for name in node.input:
                if name in self.network.constants and name not in renamed:
                    renamed[name] = self._constant(name, node, layer, in_integers)
            copy = helper.make_node(node.op_type, [], [], domain=node.domain)
            copy.attribute.extend(node.attribute)
            copy.input.extend(renamed.get(name, name) for name in node.input)
            for name in node.output:
                quantise = name in layer.outputs and name in self.quantisations
                renamed[name] = self.fresh(name) if quantise else name
                copy.output.append(renamed[name])
            self.nodes.append(copy)
        for name in layer.outputs:
            self._floats[name] = renamed[name]
            if name in self.quantisations:
                self._quantise(name, renamed[name], noisy=not layer.moves)

    def _direct(self, layer: Layer) -> bool:
        """Writes a movement of values on integers, where both sides have one quantisation."""
        if not self.style.direct or not layer.moves or len(layer.nodes) != 1 or len(layer.inputs) != 1:
            return False
        node = layer.nodes[0]
        found = self.quantisations[layer.inputs[0]]
        same = all(self.quantisations[name] == found for name in layer.outputs)
        if not same or self.network.opset < MOVED_AS_INTEGERS.get(node.op_type, 99):
            return False
        copy = helper.make_node(node.op_type, [], [integers(name) for name in node.output])
        copy.attribute.extend(node.attribute)
        copy.input.append(integers(node.input[0]))
        for name in node.input[1:]:
            copy.input.append(self._constant(name, node, layer, False) if name else "")
        self.nodes.append(copy)
        return True

    def _float(self, name: str) -> str:
        """The activation in float32."""
        found = self.quantisations.get(name)
        if found is None:
            return self._floats[name]
        if self.style.shared_dequantize and name in self._dequantised:
            return self._dequantised[name]
        self._dequantised[name] = self.node("DequantizeLinear", [integers(name), *self.parameters(found)], f"{name}_dq")
        return self._dequantised[name]

    def _quantise(self, name: str, value: str, noisy: bool = False) -> None:
        if self._noise is not None and noisy:
            shape = self.network.values[name].shape
            amount = self._noise.choice([-0.9, 0.9], shape) * (self._noise.random(shape) < NOISE)
            # An input without a shape: what ONNX infers for the value can differ from what ONNX Runtime computes.
            noise = self.fresh("noise")
            self.noise_feeds[noise] = (amount * self.quantisations[name].scale).astype(np.float32)
            value = self.node("Add", [value, noise], "noisy")
        parameters = self.parameters(self.quantisations[name])
        self.nodes.append(helper.make_node("QuantizeLinear", [value, *parameters], [integers(name)]))

    def _constant(self, name: str, node: Any, layer: Layer, in_integers: bool) -> str:
        """A constant of a node: as it is, or quantised before a DequantizeLinear."""
        constant = self.network.constants[name]
        if name in self._dequantised:
            return self._dequantised[name]
        if in_integers and constant.role == "weight":
            levels, scale, zero, scales = self.quantised_constant(name)
            axis: dict[str, Any] = {"axis": constant.axis} if scales.ndim else {}
            self._dequantised[name] = self.node("DequantizeLinear", [levels, scale, zero], f"{name}_dq", **axis)
            return self._dequantised[name]
        if in_integers and constant.role == "operand":
            found = operand_quantisation(constant.values, self.style)
            levels = self.constant(found.quantise(constant.values), name)
            return self.node("DequantizeLinear", [levels, *self.parameters(found)], f"{name}_dq")
        if in_integers and constant.role == "bias" and not self.style.float_bias and _is_sum(node, layer):
            levels, scale = self.quantised_bias(name, node)
            along: dict[str, Any] = {"axis": 0} if np.ndim(self.initialisers[scale]) else {}
            return self.node("DequantizeLinear", [levels, scale], f"{name}_dq", **along)
        self.initialisers.setdefault(name, constant.values)
        return name

    def quantised_bias(self, name: str, node: Any) -> tuple[str, str]:
        """Names of a bias in int32 and its scales, those of operand and weights."""
        weight = self.network.constants[node.input[1]]
        _, scales, _ = quantised_weights(weight.values, weight.axis, self._style_of(node.input[1]))
        product = np.asarray(np.float32(self.quantisations[node.input[0]].scale) * scales, np.float32)
        levels = np.clip(np.rint(self.network.constants[name].values / product), -(2**30), 2**30)
        return self.constant(levels.astype(np.int32), name), self.constant(product, "scale")


def _is_sum(node: Any, layer: Layer) -> bool:
    return node.op_type in ("Conv", "ConvTranspose", "Gemm") and node.input[0] in layer.inputs


def operand_quantisation(values: np.ndarray, style: Style) -> Quantisation:
    """Of a constant operand: over its own range."""
    dtype = "uint8" if style.activations == "uint8" else "int8"
    limits = np.iinfo(dtype)
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    scale = float(np.float32(max(high - low, 1e-3) / 255))
    return Quantisation(scale, int(np.clip(round(limits.min - low / scale), limits.min, limits.max)), dtype)


def integers(name: str) -> str:
    """The name of a tensor's integers."""
    return f"{name}_q"


def output(name: str) -> str:
    """The name of a quantised tensor that leaves the model in float32."""
    return f"{name}_out"


ODD = (
    "main",
    "int",
    "a b",
    "é",
    "::x/y:0",
    "net_run",
    "1",
    "-",
    "\N{SNOWMAN}",
    "%s%n",
    '"',
    "\\",
    "NULL",
    "*/",
    "class.1",
    "x",
)


def renamed(model: Any, style: Style) -> Any:
    """Names of tensors and nodes in the style's manner."""
    for number, node in enumerate(model.graph.node):
        node.name = {"plain": f"{node.op_type}_{number}", "none": "", "same": "node"}.get(style.names) or (
            "" if style.names == "none" else ODD[number % len(ODD)] + (f"_{number}" if number >= len(ODD) else "")
        )
    if style.names != "odd":
        return model
    tensors = dict.fromkeys(name for node in model.graph.node for name in (*node.input, *node.output) if name)
    tensors |= dict.fromkeys(value.name for value in (*model.graph.input, *model.graph.output))
    words = [*ODD, *keyword.kwlist]
    new = {name: words[i] if i < len(words) else f"{words[i % len(words)]}.{i}" for i, name in enumerate(tensors)}
    for node in model.graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[:] = [new[name] for name in node.output if name]
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        value.name = new.get(value.name, value.name)
    return model
