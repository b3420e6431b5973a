"""What the multipliers and sums of the rule ``tflite`` must stay within."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tinyseg_tvm.operators.arithmetic import accumulators as sums
from tinyseg_tvm.operators.arithmetic.tflite_functions import MOST_WIDE_SHIFT, WIDE_SUM


def expect_wide_sums(constants: Mapping[str, np.ndarray], input_zero_point: int) -> None:
    """Raises ValueError where sums of int16 values, or shifts, leave what ``multiplied_once`` is defined for."""
    least, most = sums.extreme_accumulators(constants["weight"], constants["bias"], input_zero_point, "int16")
    bad = np.flatnonzero((most >= WIDE_SUM) | (least < -WIDE_SUM) | (constants["shift"] >= MOST_WIDE_SHIFT))
    if bad.size:
        raise ValueError(
            f"the sum of output channel {bad[0]} can leave 48 bits, or its multiplier is {MOST_WIDE_SHIFT} bits too "
            "large (check the scales)"
        )


def expect_multipliers(multiplier: np.ndarray, shift: np.ndarray) -> None:
    """Raises ValueError unless all are as ``quantize_multiplier`` makes them, and shifts stay inside of int32."""
    sound = ((multiplier >= 1 << 30) & (shift >= -31) & (shift <= 30)) | ((multiplier == 0) & (shift == 0))
    bad = np.flatnonzero(~sound)
    if bad.size:
        raise ValueError(
            f"the multiplier of output channel {bad[0]} is {multiplier[bad[0]]} * 2^({shift[bad[0]]} - 31), beyond "
            "fixed point (check the scales)"
        )
