"""Tensor intrinsics: what TVM's tensorize puts in the place of a block that it proves to compute the same."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any


def registered(
    name: str,
    shapes: dict[str, tuple[tuple[int, ...], str]],
    written: tuple[str, ...],
    describe: Callable[[dict[str, Any]], None],
    implement: Callable[[dict[str, Any]], None],
    apart: Collection[str] | None = None,
    steps: Mapping[str, int] | None = None,
) -> str:
    """Registers a tensor intrinsic; its name.

    Args:
        name: the name.
        shapes: of its buffers, and their types.
        written: those that it writes.
        describe: builds the body of its description.
        implement: builds the body of its implementation.
        apart: those of two dimensions whose rows may lie apart; None: the written ones.
        steps: elements from row to row of others.
    """
    from tvm.s_tir import TensorIntrin
    from tvm.script.ir_builder import IRBuilder, tirx

    strided = written if apart is None else apart

    def function(build: Callable[[dict[str, Any]], None]) -> Any:
        with IRBuilder() as builder, tirx.prim_func(s_tir=True):
            tirx.func_name(name.replace(".", "_").replace("-", "_"))
            handles = {key: tirx.arg(f"{key}_", tirx.handle()) for key in shapes}
            buffers = {}
            for key, (shape, dtype) in shapes.items():
                strides = [tirx.int32(), 1] if key in strided and len(shape) > 1 else None
                if steps is not None and key in steps:
                    strides = [steps[key], 1]
                buffers[key] = tirx.match_buffer(handles[key], shape, dtype, strides=strides, offset_factor=1)
                IRBuilder.name(key, buffers[key])
            regions = {key: buffers[key][tuple(slice(0, n) for n in shape)] for key, (shape, _) in shapes.items()}
            with tirx.sblock("root"):
                tirx.reads(*(region for key, region in regions.items() if key not in written))
                tirx.writes(*(regions[key] for key in written))
                build(buffers)
        return builder.get()

    TensorIntrin.register(name, function(describe), function(implement), override=True)
    return name
