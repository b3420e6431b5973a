"""The rule ``tflite`` in Python's own integers, as gemmlowp and the reference kernels write it: one value at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction

import numpy as np

from tests.operators.operator_cases import Case, of_type
from tinyseg_tvm.operators import AveragePool2d, Elementwise, ElementwiseConstant, GlobalPool, Resize2d
from tinyseg_tvm.operators.arithmetic import tflite
from tinyseg_tvm.operators.arithmetic.tflite_functions import inverse_square_root
from tinyseg_tvm.operators.integer_lstm import IntegerLstm

f32 = np.float32
INT32 = range(-(1 << 31), 1 << 31)


def clip(value: int, low: int = -128, high: int = 127) -> int:
    return max(low, min(high, value))


def truncated(numerator: int, denominator: int) -> int:
    """C's division."""
    quotient = abs(numerator) // denominator
    return -quotient if numerator < 0 else quotient


def doubling_high_mul(a: int, b: int) -> int:
    """SaturatingRoundingDoublingHighMul, by gemmlowp's nudge."""
    if a == b == INT32[0]:
        return INT32[-1]
    product = a * b
    return truncated(product + ((1 << 30) if product >= 0 else 1 - (1 << 30)), 1 << 31)


def divide_by_power(value: int, exponent: int) -> int:
    """RoundingDivideByPOT: to the nearest, ties away from zero."""
    exact = Fraction(value, 1 << exponent)
    return math.floor(abs(exact) + Fraction(1, 2)) * (-1 if value < 0 else 1)


def multiply(value: int, multiplier: int, shift: int) -> int:
    """MultiplyByQuantizedMultiplier."""
    lifted = (value << max(shift, 0)) & 0xFFFFFFFF
    lifted -= (lifted >> 31) << 32
    return divide_by_power(doubling_high_mul(lifted, multiplier), max(-shift, 0))


def quantize_multiplier(real: float) -> tuple[int, int]:
    """QuantizeMultiplier."""
    if real == 0:
        return 0, 0
    fraction, exponent = math.frexp(real)
    multiplier = math.floor(Fraction(fraction) * (1 << 31) + Fraction(1, 2))
    if multiplier == 1 << 31:
        multiplier, exponent = 1 << 30, exponent + 1
    return (0, 0) if exponent < -31 else (multiplier, exponent)


def multiply_wide(value: int, multiplier: int, shift: int) -> int:
    """MultiplyByQuantizedMultiplier of int64, to int32."""
    reduced = (multiplier + (1 << 15)) >> 16 if multiplier < 0x7FFF0000 else 0x7FFF
    exact = Fraction(value * reduced, 1) / Fraction(2) ** (15 - shift)
    low = math.floor(exact + Fraction(1, 2)) & 0xFFFFFFFF
    return low - ((low >> 31) << 32)


def result_of_sum(rule: tflite.WeightedSum, constants: Mapping[str, np.ndarray], acc: int, channel: int) -> int:
    function = multiply_wide if rule.rounds_once else multiply
    scaled = function(acc, int(constants["multiplier"][channel]), int(constants["shift"][channel]))
    return clip(scaled + rule.output_zero_point, rule.output_min, rule.output_max)


def result_of_product(rule: tflite.ProductSum, acc: int) -> int:
    function = multiply_wide if rule.dtype == "int16" else multiply
    scaled = function(acc, *quantize_multiplier(rule.multiplier))
    return clip(scaled + rule.output_zero_point, rule.output_min, rule.output_max)


def mean(rule: tflite.Average, values: list[int], count: int) -> int:
    """Of some values, by the rule's kind of average."""
    if rule.rescaled:
        multiplier, shift = quantize_multiplier(float(f32(rule.input_scale)) / float(f32(rule.output_scale)))
        count = count if rule.rescaled == "mean" else 1
        lift = min(count.bit_length() - 1, 32, 31 + shift)
        total = sum(values) - rule.input_zero_point * len(values)
        result = multiply(total, (multiplier << lift) // count, shift - lift) + rule.output_zero_point
    elif rule.ties_up:
        result = math.floor(Fraction(sum(values) + count // 2, count))
    else:
        result = truncated(sum(values) + (count // 2 if sum(values) > 0 else -(count // 2)), count)
    return clip(result, rule.output_min, rule.output_max)


def average_pool2d(case: Case) -> np.ndarray:
    op, rule, x = of_type(case.operator, AveragePool2d), of_type(case.arithmetic, tflite.Average), case.inputs[0][0]
    result = np.zeros(case.output_types[0].shape, x.dtype)
    for _, y0, x0, c in np.ndindex(*result.shape):
        values = []
        for ky in range(op.kernel[0]):
            for kx in range(op.kernel[1]):
                i, j = y0 * op.strides[0] - op.padding[0] + ky, x0 * op.strides[1] - op.padding[1] + kx
                if 0 <= i < x.shape[0] and 0 <= j < x.shape[1]:
                    values.append(int(x[i, j, c]))
        count = op.kernel[0] * op.kernel[1] if op.count_include_pad else len(values)
        result[0, y0, x0, c] = mean(rule, values, count)
    return result


def global_pool(case: Case) -> np.ndarray:
    op, x = of_type(case.operator, GlobalPool), case.inputs[0][0].astype(int)
    columns = x.reshape(-1, x.shape[2]).T.tolist()
    if op.function == "max":
        made = [max(column) for column in columns]
    else:
        rule = of_type(op.arithmetic, tflite.Average)
        made = [mean(rule, column, len(column)) for column in columns]
    return np.array(made, case.inputs[0].dtype).reshape(1, 1, 1, -1)


def binary(op: Elementwise | ElementwiseConstant, a: int, b: int) -> int:
    rule = of_type(op.arithmetic, tflite.Binary)
    if op.function in ("max", "min"):
        return clip(max(a, b) if op.function == "max" else min(a, b), rule.output_min, rule.output_max)
    x, y, z = f32(rule.lhs_scale), f32(rule.rhs_scale), f32(rule.output_scale)
    u, v = a - rule.lhs_zero_point, b - rule.rhs_zero_point
    if rule.powers_of_two:
        (u, v), (low, high) = ((divide_by_power(w, int(math.log2(z / s))) for w, s in ((u, x), (v, y))), rule.limits)
        total = clip(u + v if op.function == "add" else u - v, low, high)
        return clip(total + rule.output_zero_point, rule.output_min, rule.output_max)
    if op.function in ("mul", "prelu") and rule.exact_scales:
        x, y, z = float(x), float(y), float(z)
    if op.function == "prelu":
        scale = x / z if u >= 0 else x * y / z
        scaled = multiply(u if u >= 0 else u * v, *quantize_multiplier(float(scale)))
        return clip(scaled + rule.output_zero_point, rule.output_min, rule.output_max)
    if op.function == "mul":
        total, pair = u * v, quantize_multiplier(float(x * y / z))
    else:
        bits = 7 if op.function == "squared_difference" else 15 if rule.dtype == "int16" else 20
        twice = 2 * float(max(x, y))
        u = multiply(u << bits, *quantize_multiplier(float(x) / twice))
        v = multiply(v << bits, *quantize_multiplier(float(y) / twice))
        total = u + v if op.function == "add" else u - v
        if op.function == "squared_difference":
            total, pair = total * total, quantize_multiplier(twice * twice / float(f32(f32(1 << 14) * z)))
        else:
            pair = quantize_multiplier(twice / float(f32(f32(1 << bits) * z)))
    return clip(multiply(total, *pair) + rule.output_zero_point, rule.output_min, rule.output_max)


def elementwise(case: Case) -> np.ndarray:
    op, shape = of_type(case.operator, Elementwise), case.output_types[0].shape
    a, b = (np.broadcast_to(x.reshape(-1) if x.size == 1 else x, shape) for x in case.inputs)
    made = [binary(op, int(p), int(q)) for p, q in zip(a.flat, b.flat, strict=True)]
    return np.array(made, a.dtype).reshape(shape)


def elementwise_constant(case: Case) -> np.ndarray:
    op, x = of_type(case.operator, ElementwiseConstant), case.inputs[0]
    other = np.broadcast_to(case.constants["other"], x.shape)
    a, b = (other, x) if op.constant_is_lhs else (x, other)
    made = [binary(op, int(p), int(q)) for p, q in zip(a.flat, b.flat, strict=True)]
    return np.array(made, x.dtype).reshape(x.shape)


def softmax(case: Case) -> np.ndarray:
    """The exponentials are the table's; their sum, its reciprocal and the shares are gemmlowp's."""
    if isinstance(case.arithmetic, tflite.LogSoftmax):
        return log_softmax(case)
    table = [int(value) for value in case.constants["table"]]
    vectors = case.inputs[0].reshape(-1, case.inputs[0].shape[-1]).tolist()
    dtype = np.dtype(case.output_types[0].dtype)
    made = [_shares(vector, table, 8 * dtype.itemsize) for vector in vectors]
    return np.array(made, dtype).reshape(case.inputs[0].shape)


def log_softmax(case: Case) -> np.ndarray:
    """Against logarithms of real numbers, within a hundred of their units: results next to a tie may be either."""
    rule = of_type(case.arithmetic, tflite.LogSoftmax)
    exponentials, differences = case.constants["table"].tolist()
    made = case.run()[0].reshape(-1, case.inputs[0].shape[-1])
    vectors = case.inputs[0].reshape(made.shape).tolist()
    result = []
    for vector, found in zip(vectors, made.tolist(), strict=True):
        most = max(vector)
        total = sum(divide_by_power(exponentials[most - value], 12) for value in vector)
        log = round(math.log(total / (1 << 19)) * (1 << 26))
        bound = max(multiply(log - (1 << 31), rule.multiplier, rule.shift), rule.least - 1)
        for value, code in zip(vector, found, strict=True):
            below = most - value
            near = {
                clip(divide_by_power(differences[below] - log + error, 22) + 127) if -below > bound else -128
                for error in (-100, 0, 100)
            }
            result.append(code if code in near else max(near))
    return np.array(result, np.int8).reshape(case.inputs[0].shape)


def softmax_of_int16(case: Case) -> np.ndarray:
    """Between entries of both tables, which are those of the rule's module."""
    rule, x = of_type(case.arithmetic, tflite.Softmax), case.inputs[0]
    exponentials, reciprocals = (table.tolist() for table in tflite.softmax_tables())
    made = []
    for vector in x.reshape(-1, x.shape[-1]).tolist():
        places = [multiply(value - max(vector), rule.multiplier, rule.shift) + 32767 for value in vector]
        exact = [lookup(place, exponentials) for place in places]
        zeros = 32 - sum(exact).bit_length()
        place = ((sum(exact) << (zeros - 1)) + (1 << 13) >> 14) - ((1 << 15) + (1 << 16))
        inverse, right = lookup(place, reciprocals), 31 - zeros
        made.append([clip(value * inverse + (1 << (right - 1)) >> right, 0, 32767) for value in exact])
    return np.array(made, np.int16).reshape(x.shape)


def lookup(value: int, table: list[int]) -> int:
    """generic_int16_table_lookup of a saturated value."""
    value = clip(value, -32768, 32767)
    index = 256 + (value >> 7)
    return table[index] + ((table[index + 1] - table[index]) * (value & 0x7F) + 64 >> 7)


def unary(case: Case) -> np.ndarray:
    rule, x = case.arithmetic, case.inputs[0]
    function = squashed if isinstance(rule, tflite.Squashing) else rescaled
    return np.array([function(rule, int(value)) for value in x.flat], case.output_types[0].dtype).reshape(x.shape)


def rescaled(rule: object, x: int) -> int:
    op = of_type(rule, tflite.Rescaling)
    value = (x - op.input_zero_point) & 0xFFFFFFFF
    value -= (value >> 31) << 32
    value = abs(value) if op.magnitude else value
    if value >= 0:
        result = multiply(value, op.multiplier, op.shift) * (1 - 2 * op.negated)
    else:
        result = multiply(value, op.below_multiplier, op.below_shift) * (1 - 2 * op.below_negated)
    result += op.output_zero_point
    if op.wraps:
        return int(np.array(result & 0xFFFFFFFF, np.uint32).view(np.int32).astype(op.output_dtype))
    return clip(result, op.output_min, op.output_max)


def squashed(rule: object, x: int) -> int:
    op = of_type(rule, tflite.Squashing)
    d = math.floor(Fraction(x * op.multiplier, 1 << op.right) + (Fraction(1, 2) if op.right else 0))
    sigmoid = [65536 / (1 + math.exp(-half / 48)) for half in range(513)]  # at halves of 1 / 24
    entries = [
        min(65535, math.floor(sigmoid[i] + 0.5 + (sigmoid[i + 1] - (sigmoid[i] + sigmoid[i + 2]) / 2) / 2))
        for i in range(0, 511, 2)
    ]
    entries.append(65535)
    bits = 9 if op.function == "logistic" else 8
    entry, rest = abs(d) >> bits, abs(d) % (1 << bits)
    if entry >= 255:
        result = (0x7FFF << 10) if op.function == "logistic" else 0xFFFF << 8
    else:
        result = (entries[entry] << bits) + rest * (entries[entry + 1] - entries[entry])
    if op.function == "logistic":
        return (result + 512 if d >= 0 else (1 << 25) - result + 511) >> 10
    return (result - (1 << 23) + 128 if d >= 0 else -result + (1 << 23) + 127) >> 8


def integer_lstm(case: Case) -> np.ndarray:
    """The units' states after each step, a unit at a time."""
    op, rule, constants = of_type(case.operator, IntegerLstm), of_type(case.arithmetic, tflite.Cell), case.constants
    hidden, cells = (array.reshape(op.batch, op.units).tolist() for array in case.inputs[1:])
    weight, recurrence, bias = (constants[name].tolist() for name in ("weight", "recurrence", "bias"))
    pairs = [(int(m), int(s)) for m, s in zip(constants["multiplier"], constants["shift"], strict=True)]
    scaled = multiply_wide if rule.dtype == "int16" else multiply
    tangent, limits = rule.squashed_cells, np.iinfo(rule.dtype)
    clips = rule.cell_clip or 32768
    made = []
    for line in case.inputs[0].reshape(len(case.inputs[0]), op.batch, -1).tolist():
        before = [list(states) for states in hidden]
        for b, u in np.ndindex(op.batch, op.units):
            gates = []
            for gate, function in enumerate(("logistic", "logistic", "logistic", "tanh")):
                row = gate * op.units + u
                own = bias[row] + sum(
                    w * (x - rule.input_zero_point) for w, x in zip(weight[row], line[b], strict=True)
                )
                further = sum(r * (h - rule.hidden_zero_point) for r, h in zip(recurrence[row], before[b], strict=True))
                parts = [int16(scaled(own, *pairs[gate])), int16(scaled(further, *pairs[4 + gate]))]
                gates.append(squashed(tflite.Squashing(function, 3, 0), int16(sum(parts))))
            enter, leave, forget, inner = gates
            kept = int16(multiply(forget * cells[b][u], *quantize_multiplier(2.0**-15)))
            entered = int16(multiply(enter * inner, *quantize_multiplier(2.0 ** (-30 - rule.cell_exponent))))
            cells[b][u] = clip(int16(kept + entered), max(-clips, -32768), min(clips, 32767))
            real = 2.0**-30 / float(f32(rule.hidden_scale))
            shown = multiply(leave * squashed(tangent, cells[b][u]), *quantize_multiplier(real))
            hidden[b][u] = clip(shown + rule.hidden_zero_point, int(limits.min), int(limits.max))
        made.append([state for states in hidden for state in states])
    return np.array(made, rule.dtype)


def int16(value: int) -> int:
    return clip(value, -32768, 32767)


def _shares(vector: list[int], table: list[int], bits: int) -> list[int]:
    most, least = max(vector), -(1 << (bits - 1))
    total = sum(divide_by_power(table[most - value], 12) for value in vector)
    headroom = 32 - total.bit_length()
    half = truncated((total << headroom) - (1 << 31) + INT32[-1] + 1, 2)
    x = 1515870810 + doubling_high_mul(half, -1010580540)
    for _ in range(3):
        x += doubling_high_mul(x, (1 << 29) - doubling_high_mul(half, x)) << 2
    inverse = min(x << 1, INT32[-1])
    return [
        clip(
            divide_by_power(doubling_high_mul(inverse, table[most - value]), 12 - headroom + 31 - bits) + least,
            *(least, -1 - least),
        )
        for value in vector
    ]


def l2_normalize(case: Case) -> np.ndarray:
    """The inverse root is within 1e-4 of the real one."""
    rule = of_type(case.arithmetic, tflite.Normalization)
    vectors = case.inputs[0].reshape(-1, case.inputs[0].shape[-1]).tolist()
    result = []
    for vector in vectors:
        values = [value - rule.input_zero_point for value in vector]
        total = sum(value * value for value in values)
        multiplier, right = (int(found) for found in inverse_square_root(total))
        assert abs(multiplier / 2.0 ** (31 + right) * math.sqrt(max(total, 1)) - 1) < 1e-4
        for value in values:
            if rule.of_uint8:
                scaled = divide_by_power(doubling_high_mul(128 * value, multiplier), right)
            else:
                scaled = multiply(value, multiplier, 7 - right)
            result.append(clip(scaled))
    return np.array(result, np.int8).reshape(case.inputs[0].shape)


def resize2d(case: Case) -> np.ndarray:
    op, x = of_type(case.operator, Resize2d), case.inputs[0][0]
    tables = [case.constants[name].tolist() for name in ("rows", "row_weights", "columns", "column_weights")]
    result = np.zeros(case.output_types[0].shape, x.dtype)
    for _, y0, x0, c in np.ndindex(*result.shape):
        rows, row_weights, columns, column_weights = (
            table[place] for table, place in zip(tables, (y0, y0, x0, x0), strict=True)
        )
        if op.arithmetic is None:
            result[0, y0, x0, c] = x[rows[0], columns[0], c]
            continue
        if isinstance(op.arithmetic, tflite.RealInterpolation):
            taps = [
                (i, j, f32(u), f32(v))
                for i, u in zip(rows, row_weights, strict=True)
                for j, v in zip(columns, column_weights, strict=True)
            ]
            taps = taps if op.arithmetic.lines_are_columns else [taps[k] for k in (0, 2, 1, 3)]
            real = f32(0)
            for i, j, u, v in taps:
                first, second = (v, u) if op.arithmetic.lines_are_columns else (u, v)
                real = f32(real + f32(f32(f32(int(x[i, j, c]) + 128) * first) * second))
            result[0, y0, x0, c] = clip(int(f32(real + f32(0.5))) - 128)
            continue
        total = sum(
            u * v * int(x[i, j, c])
            for i, u in zip(rows, row_weights, strict=True)
            for j, v in zip(columns, column_weights, strict=True)
        )
        half = 1 << 19
        rounded = truncated(total + (half if total > 0 else -half), 1 << 20)
        result[0, y0, x0, c] = clip(rounded, *of_type(op.arithmetic, tflite.Interpolation).limits)
    return result


LOOPS: dict[str, Callable[[Case], np.ndarray]] = {
    "average_pool2d tflite": average_pool2d,
    "elementwise tflite": elementwise,
    "elementwise_constant tflite": elementwise_constant,
    "global_pool tflite": global_pool,
    "resize2d tflite": resize2d,
    "softmax tflite": softmax,
    "l2_normalize tflite": l2_normalize,
    "softmax tflite int16": softmax_of_int16,
    "unary tflite": unary,
    "integer_lstm tflite": integer_lstm,
}
