"""Transposed convolution, gathered per output line: no accumulators beyond registers."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.codegen.operators import transposed_phases
from tinyseg_tvm.codegen.operators.arithmetic import (
    line_kernel,
    of_float32,
    of_values,
    sum_parameters,
)
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant
from tinyseg_tvm.codegen.operators.expressed_sums import expressed_variant, target
from tinyseg_tvm.codegen.operators.pair_packing import portable_cost
from tinyseg_tvm.codegen.operators.sum_costs import float_sum_cost, sum_cost
from tinyseg_tvm.codegen.operators.transposed_geometry import declare_phase_lines, phase_taps
from tinyseg_tvm.codegen.operators.transposed_tiles import TILES, transposed_calls
from tinyseg_tvm.codegen.operators.weight_packing import pack_convolution
from tinyseg_tvm.codegen.operators.wide_channels import beside_wide_channels
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.conv2d_transpose import Conv2dTranspose


def _emit(view: NodeView[Conv2dTranspose], out: FunctionWriter) -> None:
    operator, weight = view.operator, view.constants["weight"]
    _, rows, columns, _ = weight.shape
    channels = view.inputs[0].shape[3]
    kernel = line_kernel("conv2d_transpose", view, out)
    taps = phase_taps(columns, operator.strides[1], operator.padding[1], operator.dilation[1])
    pairs = ", ".join(f"{{{tap}, {column}}}" for phase in taps for tap, column in phase) or "{0, 0}"
    table = f"{out.symbol}_taps"
    out.definitions.append(f"static const {kernel.tap} {table}[] = {{{pairs}}};")
    parameters = out.parameters(
        view,
        kernel.struct,
        {
            "weight": out.constant("weight", pack_convolution(weight, operator.groups, [channels])),
            **sum_parameters(view, out, bias=view.constants["bias"]),
            "taps": table,
            "phase_taps": out.constant("phase_taps", np.asarray([len(phase) for phase in taps], np.uint16)),
            "groups": operator.groups,
            "input_channels": channels,
            "input_width": view.inputs[0].shape[2],
            "output_channels": weight.shape[0],
            "output_width": view.outputs[0].shape[2],
            "kernel_height": rows,
            "kernel_width": columns,
            "stride": operator.strides[1],
        },
    )
    _gather_lines(view, out, rows)
    out.write(f"{kernel.function}({parameters}, lines, {target(view, out)});")


def _gather_lines(view: NodeView[Conv2dTranspose], out: FunctionWriter, rows: int) -> None:
    """Declare ``lines[rows]``: the input line that each kernel row takes for this output line, or NULL."""
    operator = view.operator
    stride, before, dilation = operator.strides[0], operator.padding[0], operator.dilation[0]
    out.write(f"const {out.element()} *lines[{rows}];")
    out.write(f"for (int32_t row = 0; row < {rows}; ++row) {{")
    out.write(f"    const int32_t y = (int32_t)step + {before} - row * {dilation};")
    inside = f"y >= 0 && y < {view.inputs[0].lines * stride}"
    if stride > 1:
        inside += f" && y % {stride} == 0"
    out.write(f"    lines[row] = {inside} ? {out.line(0, f'(uint32_t)y / {stride}u')} : NULL;")
    out.write("}")


def _portable_cost(view: NodeView[Conv2dTranspose]) -> Cost:
    return portable_cost(sum_cost(3.6, view, 30.0), view)


_OF_INTEGERS: tuple[Variant[Conv2dTranspose], ...] = (
    *transposed_phases.VARIANTS,
    *TILES,
    Variant(
        "conv2d_transpose portable",
        of_values,
        _portable_cost,
        _emit,
    ),
)

VARIANTS: tuple[Variant[Conv2dTranspose], ...] = (
    *_OF_INTEGERS,
    *beside_wide_channels(_OF_INTEGERS, transposed_calls, declare_phase_lines),
    expressed_variant("conv2d_transpose expressed", _portable_cost, _emit, pixels=1),
    Variant("conv2d_transpose float32", of_float32, lambda view: float_sum_cost(4.2, view, 30.0), _emit),
)
