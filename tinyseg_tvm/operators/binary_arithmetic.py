"""Binary arithmetic of quantised values in ONNX float32 semantics, for Elementwise and ElementwiseConstant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyseg_tvm.operators.requantize import dequantize

_FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {"add": np.add, "sub": np.subtract, "mul": np.multiply}

Quantized = tuple[np.ndarray, float, int]  # values, scale, zero point


def expect_function(function: str) -> None:
    """Raises ValueError unless ``function`` is one of ``add``, ``sub``, ``mul``."""
    if function not in _FUNCTIONS:
        raise ValueError(f"function {function!r} is none of {', '.join(_FUNCTIONS)}")


def binary(function: str, lhs: Quantized, rhs: Quantized, output: tuple[float, int, int, int]) -> np.ndarray:
    """``clip(round_half_even(f(lhs', rhs') / scale) + zero_point, minimum, maximum)``, each operation in float32.

    Args:
        function: ``add``, ``sub`` or ``mul``.
        lhs: int8 values, scale, zero point.
        rhs: the same; the values broadcast against those of ``lhs``.
        output: scale, zero point, minimum, maximum.

    Returns:
        int8 values of the broadcast shape.
    """
    scale, zero_point, minimum, maximum = output
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        real = _FUNCTIONS[function](dequantize(*lhs), dequantize(*rhs))
        rounded = np.rint(np.asarray(real, np.float32) / np.float32(scale))
    rounded = np.nan_to_num(np.clip(rounded, minimum - zero_point, maximum - zero_point))
    return np.asarray(rounded.astype(np.int32) + zero_point).astype(np.int8)
