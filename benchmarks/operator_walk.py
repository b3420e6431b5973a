"""Every operator of a network from a judge's operands, so that differences do not add up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tinyseg_tvm.network import Network, Node, reference


def as_int8(array: np.ndarray, like: np.ndarray) -> np.ndarray:
    """A judge's uint8 values as the int8 that the device has in their place, where ``like`` is of int8."""
    if array.dtype == np.uint8 and like.dtype == np.int8:
        return np.asarray((array.astype(np.int16) - 128).astype(np.int8))
    return array


def walk(
    network: Network, inputs: Sequence[np.ndarray], judged: Callable[[Node, np.ndarray], np.ndarray | None]
) -> Iterator[tuple[Node, np.ndarray, np.ndarray | None]]:
    """Each node with our first result and the judge's, which later nodes are computed from.

    Args:
        network: as lowered.
        inputs: in the model's layout.
        judged: the judge's first result of a node, in the type and shape of ours; None where there is none.
    """
    values = {
        port.tensor: reference.to_device(network, port, array)
        for port, array in zip(network.inputs, inputs, strict=True)
    }
    for node in network.nodes:
        ours = node.operator.reference([values[name] for name in node.inputs], node.constants)
        values.update(zip(node.outputs, ours, strict=True))
        wanted = judged(node, ours[0])
        if wanted is not None:
            values[node.outputs[0]] = wanted
        yield node, ours[0], wanted
