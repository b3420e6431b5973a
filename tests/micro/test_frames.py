"""Requests over a serial line: what is damaged is not answered, what is repeated is done once."""

from __future__ import annotations

import random
import struct
import zlib
from pathlib import Path

import pytest

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.micro.transports.frames import FrameFiles, take_request

ID = b"\x01\xa5\x5a\xff"


def frame(operation: bytes, payload: bytes) -> bytes:
    body = operation + struct.pack("<H", len(payload)) + payload
    return b"\xa5" + body + struct.pack("<I", zlib.crc32(body))


def words(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}I", *numbers)


class Asking:
    """A program's side, on a line without damage."""

    def __init__(self, folder: Path) -> None:
        self.files = FrameFiles(folder, ID)

    def __call__(self, operation: bytes, payload: bytes) -> tuple[int, bytes]:
        request = take_request(bytearray(frame(operation, payload)))
        assert request is not None
        answer = self.files.answer(request)
        assert answer[:1] == b"\x5a"
        assert struct.unpack("<I", answer[1:5])[0] == request.crc
        assert struct.unpack("<I", answer[-4:])[0] == zlib.crc32(answer[1:-4])
        return struct.unpack("<i", answer[5:9])[0], answer[9:-4]


def test_files_are_written_and_read(tmp_path: Path) -> None:
    (tmp_path / "input0_0.bin").write_bytes(bytes(range(100)))
    ask = Asking(tmp_path)
    report, _ = ask(b"O", b"\x01" + ID + b"report.txt")
    source, _ = ask(b"O", b"\x00" + ID + b"input0_0.bin")
    assert report != source
    assert ask(b"R", words(source, 10, 5)) == (5, bytes(range(10, 15)))
    assert ask(b"R", words(source, 98, 5)) == (-1, b"")
    for _ in range(3):  # the answer was lost twice
        assert ask(b"W", words(report, 0) + b"a=1\n") == (0, b"")
        assert ask(b"P", b"hello") == (0, b"")
        assert ask(b"P", b"hello") == (0, b"")
    assert ask(b"L", words(report)) == (4, b"")
    assert ask(b"W", words(source, 0) + b"x") == (-1, b"")  # opened for reading
    assert ask(b"C", words(report)) == (0, b"")
    assert ask(b"W", words(report, 0) + b"y") == (-1, b"")
    assert ask(b"X", words(7)) == (0, b"")
    assert ask.files.status == 7
    assert ask.files.console == "hello" * 3
    assert (tmp_path / "report.txt").read_bytes() == b"a=1\n"


@pytest.mark.parametrize("name", [b"../secret", b"/etc/passwd", b"a/b", b".", b"missing.bin", b"link.bin", b"\xff"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: bytes) -> None:
    (tmp_path / "secret").write_text("x")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "secret")
    ask = Asking(folder)
    ask(b"O", b"\x01" + ID + b"report.txt")
    assert ask(b"O", b"\x00" + ID + name) == (-1, b"")
    assert ask(b"O", b"\x09" + ID + b"other.bin") == (-1, b"")


def test_requests_of_an_earlier_run_are_not_answered(tmp_path: Path) -> None:
    files = FrameFiles(tmp_path, ID)
    for request in (frame(b"R", words(1, 0, 4)), frame(b"O", b"\x01" + ID + b"output0_0.bin")):
        taken = take_request(bytearray(request))
        assert taken is not None
        assert files.answer(taken) == b""
    assert not list(tmp_path.iterdir())


def test_another_program_is_an_error(tmp_path: Path) -> None:
    taken = take_request(bytearray(frame(b"O", b"\x01" + b"abcd" + b"report.txt")))
    assert taken is not None
    with pytest.raises(TinySegError, match="another program runs on the board: write this one to it"):
        FrameFiles(tmp_path, ID).answer(taken)


def test_every_damaged_byte_is_noticed_and_the_next_request_found() -> None:
    generator = random.Random(0)
    good = frame(b"W", words(1, 0) + b"\xa5" * 30)
    for at in range(len(good)):
        damaged = bytearray(good)
        damaged[at] ^= 1 << generator.randrange(8)
        received = bytearray(generator.randbytes(3)) + damaged + bytes(2000) + good
        found = take_request(received)
        assert found is not None
        assert found.payload == good[4:-4]
        assert received == b""
    for length in range(len(good)):
        assert take_request(bytearray(good[:length])) is None
