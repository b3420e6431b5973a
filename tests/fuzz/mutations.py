"""Breaks files of models: bits and bytes anywhere, and the places that a reader follows, with values that hurt."""

from __future__ import annotations

import struct
from collections import defaultdict
from typing import Any
from unittest import mock

import numpy as np
import onnx

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend.tflite import reading
from tinyseg_tvm.frontend.tflite.flatbuffer import Flatbuffer

NUMBERS = (
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    16,
    64,
    127,
    128,
    255,
    256,
    65535,
    65536,
    1 << 20,
    (1 << 31) - 1,
    -1,
    -2,
    -128,
    -(1 << 31),
)
REALS = (0.0, -1.0, 1e-30, 1e30, 3.4e38, float("inf"), float("nan"), -0.0, 1.0)
LONGEST = 64  # bytes of a vector that may be a shape, indices or scales; longer ones are weights


def mutated_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut, flipped, overwritten, moved or doubled somewhere."""
    broken = bytearray(data)
    way = rng.integers(5)
    at = int(rng.integers(len(data)))
    length = int(rng.integers(1, 65))
    if way == 0:
        del broken[at:]
    elif way == 1:
        for position in rng.integers(0, len(data), rng.integers(1, 9)):
            broken[position] ^= 1 << rng.integers(8)
    elif way == 2:
        broken[at : at + length] = bytes([int(rng.choice([0, 0x7F, 0xFF]))]) * len(broken[at : at + length])
    elif way == 3:
        del broken[at : at + length]
    else:
        broken[at:at] = broken[at : at + length]
    return bytes(broken)


class TfliteMutator:
    """Breaks one file of TensorFlow Lite at the numbers that the reader unpacks, each sort as often as others."""

    def __init__(self, data: bytes) -> None:
        """Reads ``data`` once, and keeps what is read where."""
        self.data = data
        found: dict[str, list[tuple[int, int]]] = defaultdict(list)

        class Watched(Flatbuffer):
            def expect(self, position: int, size: int, what: str) -> None:
                super().expect(position, size, what)
                sort = what.partition(" of ")[0].partition("[")[0] if size > 2 else f"{size} bytes"
                if 0 < size <= LONGEST:
                    found[sort].append((position, size))

        with mock.patch.object(reading, "Flatbuffer", Watched):
            reading.read_model(data, "seed")
        self.places = [sorted(set(places)) for _, places in sorted(found.items())]

    def mutated(self, rng: np.random.Generator) -> bytes:
        """The file with one to three numbers changed, or bytes of it."""
        if rng.random() < 0.25:
            return mutated_bytes(self.data, rng)
        broken = bytearray(self.data)
        for _ in range(rng.integers(1, 4)):
            sort = self.places[rng.integers(len(self.places))]
            position, size = sort[rng.integers(len(sort))]
            width = size if size < 4 else 4
            position += width * int(rng.integers(size // width))
            broken[position : position + width] = self._number(broken[position : position + width], rng)
        return bytes(broken)

    def _number(self, before: bytes | bytearray, rng: np.random.Generator) -> bytes:
        old = int.from_bytes(before, "little", signed=True)
        way = rng.integers(4)
        if way == 0 and len(before) == 4:
            return struct.pack("<f", float(rng.choice(REALS)))
        if way == 1:  # a neighbour: another index, offset, extent or enumerated value that may well exist
            new = old + int(rng.choice([-8, -4, -2, -1, 1, 2, 4, 8]))
        elif way == 2:
            new = int(rng.integers(0, 12))
        else:
            new = int(rng.choice(NUMBERS))
        return (new & ((1 << 8 * len(before)) - 1)).to_bytes(len(before), "little")


def mutated_onnx(data: bytes, rng: np.random.Generator) -> bytes:
    """An ONNX file with one to three fields of its messages changed, or bytes of it."""
    if rng.random() < 0.25:
        return mutated_bytes(data, rng)
    model = onnx.ModelProto.FromString(data)
    names = [name for node in model.graph.node for name in (*node.input, *node.output)] + [
        "",
        "none",
        "a\nb",
        "x" * 300,
    ]
    for _ in range(rng.integers(1, 4)):
        messages = list(_messages(model))
        message = messages[rng.integers(len(messages))]
        fields = message.ListFields()
        if fields:
            field, value = fields[rng.integers(len(fields))]
            _change(message, field, value, names, rng)
    return bytes(model.SerializeToString())


def _messages(message: Any) -> list[Any]:
    found = [message]
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for child in value if _repeated(value) else [value]:
                found += _messages(child)
    return found


def _repeated(value: object) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes))


def _change(message: Any, field: Any, value: Any, names: list[str], rng: np.random.Generator) -> None:
    """One field: removed, an element doubled or removed, a number, name or some bytes exchanged."""
    repeated = _repeated(value)
    if rng.random() < 0.2 or (repeated and not len(value)):
        message.ClearField(field.name)
        return
    if repeated and rng.random() < 0.3:
        element = value[int(rng.integers(len(value)))]
        if rng.random() < 0.5:
            del value[int(rng.integers(len(value)))]
        elif field.type == field.TYPE_MESSAGE:
            value.add().CopyFrom(element)
        else:
            value.append(element)
        return
    if field.type == field.TYPE_MESSAGE:
        return
    index = int(rng.integers(len(value))) if repeated else None
    old = value[index] if repeated else value
    new = _other(old, field, names, rng)
    try:
        if repeated:
            value[index] = new
        else:
            setattr(message, field.name, new)
    except (ValueError, TypeError):  # outside of the field's type
        message.ClearField(field.name)


def _other(old: object, field: Any, names: list[str], rng: np.random.Generator) -> object:
    if isinstance(old, float):
        return float(rng.choice(REALS))
    if isinstance(old, int):
        return old + int(rng.choice([-1, 1])) if rng.random() < 0.4 else int(rng.choice(NUMBERS))
    if isinstance(old, str):
        return str(rng.choice(names))
    assert isinstance(old, bytes)
    return mutated_bytes(old, rng) if old else b"\xff"


def mutant(data: bytes, rng: np.random.Generator) -> bytes:
    """A broken copy of a model of either format."""
    if data[4:8] == b"TFL3":
        try:
            return TfliteMutator(data).mutated(rng)
        except TinySegError:  # a seed that is broken itself
            return mutated_bytes(data, rng)
    return mutated_onnx(data, rng)
