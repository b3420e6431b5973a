"""Tensor intrinsics: what TVM's tensorize puts in the place of a block that it proves to compute the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import astuple, dataclass
from typing import Any

Shapes = dict[str, tuple[tuple[int, ...], str]]
"""Shape and type of buffers, by name."""


@dataclass(frozen=True)
class CFunction:
    """The C function that implements an intrinsic.

    Attributes:
        name: the name.
        pointers: buffers whose addresses it takes, in order.
        stepping: those of them after whose address it takes the elements from row to row.
        numbers: what it takes after them.
    """

    name: str
    pointers: Collection[str]
    stepping: Collection[str] = ()
    numbers: tuple[int, ...] = ()


def result_shapes(pixels: int, channels: int, weights: int, multiplier: str) -> Shapes:
    """The buffers of a tile beside its values: constants, sums and results; ``multiplier`` is the type of that."""
    return {
        "weight": ((channels, weights), "int8"),
        "bias": ((channels,), "int32"),
        "multiplier": ((channels,), multiplier),
        "sums": ((pixels, channels), "int32"),
        "out": ((pixels, channels), "int8"),
    }


def digest(description: Any, *more: int) -> str:
    """What tells intrinsics apart that compute parts of different sums (dataclasses), as a part of their names."""
    return hashlib.sha256(repr((type(description).__name__, *astuple(description), *more)).encode()).hexdigest()[:16]


def registered(
    name: str,
    shapes: Shapes,
    written: Collection[str],
    describe: Callable[[dict[str, Any]], None],
    function: CFunction,
    apart: Collection[str] | None = None,
    steps: Mapping[str, int] | None = None,
) -> str:
    """Registers a tensor intrinsic; its name.

    Args:
        name: the name.
        shapes: of its buffers.
        written: those that it writes.
        describe: builds the body of its description.
        function: that its implementation calls.
        apart: those of two dimensions whose rows may lie apart; None: the written ones.
        steps: elements from row to row of others.
    """
    from tvm.s_tir import TensorIntrin
    from tvm.script.ir_builder import IRBuilder, tirx

    strided = written if apart is None else apart

    def implement(buffers: dict[str, Any]) -> None:
        arguments = []
        for key in function.pointers:
            arguments.append(tirx.address_of(buffers[key][(0,) * len(shapes[key][0])]))
            arguments += [buffers[key].strides[0]] if key in function.stepping else []
        tirx.evaluate(tirx.call_extern("void", function.name, *arguments, *function.numbers))

    def prim_func(build: Callable[[dict[str, Any]], None]) -> Any:
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

    TensorIntrin.register(name, prim_func(describe), prim_func(implement), override=True)
    return name
