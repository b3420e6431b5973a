"""A network over a window of lines as one over lines that never end: each inference is a *round* of a few new lines.

What operators need of earlier lines are states across inferences. Three kinds of tensors follow from the input: lines
that go on for ever, *windows*, which are computed anew in each round from as many of the last lines as the model has,
and what does not depend on the input at all. An operator whose results need more than lines around their own makes
windows, and so does all that reads them.

Lines are numbered from the begin of the stream. In round ``k`` a tensor of ``n`` lines in a round and a delay of ``d``
gets lines ``k * n - d`` to ``(k + 1) * n - d - 1``; those below 0 are none of its lines. Where kernels read padding
before the first line, they find it there (``StreamStart``), so every line of the results is the one that the network
would give on a single map of all lines, as far as that does not know its end. Windows see no padding inside the stream:
they equal the model on each window alone where the model does not pad along its lines.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property

import numpy as np

from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.network.network import Network, Node, Port, State, Tensor
from tinyseg_tvm.network.stream_kinds import (
    Endless,
    Kind,
    Window,
    over_part,
    part_of,
    stream_kinds,
    with_lines,
)
from tinyseg_tvm.operators import Concat, Lookup, Slice, TensorType
from tinyseg_tvm.operators.base import Part
from tinyseg_tvm.operators.sliding import EDGE, Sliding
from tinyseg_tvm.operators.stream_start import StreamStart

_MOST_ROUNDS = 127  # that the count of rounds tells apart


def endless(network: Network, round_lines: int = 0) -> Network:
    """The network of one round.

    Args:
        network: lowered, of one input whose lines are along the endless axis.
        round_lines: lines of the input that come in a round; 0 for as few as possible.

    Raises:
        TinySegError: the network cannot run so; the reason is named.
        UsageError: so many lines in a round do not divide by the network's strides.
    """
    if network.states or len(network.inputs) != 1:
        what = "has states already" if network.states else f"has {len(network.inputs)} inputs"
        raise TinySegError(f"--endless needs a network of one input without states, and {network.name} {what}")
    kinds = stream_kinds(network)
    lines = _round_lines(network, kinds, round_lines)
    return _Rewrite(network, kinds, lines).network()


def window_makers(network: Network) -> list[str]:
    """Names of the nodes of ``network``, as ``endless`` takes it, that take endless lines and make windows of them."""
    kinds = stream_kinds(network)
    return [
        node.name
        for node in network.nodes
        if any(isinstance(kinds[name], Endless) for name in node.inputs)
        and any(isinstance(kinds[name], Window) for name in node.outputs)
        and not any(isinstance(kinds[name], Window) for name in node.inputs)
    ]


def _round_lines(network: Network, kinds: Mapping[str, Kind], wanted: int) -> int:
    """Lines of the input in a round."""
    streams = [kind for kind in kinds.values() if isinstance(kind, Endless)]
    period = math.lcm(*(kind.lines.denominator for kind in streams))
    if wanted % period:
        raise UsageError(
            f"--endless {wanted}: {network.name} works in rounds of {period} lines. Remedy: a multiple of {period}"
        )
    return wanted or period


@dataclass
class _Rewrite:
    """The network of a round, as far as it is made."""

    old: Network
    kinds: Mapping[str, Kind]
    round_lines: int
    tensors: dict[str, Tensor] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    names: dict[Hashable, str] = field(default_factory=dict)

    def network(self) -> Network:
        """The whole."""
        (entering,) = self.old.inputs
        self.tensors[entering.tensor] = self._of_round(entering.tensor)
        for node in self.old.nodes:
            self._node(node)
        inputs = (self._port(entering),)
        outputs = tuple(self._port(port) for port in self.old.outputs)
        ordered = {port.tensor: self.tensors[port.tensor] for port in (*inputs, *(s.input for s in self.states))}
        return replace(
            self.old,
            tensors={**ordered, **self.tensors},
            nodes=tuple(self.nodes),
            inputs=inputs,
            outputs=outputs,
            states=tuple(self.states),
        )

    def _name(self, stem: str, *key: Hashable) -> str:
        """Of a tensor that the model does not have, the same for the same stem and key."""
        asked = (stem, *key)
        if asked not in self.names:
            name = stem
            while name in self.old.tensors or name in self.names.values():
                name += "_"
            self.names[asked] = name
        return self.names[asked]

    def _lines(self, name: str) -> int:
        """A tensor's new lines in a round."""
        return int(self._stream(name).lines * self.round_lines)

    def _delay(self, name: str) -> int:
        return self._stream(name).delay

    def _stream(self, name: str) -> Endless:
        """What is known of a tensor whose lines never end."""
        kind = self.kinds[name]
        assert isinstance(kind, Endless)
        return kind

    def _of_round(self, name: str) -> Tensor:
        """A tensor of the model with the lines of a round."""
        tensor = self.old.tensors[name]
        if not isinstance(self.kinds[name], Endless):
            return tensor
        return replace(tensor, type=with_lines(tensor.type, self._lines(name)))

    def _reads(self, node: Node) -> Iterator[tuple[str, int, int]]:
        """Of each operand whose lines never end: its name, and the first and the end of the lines that are read.

        They count from the round's first new line, earlier ones below 0.
        """
        kinds = [self.kinds[name] for name in node.inputs]
        streams = [name for name, kind in zip(node.inputs, kinds, strict=True) if isinstance(kind, Endless)]
        if not isinstance(self.kinds[node.outputs[0]], Endless):
            for name in streams:
                begin = self._window_begin(name)
                yield name, begin, begin + self.old.tensors[name].type.lines
            return
        part = self._part(node)
        for name in streams:
            # Line i of the round has the number i - delay, from the round's begin.
            begin = part.first_read + self._delay(name)
            yield name, begin, begin + part.lines_read

    def _part(self, node: Node) -> Part:
        """Lines that a round makes of an endless result, and what they are made of; from the round's begin on."""
        (result,) = node.outputs
        return part_of(self._sliding(node), -self._delay(result), self._lines(result))

    def _sliding(self, node: Node) -> Sliding:
        sliding = self._stream(node.outputs[0]).sliding
        assert sliding is not None
        return sliding

    @cached_property
    def _window_delay(self) -> int:
        """Lines of the input from the begin of a round's window to the end of the round."""
        held = [
            (Fraction(self._delay(name) + self.old.tensors[name].type.lines) / kind.lines, kind.lines)
            for node in self.old.nodes
            if isinstance(self.kinds[node.outputs[0]], Window)
            for name in node.inputs
            if isinstance(kind := self.kinds[name], Endless)
        ]
        step = math.lcm(*(lines.denominator for _, lines in held))
        return -(-math.ceil(max((delay for delay, _ in held), default=0)) // step) * step

    def _window_begin(self, name: str) -> int:
        """The first line of a tensor's window, counted from its first new line of the round."""
        kind = self._stream(name)
        begin = kind.lines * (self.round_lines - self._window_delay)
        if begin.denominator != 1:
            raise TinySegError(
                f"--endless: windows begin between two lines of {name!r}. Remedy: a network whose strides divide"
            )
        return int(begin) + kind.delay

    @cached_property
    def reach(self) -> dict[str, int]:
        """How many earlier lines are kept of each tensor."""
        reach: dict[str, int] = {}
        for node in self.old.nodes:
            for name, begin, _ in self._reads(node):
                reach[name] = max(reach.get(name, 0), -begin)
        return reach

    def _node(self, node: Node) -> None:
        reads = {name: (begin, end) for name, begin, end in self._reads(node)}
        if not isinstance(self.kinds[node.outputs[0]], Endless):
            inputs = tuple(self._part_of(name, *reads[name]) if name in reads else name for name in node.inputs)
            self._add(replace(node, inputs=inputs), [self.old.tensors[name] for name in node.outputs])
            return
        kinds = [self.kinds[name] for name in node.inputs]
        sliding, part = self._sliding(node), self._part(node)
        slid, result = over_part(node, self.old.input_types(node), kinds, part)
        inputs = tuple(
            self._padded(name, self._part_of(name, *reads[name]), reads[name][0], sliding) if name in reads else name
            for name in node.inputs
        )
        made = replace(node, operator=slid.operator, inputs=inputs, constants=slid.constants)
        self._add(made, [replace(self.old.tensors[node.outputs[0]], type=result)])

    def _part_of(self, name: str, begin: int, end: int) -> str:
        """The tensor of some lines, counted from the first new line of the round."""
        kept, new = self.reach[name], self._lines(name)
        if kept:
            self._keep(name)
        if begin >= 0:
            return self._slice(name, begin, end)
        if end <= 0:
            return self._slice(self._name(f"{name}_past"), kept + begin, kept + end)
        return self._slice(self._joined(name), kept + begin, kept + end if end < new else kept + new)

    def _slice(self, source: str, begin: int, end: int) -> str:
        """Some lines of a tensor."""
        kind = self.tensors[source].type
        if (begin, end) == (0, kind.lines):
            return source
        name = self._name(f"{source}_from_{begin}_to_{end}")
        if name not in self.tensors:
            axis = kind.line_axis or 0
            low, high = [0] * len(kind.shape), list(kind.shape)
            low[axis], high[axis] = begin, end
            operator = Slice(tuple(low), tuple(high), (1,) * len(kind.shape))
            held = replace(self.tensors[source], name=name, type=with_lines(kind, end - begin))
            self._add(Node(name, operator, (source,), (name,), {}), [held])
        return name

    def _keep(self, name: str) -> None:
        """A state of a tensor's earlier lines."""
        before, after = self._name(f"{name}_past"), self._name(f"{name}_past_next")
        if before in self.tensors:
            return
        tensor, kept, new = self.tensors[name], self.reach[name], self._lines(name)
        past = replace(tensor, name=before, type=with_lines(tensor.type, kept))
        self.tensors[before] = past
        pieces = (self._slice(name, new - kept, new),) if kept <= new else (self._slice(before, new, kept), name)
        self._add(Node(after, Concat(past.type.line_axis or 0), pieces, (after,), {}), [replace(past, name=after)])
        self._state(before, after, np.full(past.type.shape, self._padding(name), past.type.dtype))

    def _joined(self, name: str) -> str:
        """A tensor with its earlier lines before it."""
        made, tensor = self._name(f"{name}_joined"), self.tensors[name]
        if made not in self.tensors:
            axis = tensor.type.line_axis or 0
            both = replace(tensor, name=made, type=with_lines(tensor.type, self.reach[name] + tensor.type.lines))
            self._add(Node(made, Concat(axis), (self._name(f"{name}_past"), name), (made,), {}), [both])
        return made

    def _padding(self, name: str) -> float:
        """What the state holds before the first round."""
        return self.old.tensors[name].zero_point or 0

    def _padded(self, name: str, lines: str, begin: int, sliding: Sliding) -> str:
        """The lines as the operator finds them, where it reads padding before the first line of the stream."""
        first = self._delay(name) - begin  # the stream's first line, among ``lines`` in round 0
        if not sliding.pads or first <= 0:
            return lines
        edge = sliding.padding == EDGE
        if begin + first <= 0 and sliding.padding == self._padding(name):
            return lines  # all of them are in the state, which is padding at first
        value = 0.0 if isinstance(sliding.padding, str) else float(sliding.padding)
        advance = self._lines(name)
        if first > _MOST_ROUNDS * advance:
            raise TinySegError(
                f"--endless: the stream's first line comes to {name!r} after more than {_MOST_ROUNDS} rounds. Remedy: "
                "more lines in a round"
            )
        made = self._name(f"{lines}_begun", edge, value)
        if made not in self.tensors:
            operator = StreamStart(advance, first, value, edge)
            self._add(
                Node(made, operator, (lines, self._round()), (made,), {}), [replace(self.tensors[lines], name=made)]
            )
        return made

    def _round(self) -> str:
        """The count of rounds."""
        before, after = self._name("stream_round"), self._name("stream_round_next")
        if before not in self.tensors:
            held = TensorType((1, 1), "int8")
            self.tensors[before] = Tensor(before, held)
            counts = np.minimum(np.arange(256) + 1, _MOST_ROUNDS).astype(np.int8)
            self._add(Node(after, Lookup("int8"), (before,), (after,), {"table": counts}), [Tensor(after, held)])
            self._state(before, after, np.zeros((1, 1), np.int8))
        return before

    def _state(self, before: str, after: str, initial: np.ndarray) -> None:
        given, made = (Port.of(self.tensors[name]) for name in (before, after))
        self.states.append(State(before, given, made, initial))

    def _add(self, node: Node, results: Sequence[Tensor]) -> None:
        self.nodes.append(node)
        self.tensors.update({tensor.name: tensor for tensor in results})

    def _port(self, port: Port) -> Port:
        """The port of a round."""
        kind = self.kinds[port.tensor]
        output = port in self.old.outputs
        if isinstance(kind, Endless):
            shape = _model_shape(port, self.old.tensors[port.tensor].type, self._lines(port.tensor))
            return replace(port, model_shape=shape, delay=kind.delay if output else None)
        if kind is None:
            return replace(port, delay=0)
        rounds = -(-self._window_delay // self.round_lines) - 1
        return replace(port, delay=max(rounds, 0) * self.old.tensors[port.tensor].type.lines)


def _model_shape(port: Port, kind: TensorType, lines: int) -> tuple[int, ...]:
    """A port's shape in the model, of so many lines.

    Raises:
        TinySegError: lines are no axis of it.
    """
    axis = kind.line_axis or 0
    before, extent = math.prod(kind.shape[:axis]), kind.shape[axis]
    passed = 1
    for place in port.permutation:
        size = port.model_shape[place]
        if passed == before and size > 1 and size % extent == 0:
            shape = list(port.model_shape)
            shape[place] = size // extent * lines
            return tuple(shape)
        passed *= size
    raise TinySegError(f"--endless: the lines of port {port.name!r} are no axis of its shape {list(port.model_shape)}")
