"""Convolutions between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND equal dilated ones."""

from __future__ import annotations

import numpy as np
import pytest

from tests.frontend.tflite_files import TfliteFile
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_tflite
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.network.reference import run
from tinyseg_tvm.relay_passes import lower

BLOCK, KERNEL = (2, 3), 3


def network(dtype: str, crops: tuple[tuple[int, int], tuple[int, int]], *, folded: bool) -> Network:
    """A depthwise convolution of dilation (2, 3) of a map (1, 9, 8, 4), padded by ((2, 3), (3, 4)) less the crops."""
    rng, made = np.random.default_rng(4), TfliteFile()
    low, channels = 0 if dtype == "uint8" else -128, 4
    pads = ((2, 3), (3, 4))
    image = made.tensor((1, 9, 8, channels), dtype, 0.05, low + 100, name="image")
    weight = rng.integers(-127, 128, (1, KERNEL, KERNEL, channels)).astype(np.int8)
    stored = (weight.astype(np.int16) + 128).astype(np.uint8) if dtype == "uint8" else weight
    weights = made.tensor(weight.shape, dtype, 0.02, low + 128, stored, axis=3)
    size = tuple(
        extent + sum(pad) - (KERNEL - 1) * block for extent, pad, block in zip((9, 8), pads, BLOCK, strict=True)
    )
    extent = tuple(whole - sum(crop) for whole, crop in zip(size, crops, strict=True))
    result = made.tensor((1, *extent, channels), dtype, 0.1, low + 90, name="result")
    options = {"padding": "VALID", "stride_w": 1, "stride_h": 1, "depth_multiplier": 1}
    options["fused_activation_function"] = "RELU"
    if not folded:
        padded = made.tensor((1, 14, 15, channels), dtype, 0.05, low + 100)
        amounts = np.array([(0, 0), *((a - c, b - d) for (a, b), (c, d) in zip(pads, crops, strict=True)), (0, 0)])
        shape = tuple(int(n) for n in np.array((1, 9, 8, channels)) + amounts.sum(axis=1))
        made.tensors[padded]["shape"] = list(shape)
        made.operator("PAD", [image, made.constant(amounts.astype(np.int32))], [padded])
        options |= {"dilation_h_factor": BLOCK[0], "dilation_w_factor": BLOCK[1]}
        made.operator("DEPTHWISE_CONV_2D", [padded, weights, -1], [result], **options)
        return lower(from_tflite(made.to_bytes([image], [result]))[0])
    options |= {"dilation_h_factor": 1, "dilation_w_factor": 1}
    count = BLOCK[0] * BLOCK[1]
    batches = made.tensor((count, 14 // 2, 15 // 3, channels), dtype, 0.05, low + 100)
    block = made.constant(np.array(BLOCK, np.int32))
    made.operator("SPACE_TO_BATCH_ND", [image, block, made.constant(np.array(pads, np.int32))], [batches])
    summed = made.tensor((count, 14 // 2 - 2, 15 // 3 - 2, channels), dtype, 0.1, low + 90)
    made.operator("DEPTHWISE_CONV_2D", [batches, weights, -1], [summed], **options)
    made.operator("BATCH_TO_SPACE_ND", [summed, block, made.constant(np.array(crops, np.int32))], [result])
    return lower(from_tflite(made.to_bytes([image], [result]))[0])


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("crops", [((0, 0), (0, 0)), ((0, 1), (2, 4))])
def test_it_is_the_dilated_convolution(dtype, crops):
    made, plain = network(dtype, crops, folded=True), network(dtype, crops, folded=False)
    kinds = [node.operator.kind for node in made.nodes]
    assert kinds == [node.operator.kind for node in plain.nodes]
    assert kinds.count("conv2d") == 1
    assert not {"rearrange", "pad"} & set(kinds)
    image = np.random.default_rng(1).integers(0, 256, (1, 9, 8, 4)).astype(np.uint8).view(dtype)
    np.testing.assert_array_equal(run(made, [image])[0], run(plain, [image])[0])


def test_blocks_without_operands_are_refused():
    made = TfliteFile()
    image = made.tensor((1, 4, 4, 1), name="image")
    batches, summed, result = (made.tensor((1, 4, 4, 1)) for _ in range(3))
    made.operator("SPACE_TO_BATCH_ND", [], [batches])
    made.operator("CONV_2D", [batches], [summed], padding="VALID", stride_w=1, stride_h=1)
    made.operator("BATCH_TO_SPACE_ND", [summed], [result])
    with pytest.raises(TinySegError, match="SPACE_TO_BATCH_ND"):
        lower(from_tflite(made.to_bytes([image], [result]))[0])


def test_one_that_crops_more_than_was_padded_is_refused():
    with pytest.raises(TinySegError, match="DEPTHWISE_CONV_2D"):
        network("int8", ((3, 0), (0, 0)), folded=True)
