"""The pairs of ``streaming_kinds``, row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import twin_operators as of
from operator_twins import Graph, Operator, Pair

MAP = 16 * 48 * 48  # bytes of the int8 map between the convolutions


def add(g: Graph, x: str) -> str:
    """A sum with the operand's own Relu, quantised."""
    return g.made("Add", x, g.made("Relu", x))


def heads(g: Graph, x: str, softmax: bool) -> str:
    """Attention of 4 heads over 48 positions of 16 channels, by products of activations."""
    shape = g.constant(of.indices(1, 48, 4, 4))
    query, key, value = (g.made("MatMul", x, g.constant_weights(g.weights(16, 16))) for _ in range(3))
    query, key, value = (g.made("Reshape", each, shape) for each in (query, key, value))
    query, value = (g.made("Transpose", each, perm=[0, 2, 1, 3]) for each in (query, value))
    scores = g.made("MatMul", query, g.made("Transpose", key, perm=[0, 2, 3, 1]))
    scores = g.made("Softmax", scores, axis=-1) if softmax else scores
    result = g.made("Transpose", g.made("MatMul", scores, value), perm=[0, 2, 1, 3])
    return g.made("Reshape", result, g.constant(of.indices(1, 48, 16)))


def positions(operator: Operator) -> Operator:
    """A network over 48 positions of 16 features: a dense layer, the operator, a dense layer."""

    def made(g: Graph, _: str) -> str:
        x = g.made("MatMul", g.input(1, 48, 16), g.constant_weights(g.weights(16, 16)))
        return operator(g, x)

    return made


def dense(g: Graph, x: str) -> str:
    """What follows the operator of ``positions``."""
    return g.op("MatMul", x, g.constant_weights(g.weights(16, 8)))


def recurrent(kind: str, gates: int, **attributes: Any) -> Operator:
    """LSTM, GRU or RNN of 16 units over the positions."""

    def made(g: Graph, x: str) -> str:
        directions = 2 if attributes.get("direction") == "bidirectional" else 1
        weights = [g.weights(directions, gates * 16, 16) * 0.3 for _ in range(2)]
        x = g.op("Transpose", x, perm=[1, 0, 2])
        x = g.op(kind, x, *map(g.constant, weights), hidden_size=16, **attributes)
        x = g.op("Transpose", g.op("ReduceMean", x, g.constant(of.indices(1)), keepdims=0), perm=[1, 0, 2])
        return g.quantised(x)

    return made


def products(g: Graph, x: str) -> str:
    """DynamicQuantizeLinear and MatMulInteger, as dynamic quantisation leaves them."""
    q, scale, zero = g.ops("DynamicQuantizeLinear", [x], 3)
    weights = np.clip(np.round(g.weights(16, 16) * 200), -127, 127).astype(np.int8)
    y = g.op("Cast", g.op("MatMulInteger", q, g.constant(weights), zero), to=1)
    return g.op("Mul", y, g.op("Mul", scale, g.constant(of.floats(1 / 200))))


def fused_conv(g: Graph, x: str) -> str:
    """FusedConv of com.microsoft."""
    w = g.constant_weights(g.weights(16, 16, 3, 3))
    return g.quantised(g.op("FusedConv", x, w, domain="com.microsoft", activation="Relu", pads=[1] * 4))


def unfused_conv(g: Graph, x: str) -> str:
    """The same in two operators."""
    return g.made("Relu", g.conv(x, 16, 16))


def nhwc_max_pool(g: Graph, x: str) -> str:
    """NhwcMaxPool of com.microsoft, on integers."""
    x = g.op("Transpose", g.op("QuantizeLinear", x, *g.parameters()), perm=[0, 2, 3, 1])
    x = g.op("NhwcMaxPool", x, domain="com.microsoft", kernel_shape=[2, 2], strides=[2, 2])
    return g.dequantised(g.op("Transpose", x, perm=[0, 3, 1, 2]))


def halves(g: Graph, x: str) -> str:
    """A 1x1 convolution to half of the channels, for what drops channels."""
    return g.made("Relu", g.conv(x, 16, 8, 1))


def whole_pool(*kernel: int) -> Operator:
    """MaxPool over a whole row or column, for reductions along it."""
    return of.node("MaxPool", kernel_shape=list(kernel))


def one_channel(g: Graph, x: str) -> str:
    """A 1x1 convolution to one channel, for reductions over the channels."""
    return g.made("Relu", g.conv(x, 16, 1, 1))


def reduced(kind: str, axis: int) -> Operator:
    """A reduction that keeps its axis."""
    return of.node(kind, of.indices(axis), keepdims=1)


def spelled_group_norm(g: Graph, x: str) -> str:
    """GroupNormalization of 4 groups as exporters write it."""
    ones, zeros = g.constant(np.ones(4, np.float32)), g.constant(np.zeros(4, np.float32))
    normal = g.op("InstanceNormalization", g.op("Reshape", x, g.constant(of.indices(0, 4, -1))), ones, zeros)
    joined = g.op("Reshape", normal, g.constant(of.indices(1, 16, 48, 48)))
    return g.quantised(g.op("Mul", joined, g.constant(of.slopes(16))))


def normalised(values: str) -> list[Pair]:
    """Normalisations and softmax of a type."""
    scale, bias = np.linspace(0.5, 1.5, 16, dtype=np.float32), np.linspace(-1, 1, 16, dtype=np.float32)
    kept = MAP * (4 if values == "float" else 1)
    row = "normalisation, softmax, reduction"
    last = of.node("LayerNormalization", scale, bias, axis=-1)
    return [
        Pair(row, "LayerNormalization of pixels", of.pixel(last), of.pixel(of.node("Relu")), values),
        Pair(row, "LpNormalization", of.node("LpNormalization", axis=1, p=2), values=values),
        *(Pair(row, f"Softmax, axis {axis}", of.node("Softmax", axis=axis), values=values) for axis in (1, 3)),
        Pair(row, "Softmax, axis 2", of.node("Softmax", axis=2), values=values, held=kept),
        Pair(row, "LogSoftmax, axis 1", of.node("LogSoftmax", axis=1), values=values),
        Pair(row, "InstanceNormalization", of.node("InstanceNormalization", scale, bias), values=values, held=kept),
        Pair(
            row,
            "GroupNormalization",
            of.node("GroupNormalization", scale, bias, num_groups=4),
            values=values,
            held=kept,
        ),
        Pair(row, "GroupNormalization, spelled", spelled_group_norm, values=values, held=kept),
        Pair(row, "ReduceMean, axis 1", reduced("ReduceMean", 1), one_channel, values, behind=1),
        Pair(row, "ReduceMax, axis 2", reduced("ReduceMax", 2), whole_pool(48, 1), values),
        Pair(row, "ReduceMean, axis 2", reduced("ReduceMean", 2), whole_pool(48, 1), values),
        Pair(row, "ReduceMax, axis 3", reduced("ReduceMax", 3), whole_pool(1, 48), values),
        Pair(row, "ReduceL2, axis 1", reduced("ReduceL2", 1), one_channel, values, behind=1),
    ]


def resized(form: str, wrap: Callable[[Operator], Operator], values: str = "int8") -> list[Pair]:
    """Resize in a form."""
    found = []
    for name, operator, twin, shape in of.RESIZES:
        made = wrap(operator)
        other = of.island(twin) if form == "island" else twin
        found.append(Pair(f"resize, {form}", name, made, other, values, shape))
    return found


NORMALISATION = "normalisation in the model"
BROADCAST = "broadcast"
PERMUTED = "channels permuted"
EDGES = "pads, constants, Split"
SEQUENCES = "products, recurrent, com.microsoft"
ROWS = 48 * 16  # bytes of the int8 positions
PAST = 48 * 16 * 3  # of queries, keys and values, which are there before the first query is answered


def whole(operator: Operator, values: str, name: str, held: int = 0) -> Pair:
    """A pair of networks over positions."""
    return Pair(
        SEQUENCES, name, positions(operator), positions(of.node("Relu")), values, first=True, tail=dense, held=held
    )


def widened(channels: int) -> Operator:
    """A 1x1 convolution to more channels, for what adds channels."""
    return lambda g, x: g.made("Relu", g.conv(x, 16, channels, 1))


def stretched(rows: int, columns: int) -> Operator:
    """Nearest pixels, for what repeats rows or columns."""
    return of.quantised(of.resize((rows, columns), "nearest", "asymmetric", nearest_mode="floor"))


def expanded(g: Graph, x: str) -> str:
    """A column's maximum, repeated along the row."""
    return g.made("Expand", reduced("ReduceMax", 3)(g, x), g.constant(of.indices(1, 16, 48, 48)))


def wide(name: str, operator: Operator, twin: Operator, held: int = 0) -> Pair:
    """Of int16, against int8 of twice the channels."""
    return Pair("int16", name, operator, twin, "int16", twin_values="int8", twin_shape=(32, 48, 48), held=held)


PAIRS: tuple[Pair, ...] = (
    *(
        Pair(
            "PRelu",
            f"{name}{', odd' if odd else ''}",
            of.prelu(count),
            values=values,
            shape=(16, 33, 20) if odd else (16, 48, 48),
        )
        for values in ("int8", "uint8", "float")
        for name, count in (("per channel", 16), ("shared", 1))
        for odd in (False, True)
    ),
    *(
        Pair("behind a convolution", name, operator, of.raw("Relu"), values, fused=True)
        for name, operator in of.ACTIVATIONS.items()
        for values in ("int8", "uint8")
    ),
    Pair("behind a convolution", "Add of a tensor, Relu", of.residual, of.residual_twin, fused=True),
    *(Pair("function of float", name, operator, of.raw("Relu"), "float") for name, operator in of.FUNCTIONS.items()),
    *(Pair("function in int8", name, of.quantised(operator)) for name, operator in of.FUNCTIONS.items()),
    Pair("function of float", "Add of two", lambda g, x: g.op("Add", x, g.op("Tanh", x)), add, "float"),
    *normalised("int8"),
    *normalised("float"),
    *resized("QDQ", of.quantised),
    *resized("QOperator", of.qoperator),
    *resized("island", of.island),
    *resized("float", lambda operator: operator, "float"),
    *(
        Pair(
            NORMALISATION,
            f"{cast} {'NHWC' if transposed else 'NCHW'} {'Div' if divide else 'Mul'}",
            of.image(cast=cast, transposed=transposed, divide=divide),
            of.image_twin if cast == "uint8" else of.int32_image_twin,
            shape=(3, 96, 96),
            first=True,
        )
        for cast in ("uint8", "int32", "float32")
        for transposed in (False, True)
        for divide in (False, True)
    ),
    *(
        Pair(BROADCAST, f"{kind} {extents}", of.gate(kind, *extents))
        for kind in ("Mul", "Add")
        for extents in ((16, 1, 1), (1, 48, 48), (16, 48, 1), (16, 1, 48), (1, 48, 1), (1, 1, 48))
    ),
    Pair(BROADCAST, "CBAM's spatial gate", of.spatial_gate, of.spatial_twin),
    Pair(BROADCAST, "gate of rows", of.column_gate(3)),
    Pair(BROADCAST, "gate of columns", of.column_gate(2), held=MAP),
    Pair(BROADCAST, "coordinate attention", of.coordinate_attention, held=MAP),
    Pair("squeeze-and-excite", "by whole map", of.squeeze_and_excite, held=MAP),
    *(Pair(PERMUTED, f"shuffle of {groups}", of.shuffle(groups)) for groups in (2, 4, 8)),
    Pair(PERMUTED, "Gather", of.node("Gather", of.indices(*range(15, -1, -1)), axis=1)),
    Pair(PERMUTED, "Gather, half", of.node("Gather", of.indices(*range(0, 16, 2)), axis=1), halves, behind=8),
    Pair(PERMUTED, "Slice, half", of.node("Slice", *map(of.indices, (8, 16, 1))), halves, behind=8),
    Pair(PERMUTED, "Slice backwards", of.node("Slice", *map(of.indices, (-1, -17, 1, -1)))),
    Pair(PERMUTED, "channels last and back", of.pixel(of.node("Sigmoid"))),
    *(
        Pair(EDGES, f"Pad {mode} {amounts}", of.small(of.pad(mode, *amounts)), of.small(of.pad("constant", *amounts)))
        for mode in ("reflect", "edge", "wrap")
        for amounts in ((1, 1, 1, 1), (3, 2, 2, 3))
        if mode != "wrap"
    ),
    Pair(EDGES, "Pad wrap of columns", of.small(of.pad("wrap", 0, 1, 0, 1)), of.small(of.pad("constant", 0, 1, 0, 1))),
    Pair(
        EDGES,
        "Pad reflect of float",
        of.small(of.pad("reflect", 1, 1, 1, 1)),
        of.small(of.pad("constant", 1, 1, 1, 1)),
        "float",
    ),
    Pair(EDGES, "Concat of constant channels", of.concat(1, 4, 48, 48), widened(20), behind=20),
    Pair(EDGES, "Concat of constant rows", of.concat(2, 16, 2, 48), of.pad("constant", 0, 0, 2, 0)),
    Pair(EDGES, "Concat of constant columns", of.concat(3, 16, 48, 2), of.pad("constant", 0, 0, 0, 2)),
    Pair(EDGES, "Add of a constant map", lambda g, x: g.made("Add", x, g.fixed(g.weights(16, 48, 48) * 9))),
    Pair(EDGES, "Mul by a constant row", lambda g, x: g.made("Mul", x, g.fixed(g.weights(16, 1, 48) * 9))),
    Pair(EDGES, "Mul by a number per column", lambda g, x: g.made("Mul", x, g.fixed(g.weights(1, 1, 48) * 9))),
    Pair(EDGES, "Tile of channels", of.node("Tile", of.indices(1, 2, 1, 1)), widened(32), behind=32),
    Pair(EDGES, "Tile of columns", of.node("Tile", of.indices(1, 1, 1, 2)), stretched(1, 2), shape=(16, 48, 24)),
    Pair(
        EDGES,
        "Tile of rows",
        of.node("Tile", of.indices(1, 1, 2, 1)),
        stretched(2, 1),
        shape=(16, 24, 48),
        held=MAP // 2,
    ),
    Pair(EDGES, "Expand of a column", expanded),
    *(Pair(EDGES, f"Split, axis {axis}", of.split(axis, extent)) for axis, extent in ((1, 16), (3, 48))),
    Pair(EDGES, "Split, axis 2", of.split(2, 48), held=MAP // 2),
    wide("Relu", of.node("Relu"), of.node("Relu")),
    wide("Sigmoid", of.node("Sigmoid"), of.node("Relu")),
    wide("Add", add, of.node("Relu")),
    wide("MaxPool", of.HALVED, of.HALVED),
    wide("squeeze-and-excite", of.squeeze_and_excite, of.node("Relu"), held=2 * MAP),
    whole(lambda g, x: heads(g, x, softmax=False), "int8", "products", PAST),
    whole(lambda g, x: heads(g, x, softmax=True), "int8", "attention", PAST),
    whole(lambda g, x: heads(g, x, softmax=True), "float", "attention of float", 4 * PAST),
    *(
        whole(recurrent(kind, gates), values, f"{kind} of {values}", held=4 * 16 * (gates + states))
        for kind, gates, states in (("LSTM", 4, 2), ("GRU", 3, 1), ("RNN", 1, 1))
        for values in ("float", "int8")
    ),
    whole(products, "float", "DynamicQuantizeLinear", 4 * ROWS),
    Pair(SEQUENCES, "FusedConv", fused_conv, unfused_conv),
    Pair(SEQUENCES, "FusedConv of float", fused_conv, unfused_conv, "float"),
    Pair(SEQUENCES, "NhwcMaxPool", nhwc_max_pool, of.HALVED),
)
