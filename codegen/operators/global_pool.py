"""Pooling over a whole map, taken line by line."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.arithmetic import (
    float_cycles,
    global_pool_parameters,
    of_float32,
    of_onnx,
    of_values,
    value_suffix,
)
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, line_cost
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.global_pool import GlobalPool


def _is_average(view: NodeView[GlobalPool]) -> bool:
    return view.operator.function == "average"


def _suits_dsp(view: NodeView[GlobalPool]) -> bool:
    return of_onnx(view) and view.core.has_dsp and _is_average(view) and view.inputs[0].shape[3] >= 4


def _dsp_cost(view: NodeView[GlobalPool]) -> Cost:
    _, _, width, channels = view.inputs[0].shape
    return Cost(0, round(2.5 * width * channels) + 40 * channels + 20)


def _suits_mve(view: NodeView[GlobalPool]) -> bool:
    return of_onnx(view) and view.core.has_mve and _is_average(view)


def _float_cost(view: NodeView[GlobalPool]) -> Cost:
    return Cost(0, round(float_cycles(view.core) * view.inputs[0].line_elements) + 60)


def _emit_average(view: NodeView[GlobalPool], out: FunctionWriter, family: str) -> None:
    _emit(view, out, f"tinyseg_average_{family}", f"_{family}")


def _emit_portable(view: NodeView[GlobalPool], out: FunctionWriter) -> None:
    family = value_suffix(view)
    _emit(view, out, f"tinyseg_pool2d{family}" if family else "tinyseg_global_pool", family)


def _emit(view: NodeView[GlobalPool], out: FunctionWriter, module: str, family: str) -> None:
    operator = view.operator
    _, height, width, channels = view.inputs[0].shape
    out.modules.add(module)
    parameters = out.parameters(
        view,
        f"tinyseg_global_pool{value_suffix(view)}",
        {
            "width": width,
            "lines": height,
            "channels": channels,
            **global_pool_parameters(operator.arithmetic, height * width, view.inputs[0].dtype),
        },
    )
    wide = operator.arithmetic is not None and operator.arithmetic.sum_bytes(height * width) > 4
    state = out.state_as("int32_t" if _is_average(view) else out.element())
    kernel = f"tinyseg_global_{operator.function}{family}_line{'_s64' if wide else ''}"
    out.write(f"{kernel}({parameters}, step, {out.line(0)}, {state}, {out.output('0u')});")


def _emit_float(view: NodeView[GlobalPool], out: FunctionWriter) -> None:
    operator = view.operator
    _, height, width, channels = view.inputs[0].shape
    out.modules.add("tinyseg_pool2d_f32")
    parameters = out.parameters(
        view, "tinyseg_global_pool_f32", {"width": width, "lines": height, "channels": channels}
    )
    arguments = [parameters, "step", out.line(0), out.state_as(out.element()), out.output("0u")]
    out.write(f"tinyseg_global_{operator.function}_f32_line({', '.join(arguments)});")


VARIANTS: tuple[Variant[GlobalPool], ...] = (
    Variant("global_pool mve", _suits_mve, line_cost(1.0), lambda view, out: _emit_average(view, out, "mve")),
    Variant("global_pool dsp", _suits_dsp, _dsp_cost, lambda view, out: _emit_average(view, out, "dsp")),
    Variant("global_pool portable", of_values, line_cost(11.5), _emit_portable),
    Variant("global_pool float32", of_float32, _float_cost, _emit_float),
)
