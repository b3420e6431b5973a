"""A random network: inputs, layers, and which of its tensors are outputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.tflite_networks import pointwise, recurrent, shaping, sums
from tests.tflite_networks.growing import Impossible, Network, Value

Grow = Callable[[Network, Value], Value]

MAP, ANY = (4,), (2, 3, 4)
LAYERS: tuple[tuple[Grow, int, tuple[int, ...]], ...] = (
    (sums.convolution, 24, MAP),
    (sums.transposed_convolution, 5, MAP),
    (sums.fully_connected, 6, ANY),
    (sums.batch_matmul, 3, ANY),
    (recurrent.lstm, 2, (3,)),
    (pointwise.binary, 12, ANY),
    (pointwise.choice, 2, ANY),
    (pointwise.prelu, 2, ANY),
    (pointwise.function, 6, ANY),
    (pointwise.quantize, 2, ANY),
    (pointwise.through_float, 1, ANY),
    (pointwise.shares, 3, ANY),
    (pointwise.extreme, 1, ANY),
    (pointwise.selection, 1, ANY),
    (shaping.pool, 6, MAP),
    (shaping.reduction, 4, ANY),
    (shaping.resize, 5, MAP),
    (shaping.pad, 4, ANY),
    (shaping.concatenation, 5, ANY),
    (shaping.part, 4, ANY),
    (shaping.split, 3, ANY),
    (shaping.pack, 1, ANY),
    (shaping.transpose, 2, ANY),
    (shaping.reshape, 3, ANY),
    (shaping.gather, 2, ANY),
    (shaping.places, 2, ANY),
    (shaping.blocks, 2, MAP),
    (shaping.block_batches, 2, MAP),
)
"""How often each kind of layer is drawn, and the ranks of its operand."""


def random_network(seed: int, number: int) -> Network:
    """A network of 1 to 12 layers, of int8 or int16. Equal seeds and numbers give equal networks."""
    draw = np.random.default_rng([seed, number])
    n = Network(draw, "int16" if draw.random() < 0.25 else "int8")
    shape = (1, *(n.one_of(1, 5, 7, 8, 11, 12, 16) for _ in range(2)), n.one_of(1, 2, 3, 4, 8))
    for _ in range(n.one_of(1, 1, 1, 2)):
        scale, zero_point = n.scale(n.one_of(1.0, 4.0)), n.zero_point()
        n.inputs.append(n.file.tensor(shape, n.dtype, scale, zero_point))
        n.values.append(Value(n.inputs[-1], shape, n.dtype, scale, zero_point))
    grows = [grow for grow, weight, _ in LAYERS for _ in range(weight)]
    ranks = {grow: accepted for grow, _, accepted in LAYERS}
    wanted = len(n.file.operators) + n.one_of(1, 2, n.between(3, 12))
    for _ in range(60):
        if len(n.file.operators) >= wanted:
            break
        grow = n.one_of(*grows)
        fitting = [v for v in n.values if len(v.shape) in ranks[grow] and v.dtype == n.dtype]
        if not fitting:
            continue
        x = fitting[-1 - n.between(0, min(2, len(fitting) - 1))] if n.maybe(0.85) else n.one_of(*fitting)
        try:
            grow(n, x)
        except Impossible:
            continue
    leaves = [v for v in n.values if v.index not in n.read and v.index not in n.inputs]
    inner = [v for v in n.values if v.index in n.read and v.index not in n.inputs and n.maybe(0.05)]
    n.results = leaves + inner
    return n


def file_of(n: Network) -> bytes:
    """The model; inputs that nothing reads are none."""
    inputs = [index for index in n.inputs if index in n.read]
    return n.file.to_bytes(inputs, [each.index for each in n.results])
