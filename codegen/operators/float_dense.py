"""Fully connected layers in float32: over a whole map taken line by line, or a pointwise convolution of each line."""

from __future__ import annotations

from typing import cast

import numpy as np

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant
from tinyseg_tvm.codegen.operators.float_emission import clamp_value, cycles_per_mac, pack_weights, use
from tinyseg_tvm.codegen.operators.weight_packing import pack_dense
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.float_dense import FloatDense


def _pixels(view: NodeView) -> int:
    """Vectors of a line, without ``flatten``."""
    return view.outputs[0].line_elements // view.outputs[0].shape[-1]


def _one_vector(view: NodeView) -> bool:
    return cast(FloatDense, view.operator).flatten or _pixels(view) == 1


def _cost(view: NodeView) -> Cost:
    outputs = view.outputs[0].elements / max(view.access.steps, 1)
    return Cost(0, round(cycles_per_mac(view.core, 3.2) * view.macs_per_step + 12 * outputs) + 60)


def _emit(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(FloatDense, view.operator)
    weight = view.constants["weight"]
    lines = view.inputs[0].lines if operator.flatten else 1
    use(out, "tinyseg_dense_f32")
    parameters = out.parameters(
        view,
        "tinyseg_dense_f32",
        {
            "weight": out.constant("weight", pack_dense(weight, lines)),
            "bias": out.constant("bias", view.constants["bias"]),
            "line_elements": view.inputs[0].line_elements,
            "lines": lines,
            "output_channels": weight.shape[0],
            "clamp": clamp_value(operator),
        },
    )
    index, result = ("step", "0u") if operator.flatten else ("0u", "step")
    source, target = out.line(0, ctype="float"), out.output(result, "float")
    out.write(f"tinyseg_dense_f32_line({parameters}, {index}, {source}, {out.state_as('float')}, {target});")


def _emit_pointwise(view: NodeView, out: FunctionWriter) -> None:
    weight = view.constants["weight"]
    use(out, "tinyseg_conv2d_f32")
    parameters = out.parameters(
        view,
        "tinyseg_conv2d_f32",
        {
            "weight": out.constant("weight", pack_weights(weight[:, np.newaxis, np.newaxis, :], 1, [weight.shape[1]])),
            "bias": out.constant("bias", view.constants["bias"]),
            "piece_channels": out.constant("piece_channels", np.asarray([weight.shape[1]], np.uint16)),
            "pieces": 1,
            "groups": 1,
            "input_width": _pixels(view),
            "output_width": _pixels(view),
            "output_channels": weight.shape[0],
            "kernel_height": 1,
            "kernel_width": 1,
            "stride": 1,
            "dilation": 1,
            "pad_left": 0,
            "clamp": clamp_value(view.operator),
        },
    )
    out.write(f"const float *const line = {out.line(0, ctype='float')};")
    out.write(f"tinyseg_conv2d_f32_line({parameters}, &line, {out.output(ctype='float')});")


VARIANTS = (
    Variant("float_dense", _one_vector, _cost, _emit),
    Variant("float_dense pointwise", lambda view: not _one_vector(view), _cost, _emit_pointwise),
)
