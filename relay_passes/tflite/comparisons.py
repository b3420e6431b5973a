"""Rules for EQUAL, NOT_EQUAL, GREATER, GREATER_EQUAL, LESS and LESS_EQUAL of codes, whose quantisations may differ.

The reference kernels compare ``MQ((x - z) << 8, QM(s))`` of both. That grows with the code, so whether ``a >= b`` is a
comparison of codes again: ``b`` against how many codes of its kind are not above ``a``, which is a table.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyseg_tvm.operators import Lookup, Pointwise
from tinyseg_tvm.operators.arithmetic.tflite_functions import multiplied, quantize_multiplier
from tinyseg_tvm.relay_passes.expression_writer import ExpressionWriter, Ref
from tinyseg_tvm.relay_passes.expressions import Expr
from tinyseg_tvm.relay_passes.operators_registration import accepted_call
from tinyseg_tvm.relay_passes.tflite.calls import INT8_MIN, Lower, Operand, TfliteCall, UnsupportedError
from tinyseg_tvm.relay_passes.tflite.pointwise import FLOAT_RULES
from tinyseg_tvm.relay_passes.tflite.tables import CODES

LEFT_SHIFT = 8
"""Bits by which the kernels shift differences of codes before they multiply them."""


def _compared(operand: Operand) -> np.ndarray:
    """What is compared in place of each code, from the least on."""
    quantization = operand.quantization
    pair = quantize_multiplier(np.float64(np.float32(quantization.scale)))
    values = multiplied((CODES_UPWARDS - quantization.zero_point) << LEFT_SHIFT, *pair)
    if (np.diff(values) < 0).any():
        raise UnsupportedError(f"the scale {quantization.scale:g} is too large")
    return values


CODES_UPWARDS = np.sort(CODES)


class _Comparison:
    """Writes comparisons of the two operands of a call."""

    def __init__(self, found: TfliteCall) -> None:
        self.found, self.writer = found, ExpressionWriter()

    def at_least(self, first: int, second: int) -> Ref:
        """1 where operand ``first`` is not below operand ``second``."""
        lhs, rhs = self.found.operand(first), self.found.operand(second)
        # the greatest code of the second that is not above each code of the first; one below all where there is none
        reach = np.searchsorted(_compared(rhs), _compared(lhs), side="right") + INT8_MIN - 1
        write, constant = self.writer, lhs.constant
        if constant is not None:
            reached = reach[constant.astype(np.int64) - INT8_MIN]
            return write("less_equal", self._codes(rhs), write.constant(reached, len(self.found.result.shape)))
        table = np.zeros(256, np.int8)
        table[CODES_UPWARDS.astype(np.int8).view(np.uint8)] = np.maximum(reach, INT8_MIN)
        if np.array_equal(reach, CODES_UPWARDS):
            return write("less_equal", self._codes(rhs), self._codes(lhs))
        looked_up = accepted_call(Lookup("int8"), [self.found.padded(lhs)], {"table": table})
        codes = write.activation(self.found.rewrite.emit(looked_up, f"{self.found.name}_reach_{first}"))
        result = write("less_equal", self._codes(rhs), codes)
        beneath = int((reach < INT8_MIN).sum())
        return write("and", result, write("less_equal", INT8_MIN + beneath, self._codes(lhs))) if beneath else result

    def _codes(self, operand: Operand) -> Ref:
        if operand.constant is not None:
            return self.writer.constant(operand.constant, len(self.found.result.shape))
        return self.writer.activation(self.found.padded(operand))


Compare = Callable[[_Comparison], Ref]


def _of_codes(kind: str, compare: Compare) -> Lower:
    def lower(found: TfliteCall) -> Expr:
        if found.operand().described.dtype in ("float32", "bool"):
            return FLOAT_RULES[kind](found)
        for index in (0, 1):
            if found.operand(index).described.dtype not in ("int8", "uint8"):
                raise UnsupportedError(f"it compares {found.operand(index).described.dtype}, not int8 or uint8")
        comparison = _Comparison(found)
        if found.operand(0).constant is not None and found.operand(1).constant is not None:
            raise UnsupportedError("both of its operands are constant")
        compare(comparison)
        writer = comparison.writer
        return found.shaped(found.emit(Pointwise(writer.text, "bool"), writer.activations, writer.named_constants))

    return lower


def _equal(comparison: _Comparison) -> Ref:
    return comparison.writer("and", comparison.at_least(0, 1), comparison.at_least(1, 0))


def _not(compare: Compare) -> Compare:
    return lambda comparison: comparison.writer("not", compare(comparison))


RULES: dict[str, Lower] = {
    kind: _of_codes(kind, compare)
    for kind, compare in {
        "EQUAL": _equal,
        "NOT_EQUAL": _not(_equal),
        "GREATER_EQUAL": lambda comparison: comparison.at_least(0, 1),
        "LESS_EQUAL": lambda comparison: comparison.at_least(1, 0),
        "LESS": _not(lambda comparison: comparison.at_least(0, 1)),
        "GREATER": _not(lambda comparison: comparison.at_least(1, 0)),
    }.items()
}
