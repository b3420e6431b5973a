"""Channels into pixels."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.codegen.operators.copying import addresses, between_views, line_of, write_copy
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always, line_cost
from tinyseg_tvm.operators.depth_to_space import DepthToSpace


def _emit(view: NodeView[DepthToSpace], out: FunctionWriter) -> None:
    operator = view.operator
    _, _, width, channels = view.inputs[0].shape
    block = operator.block
    depth = channels // (block * block)
    size = np.dtype(view.inputs[0].dtype).itemsize
    if operator.mode == "DCR":
        row_step, column_step, channel_step = block * depth, depth, 1
    else:
        row_step, column_step, channel_step = block, 1, block * block
    source = np.lib.stride_tricks.as_strided(
        np.empty(1, f"V{size}"),
        (width, block, depth),
        (channels * size, column_step * size, channel_step * size),
        writeable=False,
    )
    target = line_of(addresses(view.outputs[0]), 1, 0).reshape(width * block, depth)
    pixels = np.lib.stride_tricks.as_strided(
        target, (width, block, depth), (block * depth * size, depth * size, size), writeable=False
    )
    line = out.line(0, f"step / {block}u", "uint8_t")
    pointer = f"{line} + step % {block}u * {row_step * size}u"
    write_copy(view, out, between_views(source, pixels), pointer, out.output(ctype="uint8_t"))


VARIANTS: tuple[Variant[DepthToSpace], ...] = (Variant("depth_to_space", always, line_cost(8.0), _emit),)
