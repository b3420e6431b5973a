"""The client of GDB servers against a made-up one: flash by its rules, bad manners, lost connections."""

from __future__ import annotations

import random
import socket
import time
from contextlib import suppress

import pytest

from tests.micro.fake_gdb_server import BLOCK, FLASH, FLASH_BYTES, RAM, FakeServer, connected
from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.micro.elf import Segment
from tinyseg_tvm.micro.transports.gdb_server import host_and_port
from tinyseg_tvm.micro.transports.gdb_target import Target
from tinyseg_tvm.micro.transports.packets import ConnectionLostError, NoAnswerError, Packets

CODE = random.Random(0).randbytes(700)
DATA = b"#$}*" * 25  # all of it is escaped in packets
PROGRAM = (Segment(FLASH, CODE), Segment(FLASH + 700, DATA), Segment(RAM + 8, DATA))


@pytest.mark.parametrize("sloppy", [False, True])
@pytest.mark.parametrize("binary", [False, True])
def test_a_program_goes_to_flash_and_ram(sloppy: bool, binary: bool) -> None:
    server = FakeServer(sloppy=sloppy, binary=binary)
    server.flash[:] = bytes(FLASH_BYTES)  # an earlier program
    with connected(server) as connection:
        Target(Packets(connection)).load(PROGRAM)
    assert server.flash[:800] == CODE + DATA
    assert server.flash[800 : 4 * BLOCK] == b"\xff" * (4 * BLOCK - 800)
    assert server.flash[4 * BLOCK :] == bytes(FLASH_BYTES - 4 * BLOCK)  # no other block is touched
    assert server.ram[8 : 8 + len(DATA)] == DATA
    flashing = [packet.partition(b":")[0] for packet in server.log if packet.startswith(b"vFlash")]
    assert flashing == sorted(flashing, key=[b"vFlashErase", b"vFlashWrite", b"vFlashDone"].index)
    assert flashing[-1] == b"vFlashDone"
    assert all(len(packet) <= 0xA0 for packet in server.log)


def test_flash_that_holds_the_program_is_not_worn() -> None:
    server = FakeServer()
    server.flash[:800] = CODE + DATA
    with connected(server) as connection:
        Target(Packets(connection)).load(PROGRAM)
    assert not [packet for packet in server.log if packet.startswith(b"vFlash")]
    assert server.ram[8 : 8 + len(DATA)] == DATA


@pytest.mark.parametrize(
    ("server", "segment", "message"),
    [
        (FakeServer(), Segment(0x1000, b"x"), "cannot read the memory at 0x1000 .E01."),
        (FakeServer(), Segment(FLASH + FLASH_BYTES - 4, b"12345678"), "cannot read the memory"),
        (FakeServer(stuck=True), Segment(FLASH, b"12345678"), "does not hold what was written .* another board"),
        (FakeServer(describes=False, stuck=True), Segment(FLASH, b"12345678"), "does not hold what was written"),
        (FakeServer(hangs_up_at=b"vFlashWrite"), Segment(FLASH, b"12345678"), "closed the connection"),
        (FakeServer(hangs_up_at=b"qSupported"), Segment(FLASH, b"12345678"), "closed the connection"),
    ],
)
def test_what_cannot_be_loaded_is_one_error(server: FakeServer, segment: Segment, message: str) -> None:
    with connected(server) as connection, pytest.raises(TinySegError, match=message):
        Target(Packets(connection)).load([segment])


@pytest.mark.parametrize("sloppy", [False, True])
def test_registers_and_running(sloppy: bool) -> None:
    server = FakeServer(sloppy=sloppy)
    with connected(server) as connection:
        target = Target(Packets(connection))
        target.set_register(15, 0x0800_0124)
        assert target.registers() == [0] * 15 + [0x0800_0124]
        assert not target.break_at(FLASH)  # this server has none
        target.resume(5)


def test_silence_is_an_error_after_its_time() -> None:
    server = FakeServer()
    with connected(server) as connection:
        packets = Packets(connection)
        with pytest.raises(NoAnswerError, match=r"does not answer within 0\.01 seconds"):
            packets.receive(0.01)


def test_a_server_that_talks_on_is_no_answer() -> None:
    class Chatter(FakeServer):
        def serve(self, connection: socket.socket) -> None:
            with suppress(OSError):
                while True:
                    connection.sendall(b"$O6869#d2")
                    time.sleep(0.005)

    with connected(Chatter()) as connection:
        target = Target.__new__(Target)
        target._packets, target._continue = Packets(connection), b"c"
        with pytest.raises(NoAnswerError):
            target.resume(0.1)


def test_what_is_no_gdb_server_is_said_to_be_none() -> None:
    class Talker(FakeServer):
        def serve(self, connection: socket.socket) -> None:
            with suppress(OSError):
                connection.sendall(b"$" * (5 << 20))

    with connected(Talker()) as connection, pytest.raises(ConnectionLostError, match="does not speak GDB's protocol"):
        Packets(connection).receive(20)


def test_addresses_of_servers() -> None:
    assert host_and_port("localhost:3333") == ("localhost", 3333)
    assert host_and_port(":1") == ("127.0.0.1", 1)
    assert host_and_port("[::1]:2331") == ("::1", 2331)
    for wrong in ("localhost", "localhost:", "a b:3", "x:0", "x:70000", "tcp://x:1"):
        with pytest.raises(UsageError, match="write HOST:PORT"):
            host_and_port(wrong)
