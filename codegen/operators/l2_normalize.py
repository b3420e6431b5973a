"""Vectors divided by their length."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.arithmetic import of_int8
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.arithmetic import tflite
from tinyseg_tvm.operators.l2_normalize import L2Normalize

_KERNEL = "tinyseg_l2_normalize_tflite"
_CYCLES = 28  # of a value
_ROOT = 500  # of a vector


def _vectors(view: NodeView[L2Normalize]) -> tuple[int, int]:
    """Vectors of a line, and their elements."""
    elements = view.inputs[0].shape[-1] if view.inputs[0].line_shape else 1
    return view.inputs[0].line_elements // elements, elements


def _cost(view: NodeView[L2Normalize]) -> Cost:
    vectors, elements = _vectors(view)
    return Cost(0, vectors * (_ROOT + _CYCLES * elements))


def _emit(view: NodeView[L2Normalize], out: FunctionWriter) -> None:
    arithmetic = view.operator.arithmetic
    assert isinstance(arithmetic, tflite.Normalization)
    vectors, elements = _vectors(view)
    out.modules.add(_KERNEL)
    parameters = out.parameters(
        view,
        _KERNEL,
        {
            "groups": vectors,
            "elements": elements,
            "input_zero_point": arithmetic.input_zero_point,
            "of_uint8": int(arithmetic.of_uint8),
        },
    )
    out.write(f"{_KERNEL}_line({parameters}, {out.line(0)}, {out.output()});")


VARIANTS: tuple[Variant[L2Normalize], ...] = (Variant("l2_normalize portable", of_int8, _cost, _emit),)
