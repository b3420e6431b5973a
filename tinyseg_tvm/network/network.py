"""The lowered network: nodes in topological order over named tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.operators import Operator, TensorType


@dataclass(frozen=True)
class Tensor:
    """An activation.

    Attributes:
        scale, zero_point: None for float32 and index tensors.
        derived_from: name of the tensor that it is a copy or a part of, or what is stored of it; empty for one of the
            lowered model.
    """

    name: str
    type: TensorType
    scale: float | None = None
    zero_point: int | None = None
    derived_from: str = ""


@dataclass(frozen=True)
class Node:
    """One operator instance, named after its ONNX node.

    ``inputs`` and ``outputs`` are tensor names; ``constants`` maps the operator's constant operand
    names (``operator.constant_names``) to arrays.
    """

    name: str
    operator: Operator
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Port:
    """A model input or output: how the tensor in the model's file maps to the device's.

    The device tensor (``tensor``) is [line][pixel][channel]. The model's array of ``model_shape`` and
    ``model_dtype`` becomes it by ``array.transpose(permutation).reshape(device shape)``; where
    ``quantized`` is True the device carries int8 (``tensor.scale``, ``tensor.zero_point``) and the
    model float32 (``--io-type quantized``), or one-byte class indices for a wider integer type. A port of float16
    or bfloat16 in the model is float32 on the device, quantised or not.
    ``exchanged``: lines are columns of the model's map, pixels its rows; else lines are its rows.
    ``delay``: of an output of a network of endless input, lines at the begin that are none of its results; else None.
    """

    name: str
    tensor: str
    model_shape: tuple[int, ...]
    model_dtype: str
    permutation: tuple[int, ...]
    quantized: bool = False
    exchanged: bool = False
    delay: int | None = None

    @property
    def array_dtype(self) -> str:
        """The type of the model's arrays: NumPy has no bfloat16, whose values are float32."""
        return "float32" if self.model_dtype == "bfloat16" else self.model_dtype

    @staticmethod
    def of(tensor: Tensor) -> Port:
        """The port of a tensor that is in the model as it is on the device."""
        shape = tensor.type.shape
        return Port(tensor.name, tensor.name, shape, tensor.type.dtype, tuple(range(len(shape))))


@dataclass(frozen=True, eq=False)
class State:
    """A tensor that lives across inferences.

    Attributes:
        name: of the state.
        input: how an inference finds it.
        output: what it is for the next one; the same values in the same order, perhaps in lines of another length.
        initial: before the first inference, in device layout.
    """

    name: str
    input: Port
    output: Port
    initial: np.ndarray


@dataclass(frozen=True)
class Network:
    """Nodes in topological order; every tensor is a port's, a state's input, or written by exactly one node."""

    name: str
    tensors: Mapping[str, Tensor]
    nodes: tuple[Node, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    states: tuple[State, ...] = ()

    @property
    def entering(self) -> tuple[Port, ...]:
        """What an inference is given: the model's inputs, and states as the inference before left them."""
        return (*self.inputs, *(state.input for state in self.states))

    @property
    def leaving(self) -> tuple[Port, ...]:
        """What an inference is for: the model's outputs, and what states become."""
        return (*self.outputs, *(state.output for state in self.states))

    @property
    def macs(self) -> int:
        """Multiply-accumulates of an inference."""
        return sum(
            node.operator.macs(self.input_types(node), self.output_types(node), node.constants) for node in self.nodes
        )

    @property
    def endless(self) -> bool:
        """Whether an inference is a round of a stream of lines that never ends (endless.py)."""
        return any(port.delay is not None for port in self.outputs)

    @staticmethod
    def of_node(name: str, node: Node, tensors: Mapping[str, Tensor]) -> Network:
        """The network of one node alone, whose operands and results are ports."""
        inputs, outputs = (tuple(Port.of(tensors[each]) for each in names) for names in (node.inputs, node.outputs))
        return Network(name, tensors, (node,), inputs, outputs)

    def input_types(self, node: Node) -> tuple[TensorType, ...]:
        """Types of the node's activation operands, in order."""
        return tuple(self.tensors[name].type for name in node.inputs)

    def output_types(self, node: Node) -> tuple[TensorType, ...]:
        """Types of the node's results, in order."""
        return tuple(self.tensors[name].type for name in node.outputs)

    def stored(self) -> dict[str, int]:
        """The tensors that are in storage: bytes that memory keeps of each of their lines."""
        return {
            name: node.operator.stored_line_bytes
            for node in self.nodes
            for name in node.outputs
            if node.operator.stores_result
        }
