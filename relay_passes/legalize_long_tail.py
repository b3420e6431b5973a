"""Whatever is not a tinyseg operator is legalised to a PrimFunc, called through ``call_tir``.

Expressions of constants alone are computed at compile time. What TVM cannot legalise is reported at once,
node by node.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tvm
from tvm import relax, te, tirx

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.relay_passes.bounded_programs import bound_programs
from tinyseg_tvm.relay_passes.dataflow import Dataflow
from tinyseg_tvm.relay_passes.expressions import Call, Expr, Module, is_call, shape_of
from tinyseg_tvm.relay_passes.operators_registration import is_operator_call
from tinyseg_tvm.relay_passes.rewriting import module_pass, rewrite_main

CALL_TIR = "relax.call_tir"
_DISPATCHED = ["relax.cumsum", "relax.cumprod", "relax.sort", "relax.argsort"]  # legalised after their dispatch alone


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
        if any(is_call(binding.value, "topk") for binding in Dataflow.of(module).bindings):
            module = relax.transform.LegalizeOps({"relax.topk": _largest_by_rank}, skip_ops=_DISPATCHED)(module)
        module = relax.backend.DispatchSortScan()(module)
        module = bound_programs(relax.transform.LegalizeOps()(module))
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


def _largest_by_rank(builder: relax.BlockBuilder, call: Call) -> Expr:
    """TopK by counting who comes before: TVM's own calls a sort of its runtime. Time quadratic, no sort in place."""
    attributes, data = call.attrs, call.args[0]
    rank = len(shape_of(data))
    axis, count = int(attributes.axis) % rank, int(attributes.k)
    extent = shape_of(data)[axis]
    shape = [count if i == axis else length for i, length in enumerate(shape_of(data))]

    def results(x: te.Tensor) -> list[te.Tensor]:
        def at(place: Sequence[Any], index: Any) -> Any:
            where = (*place[:axis], index, *place[axis + 1 :])
            return x[where]

        other = te.reduce_axis((0, extent), name="other")

        def before(*place: Any) -> Any:
            """How many are put ahead of this one; of equals, the first is ahead."""
            here, there = at(place, place[axis]), at(place, other)
            ahead = there > here if attributes.largest else there < here
            tie = tirx.all(there == here, other < place[axis])
            return te.sum(tirx.if_then_else(tirx.any(ahead, tie), 1, 0).astype("int32"), axis=other)

        ranks = te.compute(x.shape, before, name="ranks")
        chosen = te.reduce_axis((0, extent), name="chosen")

        def place_of(*place: Any) -> Any:
            where = (*place[:axis], chosen, *place[axis + 1 :])
            found = ranks[where] == place[axis]
            index = chosen.var.astype("int32")
            return te.max(tirx.if_then_else(found, index, tirx.const(0, "int32")), axis=chosen)

        places = te.compute(shape, place_of, name="places")
        values = te.compute(shape, lambda *place: at(place, places[place]), name="values")
        indices = te.compute(shape, lambda *place: places[place].astype(str(attributes.dtype)), name="indices")
        return {"both": [values, indices], "values": [values], "indices": [indices]}[str(attributes.ret_type)]

    return builder.call_te(results, data, primfunc_name_hint="topk")


def _is_lowered(value: Expr) -> bool:
    if not isinstance(value, relax.Call):
        return True
    return is_operator_call(value) or getattr(value.op, "name", "") == CALL_TIR
