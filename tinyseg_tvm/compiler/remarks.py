"""What a user should know of a plan beside its figures: sentences that name bytes and what can be done."""

from __future__ import annotations

from dataclasses import replace

from tinyseg_tvm.compiler.memory import promised_memory
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.planning import plan_network
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.network import Network, Port
from tinyseg_tvm.network.images import image_of
from tinyseg_tvm.relay_passes.lowered_module import LoweredModule
from tinyseg_tvm.report.tables import kib

WORTH_SAYING = 0.01  # of the whole program's RAM


def orientation(planned: Planned, situation: Situation, name: str) -> list[str]:
    """Says that ports carry the model's columns, and what rows cost. Nothing where they carry rows.

    Args:
        planned: the plan.
        situation: what it was made for.
        name: of the C library.
    """
    network = planned.network
    images = {port.name: image_of(network, port) for port in _ports(network)}
    ports = [port for port, image in images.items() if image is not None and image.columns]
    if not ports:
        return []
    if situation.options.io == "line":
        return [f"lines of {', '.join(ports)} are columns of the image, as --stream-axis columns asks for"]
    way = f"{name}_write_image() and {name}_read_image() take images by rows"
    cost = f"; --stream-axis rows takes {kib(planned.ram_by_rows)} in all" if planned.ram_by_rows else ""
    return [f"{', '.join(ports)} lie in the arena column by column: {way}{cost}"]


def has_float_ports(network: Network) -> bool:
    """Whether an input or output carries float32."""
    return any(network.tensors[port.tensor].type.dtype == "float32" for port in _ports(network))


def port_bytes(network: Network) -> int:
    """Bytes of all inputs and outputs."""
    return sum(network.tensors[port.tensor].type.bytes for port in _ports(network))


def float_ports(planned: Planned, quantized: LoweredModule | None, situation: Situation, total: int) -> list[str]:
    """Says what ``--io-type quantized`` would save, where it is worth a sentence.

    A plan with storage or recomputation takes long to find: the bytes of the ports alone are compared then.

    Args:
        planned: the plan with the model's port types.
        quantized: the module with quantised ports; None where they would not be smaller.
        situation: what was planned for.
        total: bytes of the whole program as planned.
    """
    if quantized is None:
        return []
    others = {port.name: quantized.network.tensors[port.tensor].type.dtype for port in _ports(quantized.network)}
    changed = {
        port.name: others[port.name]
        for port in _ports(planned.network)
        if planned.network.tensors[port.tensor].type.dtype == "float32" and others[port.name] != "float32"
    }
    types = "/".join(sorted({*changed.values()}))
    what = f"{', '.join(changed)} carry float32: with --io-type quantized they carry {types}"
    options = situation.options
    if options.storage or options.max_recompute:
        return [f"{what}, {kib(port_bytes(quantized.network))} in place of {kib(port_bytes(planned.network))}"]
    same_axis = replace(situation, options=replace(options, stream_axis=planned.axis))
    smaller = promised_memory(plan_network(quantized, same_axis), same_axis).total
    if total - smaller < WORTH_SAYING * total:
        return []
    return [f"{what}, and the program takes {kib(smaller)}, {kib(total - smaller)} less"]


def _ports(network: Network) -> tuple[Port, ...]:
    return (*network.inputs, *network.outputs)
