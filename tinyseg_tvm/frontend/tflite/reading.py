"""Reads a TensorFlow Lite file into ``Model``: every index, shape and quantisation is checked, constants are dense."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend.loading import MAX_TENSOR_BYTES
from tinyseg_tvm.frontend.tflite import schema
from tinyseg_tvm.frontend.tflite.flatbuffer import Flatbuffer, Table
from tinyseg_tvm.frontend.tflite.model import Model, OperatorCall, Options, Quantization, Subgraph, Tensor
from tinyseg_tvm.frontend.tflite.sparse import densified

MAX_RANK = 8

_BITS = {"int4": 4, "bool": 8, "bfloat16": 16}
_STORED = {"bool": "u1", "bfloat16": "<u2"}
_ZERO_POINTS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}
"""The least and greatest value of types whose values have a zero point."""
OPAQUE_TYPES = ("string", "resource", "variant", "complex64", "complex128")
"""Types whose values are never read."""


def read_model(data: bytes, source: str) -> Model:
    """The model in a file's bytes; ``source`` names the file in messages.

    Raises:
        TinySegError: the bytes are no TensorFlow Lite file of schema 3, or contradict themselves.
    """
    file = Flatbuffer(data, source)
    root = file.root(schema.IDENTIFIERS)
    version = root.integer(0, "I")
    if version != schema.VERSION:
        raise TinySegError(
            f"{source}: schema {version} of TensorFlow Lite is not supported, {schema.VERSION} is. "
            "Remedy: convert the model anew"
        )
    kinds = [_kind(table) for table in root.tables(1, "operator_codes")]
    buffers = [_buffer(file, table) for table in root.tables(4, "buffers")]
    subgraphs = [_Reader(file, table, kinds, buffers).subgraph() for table in root.tables(2, "subgraphs")]
    if not subgraphs:
        raise file.fail("it has no subgraph")
    return Model(subgraphs, root.text(3, "description"))


def _kind(table: Table) -> tuple[str, int]:
    number = table.integer(3, "i")
    number = number if number else table.integer(0, "b")  # files of schema 3a or older have one byte alone
    name = schema.OPERATORS.get(number, f"operator {number}")
    if name == schema.CUSTOM:
        custom = table.text(1, "custom_code")
        name = schema.CUSTOM_KINDS.get(custom, f"{schema.CUSTOM} {custom}")
    return name, table.integer(2, "i", 1)


def _buffer(file: Flatbuffer, table: Table) -> bytes | None:
    """The bytes of a buffer, inside the flatbuffer or behind it; None where it has none."""
    offset, size = table.integer(1, "Q"), table.integer(2, "Q")
    if offset > 1:  # 0: none; 1: a placeholder of writers
        file.expect(offset, size, table.what)
        return file.data[offset : offset + size]
    found = table.vector(0, "data")
    return None if found is None or found.length == 0 else found.raw()


class _Reader:
    """Reads one subgraph."""

    def __init__(
        self, file: Flatbuffer, table: Table, kinds: Sequence[tuple[str, int]], buffers: Sequence[bytes | None]
    ) -> None:
        self.file, self.table, self.kinds, self.buffers = file, table, kinds, buffers

    def subgraph(self) -> Subgraph:
        tensors = [self._tensor(table) for table in self.table.tables(0, "tensors")]
        count = len(tensors)
        calls = [self._call(table, count) for table in self.table.tables(3, "operators")]
        return Subgraph(
            self.table.text(4, "name"),
            tensors,
            self._indices(self.table, 1, "inputs", count),
            self._indices(self.table, 2, "outputs", count),
            calls,
        )

    def _indices(self, table: Table, field: int, what: str, count: int, *, optional: bool = False) -> tuple[int, ...]:
        found = tuple(int(index) for index in table.numbers(field, "i", what))
        least = -1 if optional else 0
        for index in found:
            if not least <= index < count:
                raise self.file.fail(f"{what} of {table.what} names tensor {index}, and there are {count}")
        return found

    def _call(self, table: Table, tensors: int) -> OperatorCall:
        index = table.integer(0, "I")
        if index >= len(self.kinds):
            raise self.file.fail(f"{table.what} names operator code {index}, and there are {len(self.kinds)}")
        kind, version = self.kinds[index]
        return OperatorCall(
            kind,
            version,
            self._indices(table, 1, "inputs", tensors, optional=True),
            self._indices(table, 2, "outputs", tensors),
            self._indices(table, 8, "intermediates", tensors, optional=True),
            self._options(table, kind),
        )

    def _options(self, table: Table, kind: str) -> Options:
        if kind == schema.TRANSPOSE_CONV_BIAS:
            return self._transpose_conv_params(table)
        known = schema.OPTIONS.get(kind)
        if known is None:
            return {}
        union = table.integer(3, "B")
        stored = table.table(4, "options") if union else None
        if stored is not None and union != known.union:
            raise self.file.fail(f"{table.what}, a {kind}, has options of another operator (table {union})")
        values: dict[str, int | float | str | tuple[int, ...]] = {}
        for name, option in known.fields.items():
            if option.code == "s":
                values[name] = "" if stored is None else stored.text(option.field, name)
            elif option.code.endswith("*"):
                found = () if stored is None else stored.numbers(option.field, option.code[0], name)
                values[name] = tuple(int(number) for number in found)
            else:
                number = option.default if stored is None else stored.number(option.field, option.code, option.default)
                values[name] = self._named(number, option, f"{name} of {table.what} ({kind})")
        return values

    def _transpose_conv_params(self, table: Table) -> Options:
        """The custom options of TRANSPOSE_CONV_BIAS: the struct TfLiteTransposeConvParams, three int32."""
        stored = table.numbers(5, "B", "custom_options").astype(np.uint8).tobytes()
        if len(stored) < 12:
            raise self.file.fail(f"{table.what} has {len(stored)} bytes of options; a padding and two strides take 12")
        padding, width, height = (int(number) for number in np.frombuffer(stored[:12], "<i4"))
        if padding not in (1, 2):
            raise self.file.fail(f"padding of {table.what} is {padding}; values are 1 and 2")
        strides = {"stride_w": width, "stride_h": height}
        return {"padding": "SAME" if padding == 1 else "VALID", **strides, "fused_activation_function": "NONE"}

    def _named(self, number: int | float, option: schema.Option, what: str) -> int | float | str:
        if not option.names:
            return number
        if not 0 <= number < len(option.names):
            raise self.file.fail(f"{what} is {number}; values are 0 to {len(option.names) - 1}")
        return option.names[int(number)]

    def _tensor(self, table: Table) -> Tensor:
        name = table.text(3, "name")
        where = f"tensor {name!r}" if name else table.what
        dtype = schema.TYPES.get(table.integer(1, "b"), f"element type {table.integer(1, 'b')}")
        shape = tuple(int(extent) for extent in table.numbers(0, "i", "shape"))
        signature = tuple(int(extent) for extent in table.numbers(7, "i", "shape_signature"))
        open_axes = tuple(axis for axis, extent in enumerate(signature) if extent < 0)
        if len(shape) > MAX_RANK:
            raise self.file.fail(f"{where} has {len(shape)} dimensions, more than {MAX_RANK}")
        if any(extent < 0 for extent in shape):
            raise self.file.fail(f"{where} has a negative dimension in {list(shape)}")
        if signature and len(signature) != len(shape):
            raise self.file.fail(f"{where} has the shape {list(shape)} and the signature {list(signature)}")
        size = (math.prod(shape) * _bits(dtype) + 7) // 8
        if size > MAX_TENSOR_BYTES:
            raise TinySegError(
                f"{self.file.source}: {where}: shape {list(shape)} claims {size} bytes, more than the limit of "
                f"{MAX_TENSOR_BYTES}"
            )
        buffer = table.integer(2, "I")
        if buffer >= len(self.buffers):
            raise self.file.fail(f"{where} names buffer {buffer}, and there are {len(self.buffers)}")
        data = self._constant(table, self.buffers[buffer], shape, dtype, where)
        return Tensor(
            name,
            shape,
            open_axes,
            dtype,
            self._quantization(table, shape, dtype, where),
            data,
            bool(table.integer(5, "B")),
        )

    def _constant(
        self, table: Table, stored: bytes | None, shape: tuple[int, ...], dtype: str, where: str
    ) -> np.ndarray | None:
        if stored is None or dtype in OPAQUE_TYPES or dtype.startswith("element type"):
            # an empty constant has an empty buffer, as what is computed has
            return None
        sparsity = table.table(6, "sparsity")
        if sparsity is not None:
            if dtype == "int4":
                raise TinySegError(f"{self.file.source}: {where}: sparse tensors of int4 are not supported")
            itemsize = np.dtype(_STORED.get(dtype, dtype)).itemsize
            if len(stored) % itemsize:
                raise self.file.fail(f"{where} has {len(stored)} bytes of {dtype}")
            values = _decoded(stored, dtype, len(stored) // itemsize)
            return densified(self.file, sparsity, values, shape, where)
        count = math.prod(shape)
        expected = (count * _bits(dtype) + 7) // 8
        if len(stored) != expected:
            raise self.file.fail(
                f"{where} of shape {list(shape)} and type {dtype} needs {expected} bytes, not {len(stored)}"
            )
        return _decoded(stored, dtype, count).reshape(shape)

    def _quantization(self, table: Table, shape: tuple[int, ...], dtype: str, where: str) -> Quantization | None:
        found = table.table(4, "quantization")
        if found is None:
            return None
        scales = found.numbers(2, "f", "scale").astype(np.float32)
        if scales.size == 0:
            return None
        zero_points = found.numbers(3, "q", "zero_point").astype(np.int64)
        if zero_points.size == 0:
            zero_points = np.zeros(scales.size, np.int64)
        if zero_points.size == 1:
            zero_points = np.repeat(zero_points, scales.size)
        if zero_points.size != scales.size:
            raise self.file.fail(f"{where} has {scales.size} scales and {zero_points.size} zero points")
        if not (np.isfinite(scales).all() and (scales > 0).all()):
            bad = scales[~(np.isfinite(scales) & (scales > 0))][0]
            raise self.file.fail(f"{where} has the scale {bad}, which is not positive and finite")
        held = _ZERO_POINTS.get(dtype)
        if held is not None and not held[0] <= zero_points.min() <= zero_points.max() <= held[1]:
            outside = zero_points[(zero_points < held[0]) | (zero_points > held[1])][0]
            raise self.file.fail(f"{where} has the zero point {outside}, which {dtype} does not have")
        axis = 0 if scales.size == 1 else self._axis(found.integer(6, "i"), shape, scales.size, where)
        return Quantization(scales, zero_points, axis)

    def _axis(self, stated: int, shape: tuple[int, ...], count: int, where: str) -> int:
        """The axis of per-channel scales; where the file names none of the tensor's, the one that they fit."""
        axes = [stated] if 0 <= stated < len(shape) else [axis for axis, size in enumerate(shape) if size == count]
        if len(axes) != 1 or shape[axes[0]] != count:
            raise self.file.fail(f"{where} of shape {list(shape)} has {count} scales along axis {stated}")
        return axes[0]


def _bits(dtype: str) -> int:
    if dtype in OPAQUE_TYPES or dtype.startswith("element type"):
        return 0
    return _BITS.get(dtype) or 8 * np.dtype(dtype).itemsize


def _decoded(stored: bytes, dtype: str, count: int) -> np.ndarray:
    """Values in a type that NumPy has: int4 as int8 (low nibble first), float16 and bfloat16 as float32."""
    if dtype == "int4":
        pairs = np.frombuffer(stored, np.int8)
        nibbles = np.stack([np.left_shift(pairs, 4), pairs], axis=-1).reshape(-1)[:count]
        return np.asarray(np.right_shift(nibbles, 4))
    if dtype == "bfloat16":
        return (np.frombuffer(stored, "<u2").astype(np.uint32) << 16).view(np.float32)
    if dtype == "bool":
        return np.asarray(np.frombuffer(stored, np.uint8) != 0)
    values: np.ndarray = np.frombuffer(stored, np.dtype(dtype).newbyteorder("<")).astype(dtype)
    return values.astype(np.float32) if dtype == "float16" else values
