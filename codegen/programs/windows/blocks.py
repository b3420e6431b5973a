"""Weighted sums as a TVM program: a ``PrimFunc`` of blocks that stage values and that compute results."""

from __future__ import annotations

from typing import Any

from tinyseg_tvm.codegen.programs.blocks import Result, allocated, axis, constants_and_output
from tinyseg_tvm.codegen.programs.windows.sum import Copy, Part, WeightedSum, staged_copies


def prim_func(s: WeightedSum) -> Any:
    """The ``tvm.tirx.PrimFunc``, without any decision on tiles, order or instructions.

    Its parameters: the lines (values,) int8, weight (channels, weights_per_channel) int8, bias (channels,) int32 with
    the zero point folded in, multiplier (channels,), out (pixels, row) int8.
    """
    from tvm.script.ir_builder import IRBuilder, tirx

    with IRBuilder() as builder, tirx.prim_func(s_tir=True):
        tirx.func_name("main")
        lines = [tirx.arg(f"line_{i}", tirx.Buffer((line.values,), "int8")) for i, line in enumerate(s.lines)]
        rest = constants_and_output(s.channels, s.weights_per_channel, s.pixels, s.row, s.multiplier)
        rest["sums"] = allocated("sums", (s.pixels, s.channels), "int32")
        staged = {name: allocated(name, (copy.total,), s.dtype) for name, (_, copy) in staged_copies(s).items()}
        written: set[str] = set()
        for span in s.spans:
            with tirx.serial(0, span.groups) as group:
                for name, (line, copy) in s.copies(span).items():
                    if name not in written:
                        build_copy(s, copy, f"copy_{name}", lines[line], staged[name], group)
                        written.add(name)
                sources = [staged.get(s.buffer(i, span), lines[i]) for i in range(len(s.lines))]
                for part in s.parts(span):
                    build_sum(s, part, sources, rest, group)
    return builder.get()


def build_copy(s: WeightedSum, copy: Copy, name: str, source: Any, target: Any, group: Any | None) -> None:
    """Adds the block that stages values to the program being built.

    Args:
        s: the sum.
        copy: which values.
        name: of the block.
        source: where from.
        target: where to.
        group: the loop over copies where there are several; None for the description of an intrinsic.
    """
    import tvm
    from tvm.script.ir_builder import tirx

    with tirx.serial(0, copy.total) as i0, tirx.sblock(name):
        begin: Any = copy.source - copy.before
        if copy.count > 1:
            begin = tirx.axis.spatial(copy.count, group) * copy.stride + begin
        i = axis(copy.total, i0, always=group is not None)
        value = tirx.cast(source[begin + i], s.dtype)
        if copy.padded:
            tirx.reads(source[copy.source : copy.source + copy.values])
            inside = tvm.tirx.all(i >= copy.before, i < copy.before + copy.values)
            value = tirx.if_then_else(inside, value, tvm.tirx.const(s.zero_point, s.dtype))
        else:
            tirx.reads(source[begin + i])
        tirx.writes(target[i])
        tirx.buffer_store(target, value, [i])


def build_sum(s: WeightedSum, part: Part, sources: list[Any], rest: dict[str, Any], group: Any | None) -> None:
    """Adds the block that computes a part to the program being built.

    Args:
        s: the sum.
        part: of it.
        sources: the buffer of each line.
        rest: the buffers ``weight bias multiplier sums out``.
        group: the loop over the span's groups; None for the description of an intrinsic, one tile whose lines begin
            with its window.
    """
    from tvm.script.ir_builder import tirx

    span = part.span
    tile = group is None
    with tirx.grid(span.group, part.channels) as (x0, o0), tirx.sblock(part.name):
        t = axis(span.groups, group, always=False)
        x = axis(span.group, x0, always=not tile)
        o = axis(part.channels, o0, always=not tile)
        starts = []
        for i, line in enumerate(s.lines):
            copy = None if tile else s.copy(i, span)
            origin = line.before if copy is None else copy.origin
            first = 0 if tile else span.first * line.step + s.window(i)[0] - origin
            alone = copy is not None and copy.count > 1
            starts.append((x if alone else t * span.group + x) * line.step + first)
        _build_result(s, sources, starts, Result(rest, t * span.group + x + span.first, o + part.first_channel))


def _build_result(s: WeightedSum, sources: list[Any], starts: list[Any], result: Result) -> None:
    """The body: the sum and the result of one pixel and channel, whose windows begin at ``starts``."""
    from tvm.script.ir_builder import tirx

    windows = [
        source[start : start + s.window(i)[1]] for i, (source, start) in enumerate(zip(sources, starts, strict=True))
    ]
    result.begin(windows, s.weights_per_channel)
    first = 0
    for segment in s.segments:
        source, start = sources[segment.line], starts[segment.line] + (segment.first - s.window(segment.line)[0])
        if segment.values == 1:
            result.add(source[start], first)
        else:
            with tirx.serial(0, segment.values) as k:
                result.add(source[start + k], first + k)
        first += segment.weights
    result.end(s.output)
