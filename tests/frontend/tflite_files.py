"""Writes TensorFlow Lite files for tests: tensors, operators with their options, one subgraph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import flatbuffers
import numpy as np
import numpy.typing as npt

from tinyseg_tvm.frontend.tflite import schema

_TYPES = {name: number for number, name in schema.TYPES.items()}
_OPERATORS = {name: number for number, name in schema.OPERATORS.items()}
_PREPEND = {
    "b": "PrependInt8Slot",
    "B": "PrependUint8Slot",
    "i": "PrependInt32Slot",
    "I": "PrependUint32Slot",
    "f": "PrependFloat32Slot",
}


@dataclass
class TfliteFile:
    """A file under construction; tensors are known by their index."""

    tensors: list[dict[str, object]] = field(default_factory=list)
    operators: list[tuple[str, list[int], list[int], dict[str, object]]] = field(default_factory=list)

    def tensor(
        self,
        shape: Sequence[int],
        dtype: str = "int8",
        scale: npt.ArrayLike | None = 0.1,
        zero_point: int = 0,
        data: np.ndarray | None = None,
        axis: int = 0,
        name: str | None = None,
        *,
        variable: bool = False,
    ) -> int:
        """A tensor, constant where it has data, or ``variable``: kept across inferences; returns its index."""
        number = len(self.tensors)
        self.tensors.append(
            {
                "shape": list(shape),
                "dtype": dtype,
                "scales": [] if scale is None else list(np.atleast_1d(np.asarray(scale, np.float32))),
                "zero_point": zero_point,
                "data": data,
                "axis": axis,
                "name": f"t{number}" if name is None else name,
                "variable": variable,
            }
        )
        return number

    def constant(self, data: np.ndarray) -> int:
        """A constant without quantisation."""
        return self.tensor(data.shape, str(data.dtype), None, data=data)

    def operator(self, kind: str, inputs: Sequence[int], outputs: Sequence[int], **options: object) -> None:
        """A node; enumerations by their names."""
        self.operators.append((kind, list(inputs), list(outputs), options))

    def to_bytes(self, inputs: Sequence[int], outputs: Sequence[int], further: Sequence[TfliteFile] = ()) -> bytes:
        """The file; ``further`` are subgraphs behind this one, without inputs and outputs."""
        builder = flatbuffers.Builder(1024)
        buffers = [_table(builder, {})]
        graphs = (self, *further)
        kinds = list(dict.fromkeys(kind for graph in graphs for kind, *_ in graph.operators))
        codes = [_table(builder, _code(builder, kind)) for kind in kinds]
        ports = [(inputs, outputs), *(((), ()) for _ in further)]
        subgraphs = [
            graph.subgraph(builder, kinds, buffers, *of_graph) for graph, of_graph in zip(graphs, ports, strict=True)
        ]
        root = _table(
            builder,
            {
                0: ("I", 3),
                1: ("offset", _offsets(builder, codes)),
                2: ("offset", _offsets(builder, subgraphs)),
                4: ("offset", _offsets(builder, buffers)),
            },
        )
        builder.Finish(root, b"TFL3")
        return bytes(builder.Output())

    def subgraph(
        self,
        builder: flatbuffers.Builder,
        kinds: Sequence[str],
        buffers: list[int],
        inputs: Sequence[int],
        outputs: Sequence[int],
    ) -> int:
        """Its table; constants go into ``buffers``."""
        tensors = []
        for tensor in self.tensors:
            data = tensor["data"]
            if data is not None:
                raw = np.asarray(data).tobytes()
                builder.StartVector(1, len(raw), 16)
                builder.head -= len(raw)
                builder.Bytes[builder.head : builder.head + len(raw)] = raw
                buffers.append(_table(builder, {0: ("offset", builder.EndVector())}))
            tensors.append(_tensor(builder, tensor, 0 if data is None else len(buffers) - 1))
        calls = [_operator(builder, kinds, *operator) for operator in self.operators]
        return _table(
            builder,
            {
                0: ("offset", _offsets(builder, tensors)),
                1: ("offset", builder.CreateNumpyVector(np.array(inputs, np.int32))),
                2: ("offset", builder.CreateNumpyVector(np.array(outputs, np.int32))),
                3: ("offset", _offsets(builder, calls)),
            },
        )


def _code(builder: flatbuffers.Builder, kind: str) -> dict[int, tuple[str, object]]:
    """Of an operator code; of ``CUSTOM <name>`` with the name."""
    stem, _, custom = kind.partition(" ")
    number = _OPERATORS[stem]
    name: dict[int, tuple[str, object]] = {1: ("offset", builder.CreateString(custom))} if custom else {}
    return {0: ("b", min(number, 127)), **name, 2: ("i", 1), 3: ("i", number)}


def _tensor(builder: flatbuffers.Builder, tensor: dict[str, object], buffer: int) -> int:
    shape = builder.CreateNumpyVector(np.array(tensor["shape"], np.int32))
    name = builder.CreateString(str(tensor["name"]))
    fields: dict[int, tuple[str, object]] = {
        0: ("offset", shape),
        1: ("b", _TYPES[str(tensor["dtype"])]),
        2: ("I", buffer),
        3: ("offset", name),
        5: ("B", int(bool(tensor["variable"]))),
    }
    scales = np.array(tensor["scales"], np.float32)
    if scales.size:
        zeros = np.full(scales.size, tensor["zero_point"], np.int64)
        stored = builder.CreateNumpyVector(scales), builder.CreateNumpyVector(zeros)
        quantization = {2: ("offset", stored[0]), 3: ("offset", stored[1]), 6: ("i", tensor["axis"])}
        fields[4] = ("offset", _table(builder, quantization))
    return _table(builder, fields)


def _operator(
    builder: flatbuffers.Builder,
    kinds: Sequence[str],
    kind: str,
    inputs: Sequence[int],
    outputs: Sequence[int],
    options: dict[str, object],
) -> int:
    known = schema.OPTIONS.get(kind)
    fields: dict[int, tuple[str, object]] = {
        0: ("I", list(kinds).index(kind)),
        1: ("offset", builder.CreateNumpyVector(np.array(inputs, np.int32))),
        2: ("offset", builder.CreateNumpyVector(np.array(outputs, np.int32))),
    }
    if "custom_options" in options:
        fields[5] = (
            "offset",
            builder.CreateNumpyVector(np.frombuffer(cast(bytes, options["custom_options"]), np.uint8)),
        )
    if known is not None:
        stored: dict[int, tuple[str, object]] = {}
        for name, value in options.items():
            option = known.fields[name]
            if option.code == "s":
                stored[option.field] = ("offset", builder.CreateString(str(value)))
            elif option.code.endswith("*"):
                stored[option.field] = ("offset", builder.CreateNumpyVector(np.array(value, np.int32)))
            else:
                number = option.names.index(str(value)) if option.names else value
                stored[option.field] = (option.code, number)
        fields |= {3: ("B", known.union), 4: ("offset", _table(builder, stored))}
    return _table(builder, fields)


def _offsets(builder: flatbuffers.Builder, tables: Sequence[int]) -> int:
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    return int(builder.EndVector())


def _table(builder: flatbuffers.Builder, fields: dict[int, tuple[str, object]]) -> int:
    builder.StartObject(max(fields, default=-1) + 1)
    for number, (code, value) in fields.items():
        if code == "offset":
            builder.PrependUOffsetTRelativeSlot(number, value, 0)
        else:
            prepend: Callable[..., None] = getattr(builder, _PREPEND[code])
            prepend(number, value, None)  # stored even where it is the default
    return int(builder.EndObject())


def convolution(
    rng: np.random.Generator, shape: tuple[int, int, int, int] = (1, 8, 6, 3), outputs: int = 4, dtype: str = "int8"
) -> TfliteFile:
    """A convolution of 3 x 3 with ReLU, a pool and a dense layer: tensors 0 to the last."""
    made = TfliteFile()
    low = 0 if dtype == "uint8" else -128
    source = made.tensor(shape, dtype, 0.05, low + 120, name="image")
    weight = rng.integers(-127, 128, (outputs, 3, 3, shape[3])).astype(np.int8)
    if dtype == "uint8":
        weights = made.tensor(weight.shape, dtype, 0.02, 128, (weight.astype(np.int16) + 128).astype(np.uint8))
    else:
        weights = made.tensor(weight.shape, dtype, rng.uniform(0.01, 0.03, outputs), 0, weight)
    biases = made.tensor((outputs,), "int32", 0.001, 0, rng.integers(-2000, 2000, outputs).astype(np.int32))
    height, width = -(-shape[1] // 2), -(-shape[2] // 2)
    conv = made.tensor((1, height, width, outputs), dtype, 0.08, low + 3, name="conv")
    made.operator(
        "CONV_2D",
        [source, weights, biases],
        [conv],
        padding="SAME",
        stride_w=2,
        stride_h=2,
        fused_activation_function="RELU",
        dilation_w_factor=1,
        dilation_h_factor=1,
    )
    pool = made.tensor((1, 1, 1, outputs), dtype, 0.08, low + 3, name="pool")
    made.operator(
        "AVERAGE_POOL_2D",
        [conv],
        [pool],
        padding="VALID",
        stride_w=width,
        stride_h=height,
        filter_width=width,
        filter_height=height,
        fused_activation_function="NONE",
    )
    flat = made.tensor((1, outputs), dtype, 0.08, low + 3, name="flat")
    made.operator("RESHAPE", [pool, made.constant(np.array([1, outputs], np.int32))], [flat], new_shape=[1, outputs])
    matrix = rng.integers(-127, 128, (3, outputs)).astype(np.int8)
    if dtype == "uint8":
        dense_weights = made.tensor(matrix.shape, dtype, 0.03, 128, (matrix.astype(np.int16) + 128).astype(np.uint8))
    else:
        dense_weights = made.tensor(matrix.shape, dtype, 0.03, 0, matrix)
    dense = made.tensor((1, 3), dtype, 0.1, low + 100, name="dense")
    made.operator("FULLY_CONNECTED", [flat, dense_weights, -1], [dense], fused_activation_function="NONE")
    shares = made.tensor((1, 3), dtype, 1 / 256, low, name="shares")
    made.operator("SOFTMAX", [dense], [shares], beta=1.0)
    return made
