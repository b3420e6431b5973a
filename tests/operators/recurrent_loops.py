"""Recurrent layers as loops over units: the scalar transcription of their formulas."""

from __future__ import annotations

import numpy as np

from tests.operators.float_loops import f32, fma
from tests.operators.operator_cases import Case, of_type
from tinyseg_tvm.operators.recurrent import Recurrent


def recurrent(case: Case) -> np.ndarray:
    op, lines = of_type(case.operator, Recurrent), case.inputs[0]
    width, units = lines.shape[1] // op.batch, op.units
    if op.initial == "operand":
        held = [list(array[0]) for array in case.inputs[1:]]
    elif op.initial == "constant":
        held = [list(array) for array in case.constants["initial_states"]]
    else:
        held = [[f32(0)] * (op.batch * units) for _ in range(op.state_count)]
    made = []
    for time in reversed(range(len(lines))) if op.reverse else range(len(lines)):
        after = [list(states) for states in held]
        for b in range(op.batch):
            mine = slice(b * units, (b + 1) * units)
            step = _step(case, lines[time, b * width : (b + 1) * width], [states[mine] for states in held])
            for states, values in zip(after, step, strict=True):
                states[mine] = values
        held = after
        made.append([value for states in (held if op.states else held[:1]) for value in states])
    return np.array(made if op.sequence else made[-1:], np.float32)


def _weight(case: Case, name: str, row: int, column: int) -> np.float32:
    value: np.float32 = f32(case.constants[name][row, column])
    if of_type(case.operator, Recurrent).quantized:
        value = f32(value * case.constants[f"{name}_scale"][row])
    return value


def _sum(case: Case, name: str, row: int, values: list[np.float32], total: np.float32) -> np.float32:
    for k, value in enumerate(values):
        total = fma(value, _weight(case, name, row, k), total)
    return total


def _step(case: Case, line: np.ndarray, held: list[list[np.float32]]) -> list[list[np.float32]]:
    op, constants, one = of_type(case.operator, Recurrent), case.constants, f32(1)
    units, hidden = op.units, held[0]

    def gate(which: int, total: np.float32, *, limited: bool = True) -> np.float32:
        if limited and op.clip > 0:
            total = max(min(total, f32(op.clip)), f32(-op.clip))
        made: np.float32 = f32(op.activations[which](np.array([total], np.float32))[0])
        return made

    own = [_sum(case, "weight", row, list(line), constants["bias"][row]) for row in range(op.rows)]
    if op.cell == "rnn":
        return [[gate(0, _sum(case, "recurrence", row, hidden, own[row])) for row in range(units)]]
    if op.cell == "gru":
        gates = [gate(0, _sum(case, "recurrence", row, hidden, own[row])) for row in range(2 * units)]
        update, reset = gates[:units], gates[units:]
        result = []
        for u in range(units):
            row = 2 * units + u
            if op.reset_after:
                inner = fma(reset[u], _sum(case, "recurrence", row, hidden, constants["recurrent_bias"][u]), own[row])
            else:
                inner = _sum(
                    case, "recurrence", row, [f32(r * h) for r, h in zip(reset, hidden, strict=True)], own[row]
                )
            result.append(fma(update[u], hidden[u], f32(f32(one - update[u]) * gate(1, inner))))
        return [result]
    sums = [_sum(case, "recurrence", row, hidden, own[row]) for row in range(op.rows)]
    made: list[list[np.float32]] = [[], []]
    for u in range(units):
        enter, leave, forget, inner = sums[u], sums[units + u], sums[2 * units + u], sums[3 * units + u]
        cell = held[1][u]
        if op.peephole:
            enter = fma(constants["peepholes"][0, u], cell, enter)
            forget = fma(constants["peepholes"][2, u], cell, forget)
        enter = gate(0, enter)
        forget = f32(one - enter) if op.coupled else gate(0, forget)
        cell = fma(forget, cell, f32(enter * gate(1, inner)))
        if op.peephole:
            leave = fma(constants["peepholes"][1, u], cell, leave)
        made[0].append(f32(gate(0, leave) * gate(2, cell, limited=False)))
        made[1].append(cell)
    return made
