"""Breaks how a TensorFlow Lite model hangs together: names, extents, quantisation, edges, order, options, constants."""

from __future__ import annotations

import copy
import struct
from collections.abc import Callable

import numpy as np

from tests.fuzz.meanings import ChangedTflite, pick
from tests.fuzz.structures import EXTENTS, NAMES, SCALES


class RestructuredTflite:
    """A TensorFlow Lite model whose tensors, operators and ports hang together in another way."""

    def __init__(self, seed: ChangedTflite) -> None:
        """Keeps a copy."""
        self.seed = seed

    def mutated(self, rng: np.random.Generator) -> bytes:
        """A file with one or two changes; the seed's where one cannot be written."""
        changed = ChangedTflite(self.seed.made, self.seed.inputs, self.seed.outputs)
        for _ in range(rng.integers(1, 3)):
            pick(rng, TFLITE_CHANGES)(changed, rng)
        try:
            return changed.made.to_bytes(changed.inputs, changed.outputs)
        except (OverflowError, ValueError, TypeError, struct.error, UnicodeEncodeError, KeyError):
            return self.seed.unchanged()


def _tflite_names(model: ChangedTflite, rng: np.random.Generator) -> None:
    for tensor in model.made.tensors if rng.random() < 0.3 else [pick(rng, model.made.tensors)]:
        tensor["name"] = pick(rng, NAMES)


def _tflite_extents(model: ChangedTflite, rng: np.random.Generator) -> None:
    tensor = pick(rng, model.made.tensors)
    shape = list(tensor["shape"])
    low, high = -(1 << 31), (1 << 31) - 1
    if shape and rng.random() < 0.8:
        shape[int(rng.integers(len(shape)))] = int(np.clip(pick(rng, EXTENTS), low, high))
    else:
        shape += [int(pick(rng, (1, 0, -1)))] * int(pick(rng, (1, 8, 300)))
    tensor["shape"] = shape


def _tflite_scales(model: ChangedTflite, rng: np.random.Generator) -> None:
    tensor = pick(rng, model.made.tensors)
    way = int(rng.integers(4))
    if way == 0:
        tensor["scales"] = [0.1] * int(pick(rng, (0, 1, 2, 3, 5, 1000)))
    elif way == 1:
        tensor["scales"] = [float(pick(rng, SCALES))] * max(1, len(tensor["scales"]))
    elif way == 2:
        tensor["axis"] = int(pick(rng, (-9, -1, 1, 2, 3, 4, 9, (1 << 31) - 1, -(1 << 31))))
    else:
        tensor["zero_point"] = int(pick(rng, (-(1 << 63), (1 << 63) - 1, 1 << 31, -129, 256, 1 << 20)))


def _tflite_exchange(model: ChangedTflite, rng: np.random.Generator) -> None:
    """Two tensors change places, or one is used for two things."""
    first, second = (int(rng.integers(len(model.made.tensors))) for _ in range(2))
    if rng.random() < 0.5:
        tensors = model.made.tensors
        tensors[first], tensors[second] = tensors[second], tensors[first]
        return
    for _, inputs, outputs, _ in model.made.operators:
        for ends in (inputs, outputs):
            for at, index in enumerate(ends):
                ends[at] = second if index == first else index


def _tflite_order(model: ChangedTflite, rng: np.random.Generator) -> None:
    operators = model.made.operators
    way = int(rng.integers(3))
    if way == 0:
        model.made.operators = [operators[at] for at in rng.permutation(len(operators))]
    elif way == 1:
        del operators[int(rng.integers(len(operators)))]
    else:
        operators.append(copy.deepcopy(pick(rng, operators)))


def _tflite_ends(model: ChangedTflite, rng: np.random.Generator) -> None:
    _, inputs, outputs, _ = pick(rng, model.made.operators) if model.made.operators else ("", [], [], {})
    ends: list[int] = pick(rng, (inputs, outputs, model.inputs, model.outputs))
    index = int(pick(rng, (-1, -2, 0, len(model.made.tensors), 1 << 30, int(rng.integers(len(model.made.tensors))))))
    if ends and rng.random() < 0.7:
        ends[int(rng.integers(len(ends)))] = index
    else:
        ends += [index] * int(pick(rng, (1, 2, 500)))


def _tflite_options(model: ChangedTflite, rng: np.random.Generator) -> None:
    """A number among an operator's options is enormous, negative or zero."""
    held = [operator for operator in model.made.operators if operator[3]]
    if not held:
        return
    options = pick(rng, held)[3]
    name = pick(rng, sorted(options))
    if isinstance(options[name], (int, float)) and not isinstance(options[name], bool):
        options[name] = int(pick(rng, (0, -1, 1 << 20, (1 << 31) - 1, -(1 << 31), 3, 100)))
    elif isinstance(options[name], list):
        options[name] = [int(pick(rng, (0, -1, 1 << 20, (1 << 31) - 1))) for _ in range(int(rng.integers(9)))]


def _tflite_constant(model: ChangedTflite, rng: np.random.Generator) -> None:
    """A constant is too short, too long, absent, or an activation has become one."""
    tensor = pick(rng, model.made.tensors)
    data = tensor["data"]
    if data is None:
        tensor["data"] = np.zeros(int(pick(rng, (0, 1, 7, 4096))), np.int8)
    elif rng.random() < 0.3:
        tensor["data"] = None
    elif np.asarray(data).size:
        tensor["data"] = np.resize(np.asarray(data), int(pick(rng, (0, 1, 3, np.asarray(data).size * 2))))
    tensor["variable"] = bool(rng.random() < 0.1)


def _tflite_values(model: ChangedTflite, rng: np.random.Generator) -> None:
    """Every value of a constant is the same extreme one."""
    held = [tensor for tensor in model.made.tensors if tensor["data"] is not None]
    if not held:
        return
    tensor = pick(rng, held)
    array = np.asarray(tensor["data"])
    if array.dtype.kind in "iu":
        limits = np.iinfo(array.dtype)
        tensor["data"] = np.full_like(array, pick(rng, (limits.min, limits.max, 0, 1, -1 if limits.min else 1)))
    elif array.dtype.kind == "f":
        tensor["data"] = np.full_like(array, pick(rng, SCALES))


TFLITE_CHANGES: tuple[Callable[[ChangedTflite, np.random.Generator], None], ...] = (
    _tflite_names,
    _tflite_extents,
    _tflite_scales,
    _tflite_scales,
    _tflite_exchange,
    _tflite_exchange,
    _tflite_order,
    _tflite_ends,
    _tflite_options,
    _tflite_options,
    _tflite_constant,
    _tflite_values,
)
