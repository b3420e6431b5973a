"""LSTM in integers: a step of time per line."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.codegen.operators.arithmetic import fixed_point, narrow_factor, requantize_cycles
from tinyseg_tvm.codegen.operators.emission import Field, FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.codegen.operators.sum_costs import ARMV6M_FACTOR
from tinyseg_tvm.codegen.text.c_text import c_integer
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.arithmetic.accumulators import folded_bias
from tinyseg_tvm.operators.arithmetic.tflite_functions import sigmoid_table
from tinyseg_tvm.operators.arithmetic.tflite_lstm import GATES
from tinyseg_tvm.operators.integer_lstm import IntegerLstm

_CYCLES_PER_MAC = {"int8": 2.2, "int16": 3.5}
_RESULTS = 13  # requantisations and functions of a unit


def _cost(view: NodeView[IntegerLstm]) -> Cost:
    operator = view.operator
    per_mac = _CYCLES_PER_MAC[operator.arithmetic.dtype] * (1 if view.core.has_wide_multiply else ARMV6M_FACTOR)
    results = _RESULTS * operator.units * operator.batch
    cycles = per_mac * view.macs_per_step + (requantize_cycles(view.core) + 12) * results
    return Cost(2 * GATES * operator.units, round(cycles) + 200)


def _gates_together(rows: np.ndarray) -> np.ndarray:
    """(4 * units, ...) as [unit][...][gate]."""
    return np.moveaxis(rows.reshape(GATES, -1, *rows.shape[1:]), 0, -1)


def _emit(view: NodeView[IntegerLstm], out: FunctionWriter) -> None:
    operator, arithmetic, constants = view.operator, view.operator.arithmetic, view.constants
    wide = arithmetic.dtype == "int16"
    module = "tinyseg_lstm_tflite_i16" if wide else "tinyseg_lstm_tflite"
    out.modules.update((module, "tinyseg_squashing_tflite"))
    sums = np.int64 if wide else np.int32
    biases = {
        "bias": folded_bias(constants["bias"], constants["weight"], arithmetic.input_zero_point),
        "recurrent_bias": folded_bias(
            np.zeros_like(constants["bias"]), constants["recurrence"], arithmetic.hidden_zero_point
        ),
    }
    scales = (narrow_factor if wide else fixed_point)(constants["multiplier"], constants["shift"])
    kept, entered, left = (int(fixed_point(*pair)) for pair in arithmetic.multipliers)
    fields: dict[str, Field] = {
        **{name: out.constant(name, _gates_together(constants[name])) for name in ("weight", "recurrence")},
        **{name: out.constant(name, _gates_together(bias).astype(sums)) for name, bias in biases.items()},
        "table": out.constant("table", sigmoid_table()),
        "weight_scale": tuple(c_integer(int(scale)) for scale in scales[:GATES]),
        "recurrence_scale": tuple(c_integer(int(scale)) for scale in scales[GATES:]),
        "kept": kept,
        "entered": entered,
        "left": left,
        "hidden_zero_point": arithmetic.hidden_zero_point,
        "cell_clip": arithmetic.cell_clip,
        "cell_multiplier": arithmetic.squashed_cells.multiplier,
        "cell_right": arithmetic.squashed_cells.right,
        "inputs": constants["weight"].shape[1],
        "units": operator.units,
        "batch": operator.batch,
    }
    parameters = out.parameters(view, "tinyseg_lstm_tflite", fields)
    steps, count = view.access.steps, operator.batch * operator.units
    value = out.element()
    if steps == 1:
        states = out.output("0u", result=1), out.output("0u", result=2)
    else:
        states = f"({value} *)(cells + {count})", out.state_as("int16_t")
    first = out.line(1, "0u"), out.line(2, "0u")
    out.write(f"int16_t *const cells = {states[1]};")
    out.write(f"{value} *const hidden = {states[0]};")
    before = first if steps == 1 else (f"step == 0u ? {first[0]} : hidden", f"step == 0u ? {first[1]} : cells")
    out.write(f"{module}_step(")
    out.write(f"    {parameters}, {out.line(0)}, {before[0]}, {before[1]}, hidden, cells, (int16_t *){out.scratch});")
    out.write(f"memcpy({out.output()}, hidden, {count}u * sizeof *hidden);")
    if steps > 1:
        out.write(f"if (step == {steps - 1}u) {{")
        out.write(f"    memcpy({out.output('0u', result=1)}, hidden, {count}u * sizeof *hidden);")
        out.write(f"    memcpy({out.output('0u', result=2)}, cells, {count}u * sizeof *cells);")
        out.write("}")


VARIANTS: tuple[Variant[IntegerLstm], ...] = (Variant("integer_lstm portable", always, _cost, _emit),)
