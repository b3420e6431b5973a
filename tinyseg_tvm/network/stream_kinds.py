"""What becomes of a network's tensors where the lines of its input never end: see endless.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.network import Network, Node
from tinyseg_tvm.operators import TensorType
from tinyseg_tvm.operators.base import Part, Slid
from tinyseg_tvm.operators.sliding import Sliding


@dataclass(frozen=True)
class Endless:
    """Lines that never end.

    Attributes:
        lines: for each line of the input, as a fraction.
        delay: the lines by which it is late: see endless.py.
        sliding: how its maker makes it of its operands; None of the input.
    """

    lines: Fraction
    delay: int
    sliding: Sliding | None = None


class Window:
    """Computed anew in each round."""


Kind = Endless | Window | None
"""None: what does not depend on the input."""


def stream_kinds(network: Network) -> dict[str, Kind]:
    """Of every tensor."""
    (entering,) = network.inputs
    kinds: dict[str, Kind] = {entering.tensor: Endless(Fraction(1), 0)}
    for node in network.nodes:
        kinds.update(dict.fromkeys(node.outputs, _result_kind(network, node, [kinds[name] for name in node.inputs])))
    if not any(isinstance(kinds[port.tensor], Endless | Window) for port in network.outputs):
        raise TinySegError(f"--endless: no output of {network.name} depends on its input")
    return kinds


def _result_kind(network: Network, node: Node, operands: Sequence[Kind]) -> Kind:
    streams = [kind for kind in operands if isinstance(kind, Endless)]
    if not streams or any(isinstance(kind, Window) for kind in operands):
        return None if all(kind is None for kind in operands) else Window()
    sliding = _sliding_of(network, node, operands)
    if sliding is None or len({stream.lines for stream in streams}) != 1:
        return Window()
    delay = max(stream.delay for stream in streams)
    return Endless(streams[0].lines * Fraction(sliding.made, sliding.taken), sliding.delay(delay), sliding)


def _sliding_of(network: Network, node: Node, operands: Sequence[Kind]) -> Sliding | None:
    """How an operator's results follow from operands of which some never end; None where they need them all."""
    types = network.input_types(node)
    if any(kind is None and each.lines > 1 for kind, each in zip(operands, types, strict=True)):
        return None
    try:
        found = node.operator.sliding(types, node.constants)
        for blocks in (1, 2):  # constants of a line each fit one number of lines alone
            over_part(node, types, operands, part_of(found, 0, blocks * found.made))
    except ValueError:
        return None
    return found if len(node.outputs) == 1 else None


def part_of(sliding: Sliding, first: int, lines: int) -> Part:
    """Lines of an endless result, and the lines that they are made of."""
    made = range(first, first + lines)
    begin, last = min(sliding.first(line) for line in made), max(sliding.last(line) for line in made)
    return Part(first, lines, begin, last + 1 - begin)


def over_part(node: Node, types: Sequence[TensorType], operands: Sequence[Kind], part: Part) -> tuple[Slid, TensorType]:
    """The operator over a part of its operands' lines, and its result. Raises ValueError where there is none."""
    slid = node.operator.over(types, node.constants, part)
    read = [
        with_lines(each, part.lines_read) if isinstance(kind, Endless) else each
        for kind, each in zip(operands, types, strict=True)
    ]
    constants = {name: TensorType(array.shape, str(array.dtype)) for name, array in slid.constants.items()}
    (result,) = slid.operator.infer(read, constants)
    if result.lines != part.lines:
        raise ValueError(f"{result.lines} lines are made of {part.lines_read}, not {part.lines}")
    return slid, result


def with_lines(kind: TensorType, lines: int) -> TensorType:
    """The type with so many lines. Raises ValueError where it has none."""
    axis = kind.line_axis
    if axis is None:
        raise ValueError(f"{kind.shape} has no lines")
    return TensorType((*kind.shape[:axis], lines, *kind.shape[axis + 1 :]), kind.dtype)
