"""A processor behind any GDB server: memory, flash, registers, breakpoints, running.

Only what all servers know is needed: halting, registers, memory. Servers that do less than GDB's manual demands are
met as GDB meets them: `X` is tried with no bytes before it is used, `vCont;c` is taken where there is one, an `OK` that
comes late is passed over.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.elf import Segment
from tinyseg_tvm.micro.transports.packets import Packets, escaped

ANSWER_SECONDS = 10.0
MONITOR_SECONDS = 30.0
MOST_SAID = 2000  # characters of what a server said
FLASH_SECONDS = 120.0  # of one packet: erasing may wait for the whole memory
STOP_SECONDS = 5.0
SMALLEST_PACKET, USUAL_PACKET, LARGEST_PACKET = 128, 0x400, 1 << 16  # bytes
PACKET_HEAD = 40  # bytes of a packet beside its data, at most
GENERAL_REGISTERS = 16  # r0 to r15, the first of all descriptions of Arm's M profile
USUAL_STATUS = 25  # number of xpsr where a server does not describe its registers
LONGEST_MAP = 1 << 20  # bytes of a description that a server gives


@dataclass(frozen=True)
class FlashRegion:
    """Flash memory, by the server's memory map; it is erased by blocks."""

    start: int
    bytes: int
    block_bytes: int


class Target:
    """A halted processor.

    Attributes:
        flash: what of the memory is flash, as the server says; empty where it says nothing.
    """

    def __init__(self, packets: Packets) -> None:
        """Makes acquaintance with the server; connecting has halted the processor.

        Raises:
            TinySegError: the server does not answer, or hangs up.
        """
        self._packets = packets
        features = self._ask(b"qSupported:swbreak+;hwbreak+;xmlRegisters=arm").decode("ascii", "replace").split(";")
        self._features = frozenset(word for word in features if word.endswith("+"))
        size = re.search(r"PacketSize=([0-9a-fA-F]{1,8})(;|$)", ";".join(features))
        usual = USUAL_PACKET if size is None else int(size[1], 16)
        self._packet_bytes = max(SMALLEST_PACKET, min(usual, LARGEST_PACKET))
        if "QStartNoAckMode+" in self._features and self._ask(b"QStartNoAckMode") == b"OK":
            packets.acknowledging = False
        self._binary: bool | None = None  # not known yet
        self._continue = b"vCont;c" if b";c" in self._ask(b"vCont?") else b"c"
        self.flash = self._flash_regions()

    # ---- memory

    def read(self, address: int, count: int) -> bytes:
        """``count`` bytes at an address.

        Raises:
            TinySegError: there is no memory, or the server cannot read it.
        """
        data = b""
        most = (self._packet_bytes - PACKET_HEAD) // 2
        while len(data) < count:
            reply = self._ask(b"m%x,%x" % (address + len(data), min(most, count - len(data))))
            part = _bytes_of(reply)
            if not part or len(part) > count - len(data):
                raise self._error(f"cannot read the memory at {address + len(data):#x}", reply)
            data += part
        return data

    def write(self, address: int, data: bytes) -> None:
        """Changes RAM.

        Raises:
            TinySegError: there is no memory, or the server cannot write it.
        """
        if self._binary is None:
            self._binary = self._ask(b"X%x,0:" % address) == b"OK"
        most = (self._packet_bytes - PACKET_HEAD) // 2
        for at in range(0, len(data), most):
            part = data[at : at + most]
            place = b"%x,%x:" % (address + at, len(part))
            reply = self._ask(b"X" + place + escaped(part) if self._binary else b"M" + place + part.hex().encode())
            if reply != b"OK":
                raise self._error(f"cannot write the memory at {address + at:#x}", reply)

    def load(self, segments: Sequence[Segment]) -> None:
        """Makes the memory hold a program. Flash that does so already is not written again.

        Raises:
            TinySegError: there is no memory for it, or it does not keep what is written.
        """
        changed = [segment for segment in segments if not self._holds(segment)]
        in_flash = [segment for segment in segments if self._region_of(segment) is not None]
        if any(segment in changed for segment in in_flash):
            self._program(in_flash)
        for segment in changed:
            if segment not in in_flash:
                self.write(segment.address, segment.data)
        for segment in changed:
            if not self._holds(segment):
                raise TinySegError(
                    f"the memory at {segment.address:#x} does not hold what was written to it: is it flash that the "
                    "GDB server cannot program, or was the program built for another board?"
                )

    def _holds(self, segment: Segment) -> bool:
        return self.read(segment.address, len(segment.data)) == segment.data

    def _region_of(self, segment: Segment) -> FlashRegion | None:
        inside = (r for r in self.flash if r.start <= segment.address < r.start + r.bytes)
        return next(inside, None)

    def _program(self, segments: Sequence[Segment]) -> None:
        """Erases all blocks that segments touch, then writes: two segments may share a block."""
        blocks: dict[int, int] = {}
        for segment in segments:
            region = self._region_of(segment)
            assert region is not None
            end = segment.address + len(segment.data)
            if end > region.start + region.bytes:
                raise TinySegError(
                    f"the program does not fit the board's flash, which ends at {region.start + region.bytes:#x}"
                )
            first = (segment.address - region.start) // region.block_bytes
            last = (end - 1 - region.start) // region.block_bytes
            for block in range(first, last + 1):
                blocks[region.start + block * region.block_bytes] = region.block_bytes
        for start, length in sorted(blocks.items()):
            self._flash_packet(b"vFlashErase:%x,%x" % (start, length), f"erase the flash at {start:#x}")
        most = (self._packet_bytes - PACKET_HEAD) // 2  # each byte may need an escape
        for segment in segments:
            for at in range(0, len(segment.data), most):
                address, part = segment.address + at, segment.data[at : at + most]
                self._flash_packet(b"vFlashWrite:%x:" % address + escaped(part), f"write the flash at {address:#x}")
        self._flash_packet(b"vFlashDone", "end the writing of flash")

    def _flash_packet(self, packet: bytes, what: str) -> None:
        reply = self._ask(packet, FLASH_SECONDS)
        if reply != b"OK":
            raise self._error(f"cannot {what}", reply)

    # ---- registers and breakpoints

    def registers(self) -> list[int]:
        """r0 to r15."""
        reply = self._ask(b"g")
        data = _bytes_of(reply.replace(b"x", b"0"))[: 4 * GENERAL_REGISTERS]
        if len(data) < 4 * GENERAL_REGISTERS:
            raise self._error("cannot read the registers", reply)
        return [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4)]

    def set_register(self, number: int, value: int) -> None:
        """Changes a register.

        Raises:
            TinySegError: the server cannot.
        """
        reply = self._ask(b"P%x=%s" % (number, value.to_bytes(4, "little").hex().encode()))
        if reply != b"OK":
            raise self._error(f"cannot write register {number}", reply)

    def break_at(self, address: int) -> bool:
        """Sets a breakpoint at a two-byte instruction, in hardware where that is possible; whether there is one now."""
        return any(self._ask(b"%s,%x,2" % (kind, address)) == b"OK" for kind in (b"Z1", b"Z0"))

    # ---- running

    def monitor(self, command: str) -> None:
        """A command of the server's own.

        Raises:
            TinySegError: the server refuses it.
        """
        self._packets.send(b"qRcmd," + command.encode().hex().encode())
        said = ""
        deadline = time.monotonic() + MONITOR_SECONDS
        while True:
            reply = self._packets.receive(deadline - time.monotonic())
            if reply == b"OK":
                return
            text = _bytes_of(reply.removeprefix(b"O")).decode("ascii", "replace")
            if not reply.startswith(b"O"):
                if text:
                    return  # its output, without an OK
                raise self._error(f"does not know the command {command!r}: {said.strip()}", reply)
            said = (said + text)[-MOST_SAID:]

    def resume(self, seconds: float) -> None:
        """Runs until something stops the processor.

        Raises:
            NoAnswerError: nothing did within that time; it still runs.
            ConnectionLostError: the server is gone.
        """
        self._packets.send(self._continue)
        self._wait_for_stop(seconds)

    def halt(self) -> bool:
        """Stops the running processor; whether it did stop."""
        with contextlib.suppress(TinySegError):
            self._packets.interrupt()
            self._wait_for_stop(STOP_SECONDS)
            return True
        return False

    def _wait_for_stop(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while True:  # what a server says of its own is no answer
            reply = self._packets.receive(deadline - time.monotonic())
            if reply[:1] in (b"S", b"T"):
                return
            if reply[:1] in (b"W", b"X"):
                raise TinySegError("the GDB server says that the processor is gone: was it switched off?")
            if reply[:1] == b"E" or not reply:
                raise self._error("cannot run the processor", reply)

    # ---- descriptions

    def status_register(self, architecture: str) -> int:
        """Number of the register ``xpsr``, by the server's description.

        Raises:
            TinySegError: the server describes another architecture.
        """
        text = self._transfer(b"features:read:target.xml") if "qXfer:features:read+" in self._features else b""
        named = re.search(rb"<architecture>\s*([\w.:-]{1,64})\s*</architecture>", text)
        if named is not None and named[1].decode().partition(":")[0][: len(architecture)] != architecture:
            raise TinySegError(f"the GDB server's processor is of architecture {named[1].decode()}, not {architecture}")
        included = re.findall(rb'href="([\w./-]{1,200})"', text)[:16]
        number = 0
        for part in (text, *(self._transfer(b"features:read:" + name) for name in included)):
            for register in re.findall(rb"<reg\b[^>]{1,400}>", part):
                given = re.search(rb'regnum="([0-9]{1,4})"', register)
                number = int(given[1]) if given else number
                if re.search(rb'name="xpsr"', register, re.IGNORECASE):
                    return number
                number += 1
        return USUAL_STATUS

    def _flash_regions(self) -> tuple[FlashRegion, ...]:
        if "qXfer:memory-map:read+" not in self._features:
            return ()
        text = self._transfer(b"memory-map:read:")
        regions = []
        with contextlib.suppress(ElementTree.ParseError, ValueError, LookupError):  # also of an unknown encoding
            for entry in ElementTree.fromstring(re.sub(rb"<![^>]*>", b"", text)).iter("memory"):
                if entry.get("type") == "flash":
                    block = next((p.text or "" for p in entry.iter("property") if p.get("name") == "blocksize"), "1")
                    start, length = (int(entry.get(key, ""), 0) for key in ("start", "length"))
                    regions.append(FlashRegion(start, length, max(int(block.strip(), 0), 1)))
        return tuple(regions)

    def _transfer(self, name: bytes) -> bytes:
        """A text of the server's; empty where it gives none."""
        text = b""
        while len(text) < LONGEST_MAP:
            reply = self._ask(b"qXfer:%s:%x,%x" % (name, len(text), self._packet_bytes - PACKET_HEAD))
            if reply[:1] not in (b"m", b"l"):
                break
            text += reply[1:]
            if reply[:1] == b"l" or len(reply) == 1:
                break
        return text

    def _ask(self, packet: bytes, seconds: float = ANSWER_SECONDS) -> bytes:
        self._packets.send(packet)
        return self._packets.receive(seconds)

    def _error(self, what: str, reply: bytes) -> TinySegError:
        said = reply.decode("ascii", "replace")[:80]
        return TinySegError(f"the GDB server {what}" + (f" ({said})" if said else " (it does not know the packet)"))


def _bytes_of(reply: bytes) -> bytes:
    """What hexadecimal digits say; nothing where the reply is an error or something else."""
    try:
        return b"" if len(reply) % 2 else bytes.fromhex(reply.decode("ascii"))
    except ValueError:
        return b""
