"""Integer forms of binary int8 arithmetic, each proved equal to the float32 definition for all 65,536 pairs.

A linear form is ``(a_factor * a + b_factor * b + offset) >> shift`` for additions and subtractions, a product form
``(factor * (a - a_zero_point) * (b - b_zero_point) + offset) >> shift``. The factors follow from the scales; the
offset is solved for: every pair's exact result bounds it from both sides (results at a clamp from one). Where exact
results fall on ties, which round to even, the form takes back the ties that were rounded up to an odd number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tinyseg_tvm.operators.binary_arithmetic import binary

_INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class BinaryFunction:
    """A binary operator: ``function`` of ``a`` and ``b`` in the notation of operators/elementwise.py."""

    function: str
    lhs_scale: float
    lhs_zero_point: int
    rhs_scale: float
    rhs_zero_point: int
    output_scale: float
    output_zero_point: int
    output_min: int
    output_max: int

    def table(self) -> np.ndarray:
        """Results of all pairs, (256, 256), row ``a + 128``, column ``b + 128``."""
        codes = np.arange(-128, 128, dtype=np.int16).astype(np.int8)
        return binary(
            self.function,
            (codes[:, None], self.lhs_scale, self.lhs_zero_point),
            (codes[None, :], self.rhs_scale, self.rhs_zero_point),
            (self.output_scale, self.output_zero_point, self.output_min, self.output_max),
        )


@dataclass(frozen=True)
class IntegerForm:
    """``factors`` of a and b (linear) or of the product, ``offset``, ``shift``; see the module."""

    factors: tuple[int, ...]
    offset: int
    shift: int
    ties_to_even: bool

    def apply(self, terms: tuple[np.ndarray, ...], minimum: int, maximum: int) -> np.ndarray:
        """The results of the form on int64 terms."""
        total = sum(f * t for f, t in zip(self.factors, terms, strict=True)) + self.offset
        result = total >> self.shift
        if self.ties_to_even:
            result = result - np.where((total & ((1 << self.shift) - 1)) == 0, result & 1, 0)
        return np.clip(result, minimum, maximum)


def find_integer_form(function: BinaryFunction) -> IntegerForm | None:
    """A form equal to ``function`` for all pairs whose sums stay in int32, or None where none was found."""
    expected = function.table().astype(np.int64)
    a = np.arange(-128, 128, dtype=np.int64)[:, None]
    b = np.arange(-128, 128, dtype=np.int64)[None, :]
    lhs, rhs, out = (np.float32(s) for s in (function.lhs_scale, function.rhs_scale, function.output_scale))
    if function.function == "mul":
        terms: tuple[np.ndarray, ...] = ((a - function.lhs_zero_point) * (b - function.rhs_zero_point),)
        ratios: tuple[float, ...] = (float(lhs) * float(rhs) / float(out),)
    else:
        sign = -1 if function.function == "sub" else 1
        terms = (np.broadcast_to(a, expected.shape), np.broadcast_to(b, expected.shape))
        ratios = (float(lhs) / float(out), sign * float(rhs) / float(out))
    if not all(np.isfinite(ratios)):
        return None
    for factors, shift in _candidates(ratios):
        for ties_to_even in (False, True):
            form = _solve(IntegerForm(factors, 0, shift, ties_to_even), terms, expected, function)
            if form is not None:
                return form
    return None


def _candidates(ratios: tuple[float, ...]) -> Iterator[tuple[tuple[int, ...], int]]:
    """Factors and shifts to try, the most exact first."""
    for shift in range(24, 5, -1):
        factors = tuple(round(ratio * (1 << shift)) for ratio in ratios)
        if max(abs(f) for f in factors) > _INT32_MAX:
            continue
        yield factors, shift
        for i in range(len(factors)):
            for step in (1, -1):
                yield (*factors[:i], factors[i] + step, *factors[i + 1 :]), shift


def _solve(
    form: IntegerForm, terms: tuple[np.ndarray, ...], expected: np.ndarray, function: BinaryFunction
) -> IntegerForm | None:
    """The form with an offset that makes it equal everywhere, None where there is none."""
    shift = form.shift
    total = sum(f * t for f, t in zip(form.factors, terms, strict=True))
    free_below = expected == function.output_min  # clamped results may lie anywhere beyond
    free_above = expected == function.output_max
    slack = 1 if form.ties_to_even else 0  # ties may be one too high before they are taken back
    low = np.where(free_below, -(2**62), (expected << shift) - total).max()
    high = np.where(free_above, 2**62, ((expected + 1) << shift) - 1 + slack - total).min()
    if low > high:
        return None
    middle = (int(low) + int(high)) // 2 if low > -(2**61) and high < 2**61 else int(low if low > -(2**61) else high)
    if not -(2**31) <= middle <= _INT32_MAX:
        return None
    exact_half = (1 << (shift - 1)) + (function.output_zero_point << shift)
    for offset in dict.fromkeys((middle, int(low), int(high), exact_half)):
        if not low <= offset <= high:
            continue
        solved = replace(form, offset=offset)
        partial = [np.abs(f * t).max() for f, t in zip(form.factors, terms, strict=True)]
        if sum(int(p) for p in partial) + abs(offset) > _INT32_MAX:
            continue
        if np.array_equal(solved.apply(terms, function.output_min, function.output_max), expected):
            return solved
    return None
