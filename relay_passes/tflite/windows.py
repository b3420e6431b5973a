"""Windows of TensorFlow Lite: its padding, in the four numbers that operators take."""

from __future__ import annotations

from collections.abc import Sequence

from tinyseg_tvm.relay_passes.tflite.calls import TfliteCall, UnsupportedError

_MOST = 1 << 15
"""Of a stride, a dilation or a kernel's extent."""


def same_padding(
    found: TfliteCall, kernel: Sequence[int], strides: tuple[int, int], dilation: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Top, left, bottom, right of the option ``padding`` on the call's first operand."""
    shape = found.operand().shape
    if len(shape) != 4:
        raise UnsupportedError(f"a map (N, H, W, C) is needed, not {shape}")
    if not all(1 <= number <= _MOST for number in (*kernel, *strides, *dilation)):
        raise UnsupportedError(
            f"kernel {tuple(kernel)}, strides {strides} and dilation {dilation} are not all from 1 to {_MOST}"
        )
    if found.option_name("padding") == "EXPLICIT":  # see fold_space_to_batch
        top, left, bottom, right = (int(amount) for amount in found.call.attrs["options"]["explicit_padding"])
        return (top, left, bottom, right)
    if found.option_name("padding") == "VALID":
        return (0, 0, 0, 0)
    amounts = []
    for axis in (0, 1):
        extent = shape[1 + axis]
        windows = -(-extent // strides[axis])
        total = max(0, (windows - 1) * strides[axis] + (kernel[axis] - 1) * dilation[axis] + 1 - extent)
        amounts.append((total // 2, total - total // 2))
    (top, bottom), (left, right) = amounts
    return (top, left, bottom, right)
