"""The function attribute ``tinyseg.ports``: how parameters and results map to the model's tensors.

    {"inputs": [port, ...], "outputs": [port, ...]}
    port = {"name", "shape", "dtype", "permutation", "quantized", "exchanged", "state", "initial", "delay"}

``shape`` and ``dtype`` are the model's; the device tensor is ``array.transpose(permutation).reshape(device shape)``,
the device shape being the parameter's or result's own. ``quantized``, ``exchanged`` and ``delay``: see
``network.Port``.
``state`` names the state that a parameter is, and that a result becomes; empty for what the user gives and takes. The
parameter's ``initial`` has its first values as hexadecimal digits, bytes in the model's layout; empty: the zero point.
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
LAYOUT = "tinyseg.layout"
"""What the frontend records of the layout of maps: "NHWC"; NCHW where it says nothing."""


@dataclass(frozen=True)
class PortRecord:
    """One port; fields as in ``network.Port``."""

    name: str
    model_shape: tuple[int, ...]
    model_dtype: str
    permutation: tuple[int, ...]
    quantized: bool = False
    exchanged: bool = False
    state: str = ""
    initial: str = ""
    delay: int | None = None


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
        _plain(model["inputs"], [str(p.name) for p in flow.params], flow.params),
        _plain(model["outputs"], default, flow.results),
    )


def device_dtype(dtype: str) -> str:
    """The element type in which the device has a tensor of the model's type, quantised ports aside."""
    return "float32" if dtype in ("float16", "bfloat16") else dtype


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
                **({"state": port.state, "initial": port.initial} if port.state else {}),
                **({} if port.delay is None else {"delay": port.delay}),
            }
            for port in records
        ]
        for side, records in (("inputs", ports.inputs), ("outputs", ports.outputs))
    }


def _plain(
    recorded: Sequence[Mapping[str, Any]], default: Sequence[str], values: Sequence[Expr]
) -> tuple[PortRecord, ...]:
    """Ports in the model's own layout: as the frontend recorded them, or of the default names."""
    names = [(str(port["name"]), str(port["dtype"]), *_state(port)) for port in recorded]
    names = names or [(name, dtype_of(value), "", "") for name, value in zip(default, values, strict=True)]
    return tuple(
        PortRecord(name, shape_of(value), dtype, layouts.identity(len(shape_of(value))), state=state, initial=initial)
        for (name, dtype, state, initial), value in zip(names, values, strict=True)
    )


def _state(port: Mapping[str, Any]) -> tuple[str, str]:
    return str(port.get("state", "")), str(port.get("initial", ""))


def _record(port: Mapping[str, Any]) -> PortRecord:
    return PortRecord(
        str(port["name"]),
        tuple(int(extent) for extent in port["shape"]),
        str(port["dtype"]),
        tuple(int(axis) for axis in port["permutation"]),
        bool(port["quantized"]),
        bool(port.get("exchanged", False)),
        *_state(port),
        delay=None if port.get("delay") is None else int(port["delay"]),
    )
