"""Expressions of float32, element by element: a loop of the node's own, written for its shapes."""

from __future__ import annotations

from collections.abc import Sequence

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.codegen.operators.float_expressions import MODULES, expression_cycles, loops, statements
from tinyseg_tvm.codegen.text.c_text import C_TYPES
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.pointwise import Pointwise


def _cost(view: NodeView[Pointwise]) -> Cost:
    return Cost(0, expression_cycles(view.operator.expression, view.core) * view.outputs[0].line_elements + 40)


def _strides(shape: Sequence[int], result: Sequence[int], first: int) -> list[int]:
    """Elements from index to index of the result's axes from ``first`` on, 0 where an operand is broadcast."""
    padded = (*(1,) * (len(result) - len(shape)), *shape)
    strides, step = [0] * len(padded), 1
    for axis in reversed(range(first, len(padded))):
        strides[axis] = step if padded[axis] > 1 else 0
        step *= padded[axis]
    return strides[first:]


def _emit(view: NodeView[Pointwise], out: FunctionWriter) -> None:
    operator, result = view.operator, view.outputs[0]
    first = 0 if result.line_axis is None else result.line_axis + 1
    strides = {"out": _strides(result.shape, result.shape, first)}
    parameters, arguments = [], []
    for number, operand in enumerate(view.inputs):
        strides[f"x{number}"] = _strides(operand.shape, result.shape, first)
        parameters.append(f"const {C_TYPES[operand.dtype]} *x{number}")
        by_lines = operand.lines > 1 and not view.access.whole_reads[number]
        arguments.append(out.line(number, "step" if by_lines else "0u"))
    for name in operator.constant_names:
        array = view.constants[name]
        strides[name] = _strides(array.shape, result.shape, first)
        by_lines = result.lines > 1 and array.shape[first - 1] > 1
        offset = f" + step * {array.size // result.lines}u" if by_lines else ""
        parameters.append(f"const float *{name}")
        arguments.append(f"{out.constant(name, array)}{offset}")
    parameters.append(f"{C_TYPES[result.dtype]} *out")
    arguments.append(out.output())

    def body(indices: dict[str, str]) -> list[str]:
        target = f"out[{indices['out']}]"
        return statements(operator.expression, operator.output_dtype, lambda name: f"{name}[{indices[name]}]", target)

    function = f"{out.symbol}_line"
    text = "\n".join(f"    {line}" for line in loops(result.line_shape, strides, body))
    out.modules.update(MODULES)
    out.definitions.append(f"TINYSEG_INNER void {function}({', '.join(parameters)})\n{{\n{text}\n}}")
    out.write(f"{function}({', '.join(arguments)});")


VARIANTS: tuple[Variant[Pointwise], ...] = (Variant("pointwise float32", always, _cost, _emit),)
