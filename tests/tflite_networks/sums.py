"""Layers that sum products: convolutions, FULLY_CONNECTED and BATCH_MATMUL."""

from __future__ import annotations

import numpy as np

from tests.tflite_networks.growing import ACTIVATIONS, Impossible, Network, Value


def _weights(
    n: Network, shape: tuple[int, ...], axis: int, channels: int, *, per_tensor: bool
) -> tuple[int, np.ndarray]:
    """A constant of int8, some of its values the least or the most; its index and the scales of its channels."""
    stored = np.clip(n.draw.normal(0, 60, shape), -127, 127).astype(np.int8)
    stored[n.draw.random(shape) < 0.05] = 127
    scales = n.draw.uniform(0.001, 0.02, 1 if per_tensor else channels).astype(np.float32)
    return n.file.tensor(shape, "int8", scales, 0, stored, axis), np.broadcast_to(scales, channels)


def _bias(n: Network, x: Value, scales: np.ndarray, spread: float, *, wide: bool) -> int:
    """A constant of int32 or int64, of a magnitude like the sum's; -1: none."""
    if n.maybe(0.2):
        return -1
    steps = np.float32(x.scale) * scales.astype(np.float32)
    dtype = np.int64 if wide else np.int32
    stored = np.rint(n.draw.normal(0, spread / 3, scales.size) / steps).astype(dtype)
    return n.file.tensor((scales.size,), np.dtype(dtype).name, steps, 0, stored)


def _result_spread(n: Network, x: Value, scales: np.ndarray, count: int) -> float:
    return float(n.spread(x) / 2 * float(scales.mean()) * 60 * np.sqrt(count))


def _extent(size: int, kernel: int, stride: int, dilation: int, padding: str) -> int:
    reach = (kernel - 1) * dilation + 1
    return -(-size // stride) if padding == "SAME" else (size - reach) // stride + 1


def convolution(n: Network, x: Value) -> Value:
    """CONV_2D with groups, dilation and strides, or DEPTHWISE_CONV_2D with any multiplier."""
    batch, height, width, channels = x.shape
    kernel = [n.one_of(1, 1, 2, 3, 3, 5, height if height < 8 else 3), n.one_of(1, 1, 2, 3, 3, 4)]
    strides = [n.one_of(1, 1, 1, 2, 3), n.one_of(1, 1, 1, 2)]
    dilation = [n.one_of(1, 1, 1, 2), n.one_of(1, 1, 1, 3)] if strides == [1, 1] else [1, 1]
    padding = n.one_of("SAME", "VALID")
    depthwise = n.maybe(0.4)
    if depthwise:
        strides[1] = strides[0]
    shape = [_extent(*each, padding) for each in zip((height, width), kernel, strides, dilation, strict=True)]
    if min(shape) < 1:
        raise Impossible("no window fits")
    if depthwise:
        multiplier = n.one_of(1, 1, 1, 2, 3)
        outputs, axis, count = channels * multiplier, 3, kernel[0] * kernel[1]
        weight_shape = (1, *kernel, outputs)
    else:
        groups = n.one_of(1, 1, 1, *(each for each in (2, 3, 4) if channels % each == 0))
        outputs, axis, count = n.between(1, 5) * groups, 0, kernel[0] * kernel[1] * channels // groups
        weight_shape = (outputs, *kernel, channels // groups)
    weight, scales = _weights(n, weight_shape, axis, outputs, per_tensor=n.maybe(0.2))
    spread = _result_spread(n, x, scales, count)
    bias = _bias(n, x, scales, spread, wide=n.dtype == "int16" and (depthwise or n.maybe(0.5)))
    options = {
        "padding": padding,
        "stride_h": strides[0],
        "stride_w": strides[1],
        "dilation_h_factor": dilation[0],
        "dilation_w_factor": dilation[1],
        "fused_activation_function": n.one_of(*ACTIVATIONS),
    }
    if depthwise:
        options["depth_multiplier"] = multiplier
    return n.add(
        "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D",
        [x, weight, bias] if bias >= 0 else [x, weight],
        (batch, *shape, outputs),
        n.scale(spread),
        n.zero_point(),
        **options,
    )


def transposed_convolution(n: Network, x: Value) -> Value:
    """TRANSPOSE_CONV; a bias of int16's sums has 64 bits."""
    batch, height, width, channels = x.shape
    kernel, strides = [n.between(1, 4), n.between(1, 4)], [n.between(1, 3), n.between(1, 3)]
    padding, outputs = n.one_of("SAME", "VALID"), n.between(1, 5)
    if padding == "SAME":
        shape = [size * stride for size, stride in zip((height, width), strides, strict=True)]
    else:
        shape = [(s - 1) * t + k for s, t, k in zip((height, width), strides, kernel, strict=True)]
    weight, scales = _weights(n, (outputs, *kernel, channels), 0, outputs, per_tensor=False)
    spread = _result_spread(n, x, scales, channels * max(1, kernel[0] * kernel[1] // (strides[0] * strides[1])))
    bias = _bias(n, x, scales, spread, wide=n.dtype == "int16")
    sizes = n.constant([batch, *shape, outputs])
    return n.add(
        "TRANSPOSE_CONV",
        [sizes, weight, x, bias] if bias >= 0 else [sizes, weight, x],
        (batch, *shape, outputs),
        n.scale(spread),
        n.zero_point(),
        padding=padding,
        stride_h=strides[0],
        stride_w=strides[1],
        fused_activation_function=n.one_of("NONE", "NONE", "RELU"),
    )


def fully_connected(n: Network, x: Value) -> Value:
    """Of vectors along the last axis, or of everything."""
    kept = len(x.shape) > 1 and n.maybe(0.6)
    count = x.shape[-1] if kept else int(np.prod(x.shape))
    outputs = n.between(1, 12)
    weight, scales = _weights(n, (outputs, count), 0, outputs, per_tensor=n.maybe(0.6))
    spread = _result_spread(n, x, scales, count)
    bias = _bias(n, x, scales, spread, wide=n.dtype == "int16" and n.maybe(0.5))
    rows = int(np.prod(x.shape)) // count
    return n.add(
        "FULLY_CONNECTED",
        [x, weight, bias],
        (*x.shape[:-1], outputs) if kept else (rows, outputs),
        n.scale(spread),
        n.zero_point(),
        fused_activation_function=n.one_of(*ACTIVATIONS),
        keep_num_dims=int(kept),
    )


def batch_matmul(n: Network, x: Value) -> Value:
    """Of an activation by itself transposed, by another of the same inner axis, or by a constant matrix."""
    if len(x.shape) < 2:
        raise Impossible("matrices are needed")
    if n.maybe(0.5):
        return _by_constant(n, x)
    others = [
        v for v in n.values if len(v.shape) == len(x.shape) and v.dtype == x.dtype and v.shape[:-2] == x.shape[:-2]
    ]
    other = n.one_of(*others)
    adj_x, adj_y = int(n.maybe(0.4)), int(n.maybe(0.5))
    left = x.shape[-2:][::-1] if adj_x else x.shape[-2:]
    right = other.shape[-2:][::-1] if adj_y else other.shape[-2:]
    if left[1] != right[0]:
        raise Impossible("the inner axes differ")
    spread = n.spread(x) * n.spread(other) / 4 * np.sqrt(left[1])
    shape = (*x.shape[:-2], left[0], right[1])
    return n.add("BATCH_MATMUL", [x, other], shape, n.scale(spread), n.zero_point(), adj_x=adj_x, adj_y=adj_y)


def _by_constant(n: Network, x: Value) -> Value:
    """On either side of the activation."""
    adj_x, adj_y, constant_first = n.maybe(0.4), n.maybe(0.5), n.maybe(0.3)
    own, other = (adj_y, adj_x) if constant_first else (adj_x, adj_y)
    rows, columns = x.shape[-2:][::-1] if own else x.shape[-2:]
    outputs, inner = n.between(1, 6), rows if constant_first else columns
    matrix = [outputs, inner] if constant_first else [inner, outputs]
    shape = [1] * (len(x.shape) - 2) + (matrix[::-1] if other else matrix)
    scale = float(np.float32(n.draw.uniform(0.001, 0.02)))
    constant = n.file.tensor(shape, n.dtype, scale, n.zero_point(), n.codes(shape))
    result = (outputs, columns) if constant_first else (rows, outputs)
    spread = n.spread(x) * scale * 60 * np.sqrt(inner)
    operands: list[int | Value] = [constant, x] if constant_first else [x, constant]
    whole = (*x.shape[:-2], *result)
    turned = int(adj_x), int(adj_y)
    return n.add("BATCH_MATMUL", operands, whole, n.scale(spread), n.zero_point(), adj_x=turned[0], adj_y=turned[1])
