"""The activations of recurrent cells, each a fixed sequence of float32 operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.operators.arithmetic.elementary_functions import sigmoid, tanh
from tinyseg_tvm.operators.arithmetic.float32_functions import exponential, fused_multiply_add

f32 = np.float32


@dataclass(frozen=True)
class Activation:
    """A function of ONNX's recurrent operators.

    Attributes:
        name: one of ``FUNCTIONS``.
        alpha, beta: its parameters, where it has them.
    """

    name: str
    alpha: float = 0.0
    beta: float = 0.0

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Of float32 values."""
        with np.errstate(all="ignore"):
            return np.asarray(FUNCTIONS[self.name](x, f32(self.alpha), f32(self.beta)))


Function = Callable[[np.ndarray, np.float32, np.float32], np.ndarray]


def _affine(x: np.ndarray, alpha: np.float32, beta: np.float32) -> np.ndarray:
    return fused_multiply_add(x, np.asarray(alpha), np.asarray(beta))


def _hard_sigmoid(x: np.ndarray, alpha: np.float32, beta: np.float32) -> np.ndarray:
    y = _affine(x, alpha, beta)
    y = np.where(y > f32(0), y, f32(0))
    return np.where(y < f32(1), y, f32(1))


FUNCTIONS: dict[str, Function] = {
    "sigmoid": lambda x, _a, _b: sigmoid(x),
    "tanh": lambda x, _a, _b: tanh(x),
    "relu": lambda x, _a, _b: np.where(x > f32(0), x, f32(0)),
    "hardsigmoid": _hard_sigmoid,
    "leakyrelu": lambda x, a, _b: np.where(x < f32(0), a * x, x),
    "thresholdedrelu": lambda x, a, _b: np.where(x < a, f32(0), x),
    "affine": _affine,
    "scaledtanh": lambda x, a, b: a * tanh(b * x),
    "elu": lambda x, a, _b: np.where(x < f32(0), a * (exponential(np.minimum(x, f32(0))) - f32(1)), x),
    "softsign": lambda x, _a, _b: x / (f32(1) + np.abs(x)),
}
"""By ONNX's name in lower case. Their order is that of the C enumeration."""
