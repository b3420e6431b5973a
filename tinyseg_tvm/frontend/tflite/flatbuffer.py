"""Walks a flatbuffer without trusting it: every offset, length and index is checked before it is followed.

FlatBuffers' own Python library reads where a file tells it to; this reads the same encoding (flatbuffers.dev/internals)
and stops with ``TinySegError`` at whatever leaves the bytes that are there. Positions are bytes from the beginning.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, cast

import numpy as np

from tinyseg_tvm.errors import TinySegError

_UINT16: Final = struct.Struct("<H")
_INT32: Final = struct.Struct("<i")
_UINT32: Final = struct.Struct("<I")
_SCALARS: Final = {code: struct.Struct(f"<{code}") for code in "bBhHiIqQf"}
_TABLE_BYTES = 4  # of the shortest: the offset of its list of fields

_Number = int | float


class Flatbuffer:
    """The bytes of a file, and what the file is called in messages."""

    def __init__(self, data: bytes, source: str) -> None:
        """Keeps ``data``; ``source`` names the file."""
        self.data = data
        self.source = source

    def fail(self, what: str) -> TinySegError:
        """The error for a file that contradicts itself."""
        return TinySegError(
            f"{self.source}: damaged flatbuffer: {what}. Remedy: the file may be truncated; export or copy it again"
        )

    def expect(self, position: int, size: int, what: str) -> None:
        """Raises TinySegError unless ``size`` bytes from ``position`` on are there."""
        if position < 0 or size < 0 or position + size > len(self.data):
            raise self.fail(f"{what} lies at bytes {position} to {position + size}, and there are {len(self.data)}")

    def unpack(self, form: struct.Struct, position: int, what: str) -> _Number:
        """The number at ``position``."""
        self.expect(position, form.size, what)
        return cast(_Number, form.unpack_from(self.data, position)[0])

    def follow(self, position: int, what: str) -> int:
        """Where the offset at ``position`` leads to."""
        target = position + int(self.unpack(_UINT32, position, what))
        self.expect(target, _TABLE_BYTES, what)
        return target

    def root(self, identifiers: tuple[bytes, ...]) -> Table:
        """The file's root table. Raises TinySegError unless the file has one of the identifiers."""
        if self.data[4:8] not in identifiers:
            known = " or ".join(identifier.decode() for identifier in identifiers)
            raise self.fail(f"it has no identifier {known} at byte 4")
        return Table(self, self.follow(0, "the root table"), "the root table")


@dataclass(frozen=True)
class Vector:
    """A vector of elements that are numbers, or offsets of tables or strings.

    Attributes:
        file: what it lies in.
        start: of the first element.
        length: number of elements.
        what: name in messages.
    """

    file: Flatbuffer
    start: int
    length: int
    what: str

    def numbers(self, code: str) -> np.ndarray:
        """All elements as an array; ``code`` is struct's: b B h H i I q Q f."""
        dtype = np.dtype(f"<{code}" if code in "bB" else f"<{_NUMPY[code]}")
        self.file.expect(self.start, self.length * dtype.itemsize, self.what)
        return np.frombuffer(self.file.data, dtype, self.length, self.start)

    def raw(self) -> bytes:
        """All elements, which are bytes."""
        self.file.expect(self.start, self.length, self.what)
        return self.file.data[self.start : self.start + self.length]

    def tables(self) -> list[Table]:
        """All elements, which are tables."""
        self.file.expect(self.start, 4 * self.length, self.what)
        found = []
        for index in range(self.length):
            what = f"{self.what}[{index}]"
            found.append(Table(self.file, self.file.follow(self.start + 4 * index, what), what))
        return found


_NUMPY = {"h": "i2", "H": "u2", "i": "i4", "I": "u4", "q": "i8", "Q": "u8", "f": "f4"}


class Table:
    """A table: fields by number, each of which may be absent."""

    def __init__(self, file: Flatbuffer, position: int, what: str) -> None:
        """The table at ``position``, named ``what`` in messages."""
        self.file, self.position, self.what = file, position, what
        fields = position - int(file.unpack(_INT32, position, what))
        size = int(file.unpack(_UINT16, fields, f"the list of fields of {what}"))
        if size < 4 or size % 2:
            raise file.fail(f"the list of fields of {what} claims {size} bytes")
        file.expect(fields, size, f"the list of fields of {what}")
        self._fields, self._count = fields, (size - 4) // 2

    def _field(self, number: int) -> int | None:
        if number >= self._count:
            return None
        offset = int(self.file.unpack(_UINT16, self._fields + 4 + 2 * number, self.what))
        return self.position + offset if offset else None

    def number(self, field: int, code: str, default: _Number) -> _Number:
        """A scalar field; ``code`` is struct's."""
        position = self._field(field)
        return default if position is None else self.file.unpack(_SCALARS[code], position, self.what)

    def integer(self, field: int, code: str, default: int = 0) -> int:
        """A scalar field of an integer type."""
        return int(self.number(field, code, default))

    def table(self, field: int, what: str) -> Table | None:
        """A field that is a table (or a union's value)."""
        position = self._field(field)
        what = f"{what} of {self.what}"
        return None if position is None else Table(self.file, self.file.follow(position, what), what)

    def vector(self, field: int, what: str) -> Vector | None:
        """A field that is a vector; its elements are checked when they are read."""
        position = self._field(field)
        if position is None:
            return None
        start = self.file.follow(position, f"{what} of {self.what}")
        length = int(self.file.unpack(_UINT32, start, what))
        if length > len(self.file.data):
            raise self.file.fail(f"{what} of {self.what} claims {length} elements")
        return Vector(self.file, start + 4, length, what)

    def numbers(self, field: int, code: str, what: str) -> np.ndarray:
        """A field that is a vector of numbers; empty where it is absent."""
        found = self.vector(field, what)
        return np.zeros(0, _NUMPY.get(code, code)) if found is None else found.numbers(code)

    def tables(self, field: int, what: str) -> list[Table]:
        """A field that is a vector of tables; empty where it is absent."""
        found = self.vector(field, what)
        return [] if found is None else found.tables()

    def text(self, field: int, what: str) -> str:
        """A field that is a string; empty where it is absent. Bytes that are no UTF-8 are replaced."""
        found = self.vector(field, what)
        return "" if found is None else found.raw().decode("utf-8", "replace")
