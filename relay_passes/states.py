"""States across inferences: which parameter is one, which result becomes it, and what it is at first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.network.network import Port, State, Tensor
from tinyseg_tvm.relay_passes.dataflow import MAIN, Dataflow
from tinyseg_tvm.relay_passes.expressions import Module, shape_of
from tinyseg_tvm.relay_passes.ports import MODEL_PORTS, PortRecord, ports_of


def bind_states(module: Module, states: Mapping[str, str]) -> Module:
    """The module with inputs that are outputs of the inference before.

    Args:
        module: as imported; ``main`` has the model's inputs and outputs.
        states: by the name of an output, the input that it becomes; of equal shape and element type.

    Raises:
        UsageError: a name that does not exist or is bound twice, or ports that differ.
    """
    if not states:
        return module
    flow = Dataflow.of(module)
    ports = ports_of(flow)
    sides: list[dict[str, tuple[PortRecord, tuple[int, ...]]]] = [
        {record.name: (record, shape_of(value)) for record, value in zip(records, values, strict=True)}
        for records, values in ((ports.inputs, flow.params), (ports.outputs, flow.results))
    ]
    inputs, outputs = sides
    bound: dict[str, str] = {}
    for output, name in states.items():
        where = f"state {output}={name}"
        for kind, known, wanted in (("output", outputs, output), ("input", inputs, name)):
            if wanted not in known:
                raise UsageError(f"{where}: the model has no {kind} {wanted!r}; it has {', '.join(known) or 'none'}")
            if known[wanted][0].state:
                raise UsageError(f"{where}: {kind} {wanted!r} is a state already")
        if name in bound.values():
            raise UsageError(f"{where}: input {name!r} is bound to two outputs")
        (before, before_shape), (after, after_shape) = inputs[name], outputs[output]
        if (before_shape, before.model_dtype) != (after_shape, after.model_dtype):
            raise UsageError(
                f"{where}: the output is {after.model_dtype} of shape {after_shape}, the input {before.model_dtype} of "
                f"shape {before_shape}; a state has one shape and type"
            )
        bound[output] = name
    if len(bound) == len(outputs):
        raise UsageError("every output is bound to a state: at least one must leave the model")
    state_of = (dict(zip(bound.values(), bound.values(), strict=True)), bound)
    recorded = {
        side: [
            {
                "name": record.name,
                "shape": list(shape_of(value)),
                "dtype": record.model_dtype,
                "state": names.get(record.name, record.state),
                "initial": record.initial,
            }
            for record, value in zip(records, values, strict=True)
        ]
        for side, records, values, names in (
            ("inputs", ports.inputs, flow.params, state_of[0]),
            ("outputs", ports.outputs, flow.results, state_of[1]),
        )
    }
    changed = module.clone()
    changed[MAIN] = module[MAIN].with_attr(MODEL_PORTS, recorded)
    return changed


def port_of(record: PortRecord, tensor: str) -> Port:
    """The port of a device tensor."""
    return Port(
        record.name,
        tensor,
        record.model_shape,
        record.model_dtype,
        record.permutation,
        quantized=record.quantized,
        exchanged=record.exchanged,
        delay=record.delay,
    )


def states_of(
    inputs: Sequence[tuple[PortRecord, str]],
    outputs: Sequence[tuple[PortRecord, str]],
    tensors: Mapping[str, Tensor],
) -> tuple[State, ...]:
    """The states among ports and their device tensors.

    Raises:
        TinySegError: an output is not what the state's input is.
    """
    after = {record.state: (record, tensor) for record, tensor in outputs if record.state}
    found = []
    for record, tensor in inputs:
        if not record.state:
            continue
        if record.state not in after:
            raise TinySegError(f"state {record.state!r}: no output becomes it")
        output, made = after[record.state]
        before, result = port_of(record, tensor), port_of(output, made)
        _check(record.state, before, result, tensors)
        found.append(State(record.state, before, result, _initial(record, tensors[tensor])))
    return tuple(found)


def _check(name: str, before: Port, after: Port, tensors: Mapping[str, Tensor]) -> None:
    """Raises TinySegError where the device does not hold both alike."""
    old, new = tensors[before.tensor], tensors[after.tensor]
    remedy = "Remedy: make them alike in the model"
    if old.type.dtype != new.type.dtype or old.type.bytes != new.type.bytes:
        raise TinySegError(
            f"state {name!r}: input {before.name!r} is {old.type} on the device, output {after.name!r} {new.type}. "
            f"{remedy}, or leave --io-type as it is"
        )
    meaning = [(t.scale, t.zero_point) for t in (old, new)]
    if old.type.dtype not in ("float32", "bool") and None not in (old.scale, new.scale) and meaning[0] != meaning[1]:
        raise TinySegError(
            f"state {name!r}: input {before.name!r} has scale and zero point {meaning[0]}, output {after.name!r} "
            f"{meaning[1]}. {remedy}"
        )
    if not np.array_equal(_order(before), _order(after)):
        raise TinySegError(
            f"state {name!r}: the device holds input {before.name!r} and output {after.name!r} in another order of "
            f"their axes. {remedy}: both as feature maps, or neither"
        )


def _order(port: Port) -> np.ndarray:
    count = int(np.prod(port.model_shape, dtype=np.int64))
    return np.asarray(np.arange(count).reshape(port.model_shape).transpose(port.permutation).ravel())


def _initial(record: PortRecord, tensor: Tensor) -> np.ndarray:
    """First values in device layout: as recorded, or the zero point."""
    dtype = np.dtype(tensor.type.dtype)
    if not record.initial:
        return np.full(tensor.type.shape, tensor.zero_point or 0, dtype)
    values = np.frombuffer(bytes.fromhex(record.initial), dtype).reshape(record.model_shape)
    return np.ascontiguousarray(values.transpose(record.permutation)).reshape(tensor.type.shape)
