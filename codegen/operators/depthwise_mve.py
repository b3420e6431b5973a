"""Depthwise convolution by the vector extension, 16 channels at a time."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.codegen.operators.arithmetic import of_onnx, sum_parameters
from tinyseg_tvm.codegen.operators.convolution_window import (
    convolution_columns,
    convolution_window,
    declare_lines,
    is_depthwise,
    pixels_inside,
    window_fields,
)
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, packed_weight
from tinyseg_tvm.codegen.operators.mve_packing import (
    depthwise_lanes,
    depthwise_scratch,
    needs_spread,
    pack_depthwise_vectors,
    vectors,
)
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.conv2d import Conv2d

MOST_STACK = 320  # bytes at the most that a kernel takes of the stack in place of scratch


def _suits(view: NodeView[Conv2d]) -> bool:
    if not (view.core.has_mve and of_onnx(view)):
        return False
    return is_depthwise(view) and view.constants["weight"].dtype == np.int8


def _cost(view: NodeView[Conv2d]) -> Cost:
    weight = view.constants["weight"]
    blocks = vectors(weight.shape[0])
    pixels = view.outputs[0].shape[2]
    taps = weight.shape[1] * weight.shape[2] * (2 if needs_spread(weight) else 1)
    at_sides = pixels - pixels_inside(view)
    found = min(pixels, at_sides + 1) * (20 + 70 * weight.shape[1])  # places of taps
    return Cost(depthwise_scratch(weight), blocks * (pixels * (12 * taps + 60) + found) + 100)


def _suits_stack(view: NodeView[Conv2d]) -> bool:
    return _suits(view) and depthwise_scratch(view.constants["weight"]) <= MOST_STACK


def _stack_cost(view: NodeView[Conv2d]) -> Cost:
    return Cost(0, _cost(view).cycles_per_step + 1)


def _emit(view: NodeView[Conv2d], out: FunctionWriter) -> None:
    _write(view, out, str(out.scratch))


def _emit_stack(view: NodeView[Conv2d], out: FunctionWriter) -> None:
    out.write(f"int32_t table[{depthwise_scratch(view.constants['weight']) // 4}];")
    _write(view, out, "table")


def _write(view: NodeView[Conv2d], out: FunctionWriter, memory: str) -> None:
    weight = view.constants["weight"]
    packed = pack_depthwise_vectors(weight)
    out.modules.add("tinyseg_depthwise_block_mve")
    parameters = out.parameters(
        view,
        "tinyseg_depthwise_block_mve",
        {
            "weight": out.constant("weight", packed),
            **sum_parameters(view, out, arrange=depthwise_lanes),
            "channels": weight.shape[0],
            "taps": packed.shape[1],
            "spread": int(needs_spread(weight)),
            **window_fields(convolution_columns(view), convolution_window(view)),
        },
    )
    declare_lines(view, out)
    out.write(f"tinyseg_depthwise_block_mve_line({parameters}, lines, {memory}, {out.output()});")


def _bytes(view: NodeView[Conv2d]) -> int:
    return pack_depthwise_vectors(view.constants["weight"]).nbytes


VARIANTS: tuple[Variant[Conv2d], ...] = (
    Variant("depthwise mve", _suits, _cost, _emit, packed_weight(_bytes)),
    Variant("depthwise stack mve", _suits_stack, _stack_cost, _emit_stack, packed_weight(_bytes)),
)
