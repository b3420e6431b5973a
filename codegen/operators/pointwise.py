"""Expressions of float32, element by element: a loop of the node's own, written for its shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.codegen.operators.float_expressions import MODULES, expression_cycles, loops, statements
from tinyseg_tvm.codegen.text.c_text import C_TYPES
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.pointwise import Pointwise
from tinyseg_tvm.operators.tensor_type import TensorType


def _evaluated(view: NodeView[Pointwise]) -> TensorType:
    return view.operator.evaluated(view.inputs, view.constants)


def _cost(view: NodeView[Pointwise]) -> Cost:
    cycles = expression_cycles(view.operator.expression, view.core)
    return Cost(0, cycles * _evaluated(view).line_elements + 40)


def _strides(shape: Sequence[int], result: Sequence[int], first: int) -> list[int]:
    """Elements from index to index of the result's axes from ``first`` on, 0 where an operand is broadcast."""
    padded = (*(1,) * (len(result) - len(shape)), *shape)
    strides, step = [0] * len(padded), 1
    for axis in reversed(range(first, len(padded))):
        strides[axis] = step if padded[axis] > 1 else 0
        step *= padded[axis]
    return strides[first:]


def _emit(view: NodeView[Pointwise], out: FunctionWriter) -> None:
    operator, result = view.operator, _evaluated(view)
    first = 0 if result.line_axis is None else result.line_axis + 1
    strides = {"out": _strides(view.outputs[0].shape, result.shape, first)}
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
    ctype = C_TYPES[view.outputs[0].dtype]
    if operator.summed:
        body = _sums(operator, result, first, strides)
        across = operator.sums_lines(view.inputs, view.constants) and result.lines > 1
        parameters += ["int first, int last", f"{ctype} *state", f"{ctype} *out"]
        lines = f"step == 0u, step == {result.lines - 1}u" if across else "1, 1"
        arguments += [lines, out.state_as(ctype), out.output("0u" if across else "step")]
    else:
        parameters.append(f"{ctype} *out")
        arguments.append(out.output())

        def element(indices: dict[str, str]) -> list[str]:
            return _statements(operator, indices, f"out[{indices['out']}]")

        body = loops(result.line_shape, strides, element)
    function = f"{out.symbol}_line"
    text = "\n".join(f"    {line}" for line in body)
    out.modules.update(MODULES)
    out.definitions.append(f"TINYSEG_INNER void {function}({', '.join(parameters)})\n{{\n{text}\n}}")
    out.write(f"{function}({', '.join(arguments)});")


def _statements(operator: Pointwise, indices: Mapping[str, str], target: str) -> list[str]:
    return statements(operator.expression, operator.output_dtype, lambda name: f"{name}[{indices[name]}]", target)


def _sums(operator: Pointwise, result: TensorType, first: int, strides: Mapping[str, Sequence[int]]) -> list[str]:
    """Loops over the sums, in each of them those over its elements of the line, in order."""
    extents = {
        kept: [1 if (axis + first in operator.summed) == kept else e for axis, e in enumerate(result.line_shape)]
        for kept in (True, False)
    }

    def elements(outer: dict[str, str]) -> list[str]:
        def one(inner: dict[str, str]) -> list[str]:
            indices = {name: f"{outer[name]} + {inner[name]}" for name in strides}
            return ["float value;", *_statements(operator, indices, "value"), "sum = sum + value;"]

        at = outer["out"]
        added = loops(extents[False], strides, one, "j")
        return [f"float sum = first ? 0.0f : state[{at}];", *added, f"(last ? out : state)[{at}] = sum;"]

    return loops(extents[True], strides, elements)


VARIANTS: tuple[Variant[Pointwise], ...] = (Variant("pointwise float32", always, _cost, _emit),)
