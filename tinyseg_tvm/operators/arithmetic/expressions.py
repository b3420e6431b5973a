"""Expressions of float32: a short program of named functions, evaluated element by element.

An expression is a text of instructions, ``"dequantize x0 0.02 -3; sigmoid t0; mul t0 t1"``. Each names a function and
its operands: ``x0`` is the operator's first activation, ``c0`` its first constant, ``t0`` the result of the first
instruction; anything else is a float32 number. The last instruction is the result. Each function is one operation of
float32, rounded once, a choice, or a sequence of ``elementary_functions``:

* ``add sub mul div neg abs sqrt``: IEEE 754; ``max`` is ``a > b ? a : b``, ``min`` is ``a < b ? a : b``;
* ``less less_equal greater greater_equal equal not_equal and or xor not``: 1 where it is so, else 0;
* ``identity``: the operand, converted to float32;
* ``where c a b``: ``a`` where ``c`` is not 0, else ``b``; ``sign``: 1, -1 or 0;
* ``exp log sigmoid tanh erf sin cos atan pow floor ceil trunc round``: see ``elementary_functions``;
* ``dequantize x s z``: ``(x - z) * s`` of an integer operand; ``quantize t s z``: as ONNX, the last instruction alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tinyseg_tvm.operators.arithmetic import elementary_functions as elementary
from tinyseg_tvm.operators.arithmetic.float32_functions import exponential
from tinyseg_tvm.operators.arithmetic.onnx_functions import dequantize, quantize

f32 = np.float32
DEQUANTIZE, QUANTIZE = "dequantize", "quantize"


def _truth(function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[..., np.ndarray]:
    return lambda a, b: np.asarray(function(a, b)).astype(f32)


def _chosen(condition: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.where(condition, a, b))


def _sign(a: np.ndarray) -> np.ndarray:
    return (a > 0).astype(f32) - (a < 0).astype(f32)


FUNCTIONS: Mapping[str, tuple[int, Callable[..., np.ndarray]]] = {
    "add": (2, np.add),
    "sub": (2, np.subtract),
    "mul": (2, np.multiply),
    "div": (2, np.divide),
    "max": (2, lambda a, b: _chosen(a > b, a, b)),
    "min": (2, lambda a, b: _chosen(a < b, a, b)),
    "pow": (2, elementary.power),
    "less": (2, _truth(np.less)),
    "less_equal": (2, _truth(np.less_equal)),
    "greater": (2, _truth(np.greater)),
    "greater_equal": (2, _truth(np.greater_equal)),
    "equal": (2, _truth(np.equal)),
    "not_equal": (2, _truth(np.not_equal)),
    "and": (2, _truth(lambda a, b: (a != 0) & (b != 0))),
    "or": (2, _truth(lambda a, b: (a != 0) | (b != 0))),
    "xor": (2, _truth(lambda a, b: (a != 0) ^ (b != 0))),
    "identity": (1, lambda a: a),
    "not": (1, lambda a: (a == 0).astype(f32)),
    "where": (3, lambda c, a, b: _chosen(c != 0, a, b)),
    "neg": (1, np.negative),
    "abs": (1, np.abs),
    "sign": (1, _sign),
    "sqrt": (1, elementary.square_root),
    "exp": (1, exponential),
    "log": (1, elementary.logarithm),
    "sigmoid": (1, elementary.sigmoid),
    "tanh": (1, elementary.tanh),
    "erf": (1, elementary.erf),
    "sin": (1, elementary.sine),
    "cos": (1, elementary.cosine),
    "atan": (1, elementary.arctangent),
    "floor": (1, elementary.floor),
    "ceil": (1, elementary.ceiling),
    "trunc": (1, elementary.truncated),
    "round": (1, elementary.rounded),
}
"""How many operands each function has, and what it is in NumPy."""

_OPERANDS = {**{name: count for name, (count, _) in FUNCTIONS.items()}, DEQUANTIZE: 3, QUANTIZE: 3}


@dataclass(frozen=True)
class Instruction:
    """One function on operands: ``x0``, ``c0``, ``t0`` or numbers, as text."""

    function: str
    operands: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join((self.function, *self.operands))


@lru_cache(maxsize=4096)
def instructions_of(text: str) -> tuple[Instruction, ...]:
    """The instructions of an expression.

    Raises:
        ValueError: an unknown function, a wrong number of operands, or an operand that does not exist.
    """
    found: list[Instruction] = []
    for part in text.split(";") if text.strip() else []:
        name, *operands = part.split() or [""]
        if len(operands) != _OPERANDS.get(name, -1):
            raise ValueError(f"expression {text!r}: {part.strip()!r} is no function on its operands")
        if found and found[-1].function == QUANTIZE:
            raise ValueError(f"expression {text!r}: only the last instruction quantises")
        for operand in operands:
            if not _exists(operand, len(found)):
                raise ValueError(f"expression {text!r}: there is no operand {operand!r}")
        if name in (DEQUANTIZE, QUANTIZE) and any(is_reference(operand) for operand in operands[1:]):
            raise ValueError(f"expression {text!r}: {name} needs numbers")
        if name == DEQUANTIZE and operands[0][0] != "x":
            raise ValueError(f"expression {text!r}: only an activation is dequantised")
        found.append(Instruction(name, tuple(operands)))
    if not found:
        raise ValueError("an expression needs an instruction")
    return tuple(found)


def text_of(instructions: Sequence[Instruction]) -> str:
    """The text that ``instructions_of`` reads."""
    return "; ".join(map(str, instructions))


def is_reference(operand: str) -> bool:
    """Whether an operand is an activation, a constant or a result, and no number."""
    return operand[:1] in ("x", "c", "t") and operand[1:].isdigit()


def referred(text: str, kind: str) -> int:
    """How many activations ("x") or constants ("c") an expression needs, by the largest number in it."""
    operands = [operand for instruction in instructions_of(text) for operand in instruction.operands]
    return max((int(each[1:]) + 1 for each in operands if is_reference(each) and each[0] == kind), default=0)


def result_quantization(text: str) -> tuple[float, int] | None:
    """Scale and zero point of the result, where the last instruction quantises."""
    last = instructions_of(text)[-1]
    return (float(f32(last.operands[1])), int(last.operands[2])) if last.function == QUANTIZE else None


def evaluate(
    text: str, activations: Sequence[np.ndarray], constants: Sequence[np.ndarray], output_dtype: str
) -> np.ndarray:
    """The result on operands that broadcast against each other, in the type of results."""
    results: list[np.ndarray] = []

    def value(operand: str) -> np.ndarray:
        if not is_reference(operand):
            return np.asarray(f32(operand))
        held: Sequence[np.ndarray] = {"x": activations, "c": constants, "t": results}[operand[0]]
        return np.asarray(held[int(operand[1:])]).astype(f32)

    for instruction in instructions_of(text):
        name, operands = instruction.function, instruction.operands
        with np.errstate(all="ignore"):
            if name == DEQUANTIZE:
                made = dequantize(activations[int(operands[0][1:])], float(operands[1]), int(operands[2]))
            elif name == QUANTIZE:
                return quantize(value(operands[0]), float(operands[1]), int(operands[2]), output_dtype)
            else:
                made = FUNCTIONS[name][1](*map(value, operands))
        results.append(np.asarray(made, f32))
    return results[-1] != 0 if output_dtype == "bool" else results[-1]


def _exists(operand: str, instructions: int) -> bool:
    if is_reference(operand):
        return operand[0] != "t" or int(operand[1:]) < instructions
    try:
        float(operand)
    except ValueError:
        return False
    return True
