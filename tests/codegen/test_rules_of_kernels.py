"""Which kernels take which rule: portable ones all of integers, those for some cores the one they were written for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.codegen.harness import NetworkBuilder
from tests.kernels.kernel_cases import accepted_case
from tinyseg_tvm.codegen import Core
from tinyseg_tvm.codegen.operators import NodeView, variant_costs
from tinyseg_tvm.operators import TensorType
from tinyseg_tvm.operators.arithmetic import float32, onnx

CORES = [
    Core("cortex-m4", has_dsp=True, has_fpu=True),
    Core("cortex-m55", has_dsp=True, has_mve=True, has_fpu=True),
    Core("cortex-m3"),
    Core("cortex-m0", has_wide_multiply=False),
]
KINDS = ["conv2d", "depthwise", "conv2d_transpose", "dense"]


class AnotherRule(onnx.WeightedSum):
    """A rule of integers that no kernel for some cores knows."""

    rule = "another"


def kernels(kind: str, core: Core, arithmetic: Any, *, real: bool = False) -> set[str]:
    """Names of all that compute some nodes of a kind."""
    rng = np.random.default_rng(5)
    names: set[str] = set()
    for number in range(6):
        case = accepted_case(kind, rng)
        builder = NetworkBuilder(f"one{number}")
        dtype = "float32" if real else "int8"
        operands = [builder.input(f"x{i}", TensorType(x.shape, dtype)) for i, x in enumerate(case.inputs)]
        constants = dict(case.constants)
        if real:
            constants = {name: constants[name].astype(np.float32) for name in ("weight", "bias")}
        operator: Any = case.operator
        if arithmetic is not None:
            operator = replace(operator, arithmetic=arithmetic)
        builder.output(builder.node("node", operator, operands, **constants))
        network = builder.build()
        names |= {variant.name for variant, _ in variant_costs(NodeView.of(network.nodes[0], network, core))}
    return names


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("core", CORES, ids=lambda core: core.name)
def test_another_rule_of_integers_gets_portable_kernels_alone(kind: str, core: Core) -> None:
    if core.has_wide_multiply:
        assert any(not name.endswith("portable") for name in kernels(kind, core, None))
    names = kernels(kind, core, AnotherRule(3, -5, -128, 127))
    assert {name.split()[-1] for name in names} == {"portable"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("core", CORES, ids=lambda core: core.name)
def test_float32_gets_its_own_kernels_alone(kind: str, core: Core) -> None:
    names = kernels(kind, core, float32.WeightedSum(0.0, 6.0), real=True)
    assert {name.split()[-1] for name in names} == {"float32"}
