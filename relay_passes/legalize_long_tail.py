"""Whatever is not a tinyseg operator is legalised to a PrimFunc, called through ``call_tir``.

Expressions of constants alone are computed at compile time. What TVM cannot legalise is reported at once,
node by node.
"""

from __future__ import annotations

import tvm
from tvm import relax

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.relay_passes.dataflow import Dataflow
from tinyseg_tvm.relay_passes.expressions import Expr, Module
from tinyseg_tvm.relay_passes.operators_registration import is_operator_call
from tinyseg_tvm.relay_passes.rewriting import module_pass, rewrite_main

CALL_TIR = "relax.call_tir"


@module_pass("legalize_long_tail")
def legalize_long_tail(module: Module) -> Module:
    """Legalise the remaining Relax operators.

    Raises:
        TinySegError: operators that TVM has no legalisation for.
    """
    if all(_is_lowered(binding.value) for binding in Dataflow.of(module).bindings):
        return module
    with tvm.target.Target({"kind": "llvm"}):
        module = relax.transform.DecomposeOpsForInference()(module)
        module = relax.backend.DispatchSortScan()(module)
        module = relax.transform.LegalizeOps()(module)
        module = relax.transform.FoldConstant()(module)
    module = rewrite_main(module)
    missing = [
        f"  {binding.name}: {getattr(binding.value.op, 'name', binding.value.op)}"
        for binding in Dataflow.of(module).bindings
        if not _is_lowered(binding.value)
    ]
    if missing:
        raise TinySegError(
            "these nodes compute something that neither the integer operators nor TVM's legalisation covers; "
            "replace them in the model by other operators:\n" + "\n".join(missing)
        )
    return module


def _is_lowered(value: Expr) -> bool:
    if not isinstance(value, relax.Call):
        return True
    return is_operator_call(value) or getattr(value.op, "name", "") == CALL_TIR
