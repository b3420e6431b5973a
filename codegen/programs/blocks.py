"""Blocks of programs: the parameters and the results that all programs have, as the ``PrimFunc`` being built gets them.

Each result is a block's: the sum of products of one pixel and channel, requantised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


def constants_and_output(channels: int, weights: int, pixels: int, row: int, multiplier: str) -> dict[str, Any]:
    """The parameters ``weight bias multiplier out``, by name.

    Args:
        channels: of the output line.
        weights: of a channel, as packed.
        pixels: of the output line.
        row: values from an output pixel to the next one.
        multiplier: type of what sums are multiplied by.
    """
    from tvm.script.ir_builder import tirx

    return {
        "weight": tirx.arg("weight", tirx.Buffer((channels, weights), "int8")),
        "bias": tirx.arg("bias", tirx.Buffer((channels,), "int32")),
        "multiplier": tirx.arg("multiplier", tirx.Buffer((channels,), multiplier)),
        "out": tirx.arg("out", tirx.Buffer((pixels, row), "int8")),
    }


def allocated(name: str, shape: tuple[int, ...], dtype: str) -> Any:
    """A buffer of the program's own."""
    from tvm.script.ir_builder import IRBuilder, tirx

    buffer = tirx.sblock_alloc_buffer(shape, dtype)
    IRBuilder.name(name, buffer)
    return buffer


def axis(extent: int, loop: Any, *, always: bool) -> Any:
    """A block's axis; 0 for a loop of one round unless ``always`` (TVM drops it of what an intrinsic replaces)."""
    from tvm.script.ir_builder import tirx

    return tirx.axis.spatial(extent, loop) if always or extent > 1 else 0


@dataclass(frozen=True)
class Result:
    """The result of a pixel and channel, whose block is being built.

    Attributes:
        buffers: ``weight bias multiplier sums out``, others are not used.
        pixel, channel: its place.
    """

    buffers: Mapping[str, Any]
    pixel: Any
    channel: Any

    def begin(self, windows: Sequence[Any], weights: int) -> None:
        """Says that the block reads these regions and so many weights, and begins the sum with the bias."""
        from tvm.script.ir_builder import tirx

        weight, bias, multiplier, sums, out = (
            self.buffers[name] for name in ("weight", "bias", "multiplier", "sums", "out")
        )
        tirx.reads(*windows, weight[self.channel, 0:weights], bias[self.channel], multiplier[self.channel])
        tirx.writes(sums[self.pixel, self.channel], out[self.pixel, self.channel])
        tirx.buffer_store(sums, bias[self.channel], [self.pixel, self.channel])

    def add(self, value: Any, weight: Any) -> None:
        """Adds the product of a value and the channel's weight of this number."""
        from tvm.script.ir_builder import tirx

        sums = self.buffers["sums"]
        product = tirx.cast(value, "int32") * tirx.cast(self.buffers["weight"][self.channel, weight], "int32")
        tirx.buffer_store(sums, sums[self.pixel, self.channel] + product, [self.pixel, self.channel])

    def end(self, output: tuple[int, int, int]) -> None:
        """Requantises the sum, for an output of this zero point, least and greatest value."""
        from tvm.script.ir_builder import tirx

        total = self.buffers["sums"][self.pixel, self.channel]
        multiplier = self.buffers["multiplier"][self.channel]
        result = tirx.call_pure_extern("int8", "tinyseg_requantize_sum", total, multiplier, *output)
        tirx.buffer_store(self.buffers["out"], result, [self.pixel, self.channel])
