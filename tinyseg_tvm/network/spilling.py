"""What the tensors of a network need to be spilled: transfers, as the planner reckons with them, and operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tinyseg_tvm.network.channels import channels_of, divisible_channels
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.network.network import Network, Node, Tensor
from tinyseg_tvm.operators import Fetch, Spill, TensorType
from tinyseg_tvm.operators.stored_records import NO_CODEC, RECORD_HEADER, have_records
from tinyseg_tvm.planner import problem as planning
from tinyseg_tvm.planner.spilling import SpillDecision, Transfer

MOST_LINES_PER_RECORD = 64


@dataclass(frozen=True)
class Medium:
    """A storage that tensors of a network may go to.

    Attributes:
        name: of the storage.
        block: bytes of its blocks.
        codec: of the lines.
        ring: records staged on their way out.
        ahead: records asked for ahead.
        largest_record: bytes that a record of several lines may take; longer records waste less of their blocks.
        expected_ratio: coded by raw bytes of lines with many zeros. Where it is stated, only such lines are coded (the
            others would not get shorter), and only where that pays.
        coding_price: bytes whose transfer takes as long as coding one byte.
    """

    name: str
    block: int = 1
    codec: str = NO_CODEC
    ring: int = 1
    ahead: int = 1
    largest_record: int = 0
    expected_ratio: float = 0.0
    coding_price: float = 0.0


def medium_for(network: Network, tensor: str, medium: Medium) -> Medium:
    """The medium as that tensor (or a clone of it) uses it: its codec may not be worth while."""
    if medium.codec == NO_CODEC or not medium.expected_ratio:
        return medium
    pays = _is_sparse(network, tensor) and _coding_pays(network.tensors[tensor].type, medium)
    return medium if pays else replace(medium, codec=NO_CODEC)


def _coding_pays(kind: TensorType, medium: Medium) -> bool:
    """Whether records get so much shorter, in whole blocks, that it is worth the processor's time."""
    if kind.lines < 2:
        return False
    raw = replace(medium, codec=NO_CODEC)
    group = _group(kind, raw)
    whole = Spill(medium.name, 0, NO_CODEC, medium.block, group).records(kind)
    unit = max(medium.block, 4)
    coded = -(-int(RECORD_HEADER + group + medium.expected_ratio * whole.payload_bytes) // unit) * unit
    return whole.record_bytes - coded > medium.coding_price * whole.payload_bytes


def _is_sparse(network: Network, tensor: str) -> bool:
    """Whether values are cut off at zero, as by ReLU: what comes out of such an operator, or a pooling behind it."""
    maker = next((node for node in network.nodes if tensor in node.outputs), None)
    if maker is None:
        return False
    return _is_sparse(network, maker.inputs[0]) if maker.operator.keeps_zeros else maker.operator.cuts_at_zero


def transfer_of(kind: TensorType, medium: Medium, cost: Callable[[Node], Cost] | None = None) -> Transfer | None:
    """How a tensor of that type would be transferred; None where it has no lines to speak of, or too long or many ones.

    Args:
        kind: type of the tensor.
        medium: where to.
        cost: cycles of the two kernels; None: nothing.
    """
    if kind.line_axis is None or kind.lines < 2 or not have_records(kind):
        return None
    group = _group(kind, medium)
    spilling = Spill(medium.name, 0, medium.codec, medium.block, group, medium.ring)
    fetching = Fetch(medium.name, 0, medium.codec, medium.ahead, medium.block, group)
    (stored,) = spilling.infer([kind], {})
    out = Node("spill", spilling, ("x",), ("s",), {})
    back = Node("fetch", fetching, ("s",), ("y",), {})
    return Transfer(
        storage=medium.name,
        codec=medium.codec,
        block=medium.block,
        group=group,
        ring=medium.ring,
        ahead=medium.ahead,
        spill_bytes=spilling.line_access([kind], [stored], {}).state_bytes,
        fetch_bytes=fetching.line_access([stored], [kind], {}).state_bytes,
        stored_line_bytes=spilling.stored_line_bytes,
        spill_cycles=cost(out).cycles_per_step if cost else 0,
        fetch_cycles=cost(back).cycles_per_step if cost else 0,
        channels=divisible_channels(kind),
    )


def deeper(kind: TensorType, transfer: Transfer, ring: int, ahead: int) -> Transfer:
    """``transfer`` of a tensor of that type with other numbers of staged records."""
    slot = operators_of(SpillDecision("", (), replace(transfer, ring=ring, ahead=ahead)), 0)
    records = slot[0].records(kind)
    return replace(
        transfer,
        ring=ring,
        ahead=ahead,
        spill_bytes=min(ring, records.count) * records.place_bytes,
        fetch_bytes=min(slot[1].places, records.count) * records.place_bytes,
    )


def _group(kind: TensorType, medium: Medium) -> int:
    """Lines per record: as many as fit the blocks that one line needs, or ``largest_record``."""

    def size(group: int) -> int:
        return Spill(medium.name, 0, medium.codec, medium.block, group).records(kind).record_bytes

    limit = max(size(1), medium.largest_record)
    best = 1
    for group in range(2, min(kind.lines, MOST_LINES_PER_RECORD) + 1):
        if group * kind.line_bytes > limit or size(group) > limit:
            break
        best = group
    return best


def transfers(
    network: Network, medium: Medium, cost: Callable[[Network, Node], Cost] | None = None
) -> Callable[[planning.Tensor], Transfer | None]:
    """``planner.spilling.Transfers`` of a network's tensors and their copies.

    A tensor with shorter lines than the network's stands for the first channels of it.
    """
    known: dict[tuple[TensorType, str], Transfer | None] = {}

    def of(tensor: planning.Tensor) -> Transfer | None:
        original = network.tensors.get(tensor.name) or network.tensors.get(tensor.derived_from)
        if original is None:
            return None
        kind, own = original.type, medium_for(network, original.name, medium)
        if tensor.line_bytes < kind.line_bytes:
            channels = divisible_channels(kind) * tensor.line_bytes // kind.line_bytes
            kind = channels_of(kind, 0, channels).infer([kind], {})[0]
        if (kind, own.codec) not in known:
            probe = Network("probe", {n: Tensor(n, kind) for n in ("x", "s", "y")}, (), (), ())
            known[kind, own.codec] = transfer_of(kind, own, (lambda node: cost(probe, node)) if cost else None)
        return known[kind, own.codec]

    return of


def operators_of(decision: SpillDecision, slot: int) -> tuple[Spill, Fetch]:
    """The operators of a decision."""
    way = decision.transfer
    spilling = Spill(way.storage, slot, way.codec, way.block, way.group, way.ring, decision.first_line, decision.lines)
    fetching = Fetch(way.storage, slot, way.codec, way.ahead, way.block, way.group, decision.first_line)
    return spilling, fetching
