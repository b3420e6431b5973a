"""Micro-kernels for cores that multiply one pair of values at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.codegen.programs.windows.kernels import RegisterTile, assembler_loop, sum_name, unrolled
from tinyseg_tvm.codegen.programs.windows.sum import Segment


@dataclass(frozen=True)
class V7mKernel(RegisterTile):
    """Products of int8 values one by one, in Thumb-2."""

    name = "v7m"
    module = "tinyseg_tile_v7m"
    dtype = "int8"
    cycles_per_staged_value = 0.5

    @staticmethod
    def weights_of(values: int, _step: int, /) -> int:
        """One for each value."""
        return values

    def packed(self, weight: Sequence[np.ndarray], channels: int) -> np.ndarray:
        """[segment][value][channel]."""
        return np.concatenate([segment.T.reshape(-1) for segment in weight])

    def inner_loop(self, pixels: int, channels: int, run: Sequence[Segment]) -> list[str]:
        """A round takes one value of every pixel."""
        loop = assembler_loop(self._value(pixels, channels, self.step(run)), run[0].values, "int8_t", 1)
        twin = [f"for (int32_t k = 0; k < {run[0].values}; ++k, ++x, w += {channels}) {{"]
        twin += [f"    const int32_t x{p} = x[{p * self.step(run)}];" for p in range(pixels)]
        for o in range(channels):
            twin.append(f"    const int32_t w{o} = w[{o}];")
            twin += [f"    {sum_name(p, o)} += x{p} * w{o};" for p in range(pixels)]
        return ["#if TINYSEG_THUMB2_ASSEMBLER", *loop, "#else", *twin, "}", "#endif"]

    def _value(self, pixels: int, channels: int, step: int) -> list[str]:
        """Instructions for one value of every pixel.

        Of more than two channels, the values of all pixels wait in registers; of fewer, the weights do.
        """
        kept = channels > 2
        loads = {
            p: f"ldrsb.w %[{f'x{p}' if kept else 'x0'}], [%[x]" + (f", #{step * p}]" if p else "], #1")
            for p in reversed(range(pixels))
        }
        weights = [f"ldrsb.w %[{'w0' if kept else f'w{o}'}], [%[w]], #1" for o in range(channels)]

        def add(pixel: int, channel: int) -> str:
            name = sum_name(pixel, channel)
            return f"mla %[{name}], %[{'w0' if kept else f'w{channel}'}], %[{f'x{pixel}' if kept else 'x0'}], %[{name}]"

        lines = list(loads.values()) if kept else list(weights)
        if kept:
            for o in range(channels):
                lines += [weights[o], *(add(p, o) for p in range(pixels))]
        else:
            for p, load in loads.items():
                lines += [load, *(add(p, o) for o in range(channels))]
        return lines

    def cycles(self, pixels: int, channels: int) -> float:
        """Loads and products, of about one cycle each."""
        values = sum(segment.values for segment in self.sum.segments)
        per_value = pixels + channels + pixels * channels
        return 1.05 * per_value * values + 12 * len(self.sum.segments) + 40 + 19 * pixels * channels

    def code_bytes(self, pixels: int, channels: int) -> int:
        """Of the loops and of what is around them."""
        loops = sum(unrolled(run[0].values) for run in self.runs())
        return 4 * (pixels + channels + pixels * channels) * loops + 160 + 60 * pixels * channels

    def results(self, pixels: int, channels: int) -> list[str]:
        """One by one."""
        row = self.sum.row
        lines = [f"const tinyseg_scale m{o} = tinyseg_scale_of(multiplier[{o}]);" for o in range(channels)]
        narrow = int(self.sum.output[1:] != (-128, 127))
        for p in range(pixels):
            for o in range(channels):
                value = f"tinyseg_scaled_to({sum_name(p, o)}, m{o}, output.zero_point)"
                result = f"tinyseg_within({value}, {narrow}, output.minimum, output.maximum)"
                lines.append(f"out[{p * row + o}] = {result};")
        return lines
