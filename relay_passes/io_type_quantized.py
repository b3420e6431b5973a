"""``--io-type quantized``: the edges carry one-byte values instead of what the model's file says.

A float parameter read only by a Quantize becomes the quantised tensor; a result made by a Dequantize becomes
what was dequantised; class indices of an ArgMax over at most 256 classes become uint8. The ports say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tvm import relax

from tinyseg_tvm.operators import ArgMax, Dequantize, Quantize
from tinyseg_tvm.relay_passes.dataflow import Binding, Dataflow
from tinyseg_tvm.relay_passes.expressions import Expr, Module, Var, shape_of
from tinyseg_tvm.relay_passes.operator_calls import called_operator, operator_call
from tinyseg_tvm.relay_passes.ports import Ports, read_ports, write_ports
from tinyseg_tvm.relay_passes.quantization import Quantization
from tinyseg_tvm.relay_passes.rewriting import Rewrite, module_pass, rewrite_main

CLASSES = 256


@module_pass("io_type_quantized")
def io_type_quantized(module: Module) -> Module:
    """Drop quantisation at the edges of the graph."""
    flow = Dataflow.of(module)
    ports = read_ports(module)
    readers = flow.readers()
    entered = {param: _entry(readers.get(param, [])) for param in flow.params}
    new = {param: _quantized(param, operator) for param, operator in entered.items()}
    small = {bound.name for bound in flow.bindings if _is_small_argmax(bound, readers.get(bound.var, []))}

    def rule(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
        call = operator_call(value)
        if call is None or not call.activations:
            return None
        source = call.activations[0]
        entry = entered.get(source)
        if entry is not None:
            rewrite.quantization[new[source]] = Quantization(entry.scale, entry.zero_point)
            return new[source]
        if name in small:
            return call.with_operator(replace(call.operator, output_dtype="uint8")).to_relax()  # type: ignore[type-var]
        return None

    def results(rewrite: Rewrite, found: list[Expr]) -> list[Expr]:
        made, outputs = [], []
        meanings: dict[Expr, Quantization] = {}  # of the bytes that leave, which operators before can take otherwise
        for result, port in zip(found, ports.outputs, strict=True):
            call = operator_call(rewrite.producer(result))
            exited = False
            if call is not None and isinstance(call.operator, Dequantize) and call.activations[0] not in flow.params:
                meaning = Quantization(call.operator.scale, call.operator.zero_point)
                exited = meanings.setdefault(call.activations[0], meaning) == meaning
            made.append(call.activations[0] if call is not None and exited else result)
            outputs.append(replace(port, quantized=port.quantized or exited or rewrite.name(result) in small))
        rewrite.quantization.update(meanings)
        inputs = (
            replace(port, quantized=port.quantized or entered[param] is not None)
            for port, param in zip(ports.inputs, flow.params, strict=True)
        )
        write_ports(rewrite, Ports(tuple(inputs), tuple(outputs)))
        return made

    return rewrite_main(module, [rule], parameters=list(new.values()), results=results)


def _quantized(param: Var, entry: Quantize | None) -> Var:
    return param if entry is None else relax.Var(param.name, relax.TensorType(shape_of(param), entry.output_dtype))


def _entry(readers: Sequence[Binding | None]) -> Quantize | None:
    """The Quantize that is all that reads a parameter (several equal ones count as one)."""
    found = {called_operator(reader.value) if reader is not None else None for reader in readers}
    operator = next(iter(found)) if len(found) == 1 else None
    return operator if isinstance(operator, Quantize) else None


def _is_small_argmax(binding: Binding, readers: Sequence[Binding | None]) -> bool:
    """True for an ArgMax whose indices fit a byte and only leave the network."""
    call = operator_call(binding.value)
    if call is None or not isinstance(call.operator, ArgMax) or any(reader is not None for reader in readers):
        return False
    return call.operator.output_dtype != "uint8" and shape_of(call.activations[0])[-1] <= CLASSES
