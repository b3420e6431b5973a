"""Executes a network with the operators' NumPy references: the one statement of what a program computes.

Arrays may be given and returned in the model's layout (as ONNX Runtime takes them) or in the device's
(as the firmware's buffers hold them); ``to_device`` and ``from_device`` convert between the two.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence

import numpy as np

from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.network.network import Network, Port
from tinyseg_tvm.network.states import initial_states


def run(
    network: Network,
    inputs: Sequence[np.ndarray],
    *,
    layout: str = "model",
    trace: MutableMapping[str, np.ndarray] | None = None,
    states: MutableMapping[str, np.ndarray] | None = None,
) -> list[np.ndarray]:
    """Outputs of one inference, in the order of ``network.outputs``.

    Args:
        network: the lowered network.
        inputs: one array per input port.
        layout: "model" (shape and dtype of the model's file) or "device", for inputs and outputs alike.
        trace: if given, receives every tensor of the inference by name, in device layout.
        states: what the states are (``initial_states`` before the first inference), which becomes what they are for
            the next one. By default the inference is a first one.

    Raises:
        UsageError: wrong number, shape or dtype of inputs.
    """
    if layout not in ("model", "device"):
        raise UsageError(f"layout is 'model' or 'device', not {layout!r}")
    if len(inputs) != len(network.inputs):
        raise UsageError(f"{network.name} takes {len(network.inputs)} inputs, {len(inputs)} were given")
    tensors: MutableMapping[str, np.ndarray] = {} if trace is None else trace
    for port, array in zip(network.inputs, inputs, strict=True):
        if layout == "model":
            tensors[port.tensor] = to_device(network, port, array)
        else:
            tensors[port.tensor] = _checked(port.name, array, *_device_type(network, port))
    held = initial_states(network) if states is None else states
    tensors.update(held)
    for node in network.nodes:
        results = node.operator.reference([tensors[name] for name in node.inputs], node.constants)
        tensors.update(zip(node.outputs, results, strict=True))
    for state in network.states:
        held[state.input.tensor] = tensors[state.output.tensor].reshape(state.initial.shape)
    outputs = [tensors[port.tensor] for port in network.outputs]
    if layout == "device":
        return outputs
    return [from_device(network, port, array) for port, array in zip(network.outputs, outputs, strict=True)]


def run_sequence(network: Network, vectors: Sequence[Sequence[np.ndarray]]) -> list[list[np.ndarray]]:
    """Outputs of one inference after another, in device layout; states carry over from each to the next."""
    states = initial_states(network)
    return [run(network, inputs, layout="device", states=states) for inputs in vectors]


def to_device(network: Network, port: Port, array: np.ndarray) -> np.ndarray:
    """A model array as the device holds it: permuted, reshaped and, for a quantised port, quantised.

    An array that already has the device's element type is not converted again. A port of bfloat16 takes float32, or
    arrays of the type that ml_dtypes has.

    Raises:
        UsageError: the array's shape or dtype is not the port's.
    """
    shape, dtype = _device_type(network, port)
    if port.model_dtype == array.dtype.name == "bfloat16":
        array = array.astype(np.float32)
    if array.dtype == np.dtype(dtype) and (port.quantized or port.model_dtype == "float16"):
        array = _checked(port.name, array, port.model_shape, dtype)
    else:
        array = _checked(port.name, array, port.model_shape, port.array_dtype)
        array = _quantize(network, port, array) if port.quantized else array.astype(dtype, copy=False)
    return np.ascontiguousarray(array.transpose(port.permutation)).reshape(shape)


def from_device(network: Network, port: Port, array: np.ndarray) -> np.ndarray:
    """A device array as the model has it: the inverse of ``to_device``.

    Raises:
        UsageError: the array's shape or dtype is not the device tensor's.
    """
    array = _checked(port.name, array, *_device_type(network, port))
    permuted = array.reshape([port.model_shape[axis] for axis in port.permutation])
    array = np.asarray(permuted.transpose(np.argsort(port.permutation)), order="C")  # a scalar stays one
    tensor = network.tensors[port.tensor]
    if port.quantized and tensor.scale is not None:
        levels = array.astype(np.int32) - np.int32(tensor.zero_point or 0)
        array = np.asarray(levels.astype(np.float32) * np.float32(tensor.scale))
    if port.model_dtype == "bfloat16":
        return _rounded_to_bfloat16(array)
    with np.errstate(over="ignore"):  # beyond float16: infinity, as there
        return array.astype(port.model_dtype, copy=False)


def _rounded_to_bfloat16(array: np.ndarray) -> np.ndarray:
    """The nearest values whose lower 16 bits are zeros, half to even; NaN stays NaN."""
    bits = array.view(np.uint32)
    even = (bits >> 16) & np.uint32(1)
    rounded = ((bits + np.uint32(0x7FFF) + even) & np.uint32(0xFFFF0000)).view(np.float32)
    return np.asarray(np.where(np.isnan(array), array, rounded))


def _device_type(network: Network, port: Port) -> tuple[tuple[int, ...], str]:
    tensor_type = network.tensors[port.tensor].type
    return tensor_type.shape, tensor_type.dtype


def _quantize(network: Network, port: Port, array: np.ndarray) -> np.ndarray:
    tensor = network.tensors[port.tensor]
    if tensor.scale is None:
        return array.astype(tensor.type.dtype)
    limits = np.iinfo(tensor.type.dtype)
    scaled = np.rint(array.astype(np.float32, copy=False) / np.float32(tensor.scale)) + np.float32(
        tensor.zero_point or 0
    )
    return np.asarray(np.clip(scaled, limits.min, limits.max).astype(tensor.type.dtype))


def _checked(name: str, array: np.ndarray, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    if tuple(array.shape) != tuple(shape) or array.dtype != np.dtype(dtype):
        raise UsageError(
            f"port {name!r} carries {dtype} of shape {tuple(shape)}, but the array given is "
            f"{array.dtype} of shape {tuple(array.shape)}"
        )
    return array
