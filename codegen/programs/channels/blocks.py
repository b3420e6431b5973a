"""Sums of channels as a TVM program: a ``PrimFunc`` of blocks that stage columns and that compute results."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from tinyseg_tvm.codegen.programs.blocks import Result, allocated, axis, constants_and_output
from tinyseg_tvm.codegen.programs.channels.sum import ChannelSum, Part


def prim_func(s: ChannelSum) -> Any:
    """The ``tvm.tirx.PrimFunc``, without any decision on tiles, order or instructions.

    Its parameters: of each row the line (width, channels) int8, whose columns lie ``step`` bytes apart (0: all are the
    same column, for lines of padding); their steps, int32; weight (channels, bytes of a channel) int8, bias (channels,)
    int32 with the zero point folded in, multiplier (channels,), out (pixels, channels) int8.
    """
    from tvm.script.ir_builder import IRBuilder, tirx

    with IRBuilder() as builder, tirx.prim_func(s_tir=True):
        tirx.func_name("main")
        handles = [tirx.arg(f"line_{row}", tirx.handle()) for row in range(s.rows)]
        steps = [tirx.arg(f"step_{row}", tirx.int32()) for row in range(s.rows)]
        rest = constants_and_output(s.channels, s.weights, s.pixels, s.channels, s.multiplier)
        lines = [
            tirx.match_buffer(handle, (s.width, s.channels), "int8", strides=[step, 1])
            for handle, step in zip(handles, steps, strict=True)
        ]
        for row, line in enumerate(lines):
            IRBuilder.name(f"line_{row}", line)
        rest["sums"] = allocated("sums", (s.pixels, s.channels), "int32")
        for part in s.all_parts:
            values: Any = lines
            if s.staged:
                shape = s.staged_shape(part.span.total, part.channels)
                values = allocated(f"staged_{part.name}", shape, s.dtype)
            with _loops((part.span.groups, part.blocks)) as (group, block):
                if s.staged:
                    build_stage(s, part, lines, values, group, block)
                build_sum(s, part, values, rest, group, block)
    return builder.get()


@contextmanager
def _loops(extents: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    """Loops one in the other; 0 in the place of those of one round."""
    from tvm.script.ir_builder import tirx

    with ExitStack() as stack:
        yield tuple(stack.enter_context(tirx.serial(0, n)) if n > 1 else 0 for n in extents)


def build_stage(s: ChannelSum, part: Part, lines: Sequence[Any], staged: Any, group: Any, block: Any) -> None:
    """Adds the block that stages the columns of a run and a block of channels to the program being built.

    Args:
        s: the sum.
        part: of it.
        lines: the buffer of each row, from the part's first channel on if ``group`` is None.
        staged: where to.
        group: the loop over runs; None for the description of an intrinsic.
        block: the loop over blocks.
    """
    import tvm
    from tvm.script.ir_builder import tirx

    span = part.span
    alone = group is None
    with tirx.serial(0, span.total) as column, tirx.sblock(f"stage_{part.name}"):
        g = axis(span.groups, group, always=False)
        b = axis(part.blocks, block, always=False)
        x = axis(span.total, column, always=not alone)
        first = 0 if alone else g * (span.pixels * s.stride) + span.source
        origin = 0 if alone else b * s.block + part.first_channel
        inside = tvm.tirx.all(x >= span.before, x < span.before + span.columns) if span.columns < span.total else None
        at = first + x - span.before
        if span.columns:
            here = slice(first, first + span.columns) if inside is not None else slice(at, at + 1)
            tirx.reads(*(line[here, origin : origin + part.channels] for line in lines))
        else:
            tirx.reads()
        tirx.writes(staged[s.staged_columns(x, 1, part.channels)])
        with _loops((part.channels,)) as (k,):
            for row in range(s.rows):
                padding = tvm.tirx.const(s.zero_point, s.dtype)
                value = tirx.cast(lines[row][at, origin + k], s.dtype) if span.columns else padding
                if inside is not None and span.columns:
                    value = tirx.if_then_else(inside, value, padding)
                tirx.buffer_store(staged, value, list(s.staged_at(x, k, part.channels, row)))


def build_sum(s: ChannelSum, part: Part, values: Any, rest: dict[str, Any], group: Any, block: Any) -> None:
    """Adds the block that computes a run's pixels in a block of channels to the program being built.

    Args:
        s: the sum.
        part: of it.
        values: the staged columns; or the buffer of each row, from the part's first channel and column on if ``group``
            is None.
        rest: the buffers ``weight bias multiplier sums out``.
        group: the loop over runs; None for the description of an intrinsic.
        block: the loop over blocks.
    """
    import tvm
    from tvm.script.ir_builder import tirx

    span = part.span
    alone = group is None
    with tirx.grid(span.pixels, part.channels) as (x0, k0), tirx.sblock(f"sum_{part.name}"):
        g = axis(span.groups, group, always=False)
        b = axis(part.blocks, block, always=False)
        x = axis(span.pixels, x0, always=not alone)
        k = axis(part.channels, k0, always=not alone)
        pixel = x if alone else g * span.pixels + x + span.first
        channel = k if alone else b * s.block + k + part.first_channel
        begin = x * s.stride if span.pixels > 1 else 0
        if s.staged:
            read = [values[s.staged_window(begin, k, part.channels)]]
        else:
            begin = begin if alone else g * (span.pixels * s.stride) + begin + span.source
            window = (span.columns - 1) * s.dilation + 1
            read = [line[begin : begin + window, channel] for line in values] if span.columns else []
        result = Result(rest, pixel, channel)
        result.begin(read, s.weights)
        for row, tap in itertools.product(range(s.rows), range(s.taps)):
            if s.staged:
                value = values[s.staged_at(begin + tap * s.dilation, k, part.channels, row)]
            elif span.before <= tap < span.before + span.columns:
                value = values[row][begin + (tap - span.before) * s.dilation, channel]
            elif s.zero_point:
                value = tvm.tirx.const(s.zero_point, "int8")
            else:
                continue
            result.add(value, s.weight_at(row, tap))
        result.end(s.output)
