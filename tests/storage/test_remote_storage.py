"""The storage over a serial line: the server's protocol, and a board in QEMU that spills over it."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.storage.spilled_networks import project, small_unet, spilled
from tinyseg_tvm.micro import execution
from tinyseg_tvm.micro.remote_storage import Server, remote_storage
from tinyseg_tvm.network.network import Network


def request(operation: bytes, number: int, offset: int, length: int, data: bytes = b"") -> bytes:
    body = struct.pack("<cBHI", operation, number, length, offset) + data
    return b"\xa5" + body + struct.pack("<I", zlib.crc32(body))


def answer(number: int, data: bytes = b"", status: int = 0) -> bytes:
    body = struct.pack("<BBH", status, number, len(data)) + data
    return b"\x5a" + body + struct.pack("<I", zlib.crc32(body))


def test_what_is_written_is_read_back():
    server = Server(bytearray(64))
    received = bytearray(request(b"W", 1, 8, 3, b"abc") + request(b"R", 2, 7, 5) + request(b"H", 3, 0, 4))
    assert server.take(received) == answer(1) + answer(2, b"\0abc\0") + answer(3, struct.pack("<I", 64))
    assert not received


def test_what_lies_beyond_the_end_is_refused():
    server = Server(bytearray(64))
    assert server.take(bytearray(request(b"R", 1, 60, 5))) == answer(1, status=1)
    assert server.take(bytearray(request(b"W", 2, 64, 1, b"x"))) == answer(2, status=1)


@given(st.binary(max_size=40), st.integers(0, 200), st.integers(1, 255))
def test_damaged_requests_change_nothing(noise, place, flip):
    server = Server(bytearray(b"unchanged"))
    damaged = bytearray(noise + request(b"W", 1, 0, 4, b"evil"))
    damaged[place % len(damaged)] ^= flip
    intact = bytes(damaged).endswith(request(b"W", 1, 0, 4, b"evil"))
    server.take(damaged)
    assert intact or bytes(server.memory[:]) == b"unchanged"


def unet() -> Network:
    return spilled(small_unet(), "skip0", ("join0",), storage="uart", codec="delta")


def test_a_board_spills_over_its_serial_port(tmp_path):
    result = project(unet(), "mps2_an386", tmp_path / "out").run(count="none", timeout=200)
    assert (result.status, result.mismatches) == (0, 0)
    assert result.storage.written == np.prod((16, 12, 4))


def test_damaged_frames_are_repeated(tmp_path, monkeypatch):
    """A line between the board and the server that damages or loses some bytes."""

    @contextmanager
    def noisy(arguments: list[str]) -> Iterator[list[str]]:
        with remote_storage(arguments) as served:
            place = next(index for index, word in enumerate(served) if "path=" in word)
            head, path = served[place].split("path=")
            line = f"{path}n"
            with socket.socket(socket.AF_UNIX) as listening:
                listening.bind(line)
                listening.listen(1)
                thread = threading.Thread(target=_damage, args=(listening, path), daemon=True)
                thread.start()
                yield [*served[:place], f"{head}path={line}", *served[place + 1 :]]

    monkeypatch.setattr(execution, "remote_storage", noisy)
    result = project(unet(), "mps2_an386", tmp_path / "out").run(count="none", timeout=200)
    assert (result.status, result.mismatches) == (0, 0)


def _damage(listening: socket.socket, path: str) -> None:
    board, _ = listening.accept()
    server = socket.socket(socket.AF_UNIX)
    server.connect(path)
    back = threading.Thread(target=_pass, args=(server, board, lambda n: n % 997 == 500), daemon=True)
    back.start()
    _pass(board, server, lambda n: n % 1499 == 700)


def _pass(source: socket.socket, target: socket.socket, damaged: Callable[[int], bool]) -> None:
    count = 0
    with contextlib.suppress(OSError):  # one end hung up
        while data := bytearray(source.recv(256)):
            for index in range(len(data)):
                count += 1
                if damaged(count):
                    data[index] ^= 0x10
            target.sendall(data)


def test_the_verb_serves_a_socket(tmp_path):
    path = os.path.relpath(tmp_path / "line.sock", Path.cwd())
    command = [sys.executable, "-m", "tinyseg_tvm.cli.main", "serve-storage", path, "--capacity", "1K", "--once"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        with socket.socket(socket.AF_UNIX) as line:
            for _ in range(200):
                try:
                    line.connect(path)
                    break
                except OSError:
                    threading.Event().wait(0.1)
            line.sendall(request(b"W", 1, 0, 2, b"hi") + request(b"R", 2, 0, 2))
            received = b""
            while len(received) < len(answer(1) + answer(2, b"hi")):
                received += line.recv(100)
        output, _ = server.communicate(timeout=30)
    assert received == answer(1) + answer(2, b"hi")
    assert output == "1 reads, 1 writes, 0 damaged requests\n"
    assert server.returncode == 0
