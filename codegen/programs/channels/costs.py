"""What schedules of depthwise convolutions cost: cycles and bytes of code, estimated."""

from __future__ import annotations

from tinyseg_tvm.codegen.programs.channels.kernels import ChannelKernel
from tinyseg_tvm.codegen.programs.channels.schedule import Decisions, tiles_of


def line_cycles(kernel: ChannelKernel, decisions: Decisions, requantize: int) -> float:
    """Of an output line, with so many cycles for each requantisation."""
    total: float = 100.0
    for part, pixels in tiles_of(kernel, decisions):
        tiles = part.span.pixels // pixels * kernel.tile_cycles(part, pixels, requantize)
        total += part.span.groups * part.blocks * (tiles + kernel.staging_cycles(part))
    return total + (0.0 if decisions.channels_outside else 1.0)


def code_bytes(kernel: ChannelKernel, decisions: Decisions) -> int:
    """Of the functions of tiles."""
    return kernel.code_bytes(tiles_of(kernel, decisions))
