"""Per-operator differences between an observed run and the reference executor.

Each operator's reference is given the operands that the program had: a difference shows where it is made, and what is
exact is compared exactly also behind floating point of the long tail, which is compared by tolerance.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.results import RunResult
from tinyseg_tvm.network import Network, agreement
from tinyseg_tvm.network.states import initial_states


@dataclass(frozen=True)
class Difference:
    """How one operator's results differ: how many of the values compared, by how much at most, from which line on."""

    name: str
    kind: str
    values: int
    differing: int
    largest: float
    first: str

    def as_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def compare(network: Network, inputs: list[np.ndarray], result: RunResult) -> list[Difference]:
    """One row per node, in order.

    Raises:
        TinySegError: the firmware failed, or did not show every line of every node.
    """
    if result.status != 0:
        raise TinySegError(f"the firmware returned status {result.status} (see include/{network.name}.h)")
    observed: dict[tuple[int, int], dict[int, bytes]] = {}
    for record in result.observations:
        observed.setdefault((record.node, record.output), {})[record.line] = record.data
    tensors = {port.tensor: array for port, array in zip(network.inputs, inputs, strict=True)}
    tensors |= initial_states(network)
    rows = []
    for number, node in enumerate(network.nodes):
        expected = node.operator.reference([tensors[name] for name in node.inputs], node.constants)
        wrong = agreement.outside_tolerance if agreement.is_approximate(node) else agreement.unequal
        values = differing = 0
        largest, first = 0.0, ""
        for output, name in enumerate(node.outputs):
            kind = network.tensors[name].type
            lines = observed.get((number, output), {})
            if set(lines) != set(range(kind.lines)):
                raise TinySegError(f"operator {node.name!r}: the firmware showed {len(lines)} of {kind.lines} lines")
            data = b"".join(lines[line] for line in range(kind.lines))
            if len(data) != kind.bytes:
                raise TinySegError(f"operator {node.name!r}: its lines have {len(data)} of {kind.bytes} bytes")
            got = tensors[name] = np.frombuffer(data, kind.dtype).reshape(kind.shape)
            differs = wrong(expected[output], got).reshape(kind.lines, -1)
            values += got.size
            if differs.any():
                differing += int(differs.sum())
                distance = np.abs(got.astype(np.float64) - expected[output].astype(np.float64))
                largest = max(largest, float(np.nanmax(distance)))
                first = first or str(int(np.flatnonzero(differs.any(axis=1))[0]))
        rows.append(Difference(node.name, node.operator.kind, values, differing, largest, first))
    return rows
