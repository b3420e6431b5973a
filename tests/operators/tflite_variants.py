"""Cases of the rule ``tflite``, made of those of ``onnx``: equal geometry, operands and clamps, other results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
from hypothesis import strategies as st

from tests.operators.int16_cases import int16_array
from tests.operators.operator_cases import Case, generators, int8s, of_type, scales, shapes
from tinyseg_tvm.operators import Unary
from tinyseg_tvm.operators.arithmetic import onnx, tflite
from tinyseg_tvm.operators.arithmetic.tflite_functions import quantize_multiplier
from tinyseg_tvm.operators.integer_lstm import IntegerLstm
from tinyseg_tvm.operators.l2_normalize import L2Normalize


@st.composite
def weighted_sum(draw: Any, strategy: Callable[[], st.SearchStrategy[Case]]) -> Case:
    """Multipliers of two numbers; now and then large ones, 0, or the smallest."""
    case = draw(strategy())
    old = of_type(case.arithmetic, onnx.WeightedSum)
    once = old.dtype == "int16" and draw(st.booleans())
    fields = (old.input_zero_point, old.output_zero_point, old.output_min, old.output_max)
    made = tflite.WeightedSum(*fields, dtype=old.dtype, rounds_once=once)
    real = case.constants["multiplier"].astype(np.float64)
    factor = draw(st.sampled_from([1.0, 1.0, 1.0, 2.0, 1.0 if once else 300.0, 1e-8]))
    multiplier, shift = quantize_multiplier(np.where(np.arange(real.size) == 1, 0.0, real * factor))
    constants = {**case.constants, "multiplier": multiplier, "shift": shift}
    return Case(replace(cast(Any, case.operator), arithmetic=made), case.inputs, constants)


@st.composite
def average(draw: Any, strategy: Callable[[], st.SearchStrategy[Case]]) -> Case:
    """Quotients of codes, and means."""
    case = of_type(draw(strategy()), Case)
    old = case.arithmetic
    if not isinstance(old, onnx.Average):
        return case
    low, high = draw(st.sampled_from([old.limits, (-20, 60)]))
    numbers = (old.input_scale, old.input_zero_point, old.output_scale, old.output_zero_point)
    made = tflite.Average(
        *numbers,
        *(low, high),
        rescaled=draw(st.sampled_from(["", "mean", "sum"])),
        ties_up=old.dtype == "int8" and draw(st.booleans()),
        dtype=old.dtype,
    )
    return Case(replace(cast(Any, case.operator), arithmetic=made), case.inputs, {})


@st.composite
def binary(draw: Any, strategy: Callable[[], st.SearchStrategy[Case]]) -> Case:
    """All functions of the type."""
    case = draw(strategy())
    old = of_type(case.arithmetic, onnx.Binary)
    wide = old.dtype == "int16"
    functions = [name for name in tflite.Binary.functions if not wide or name not in ("squared_difference", "prelu")]
    function = draw(st.sampled_from(functions))
    zeros = (0, 0, 0) if wide else (old.lhs_zero_point, old.rhs_zero_point, old.output_zero_point)
    a, b, y = (draw(scales) for _ in range(3))
    y = max(y, a * b) if function in ("mul", "squared_difference", "prelu") else y
    powers = wide and function in ("add", "sub") and draw(st.booleans())
    if powers:
        y, (a, b) = 0.25, draw(st.permutations([0.25, draw(st.sampled_from([0.25, 0.125, 2.0**-9]))]))
    fields = (a, zeros[0], b, zeros[1], y, zeros[2], old.output_min, old.output_max)
    made = tflite.Binary(*fields, dtype=old.dtype, powers_of_two=powers, exact_scales=draw(st.booleans()))
    return Case(replace(cast(Any, case.operator), function=function, arithmetic=made), case.inputs, case.constants)


@st.composite
def product_sum(draw: Any, strategy: Callable[[], st.SearchStrategy[Case]]) -> Case:
    """Now and then of large multipliers."""
    case = draw(strategy())
    old = of_type(case.arithmetic, onnx.ProductSum)
    zeros = (old.lhs_zero_point, old.rhs_zero_point)
    multiplier = old.multiplier * draw(st.sampled_from([1.0, 0.3, 200.0]))
    fields = (*zeros, multiplier, old.output_zero_point, old.output_min, old.output_max)
    made = tflite.ProductSum(*fields, dtype=old.dtype)
    return Case(replace(cast(Any, case.operator), arithmetic=made), case.inputs, {})


@st.composite
def softmax(draw: Any, strategy: Callable[[], st.SearchStrategy[Case]]) -> Case:
    """Of operands of any scale, and the logarithms; of int8 also to int16."""
    case = draw(strategy())
    old = of_type(case.arithmetic, onnx.Softmax)
    beta = draw(st.sampled_from([1.0, 0.5, 3.0]))
    if old.dtype == "int16":
        multiplier, shift = quantize_multiplier(float(old.input_scale) * beta / (10.0 / 65535.0))
        made = tflite.Softmax(2.0**-15, 0, dtype="int16", multiplier=int(multiplier), shift=int(shift))
        return Case(replace(cast(Any, case.operator), arithmetic=made), case.inputs, {})
    if draw(st.booleans()):
        logarithm, logarithms = tflite.log_softmax(draw(scales))
        return Case(replace(cast(Any, case.operator), arithmetic=logarithm), case.inputs, {"table": logarithms})
    wide = draw(st.booleans())
    made = tflite.Softmax(2.0**-16 if wide else 2.0**-8, -32768 if wide else -128, wide_result=wide)
    table = tflite.softmax_table(draw(scales), beta)
    return Case(replace(cast(Any, case.operator), arithmetic=made), case.inputs, {"table": table})


@st.composite
def unary(draw: Any) -> Case:
    """Rescalings of all types and signs, logistic functions and tanh."""
    rng, shape = draw(generators), draw(shapes)
    if draw(st.booleans()):
        function = draw(st.sampled_from(tflite.Squashing.functions))
        squashing = tflite.Squashing(function, draw(st.integers(1, 32767)), draw(st.integers(0, 16)))
        return Case(Unary(squashing), (int16_array(rng, shape),), {})
    before, after = (draw(st.sampled_from(["int8", "int16", "int32"])) for _ in range(2))
    limits = np.iinfo(after)
    (multiplier, below), (shift, below_shift) = quantize_multiplier(
        draw(st.sampled_from([1.0, 0.37, 2.0**-9, 300.0])) * np.array([1.0, draw(st.sampled_from([1.0, 0.1, 0.5]))])
    )
    rescaling = tflite.Rescaling(
        *(draw(int8s), int(multiplier), int(shift), int(below), int(below_shift)),
        *(0.1, draw(int8s), max(int(limits.min), -9000), int(limits.max), after),
        *(draw(st.booleans()) for _ in range(4)),
        dtype=before,
    )
    data = int16_array(rng, shape).astype(np.int64) * (1 if before == "int16" else 40_000)
    held = np.iinfo(before)
    return Case(Unary(rescaling), (np.clip(data, held.min, held.max).astype(before),), {})


@st.composite
def integer_lstm(draw: Any, dtype: str = "int8") -> Case:
    """Of some steps and batches; cells in steps of several sizes, now and then limited; a multiplier may be 0."""
    rng = draw(generators)
    steps, batch, width, units = (draw(st.integers(1, most)) for most in (4, 2, 6, 5))
    zeros = (draw(int8s), draw(int8s)) if dtype == "int8" else (0, 0)
    exponent, hidden = draw(st.sampled_from([-15, -12, -11, -9, -4])), 1.1 / (128 if dtype == "int8" else 32768)
    arithmetic = tflite.Cell(zeros[0], hidden, zeros[1], exponent, draw(st.sampled_from([0, 300, 9000])), dtype=dtype)
    real = rng.uniform(0.02, 0.3, 8) * (1.0 if dtype == "int8" else 0.004)
    multiplier, shift = quantize_multiplier(real * draw(st.sampled_from([1.0, 1.0, 40.0])) * (rng.random(8) > 0.05))

    def values(shape: tuple[int, ...], kind: str = "int8") -> np.ndarray:
        limits = np.iinfo(kind)
        return np.asarray(rng.integers(limits.min, limits.max, shape, endpoint=True).astype(kind))

    constants = {
        "weight": values((4 * units, width)),
        "recurrence": values((4 * units, units)),
        "bias": rng.integers(-40_000, 40_000, 4 * units).astype("int32" if dtype == "int8" else "int64"),
        "multiplier": multiplier,
        "shift": shift,
    }
    state = (1, batch * units)
    inputs = values((steps, batch * width), dtype), values(state, dtype), values(state, "int16")
    return Case(IntegerLstm(units, batch, arithmetic), inputs, constants)


@st.composite
def l2_normalize(draw: Any, strategy: Callable[[], st.SearchStrategy[Case]]) -> Case:
    """Vectors of the softmax' cases, now and then short or of small values."""
    data = of_type(draw(strategy()), Case).inputs[0]
    zero_point = draw(st.sampled_from([0, 0, -128, 127, 5]))
    data = (data // draw(st.sampled_from([1, 1, 16, 100]))).astype(np.int8)
    return Case(L2Normalize(tflite.Normalization(zero_point, draw(st.booleans()))), (data,), {})


@st.composite
def interpolation(draw: Any, strategy: Callable[[], st.SearchStrategy[Case]]) -> Case:
    """Of two rows and columns, whose weights sum to 1024, now and then with a negative one."""
    case = draw(strategy())
    old, constants = case.arithmetic, dict(case.constants)
    if not isinstance(old, onnx.Interpolation) or constants["rows"].shape[1] != 2 or constants["columns"].shape[1] != 2:
        return Case(
            replace(cast(Any, case.operator), method="nearest", arithmetic=None), case.inputs, _picked(constants)
        )
    if old.dtype == "int8" and draw(st.booleans()):
        for name in ("row_weights", "column_weights"):
            second = (constants[name][:, 1] / 2048 * draw(st.sampled_from([1.0, 0.9, 1 / 3]))).astype(np.float32)
            constants[name] = np.stack([np.float32(1) - second, second], axis=1)
        real = tflite.RealInterpolation(0.1, old.input_zero_point, 0.1, old.input_zero_point, draw(st.booleans()))
        return Case(replace(cast(Any, case.operator), arithmetic=real), case.inputs, constants)
    for name in ("row_weights", "column_weights"):
        first = np.clip(constants[name][:, 0] // 2, 0, tflite.RESIZE_UNIT) + draw(st.sampled_from([0, 0, 300]))
        constants[name] = np.stack([first, tflite.RESIZE_UNIT - first], axis=1).astype(np.int32)
    fields = (old.input_scale, old.input_zero_point, old.input_scale, old.input_zero_point)
    made = tflite.Interpolation(*fields, dtype=old.dtype)
    return Case(replace(cast(Any, case.operator), arithmetic=made), case.inputs, constants)


def _picked(constants: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Tables of the nearest places."""
    tables = {name: constants[name][:, :1] for name in ("rows", "columns")}
    return {**tables, **{f"{name[:-1]}_weights": np.ones_like(table) for name, table in tables.items()}}
