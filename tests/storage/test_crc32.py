"""The runtime's CRC-32 is zlib's."""

from __future__ import annotations

import ctypes
import subprocess
import zlib

from hypothesis import given, settings
from hypothesis import strategies as st

from tinyseg_tvm.codegen.text.runtime_files import include_options, runtime_path


def test_crc32_is_that_of_zlib(tmp_path):
    library = tmp_path / "crc32.so"
    source = runtime_path("tinyseg_crc32.c")
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", *include_options(), str(source), "-o", str(library)], check=True)
    crc32 = ctypes.CDLL(str(library)).tinyseg_crc32
    crc32.restype = ctypes.c_uint32

    @settings(max_examples=100)
    @given(st.binary(max_size=80), st.integers(0, 2**32 - 1))
    def check(data: bytes, before: int) -> None:
        assert crc32(ctypes.c_uint32(before), data, len(data)) == zlib.crc32(data, before)

    check()
