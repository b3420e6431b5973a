"""Networks that end in TFLite_Detection_PostProcess: cut there, as boxes are decoded and chosen by the application.

The operator's operands (encodings of boxes, scores of classes) become outputs in its results' place; its anchors are
constant. It is float arithmetic with a loop over candidates, which has no lines and no place in an arena.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend.tflite.model import OperatorCall, Subgraph

logger = logging.getLogger(__name__)

DETECTION = "CUSTOM TFLite_Detection_PostProcess"


def cut_at_detection(graph: Subgraph, source: str) -> Subgraph:
    """The network without the operators named above; itself where it has none.

    Raises:
        TinySegError: other nodes read what such an operator computes, or all of its operands are constant.
    """
    for call in graph.operators:
        if call.kind == DETECTION:
            graph = _cut(graph, call, source)
    return graph


def _cut(graph: Subgraph, call: OperatorCall, source: str) -> Subgraph:
    where, results = graph.label(call), set(call.outputs)
    rest = [other for other in graph.operators if other is not call]
    reader = next((other for other in rest if results & set(other.inputs)), None)
    if reader is not None:
        raise TinySegError(
            f"{source}: {where} is left to the application, and {graph.label(reader)} reads its result. Remedy: end "
            "the network there"
        )
    operands = [index for index in call.inputs if index >= 0 and graph.tensors[index].data is None]
    if not operands:
        raise TinySegError(f"{source}: {where} has no operand that the network computes")
    logger.warning(
        "%s is left to the application: its operands %s are outputs of the network",
        where,
        " and ".join(repr(graph.tensors[index].name) for index in operands),
    )
    return replace(graph, operators=rest, outputs=_replaced(graph.outputs, results, operands))


def _replaced(outputs: Sequence[int], results: set[int], operands: Sequence[int]) -> tuple[int, ...]:
    """The operands stand where the first result stood; none is there twice."""
    made: list[int] = []
    for index in outputs:
        made += operands if index in results else [index]
    return tuple(dict.fromkeys(made))
