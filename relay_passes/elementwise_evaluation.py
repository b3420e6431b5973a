"""Elementwise Relax operators evaluated in NumPy: the float32 semantics behind tables and folded constants.

Arithmetic is float32 with one rounding per operation. Transcendental functions are computed in float64 and rounded
once, so that a table does not depend on the host's float32 mathematics library.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinyseg_tvm.relay_passes.expressions import Call, Expr, is_constant

Array = Any  # np.ndarray of any element type
_erf = np.vectorize(math.erf, otypes=[np.float64])


def _rounded(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    def evaluate(x: Array) -> Array:
        return np.asarray(function(x.astype(np.float64))).astype(x.dtype)

    return evaluate


def _sigmoid(x: Array) -> Array:
    exponential = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + exponential), exponential / (1 + exponential))


def _gelu(x: Array) -> Array:
    return x * 0.5 * (1 + _erf(x / math.sqrt(2)))


def _gelu_tanh(x: Array) -> Array:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def _selu(x: Array) -> Array:
    alpha, gamma = 1.67326319217681884765625, 1.05070102214813232421875  # defaults of ONNX Selu
    return gamma * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _round(x: Array) -> Array:
    return np.rint(x)


_UNARY: dict[str, Callable[[Array], Array]] = {
    "negative": np.negative,
    "abs": np.abs,
    "sign": np.sign,
    "ceil": np.ceil,
    "floor": np.floor,
    "round": _round,
    "trunc": np.trunc,
    "square": np.square,
    "isnan": np.isnan,
    "isinf": np.isinf,
    "isfinite": np.isfinite,
    "logical_not": np.logical_not,
    "nn.relu": lambda x: np.maximum(x, x.dtype.type(0)),
    "nn.relu6": lambda x: np.clip(x, x.dtype.type(0), x.dtype.type(6)),
    "exp": _rounded(np.exp),
    "log": _rounded(np.log),
    "sqrt": np.sqrt,
    "rsqrt": _rounded(lambda x: 1 / np.sqrt(x)),
    "sigmoid": _rounded(_sigmoid),
    "tanh": _rounded(np.tanh),
    "sinh": _rounded(np.sinh),
    "cosh": _rounded(np.cosh),
    "sin": _rounded(np.sin),
    "cos": _rounded(np.cos),
    "tan": _rounded(np.tan),
    "asin": _rounded(np.arcsin),
    "acos": _rounded(np.arccos),
    "atan": _rounded(np.arctan),
    "asinh": _rounded(np.arcsinh),
    "acosh": _rounded(np.arccosh),
    "atanh": _rounded(np.arctanh),
    "erf": _rounded(_erf),
    "nn.gelu": _rounded(_gelu),
    "nn.gelu_tanh": _rounded(_gelu_tanh),
    "nn.silu": _rounded(lambda x: x * _sigmoid(x)),
    "nn.selu": _rounded(_selu),
}

_BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.true_divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "power": lambda x, y: np.power(x.astype(np.float64), y.astype(np.float64)).astype(x.dtype),
    "floor_divide": np.floor_divide,
    "floor_mod": np.mod,
    "mod": np.fmod,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
}

_WITH_ATTRIBUTES = {"clip", "nn.leakyrelu", "nn.prelu", "nn.softplus", "where", "astype"}

ELEMENTWISE = frozenset(_UNARY) | frozenset(_BINARY) | _WITH_ATTRIBUTES
"""Names, without ``relax.``, of the operators that ``evaluate`` knows."""


def operator_name(call: Call) -> str:
    """The operator's name without ``relax.``."""
    return str(call.op.name).removeprefix("relax.")


def tensor_operands(call: Call) -> list[Expr]:
    """The operands of an elementwise call that are tensors; the bounds of a clip are not."""
    return [call.args[0]] if operator_name(call) == "clip" else list(call.args)


def is_elementwise(call: Call) -> bool:
    """True where ``evaluate`` can compute the call; a PRelu only with a single slope."""
    name = operator_name(call)
    if name == "nn.prelu":
        return is_constant(call.args[1]) and np.ptp(call.args[1].value.numpy()) == 0
    return name in ELEMENTWISE


def evaluate(call: Call, operands: Sequence[Array]) -> Array:
    """The value of an elementwise call on arrays for ``tensor_operands(call)``."""
    name = operator_name(call)
    with np.errstate(all="ignore"):
        if name in _UNARY:
            return np.asarray(_UNARY[name](operands[0]))
        if name in _BINARY:
            return np.asarray(_BINARY[name](operands[0], operands[1]))
        return np.asarray(_evaluate_with_attributes(name, call, operands))


def clip_bounds(call: Call) -> tuple[float, float]:
    """The bounds of a ``relax.clip`` call."""
    return float(call.args[1].value), float(call.args[2].value)


def _evaluate_with_attributes(name: str, call: Call, operands: Sequence[Array]) -> Array:
    x = operands[0]
    if name == "clip":
        low, high = clip_bounds(call)
        return np.minimum(np.maximum(x, x.dtype.type(low)), x.dtype.type(high))
    if name == "nn.leakyrelu":
        return np.where(x > 0, x, x * x.dtype.type(call.attrs.alpha))
    if name == "nn.prelu":
        return np.where(x >= 0, x, x * x.dtype.type(operands[1].flat[0]))
    if name == "nn.softplus":
        beta, threshold = float(call.attrs.beta), float(call.attrs.threshold)
        scaled = x.astype(np.float64) * beta
        return np.where(scaled > threshold, x, np.log1p(np.exp(np.minimum(scaled, threshold))) / beta).astype(x.dtype)
    if name == "astype":
        return x.astype(str(call.attrs.dtype))
    return np.where(operands[0], operands[1], operands[2])  # where
