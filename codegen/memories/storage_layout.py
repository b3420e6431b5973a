"""Where spilled tensors lie in their storages, and what the network's header says of each storage."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.network import Network, Node
from tinyseg_tvm.operators import Fetch, Spill
from tinyseg_tvm.operators.stored_records import Records, numbers_bytes


@dataclass(frozen=True)
class StorageRegion:
    """What a network uses of a storage.

    Attributes:
        name: of the storage.
        block: bytes of the blocks that it is used in.
        bytes: used, from offset 0 on.
        slots: offset of each slot; before the first one lie the blocks that keep the numbers of inferences.
        queue: most transfers that are asked for at the same time, rounded up to a power of two.
        written, read: tensor bytes moved per inference.
        written_physical, read_physical: the same with headers, in whole blocks; with a codec this is the most.
    """

    name: str
    block: int
    bytes: int
    slots: Mapping[int, int]
    queue: int
    written: int
    read: int
    written_physical: int
    read_physical: int


@dataclass(frozen=True)
class StoredPart:
    """The storage of one Spill or Fetch: its number, where the tensor begins in it, and what makes its records its own.

    Attributes:
        storage: number.
        base: offset in bytes.
        identity: 32 bits of model, storage, tensor and place, which begin every check sum.
    """

    storage: int
    base: int
    identity: int


def storage_regions(network: Network) -> tuple[StorageRegion, ...]:
    """One region per storage, in the order of their first use.

    Raises:
        TinySegError: a Fetch does not fit the Spill whose result it reads.
    """
    _check_fetches(network)
    users: dict[str, list[Node]] = {}
    for node in network.nodes:
        if isinstance(node.operator, Spill | Fetch):
            users.setdefault(node.operator.storage, []).append(node)
    return tuple(_region(network, name, nodes) for name, nodes in users.items())


def stored_part(model: str, regions: tuple[StorageRegion, ...], node: Node) -> StoredPart | None:
    """Where a node's stored tensor lies; None for operators that use no storage."""
    operator = node.operator
    if not isinstance(operator, Spill | Fetch):
        return None
    number = next(i for i, region in enumerate(regions) if region.name == operator.storage)
    base = regions[number].slots[operator.slot]
    tensor = (node.outputs if isinstance(operator, Spill) else node.inputs)[0]
    named = "\0".join((model, operator.storage, tensor, str(number), str(base), str(regions[number].bytes)))
    return StoredPart(number, base, zlib.crc32(named.encode()))


def _stored(network: Network, node: Node) -> Records:
    """The records that a Spill writes or a Fetch reads."""
    operator = node.operator
    assert isinstance(operator, Spill | Fetch)
    return operator.records(network.tensors[(node.outputs if isinstance(operator, Spill) else node.inputs)[0]].type)


def _region(network: Network, name: str, nodes: list[Node]) -> StorageRegion:
    blocks = {node.operator.block for node in nodes if isinstance(node.operator, Spill | Fetch)}
    if len(blocks) != 1:
        raise TinySegError(f"storage {name!r} is used in blocks of {sorted(blocks)} bytes at the same time")
    sizes: dict[int, int] = {}
    queue = written = read = written_physical = read_physical = 0
    for node in nodes:
        operator, records = node.operator, _stored(network, node)
        tensor_bytes = records.lines * records.line_bytes
        if isinstance(operator, Spill):
            sizes[operator.slot] = max(sizes.get(operator.slot, 0), records.storage_bytes)
            queue += min(operator.ring, records.count)
            written += tensor_bytes
            written_physical += records.storage_bytes
        elif isinstance(operator, Fetch):
            queue += min(operator.places, records.count)
            read += tensor_bytes
            read_physical += records.storage_bytes
    block = blocks.pop()
    slots, end = {}, numbers_bytes(block)
    for slot in sorted(sizes):
        slots[slot] = end
        end += sizes[slot]
    return StorageRegion(
        name, block, end, slots, 1 << (queue - 1).bit_length(), written, read, written_physical, read_physical
    )


def _check_fetches(network: Network) -> None:
    """Stored tensors are read by Fetch alone, and every Fetch reads one as it was written."""
    spills = {node.outputs[0]: node for node in network.nodes if isinstance(node.operator, Spill)}
    for port in network.outputs:
        if port.tensor in spills:
            raise TinySegError(f"output {port.name!r} was spilled by node {spills[port.tensor].name!r}: fetch it")
    for node in network.nodes:
        stored = [name for name in node.inputs if name in spills]
        if not isinstance(node.operator, Fetch):
            if stored:
                raise TinySegError(f"node {node.name!r} ({node.operator.kind}) reads the stored tensor {stored[0]!r}")
            continue
        if node.inputs[0] not in spills or len(stored) != 1:
            raise TinySegError(f"node {node.name!r} (fetch): its first operand must be the result of a spill")
        spill = spills[node.inputs[0]].operator
        assert isinstance(spill, Spill)
        for field in ("storage", "slot", "codec", "block", "group"):
            if getattr(spill, field) != getattr(node.operator, field):
                raise TinySegError(f"node {node.name!r} (fetch): its {field} is not that of its spill")
        if len(node.inputs) == 2 and spill.first_line != node.operator.first_line:
            raise TinySegError(f"node {node.name!r} (fetch): its first line is not that of its spill")
