"""Which kernels take which rule: portable ones all of integers, those for some cores the one they were written for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.codegen.harness import HOST, NetworkBuilder, problem_of, spread_plan
from tests.kernels.kernel_cases import accepted_case
from tinyseg_tvm.codegen import Core, generate
from tinyseg_tvm.codegen.library import rules
from tinyseg_tvm.codegen.operators import NodeView, variant_costs
from tinyseg_tvm.codegen.text import runtime_files
from tinyseg_tvm.codegen.text.runtime_files import runtime_text
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.operators import Dense, TensorType
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


def network_by(*rules: Any) -> Network:
    """Pointwise dense layers, one after the other, one by each of the rules."""
    builder = NetworkBuilder("by_rules")
    x = builder.input("x", TensorType((1, 4), "int8"))
    constants: dict[str, np.ndarray] = {
        "weight": np.ones((4, 4), np.int8),
        "bias": np.zeros(4, np.int32),
        "multiplier": np.full(4, 0.25, np.float32),
    }
    for number, rule in enumerate(rules):
        x = builder.node(f"dense{number}", Dense(False, rule(0, 0, -128, 127)), [x], **constants)
    builder.output(x)
    return builder.build()


def runtime_of(network: Network) -> dict[str, str]:
    problem = problem_of(network)
    files = generate(network, problem, spread_plan(problem), name="net", core=HOST, io="resident", metadata={})
    return {path: text.decode() for path, text in files.items() if path.startswith("runtime/")}


def test_a_project_of_another_rule_says_so_to_its_kernels_and_has_the_header_of_the_rule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = runtime_text("tinyseg_requantize.h")
    include = '#if defined(TINYSEG_RULE_ANOTHER)\n#include "tinyseg_crc32.h"\n#endif\n'  # some header stands for it

    def changed(name: str) -> str:
        return runtime_text(name) + (include if name == "tinyseg_requantize.h" else "")

    for module in (runtime_files, rules):
        monkeypatch.setattr(module, "runtime_text", changed)
    onnx_alone, another = (runtime_of(network_by(rule)) for rule in (onnx.WeightedSum, AnotherRule))
    assert onnx_alone["runtime/tinyseg_requantize.h"] == text + include
    assert another["runtime/tinyseg_requantize.h"].count("#define TINYSEG_RULE_ANOTHER\n") == 1
    assert "runtime/tinyseg_crc32.h" in another
    assert "runtime/tinyseg_crc32.h" not in onnx_alone


def test_two_rules_in_one_project_are_refused() -> None:
    with pytest.raises(TinySegError, match="one rule, not by another and onnx"):
        runtime_of(network_by(onnx.WeightedSum, AnotherRule))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("core", CORES, ids=lambda core: core.name)
def test_float32_gets_its_own_kernels_alone(kind: str, core: Core) -> None:
    names = kernels(kind, core, float32.WeightedSum(0.0, 6.0), real=True)
    assert {name.split()[-1] for name in names} == {"float32"}
