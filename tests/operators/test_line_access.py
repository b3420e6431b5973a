"""Line accesses are complete (other lines do not matter) and exact (a listed line matters)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.operators.operator_cases import CASES, Case, array_of
from tinyseg_tvm.operators import OPERATORS, LineAccess, TensorType
from tinyseg_tvm.operators.arithmetic.float32 import FLOAT32_MAX

QUICK = settings(max_examples=40, suppress_health_check=list(HealthCheck))


def lines_of(array: np.ndarray, kind: TensorType) -> np.ndarray:
    """The array as (lines, line elements): a view, since lines are in memory order."""
    return array.reshape(kind.lines, kind.line_elements)


def access_of(case: Case) -> LineAccess:
    return case.operator.line_access(case.input_types, case.output_types, case.constants)


def seen_until(access: LineAccess, operand: int, step: int) -> set[int]:
    """Lines whose content step ``step`` may use: its own, and with state those of the steps before."""
    steps = range(step + 1) if access.state_bytes else (step,)
    return {line for s in steps for line in access.reads[operand][s]}


def test_every_operator_kind_has_cases():
    # spill and fetch move lines ahead of their use; tests/storage runs them as firmware
    assert {case.split()[0] for case in CASES} | {"spill", "fetch"} == set(OPERATORS)


@pytest.mark.parametrize("kind", sorted(CASES))
def test_results_have_the_inferred_types(kind):
    @QUICK
    @given(CASES[kind]())
    def check(case):
        for array, expected in zip(case.run(), case.output_types, strict=True):
            assert (array.shape, str(array.dtype)) == (expected.shape, expected.dtype)
            assert array.flags.c_contiguous

    check()


@pytest.mark.parametrize("kind", sorted(CASES))
def test_accesses_are_well_formed(kind):
    @QUICK
    @given(CASES[kind]())
    def check(case):
        access = access_of(case)
        assert len(access.reads) == len(access.whole_reads) == len(case.inputs)
        assert len(access.writes) == len(access.whole_writes) == len(case.output_types)
        for operand, steps in zip(case.input_types, access.reads, strict=True):
            assert len(steps) == access.steps
            for lines in steps:
                assert list(lines) == sorted(set(lines))
                assert all(0 <= line < operand.lines for line in lines)
                assert all(type(line) is int for line in lines)
        for result, steps in zip(case.output_types, access.writes, strict=True):
            assert len(steps) == access.steps
            assert [line for lines in steps for line in lines] == list(range(result.lines))

    check()


@pytest.mark.parametrize("kind", sorted(CASES))
def test_lines_that_are_not_listed_do_not_matter(kind):
    @QUICK
    @given(CASES[kind](), st.integers(0, 2**32 - 1))
    def check(case, seed):
        rng = np.random.default_rng(seed)
        access, types = access_of(case), case.output_types
        expected = case.run()
        for step in range(access.steps):
            poisoned = []
            for operand, (array, kind_of) in enumerate(zip(case.inputs, case.input_types, strict=True)):
                other = array_of(rng, array.shape, str(array.dtype))
                seen = sorted(seen_until(access, operand, step))
                lines_of(other, kind_of)[seen] = lines_of(array, kind_of)[seen]
                poisoned.append(other)
            results = replace(case, inputs=tuple(poisoned)).run()
            for result, (array, wanted, kind_of) in enumerate(zip(results, expected, types, strict=True)):
                written = list(access.writes[result][step])
                np.testing.assert_array_equal(lines_of(array, kind_of)[written], lines_of(wanted, kind_of)[written])

    check()


def replaced(value: Any, fields: dict[str, object]) -> Any:
    """A dataclass with those of ``fields`` that it has."""
    return replace(value, **{name: field for name, field in fields.items() if hasattr(value, name)})


def sensitive(case: Case) -> Case:
    """The case made such that every listed line matters: no saturation, no tiny weights, wide maps, many classes."""
    operator, inputs, constants = case.operator, case.inputs, dict(case.constants)
    neutral = {"input_zero_point": 0, "output_zero_point": 0, "output_min": -128, "output_max": 127, "function": "add"}
    if operator.kind == "global_pool":
        del neutral["function"]
    if case.inputs[0].dtype == "float32" and operator.kind != "resize2d":
        neutral |= {"output_min": -FLOAT32_MAX, "output_max": FLOAT32_MAX, "low": -FLOAT32_MAX, "high": FLOAT32_MAX}
        inputs = tuple(np.clip(array, -100, 100) for array in inputs)
        constants = {name: np.sign(array) + np.sign(array + 1e-3) / 2 for name, array in constants.items()}
        constants = {name: array.astype(np.float32) for name, array in constants.items()}
    operator = replaced(operator, neutral)
    rule = getattr(operator, "arithmetic", None)
    if rule is not None:
        operator = replace(operator, arithmetic=replaced(rule, neutral))
    if operator.kind in ("conv2d", "conv2d_transpose", "max_pool2d", "average_pool2d"):
        inputs = tuple(np.tile(array, (1, 1, 12, 1)) for array in inputs)
    if operator.kind in ("softmax", "argmax"):
        inputs = tuple(np.tile(array, (*(1,) * (array.ndim - 1), 4)) for array in inputs)
    if operator.kind == "gather":  # rows that differ
        shape = constants["table"].shape
        constants["table"] = np.arange(2 * np.prod(shape)).reshape(2 * shape[0], *shape[1:]).astype(np.int16)
    if "multiplier" in constants:
        total = np.abs(constants["weight"].reshape(len(constants["bias"]), -1).astype(int)).sum(axis=1)
        constants["multiplier"] = (1 / total).astype(np.float32)
        constants["bias"] = np.zeros_like(constants["bias"])
    if operator.kind == "resize2d" and rule is not None:
        operator = replace(operator, arithmetic=replace(operator.arithmetic, output_scale=rule.input_scale))
    if operator.kind == "softmax" and "table" in constants:
        constants["table"] = np.exp(-np.arange(256) * 0.01).astype(np.float32)
        operator = replace(operator, arithmetic=replace(operator.arithmetic, output_scale=1 / 100))
    return Case(operator, inputs, constants)


def matters(case: Case, access: LineAccess, operand: int, step: int, line: int) -> bool:
    """Whether the line's content changes what the step writes (with state: what the last step writes)."""
    kind = case.input_types[operand]
    last = access.steps - 1 if access.state_bytes else step
    array = case.inputs[operand]
    rng = np.random.default_rng(line)
    seen = set()
    for trial in range(16):
        changed = array.copy()
        content = (
            np.full(kind.line_elements, (-128, 127)[trial])
            if trial < 2
            else rng.choice([-128, 127], kind.line_elements)
        )
        lines_of(changed, kind)[line] = content.astype(np.int8).astype(array.dtype)
        outputs = replace(case, inputs=(*case.inputs[:operand], changed, *case.inputs[operand + 1 :])).run()
        seen.add(
            tuple(
                lines_of(result, kind_of)[list(lines[last])].tobytes()
                for result, kind_of, lines in zip(outputs, case.output_types, access.writes, strict=True)
            )
        )
        if len(seen) > 1:
            return True
    return False


@pytest.mark.parametrize("kind", sorted(CASES))
def test_listed_lines_matter(kind):
    @settings(QUICK, max_examples=25)
    @given(CASES[kind]())
    def check(case):
        case = sensitive(case)
        access = access_of(case)
        for operand in range(len(case.inputs)):
            if kind == "slice" and access.whole_reads[operand]:
                continue  # takes the whole tensor, uses a part
            for step in range(access.steps):
                for line in access.reads[operand][step]:
                    if kind == "resize2d" and 0 < case.constants["row_weights"][step].min() < 100:
                        continue  # below one unit of the result
                    assert matters(case, access, operand, step, line), (operand, step, line)

    check()


@pytest.mark.parametrize("kind", sorted(CASES))
def test_in_place_operands_have_lines_as_large_as_the_result_or_are_taken_whole(kind):
    @QUICK
    @given(CASES[kind]())
    def check(case):
        access = access_of(case)
        for operand in case.operator.in_place(case.input_types, case.output_types):
            source, result = case.input_types[operand], case.output_types[0]
            if access.whole_reads[operand]:
                assert source.bytes == result.bytes
            else:
                assert source.line_bytes == result.line_bytes

    check()
