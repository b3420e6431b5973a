"""Sums of integers that go on in float32: the function that makes results of the sums of a pixel, and its cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar, cast

from tinyseg_tvm.codegen.operators.arithmetic import WeightedSum, of_expression
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant
from tinyseg_tvm.codegen.operators.float_expressions import MODULES, expression_cycles, statements
from tinyseg_tvm.codegen.text.c_text import C_TYPES
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.operators.arithmetic.onnx import SUMS_AS_THEY_ARE

Summing = TypeVar("Summing", bound=WeightedSum)


def target(view: NodeView[WeightedSum], out: FunctionWriter, result: str = "step") -> str:
    """What a kernel writes to, as the last arguments of its call: the output, and for sums that go on in float32 also
    the function that makes results of them, which is defined here.
    """
    arithmetic = view.operator.arithmetic
    if not isinstance(arithmetic, onnx.ExpressedSum):
        return out.output(result)
    if arithmetic.expression == SUMS_AS_THEY_ARE:
        return f"NULL, NULL, {out.output(result)}"
    ctype, channels = C_TYPES[arithmetic.output_dtype], int(view.constants["multiplier"].size)
    held = {name: out.constant(name, view.constants[name]) for name in arithmetic.expression_constants}

    def element(name: str) -> str:
        return f"{held[name]}[o]" if name in held else "sums[i + o]" if held else "sums[i]"

    body = statements(
        arithmetic.expression, arithmetic.output_dtype, element, "results[i + o]" if held else "results[i]"
    )
    if held:  # a number per channel
        inner = [f"for (uint32_t o = 0; o < {channels}u; ++o) {{", *(f"    {line}" for line in body), "}"]
        body = [f"for (uint32_t i = 0; i < count; i += {channels}u) {{", *(f"    {line}" for line in inner), "}"]
    else:
        body = ["for (uint32_t i = 0; i < count; ++i) {", *(f"    {line}" for line in body), "}"]
    function = f"{out.symbol}_finish"
    text = "\n".join(f"    {line}" for line in (f"{ctype} *const results = ({ctype} *)out + first;", *body))
    head = f"TINYSEG_INNER void {function}(const float *sums, uint32_t first, uint32_t count, void *out)"
    out.modules.update(MODULES)
    out.definitions.append(f"{head}\n{{\n{text}\n}}")
    return f"{function}, (float *){out.scratch}, {out.output(result)}"


def expressed_variant(
    name: str,
    cost: Callable[[NodeView[Summing]], Cost],
    emit: Callable[[NodeView[Summing], FunctionWriter], None],
    pixels: int,
    suits: Callable[[NodeView[Summing]], bool] = lambda _view: True,
) -> Variant[Summing]:
    """The variant of sums that go on in float32.

    Args:
        name: in reports.
        cost: of the sums.
        emit: writes the function.
        pixels: whose sums are handed on together, at the most.
        suits: whether the kernel computes the node, if its sums go on in float32.
    """

    def whole_cost(view: NodeView[Summing]) -> Cost:
        arithmetic = cast(Any, view.operator.arithmetic)
        sums = cost(view)
        if arithmetic.expression == SUMS_AS_THEY_ARE:
            return sums
        results = view.outputs[0].elements / max(view.access.steps, 1)
        cycles = sums.cycles_per_step + round(expression_cycles(arithmetic.expression, view.core) * results)
        return replace(sums, cycles_per_step=cycles, scratch_bytes=4 * pixels * int(view.constants["multiplier"].size))

    return Variant(name, lambda view: of_expression(view) and suits(view), whole_cost, emit)
