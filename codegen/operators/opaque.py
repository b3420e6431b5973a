"""The long tail: one call of a function that TVM's C generator wrote, over whole tensors."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.codegen.programs.long_tail import PLACEHOLDER, LoweredProgram, lower_program
from tinyseg_tvm.codegen.text.c_text import C_TYPES as STORED_TYPES
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.opaque import Opaque

C_TYPES = {**STORED_TYPES, "bool": "bool"}


def _program(view: NodeView[Opaque]) -> LoweredProgram:
    try:
        return lower_program(view.operator.prim_func)
    except TinySegError as error:
        raise view.error(f"{view.operator.label}: {error}") from None


def _cost(view: NodeView[Opaque]) -> Cost:
    program = _program(view)
    elements = sum(t.elements for t in (*view.inputs, *view.outputs)) + sum(c.size for c in view.constants.values())
    return Cost(program.workspace_bytes, 40 * elements)


def _emit(view: NodeView[Opaque], out: FunctionWriter) -> None:
    operator = view.operator
    program = _program(view)
    activations = [out.line(i, "0u", C_TYPES[t.dtype]) for i, t in enumerate(view.inputs)]
    # the generated functions know no const
    activations = [f"({C_TYPES[t.dtype]} *)({a})" for t, a in zip(view.inputs, activations, strict=True)]
    constants = {
        name: f"({C_TYPES[array.dtype.name]} *)(uintptr_t){out.constant(name, array)}"
        for name, array in view.constants.items()
    }
    results = [out.output("0u", C_TYPES[t.dtype], result) for result, t in enumerate(view.outputs)]
    arguments = [*operator.arguments(activations, constants), *results]
    if program.workspace_bytes:
        arguments.append(out.scratch or "NULL")
    function = f"{out.symbol}_tvm"
    out.sources.append(program.source.replace(PLACEHOLDER, function))
    out.write(f"{function}({', '.join(arguments)});")


VARIANTS: tuple[Variant[Opaque], ...] = (Variant("TVM", always, _cost, _emit),)
