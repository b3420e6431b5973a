"""Convolution in float32: the dense and grouped kernel, and the depthwise one."""

from __future__ import annotations

from typing import cast

from tinyseg_tvm.codegen.operators.convolution_window import declare_lines, geometry, pieces
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant
from tinyseg_tvm.codegen.operators.float_emission import clamp_value, cycles_per_mac, pack_weights, use
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.float_conv2d import FloatConv2d


def _is_depthwise(view: NodeView) -> bool:
    operator = cast(FloatConv2d, view.operator)
    channels = view.inputs[0].shape[3]
    return operator.groups == channels > 1 and view.outputs[0].shape[3] == channels


def _cost(view: NodeView) -> Cost:
    outputs = view.outputs[0].elements / max(view.access.steps, 1)
    cycles = cycles_per_mac(view.core, 2.2) * view.macs_per_step + 12 * outputs
    return Cost(0, round(cycles) + 100)


def _depthwise_cost(view: NodeView) -> Cost:
    outputs = view.outputs[0].elements / max(view.access.steps, 1)
    cycles = cycles_per_mac(view.core, 2.8) * view.macs_per_step + 8 * outputs
    return Cost(0, round(cycles) + 100)


def _emit(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(FloatConv2d, view.operator)
    weight = view.constants["weight"]
    channels = [piece.shape[3] for piece in view.inputs]
    use(out, "tinyseg_conv2d_f32")
    parameters = out.parameters(
        view,
        "tinyseg_conv2d_f32",
        {
            "weight": out.constant("weight", pack_weights(weight, operator.groups, channels)),
            "bias": out.constant("bias", view.constants["bias"]),
            **pieces(view, out),
            "groups": operator.groups,
            **geometry(view),
            "output_channels": weight.shape[0],
            "clamp": clamp_value(operator),
        },
    )
    declare_lines(view, out, "float")
    out.write(f"tinyseg_conv2d_f32_line({parameters}, lines, {out.output(ctype='float')});")


def _emit_depthwise(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(FloatConv2d, view.operator)
    weight = view.constants["weight"]
    use(out, "tinyseg_depthwise_f32")
    parameters = out.parameters(
        view,
        "tinyseg_depthwise_f32",
        {
            "weight": out.constant("weight", weight[:, :, :, 0].transpose(1, 2, 0)),
            "bias": out.constant("bias", view.constants["bias"]),
            "channels": weight.shape[0],
            **geometry(view),
            "clamp": clamp_value(operator),
        },
    )
    declare_lines(view, out, "float")
    out.write(f"tinyseg_depthwise_f32_line({parameters}, lines, {out.output(ctype='float')});")


VARIANTS = (
    Variant("float_conv2d depthwise", _is_depthwise, _depthwise_cost, _emit_depthwise),
    Variant("float_conv2d", lambda view: not _is_depthwise(view), _cost, _emit),
)
