"""The model's own arrays of a project's ports: what metadata.json states of their shapes, types and axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.given import shown
from tinyseg_tvm.network import Network, Port, reference
from tinyseg_tvm.network.network import Tensor
from tinyseg_tvm.operators import TensorType


def stated_ports(metadata: Mapping[str, Any]) -> Network | None:
    """A network without nodes that has the ports of ``metadata``; None where it states none.

    Raises:
        TinySegError: ports that lack a key.
    """
    if "inputs" not in metadata or "outputs" not in metadata:
        return None
    try:
        stated = [*metadata["inputs"], *metadata["outputs"]]
        tensors = {port["tensor"]: _tensor(port) for port in stated}
        inputs, outputs = (tuple(_port(port) for port in metadata[side]) for side in ("inputs", "outputs"))
        return Network(str(metadata.get("name", "network")), tensors, (), inputs, outputs)
    except (KeyError, TypeError) as error:
        raise TinySegError(f"metadata.json does not state its ports: {error!r}; compile the model again") from None


def _tensor(port: Mapping[str, Any]) -> Tensor:
    kind = TensorType(tuple(port["shape"]), port["dtype"])
    return Tensor(port["tensor"], kind, port["scale"], port["zero_point"])


def _port(port: Mapping[str, Any]) -> Port:
    extents, permutation = port["model_shape"], port["permutation"]
    if sorted(permutation) != list(range(len(extents))) or math.prod(extents) != math.prod(port["shape"]):
        raise TinySegError(
            f"metadata.json: the port {shown(port['name'])} has shape {shown(port['shape'])}, "
            f"model_shape {shown(extents)} and permutation {shown(permutation)}: must be one tensor's; "
            "compile the model again"
        )
    return Port(
        port["name"],
        port["tensor"],
        tuple(port["model_shape"]),
        port["model_dtype"],
        tuple(port["permutation"]),
        port["quantized"],
    )


def device_vector(ports: Network, index: int, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """A vector of the model's arrays as the device holds them.

    Args:
        ports: of ``stated_ports``.
        index: the vector's number, for messages.
        arrays: one per input port.

    Raises:
        UsageError: an array that has another shape or type than the model's input.
    """
    try:
        return [reference.to_device(ports, port, array) for port, array in zip(ports.inputs, arrays, strict=True)]
    except UsageError as error:
        shapes = ", ".join(str(tuple(ports.tensors[port.tensor].type.shape)) for port in ports.inputs)
        raise UsageError(
            f"vector {index}: {error}. For arrays as the device has them, of shape {shapes}, pass layout='device'"
        ) from None


def model_vector(ports: Network, arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """The bytes of the output ports, line by line, as the model's arrays."""
    found = []
    for port, data in zip(ports.outputs, arrays, strict=True):
        kind = ports.tensors[port.tensor].type
        found.append(reference.from_device(ports, port, np.frombuffer(data.tobytes(), kind.dtype).reshape(kind.shape)))
    return tuple(found)
