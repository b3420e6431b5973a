"""Variables of a model: what VAR_HANDLE names, READ_VARIABLE reads and ASSIGN_VARIABLE writes.

A variable is a state across inferences. What an inference reads of it before it assigns to it comes in by a parameter;
what it assigned last leaves by a result. CALL_ONCE names a subgraph whose assignments say what it is at first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend.tflite.model import OperatorCall, Subgraph, Tensor

HANDLE, READ, ASSIGN, ONCE = "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE"
OPERATORS_OF_VARIABLES = (HANDLE, READ, ASSIGN, ONCE)


@dataclass
class Variable:
    """A variable while the network is imported.

    Attributes:
        name: of its handle.
        tensor: what was read from it or assigned to it first, which says its shape, type and quantisation.
        value: what it is behind the nodes imported so far; None where it is still what the inference before left.
        parameter: by which that comes in; None where nothing reads it.
    """

    name: str
    tensor: Tensor
    value: Any = None
    parameter: Any = None


class Handles:
    """The variables that tensors of a subgraph are handles of."""

    def __init__(self, graph: Subgraph, source: str) -> None:
        self.graph, self.source = graph, source
        self.named: dict[int, str] = {}

    def name(self, call: OperatorCall) -> None:
        """Takes in a VAR_HANDLE."""
        if len(call.outputs) != 1:
            raise self.fail(f"{self.graph.label(call)} has {len(call.outputs)} results, and needs 1")
        shared, container = (str(call.options[key]) for key in ("shared_name", "container"))
        self.named[call.outputs[0]] = f"{container}/{shared}" if container else shared

    def of(self, call: OperatorCall, operands: int, results: int) -> str:
        """Name of the variable that a READ_VARIABLE or ASSIGN_VARIABLE is about.

        Raises:
            TinySegError: it has other operands or results, or the first operand is no handle.
        """
        where = self.graph.label(call)
        if len(call.inputs) != operands or len(call.outputs) != results or min(call.inputs) < 0:
            raise self.fail(f"{where} needs {operands} operands and {results} results")
        if call.inputs[0] not in self.named:
            raise self.fail(f"{where} is about a tensor that no VAR_HANDLE made")
        return self.named[call.inputs[0]]

    def fail(self, text: str) -> TinySegError:
        """An error in the file."""
        return TinySegError(f"{self.source}: {text}. Remedy: the file may be damaged; convert the model anew")


def check_alike(variable: Variable, tensor: Tensor, handles: Handles) -> None:
    """Raises TinySegError where a tensor that is read or assigned differs from what the variable is."""
    known = variable.tensor
    if (known.shape, known.dtype) != (tensor.shape, tensor.dtype):
        raise handles.fail(
            f"variable {variable.name!r} is {known.dtype} of shape {list(known.shape)} in one place, {tensor.dtype} of "
            f"shape {list(tensor.shape)} in another"
        )


def initial_values(subgraphs: Sequence[Subgraph], source: str) -> Mapping[str, np.ndarray]:
    """What the subgraphs that the network calls once assign: arrays by the variable's name.

    Raises:
        TinySegError: they do more than assign constants, or there is no such subgraph.
    """
    found: dict[str, np.ndarray] = {}
    for call in subgraphs[0].operators:
        if call.kind != ONCE:
            continue
        number = call.options["init_subgraph_index"]
        if not isinstance(number, int) or not 0 < number < len(subgraphs):
            raise TinySegError(
                f"{source}: {subgraphs[0].label(call)} calls subgraph {number} of {len(subgraphs)}. "
                "Remedy: the file may be damaged; convert the model anew"
            )
        graph = subgraphs[number]
        handles = Handles(graph, source)
        for step in graph.operators:
            if step.kind == HANDLE:
                handles.name(step)
                continue
            data = None
            if step.kind == ASSIGN:
                name = handles.of(step, 2, 0)
                data = graph.tensors[step.inputs[1]].data
            if data is None:
                raise TinySegError(
                    f"{source}: {graph.label(step)} of the subgraph that is called once is more than an assignment of "
                    "a constant to a variable. Remedy: give variables constant initial values"
                )
            found[name] = data
    return found
