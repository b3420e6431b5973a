"""Random networks of int16, made of those of int8."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tests.end_to_end.random_networks import random_network
from tests.operators.int16_cases import FINER, finer_arithmetic, int16_array
from tinyseg_tvm.network.network import Network, Node, Port, Tensor
from tinyseg_tvm.operators import Dequantize, Lookup, Operator, Quantize, Requantize, TensorType

WIDER = {"int8": "int16", "uint8": "uint16"}


def random_int16_network(seed: int) -> Network:
    """The network of a seed; what was a table requantises."""
    network, rng = random_network(seed), np.random.default_rng([seed, 2])
    tensors: dict[str, Tensor] = {}
    for port in network.inputs:
        kind = network.tensors[port.tensor].type
        tensors[port.tensor] = Tensor(port.tensor, TensorType(kind.shape, WIDER.get(kind.dtype, kind.dtype)))
    nodes = []
    for node in network.nodes:
        types = [tensors[name].type for name in node.inputs]
        made = _widened(node, types, rng)
        constants = {name: TensorType(array.shape, str(array.dtype)) for name, array in made.constants.items()}
        for name, kind in zip(node.outputs, made.operator.infer(types, constants), strict=True):
            tensors[name] = Tensor(name, kind)
        nodes.append(made)
    inputs, outputs = (tuple(_port(port, tensors) for port in ports) for ports in (network.inputs, network.outputs))
    return Network(f"wide{seed}", tensors, tuple(nodes), inputs, outputs)


def _port(port: Port, tensors: dict[str, Tensor]) -> Port:
    return replace(port, model_dtype=tensors[port.tensor].type.dtype)


def _middle(dtype: str) -> int:
    limits = np.iinfo(dtype)
    return (int(limits.max) + int(limits.min) + 1) // 2


def _widened(node: Node, types: list[TensorType], rng: np.random.Generator) -> Node:
    operator: Any = node.operator
    constants = dict(node.constants)
    arithmetic = getattr(operator, "arithmetic", None)
    if arithmetic is not None and arithmetic.dtype == "int8":
        operator = replace(operator, arithmetic=finer_arithmetic(rng, arithmetic))
        constants.pop("table", None)
        if "other" in constants:
            constants["other"] = int16_array(rng, constants["other"].shape)
        return replace(node, operator=operator, constants=constants)
    return replace(
        node,
        operator=_converting(operator, types[0].dtype, rng),
        constants={} if isinstance(operator, Lookup) else constants,
    )


def _converting(operator: Operator, dtype: str, rng: np.random.Generator) -> Operator:
    """An operator without arithmetic on operands of ``dtype``: what converts is of 16 bits."""
    if isinstance(operator, Lookup):
        result = WIDER[operator.output_dtype]
        limits = np.iinfo(result)
        scales = (0.01, 0.01 * float(rng.choice([1.0, 1.0, 0.7, 2.3])))
        zero_points = (_middle(dtype), _middle(result))
        return Requantize(
            scales[0], zero_points[0], scales[1], zero_points[1], int(limits.min), int(limits.max), result
        )
    if isinstance(operator, Quantize):
        result = WIDER[operator.output_dtype]
        return Quantize(operator.scale / FINER, operator.zero_point * FINER, result)
    if isinstance(operator, Dequantize):
        return Dequantize(operator.scale / FINER, operator.zero_point * FINER)
    return operator
