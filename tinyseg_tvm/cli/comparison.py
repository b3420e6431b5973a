"""Per-operator differences between an observed run and the reference executor."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.results import RunResult
from tinyseg_tvm.network import Network, reference


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
    trace: dict[str, np.ndarray] = {}
    reference.run(network, inputs, layout="device", trace=trace)
    observed: dict[tuple[int, int], dict[int, bytes]] = {}
    for record in result.observations:
        observed.setdefault((record.node, record.output), {})[record.line] = record.data
    rows = []
    for number, node in enumerate(network.nodes):
        values = differing = 0
        largest, first = 0.0, ""
        for output, name in enumerate(node.outputs):
            kind = network.tensors[name].type
            expected = trace[name].reshape(kind.lines, -1)
            lines = observed.get((number, output), {})
            if len(lines) != kind.lines:
                raise TinySegError(f"operator {node.name!r}: the firmware showed {len(lines)} of {kind.lines} lines")
            for line in range(kind.lines):
                got = np.frombuffer(lines[line], kind.dtype)
                values += got.size
                # bit patterns: a NaN equals itself, 0.0 differs from -0.0
                unequal = got.view(np.uint8).reshape(got.size, -1) != np.ascontiguousarray(expected[line]).view(
                    np.uint8
                ).reshape(got.size, -1)
                count = int(unequal.any(axis=1).sum())
                if count:
                    differing += count
                    distance = np.abs(got.astype(np.float64) - expected[line].astype(np.float64))
                    largest = max(largest, float(np.nanmax(distance)))
                    first = first or str(line)
        rows.append(Difference(node.name, node.operator.kind, values, differing, largest, first))
    return rows
