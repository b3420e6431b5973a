"""Integer forms of binary functions by the rule ``onnx``, each proved equal to its definition for all 65,536 pairs.

A linear form is ``(a_factor * a + b_factor * b + offset) >> shift`` for additions and subtractions, a product form
``(factor * (a - a_zero_point) * (b - b_zero_point) + offset) >> shift``. The factors follow from the scales; the
offset is solved for: every pair's exact result bounds it from both sides (results at a clamp from one). Where exact
results fall on ties, which round to even, the form takes back the ties that were rounded up to an odd number (before
the output zero point is added: with an odd zero point, to an even one). Sums are of 32 bits, products of 64.

A narrow product form does with 32 bits: the lower 16 bits of the product count for nothing, because the offset's are 0
(runtime/tinyseg_product_dsp.h).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tinyseg_tvm.operators.arithmetic import onnx

_INT32_MAX = 2**31 - 1
NARROW_BITS = 16  # of the 48 bits of a product that are dropped before the offset is added
_NARROW_FACTOR = _INT32_MAX // 255  # times an operand without its zero point it is an int32
_MOST_SHIFTS = 8  # a shift less is a bit less of precision: what eight shifts cannot do, fewer bits cannot


@dataclass(frozen=True)
class IntegerForm:
    """``factors`` of a and b (linear) or of the product, ``offset``, ``shift``; see the module."""

    factors: tuple[int, ...]
    offset: int
    shift: int
    ties: int  # 0: as they fall; 1: odd results of ties give one less; 2: even ones do

    def apply(self, terms: tuple[np.ndarray, ...], minimum: int, maximum: int) -> np.ndarray:
        """The results of the form on int64 terms."""
        total = sum(f * t for f, t in zip(self.factors, terms, strict=True)) + self.offset
        result = total >> self.shift
        if self.ties:
            result = result - np.where((total & ((1 << self.shift) - 1)) == 0, (result + self.ties - 1) & 1, 0)
        return np.clip(result, minimum, maximum)


def find_narrow_product(function: str, arithmetic: onnx.Binary) -> IntegerForm | None:
    """A product form without ties whose offset is a multiple of 2 ** NARROW_BITS, equal for all pairs; or None.

    ``((factor * (b - b_zero_point) * (a - a_zero_point) >> 16) + (offset >> 16)) >> (shift - 16)`` is the same. Both
    sums are int32, and ``factor * (b - b_zero_point)`` as well, whichever operand is b.
    """
    terms, ratios, expected = _problem(function, arithmetic)
    if len(terms) != 1 or not all(np.isfinite(ratios)):
        return None
    for factors, shift in _candidates(ratios, range(NARROW_BITS + 31, NARROW_BITS, -1), _NARROW_FACTOR):
        form = _solve(IntegerForm(factors, 0, shift, 0), terms, expected, arithmetic, 1 << NARROW_BITS)
        if form is not None:
            return form
    return None


def _problem(function: str, arithmetic: onnx.Binary) -> tuple[tuple[np.ndarray, ...], tuple[float, ...], np.ndarray]:
    """The terms of all pairs and their ideal factors, and the results; row ``a + 128``, column ``b + 128``."""
    codes = np.arange(-128, 128, dtype=np.int16).astype(np.int8)
    expected = arithmetic.results(function, codes[:, None], codes[None, :]).astype(np.int64)
    a = np.arange(-128, 128, dtype=np.int64)[:, None]
    b = np.arange(-128, 128, dtype=np.int64)[None, :]
    lhs, rhs, out = (np.float32(s) for s in (arithmetic.lhs_scale, arithmetic.rhs_scale, arithmetic.output_scale))
    if function == "mul":
        terms: tuple[np.ndarray, ...] = ((a - arithmetic.lhs_zero_point) * (b - arithmetic.rhs_zero_point),)
        ratios: tuple[float, ...] = (float(lhs) * float(rhs) / float(out),)
    else:
        sign = -1 if function == "sub" else 1
        terms = (np.broadcast_to(a, expected.shape), np.broadcast_to(b, expected.shape))
        ratios = (float(lhs) / float(out), sign * float(rhs) / float(out))
    return terms, ratios, expected


def find_integer_form(function: str, arithmetic: onnx.Binary) -> IntegerForm | None:
    """A form equal to ``function`` for all pairs, or None where none was found."""
    terms, ratios, expected = _problem(function, arithmetic)
    if not all(np.isfinite(ratios)):
        return None
    for factors, shift in _candidates(ratios, range(40, 15, -1) if len(ratios) == 1 else range(24, 5, -1)):
        for ties in (0, 2 if arithmetic.output_zero_point % 2 else 1):
            form = _solve(IntegerForm(factors, 0, shift, ties), terms, expected, arithmetic)
            if form is not None:
                return form
    return None


def _candidates(
    ratios: tuple[float, ...], shifts: range, most: int = _INT32_MAX
) -> Iterator[tuple[tuple[int, ...], int]]:
    """Factors and shifts to try, the most exact first."""
    tries = 0
    for shift in shifts:
        factors = tuple(round(ratio * (1 << shift)) for ratio in ratios)
        if max(abs(f) for f in factors) >= most:
            continue
        tries += 1
        if tries > _MOST_SHIFTS:
            return
        yield factors, shift
        for i in range(len(factors)):
            for step in (1, -1):
                yield (*factors[:i], factors[i] + step, *factors[i + 1 :]), shift


def _solve(
    form: IntegerForm,
    terms: tuple[np.ndarray, ...],
    expected: np.ndarray,
    arithmetic: onnx.Binary,
    granule: int = 1,
) -> IntegerForm | None:
    """The form with an offset (a multiple of ``granule``) that makes it equal everywhere, None where there is none."""
    shift = form.shift
    dropped = 0 if len(terms) > 1 else NARROW_BITS if granule > 1 else shift
    largest = _INT32_MAX << dropped  # of sums, so that what is left of them is int32
    partial = sum(int(np.abs(f * t).max()) for f, t in zip(form.factors, terms, strict=True))
    if partial > largest:
        return None
    total = sum(f * t for f, t in zip(form.factors, terms, strict=True))
    free_below = expected == arithmetic.output_min  # clamped results may lie anywhere beyond
    free_above = expected == arithmetic.output_max
    slack = 1 if form.ties else 0  # ties may be one too high before they are taken back
    low = np.where(free_below, -(2**62), (expected << shift) - total).max()
    high = np.where(free_above, 2**62, ((expected + 1) << shift) - 1 + slack - total).min()
    if low > high:
        return None
    bounded = [bound for bound in (int(low), int(high)) if abs(bound) < 2**61]
    middle = sum(bounded) // max(len(bounded), 1)
    for offset in dict.fromkeys(n // granule * granule for n in (middle, int(low) + granule - 1, int(high))):
        solved = replace(form, offset=offset)
        if (
            low <= offset <= high
            and partial + abs(offset) <= largest
            and np.array_equal(solved.apply(terms, arithmetic.output_min, arithmetic.output_max), expected)
        ):
            return solved
    return None
