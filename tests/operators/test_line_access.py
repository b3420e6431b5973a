"""Line accesses are complete (other lines do not matter) and exact (a listed line matters)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.operators.operator_cases import CASES, Case, array_of, of_type
from tinyseg_tvm.operators import OPERATORS, LineAccess, Pointwise, Reduce, TensorType, Unary
from tinyseg_tvm.operators.arithmetic import onnx, tflite
from tinyseg_tvm.operators.arithmetic.float32 import FLOAT32_MAX
from tinyseg_tvm.operators.arithmetic.tflite_functions import quantize_multiplier
from tinyseg_tvm.operators.arithmetic.tflite_unary import IDENTITY
from tinyseg_tvm.operators.integer_lstm import IntegerLstm
from tinyseg_tvm.operators.matmul import Matmul
from tinyseg_tvm.operators.max_unpool2d import MaxUnpool2d
from tinyseg_tvm.operators.recurrent import Recurrent

QUICK = settings(max_examples=20, suppress_health_check=list(HealthCheck))


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


def large(constant: np.ndarray) -> np.ndarray:
    """float32 constants with the same signs, none of them small."""
    if constant.dtype != np.float32:
        return constant
    return np.asarray(np.sign(constant) + np.sign(constant + 1e-3) / 2, np.float32)


def all_positions(operator: MaxUnpool2d, inputs: Sequence[np.ndarray]) -> tuple[MaxUnpool2d, tuple[np.ndarray, ...]]:
    """Wide maps with every position in each row, the same ones in all rows."""
    values = np.tile(inputs[0], (1, 1, 12, 1))
    positions = np.broadcast_to(np.arange(values.shape[2])[:, np.newaxis], values.shape) % np.prod(operator.kernel)
    width = values.shape[2] * operator.strides[1] + operator.kernel[1]
    return replace(operator, extent=(operator.extent[0], width)), (values, positions.astype(np.uint8))


def widened(kind: str, inputs: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Wide maps, and many classes."""
    if kind in ("conv2d", "conv2d_transpose", "max_pool2d", "average_pool2d", "max_positions"):
        part = 2 if kind == "max_pool2d" else 1  # none is the largest there is
        return tuple(np.tile((array / part).astype(array.dtype), (1, 1, 12, 1)) for array in inputs)
    if kind in ("softmax", "argmax", "l2_normalize"):
        return tuple(np.tile(array, (*(1,) * (array.ndim - 1), 4)) for array in inputs)
    return tuple(inputs)


def unsaturated(case: Case) -> Case:
    """A recurrent layer in which nothing is saturated, and every state depends on the one before."""
    operator, constants = of_type(case.operator, Recurrent), {**case.constants}
    functions = {"lstm": ("sigmoid", "tanh", "tanh"), "gru": ("sigmoid", "tanh"), "rnn": ("tanh",)}[operator.cell]
    for name, size in (("weight", 0.002), ("recurrence", 0.5)):
        negative = constants[name] < 0
        if operator.quantized:
            constants[name] = np.where(negative, np.int8(-100), np.int8(100))
            constants[f"{name}_scale"] = np.full_like(constants[f"{name}_scale"], size / 100)
        else:
            constants[name] = np.where(negative, np.float32(-size), np.float32(size))
    return Case(replace(operator, functions=functions, clip=0.0), case.inputs, constants)


def full_matrices(case: Case) -> Case:
    """A product of matrices without zeros, which would hide the other operand, and of sums that int8 has room for."""
    operator = of_type(case.operator, Matmul)
    inputs = tuple(np.where(array < 0, array.dtype.type(-100), array.dtype.type(100)) for array in case.inputs)
    numbers = {"lhs_zero_point": 0, "rhs_zero_point": 0, "multiplier": 1 / (128 * inputs[0].shape[-1])}
    low, high = -FLOAT32_MAX, FLOAT32_MAX
    if inputs[0].dtype != np.float32:
        low, high = int(np.iinfo(inputs[0].dtype).min), int(np.iinfo(inputs[0].dtype).max)
    numbers |= {"output_zero_point": 0, "output_min": low, "output_max": high}
    return Case(replace(operator, arithmetic=replaced(operator.arithmetic, numbers)), inputs, case.constants)


def kept(case: Case) -> Case:
    """A function of one value that keeps each."""
    dtype, limits = str(case.inputs[0].dtype), np.iinfo(case.inputs[0].dtype)
    fields = (0, *IDENTITY, *IDENTITY, 1.0, 0, int(limits.min), int(limits.max), dtype)
    return replace(case, operator=Unary(tflite.Rescaling(*fields, dtype=dtype)))


def remembering(case: Case) -> Case:
    """An LSTM in integers whose gates are open, so that cells keep what they were and take in each line."""
    operator, constants = of_type(case.operator, IntegerLstm), {**case.constants}
    wide = operator.arithmetic.dtype == "int16"
    for name in ("weight", "recurrence"):
        constants[name] = np.full_like(constants[name], 64)
    real = np.full(8, 8 / 64 / case.inputs[0].shape[1] / (256 if wide else 1))
    constants["multiplier"], constants["shift"] = quantize_multiplier(real)
    constants["bias"] = np.zeros_like(constants["bias"])
    arithmetic = replace(operator.arithmetic, input_zero_point=0, hidden_zero_point=0, cell_exponent=-15, cell_clip=0)
    return Case(replace(operator, arithmetic=arithmetic), case.inputs, constants)


OWN: dict[str, Callable[[Case], Case]] = {
    "recurrent": unsaturated,
    "integer_lstm": remembering,
    "matmul": full_matrices,
    "unary": kept,
}


def neutral_fields(case: Case) -> dict[str, object]:
    """Attributes by which nothing saturates, and every operand counts."""
    fields: dict[str, object] = {"input_zero_point": 0, "output_zero_point": 0, "output_min": -128, "output_max": 127}
    if case.operator.kind != "global_pool":
        fields["function"] = "add"
    if isinstance(case.operator, Reduce):
        fields["function"] = case.operator.function if case.operator.arithmetic is None else "mean"
        fields["output_scale"] = getattr(case.operator.arithmetic, "input_scale", 0)
    if case.operator.kind == "requantize":
        limits = np.iinfo(case.output_types[0].dtype)
        fields |= {"output_min": int(limits.min), "output_max": int(limits.max)}
    elif case.inputs[0].dtype == np.int16:
        fields |= {"low": -32768, "high": 32767, "output_min": -32768, "output_max": 32767}
    return fields


def plainly_expressed(operator: Any, operands: tuple[str, ...]) -> Any:
    """The operator with an expression that hides nothing: the sum of all operands, or the sum as it is."""
    if isinstance(operator, Pointwise):
        sums = [f"add {'t' + str(number - 1) if number else 0} {name}" for number, name in enumerate(operands)]
        return Pointwise("; ".join(sums), "float32")
    if isinstance(getattr(operator, "arithmetic", None), onnx.ExpressedSum):
        return replace(operator, arithmetic=onnx.ExpressedSum(0, onnx.SUMS_AS_THEY_ARE, "float32"))
    return operator


def narrow_fields(rule: object) -> dict[str, Any]:
    """Fields of the rule ``tflite`` by which results lie within their type."""
    if isinstance(rule, tflite.Binary):
        return {"lhs_scale": 0.1, "rhs_scale": 0.07, "output_scale": 0.2, "powers_of_two": False}
    return {"rescaled": "mean"} if isinstance(rule, tflite.Average) and rule.rescaled == "sum" else {}


def moderate(case: Case) -> tuple[np.ndarray, ...]:
    """The operands, where a sum or an extreme depends on them without any beyond what a line is changed to."""
    extremes = case.operator.kind in ("reduce", "global_pool", "max_pool2d")
    if extremes or (case.inputs[0].dtype == "float32" and case.operator.kind != "resize2d"):
        return tuple(np.asarray(np.clip(array, -100, 100)) for array in case.inputs)
    return case.inputs


def sensitive(case: Case) -> Case:
    """The case made such that every listed line matters: no saturation, no tiny weights, wide maps, many classes."""
    if not case.inputs:
        return case
    if case.operator.kind in OWN:
        return OWN[case.operator.kind](case)
    operator: Any = case.operator
    inputs, constants = moderate(case), dict(case.constants)
    neutral = neutral_fields(case)
    if inputs[0].dtype == "float32" and operator.kind != "resize2d":
        neutral |= {"output_min": -FLOAT32_MAX, "output_max": FLOAT32_MAX, "low": -FLOAT32_MAX, "high": FLOAT32_MAX}
        constants = {name: large(array) for name, array in constants.items()}
    operator = replaced(operator, neutral)
    operator = plainly_expressed(operator, (*(f"x{number}" for number in range(len(inputs))), *constants))
    rule = getattr(operator, "arithmetic", None)
    if rule is not None:
        operator = replace(operator, arithmetic=replaced(rule, {**neutral, **narrow_fields(rule)}))
    if isinstance(operator, MaxUnpool2d):
        operator, inputs = all_positions(operator, inputs)
    inputs = widened(operator.kind, inputs)
    if operator.kind == "gather":  # rows that differ
        shape = constants["table"].shape
        constants["table"] = np.arange(2 * np.prod(shape)).reshape(2 * shape[0], *shape[1:]).astype(np.int16)
    constants = {name: constants[name] for name in operator.constant_names}
    if "multiplier" in constants:
        total = np.abs(constants["weight"].reshape(len(constants["bias"]), -1).astype(int)).sum(axis=1)
        multiplier, shift = quantize_multiplier(1 / total)
        fixed = {"multiplier": multiplier, "shift": shift}
        constants |= fixed if "shift" in constants else {"multiplier": (1 / total).astype(np.float32)}
        constants["bias"] = np.zeros_like(constants["bias"])
    if operator.kind == "resize2d" and rule is not None and rule.rule == "onnx":
        operator = replace(operator, arithmetic=replace(operator.arithmetic, output_scale=2 * rule.input_scale))
    if operator.kind == "softmax" and isinstance(rule, onnx.Softmax):
        if isinstance(rule, tflite.LogSoftmax):
            return Case(replace(operator, arithmetic=rule), inputs, constants | {"table": tflite.log_softmax(0.1)[1]})
        if "table" in constants:
            float_table = np.exp(-np.arange(256) * 0.01).astype(np.float32)
            fixed_table = tflite.softmax_table(0.01, 1.0)
            constants["table"] = fixed_table if constants["table"].dtype == np.int32 else float_table
        scales = replaced(operator.arithmetic, {"output_scale": 1 / 100, "input_scale": 0.01 * (rule.dtype != "int8")})
        operator = replace(operator, arithmetic=scales)
    return Case(operator, inputs, constants)


_ENDS = {"uint8": (0, 255), "int16": (-32768, 32767), "uint16": (0, 65535)}
"""The least and the greatest value of a type."""


def matters(case: Case, access: LineAccess, operand: int, step: int, line: int) -> bool:
    """Whether the line's content changes what the step writes (with state: what the last step writes)."""
    kind = case.input_types[operand]
    last = access.steps - 1 if access.state_bytes else step
    array = case.inputs[operand]
    rng = np.random.default_rng(line)
    seen = set()
    for trial in range(16):
        changed = array.copy()
        ends = _ENDS.get(str(array.dtype), (-128, 127))
        content = np.full(kind.line_elements, ends[trial]) if trial < 2 else rng.choice(ends, kind.line_elements)
        if isinstance(case.operator, MaxUnpool2d) and operand == 1:
            content = rng.integers(0, np.prod(case.operator.kernel), kind.line_elements)
        lines_of(changed, kind)[line] = content.astype(array.dtype)
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


def hides_a_line(weights: np.ndarray) -> bool:
    """Whether a row of a resized map counts for less than one unit of the result."""
    return bool(0 < weights.min() < (100 if weights.dtype == np.int32 else 0.05))


@pytest.mark.parametrize(
    "kind", sorted(CASES.keys() - {"stream_start"})
)  # which reads one line or another, by the round
def test_listed_lines_matter(kind):
    @settings(QUICK, max_examples=12)
    @given(CASES[kind]())
    def check(case):
        if not case.inputs:
            return
        case = sensitive(case)
        access = access_of(case)
        for operand in range(len(case.inputs)):
            if kind in ("select", "slice") and access.whole_reads[operand]:
                continue  # takes the whole tensor, uses a part
            for step in range(access.steps):
                for line in access.reads[operand][step]:
                    if kind.startswith("resize2d") and hides_a_line(case.constants["row_weights"][step]):
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
