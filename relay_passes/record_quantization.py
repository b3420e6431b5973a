"""Records the quantisation of every tensor that has one: the last word before the network is read.

Passes before carry what the model says; here operators add what their attributes say of results and operands.
"""

from __future__ import annotations

from tinyseg_tvm.network.network import Network
from tinyseg_tvm.operators.tensor_type import QUANTIZED_TYPES
from tinyseg_tvm.relay_passes.dataflow import with_main_attrs
from tinyseg_tvm.relay_passes.expressions import Module
from tinyseg_tvm.relay_passes.quantization import (
    QUANTIZATION_ATTRIBUTE,
    Quantization,
    quantization_record,
)
from tinyseg_tvm.relay_passes.rewriting import module_pass
from tinyseg_tvm.relay_passes.to_network import to_network


@module_pass("record_quantization")
def record_quantization(module: Module) -> Module:
    """Complete the attribute of a lowered module."""
    return with_main_attrs(module, {QUANTIZATION_ATTRIBUTE: quantization_record(_known(to_network(module)))})


def _known(network: Network) -> dict[str, Quantization]:
    known = {
        name: Quantization(tensor.scale, tensor.zero_point)
        for name, tensor in network.tensors.items()
        if tensor.scale is not None and tensor.zero_point is not None
    }
    for node in network.nodes:
        operator = node.operator
        stated = Quantization(*operator.result_quantization) if operator.result_quantization else None
        if stated is None and operator.keeps_quantization:
            stated = known.get(node.inputs[0])
        if stated is not None:
            known.setdefault(node.outputs[0], stated)
        if operator.operand_quantization is not None:
            known.setdefault(node.inputs[0], Quantization(*operator.operand_quantization))
    return {name: value for name, value in known.items() if network.tensors[name].type.dtype in QUANTIZED_TYPES}
