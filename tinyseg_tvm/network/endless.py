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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.network.network import Network, Node, Port, State, Tensor
from tinyseg_tvm.operators import Concat, Lookup, Slice, TensorType
from tinyseg_tvm.operators.base import Part, Slid
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
    kinds = _kinds(network)
    lines = _round_lines(network, kinds, round_lines)
    return _Rewrite(network, kinds, lines).network()


def window_makers(network: Network) -> list[str]:
    """Names of the nodes of ``network``, as ``endless`` takes it, that take endless lines and make windows of them."""
    kinds = _kinds(network)
    return [
        node.name
        for node in network.nodes
        if any(isinstance(kinds[name], _Endless) for name in node.inputs)
        and any(isinstance(kinds[name], _Window) for name in node.outputs)
        and not any(isinstance(kinds[name], _Window) for name in node.inputs)
    ]


@dataclass(frozen=True)
class _Endless:
    """Lines that never end.

    Attributes:
        lines: for each line of the input, as a fraction.
        delay: see above.
    """

    lines: Fraction
    delay: int


class _Window:
    """Computed anew in each round."""


_Kind = _Endless | _Window | None
"""None: what does not depend on the input."""


def _kinds(network: Network) -> dict[str, _Kind]:
    """Of every tensor."""
    (entering,) = network.inputs
    kinds: dict[str, _Kind] = {entering.tensor: _Endless(Fraction(1), 0)}
    for node in network.nodes:
        kinds.update(dict.fromkeys(node.outputs, _result_kind(network, node, [kinds[name] for name in node.inputs])))
    if not any(isinstance(kinds[port.tensor], _Endless | _Window) for port in network.outputs):
        raise TinySegError(f"--endless: no output of {network.name} depends on its input")
    return kinds


def _result_kind(network: Network, node: Node, operands: Sequence[_Kind]) -> _Kind:
    streams = [kind for kind in operands if isinstance(kind, _Endless)]
    if not streams or any(isinstance(kind, _Window) for kind in operands):
        return None if all(kind is None for kind in operands) else _Window()
    sliding = _sliding(network, node, operands)
    if sliding is None or len({stream.lines for stream in streams}) != 1:
        return _Window()
    delay = max(stream.delay for stream in streams)
    return _Endless(streams[0].lines * Fraction(sliding.made, sliding.taken), sliding.delay(delay))


def _sliding(network: Network, node: Node, operands: Sequence[_Kind]) -> Sliding | None:
    """How an operator's results follow from operands of which some never end; None where they need them all."""
    types = network.input_types(node)
    if any(kind is None and each.lines > 1 for kind, each in zip(operands, types, strict=True)):
        return None
    try:
        found = node.operator.sliding(types, node.constants)
        for blocks in (1, 2):  # constants of a line each fit one number of lines alone
            _over(node, types, operands, _part(found, 0, blocks * found.made))
    except ValueError:
        return None
    return found if len(node.outputs) == 1 else None


def _part(sliding: Sliding, first: int, lines: int) -> Part:
    """Lines of an endless result, and the lines that they are made of."""
    made = range(first, first + lines)
    begin, last = min(sliding.first(line) for line in made), max(sliding.last(line) for line in made)
    return Part(first, lines, begin, last + 1 - begin)


def _over(node: Node, types: Sequence[TensorType], operands: Sequence[_Kind], part: Part) -> tuple[Slid, TensorType]:
    """The operator over a part of its operands' lines, and its result. Raises ValueError where there is none."""
    slid = node.operator.over(types, node.constants, part)
    read = [
        _with_lines(each, part.lines_read) if isinstance(kind, _Endless) else each
        for kind, each in zip(operands, types, strict=True)
    ]
    constants = {name: TensorType(array.shape, str(array.dtype)) for name, array in slid.constants.items()}
    (result,) = slid.operator.infer(read, constants)
    if result.lines != part.lines:
        raise ValueError(f"{result.lines} lines are made of {part.lines_read}, not {part.lines}")
    return slid, result


def _with_lines(kind: TensorType, lines: int) -> TensorType:
    axis = kind.line_axis
    if axis is None:
        raise ValueError(f"{kind.shape} has no lines")
    return TensorType((*kind.shape[:axis], lines, *kind.shape[axis + 1 :]), kind.dtype)


def _round_lines(network: Network, kinds: Mapping[str, _Kind], wanted: int) -> int:
    """Lines of the input in a round."""
    streams = [kind for kind in kinds.values() if isinstance(kind, _Endless)]
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
    kinds: Mapping[str, _Kind]
    round_lines: int
    tensors: dict[str, Tensor] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    round: str = ""

    def network(self) -> Network:
        """The whole."""
        (entering,) = self.old.inputs
        self.reach = dict(self._reach())
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

    def _lines(self, name: str) -> int:
        """A tensor's new lines in a round."""
        kind = self.kinds[name]
        assert isinstance(kind, _Endless)
        return int(kind.lines * self.round_lines)

    def _delay(self, name: str) -> int:
        kind = self.kinds[name]
        assert isinstance(kind, _Endless)
        return kind.delay

    def _of_round(self, name: str) -> Tensor:
        """A tensor of the model with the lines of a round."""
        tensor = self.old.tensors[name]
        if not isinstance(self.kinds[name], _Endless):
            return tensor
        return replace(tensor, type=_with_lines(tensor.type, self._lines(name)))

    def _reads(self, node: Node) -> Iterator[tuple[str, int, int]]:
        """Of each operand whose lines never end: its name, and the first and the end of the lines that are read.

        They count from the round's first new line, earlier ones below 0.
        """
        kinds = [self.kinds[name] for name in node.inputs]
        streams = [name for name, kind in zip(node.inputs, kinds, strict=True) if isinstance(kind, _Endless)]
        if not isinstance(self.kinds[node.outputs[0]], _Endless):
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
        return _part(self._sliding(node), -self._delay(result), self._lines(result))

    def _sliding(self, node: Node) -> Sliding:
        found = _sliding(self.old, node, [self.kinds[name] for name in node.inputs])
        assert found is not None
        return found

    @property
    def _window_delay(self) -> int:
        """Lines of the input from the begin of a round's window to the end of the round."""
        held = [
            (Fraction(self._delay(name) + self.old.tensors[name].type.lines) / kind.lines, kind.lines)
            for node in self.old.nodes
            if isinstance(self.kinds[node.outputs[0]], _Window)
            for name in node.inputs
            if isinstance(kind := self.kinds[name], _Endless)
        ]
        step = math.lcm(*(lines.denominator for _, lines in held))
        return -(-math.ceil(max((delay for delay, _ in held), default=0)) // step) * step

    def _window_begin(self, name: str) -> int:
        """The first line of a tensor's window, counted from its first new line of the round."""
        kind = self.kinds[name]
        assert isinstance(kind, _Endless)
        begin = kind.lines * (self.round_lines - self._window_delay)
        if begin.denominator != 1:
            raise TinySegError(
                f"--endless: windows begin between two lines of {name!r}. Remedy: a network whose strides divide"
            )
        return int(begin) + kind.delay

    def _reach(self) -> dict[str, int]:
        """How many earlier lines are kept of each tensor."""
        reach: dict[str, int] = {}
        for node in self.old.nodes:
            for name, begin, _ in self._reads(node):
                reach[name] = max(reach.get(name, 0), -begin)
        return reach

    def _node(self, node: Node) -> None:
        reads = {name: (begin, end) for name, begin, end in self._reads(node)}
        if not isinstance(self.kinds[node.outputs[0]], _Endless):
            inputs = tuple(self._part_of(name, *reads[name]) if name in reads else name for name in node.inputs)
            self._add(replace(node, inputs=inputs), [self.old.tensors[name] for name in node.outputs])
            return
        kinds = [self.kinds[name] for name in node.inputs]
        sliding, part = self._sliding(node), self._part(node)
        slid, result = _over(node, self.old.input_types(node), kinds, part)
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
            return self._slice(f"{name}_past", kept + begin, kept + end)
        return self._slice(self._joined(name), kept + begin, kept + end if end < new else kept + new)

    def _slice(self, source: str, begin: int, end: int) -> str:
        """Some lines of a tensor."""
        kind = self.tensors[source].type
        name = f"{source}_from_{begin}_to_{end}"
        if (begin, end) == (0, kind.lines):
            return source
        if name not in self.tensors:
            axis = kind.line_axis or 0
            low, high = [0] * len(kind.shape), list(kind.shape)
            low[axis], high[axis] = begin, end
            operator = Slice(tuple(low), tuple(high), (1,) * len(kind.shape))
            held = replace(self.tensors[source], name=name, type=_with_lines(kind, end - begin))
            self._add(Node(name, operator, (source,), (name,), {}), [held])
        return name

    def _keep(self, name: str) -> None:
        """A state of a tensor's earlier lines."""
        before, after = f"{name}_past", f"{name}_past_next"
        if before in self.tensors:
            return
        tensor, kept, new = self.tensors[name], self.reach[name], self._lines(name)
        past = replace(tensor, name=before, type=_with_lines(tensor.type, kept))
        self.tensors[before] = past
        pieces = (self._slice(name, new - kept, new),) if kept <= new else (self._slice(before, new, kept), name)
        self._add(Node(after, Concat(past.type.line_axis or 0), pieces, (after,), {}), [replace(past, name=after)])
        self._state(before, after, np.full(past.type.shape, self._padding(name), past.type.dtype))

    def _joined(self, name: str) -> str:
        """A tensor with its earlier lines before it."""
        made, tensor = f"{name}_joined", self.tensors[name]
        if made not in self.tensors:
            axis = tensor.type.line_axis or 0
            both = replace(tensor, name=made, type=_with_lines(tensor.type, self.reach[name] + tensor.type.lines))
            self._add(Node(made, Concat(axis), (f"{name}_past", name), (made,), {}), [both])
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
        made = f"{lines}_begun" + ("_edge" if edge else f"_{value:g}".replace("-", "m").replace(".", "p"))
        if made not in self.tensors:
            operator = StreamStart(advance, first, value, edge)
            self._add(
                Node(made, operator, (lines, self._round()), (made,), {}), [replace(self.tensors[lines], name=made)]
            )
        return made

    def _round(self) -> str:
        """The count of rounds."""
        if not self.round:
            self.round, after = "stream_round", "stream_round_next"
            held = TensorType((1, 1), "int8")
            self.tensors[self.round] = Tensor(self.round, held)
            counts = np.minimum(np.arange(256) + 1, _MOST_ROUNDS).astype(np.int8)
            self._add(Node(after, Lookup("int8"), (self.round,), (after,), {"table": counts}), [Tensor(after, held)])
            self._state(self.round, after, np.zeros((1, 1), np.int8))
        return self.round

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
        if isinstance(kind, _Endless):
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
