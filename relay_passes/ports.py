"""The function attribute ``tinyseg.ports``: how parameters and results map to the model's tensors.

    {"inputs": [port, ...], "outputs": [port, ...]}
    port = {"name", "shape", "dtype", "permutation", "quantized", "exchanged"}

``shape`` and ``dtype`` are the model's; the device tensor is ``array.transpose(permutation).reshape(device shape)``,
the device shape being the parameter's or result's own. ``quantized`` and ``exchanged`` as in ``network.Port``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinyseg_tvm.relay_passes import layouts
from tinyseg_tvm.relay_passes.dataflow import Dataflow
from tinyseg_tvm.relay_passes.expressions import Expr, Module, dtype_of, shape_of
from tinyseg_tvm.relay_passes.rewriting import Rewrite

PORTS = "tinyseg.ports"
MODEL_PORTS = "tinyseg.model_ports"
"""What the frontend records of the model's inputs and outputs: name, shape, dtype."""


@dataclass(frozen=True)
class PortRecord:
    """One port; fields as in ``network.Port``."""

    name: str
    model_shape: tuple[int, ...]
    model_dtype: str
    permutation: tuple[int, ...]
    quantized: bool = False
    exchanged: bool = False


@dataclass(frozen=True)
class Ports:
    """All ports of a function, in the order of its parameters and results."""

    inputs: tuple[PortRecord, ...]
    outputs: tuple[PortRecord, ...]


def read_ports(module: Module) -> Ports:
    """The ports recorded on ``main``, or those of a function in the model's own layout."""
    return ports_of(Dataflow.of(module))


def ports_of(flow: Dataflow) -> Ports:
    """The ports of a function that is read already."""
    recorded = flow.attrs.get(PORTS)
    if recorded is not None:
        return Ports(*(tuple(_record(p) for p in recorded[side]) for side in ("inputs", "outputs")))
    model = flow.attrs.get(MODEL_PORTS, {"inputs": [], "outputs": []})
    default = ["output"] if len(flow.results) == 1 else [f"output{i}" for i in range(len(flow.results))]
    return Ports(
        _plain([str(port["name"]) for port in model["inputs"]] or [str(p.name) for p in flow.params], flow.params),
        _plain([str(port["name"]) for port in model["outputs"]] or default, flow.results),
    )


def write_ports(rewrite: Rewrite, ports: Ports) -> None:
    """Record the ports on the function under construction."""
    rewrite.attributes[PORTS] = ports_record(ports)


def ports_record(ports: Ports) -> dict[str, list[dict[str, Any]]]:
    """The value of the attribute."""
    return {
        side: [
            {
                "name": port.name,
                "shape": list(port.model_shape),
                "dtype": port.model_dtype,
                "permutation": list(port.permutation),
                "quantized": port.quantized,
                "exchanged": port.exchanged,
            }
            for port in records
        ]
        for side, records in (("inputs", ports.inputs), ("outputs", ports.outputs))
    }


def _plain(names: Sequence[str], values: Sequence[Expr]) -> tuple[PortRecord, ...]:
    """Ports in the model's own layout."""
    return tuple(
        PortRecord(name, shape_of(value), dtype_of(value), layouts.identity(len(shape_of(value))))
        for name, value in zip(names, values, strict=True)
    )


def _record(port: Mapping[str, Any]) -> PortRecord:
    return PortRecord(
        str(port["name"]),
        tuple(int(extent) for extent in port["shape"]),
        str(port["dtype"]),
        tuple(int(axis) for axis in port["permutation"]),
        bool(port["quantized"]),
        bool(port.get("exchanged", False)),
    )
