"""Lookup tables are composed, become clamps of the operator before them, or disappear.

* An identity table is removed.
* A table of a table is one table, whoever else reads the first.
* A table that only clamps a value that nothing else reads becomes the clamp of the operator that made the value.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.operators import Lookup
from tinyseg_tvm.relay_passes.expressions import Expr, dtype_of
from tinyseg_tvm.relay_passes.operator_calls import OperatorCall, operator_call
from tinyseg_tvm.relay_passes.rewriting import Rewrite, main_pass


def _fold(rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    call = operator_call(value)
    if call is None or not isinstance(call.operator, Lookup):
        return None
    lookup, operand, table = call.operator, call.activations[0], call.constants["table"]
    source = operator_call(rewrite.producer(operand))
    if source is not None and isinstance(source.operator, Lookup):
        table = table[source.constants["table"].view(np.uint8)]
        call = OperatorCall(lookup, source.activations, {"table": table})
    read, operand = operand, call.activations[0]
    identity = np.arange(256, dtype=np.uint8).view(dtype_of(operand))
    if lookup.output_dtype == dtype_of(operand) and np.array_equal(table, identity):
        return operand
    source = operator_call(rewrite.producer(operand))
    if source is not None and rewrite.uses(operand) == 1 == rewrite.uses(read):
        clamped = _clamped(source, table)
        if clamped is not None:
            return clamped.to_relax()
    return call.to_relax()


fold_lookup = main_pass("fold_lookup", _fold)
"""Composes, clamps or removes lookups."""


def _clamped(source: OperatorCall, table: np.ndarray) -> OperatorCall | None:
    """The operator with the table as its clamp, or None where the table does anything else to its results."""
    clamp = source.operator.clamp
    if clamp is None or table.dtype != np.int8:
        return None
    results = np.arange(int(clamp[0]), int(clamp[1]) + 1)
    looked_up = table[results.astype(np.int8).view(np.uint8)].astype(np.int64)
    low, high = int(looked_up.min()), int(looked_up.max())
    if not np.array_equal(looked_up, np.clip(results, low, high)):
        return None
    return source.with_operator(source.operator.clamped(low, high))
