"""What tiles of depthwise convolutions for the DSP extension cost: cycles, fitted to a Cortex-M4, and code."""

from __future__ import annotations

from collections.abc import Collection

from tinyseg_tvm.codegen.programs.channels.dsp_columns import DspSum, takes_three_rows
from tinyseg_tvm.codegen.programs.channels.dsp_products import PIXELS, PixelProducts
from tinyseg_tvm.codegen.programs.channels.sum import Part

CALL = 46  # of a channel
WIDENED = 1.7, 5.0  # a word of weights, into a register and into memory
RESULT = -7  # what a result takes beyond its requantisation
ROUND = 6  # of the loop over pixels
TURN = 12  # of the loop over rows, or with other weights
PLAIN_WORD = 3.0  # a pixel's product of a word without assembler
STAGE = 100
STAGE_3, STAGED_3, FILLED_3 = 72, 24, 9  # of three rows and four channels: a column of values, of padding
STAGED_PAIR, STAGED_SINGLE = 22, 12  # a column of a pair of rows, of a single one
BYTES = 80  # a column of three rows, byte by byte
PASS = 40  # over the columns, of a pair of rows or a single one
WAIT = {"ldr": 0.9, "ldr.w": 0.9, "ldrd": 1.9}  # of loads, beyond a cycle


def tile_cycles(products: PixelProducts, pixels: int, channels: int, requantize: int) -> float:
    """Of a tile."""
    groups, rest = divmod(pixels, PIXELS)
    per_channel = CALL + WIDENED[0 if products.resident else 1] * products.sum.words
    for times, together in ((groups, PIXELS), (1, rest)):
        if times and together:
            per_channel += times * (_products_cycles(products, together) + together * (requantize + RESULT) + ROUND)
    return channels * per_channel


def _products_cycles(products: PixelProducts, pixels: int) -> float:
    turns = products.code(pixels)
    if not turns:
        return PLAIN_WORD * pixels * products.sum.words
    cycles = sum(1 + WAIT.get(line.split()[0], 0.0) for turn in turns for line in turn)
    return cycles + (0 if products.resident else TURN * len(turns))


def staging_cycles(s: DspSum, part: Part) -> float:
    """To stage the columns of a run and a block of channels."""
    span = part.span
    by_bytes = BYTES * min(-(-s.block // s.channels) - 1, span.columns)  # columns at the end of few channels
    if takes_three_rows(s, part):
        return STAGE_3 + STAGED_3 * span.columns + FILLED_3 * (span.before + span.after) + by_bytes
    column, passes = STAGED_PAIR * s.pairs + STAGED_SINGLE * s.single, s.pairs + s.single
    filled = s.column * (span.before + span.after)
    return STAGE + 2 * s.rows + PASS * passes + column * span.columns + filled + by_bytes * s.rows / 3


def code_bytes(products: PixelProducts, tiles: Collection[tuple[int, int]]) -> int:
    """Estimated bytes of code of tiles of so many pixels and channels."""
    parts = products.sum.all_parts
    halves = products.sum.halves(max(channels for _, channels in tiles))
    calls = sum(30 + 24 * channels for _, channels in tiles) + 100 * len(parts)
    return len(halves) * (80 + _bodies_bytes(products, {pixels for pixels, _ in tiles})) + calls


def _bodies_bytes(products: PixelProducts, tiles: Collection[int]) -> int:
    """Of the products and results of pixels that go together."""
    s = products.sum
    counts = {together for pixels in tiles for together in (min(pixels, PIXELS), pixels % PIXELS) if together}
    total = 0
    for pixels in counts:
        turns = products.code(pixels)
        instructions = sum(map(len, turns))
        if s.pairs > 1 and not products.resident:  # a loop takes them all
            instructions = instructions * (1 + s.single) // (s.pairs + s.single)
        total += 4 * instructions + 32 * pixels + 20 if turns else 60 * pixels + 60
    return total
