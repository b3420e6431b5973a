"""A GDB server of a made-up board, whose flash insists on its rules and whose manners can be bad."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

FLASH, FLASH_BYTES, BLOCK = 0x0800_0000, 4096, 256
RAM, RAM_BYTES = 0x2000_0000, 4096
MAP = (
    '<?xml version="1.0"?><!DOCTYPE memory-map PUBLIC "+//IDN gnu.org//DTD GDB Memory Map V1.0//EN" "x.dtd">'
    f'<memory-map><memory type="ram" start="{RAM:#x}" length="{RAM_BYTES:#x}"/>'
    f'<memory type="flash" start="{FLASH:#x}" length="{FLASH_BYTES:#x}">'
    f'<property name="blocksize">{BLOCK:#x}</property></memory></memory-map>'
)


@dataclass
class FakeServer:
    """The server's state, and how it behaves.

    Attributes:
        describes: knows a memory map.
        binary: takes binary data (`X`).
        sloppy: acknowledges, sends an `OK` late, console texts, run lengths, one damaged packet, byte by byte.
        hangs_up_at: a packet that begins so is its last.
        stuck: writes to the flash change nothing.
        log: the packets, in order.
    """

    describes: bool = True
    binary: bool = True
    sloppy: bool = False
    hangs_up_at: bytes = b"never"
    stuck: bool = False
    log: list[bytes] = field(default_factory=list)
    flash: bytearray = field(default_factory=lambda: bytearray(b"\xff" * FLASH_BYTES))
    ram: bytearray = field(default_factory=lambda: bytearray(RAM_BYTES))
    registers: list[int] = field(default_factory=lambda: [0] * 17)
    erased: set[int] = field(default_factory=set)
    pending: dict[int, bytes] = field(default_factory=dict)

    def answer(self, packet: bytes) -> bytes:
        """The reply to a packet."""
        self.log.append(packet)
        head = packet.partition(b":")[0]
        if packet.startswith(b"qSupported"):
            known = [b"PacketSize=a0", b"qXfer:memory-map:read+" if self.describes else b"qXfer:memory-map:read-"]
            return b";".join(known + [b"QStartNoAckMode+"] * (not self.sloppy))
        if packet.startswith(b"qXfer:memory-map:read"):
            at, most = (int(number, 16) for number in packet.split(b":")[-1].split(b","))
            part = MAP.encode()[at : at + most]
            return (b"m" if at + most < len(MAP) else b"l") + part
        if packet == b"QStartNoAckMode":
            return b"OK"
        if packet == b"vCont?":
            return b"vCont;c;s"
        if packet[:1] == b"m":
            place = self._memory(*self._numbers(packet))
            return b"E01" if place is None else bytes(place[0][place[1] : place[1] + place[2]]).hex().encode()
        if packet[:1] in (b"X", b"M") and (self.binary or packet[:1] == b"M"):
            place = self._memory(*self._numbers(head))
            data = packet[len(head) + 1 :] if packet[:1] == b"X" else bytes.fromhex(packet[len(head) + 1 :].decode())
            if place is None or (place[0] is self.flash and self.describes) or len(data) != place[2]:
                return b"" if place is not None and not data else b"E01"
            if not (self.stuck and place[0] is self.flash):
                place[0][place[1] : place[1] + place[2]] = data
            return b"OK"
        if packet.startswith(b"vFlash"):
            return self._flash_packet(packet)
        if packet == b"g":
            return b"".join(register.to_bytes(4, "little").hex().encode() for register in self.registers)
        if packet[:1] == b"P":
            number, _, value = packet[1:].partition(b"=")
            self.registers[int(number, 16)] = int.from_bytes(bytes.fromhex(value.decode()), "little")
            return b"OK"
        return b"T05thread:1;" if packet in (b"vCont;c", b"c") else b""

    def _flash_packet(self, packet: bytes) -> bytes:
        operation, _, rest = packet.partition(b":")
        if operation == b"vFlashErase":
            start, length = self._numbers(b"x" + rest)
            if start % BLOCK or length % BLOCK or self.pending:
                return b"E02"
            self.erased |= set(range(start, start + length))
        elif operation == b"vFlashWrite":
            place, _, data = rest.partition(b":")
            cells = set(range(int(place, 16), int(place, 16) + len(data)))
            written = {at for start, part in self.pending.items() for at in range(start, start + len(part))}
            if not cells <= self.erased or cells & written:
                return b"E.memtype"
            self.pending[int(place, 16)] = data
        elif operation == b"vFlashDone" and not self.stuck:
            for at in self.erased:
                self.flash[at - FLASH] = 0xFF
            for at, data in self.pending.items():
                self.flash[at - FLASH : at - FLASH + len(data)] = data
            self.erased, self.pending = set(), {}
        return b"OK"

    def _memory(self, address: int, count: int) -> tuple[bytearray, int, int] | None:
        for memory, start in ((self.flash, FLASH), (self.ram, RAM)):
            if start <= address and address + count <= start + len(memory):
                return memory, address - start, count
        return None

    @staticmethod
    def _numbers(packet: bytes) -> tuple[int, int]:
        first, second = packet[1:].split(b",")
        return int(first, 16), int(second, 16)

    # ---- the connection

    def serve(self, connection: socket.socket) -> None:
        """Answers until the client hangs up."""
        acknowledging, received, damage = True, b"", self.sloppy
        with suppress(OSError):
            while data := connection.recv(4096):
                received += data
                while (match := re.search(rb"\$([^#]*)#..", received, re.DOTALL)) is not None:
                    received = received[match.end() :]
                    packet = re.sub(rb"\}(.)", lambda m: bytes([m[1][0] ^ 0x20]), match[1], flags=re.DOTALL)
                    if packet.startswith(self.hangs_up_at):
                        connection.shutdown(socket.SHUT_RDWR)
                        return
                    reply = self.answer(packet)
                    if packet in (b"vCont;c", b"c") and self.sloppy:
                        self._send(connection, b"O" + b"busy\n".hex().encode())
                        self._send(connection, b"OK")
                    if acknowledging:
                        connection.sendall(b"+")
                    if damage and packet == b"g":  # it is sent again where the client asks for that
                        damage = False
                        connection.sendall(b"$" + reply + b"#zz")
                        while connection.recv(1) != b"-":
                            pass
                    self._send(connection, reply)
                    acknowledging = acknowledging and packet != b"QStartNoAckMode"

    def _send(self, connection: socket.socket, reply: bytes) -> None:
        if self.sloppy and not reply.startswith((b"l", b"m")):
            reply = re.sub(rb"(.)\1{5}", lambda m: m[1] + b"*\x22", reply)  # five more of the same
        reply = re.sub(rb"[#$}]", lambda m: b"}" + bytes([m[0][0] ^ 0x20]), reply)
        packet = b"$" + reply + b"#%02x" % (sum(reply) & 255)
        for part in [packet[at : at + 1] for at in range(len(packet))] if self.sloppy else [packet]:
            connection.sendall(part)


@contextmanager
def connected(server: FakeServer) -> Iterator[socket.socket]:
    """A client's end of a connection to a server, which runs in a thread."""
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=server.serve, args=(theirs,), daemon=True)
    thread.start()
    with ours, theirs:
        yield ours
        ours.shutdown(socket.SHUT_RDWR)
        thread.join(10)
