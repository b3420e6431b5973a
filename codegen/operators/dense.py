"""Fully connected layers: over a whole map taken line by line, or a pointwise convolution of each line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyseg_tvm.codegen.operators.arithmetic import (
    is_integer,
    line_kernel,
    of_fixed_point,
    of_float32,
    of_onnx,
    of_values,
    sum_bias,
    sum_dtype,
    sum_parameters,
)
from tinyseg_tvm.codegen.operators.convolution_window import POINT, Columns, convolution_fields, vector_columns
from tinyseg_tvm.codegen.operators.direct_convolution import declare_direct_dsp, direct_dsp_cycles
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, packed_weight
from tinyseg_tvm.codegen.operators.expressed_sums import expressed_variant, target
from tinyseg_tvm.codegen.operators.int16_extensions import EXTENSIONS, Extension
from tinyseg_tvm.codegen.operators.mve_packing import VECTOR, WIDEST_PIXEL, filled, pack_dense_vectors
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
from tinyseg_tvm.codegen.operators.scheduled_convolution import Call, convolution_of
from tinyseg_tvm.codegen.operators.scheduled_windows import scheduled_variants
from tinyseg_tvm.codegen.operators.sum_costs import float_sum_cost, sum_cost
from tinyseg_tvm.codegen.operators.weight_packing import (
    Interleave,
    interleave,
    overlapping_blocks,
    pack_convolution,
    pack_dense,
)
from tinyseg_tvm.codegen.operators.wide_channels import beside_wide_channels
from tinyseg_tvm.codegen.operators.wide_terms import beside_wide_terms
from tinyseg_tvm.codegen.text.c_text import C_TYPES
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.dense import Dense

Predicate = Callable[[NodeView[Dense]], bool]


def _flattens(view: NodeView[Dense]) -> bool:
    return view.operator.flatten


def _pointwise(view: NodeView[Dense]) -> bool:
    return not view.operator.flatten


def _is_vector(view: NodeView[Dense]) -> bool:
    """Whether a step has one vector of float32, or the part of one."""
    return _flattens(view) or vector_columns(view).outputs == 1


def _as_convolution(weight: np.ndarray) -> np.ndarray:
    """(O, I) as (O, 1, 1, I)."""
    return weight[:, np.newaxis, np.newaxis, :]


def _pixels(view: NodeView[Dense]) -> float:
    """Vectors of a line."""
    return view.outputs[0].line_elements / view.outputs[0].shape[-1]


def _emit(view: NodeView[Dense], out: FunctionWriter, family: str = "", interleave: Interleave = interleave) -> None:
    weight = view.constants["weight"]
    kernel = line_kernel("dense", view, out, family)
    lines = view.inputs[0].lines if view.operator.flatten else 1
    parameters = out.parameters(
        view,
        kernel.struct,
        {
            "weight": out.constant("weight", pack_dense(weight, lines, interleave)),
            **sum_parameters(view, out, padding=False),
            **_sizes(view, lines),
        },
    )
    index, result = ("step", "0u") if view.operator.flatten else ("0u", "step")
    state = out.state_as("void" if view.inputs[0].dtype == "int16" else C_TYPES[sum_dtype(view)])
    source = out.line(0)
    out.write(f"{kernel.function}({parameters}, {index}, {source}, {state}, {target(view, out, result)});")


def _sizes(view: NodeView[Dense], lines: int) -> dict[str, int]:
    return {
        "line_elements": view.inputs[0].line_elements,
        "lines": lines,
        "output_channels": view.constants["weight"].shape[0],
    }


def _emit_pointwise(
    view: NodeView[Dense], out: FunctionWriter, family: str = "", interleave: Interleave = interleave
) -> None:
    weight = _as_convolution(view.constants["weight"])
    kernel = line_kernel("conv2d", view, out, family)
    blocks = weight if is_integer(view.operator.arithmetic) else overlapping_blocks(weight, 1)
    channels = [weight.shape[3]]
    parameters = out.parameters(
        view,
        kernel.struct,
        {
            "weight": out.constant("weight", pack_convolution(blocks, 1, channels, interleave)),
            **sum_parameters(view, out),
            **convolution_fields(vector_columns(view), POINT, channels, weight.shape[0], out),
            "groups": 1,
        },
    )
    out.write(f"const {out.element()} *const line = {out.line(0)};")
    out.write(f"{kernel.function}({parameters}, &line, {target(view, out)});")


def _emit_dsp(view: NodeView[Dense], out: FunctionWriter) -> None:
    lines = view.inputs[0].lines
    weight = pack_dense_quads(view.constants["weight"], lines)
    _emit_blocks(view, out, "tinyseg_dense_dsp", weight, filled_to_blocks)


def _emit_mve(view: NodeView[Dense], out: FunctionWriter) -> None:
    lines = view.inputs[0].lines
    weight = pack_dense_vectors(view.constants["weight"], lines)
    _emit_blocks(view, out, "tinyseg_dense_mve", weight, lambda array: filled(array, 0, 4))


def _emit_blocks(
    view: NodeView[Dense],
    out: FunctionWriter,
    kernel: str,
    weight: np.ndarray,
    arrange: Callable[[np.ndarray], np.ndarray],
) -> None:
    """By a kernel that reads whole blocks of channels."""
    out.modules.add(kernel)
    parameters = out.parameters(
        view,
        kernel,
        {
            "weight": out.constant("weight", weight),
            **sum_parameters(view, out, arrange=arrange, padding=False),
            **_sizes(view, view.inputs[0].lines),
        },
    )
    state = out.state_as("int32_t")
    out.write(f"{kernel}_line({parameters}, step, {out.line(0)}, {state}, {out.output('0u')});")


def _suits_dsp(view: NodeView[Dense]) -> bool:
    suits = view.core.has_dsp and of_fixed_point(view)
    return suits and view.constants["weight"].dtype == np.int8


def _plain_suffix(view: NodeView[Dense]) -> str:
    """What the name of the DSP kernel of pointwise convolution ends with."""
    return "" if can_join(view.constants["weight"], sum_bias(view), 1) else "_plain"


def _emit_pointwise_dsp(view: NodeView[Dense], out: FunctionWriter) -> None:
    parameters = _pointwise_dsp_parameters(view, out)
    kernel = f"tinyseg_conv2d_dsp{_plain_suffix(view)}"
    out.modules.add(kernel)
    out.write(f"const int8_t *const line = {out.line(0)};")
    out.write(f"{kernel}_line({parameters}, &line, {out.scratch}, {out.output()});")


def _emit_pointwise_direct_dsp(view: NodeView[Dense], out: FunctionWriter) -> None:
    parameters = _pointwise_dsp_parameters(view, out)
    arguments = declare_direct_dsp(out, [POINT], [view.constants["weight"].shape[1]], 0, padded=False)
    kernel = f"tinyseg_conv2d_direct_dsp{_plain_suffix(view)}"
    out.modules.add(kernel)
    out.write(f"const int8_t *const line = {out.line(0)};")
    out.write(f"{kernel}_line({parameters}, &line, {arguments}, {out.output()});")


def _pointwise_direct_dsp_cost(view: NodeView[Dense]) -> Cost:
    outputs, channels = view.constants["weight"].shape
    return Cost(0, direct_dsp_cycles(view, 1, 1, [channels], 1, _pixels(view), outputs) + 200)


def _pointwise_dsp_parameters(view: NodeView[Dense], out: FunctionWriter) -> str:
    weight = _as_convolution(view.constants["weight"])
    channels = [weight.shape[3]]
    words, pairs = pack_pairs(weight, 1, channels, 1, joined=not _plain_suffix(view))
    return out.parameters(
        view,
        "tinyseg_conv2d_dsp",
        {
            "weight": out.constant("weight", words),
            **sum_parameters(view, out, arrange=one_more),
            **convolution_fields(vector_columns(view), POINT, channels, weight.shape[0], out),
            "groups": 1,
            "pairs": pairs,
            "output_step": weight.shape[0],
            "segment_taps": 1,
        },
    )


def _pointwise_dsp_cost(view: NodeView[Dense]) -> Cost:
    weight = view.constants["weight"]
    scratch = pair_scratch(_as_convolution(weight), [weight.shape[1]], 1, padded=False)
    return pair_cost(view, scratch, _pixels(view))


def _suits_mve(view: NodeView[Dense]) -> bool:
    weight = view.constants["weight"]
    suits = view.core.has_mve and of_onnx(view)
    return bool(suits and weight.dtype == np.int8 and weight.shape[0] <= WIDEST_PIXEL)


def _dense_bytes(view: NodeView[Dense], outputs: int, elements: int) -> int:
    """Bytes of weights whose outputs, and elements of each line, are filled up to multiples."""
    count, lines = int(view.constants["weight"].shape[0]), view.inputs[0].lines
    filled_line = -(-view.inputs[0].line_elements // elements) * elements
    return -(-count // outputs) * outputs * lines * filled_line


def _pair_bytes(view: NodeView[Dense]) -> int:
    weight = view.constants["weight"]
    return pair_bytes(_as_convolution(weight), 1, [weight.shape[1]], 1)


def _calls(view: NodeView[Dense]) -> tuple[Call, ...]:
    """Each vector is a pixel; a map that is flattened is one, where it lies in one line."""
    if view.operator.flatten and view.inputs[0].lines > 1:
        return ()
    weight = _as_convolution(view.constants["weight"])
    outputs, _, _, channels = weight.shape
    pixels = view.inputs[0].line_elements // channels
    columns = Columns(pixels, pixels, 1, 0)
    return (Call(convolution_of(view, [weight], [channels], columns, POINT, padded=False, output_step=outputs)),)


def _one_line(_view: NodeView[Dense], out: FunctionWriter) -> None:
    out.write(f"const int8_t *const lines[1] = {{{out.line(0)}}};")


def _all(*predicates: Predicate) -> Predicate:
    return lambda view: all(predicate(view) for predicate in predicates)


def _float_cost(view: NodeView[Dense]) -> Cost:
    return float_sum_cost(3.2, view, once=60)


def _extended(extension: Extension) -> tuple[Variant[Dense], ...]:
    """The kernels of int16 for cores with an extension: of a whole map, and of each line's vectors."""

    def suits(view: NodeView[Dense]) -> bool:
        return extension.suits(view, [view.inputs[0].line_elements if _flattens(view) else view.inputs[0].shape[-1]])

    def cost(view: NodeView[Dense]) -> Cost:
        return sum_cost(extension.cycles_per_product(view, view.outputs[0].shape[-1]), view)

    def emitted_by(emit: Callable[..., None]) -> Callable[[NodeView[Dense], FunctionWriter], None]:
        return lambda view, out: emit(view, out, extension.family, extension.interleaved)

    return (
        Variant(f"dense int16 {extension.name}", _all(_flattens, suits), cost, emitted_by(_emit)),
        Variant(f"pointwise int16 {extension.name}", _all(_pointwise, suits), cost, emitted_by(_emit_pointwise)),
    )


_OVER_LINES: tuple[Variant[Dense], ...] = (
    Variant(
        "dense mve",
        _all(_flattens, _suits_mve),
        lambda view: Cost(0, round(0.25 * view.macs_per_step) + 10 * view.constants["weight"].shape[0] + 50),
        _emit_mve,
        packed_weight(lambda view: _dense_bytes(view, 4, VECTOR)),
    ),
    Variant(
        "dense dsp",
        _all(_flattens, _suits_dsp),
        lambda view: sum_cost(1.7, view),
        _emit_dsp,
        packed_weight(lambda view: _dense_bytes(view, 4, 4)),
    ),
    Variant("dense portable", _all(of_values, _flattens), lambda view: sum_cost(3.2, view), _emit),
)

_POINTWISE: tuple[Variant[Dense], ...] = (
    Variant(
        "pointwise dsp",
        _all(_pointwise, _suits_dsp),
        _pointwise_dsp_cost,
        _emit_pointwise_dsp,
        packed_weight(_pair_bytes),
    ),
    Variant(
        "pointwise direct dsp",
        _all(_pointwise, _suits_dsp),
        _pointwise_direct_dsp_cost,
        _emit_pointwise_direct_dsp,
        packed_weight(_pair_bytes),
    ),
    NARROW,
    *scheduled_variants("dense", _calls, _one_line),
    Variant("pointwise portable", _all(of_values, _pointwise), lambda view: sum_cost(2.2, view, 30.0), _emit_pointwise),
)

VARIANTS: tuple[Variant[Dense], ...] = (
    *_OVER_LINES,
    *_POINTWISE,
    *(variant for extension in EXTENSIONS for variant in _extended(extension)),
    *beside_wide_channels((*_OVER_LINES, *_POINTWISE), _calls, _one_line),
    *beside_wide_terms(_OVER_LINES),
    expressed_variant("dense expressed", lambda view: sum_cost(3.2, view), _emit, 1, _flattens),
    expressed_variant("pointwise expressed", lambda view: sum_cost(2.2, view, 30.0), _emit_pointwise, 2, _pointwise),
    Variant("dense float32", _all(of_float32, _is_vector), _float_cost, _emit),
    Variant("pointwise float32", _all(of_float32, lambda view: not _is_vector(view)), _float_cost, _emit_pointwise),
)
