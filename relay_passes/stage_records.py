"""Stages more records of spills and fetches, where the planner found memory for them and time to be won."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tinyseg_tvm.operators import Fetch, Spill
from tinyseg_tvm.relay_passes.expressions import Expr, Pass
from tinyseg_tvm.relay_passes.operator_calls import operator_call
from tinyseg_tvm.relay_passes.rewriting import Rewrite, main_pass


def stage_records(staged: Mapping[str, int]) -> Pass:
    """The pass for ``staged``: by name of a spill its ring, by name of a fetch how many records it asks for ahead."""

    def rule(_rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
        found = operator_call(value) if name in staged else None
        if found is None:
            return None
        operator = found.operator
        if isinstance(operator, Spill):
            return found.with_operator(replace(operator, ring=staged[name])).to_relax()
        if isinstance(operator, Fetch):
            return found.with_operator(replace(operator, ahead=staged[name])).to_relax()
        return None

    return main_pass("stage_records", rule)
