"""A result that is a constant becomes an operator that copies it: what an output port reads must be computed."""

from __future__ import annotations

from tinyseg_tvm.operators.constant import Constant
from tinyseg_tvm.relay_passes.expressions import Expr, Module, array_of, is_constant
from tinyseg_tvm.relay_passes.operator_calls import emit_operator
from tinyseg_tvm.relay_passes.rewriting import Rewrite, module_pass, rewrite_main


@module_pass("constant_results")
def constant_results(module: Module) -> Module:
    """Copy every result that depends on no parameter."""
    return rewrite_main(module, results=_copied)


def _copied(rewrite: Rewrite, results: list[Expr]) -> list[Expr]:
    return [
        emit_operator(rewrite, "constant", Constant(), values=array_of(result)) if is_constant(result) else result
        for result in results
    ]
