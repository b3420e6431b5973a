"""Transposed convolution, gathered per output line: no accumulators beyond registers."""

from __future__ import annotations

from typing import cast

import numpy as np

from tinyseg_tvm.codegen.operators.conv2d import requantization, sum_cost, weight_suffix
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.codegen.operators.weight_packing import pack_convolution
from tinyseg_tvm.operators.conv2d_transpose import Conv2dTranspose


def phase_taps(kernel: int, stride: int, before: int, dilation: int) -> list[list[tuple[int, int]]]:
    """Per phase (remainder of the output column by the stride): (tap, input column minus output column // stride)."""
    result = []
    for phase in range(stride):
        taps = []
        for tap in range(kernel):
            column, rest = divmod(phase + before - tap * dilation, stride)
            if rest == 0:
                taps.append((tap, column))
        result.append(taps)
    return result


def _emit(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(Conv2dTranspose, view.operator)
    weight = view.constants["weight"]
    _, rows, columns, _ = weight.shape
    suffix = weight_suffix(weight)
    taps = phase_taps(columns, operator.strides[1], operator.padding[1], operator.dilation[1])
    flat = [value for phase in taps for tap in phase for value in tap]
    out.modules.add(f"tinyseg_conv2d_transpose{suffix}")
    table = f"{out.symbol}_taps"
    pairs = ", ".join(f"{{{tap}, {column}}}" for tap, column in zip(flat[0::2], flat[1::2], strict=True)) or "{0, 0}"
    out.definitions.append(f"static const tinyseg_transpose_tap {table}[] = {{{pairs}}};")
    parameters = out.parameters(
        view,
        "tinyseg_conv2d_transpose",
        {
            "weight": out.constant("weight", pack_convolution(weight, operator.groups, [view.inputs[0].shape[3]])),
            "bias": out.constant("bias", view.constants["bias"]),
            "multiplier": out.constant("multiplier", view.constants["multiplier"]),
            "taps": table,
            "phase_taps": out.constant("phase_taps", np.asarray([len(phase) for phase in taps], np.uint16)),
            "groups": operator.groups,
            "input_channels": view.inputs[0].shape[3],
            "input_width": view.inputs[0].shape[2],
            "output_channels": weight.shape[0],
            "output_width": view.outputs[0].shape[2],
            "kernel_height": rows,
            "kernel_width": columns,
            "stride": operator.strides[1],
            "input_zero_point": operator.input_zero_point,
            "output": requantization(operator),
        },
    )
    _gather_lines(view, out, rows)
    out.write(f"tinyseg_conv2d_transpose_line{suffix}({parameters}, lines, {out.output()});")


def _gather_lines(view: NodeView, out: FunctionWriter, rows: int) -> None:
    """Declare ``lines[rows]``: the input line that each kernel row takes for this output line, or NULL."""
    operator = cast(Conv2dTranspose, view.operator)
    stride, before, dilation = operator.strides[0], operator.padding[0], operator.dilation[0]
    out.write(f"const int8_t *lines[{rows}];")
    out.write(f"for (int32_t row = 0; row < {rows}; ++row) {{")
    out.write(f"    const int32_t y = (int32_t)step + {before} - row * {dilation};")
    inside = f"y >= 0 && y < {view.inputs[0].lines * stride}"
    if stride > 1:
        inside += f" && y % {stride} == 0"
    out.write(f"    lines[row] = {inside} ? {out.line(0, f'(uint32_t)y / {stride}u')} : NULL;")
    out.write("}")


VARIANTS = (Variant("conv2d_transpose portable", always, lambda view: sum_cost(3.6, view, 30.0), _emit),)
