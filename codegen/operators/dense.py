"""Fully connected layers: over a whole map taken line by line, or a pointwise convolution of each line."""

from __future__ import annotations

from typing import cast

import numpy as np

from tinyseg_tvm.codegen.operators.conv2d import requantization, sum_cost, weight_suffix
from tinyseg_tvm.codegen.operators.direct_convolution import (
    Columns,
    Window,
    declare_direct_dsp,
    direct_dsp_cycles,
)
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, packed_weight
from tinyseg_tvm.codegen.operators.mve_packing import (
    VECTOR,
    WIDEST_PIXEL,
    filled,
    pack_dense_vectors,
)
from tinyseg_tvm.codegen.operators.narrow_convolution import POINTWISE as NARROW
from tinyseg_tvm.codegen.operators.pair_packing import (
    can_join,
    filled_to_blocks,
    one_more,
    pack_dense_quads,
    pack_pairs,
    pair_bytes,
    pair_cost,
    pair_scratch,
)
from tinyseg_tvm.codegen.operators.scheduled_convolution import Call, Convolution
from tinyseg_tvm.codegen.operators.scheduled_windows import scheduled_variants
from tinyseg_tvm.codegen.operators.weight_packing import folded_bias, interleave, pack_dense
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.dense import Dense


def _flattens(view: NodeView) -> bool:
    return cast(Dense, view.operator).flatten


def _emit_flatten(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(Dense, view.operator)
    weight = view.constants["weight"]
    suffix = weight_suffix(weight)
    out.modules.add(f"tinyseg_dense{suffix}")
    lines = view.inputs[0].lines
    parameters = out.parameters(
        view,
        "tinyseg_dense",
        {
            "weight": out.constant("weight", pack_dense(weight, lines)),
            "bias": out.constant("bias", folded_bias(view.constants["bias"], weight, operator.input_zero_point)),
            "multiplier": out.constant("multiplier", view.constants["multiplier"]),
            "line_elements": view.inputs[0].line_elements,
            "lines": lines,
            "output_channels": weight.shape[0],
            "output": requantization(operator),
        },
    )
    state = out.state_as("int32_t")
    out.write(f"tinyseg_dense_line{suffix}({parameters}, step, {out.line(0)}, {state}, {out.output('0u')});")


def _emit_flatten_dsp(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(Dense, view.operator)
    weight = view.constants["weight"]
    out.modules.add("tinyseg_dense_dsp")
    lines = view.inputs[0].lines
    bias = folded_bias(view.constants["bias"], weight, operator.input_zero_point)
    parameters = out.parameters(
        view,
        "tinyseg_dense_dsp",
        {
            "weight": out.constant("weight", pack_dense_quads(weight, lines)),
            "bias": out.constant("bias", filled_to_blocks(bias)),
            "multiplier": out.constant("multiplier", filled_to_blocks(view.constants["multiplier"])),
            "line_elements": view.inputs[0].line_elements,
            "lines": lines,
            "output_channels": weight.shape[0],
            "output": requantization(operator),
        },
    )
    state = out.state_as("int32_t")
    out.write(f"tinyseg_dense_dsp_line({parameters}, step, {out.line(0)}, {state}, {out.output('0u')});")


def _suits_dsp(view: NodeView) -> bool:
    return view.core.has_dsp and view.constants["weight"].dtype == np.int8


def _emit_pointwise_dsp(view: NodeView, out: FunctionWriter) -> None:
    parameters = _pointwise_dsp_parameters(view, out)
    kernel = f"tinyseg_conv2d_dsp{_plain_suffix(view)}"
    out.modules.add(kernel)
    out.write(f"const int8_t *const line = {out.line(0)};")
    out.write(f"{kernel}_line({parameters}, &line, {out.scratch}, {out.output()});")


def _plain_suffix(view: NodeView) -> str:
    """What the name of the DSP kernel ends with."""
    weight = view.constants["weight"]
    bias = folded_bias(view.constants["bias"], weight, cast(Dense, view.operator).input_zero_point)
    return "" if can_join(weight, bias, 1) else "_plain"


def _emit_pointwise_direct_dsp(view: NodeView, out: FunctionWriter) -> None:
    parameters = _pointwise_dsp_parameters(view, out)
    arguments = declare_direct_dsp(out, [Window(1, 1, 1)], [view.constants["weight"].shape[1]], 0, padded=False)
    kernel = f"tinyseg_conv2d_direct_dsp{_plain_suffix(view)}"
    out.modules.add(kernel)
    out.write(f"const int8_t *const line = {out.line(0)};")
    out.write(f"{kernel}_line({parameters}, &line, {arguments}, {out.output()});")


def _pointwise_direct_dsp_cost(view: NodeView) -> Cost:
    outputs, channels = view.constants["weight"].shape
    pixels = view.outputs[0].line_elements / outputs
    return Cost(0, direct_dsp_cycles(view, 1, 1, [channels], 1, pixels, outputs) + 200)


def _pointwise_dsp_parameters(view: NodeView, out: FunctionWriter) -> str:
    operator = cast(Dense, view.operator)
    weight = view.constants["weight"]
    channels = weight.shape[1]
    pixels = view.outputs[0].line_elements // weight.shape[0]
    joined = not _plain_suffix(view)
    words, pairs = pack_pairs(weight[:, np.newaxis, np.newaxis, :], 1, [channels], 1, joined=joined)
    bias = folded_bias(view.constants["bias"], weight, operator.input_zero_point)
    return out.parameters(
        view,
        "tinyseg_conv2d_dsp",
        {
            "weight": out.constant("weight", words),
            "bias": out.constant("bias", one_more(bias)),
            "multiplier": out.constant("multiplier", one_more(view.constants["multiplier"])),
            "piece_channels": out.constant("piece_channels", np.asarray([channels], np.uint16)),
            "pieces": 1,
            "groups": 1,
            "pairs": pairs,
            "input_width": pixels,
            "output_width": pixels,
            "output_channels": weight.shape[0],
            "output_step": weight.shape[0],
            "kernel_height": 1,
            "kernel_width": 1,
            "segment_taps": 1,
            "stride": 1,
            "dilation": 1,
            "pad_left": 0,
            "input_zero_point": operator.input_zero_point,
            "output": requantization(operator),
        },
    )


def _pointwise_dsp_cost(view: NodeView) -> Cost:
    weight = view.constants["weight"]
    scratch = pair_scratch(weight[:, np.newaxis, np.newaxis, :], [weight.shape[1]], 1, padded=False)
    return pair_cost(view, scratch, view.outputs[0].line_elements / weight.shape[0])


def _emit_flatten_mve(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(Dense, view.operator)
    weight = view.constants["weight"]
    out.modules.add("tinyseg_dense_mve")
    lines = view.inputs[0].lines
    bias = folded_bias(view.constants["bias"], weight, operator.input_zero_point)
    parameters = out.parameters(
        view,
        "tinyseg_dense_mve",
        {
            "weight": out.constant("weight", pack_dense_vectors(weight, lines)),
            "bias": out.constant("bias", filled(bias, 0, 4)),
            "multiplier": out.constant("multiplier", filled(view.constants["multiplier"], 0, 4)),
            "line_elements": view.inputs[0].line_elements,
            "lines": lines,
            "output_channels": weight.shape[0],
            "output": requantization(operator),
        },
    )
    state = out.state_as("int32_t")
    out.write(f"tinyseg_dense_mve_line({parameters}, step, {out.line(0)}, {state}, {out.output('0u')});")


def _suits_mve(view: NodeView) -> bool:
    weight = view.constants["weight"]
    return view.core.has_mve and weight.dtype == np.int8 and weight.shape[0] <= WIDEST_PIXEL


def _emit_pointwise(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(Dense, view.operator)
    weight = view.constants["weight"]
    suffix = weight_suffix(weight)
    out.modules.add(f"tinyseg_conv2d{suffix}")
    pixels = view.outputs[0].line_elements // weight.shape[0]
    parameters = out.parameters(
        view,
        "tinyseg_conv2d",
        {
            "weight": out.constant("weight", interleave(weight)),
            "bias": out.constant("bias", folded_bias(view.constants["bias"], weight, operator.input_zero_point)),
            "multiplier": out.constant("multiplier", view.constants["multiplier"]),
            "piece_channels": out.constant("piece_channels", np.asarray([weight.shape[1]], np.uint16)),
            "pieces": 1,
            "groups": 1,
            "input_width": pixels,
            "output_width": pixels,
            "output_channels": weight.shape[0],
            "kernel_height": 1,
            "kernel_width": 1,
            "stride": 1,
            "dilation": 1,
            "pad_left": 0,
            "input_zero_point": operator.input_zero_point,
            "output": requantization(operator),
        },
    )
    out.write(f"const int8_t *const line = {out.line(0)};")
    out.write(f"tinyseg_conv2d_line{suffix}({parameters}, &line, {out.output()});")


def _dense_bytes(view: NodeView, outputs: int, elements: int) -> int:
    """Bytes of weights whose outputs, and elements of each line, are filled up to multiples."""
    count, lines = int(view.constants["weight"].shape[0]), view.inputs[0].lines
    filled_line = -(-view.inputs[0].line_elements // elements) * elements
    return -(-count // outputs) * outputs * lines * filled_line


def _pair_bytes(view: NodeView) -> int:
    weight = view.constants["weight"]
    return pair_bytes(weight[:, np.newaxis, np.newaxis, :], 1, [weight.shape[1]], 1)


def _calls(view: NodeView) -> tuple[Call, ...]:
    """Each vector is a pixel; a map that is flattened is one, where it lies in one line."""
    operator = cast(Dense, view.operator)
    weight = view.constants["weight"]
    if operator.flatten and view.inputs[0].lines > 1:
        return ()
    outputs, channels = weight.shape
    pixels = view.inputs[0].line_elements // channels
    convolution = Convolution(
        (weight.reshape(outputs, 1, 1, channels),),
        (folded_bias(view.constants["bias"], weight, operator.input_zero_point),),
        view.constants["multiplier"],
        (channels,),
        Columns(pixels, pixels, 1, 0),
        Window(1, 1, 1),
        operator.input_zero_point,
        (operator.output_zero_point, operator.output_min, operator.output_max),
        padded=False,
        output_step=outputs,
    )
    return (Call(convolution),)


def _one_line(_view: NodeView, out: FunctionWriter) -> None:
    out.write(f"const int8_t *const lines[1] = {{{out.line(0)}}};")


VARIANTS = (
    Variant(
        "dense mve",
        lambda view: _flattens(view) and _suits_mve(view),
        lambda view: Cost(0, round(0.25 * view.macs_per_step) + 10 * view.constants["weight"].shape[0] + 50),
        _emit_flatten_mve,
        packed_weight(lambda view: _dense_bytes(view, 4, VECTOR)),
    ),
    Variant(
        "dense dsp",
        lambda view: _flattens(view) and _suits_dsp(view),
        lambda view: sum_cost(1.7, view),
        _emit_flatten_dsp,
        packed_weight(lambda view: _dense_bytes(view, 4, 4)),
    ),
    Variant(
        "pointwise dsp",
        lambda view: not _flattens(view) and _suits_dsp(view),
        _pointwise_dsp_cost,
        _emit_pointwise_dsp,
        packed_weight(_pair_bytes),
    ),
    Variant(
        "pointwise direct dsp",
        lambda view: not _flattens(view) and _suits_dsp(view),
        _pointwise_direct_dsp_cost,
        _emit_pointwise_direct_dsp,
        packed_weight(_pair_bytes),
    ),
    NARROW,
    *scheduled_variants("dense", _calls, _one_line),
    Variant("dense portable", _flattens, lambda view: sum_cost(3.2, view), _emit_flatten),
    Variant(
        "pointwise portable", lambda view: not _flattens(view), lambda view: sum_cost(2.2, view, 30.0), _emit_pointwise
    ),
)
