"""SVDF with the memory that its file keeps in a variable tensor: as a variable that is read, moved on and assigned.

The memory is a map (1, steps, 1, features), the oldest step first. One node of SVDF becomes two: ``SVDF_MEMORY`` lets
the oldest step go and appends the features of this inference, ``SVDF_SUM`` weighs all steps.
"""

from __future__ import annotations

from dataclasses import replace

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend.tflite.model import OperatorCall, Subgraph, Tensor
from tinyseg_tvm.frontend.tflite.variables import ASSIGN, HANDLE, READ

SVDF, MEMORY, SUM = "SVDF", "SVDF_MEMORY", "SVDF_SUM"
MEMORY_KINDS = (MEMORY, SUM)
"""Operators that no file has."""


def with_memories(graph: Subgraph, source: str) -> Subgraph:
    """The network without SVDF; itself where it has none.

    Raises:
        TinySegError: a node's tensors do not fit each other, or its memory is no variable.
    """
    tensors, operators = list(graph.tensors), []
    for call in graph.operators:
        operators += _parts(graph, call, tensors, source) if call.kind == SVDF else [call]
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
    first = len(tensors)
    kept = replace(stored, name=stored.name or f"memory_{memory}", shape=(1, shape[1], 1, shape[0]), open_axes=())
    tensors += [replace(kept, dtype="resource", quantization=None), kept, replace(kept, name=f"{kept.name}_next")]

    def step(kind: str, inputs: tuple[int, ...], outputs: tuple[int, ...], **options: str) -> OperatorCall:
        return OperatorCall(kind, 1, inputs, outputs, (), options)

    return [
        step(HANDLE, (), (first,), container="", shared_name=kept.name),
        step(READ, (first,), (first + 1,)),
        step(MEMORY, (values, features, first + 1), (first + 2,)),
        step(ASSIGN, (first, first + 2), ()),
        replace(call, kind=SUM, inputs=(first + 2, steps, bias)),
    ]


def _failure(graph: Subgraph, call: OperatorCall, source: str, text: str) -> TinySegError:
    return TinySegError(
        f"{source}: {graph.label(call)} {text}. Remedy: the file may be damaged; convert the model anew"
    )
