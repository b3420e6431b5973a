"""Random instances of operators on int16, made of those on int8; and of conversions of 16 bits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from hypothesis import strategies as st

from tinyseg_tvm.operators import ArgMax, Clip, Dequantize, Quantize, Requantize
from tinyseg_tvm.operators.arithmetic import onnx

if TYPE_CHECKING:
    from tests.operators.operator_cases import Case

C = TypeVar("C", bound="Case")

LIMITS = np.iinfo(np.int16)
FINER = 256  # than int8: as many more values of as much smaller scales


def int16_array(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Random values; sometimes extreme ones only, sometimes close to 0."""
    kind = rng.integers(8)
    if kind == 0:
        return rng.choice(np.array([LIMITS.min, LIMITS.min + 1, 0, LIMITS.max], np.int16), shape)
    if kind == 1:
        return rng.integers(-300, 300, shape).astype(np.int16)
    return rng.integers(LIMITS.min, LIMITS.max + 1, shape).astype(np.int16)


def finer_arithmetic(rng: np.random.Generator, arithmetic: Any) -> Any:
    """An arithmetic of int8 as one of int16."""
    changed: dict[str, Any] = {"dtype": "int16"}
    for name in vars(arithmetic):
        if name.endswith("zero_point"):
            changed[name] = int(rng.choice([0, LIMITS.min, LIMITS.max, int(rng.integers(LIMITS.min, LIMITS.max))]))
        if name.endswith("scale"):
            changed[name] = getattr(arithmetic, name) / FINER
    if hasattr(arithmetic, "output_min"):
        low, high = arithmetic.output_min, arithmetic.output_max
        changed["output_min"] = LIMITS.min if low == -128 else low * FINER
        changed["output_max"] = LIMITS.max if high == 127 else high * FINER
    if isinstance(arithmetic, onnx.ProductSum):
        changed["multiplier"] = arithmetic.multiplier / FINER
    if isinstance(arithmetic, onnx.Softmax):
        changed |= {"input_scale": float(rng.choice([0.01, 1.0, 40.0])) / FINER, "output_zero_point": LIMITS.min}
    return replace(arithmetic, **changed)


@st.composite
def of_int16(draw: Any, cases: st.SearchStrategy[C]) -> C:
    """Instances of int16 in the place of those of int8."""
    case = draw(cases)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    operator, constants = case.operator, dict(case.constants)
    if getattr(operator, "arithmetic", None) is not None:
        operator = replace(operator, arithmetic=finer_arithmetic(rng, operator.arithmetic))
    constants.pop("table", None)
    if "other" in constants:
        constants["other"] = int16_array(rng, constants["other"].shape)
    if "bias" in constants:
        bias = constants["bias"].astype(np.int64) * FINER
        if rng.integers(3) == 0:  # sums of 64 bits
            bias += rng.integers(-(2**40), 2**40, bias.shape)
            constants["multiplier"] = (constants["multiplier"] / 2**12).astype(np.float32)
        constants["bias"] = bias.astype(np.int32) if np.abs(bias).max() < 2**31 else bias
    if isinstance(operator, ArgMax):
        inputs = tuple((array.astype(np.int16) * 1000).astype(np.int16) for array in case.inputs)
    else:
        inputs = tuple(int16_array(rng, array.shape) for array in case.inputs)
    made: C = replace(case, operator=operator, inputs=inputs, constants=constants)
    return made


def _zero_point(rng: np.random.Generator, dtype: str) -> int:
    limits = np.iinfo(dtype)
    return int(rng.choice([0, limits.min, limits.max, int(rng.integers(limits.min, limits.max))]))


def _array_of_type(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max + 1, shape).astype(dtype)


types = st.sampled_from(["int8", "uint8", "int16", "uint16"])
wide_types = st.sampled_from(["int16", "uint16"])
fine_scales = st.sampled_from([0.02, 1.0 / 3, 2.0**-9, 0.0007, 1.0])


@st.composite
def quantize(draw: Any, case: type[C], shapes: st.SearchStrategy[tuple[int, ...]]) -> C:
    """From float32."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype, data = draw(wide_types), rng.normal(0, 30, draw(shapes)).astype(np.float32)
    data.reshape(-1)[0] = rng.choice([np.inf, -np.inf, np.nan, 0, 1e30])
    return case(Quantize(draw(fine_scales), _zero_point(rng, dtype), dtype), (data,), {})


@st.composite
def dequantize(draw: Any, case: type[C], shapes: st.SearchStrategy[tuple[int, ...]]) -> C:
    """To float32."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(wide_types)
    operator = Dequantize(draw(fine_scales), _zero_point(rng, dtype))
    return case(operator, (_array_of_type(rng, draw(shapes), dtype),), {})


@st.composite
def requantize(draw: Any, case: type[C], shapes: st.SearchStrategy[tuple[int, ...]]) -> C:
    """From one type to another."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    before, after, scale = draw(types), draw(types), draw(fine_scales)
    limits = np.iinfo(after)
    operator = Requantize(
        input_scale=scale,
        input_zero_point=_zero_point(rng, before),
        output_scale=scale * draw(st.sampled_from([1.0, 1.0, 0.37, 1.9])),
        output_zero_point=_zero_point(rng, after),
        output_min=int(limits.min) + draw(st.sampled_from([0, 0, 9])),
        output_max=int(limits.max) - draw(st.sampled_from([0, 0, 90])),
        output_dtype=after,
    )
    return case(operator, (_array_of_type(rng, draw(shapes), before),), {})


@st.composite
def clip(draw: Any, case: type[C], shapes: st.SearchStrategy[tuple[int, ...]]) -> C:
    """Of int16."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    low, high = draw(st.sampled_from([(-32768, 32767), (0, 32767), (-700, 90), (-32768, 5)]))
    return case(Clip(low, high), (int16_array(rng, draw(shapes)),), {})
