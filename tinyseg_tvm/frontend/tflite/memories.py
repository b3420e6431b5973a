"""Operators whose file keeps what they remember in variable tensors: as variables that are read and assigned.

SVDF's memory is a map (1, steps, 1, features), the oldest step first. One node of SVDF becomes two: ``SVDF_MEMORY``
lets the oldest step go and appends the features of this inference, ``SVDF_SUM`` weighs all steps. One of
UNIDIRECTIONAL_SEQUENCE_LSTM gets the states behind the last step as further results.
"""

from __future__ import annotations

from dataclasses import replace

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend.tflite.model import OperatorCall, Subgraph, Tensor
from tinyseg_tvm.frontend.tflite.variables import ASSIGN, HANDLE, READ

SVDF, MEMORY, SUM = "SVDF", "SVDF_MEMORY", "SVDF_SUM"
LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"
MEMORY_KINDS = (MEMORY, SUM)
"""Operators that no file has."""
_LSTM_OPERANDS = (20, 24)
"""How many operands an LSTM has: those of layer normalisation may be left out."""
_STATES = (18, 19)
"""Operands of an LSTM that are states: the units', and the cells'."""


def with_memories(graph: Subgraph, source: str) -> Subgraph:
    """The network without SVDF and LSTM; itself where it has none.

    Raises:
        TinySegError: a node's tensors do not fit each other, or its memory is no variable.
    """
    tensors, operators = list(graph.tensors), []
    for call in graph.operators:
        parts = {SVDF: _parts, LSTM: _sequence}.get(call.kind)
        operators += parts(graph, call, tensors, source) if parts else [call]
    return replace(graph, tensors=tensors, operators=operators)


def _parts(graph: Subgraph, call: OperatorCall, tensors: list[Tensor], source: str) -> list[OperatorCall]:
    """Operands: values (1, I), features' weights (F, I), steps' weights (F, T), a bias or -1, the memory (1, F * T)."""
    if len(call.inputs) != 5 or len(call.outputs) != 1 or min(call.inputs[:3]) < 0 or call.inputs[4] < 0:
        raise _failure(graph, call, source, f"has {len(call.inputs)} operands and {len(call.outputs)} results")
    values, features, steps, bias, memory = call.inputs
    stored, shape = tensors[memory], tensors[steps].shape
    if len(shape) != 2 or stored.shape != (1, shape[0] * shape[1]):
        raise _failure(graph, call, source, f"weighs steps by {list(shape)} and keeps {list(stored.shape)}")
    if not stored.is_variable:
        raise _failure(graph, call, source, f"keeps {stored.name!r}, which is no variable")
    kept = replace(stored, name=stored.name or f"memory_{memory}", shape=(1, shape[1], 1, shape[0]), open_axes=())
    handle, before, after = _variable(kept, tensors)
    return [
        *_reading(kept.name, handle, before),
        _step(MEMORY, (values, features, before), (after,)),
        _step(ASSIGN, (handle, after), ()),
        replace(call, kind=SUM, inputs=(after, steps, bias)),
    ]


def _sequence(graph: Subgraph, call: OperatorCall, tensors: list[Tensor], source: str) -> list[OperatorCall]:
    """Operands as the file has them, states among them; results: units over time, and both states afterwards."""
    if len(call.inputs) not in _LSTM_OPERANDS or len(call.outputs) != 1:
        raise _failure(graph, call, source, f"has {len(call.inputs)} operands and {len(call.outputs)} results")
    inputs, results, reading, assigning = list(call.inputs), list(call.outputs), [], []
    for place in _STATES:
        index = call.inputs[place]
        if index < 0 or not tensors[index].is_variable:
            raise _failure(graph, call, source, f"keeps a state in operand {place}, which is no variable")
        stored = replace(tensors[index], name=tensors[index].name or f"state_{index}", open_axes=())
        handle, inputs[place], after = _variable(stored, tensors)
        results.append(after)
        reading += _reading(f"{stored.name}_{index}", handle, inputs[place])
        assigning.append(_step(ASSIGN, (handle, after), ()))
    sequence = replace(call, inputs=tuple(inputs), outputs=tuple(results))
    return [*reading, sequence, *assigning]


def _variable(kept: Tensor, tensors: list[Tensor]) -> tuple[int, int, int]:
    """Indices of a variable's handle, of what it is before, and of what it is afterwards."""
    first = len(tensors)
    tensors += [replace(kept, dtype="resource", quantization=None), kept, replace(kept, name=f"{kept.name}_next")]
    return first, first + 1, first + 2


def _reading(name: str, handle: int, before: int) -> list[OperatorCall]:
    return [_step(HANDLE, (), (handle,), container="", shared_name=name), _step(READ, (handle,), (before,))]


def _step(kind: str, inputs: tuple[int, ...], outputs: tuple[int, ...], **options: str) -> OperatorCall:
    return OperatorCall(kind, 1, inputs, outputs, (), options)


def _failure(graph: Subgraph, call: OperatorCall, source: str, text: str) -> TinySegError:
    return TinySegError(
        f"{source}: {graph.label(call)} {text}. Remedy: the file may be damaged; convert the model anew"
    )
