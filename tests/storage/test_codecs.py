"""The codecs of the C runtime and their NumPy twins are the same, lossless, and never leave their buffers."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyseg_tvm.codegen.text.runtime_files import include_options, runtime_path
from tinyseg_tvm.operators.line_codecs import coded_line_bytes, decode, encode

CODECS = ("delta", "mask")
FLAGS = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wpedantic", "-Werror"]
GUARD = 0xA5


class Codec:
    """A codec of the runtime, compiled for this computer."""

    def __init__(self, name: str, folder: Path) -> None:
        library = folder / f"{name}.so"
        source = runtime_path(f"tinyseg_codec_{name}.c")
        command = ["gcc", *FLAGS, "-shared", "-fPIC", *include_options(), str(source), "-o", str(library)]
        subprocess.run(command, check=True)
        pointer = ctypes.c_void_p
        number = ctypes.c_uint32
        table = (pointer * 2).in_dll(ctypes.CDLL(str(library)), f"tinyseg_codec_{name}")
        at = [address or 0 for address in table]
        self._encode: Callable[..., int] = ctypes.CFUNCTYPE(number, pointer, number, number, pointer)(at[0])
        self._decode: Callable[..., int | None] = ctypes.CFUNCTYPE(pointer, pointer, pointer, pointer, number, number)(
            at[1]
        )

    def encode(self, line: bytes, pitch: int) -> bytes | None:
        source = np.frombuffer(line, np.uint8)
        out = np.full(len(line) + 16, GUARD, np.uint8)
        length = self._encode(source.ctypes.data, len(line), pitch, out.ctypes.data)
        assert (out[len(line) :] == GUARD).all(), "written beyond the length of a line"
        return out[:length].tobytes() if length else None

    def decode(self, code: bytes, size: int, pitch: int) -> bytes | None:
        source = np.frombuffer(code, np.uint8)
        out = np.full(size + 16, GUARD, np.uint8)
        start = source.ctypes.data
        stopped = self._decode(start, start + len(code), out.ctypes.data, size, pitch)
        assert (out[size:] == GUARD).all(), "written beyond the line"
        if stopped is None:
            return None
        assert start <= stopped <= start + len(code), "read beyond the code"
        return out[:size].tobytes()


@pytest.fixture(scope="module")
def codecs(tmp_path_factory) -> dict[str, Codec]:
    folder = tmp_path_factory.mktemp("codecs")
    return {name: Codec(name, folder) for name in CODECS}


@st.composite
def lines(draw: st.DrawFn) -> tuple[bytes, int]:
    """Noise, sparse lines and smooth lines, of any length and pixel size."""
    size = draw(st.integers(1, 100))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    step = draw(st.sampled_from([0, 1, 2, 5, 40, 256]))
    line = np.cumsum(rng.integers(-step, step + 1, size)) + draw(st.integers(0, 255))
    line[rng.random(size) < draw(st.sampled_from([0.0, 0.5, 0.95]))] = 128
    return (line & 255).astype(np.uint8).tobytes(), draw(st.integers(1, 20))


@pytest.mark.parametrize("name", CODECS)
def test_the_c_codec_is_its_twin_and_lossless(name, codecs):
    @settings(max_examples=400)
    @given(lines())
    def check(case: tuple[bytes, int]) -> None:
        line, pitch = case
        code = codecs[name].encode(line, pitch)
        assert code == encode(name, line, pitch)
        stored = coded_line_bytes(name, np.frombuffer(line, np.int8)[np.newaxis], pitch)
        assert stored.tolist() == [1 + (len(line) if code is None else len(code))]
        if code is not None:
            assert len(code) < len(line)
            assert codecs[name].decode(code, len(line), pitch) == line
            assert decode(name, code, len(line), pitch) == line

    check()


@pytest.mark.parametrize("name", CODECS)
def test_decoding_garbage_stays_inside_its_buffers(name, codecs):
    @settings(max_examples=200)
    @given(st.binary(min_size=1, max_size=60), st.integers(1, 80), st.integers(1, 12))
    def check(code: bytes, size: int, pitch: int) -> None:
        codecs[name].decode(code, size, pitch)

    check()


def test_sparse_and_smooth_lines_become_short():
    smooth = np.repeat(np.arange(40, dtype=np.uint8), 16)
    assert len(encode("delta", smooth.tobytes(), 16) or smooth) < smooth.size / 3
    sparse = np.full(800, 0x80, np.uint8)
    sparse[::20] = 50
    assert len(encode("mask", sparse.tobytes(), 8) or sparse) < sparse.size / 4
