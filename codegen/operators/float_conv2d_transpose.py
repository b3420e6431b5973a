"""Transposed convolution in float32, in gathering form."""

from __future__ import annotations

from typing import cast

import numpy as np

from tinyseg_tvm.codegen.operators.conv2d_transpose import phase_taps
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.codegen.operators.float_emission import clamp_value, cycles_per_mac, use
from tinyseg_tvm.codegen.operators.weight_packing import pack_convolution
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.float_conv2d_transpose import FloatConv2dTranspose


def _cost(view: NodeView) -> Cost:
    outputs = view.outputs[0].elements / max(view.access.steps, 1)
    return Cost(0, round(cycles_per_mac(view.core, 4.2) * view.macs_per_step + 30 * outputs) + 100)


def _emit(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(FloatConv2dTranspose, view.operator)
    weight = view.constants["weight"]
    _, rows, columns, _ = weight.shape
    channels = view.inputs[0].shape[3]
    use(out, "tinyseg_conv2d_transpose_f32")
    phases = phase_taps(columns, operator.strides[1], operator.padding[1], operator.dilation[1])
    taps = [f"{{{tap}, {column}}}" for phase in phases for tap, column in sorted(phase)]
    table = f"{out.symbol}_taps"
    out.definitions.append(f"static const tinyseg_transpose_f32_tap {table}[] = {{{', '.join(taps) or '{0, 0}'}}};")
    parameters = out.parameters(
        view,
        "tinyseg_conv2d_transpose_f32",
        {
            "weight": out.constant("weight", pack_convolution(weight, operator.groups, [channels])),
            "bias": out.constant("bias", view.constants["bias"]),
            "taps": table,
            "phase_taps": out.constant("phase_taps", np.asarray([len(phase) for phase in phases], np.uint16)),
            "groups": operator.groups,
            "input_channels": channels,
            "input_width": view.inputs[0].shape[2],
            "output_channels": weight.shape[0],
            "output_width": view.outputs[0].shape[2],
            "kernel_height": rows,
            "kernel_width": columns,
            "stride": operator.strides[1],
            "clamp": clamp_value(operator),
        },
    )
    stride, before, dilation = operator.strides[0], operator.padding[0], operator.dilation[0]
    inside = f"y >= 0 && y < {view.inputs[0].lines * stride} && y % {stride} == 0"
    line = out.line(0, f"(uint32_t)(y / {stride})", "float")
    out.write(f"const float *lines[{rows}];", f"for (int32_t row = 0; row < {rows}; ++row) {{")
    out.write(f"    const int32_t y = (int32_t)step + {before} - row * {dilation};")
    out.write(f"    lines[row] = {inside} ? {line} : NULL;", "}")
    out.write(f"tinyseg_conv2d_transpose_f32_line({parameters}, lines, {out.output(ctype='float')});")


VARIANTS = (Variant("float_conv2d_transpose", always, _cost, _emit),)
