"""The lossless codes for lines that are spilled: what the C of runtime/storage/tinyseg_codec_*.c computes.

``delta`` packs differences to the pixel before in as few bits as each block of eight bytes needs; ``mask`` leaves out
a line's smallest value. A code that is not shorter than its line is not used: ``encode`` gives None, and the line is
stored as it is. benchmarks/line_codecs.py compares the two with others.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.operators.stored_records import NO_CODEC, RECORD_HEADER
from tinyseg_tvm.operators.tensor_type import TensorType

_BLOCK = 8


def pixel_bytes(tensor: TensorType) -> int:
    """Distance between the same channel of neighbouring pixels of a line."""
    inner = tensor.line_shape[-1] if len(tensor.line_shape) > 1 else 1
    return inner * np.dtype(tensor.dtype).itemsize


def encode(codec: str, line: bytes, pitch: int) -> bytes | None:
    """The code of a line, None where it is not shorter than the line."""
    code = {"delta": _encode_delta, "mask": _encode_mask}[codec](np.frombuffer(line, np.uint8), pitch)
    return code if code is not None and len(code) < len(line) else None


def coded_line_bytes(codec: str, lines: np.ndarray, pitch: int) -> np.ndarray:
    """Stored bytes of each line, raw fallback and mark included; without headers of records.

    Args:
        codec: its name, or "none".
        lines: (lines, line bytes), any one-byte type.
        pitch: bytes of a pixel.
    """
    raw = lines.shape[1]
    if codec == NO_CODEC:
        return np.full(len(lines), raw)
    if codec == "mask":
        # the C stops when the rest could be too long, before it knows
        return np.array([1 + len(encode(codec, line.tobytes(), pitch) or line) for line in lines])
    widths = _widths(_folded(lines.view(np.uint8), pitch))
    blocks = widths.shape[1]
    coded = widths.sum(axis=1) + -(-blocks // 2)
    return np.asarray(1 + np.where(coded < raw, coded, raw))


def stored_bytes(codec: str, lines: np.ndarray, pitch: int, group: int = 1) -> int:
    """Bytes of a tensor's records, without padding to blocks."""
    records = -(-len(lines) // group)
    return int(coded_line_bytes(codec, lines, pitch).sum()) + records * RECORD_HEADER


def _folded(lines: np.ndarray, pitch: int) -> np.ndarray:
    """Differences to the prediction, 0, -1, 1, -2, ... as 0, 1, 2, 3, ...; (lines, bytes) uint8."""
    before = np.zeros_like(lines)
    before[:, 1:pitch] = lines[:, : max(min(pitch, lines.shape[1]) - 1, 0)]
    before[:, pitch:] = lines[:, :-pitch]
    difference = (lines - before).view(np.int8)
    folded: np.ndarray = (difference.view(np.uint8) << 1) ^ (difference >> 7).view(np.uint8)
    return folded


def _widths(folded: np.ndarray) -> np.ndarray:
    """Bits per value of each block of eight; (lines, blocks)."""
    blocks = -(-folded.shape[1] // _BLOCK)
    padded = np.zeros((len(folded), blocks * _BLOCK), np.uint8)
    padded[:, : folded.shape[1]] = folded
    largest = np.bitwise_or.reduce(padded.reshape(len(folded), blocks, _BLOCK), axis=2)
    widths: np.ndarray = np.ceil(np.log2(largest.astype(np.float64) + 1)).astype(np.int64)
    return widths


def _encode_delta(line: np.ndarray, pitch: int) -> bytes:
    folded = _folded(line[np.newaxis], pitch)
    widths = _widths(folded)[0].tolist()
    values = np.zeros(len(widths) * _BLOCK, np.uint8)
    values[: line.size] = folded[0]
    out = bytearray()
    for number, width in enumerate(widths):
        if number % 2 == 0:
            out.append(width | (widths[number + 1] << 4 if number + 1 < len(widths) else 0))
        block = values[number * _BLOCK : (number + 1) * _BLOCK].tolist()
        bits = sum(value << (width * place) for place, value in enumerate(block))
        out += bits.to_bytes(width, "little")
    return bytes(out)


def _encode_mask(line: np.ndarray, _pitch: int) -> bytes | None:
    least = int(line.view(np.int8).min(initial=127)) & 0xFF
    out = bytearray([least])
    for at in range(0, line.size, _BLOCK):
        block = line[at : at + _BLOCK]
        if len(out) + 1 + block.size >= line.size:
            return None
        differs = block != least
        out.append(int(np.packbits(differs, bitorder="little")[0]))
        out += block[differs].tobytes()
    return bytes(out)


def decode(codec: str, code: bytes, size: int, pitch: int) -> bytes:
    """The line of ``size`` bytes that ``code`` stands for."""
    return {"delta": _decode_delta, "mask": _decode_mask}[codec](code, size, pitch)


def _decode_delta(code: bytes, size: int, pitch: int) -> bytes:
    line = bytearray()
    place, widths = 0, 0
    for block in range(-(-size // _BLOCK)):
        if block % 2 == 0:
            widths = code[place]
            place += 1
        width = widths & 15
        widths >>= 4
        bits = int.from_bytes(code[place : place + width], "little")
        place += width
        for _ in range(min(_BLOCK, size - len(line))):
            folded = bits & ((1 << width) - 1)
            bits >>= width
            difference = (folded >> 1) ^ -(folded & 1)
            at = len(line)
            before = line[at - pitch] if at >= pitch else line[at - 1] if at else 0
            line.append((before + difference) & 0xFF)
    return bytes(line)


def _decode_mask(code: bytes, size: int, _pitch: int) -> bytes:
    least, place = code[0], 1
    line = bytearray()
    while len(line) < size:
        mask = code[place]
        place += 1
        for bit in range(min(_BLOCK, size - len(line))):
            if mask >> bit & 1:
                line.append(code[place])
                place += 1
            else:
                line.append(least)
    return bytes(line)
