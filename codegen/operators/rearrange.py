"""Elements in another order: strided copies between lines, or of the whole tensor."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.codegen.operators.copying import (
    addresses,
    between_views,
    bytes_line,
    bytes_output,
    collapse,
    write_copy,
)
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always, line_cost
from tinyseg_tvm.operators.rearrange import Part, Rearrange


def _emit(view: NodeView[Rearrange], out: FunctionWriter) -> None:
    operator, operand, output = view.operator, view.inputs[0], view.outputs[0]
    size = np.dtype(operand.dtype).itemsize
    parts = operator.parts(operand, output)
    if parts is None:
        source = addresses(operand).reshape(operator.early).transpose(operator.permutation)
        target = addresses(output).reshape(source.shape)
        write_copy(view, out, between_views(source, target), bytes_line(view, out, 0), bytes_output(view, out))
        return
    within, across = operand.line_elements, output.line_elements
    by_step = [part for part in parts if part.target >= across and part.extent > 1]
    loops = [part for part in parts if part.target < across and part.source >= within and part.extent > 1]
    inner = [part for part in parts if part.target < across and part.source < within]
    line: list[str] = []
    offset: list[str] = []
    for part in by_step:
        digit = _digit(part, across, output.lines)
        if part.source >= within:
            line.append(_scaled(digit, part.lines(within)))
        else:
            offset.append(_scaled(digit, part.source * size))
    place: list[str] = []
    for number, part in enumerate(loops):
        index = f"i{number}"
        out.write(f"for (uint32_t {index} = 0u; {index} < {part.extent}u; ++{index}) {{")
        line.append(_scaled(index, part.lines(within)))
        place.append(_scaled(index, part.target * size))
    copy = collapse(
        tuple(part.extent for part in inner),
        tuple(part.source * size for part in inner),
        tuple(part.target * size for part in inner),
        size,
    )
    source = " + ".join((out.line(0, " + ".join(line) or "0u", "uint8_t"), *offset))
    write_copy(view, out, copy, source, " + ".join((bytes_output(view, out), *place)))
    out.write(*("}" for _ in loops))


def _digit(part: Part, line_elements: int, lines: int) -> str:
    """The place along a part of the step's line of the result, in C."""
    steps = part.target // line_elements
    text = "step" if steps == 1 else f"step / {steps}u"
    return text if steps * part.extent == lines else f"{text} % {part.extent}u"


def _scaled(value: str, factor: int) -> str:
    return value if factor == 1 else f"{value} * {factor}u"


VARIANTS: tuple[Variant[Rearrange], ...] = (Variant("rearrange", always, line_cost(12.0), _emit),)
