"""Movement of elements that keeps to lines: right, and without a step that takes a whole map."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from tests.passes.qdq_models import QdqModel, random_inputs, run_onnxruntime
from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.network import reference
from tinyseg_tvm.network.problem import line_access
from tinyseg_tvm.relay_passes import lower

SCALE = (0.04, 2)
EXTENT = 6


def convolved(model: QdqModel, x: str, inputs: int, outputs: int) -> str:
    y = model.op("Conv", x, model.weight(outputs, inputs, 1, 1))
    return model.dequantize(model.quantize(y, *SCALE), *SCALE)


def integers(model: QdqModel, *values: int) -> str:
    return model.constant(np.array(values, np.int64))


def chain(model: QdqModel, x: str, split: Sequence[int], order: Sequence[int], joined: Sequence[int]) -> str:
    y = model.op("Reshape", x, integers(model, *split))
    return str(model.op("Reshape", model.op("Transpose", y, perm=list(order)), integers(model, *joined)))


def shuffled(model: QdqModel, x: str) -> str:
    return chain(model, x, (1, 2, 4, EXTENT, EXTENT), (0, 2, 1, 3, 4), (1, 8, EXTENT, EXTENT))


def split_behind_a_shuffle(model: QdqModel, x: str) -> str:
    first, second = model.op("Split", shuffled(model, x), integers(model, 4, 4), outputs=2, axis=1)
    return shuffled(model, model.op("Concat", second, first, axis=1))


def blocks(order: Sequence[int]) -> Callable[[QdqModel, str], str]:
    half = EXTENT // 2
    return lambda model, x: chain(model, x, (1, 8, half, 2, half, 2), order, (1, 32, half, half))


def backwards(axis: int) -> Callable[[QdqModel, str], str]:
    def build(model: QdqModel, x: str) -> str:
        bounds = [integers(model, value) for value in (-1, -(10**9), axis, -1)]
        return str(model.op("Slice", x, *bounds))

    return build


def gathered(*indices: int, axis: int = 1) -> Callable[[QdqModel, str], str]:
    return lambda model, x: str(model.op("Gather", x, integers(model, *indices), axis=axis))


MOVEMENTS: dict[str, tuple[Callable[[QdqModel, str], str], int, list[str]]] = {
    "channel shuffle": (shuffled, 8, ["rearrange"]),
    "split behind a shuffle": (split_behind_a_shuffle, 8, ["rearrange", "slice", "slice", "concat", "rearrange"]),
    "SpaceToDepth": (lambda m, x: str(m.op("SpaceToDepth", x, blocksize=2)), 32, ["rearrange"]),
    "PixelUnshuffle": (blocks((0, 1, 3, 5, 2, 4)), 32, ["rearrange"]),
    "blocks by columns": (blocks((0, 5, 3, 1, 2, 4)), 32, ["rearrange"]),
    "channels in any order": (gathered(3, -1, 0, 0, 5), 5, ["select"]),
    "rows in any order": (gathered(4, 0, 5, 5, axis=2), 8, ["select"]),
    "channels backwards": (backwards(1), 8, ["select"]),
    "columns backwards": (backwards(3), 8, ["select"]),
}


@pytest.mark.parametrize("first", ["convolution", "input"])
@pytest.mark.parametrize("kind", sorted(MOVEMENTS))
def test_movement_within_pixels_lines_and_blocks_keeps_to_lines(kind: str, first: str) -> None:
    build, channels, kinds = MOVEMENTS[kind]
    model = QdqModel()
    x = model.activation(1, 8, EXTENT, EXTENT, scale=SCALE[0], zero_point=SCALE[1])
    if first == "convolution":
        x = convolved(model, x, 8, 8)
    built = model.build(model.quantize(model.op("Conv", build(model, x), model.weight(3, channels, 1, 1)), 0.1, 0))
    imported = from_onnx(built)
    network = lower(imported[0] if isinstance(imported, tuple) else imported)
    assert [node.operator.kind for node in network.nodes if node.operator.kind != "conv2d"] == kinds
    for node in network.nodes:
        access = line_access(network, node)
        assert access.steps > 1
        assert not any(access.whole_reads)
        assert not any(access.whole_writes)
    inputs = random_inputs(built)
    for found, wanted in zip(reference.run(network, inputs), run_onnxruntime(built, inputs), strict=True):
        assert np.abs(found.astype(int) - wanted.astype(int)).max() <= 1
