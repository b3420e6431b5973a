"""A random network: inputs, layers, and which of its tensors are outputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.random_networks import pointwise, sequences, shaping, windows
from tests.random_networks.growing import Builder, Impossible, Network

Grow = Callable[[Builder, str], str]

# How often each kind of layer is drawn, and the ranks of its operand.
MAPS, ANY = (3, 4), (2, 3, 4)
LAYERS: tuple[tuple[Grow, int, tuple[int, ...]], ...] = (
    (windows.convolution, 26, MAPS),
    (windows.transposed_convolution, 6, MAPS),
    (windows.pool, 9, MAPS),
    (windows.pool_chain, 1, MAPS),
    (windows.global_pool, 2, MAPS),
    (windows.squeeze_and_excite, 2, (4,)),
    (shaping.slice_of, 4, ANY),
    (shaping.pad, 3, MAPS),
    (shaping.resize, 6, MAPS),
    (shaping.concat, 7, ANY),
    (shaping.split, 2, ANY),
    (shaping.transpose, 1, MAPS),
    (shaping.transposed_pair, 1, MAPS),
    (shaping.reshape, 2, ANY),
    (shaping.squeeze, 1, ANY),
    (shaping.flatten, 1, MAPS),
    (shaping.blocks, 2, (4,)),
    (shaping.shuffle, 1, (4,)),
    (pointwise.function, 5, ANY),
    (pointwise.product_of_functions, 1, ANY),
    (pointwise.binary, 7, ANY),
    (pointwise.residual, 3, MAPS),
    (pointwise.constant_operand, 3, ANY),
    (pointwise.broadcast, 1, MAPS),
    (pointwise.reduction, 2, ANY),
    (pointwise.softmax, 2, ANY),
    (pointwise.dense, 4, ANY),
    (pointwise.normalisation, 1, MAPS),
)
WIDE: tuple[tuple[Grow, int, tuple[int, ...]], ...] = (
    (sequences.product, 6, ANY[1:]),
    (sequences.attention, 6, ANY[1:]),
    (sequences.recurrent, 6, ANY[1:]),
    (sequences.channel_softmax, 4, ANY[1:]),
    (sequences.row_operand, 6, ANY[1:]),
    (sequences.island, 8, ANY[1:]),
    (windows.squeeze_and_excite, 6, (4,)),
)
"""What ``--wide`` adds. It is apart, so that networks of a seed stay what they were."""
OPSETS = (9, 10, 11, 11, 12, 13, 13, 14, 15, 16, 17, 17, 18, 19, 20, 21, 22, 23)


def random_network(draw: np.random.Generator, wide: bool = False) -> Network:
    """A network of 1 to 16 layers in float32. ``wide``: with those of ``WIDE``."""
    layers = LAYERS + WIDE if wide else LAYERS
    network = Network(int(draw.choice(OPSETS)))
    b = Builder(network, draw)
    _add_inputs(b)
    functions = [grow for grow, weight, _ in layers for _ in range(weight)]
    ranks = {grow: accepted for grow, _, accepted in layers}
    wanted = 1 + int(draw.integers(4) if b.maybe(0.35) else draw.integers(14))
    for _ in range(8 * wanted):
        grow = b.one_of(*functions)
        fitting = [n for n, v in network.values.items() if v.ndim in ranks[grow] and v.dtype == np.float32]
        if not fitting:
            continue
        # Mostly on from the last tensors, sometimes from anywhere.
        x = fitting[-1 - b.below(min(3, len(fitting)))] if b.maybe(0.85) else b.one_of(*fitting)
        _try(b, grow, x)
        if len(network.layers) >= wanted:
            break
    if b.maybe(0.12):
        maps = [n for n, v in network.values.items() if v.ndim in ANY and v.dtype == np.float32]
        _try(b, pointwise.arg_max, maps[-1])
    _choose_outputs(b)
    return network


def _try(b: Builder, grow: Grow, x: str) -> None:
    try:
        grow(b, x)
    except Impossible:
        b.drop()


def _add_inputs(b: Builder) -> None:
    """Mostly one map; sometimes two or three inputs, sequences or vectors."""
    kind = b.one_of("map", "map", "map", "map", "map", "sequence", "vector")
    shape: list[int] = [1, 1]
    for number in range(b.one_of(1, 1, 1, 1, 2, 2, 3)):
        if number == 0 or b.maybe(0.5):
            channels = b.one_of(1, 2, 3, 3, 4, 8)
            extents = {"map": 2, "sequence": 1, "vector": 0}[kind]
            shape = [1, channels, *(b.one_of(1, 5, 7, 8, 11, 12, 16, 17, 20) for _ in range(extents))]
            if kind == "vector":
                shape[1] = b.one_of(3, 10, 40)
        name = f"input{number}"
        low, high = b.one_of((0, 1), (0, 1), (-1, 1), (-3, 2), (0, 255))
        b.network.inputs.append(name)
        b.network.values[name] = b.draw.uniform(low, high, shape).astype(np.float32)


def _choose_outputs(b: Builder) -> None:
    """Most tensors that nobody reads, and now and then an inner one."""
    network = b.network
    made = [name for layer in network.layers for name in layer.outputs]
    read = {name for layer in network.layers for name in layer.inputs}
    leaves = [name for name in made if name not in read]
    chosen = [name for name in leaves if b.maybe(0.8)] or leaves[-1:]
    chosen += [name for name in made if name in read and b.maybe(0.06)]
    network.outputs = [chosen[int(i)] for i in b.draw.permutation(len(chosen))]
    if not b.maybe(0.3):
        used = {name for layer in network.needed(network.outputs) for name in layer.inputs}
        network.inputs = [name for name in network.inputs if name in used]
        known = set(network.inputs)
        kept = []
        for layer in network.layers:
            if known.issuperset(layer.inputs):
                kept.append(layer)
                known.update(layer.outputs)
        network.layers = kept
