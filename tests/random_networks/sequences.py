"""Random layers of sequences, and others that ``--wide`` adds: products of activations, attention, recurrent layers."""

from __future__ import annotations

import math

import numpy as np

from tests.random_networks.growing import Builder, Impossible


def _positions(b: Builder, x: str) -> str:
    """A tensor of rank 3, (1, positions, features), made of any other."""
    shape = b.shape(x)
    if len(shape) == 3:
        return x
    if len(shape) == 4 and b.maybe(0.5):
        x = b.finish(b.call("Reshape", [x, b.constant([1, shape[1], shape[2] * shape[3]])]), moves=True)
        return b.finish(b.call("Transpose", [x], perm=[0, 2, 1]), moves=True)
    rows = shape[1] if len(shape) == 4 else b.one_of(*[d for d in range(1, 9) if math.prod(shape) % d == 0])
    return b.finish(b.call("Reshape", [x, b.constant([1, rows, -1])]), moves=True)


def product(b: Builder, x: str) -> str:
    """A matrix times another activation, which is itself turned, or a dense layer of it."""
    x = _positions(b, x)
    features = b.shape(x)[2]
    y = x
    if b.maybe(0.6):
        y = b.finish(b.call("MatMul", [x, b.weights([features, features], features, axis=1)]))
    y = b.finish(b.call("Transpose", [y], perm=[0, 2, 1]), moves=True)
    return b.finish(b.call("MatMul", [x, y] if b.maybe(0.7) else [y, x]))


def attention(b: Builder, x: str) -> str:
    """Of one or several heads, with or without a scale and a shortcut."""
    x = _positions(b, x)
    _, positions, features = b.shape(x)
    heads = b.one_of(*[d for d in (1, 1, 2, 3, 4) if features % d == 0])
    each = features // heads
    made = []
    for perm in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]):
        y = b.finish(b.call("MatMul", [x, b.weights([features, features], features, axis=1)]))
        y = b.finish(b.call("Reshape", [y, b.constant([1, positions, heads, each])]), moves=True)
        made.append(b.finish(b.call("Transpose", [y], perm=perm), moves=True))
    scores = b.finish(b.call("MatMul", made[:2]))
    if b.maybe(0.6):
        scale = b.constant(np.array(1 / math.sqrt(each), np.float32), "operand")
        scores = b.finish(b.call("Mul", [scores, scale]))
    scores = b.finish(b.call("Softmax", [scores], axis=3))
    y = b.finish(b.call("Transpose", [b.finish(b.call("MatMul", [scores, made[2]]))], perm=[0, 2, 1, 3]), moves=True)
    y = b.finish(b.call("Reshape", [y, b.constant([1, positions, features])]), moves=True)
    return b.finish(b.call("Add", [x, y])) if b.maybe(0.5) else y


def recurrent(b: Builder, x: str) -> str:
    """LSTM, GRU or RNN over the positions, in any direction, back in the order of a batch of one."""
    x = _positions(b, x)
    _, positions, features = b.shape(x)
    if positions > 16 or b.opset < 13:
        raise Impossible("too long")
    kind, gates = b.one_of(("LSTM", 4), ("GRU", 3), ("RNN", 1))
    direction = b.one_of("forward", "forward", "reverse", "bidirectional")
    directions, units = 2 if direction == "bidirectional" else 1, b.one_of(1, 3, 4, 8)
    draw = b.draw.normal
    w = b.constant(draw(0, 0.5, (directions, gates * units, features)).astype(np.float32))
    r = b.constant(draw(0, 0.5, (directions, gates * units, units)).astype(np.float32))
    inputs = [b.call("Transpose", [x], perm=[1, 0, 2]), w, r]
    if b.maybe(0.7):
        inputs.append(b.constant(draw(0, 0.3, (directions, 2 * gates * units)).astype(np.float32)))
    attributes = {"linear_before_reset": b.below(2)} if kind == "GRU" else {}
    y = b.call(kind, inputs, hidden_size=units, direction=direction, **attributes)
    y = b.call("Transpose", [y], perm=[2, 0, 1, 3])  # (positions, directions, 1, units)
    return b.finish(b.call("Reshape", [y, b.constant([1, positions, directions * units])]))


def channel_softmax(b: Builder, x: str) -> str:
    """Softmax or a norm over rows, columns or channels of a map."""
    axis = 1 + b.below(len(b.shape(x)) - 1)
    kind = b.one_of("Softmax", "LogSoftmax", "LpNormalization")
    return b.finish(b.call(kind, [x], axis=axis))


def row_operand(b: Builder, x: str) -> str:
    """A constant or a mean that lies along one axis alone."""
    shape = b.shape(x)
    axis = 1 + b.below(len(shape) - 1)
    along = [extent if a == axis else 1 for a, extent in enumerate(shape)]
    kind = b.one_of("Mul", "Add", "Sub")
    if b.maybe(0.5):
        other = b.constant(b.draw.uniform(0.5, 2, along).astype(np.float32), "operand")
    else:
        others = [a for a in range(1, len(shape)) if a != axis]
        if b.opset >= 18:
            raise Impossible("axes are an input")
        other = b.finish(b.call("ReduceMax", [x], axes=others), moves=True)
    return b.finish(b.call(kind, [x, other]))


def island(b: Builder, x: str) -> str:
    """Functions of float around a movement, with nothing quantised between."""
    y = b.call(b.one_of("Sigmoid", "Tanh", "Exp", "Abs"), [x])
    shape = b.shape(x)
    draw = b.draw.random()
    if draw < 0.3 and len(shape) == 4 and b.opset >= 13:
        scales = b.constant(np.array([1, 1, b.one_of(1, 2, 3), b.one_of(1, 2)], np.float32))
        y = b.call("Resize", [y, "", scales], mode=b.one_of("nearest", "linear"))
    elif draw < 0.6:
        order = b.draw.permutation(shape[1])
        y = b.call("Gather", [y, b.constant([int(i) for i in order])], axis=1)
    elif draw < 0.8 and b.opset >= 10:
        y = b.call("Slice", [y, *(b.constant([n]) for n in (b.below(shape[1]), shape[1], 1))])
    else:
        y = b.call("Reshape", [y, b.constant([shape[0], -1, *shape[2:]])])
    return b.finish(b.call(b.one_of("Sigmoid", "Neg", "Elu", "Softplus"), [y]))
