"""Max pooling."""

from __future__ import annotations

import math

from tinyseg_tvm.codegen.operators.arithmetic import (
    float_cycles,
    of_float32,
    of_int8,
    of_values,
    value_suffix,
    window_parameters,
)
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant
from tinyseg_tvm.codegen.operators.pooling import emit_windows
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.max_pool2d import MaxPool2d


def _cost(view: NodeView[MaxPool2d]) -> Cost:
    kernel = view.operator.kernel
    return Cost(0, 9 * kernel[0] * kernel[1] * view.outputs[0].line_elements + 100)


def _dsp_cost(view: NodeView[MaxPool2d]) -> Cost:
    kernel = view.operator.kernel
    outputs = view.outputs[0]
    per_value = 4.0 if kernel == (2, 2) else 1.5 * kernel[0] * kernel[1]
    return Cost(0, round(per_value * outputs.line_elements) + 16 * outputs.shape[2])


def _suits_dsp(view: NodeView[MaxPool2d]) -> bool:
    return of_int8(view) and view.core.has_dsp and view.inputs[0].shape[3] >= 4


def _mve_cost(view: NodeView[MaxPool2d]) -> Cost:
    kernel = view.operator.kernel
    outputs = view.outputs[0]
    return Cost(0, round(0.2 * kernel[0] * kernel[1] * outputs.line_elements) + 15 * outputs.shape[2])


def _suits_mve(view: NodeView[MaxPool2d]) -> bool:
    return of_int8(view) and view.core.has_mve


def _float_cost(view: NodeView[MaxPool2d]) -> Cost:
    kernel = view.operator.kernel
    return Cost(0, round(float_cycles(view.core) * math.prod(kernel) * view.outputs[0].line_elements) + 100)


def _emit_portable(view: NodeView[MaxPool2d], out: FunctionWriter) -> None:
    _emit(view, out, value_suffix(view))


def _emit(view: NodeView[MaxPool2d], out: FunctionWriter, family: str) -> None:
    out.modules.add(f"tinyseg_pool2d{family}")
    results = {**window_parameters(None, out), "fixed_count": 0}
    emit_windows(view, out, f"tinyseg_pool2d{value_suffix(view)}", f"tinyseg_max_pool2d{family}_line", results)


def _emit_float(view: NodeView[MaxPool2d], out: FunctionWriter) -> None:
    out.modules.add("tinyseg_pool2d_f32")
    emit_windows(view, out, "tinyseg_pool2d_f32", "tinyseg_max_pool2d_f32_line", {"fixed_count": 0})


VARIANTS: tuple[Variant[MaxPool2d], ...] = (
    Variant("max_pool2d mve", _suits_mve, _mve_cost, lambda view, out: _emit(view, out, "_mve")),
    Variant("max_pool2d dsp", _suits_dsp, _dsp_cost, lambda view, out: _emit(view, out, "_dsp")),
    Variant("max_pool2d portable", of_values, _cost, _emit_portable),
    Variant("max_pool2d float32", of_float32, _float_cost, _emit_float),
)
