"""The server of storages under attack: hostile clients beside an honest one, and files that are no sockets."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.test_remote_storage import answer, request
from tinyseg_tvm.cli.main import main
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro import storage_server
from tinyseg_tvm.micro.remote_storage import PAGE, Limits, Server, listen
from tinyseg_tvm.micro.storage_server import StorageServer

TOKEN = b"correct horse battery"


def started(server: StorageServer) -> tuple[socket.socket, tuple[str, int]]:
    listening = listen(":0")
    threading.Thread(target=server.serve, args=(listening,), daemon=True).start()
    return listening, listening.getsockname()


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    listening, where = started(StorageServer(4096, patience=60))
    yield where
    listening.close()


def exchange(line: socket.socket, sent: bytes, expected: bytes) -> None:
    line.settimeout(60)
    line.sendall(sent)
    received = b""
    while len(received) < len(expected):
        part = line.recv(1 << 16)
        assert part, "hung up on"
        received += part
    assert received == expected


def inference(line: socket.socket, rounds: int = 20) -> None:
    """What a board does: writes, and reads back."""
    exchange(line, request(b"H", 0, 0, 4), answer(0, struct.pack("<I", 4096)))
    for number in range(rounds):
        data = bytes([number]) * 100
        exchange(line, request(b"W", number, 100 * number, 100, data), answer(number))
        exchange(line, request(b"R", number, 100 * number, 100), answer(number, data))


def attack(address: tuple[str, int], number: int) -> socket.socket | None:
    """One hostile connection; it stays open unless it is hung up on."""
    rng = random.Random(number)
    line = socket.create_connection(address, timeout=5)
    try:
        kind = number % 5
        if kind == 0:
            line.sendall(rng.randbytes(5000))
        elif kind == 1:
            line.sendall((b"\xa5W\0" + b"\xff" * 6) * 300)  # long requests inside each other, none of them right
        elif kind == 2:
            line.sendall(request(b"R", 1, 0, 4096) * 200)  # whose answers nobody takes
        elif kind == 3:
            line.close()
    except OSError:
        pass
    return line


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.release)])
def test_an_honest_client_finishes_among_hostile_ones(count: int, address) -> None:
    with socket.create_connection(address) as honest:
        inference(honest)
        hostile: list[socket.socket | None] = []
        for number in range(count):
            hostile.append(attack(address, number))
            if number >= 300 and (earlier := hostile[number - 300]) is not None:
                earlier.close()  # this process has so many files only
        inference(honest)
        with socket.create_connection(address) as late:
            inference(late)
        inference(honest)
    for line in hostile:
        if line is not None:
            line.close()


def test_clients_have_memories_of_their_own(address) -> None:
    with socket.create_connection(address) as first, socket.create_connection(address) as second:
        exchange(first, request(b"W", 1, 0, 2, b"me"), answer(1))
        exchange(second, request(b"R", 1, 0, 2), answer(1, b"\0\0"))
        exchange(first, request(b"R", 2, 0, 2), answer(2, b"me"))


def test_memory_of_all_clients_is_bounded(address, monkeypatch) -> None:
    monkeypatch.setattr(storage_server, "MOST_MEMORY", 0)
    with socket.create_connection(address) as only:
        exchange(only, request(b"W", 1, 0, 2, b"me"), answer(1, status=1))
        exchange(only, request(b"R", 2, 0, 2), answer(2, b"\0\0"))


@pytest.mark.parametrize("pages", [1, 6])
def test_strangers_that_write_do_not_shut_out_who_comes_late(pages: int, monkeypatch) -> None:
    monkeypatch.setattr(storage_server, "MOST_MEMORY", 64 * PAGE)
    monkeypatch.setattr(storage_server, "MOST_CLIENTS", 16)  # a share is four pages
    listening, address = started(StorageServer(8 * PAGE, patience=60))
    with listening, contextlib.ExitStack() as others:
        for number in range(40):
            line = others.enter_context(socket.create_connection(address))
            for page in range(pages):
                exchange(line, request(b"W", number, page * PAGE, 2, b"me"), answer(number))
        with socket.create_connection(address) as late:
            for number in range(3):
                exchange(late, request(b"W", number, number * PAGE, 2, b"me"), answer(number))
            for number in range(3):
                exchange(late, request(b"R", number, number * PAGE, 2), answer(number, b"me"))


def test_who_takes_no_more_than_a_share_is_not_hung_up_on_for_others(monkeypatch) -> None:
    monkeypatch.setattr(storage_server, "MOST_MEMORY", 16 * PAGE)
    monkeypatch.setattr(storage_server, "MOST_CLIENTS", 8)
    listening, address = started(StorageServer(16 * PAGE, patience=60))
    with listening, contextlib.ExitStack() as others, socket.create_connection(address) as modest:
        exchange(modest, request(b"W", 1, 0, 2, b"me"), answer(1))
        for _ in range(4):
            line = others.enter_context(socket.create_connection(address))
            for page in range(14):
                exchange(line, request(b"W", page, page * PAGE, 2, b"me"), answer(page))
        exchange(modest, request(b"R", 2, 0, 2), answer(2, b"me"))


def test_who_only_reads_takes_no_memory(address, monkeypatch) -> None:
    monkeypatch.setattr(storage_server, "MOST_MEMORY", PAGE)
    with socket.create_connection(address) as reader, socket.create_connection(address) as writer:
        exchange(reader, request(b"R", 1, 4000, 4), answer(1, bytes(4)))
        exchange(writer, request(b"W", 1, 4000, 2, b"me"), answer(1))
        exchange(writer, request(b"R", 2, 3999, 4), answer(2, b"\0me\0"))
        exchange(reader, request(b"R", 2, 4000, 4), answer(2, bytes(4)))


def test_a_client_that_never_asks_goes_first(monkeypatch) -> None:
    monkeypatch.setattr(storage_server, "MOST_CLIENTS", 2)
    listening, address = started(StorageServer(4096, patience=60))
    with listening, socket.create_connection(address) as honest:
        inference(honest)
        with socket.create_connection(address) as silent, socket.create_connection(address):
            silent.settimeout(30)
            assert silent.recv(1) == b""
            inference(honest)


def test_a_client_that_has_asked_much_outlasts_many_that_ask_once(monkeypatch) -> None:
    monkeypatch.setattr(storage_server, "MOST_CLIENTS", 6)
    listening, address = started(StorageServer(4096, patience=60))
    with listening, contextlib.ExitStack() as others, socket.create_connection(address) as honest:
        inference(honest)
        for _ in range(20):  # while the honest client computes
            line = others.enter_context(socket.create_connection(address))
            exchange(line, request(b"H", 0, 0, 4), answer(0, struct.pack("<I", 4096)))
        inference(honest)


@pytest.mark.parametrize("begin", [True, False])
def test_a_silent_client_is_hung_up_on(begin: bool) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, theirs.makefile("rwb", buffering=0) as stream:
        if not begin:
            ours.sendall(request(b"H", 1, 0, 0))
        limits = Limits(0.1, 60) if begin else Limits(60, 0.1)
        thread = threading.Thread(
            target=Server(bytearray(8)).serve, args=(stream,), kwargs={"limits": limits}, daemon=True
        )
        thread.start()
        thread.join(60)
        assert not thread.is_alive()


def test_work_for_nonsense_is_bounded() -> None:
    server = Server(bytearray(8))
    data = bytearray((b"\xa5W\0\xff\xff" + b"\0" * 5) * 100_000)
    received, taken = bytearray(), 0
    while data and server._is_bearable(Limits(60, 60), time.monotonic(), taken):
        received += data[:4096]
        taken += 4096
        del data[:4096]
        server.take(received)
    assert data
    assert server.wasted < (1 << 20) + 16 * taken + (1 << 16) * 4096


def test_a_token_is_asked_for(tmp_path: Path) -> None:
    listening, address = started(StorageServer(4096, 60, TOKEN))
    with listening:
        with socket.create_connection(address) as known:
            known.sendall(TOKEN + b"\n")
            inference(known, 2)
        with socket.create_connection(address) as stranger:
            stranger.settimeout(30)
            stranger.sendall(request(b"R", 1, 0, 4) * 10)
            with contextlib.suppress(ConnectionResetError):
                assert stranger.recv(100) == b""


def test_a_file_that_is_no_socket_stays(tmp_path: Path, capfd) -> None:
    file = tmp_path / "precious"
    file.write_text("kept")
    for path in (file, tmp_path):
        assert main(["serve-storage", str(path)]) == 1
        assert "no socket" in capfd.readouterr().err
    link = tmp_path / "link"
    link.symlink_to(file)
    assert main(["serve-storage", str(link)]) == 1
    assert file.read_text() == "kept"
    assert link.is_symlink()


def test_a_dead_socket_is_replaced_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = os.path.relpath(tmp_path / "s")
    with listen(path), pytest.raises(TinySegError, match="another program does"):
        listen(path)
    with listen(path) as again:
        assert again.getsockname() == path
        assert (tmp_path / "s").stat().st_mode & 0o777 == 0o600


def test_without_a_host_it_is_this_computer_alone() -> None:
    with listen(":0") as listening:
        assert listening.getsockname()[0] == "127.0.0.1"
