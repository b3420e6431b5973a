"""What a user should know of a plan beside its figures: sentences that name bytes and what can be done."""

from __future__ import annotations

from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.network import Network, Port
from tinyseg_tvm.network.images import image_of
from tinyseg_tvm.report.tables import kib


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


def _ports(network: Network) -> tuple[Port, ...]:
    return (*network.inputs, *network.outputs)
