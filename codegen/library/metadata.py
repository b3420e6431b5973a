"""What metadata.json states about a generated project (schema: docs/output-format.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinyseg_tvm.codegen.library.context import context_bytes
from tinyseg_tvm.codegen.library.generation import Generation
from tinyseg_tvm.codegen.library.operator_functions import OperatorFunction
from tinyseg_tvm.codegen.library.schedule import ScheduleTable
from tinyseg_tvm.network.network import Port, State


def project_metadata(
    generation: Generation, functions: Sequence[OperatorFunction], table: ScheduleTable
) -> dict[str, Any]:
    """The keys that the code generator fills, as plain values."""
    network, problem, plan = generation.network, generation.problem, generation.plan
    forms = [address.form for address in generation.addresses.values()]
    return {
        "name": generation.name,
        "model": network.name,
        "core": generation.core.name,
        "io": generation.io,
        "inputs": [_port(generation, port) for port in network.inputs],
        "outputs": [_port(generation, port) for port in network.outputs],
        **({"states": [_state(generation, state) for state in network.states]} if network.states else {}),
        "memory": {
            "arena_bytes": plan.pool_bytes[0],
            "pools": [
                {"name": pool.name, "bytes": size} for pool, size in zip(problem.pools, plan.pool_bytes, strict=True)
            ],
            "context_bytes": context_bytes(problem, generation.storages),
            "weights_bytes": generation.constants.size,
        },
        "schedule": {
            "steps": len(plan.steps),
            "entries": len(table.entries),
            "bytes": table.bytes,
            "loop_depth": table.depth,
        },
        "placement": {
            "table_bytes": sum(form.table.nbytes for form in forms if form.table is not None),
            "forms": {
                kind: sum(form.kind == kind for form in forms)
                for kind in ("affine", "runs", "ring", "periodic", "table")
            },
        },
        "storages": [
            {
                "name": region.name,
                "block_bytes": region.block,
                "bytes": region.bytes,
                "slots": {str(slot): offset for slot, offset in region.slots.items()},
                "queue": region.queue,
                "written": region.written,
                "read": region.read,
                "written_physical_at_most": region.written_physical,
                "read_physical_at_most": region.read_physical,
            }
            for region in generation.storages
        ],
        "operators": [_operator(generation, functions, index) for index in range(len(network.nodes))],
    }


def _operator(generation: Generation, functions: Sequence[OperatorFunction], index: int) -> dict[str, Any]:
    network = generation.network
    node = network.nodes[index]
    operator = generation.problem.operators[generation.first_node + index]
    function = functions[generation.first_node + index]
    return {
        "name": node.name,
        "kind": node.operator.kind,
        "function": function.function,
        "kernel": function.variant,
        "inputs": list(node.inputs),
        "outputs": list(node.outputs),
        "output_shapes": [list(t.shape) for t in network.output_types(node)],
        "macs": operator.macs,
        "steps": operator.steps,
        "scratch_bytes": operator.scratch_bytes,
        "state_bytes": operator.state_bytes,
        "weights_bytes": function.weights_bytes,
        "cycles_estimate": operator.cycles * operator.steps,
    }


def _state(generation: Generation, state: State) -> dict[str, Any]:
    tensor = generation.network.tensors[state.input.tensor]
    placement = generation.placement(state.input.tensor)
    return {
        "name": state.name,
        "input": state.input.name,
        "output": state.output.name,
        "shape": list(tensor.type.shape),
        "dtype": tensor.type.dtype,
        "scale": tensor.scale,
        "zero_point": tensor.zero_point,
        "bytes": tensor.type.bytes,
        "pool": placement.pool,
        "offset": placement.offsets[0],
    }


def _port(generation: Generation, port: Port) -> dict[str, Any]:
    tensor = generation.network.tensors[port.tensor]
    return {
        "name": port.name,
        "tensor": port.tensor,
        "shape": list(tensor.type.shape),
        "dtype": tensor.type.dtype,
        "scale": tensor.scale,
        "zero_point": tensor.zero_point,
        "model_shape": list(port.model_shape),
        "model_dtype": port.model_dtype,
        "permutation": list(port.permutation),
        "quantized": port.quantized,
        "exchanged": port.exchanged,
        "bytes": tensor.type.bytes,
        "lines": tensor.type.lines,
        "offset": generation.placement(port.tensor).offsets[0] if generation.io == "resident" else None,
        **({} if port.delay is None else {"delay": port.delay}),
    }
