"""Lookup tables are composed, become clamps of the operator before them, or disappear.

* An identity table is removed.
* A table of a table is one table, whoever else reads the first.
* A table that only clamps a value that nothing else reads becomes ``output_min`` and ``output_max`` of the
  operator that made the value.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import tvm

from tinyseg_tvm.operators import Conv2d, Conv2dTranspose, Dense, Elementwise, ElementwiseConstant, Lookup
from tinyseg_tvm.relay_passes.dataflow import MAIN, Binding, Dataflow, Rewriter, dtype_of, module_pass, rewrite
from tinyseg_tvm.relay_passes.operator_calls import OperatorCall, operator_call

CLAMPING = (Conv2d, Conv2dTranspose, Dense, Elementwise, ElementwiseConstant)


@module_pass("fold_lookup")
def fold_lookup(module: tvm.IRModule) -> tvm.IRModule:
    """Compose, clamp or remove lookups."""
    uses = Dataflow.of(module[MAIN]).uses()
    made: dict[Any, OperatorCall] = {}
    sole: set[Any] = {var for var, readers in uses.items() if len(readers) == 1}
    chain: set[Any] = set()

    def rule(writer: Rewriter, binding: Binding) -> Any:
        call = operator_call(binding.value)
        if call is None:
            return None
        old_operand = call.activations[0] if call.activations else None
        call = call.on(*(writer.substitute(a) for a in call.activations))
        if not isinstance(call.operator, Lookup):
            return _emit(writer, binding, call, made, chain, single=binding.var in sole)
        lookup, operand, table = call.operator, call.activations[0], call.constants["table"]
        source = made.get(operand)
        if source is not None and isinstance(source.operator, Lookup):
            table = table[source.constants["table"].view(np.uint8)]
            call = OperatorCall(lookup, source.activations, {"table": table})
            operand, source = source.activations[0], made.get(source.activations[0])
        identity = np.arange(256, dtype=np.uint8).view(dtype_of(operand))
        if lookup.output_dtype == dtype_of(operand) and np.array_equal(table, identity):
            return operand
        if source is not None and operand in chain and old_operand in sole:
            clamped = _clamped(source, table)
            if clamped is not None:
                return _emit(writer, binding, clamped, made, chain, single=binding.var in sole)
        return _emit(writer, binding, call, made, chain, single=binding.var in sole)

    return rewrite(module, rule)


def _emit(
    writer: Rewriter,
    binding: Binding,
    call: OperatorCall,
    made: dict[Any, OperatorCall],
    chain: set[Any],
    *,
    single: bool,
) -> Any:
    value = writer.emit(call.to_relax(), binding.name)
    made[value] = call
    if single:
        chain.add(value)
    return value


def _clamped(source: OperatorCall, table: np.ndarray) -> OperatorCall | None:
    """The operator with the table as its clamp, or None where the table does anything else to its results."""
    operator = source.operator
    if not isinstance(operator, CLAMPING) or table.dtype != np.int8:
        return None
    results = np.arange(operator.output_min, operator.output_max + 1)
    looked_up = table[results.astype(np.int8).view(np.uint8)].astype(np.int64)
    low, high = int(looked_up.min()), int(looked_up.max())
    if not np.array_equal(looked_up, np.clip(results, low, high)):
        return None
    return replace(source, operator=replace(operator, output_min=low, output_max=high))
