"""What the emitters of float32 operators share: the clamp, the order of weights, cycles of the arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.operators.emission import FunctionWriter
from tinyseg_tvm.codegen.operators.weight_packing import BLOCK, pack_convolution
from tinyseg_tvm.codegen.text.c_text import c_float
from tinyseg_tvm.operators.arithmetic.float32 import FLOAT32_MAX

MODULES = ("tinyseg_fma_f32",)
"""Runtime modules of every kernel that multiplies and adds or clamps."""


def clamp_value(operator: Any) -> tuple[str, ...]:
    """Initialiser of ``tinyseg_clamp_f32`` for an operator's ``output_min`` and ``output_max``."""
    low, high = operator.output_min, operator.output_max
    unbounded = high >= FLOAT32_MAX
    if unbounded and low <= -FLOAT32_MAX:
        kind = "TINYSEG_ANY_F32"
    else:
        kind = "TINYSEG_RELU_F32" if unbounded and low == 0 else "TINYSEG_CLIP_F32"
    return (kind, c_float(low), c_float(high))


def pack_weights(weight: np.ndarray, groups: int, piece_channels: Sequence[int]) -> np.ndarray:
    """(O, KH, KW, I / groups) in the order of ``tinyseg_conv2d_f32``."""
    per_group = weight.shape[0] // groups
    if per_group > BLOCK and per_group % BLOCK == BLOCK - 1:  # the last block repeats a channel
        rows = [*range(per_group - BLOCK + 1), *range(per_group - BLOCK, per_group)]
        grouped = weight.reshape(groups, per_group, *weight.shape[1:])
        weight = grouped[:, rows].reshape(-1, *weight.shape[1:])
    return pack_convolution(weight, groups, piece_channels)


def cycles_per_mac(core: Core, with_fpu: float) -> float:
    """Estimated cycles of a multiply-add with its loads, given those of a core with an FPU."""
    if core.has_fpu:
        return with_fpu
    return 110.0 if core.has_wide_multiply else 260.0


def use(out: FunctionWriter, module: str) -> None:
    """Name a kernel's module and those that it needs."""
    out.modules.update((module, *MODULES))
