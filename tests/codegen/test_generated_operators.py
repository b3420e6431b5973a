"""Generated C of every operator kind equals its reference bit for bit, built with sanitizers.

Many random instances share one project, since compiling is what takes time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st

from tests.codegen.harness import (
    NetworkBuilder,
    assert_equal_to_reference,
    build,
    problem_of,
    spread_plan,
    streamed_plan,
)
from tests.operators.operator_cases import CASES, Case
from tinyseg_tvm.codegen.operators import KINDS
from tinyseg_tvm.network.problem import IoMode

RULE = "onnx"  # of cases that name no other, and with which those of float32 and int16 go together


def rule_of(case: str) -> str:
    """The rule of requantisation of a project that has the case: it can have one."""
    rule = case.partition(" ")[2].removesuffix(" int16") or RULE
    return RULE if rule in ("float32", "expressed", "int16") else rule


def cases_by(rule: str) -> list[str]:
    """Names of the cases that one project may have."""
    return [case for case in sorted(CASES) if rule_of(case) == rule]


def batch(examples: int):
    return settings(
        max_examples=examples,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )


def check(cases: list[tuple[str, Case]], directory: Path, streamed: bool, io: IoMode) -> None:
    builder = NetworkBuilder("net")
    inputs: list[np.ndarray] = []
    for number, (kind, case) in enumerate(cases):
        names = [builder.input(f"x{number}_{k}", t) for k, t in enumerate(case.input_types)]
        inputs += case.inputs
        builder.node(f"{kind}_{number}", case.operator, names, **case.constants)
        for result in builder.nodes[-1].outputs:
            builder.output(result)
    network = builder.build()
    problem = problem_of(network, io)
    plan = streamed_plan(problem, np.random.default_rng(0)) if streamed else spread_plan(problem)
    assert_equal_to_reference(build(network, problem, plan, directory, io=io), inputs)


def test_every_kind_is_tried():
    # spill and fetch need a storage: tests/storage runs them
    assert {case.split()[0] for case in CASES} | {"opaque", "spill", "fetch"} == set(KINDS)


@pytest.mark.parametrize("rule", sorted({rule_of(case) for case in CASES}))
@pytest.mark.parametrize(
    ("streamed", "each"),
    [(True, 1), *(pytest.param(streamed, 4, marks=pytest.mark.release) for streamed in (True, False))],
    ids=["few streamed", "streamed", "whole"],
)
def test_generated_operators_equal_the_reference(streamed: bool, each: int, rule: str, tmp_path_factory):
    names = cases_by(rule)

    @batch(2)
    @given(st.tuples(*(st.tuples(*[CASES[name]()] * each) for name in names)))
    def run(kinds):
        cases = [(name, case) for name, group in zip(names, kinds, strict=True) for case in group]
        check(cases, tmp_path_factory.mktemp("operators"), streamed, "line" if streamed else "resident")

    run()


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(set(CASES) - {"constant"}))  # of constants alone no input would be left
def test_generated_operators_of_one_kind_equal_the_reference(kind: str, tmp_path_factory):
    @batch(3)
    @given(st.lists(CASES[kind](), min_size=40, max_size=40), st.booleans())
    def run(cases, streamed):
        check([(kind, case) for case in cases], tmp_path_factory.mktemp(kind), streamed, "resident")

    run()
