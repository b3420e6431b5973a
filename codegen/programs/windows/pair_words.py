"""Pairs of weights of 16 bits as the words that dual multiplications take (runtime/tinyseg_conv2d_dsp.h)."""

from __future__ import annotations

import numpy as np


def pair_words(pairs: np.ndarray, *, joined: bool) -> np.ndarray:
    """Pairs (O, P, 2) as words: channels by four (three as four), then two, then one.

    [pair][2 words] of four channels, [pair] of two, a word per two pairs of one. ``joined``: each half of a word of two
    channels is one number.
    """
    if pairs.shape[0] % 4 == 3:
        pairs = np.concatenate([pairs, np.zeros((1, *pairs.shape[1:]), pairs.dtype)])
    outputs = pairs.shape[0]
    fours = outputs // 4 * 4
    two = _two_joined_channels if joined else _two_channels
    words = [two(pairs[o : o + 4 : 2], pairs[o + 1 : o + 4 : 2]) for o in range(0, fours, 4)]
    if outputs - fours >= 2:
        words.append(two(pairs[fours : fours + 1], pairs[fours + 1 : fours + 2]))
    if outputs % 2:
        single = pairs[-1:]
        if single.shape[1] % 2:
            single = np.concatenate([single, np.zeros((1, 1, 2), pairs.dtype)], axis=1)
        words.append(_two_channels(single[:, 0::2], single[:, 1::2]))
    return np.concatenate([w.reshape(-1) for w in words]) if words else np.zeros(0, np.uint32)


def _two_channels(even: np.ndarray, odd: np.ndarray) -> np.ndarray:
    """(C, P, 2) of channels or pairs that alternate, as words [pair][C]: even low, odd low, even high, odd high."""
    quads = np.stack([even[..., 0], odd[..., 0], even[..., 1], odd[..., 1]], axis=-1).astype(np.int8)
    return np.ascontiguousarray(quads.transpose(1, 0, 2)).view("<u4").reshape(-1)


def _two_joined_channels(even: np.ndarray, odd: np.ndarray) -> np.ndarray:
    """(C, P, 2) of channels that alternate, as words [pair][C] of two numbers ``256 * odd + even``."""
    halves = (256 * odd.astype(np.int32) + even.astype(np.int32)).astype(np.int16)
    return np.ascontiguousarray(halves.transpose(1, 0, 2)).view("<u4").reshape(-1)
