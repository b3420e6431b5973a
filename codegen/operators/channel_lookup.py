"""Functions of one byte that differ from channel to channel."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always, line_cost
from tinyseg_tvm.operators.channel_lookup import ChannelLookup


def _emit(view: NodeView[ChannelLookup], out: FunctionWriter) -> None:
    out.modules.add("tinyseg_channel_lookup")
    tables = view.constants["tables"]
    channels = len(tables)
    pixels = view.outputs[0].line_elements // channels
    symbol = out.constant("tables", tables.view(np.uint8))
    source, target = out.line(0, ctype="uint8_t"), out.output(ctype="uint8_t")
    out.write(f"tinyseg_channel_lookup_line({symbol}, {channels}u, {source}, {target}, {pixels}u);")


VARIANTS: tuple[Variant[ChannelLookup], ...] = (Variant("channel_lookup", always, line_cost(9.0), _emit),)
