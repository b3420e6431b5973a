"""A random network while it grows: layers of ONNX nodes in float32, each computed by ONNX Runtime at once.

Written from the operator specification of ONNX alone, and it stays so: nothing here may know how TinySeg implements an
operator. A layer's shapes and values are what ONNX Runtime gives for it; what ONNX Runtime does not take is no layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

MOST_VALUES = 6000  # of a tensor
IR_VERSION = 8
DOMAIN = "com.microsoft"


class Impossible(Exception):
    """What was drawn is no layer: ONNX Runtime refuses it, or its result is too large."""


@dataclass(frozen=True)
class Constant:
    """An initialiser of the float network.

    Attributes:
        values: in float32, or integers (shapes, axes, ...).
        role: how a quantised network has it: ``weight`` per output channel of ``axis``, ``bias`` in int32, ``operand``
            as an activation, ``plain`` as it is.
        axis: of the output channels.
    """

    values: np.ndarray
    role: str = "plain"
    axis: int = 0


@dataclass(frozen=True)
class Layer:
    """What stands between quantised tensors: some nodes that compute ``outputs`` from ``inputs``.

    Attributes:
        nodes: in float32, in order.
        inputs: the activations that they read.
        outputs: what other layers may read.
        moves: values are moved or picked, so the result can keep the quantisation of its operand.
    """

    nodes: tuple[Any, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    moves: bool = False


@dataclass
class Network:
    """Layers in order of computation.

    Attributes:
        opset: of the default domain.
        inputs: names of the network's inputs.
        outputs: names of its outputs.
        values: of every activation, for one sample of the inputs.
        constants: initialisers by name.
    """

    opset: int
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    values: dict[str, np.ndarray] = field(default_factory=dict)
    constants: dict[str, Constant] = field(default_factory=dict)

    def needed(self, outputs: Sequence[str]) -> list[Layer]:
        """The layers that some of the tensors depend on."""
        wanted, found = set(outputs), []
        for layer in reversed(self.layers):
            if wanted.intersection(layer.outputs):
                wanted.update(layer.inputs)
                found.append(layer)
        return found[::-1]


class Builder:
    """Adds layers to a network. ``draw`` is the only source of chance."""

    def __init__(self, network: Network, draw: np.random.Generator) -> None:
        self.network = network
        self.draw = draw
        self._nodes: list[Any] = []
        self._constants: dict[str, Constant] = {}
        self._count = 0

    @property
    def opset(self) -> int:
        """Of the default domain."""
        return self.network.opset

    def one_of(self, *choices: Any) -> Any:
        """One of the choices, each as likely."""
        return choices[int(self.draw.integers(len(choices)))]

    def maybe(self, share: float) -> bool:
        """True with this probability."""
        return bool(self.draw.random() < share)

    def below(self, limit: int) -> int:
        """A random number of 0 to ``limit`` - 1."""
        return int(self.draw.integers(limit))

    def shape(self, name: str) -> tuple[int, ...]:
        """Of an activation or constant."""
        found = self._constants.get(name) or self.network.constants.get(name)
        return tuple((self.network.values[name] if found is None else found.values).shape)

    def fresh(self, stem: str) -> str:
        """A name that no tensor has."""
        self._count += 1
        return f"{stem}_{len(self.network.layers)}_{self._count}"

    def constant(self, values: np.ndarray | Sequence[Any], role: str = "plain", axis: int = 0) -> str:
        """A new initialiser. Plain sequences are int64."""
        array = values if isinstance(values, np.ndarray) else np.array(values, np.int64)
        name = self.fresh(role)
        self._constants[name] = Constant(array, role, axis)
        return name

    def weights(self, shape: Sequence[int], fan_in: int, axis: int = 0) -> str:
        """Weights whose sum over ``fan_in`` keeps the magnitude; some channels are much smaller than others."""
        values = self.draw.normal(0, 1 / np.sqrt(max(fan_in, 1)), shape)
        channels = np.ones(len(shape), int)
        channels[axis] = shape[axis]
        values = values * self.draw.uniform(0.3, 1.5, channels)
        return self.constant(values.astype(np.float32), "weight", axis)

    def bias(self, channels: int) -> str:
        """A bias per output channel."""
        return self.constant(self.draw.normal(0, 0.3, channels).astype(np.float32), "bias")

    def call(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
        """A node of the layer in the making; its result's name."""
        return self.results(kind, inputs, 1, **attributes)[0]

    def results(self, kind: str, inputs: Sequence[str], outputs: int, **attributes: Any) -> list[str]:
        """A node of several results; their names."""
        names = [self.fresh(kind.lower()) for _ in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def finish(self, *outputs: str, moves: bool = False) -> str:
        """Ends the layer; gives the first of its outputs.

        Raises:
            Impossible: ONNX Runtime does not compute it, or not to numbers of a reasonable size.
        """
        nodes, constants = self._nodes, self._constants
        self._nodes, self._constants = [], {}
        inside = {name for node in nodes for name in node.output} | set(constants) | set(self.network.constants)
        read = [name for node in nodes for name in node.input if name and name not in inside]
        inputs = tuple(dict.fromkeys(read))
        values = compute(
            nodes,
            {name: self.network.values[name] for name in inputs},
            {**self.network.constants, **constants},
            outputs,
            self.opset,
        )
        for value in values:
            largest = np.abs(value.astype(np.float64)).max(initial=0)
            if not 0 < value.size <= MOST_VALUES or not np.isfinite(largest) or largest > 1e6:
                raise Impossible("the result is empty or too large")
        self.network.constants.update(constants)
        self.network.values.update(zip(outputs, values, strict=True))
        self.network.layers.append(Layer(tuple(nodes), inputs, outputs, moves))
        return outputs[0]

    def drop(self) -> None:
        """Forgets the layer in the making."""
        self._nodes, self._constants = [], {}


def compute(
    nodes: Sequence[Any],
    feeds: Mapping[str, np.ndarray],
    constants: Mapping[str, Constant],
    outputs: Sequence[str],
    opset: int,
) -> list[np.ndarray]:
    """What ONNX Runtime computes.

    Raises:
        Impossible: it refuses.
    """
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        list(nodes),
        "layer",
        [value_info(name, array) for name, array in feeds.items()],
        [onnx.helper.make_empty_tensor_value_info(name) for name in outputs],
        [numpy_helper.from_array(constants[name].values, name) for name in constants if name in used],
    )
    try:
        return run_model(model_of(graph, opset), feeds)
    except Exception as error:  # the binding raises many types without a common base
        raise Impossible(str(error)) from None


def value_info(name: str, array: np.ndarray) -> Any:
    """Type and shape of a tensor."""
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)


def model_of(graph: Any, opset: int, ir_version: int = IR_VERSION) -> Any:
    """The model of a graph."""
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=max(ir_version, 10 if opset > 20 else 3))


def run_model(model: Any, feeds: Mapping[str, np.ndarray], level: str = "ORT_DISABLE_ALL") -> list[np.ndarray]:
    """All outputs of a model as ONNX Runtime computes them, without optimisation of the graph."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    wanted = {value.name for value in session.get_inputs()}
    return list(session.run(None, {name: array for name, array in feeds.items() if name in wanted}))


__all__ = ["Builder", "Constant", "Impossible", "Layer", "Network", "TensorProto", "model_of", "run_model"]
