"""Which operands of a PrimFunc may lie where its result lies: those read exactly where the result is written."""

from __future__ import annotations

from typing import Any

import tvm_ffi
from tvm.s_tir import SBlock


def identity_operands(prim_func: Any) -> tuple[int, ...]:
    """Parameter positions of operands whose element is read only to compute the result's element at the same indices.

    Empty for programs of several stages or several results.
    """
    found: list[Any] = []
    tvm_ffi.structural_walk(prim_func.body, (SBlock, found.append))
    stages = [block for block in found if len(block.writes)]
    result = prim_func.params[-1]
    if len(stages) != 1 or any(len(block.alloc_buffers) for block in found):
        return ()
    stage = stages[0]
    if len(stage.writes) != 1 or stage.init is not None or not stage.writes[0].source.same_as(result):
        return ()
    written = stage.writes[0].region
    return tuple(
        position
        for position, parameter in enumerate(list(prim_func.params)[:-1])
        if str(parameter.ty.dtype) == str(result.ty.dtype)
        and tvm_ffi.structural_equal(list(parameter.ty.shape), list(result.ty.shape))
        and any(read.source.same_as(parameter) for read in stage.reads)
        and all(_same_element(read.region, written) for read in stage.reads if read.source.same_as(parameter))
    )


def _same_element(read: Any, written: Any) -> bool:
    """True where both regions are the one element at the same indices."""
    return len(read) == len(written) and all(
        tvm_ffi.structural_equal(r.min, w.min) and int(r.extent) == int(w.extent) == 1
        for r, w in zip(read, written, strict=True)
    )
