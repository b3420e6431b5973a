"""Writes expressions (operators/arithmetic/expressions.py): of a Relax call, or of several operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from tinyseg_tvm.operators.arithmetic.expressions import Instruction, instructions_of, is_reference, text_of
from tinyseg_tvm.operators.arithmetic.float32 import FLOAT32_MAX
from tinyseg_tvm.relay_passes.expressions import Call, Expr

Ref: TypeAlias = str
"""An operand of an instruction: ``x0``, ``c0``, ``t0`` or a number."""


class ExpressionWriter:
    """Collects instructions, activations and constants; what is there already is not repeated."""

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self.activations: list[Expr] = []
        self.constants: list[np.ndarray] = []

    def activation(self, expression: Expr) -> Ref:
        """The operand that an activation is."""
        for number, known in enumerate(self.activations):
            if known.same_as(expression):
                return f"x{number}"
        self.activations.append(expression)
        return f"x{len(self.activations) - 1}"

    def constant(self, array: np.ndarray, rank: int) -> Ref:
        """The operand that a constant is: a number where it is one element, else an array of the rank."""
        array = np.asarray(array, np.float32)
        if array.size == 1:
            return str(array.reshape(-1)[0])
        array = array.reshape((1,) * (rank - array.ndim) + array.shape)
        for number, known in enumerate(self.constants):
            if known.shape == array.shape and np.array_equal(known, array):
                return f"c{number}"
        self.constants.append(array)
        return f"c{len(self.constants) - 1}"

    def __call__(self, function: str, *operands: Ref | float) -> Ref:
        """The result of a function on operands."""
        refs = tuple(each if isinstance(each, str) else str(np.float32(each)) for each in operands)
        made = Instruction(function, refs)
        if made not in self.instructions:
            self.instructions.append(made)
        return f"t{self.instructions.index(made)}"

    def clamped(self, value: Ref, low: float, high: float) -> Ref:
        """A value between bounds; those at the largest finite number clamp nothing."""
        value = self("max", value, low) if low > -FLOAT32_MAX else value
        return self("min", value, high) if high < FLOAT32_MAX else value

    def included(self, text: str, operands: Mapping[str, Ref]) -> Ref:
        """The result of another expression, given what its activations and constants are here."""
        results: list[Ref] = []
        for instruction in instructions_of(text):
            refs = [
                (results[int(each[1:])] if each[0] == "t" else operands[each]) if is_reference(each) else each
                for each in instruction.operands
            ]
            results.append(self(instruction.function, *refs))
        return results[-1]

    @property
    def text(self) -> str:
        """The expression so far."""
        return text_of(self.instructions)

    @property
    def named_constants(self) -> dict[str, np.ndarray]:
        """The constants by their names."""
        return {f"c{number}": array for number, array in enumerate(self.constants)}


Form: TypeAlias = Callable[[ExpressionWriter, Call, "list[Ref]"], Ref]

_ROOT_HALF = 0.7071067811865476
_SELU_ALPHA, _SELU_GAMMA = 1.67326319217681884765625, 1.05070102214813232421875  # defaults of ONNX Selu


def _plain(function: str) -> Form:
    return lambda w, _call, x: w(function, *x)


def _gelu(w: ExpressionWriter, _call: Call, x: list[Ref]) -> Ref:
    """``0.5 * x * (1 + erf(x / sqrt(2)))``."""
    return w("mul", w("mul", x[0], 0.5), w("add", w("erf", w("mul", x[0], _ROOT_HALF)), 1))


def _gelu_tanh(w: ExpressionWriter, _call: Call, x: list[Ref]) -> Ref:
    """``0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))``."""
    cube = w("mul", w("mul", x[0], x[0]), x[0])
    inner = w("mul", w("add", x[0], w("mul", cube, 0.044715)), 0.7978845608028654)
    return w("mul", w("mul", x[0], 0.5), w("add", w("tanh", inner), 1))


def _leaky_relu(w: ExpressionWriter, call: Call, x: list[Ref]) -> Ref:
    return w("where", w("greater", x[0], 0), x[0], w("mul", x[0], float(call.attrs.alpha)))


def _prelu(w: ExpressionWriter, _call: Call, x: list[Ref]) -> Ref:
    return w("where", w("greater_equal", x[0], 0), x[0], w("mul", x[0], x[1]))


def _selu(w: ExpressionWriter, _call: Call, x: list[Ref]) -> Ref:
    below = w("mul", w("sub", w("exp", w("min", x[0], 0)), 1), _SELU_ALPHA)
    return w("mul", w("where", w("greater", x[0], 0), x[0], below), _SELU_GAMMA)


def _softplus(w: ExpressionWriter, call: Call, x: list[Ref]) -> Ref:
    """``max(b x, 0) / b + ln(1 + exp(-|b x|)) / b``, beyond the threshold ``x``."""
    beta, threshold = float(call.attrs.beta), float(call.attrs.threshold)
    scaled = x[0] if beta == 1 else w("mul", x[0], beta)
    tail = w("log", w("add", w("exp", w("neg", w("abs", scaled))), 1))
    soft = w("add", w("max", scaled, 0), tail)
    soft = soft if beta == 1 else w("div", soft, beta)
    return w("where", w("greater", scaled, threshold), x[0], soft)


def _power(w: ExpressionWriter, _call: Call, x: list[Ref]) -> Ref:
    """Squares, cubes, roots and reciprocals are what they are."""
    base, exponent = x
    if is_reference(exponent):
        return w("pow", base, exponent)
    number = float(exponent)
    if number == 1:
        return w("identity", base)
    if number in (2, 3, 4):
        square = w("mul", base, base)
        return square if number == 2 else w("mul", square, base if number == 3 else square)
    if number in (0.5, -0.5):
        root = w("sqrt", base)
        return root if number > 0 else w("div", 1, root)
    if number in (-1, -2):
        return w("div", 1, base if number == -1 else w("mul", base, base))
    return w("pow", base, exponent)


def _arcsine(w: ExpressionWriter, x: Ref) -> Ref:
    """``2 * atan(x / (1 + sqrt((1 - x) * (1 + x))))``."""
    root = w("sqrt", w("mul", w("sub", 1, x), w("add", x, 1)))
    return w("mul", w("atan", w("div", x, w("add", root, 1))), 2)


def _hyperbolic(w: ExpressionWriter, x: Ref, function: str) -> Ref:
    return w("mul", w(function, w("exp", x), w("exp", w("neg", x))), 0.5)


def _area_sine(w: ExpressionWriter, x: Ref) -> Ref:
    """``ln(|x| + sqrt(x^2 + 1))`` with the sign of ``x``."""
    magnitude = w("abs", x)
    return w("mul", w("sign", x), w("log", w("add", magnitude, w("sqrt", w("add", w("mul", x, x), 1)))))


def _area_cosine(w: ExpressionWriter, x: Ref) -> Ref:
    return w("log", w("add", x, w("sqrt", w("mul", w("sub", x, 1), w("add", x, 1)))))


def _area_tangent(w: ExpressionWriter, x: Ref) -> Ref:
    return w("mul", w("log", w("div", w("add", x, 1), w("sub", 1, x))), 0.5)


_SAME = """add less less_equal greater greater_equal equal not_equal where abs sign sqrt exp log sigmoid tanh erf sin
cos atan floor trunc round ceil"""

FORMS: Mapping[str, Form] = {
    **{name: _plain(name) for name in _SAME.split()},
    "subtract": _plain("sub"),
    "multiply": _plain("mul"),
    "divide": _plain("div"),
    "maximum": _plain("max"),
    "minimum": _plain("min"),
    "logical_and": _plain("and"),
    "logical_or": _plain("or"),
    "logical_xor": _plain("xor"),
    "logical_not": _plain("not"),
    "negative": _plain("neg"),
    "astype": _plain("identity"),
    "power": _power,
    "square": lambda w, _call, x: w("mul", x[0], x[0]),
    "rsqrt": lambda w, _call, x: w("div", 1, w("sqrt", x[0])),
    "isnan": lambda w, _call, x: w("not_equal", x[0], x[0]),
    "isinf": lambda w, _call, x: w("equal", w("abs", x[0]), np.inf),
    "isfinite": lambda w, _call, x: w("less", w("abs", x[0]), np.inf),
    "tan": lambda w, _call, x: w("div", w("sin", x[0]), w("cos", x[0])),
    "sinh": lambda w, _call, x: _hyperbolic(w, x[0], "sub"),
    "cosh": lambda w, _call, x: _hyperbolic(w, x[0], "add"),
    "asin": lambda w, _call, x: _arcsine(w, x[0]),
    "acos": lambda w, _call, x: w("sub", np.pi / 2, _arcsine(w, x[0])),
    "asinh": lambda w, _call, x: _area_sine(w, x[0]),
    "acosh": lambda w, _call, x: _area_cosine(w, x[0]),
    "atanh": lambda w, _call, x: _area_tangent(w, x[0]),
    "nn.relu": lambda w, _call, x: w("max", x[0], 0),
    "nn.relu6": lambda w, _call, x: w("min", w("max", x[0], 0), 6),
    "nn.silu": lambda w, _call, x: w("mul", x[0], w("sigmoid", x[0])),
    "nn.gelu": _gelu,
    "nn.gelu_tanh": _gelu_tanh,
    "nn.leakyrelu": _leaky_relu,
    "nn.prelu": _prelu,
    "nn.selu": _selu,
    "nn.softplus": _softplus,
}
"""What Relax operators are, by their names without ``relax.``."""
