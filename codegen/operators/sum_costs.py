"""What weighted sums cost by the kernels that are written once for all cores."""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.operators.arithmetic import WeightedSum, requantize_cycles
from tinyseg_tvm.codegen.operators.emission import NodeView
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.matmul import Matmul

WIDE_WEIGHTS_FACTOR = 1.15  # what products take by weights of two bytes, which flash gives half as many of at a time
ARMV6M_FACTOR = 2.3  # what products of the portable kernels take on Armv6-M, of what they take elsewhere


def cycles_per_mac(core: Core, with_fpu: float) -> float:
    """Estimated cycles of a multiply-add in float32 with its loads, given those of a core with an FPU."""
    if core.has_fpu:
        return with_fpu
    return 110.0 if core.has_wide_multiply else 260.0


def sum_cost(cycles_per_mac: float, view: NodeView[WeightedSum], wide_overhead: float = 0.0) -> Cost:
    """Products of integers, and a requantisation per result."""
    outputs = view.outputs[0].elements / max(view.access.steps, 1)
    if view.constants["weight"].dtype == np.int16:
        cycles_per_mac *= WIDE_WEIGHTS_FACTOR
    if not view.core.has_wide_multiply:
        cycles_per_mac *= ARMV6M_FACTOR
    cycles = cycles_per_mac * view.macs_per_step + (requantize_cycles(view.core) + 12 + wide_overhead) * outputs
    return Cost(0, round(cycles) + 100)


def product_cost(cycles: float, view: NodeView[Matmul]) -> Cost:
    """Products of two activations: cycles of each on a core with an FPU, or of integers, and a result per sum."""
    outputs = view.outputs[0].elements / max(view.access.steps, 1)
    if view.inputs[0].dtype == "float32":
        return Cost(0, round(cycles_per_mac(view.core, cycles) * view.macs_per_step + 12 * outputs) + 100)
    if not view.core.has_wide_multiply:
        cycles *= ARMV6M_FACTOR
    return Cost(0, round(cycles * view.macs_per_step + (requantize_cycles(view.core) + 16) * outputs) + 100)


def float_sum_cost(with_fpu: float, view: NodeView[WeightedSum], per_result: float = 12.0, once: int = 100) -> Cost:
    """Products in float32, given the cycles of each on a core with an FPU, and what each result and a step take."""
    outputs = view.outputs[0].elements / max(view.access.steps, 1)
    return Cost(0, round(cycles_per_mac(view.core, with_fpu) * view.macs_per_step + per_result * outputs) + once)
