"""Recurrent layers: a step of time per line."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.emission import Field, FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.codegen.operators.sum_costs import cycles_per_mac
from tinyseg_tvm.codegen.text.c_text import c_float
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.recurrent import GATES, Recurrent

_ACTIVATION_CYCLES = (80, 900)  # of a sigmoid, with a floating point unit and without


def _cost(view: NodeView[Recurrent]) -> Cost:
    operator = view.operator
    results = operator.batch * (operator.rows + operator.units)
    cycles = cycles_per_mac(view.core, 9.0 if operator.quantized else 5.0) * view.macs_per_step
    cycles += _ACTIVATION_CYCLES[0 if view.core.has_fpu else 1] * results
    return Cost(4 * (operator.rows + operator.units), round(cycles) + 200)


def _emit(view: NodeView[Recurrent], out: FunctionWriter) -> None:
    operator = view.operator
    out.modules.update(("tinyseg_recurrent_f32", "tinyseg_functions_f32", "tinyseg_fma_f32"))

    def constant(name: str) -> str:
        return out.constant(name, view.constants[name]) if name in operator.constant_names else "NULL"

    activations = [
        (f"TINYSEG_CELL_{each.name.upper()}", c_float(each.alpha), c_float(each.beta)) for each in operator.activations
    ]
    fields: dict[str, Field] = {
        "weight": constant("weight"),
        "recurrence": constant("recurrence"),
        "weight_scale": constant("weight_scale"),
        "recurrence_scale": constant("recurrence_scale"),
        "bias": constant("bias"),
        "recurrent_bias": constant("recurrent_bias"),
        "peepholes": constant("peepholes"),
        "initial": constant("initial_states"),
        "activations": tuple("{" + ", ".join(each) + "}" for each in activations),
        "clip": float(operator.clip),
        "inputs": view.constants["weight"].shape[1],
        "units": operator.units,
        "batch": operator.batch,
        "gates": GATES[operator.cell],
        "coupled": int(operator.coupled),
        "states": int(operator.states),
    }
    parameters = out.parameters(view, "tinyseg_recurrent_f32", fields)
    steps = view.access.steps
    line = out.line(0, f"{steps - 1}u - step" if operator.reverse else "step")
    given = [f"step == 0u ? {out.line(index, '0u')} : NULL" for index in range(1, len(view.inputs))]
    states = [*given, "NULL", "NULL"][:2]
    made = out.output() if operator.sequence else out.output("0u")
    result = made if operator.sequence or steps == 1 else f"step == {steps - 1}u ? {made} : NULL"
    for name, ctype, value in (
        ("line", "const float", line),
        ("hidden", "const float", states[0]),
        ("cells", "const float", states[1]),
        ("result", "float", result),
    ):
        out.write(f"{ctype} *const {name} = {value};")
    memory = f"{out.state_as('float')}, (float *){out.scratch}"
    out.write(f"tinyseg_recurrent_f32_step({parameters}, step == 0u, line, hidden, cells, {memory}, result);")


VARIANTS: tuple[Variant[Recurrent], ...] = (Variant("recurrent float32", always, _cost, _emit),)
