"""``--io-type quantized``: the edges carry one-byte values instead of what the model's file says.

A float parameter read only by a Quantize becomes the quantised tensor; a result made by a Dequantize becomes
what was dequantised; class indices of an ArgMax over at most 256 classes become uint8. The ports say so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import tvm
from tvm import relax

from tinyseg_tvm.operators import ArgMax, Dequantize, Quantize
from tinyseg_tvm.relay_passes.dataflow import (
    MAIN,
    QUANTIZATION,
    Binding,
    Dataflow,
    Rewriter,
    module_pass,
    rewrite,
    shape_of,
)
from tinyseg_tvm.relay_passes.operator_calls import OperatorCall, operator_call
from tinyseg_tvm.relay_passes.ports import Ports, read_ports, write_ports

CLASSES = 256


@module_pass("io_type_quantized")
def io_type_quantized(module: tvm.IRModule) -> tvm.IRModule:
    """Drop quantisation at the edges of the graph."""
    flow = Dataflow.of(module[MAIN])
    uses = flow.uses()
    calls = {binding.var: operator_call(binding.value) for binding in flow.bindings}
    entered = {param: _entry(uses.get(param, [])) for param in flow.params}
    ports = read_ports(module)
    new_params: dict[Any, Any] = {}

    def params(old: Dataflow) -> list[Any]:
        for param in old.params:
            quantize = entered[param]
            if quantize is not None:
                dtype = quantize.operator.output_dtype  # type: ignore[attr-defined]
                new_params[param] = relax.Var(param.name, relax.TensorType(shape_of(param), dtype))
        return [new_params.get(param, param) for param in old.params]

    def rule(writer: Rewriter, binding: Binding) -> Any:
        call = calls[binding.var]
        if call is None:
            return None
        source = call.activations[0]
        if source in new_params:
            assert isinstance(call.operator, Quantize)
            known = dict(writer.attrs.get(QUANTIZATION, {}))
            known[str(source.name)] = [call.operator.scale, call.operator.zero_point]
            writer.attrs[QUANTIZATION] = known
            return new_params[source]
        if _is_small_argmax(call, uses.get(binding.var, [])):
            operator = replace(call.operator, output_dtype="uint8")  # type: ignore[type-var]
            operand = writer.substitute(source)
            return writer.emit(OperatorCall(operator, (operand,), {}).to_relax(), binding.name)
        return None

    def results(writer: Rewriter) -> list[Any]:
        found, outputs = [], []
        for result, port in zip(writer.old.results, ports.outputs, strict=True):
            call = calls.get(result)
            exited = (
                call is not None and isinstance(call.operator, Dequantize) and call.activations[0] not in flow.params
            )
            small = call is not None and _is_small_argmax(call, uses.get(result, []))
            found.append(writer.substitute(call.activations[0] if exited and call is not None else result))
            outputs.append(replace(port, quantized=port.quantized or exited or small))
        inputs = (
            replace(port, quantized=port.quantized or entered[param] is not None)
            for port, param in zip(ports.inputs, flow.params, strict=True)
        )
        write_ports(writer, Ports(tuple(inputs), tuple(outputs)))
        return found

    return rewrite(module, rule, params=params, results=results)


def _entry(readers: list[Binding | None]) -> OperatorCall | None:
    """The Quantize that is all that reads a parameter (several equal ones count as one)."""
    calls = [operator_call(reader.value) if reader is not None else None for reader in readers]
    found = {call.operator for call in calls if call is not None}
    if None in calls or len(found) != 1 or not isinstance(next(iter(found)), Quantize):
        return None
    return calls[0]


def _is_small_argmax(call: OperatorCall, readers: list[Binding | None]) -> bool:
    """True for an ArgMax whose indices fit a byte and only leave the network."""
    if not isinstance(call.operator, ArgMax) or any(reader is not None for reader in readers):
        return False
    return call.operator.output_dtype != "uint8" and shape_of(call.activations[0])[-1] <= CLASSES
