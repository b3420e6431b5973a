"""Average pooling."""

from __future__ import annotations

import math

import numpy as np

from tinyseg_tvm.codegen.operators.arithmetic import (
    float_cycles,
    of_float32,
    of_onnx,
    of_values,
    requantize_cycles,
    value_suffix,
    window_parameters,
)
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant
from tinyseg_tvm.codegen.operators.pooling import emit_windows
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.average_pool2d import AveragePool2d


def _cost(view: NodeView[AveragePool2d]) -> Cost:
    kernel = view.operator.kernel
    per_value = 7 * kernel[0] * kernel[1] + 20 + requantize_cycles(view.core)
    return Cost(0, per_value * view.outputs[0].line_elements + 100)


MOST_PIXELS = 255  # of a window whose sum is a 16 bit number


def _is_small(view: NodeView[AveragePool2d]) -> bool:
    kernel = view.operator.kernel
    return kernel[0] * kernel[1] <= MOST_PIXELS


def _suits_dsp(view: NodeView[AveragePool2d]) -> bool:
    return of_onnx(view) and view.core.has_dsp and _is_small(view) and view.inputs[0].shape[3] >= 4


def _dsp_cost(view: NodeView[AveragePool2d]) -> Cost:
    kernel = view.operator.kernel
    per_value = 1.7 * kernel[0] * kernel[1] + 3 * kernel[0] + 11 + requantize_cycles(view.core)
    return Cost(0, round(per_value * view.outputs[0].line_elements) + 30 * view.outputs[0].shape[2])


def _suits_mve(view: NodeView[AveragePool2d]) -> bool:
    return of_onnx(view) and view.core.has_mve and _is_small(view)


def _mve_cost(view: NodeView[AveragePool2d]) -> Cost:
    kernel = view.operator.kernel
    outputs = view.outputs[0]
    vectors = -(-outputs.shape[3] // 8) * outputs.shape[2]
    return Cost(0, round((5 * kernel[0] * kernel[1] + 5 * kernel[0] + 25) * vectors) + 30 * outputs.shape[2])


def _float_cost(view: NodeView[AveragePool2d]) -> Cost:
    kernel = view.operator.kernel
    return Cost(0, round(float_cycles(view.core) * math.prod(kernel) * view.outputs[0].line_elements) + 100)


def _emit_portable(view: NodeView[AveragePool2d], out: FunctionWriter) -> None:
    _emit(view, out, f"tinyseg_pool2d{value_suffix(view)}", value_suffix(view))


def _emit(view: NodeView[AveragePool2d], out: FunctionWriter, module: str, family: str) -> None:
    operator = view.operator
    pixels = math.prod(operator.kernel)
    fixed = operator.count_include_pad or not any(operator.padding)
    counts = np.asarray([pixels]) if fixed else np.arange(1, pixels + 1)
    out.modules.add(module)
    results = window_parameters(operator.arithmetic, out, counts)
    struct, kernel = f"tinyseg_pool2d{value_suffix(view)}", f"tinyseg_average_pool2d{family}_line"
    emit_windows(view, out, struct, kernel, {**results, "fixed_count": int(fixed)})


def _emit_family(view: NodeView[AveragePool2d], out: FunctionWriter, family: str) -> None:
    _emit(view, out, f"tinyseg_average_{family}", f"_{family}")


def _emit_float(view: NodeView[AveragePool2d], out: FunctionWriter) -> None:
    operator = view.operator
    count = math.prod(operator.kernel) if operator.count_include_pad else 0
    out.modules.add("tinyseg_pool2d_f32")
    emit_windows(view, out, "tinyseg_pool2d_f32", "tinyseg_average_pool2d_f32_line", {"fixed_count": count})


VARIANTS: tuple[Variant[AveragePool2d], ...] = (
    Variant("average_pool2d mve", _suits_mve, _mve_cost, lambda view, out: _emit_family(view, out, "mve")),
    Variant("average_pool2d dsp", _suits_dsp, _dsp_cost, lambda view, out: _emit_family(view, out, "dsp")),
    Variant("average_pool2d portable", of_values, _cost, _emit_portable),
    Variant("average_pool2d float32", of_float32, _float_cost, _emit_float),
)
