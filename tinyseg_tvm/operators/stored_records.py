"""How lines of a spilled tensor lie in storage: records of a fixed pitch, and the sizes that follow from it.

A *record* holds ``group`` consecutive lines behind a header (CRC-32, length, number). Record ``g`` of a tensor begins
at ``g * record_bytes`` of its slot. The pitch is the raw size rounded up to the storage's blocks, so that the worst
case is known when the network is compiled; a codec only makes the transferred part shorter.

In RAM a record is staged in a ring whose places have a word more, the transfer's ticket (runtime/tinyseg_spill.h).
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyseg_tvm.operators.tensor_type import TensorType

RECORD_HEADER = 8  # of tinyseg_record
PLACE_HEADER = 4  # the ticket
NO_CODEC = "none"
CODECS = (NO_CODEC, "delta", "mask")
_MOST_LINES = (1 << 16) - 1  # a record's number has 16 bits
_LARGEST_RECORD = 1 << 16  # the header's length has 16 bits
_MOST_UNITS = 255  # of a record: their number is kept in a byte
_NUMBERS = 8  # of tinyseg_numbers


def numbers_bytes(block: int) -> int:
    """Bytes at a storage's beginning that keep the numbers of inferences: two blocks, written in turn."""
    return 2 * max(block, _NUMBERS)


@dataclass(frozen=True)
class Records:
    """The records of one spilled tensor.

    Attributes:
        lines: lines of the tensor.
        line_bytes: bytes of a line.
        group: lines per record.
        coded: a codec is used: every line has one byte more, which says whether it is coded or raw.
        block: bytes of the storage's blocks; transfers are multiples of it.
    """

    lines: int
    line_bytes: int
    group: int
    coded: bool
    block: int

    def __post_init__(self) -> None:
        if self.group < 1 or self.block < 1:
            raise ValueError(f"group {self.group} and block {self.block} must be 1 or more")
        if self.block & (self.block - 1):
            raise ValueError(f"the block of {self.block} bytes is no power of two")
        if self.lines > _MOST_LINES:
            raise ValueError(f"a stored tensor has {self.lines} lines, at most {_MOST_LINES} have numbers of their own")
        if self.payload_bytes >= _LARGEST_RECORD:
            raise ValueError(
                f"{self.group} lines of {self.line_bytes} bytes exceed a record of {_LARGEST_RECORD} bytes"
            )

    @property
    def count(self) -> int:
        """Number of records."""
        return -(-self.lines // self.group)

    @property
    def payload_bytes(self) -> int:
        """Bytes of a full record behind its header, at worst."""
        return self.group * (self.line_bytes + int(self.coded))

    @property
    def record_bytes(self) -> int:
        """Distance from record to record in storage: a multiple of the block and of 4."""
        unit = max(self.block, 4)
        return -(-(RECORD_HEADER + self.payload_bytes) // unit) * unit

    @property
    def place_bytes(self) -> int:
        """Bytes of a staged record in RAM."""
        return PLACE_HEADER + self.record_bytes

    @property
    def unit_bytes(self) -> int:
        """A record's length is kept in a byte, in these units: a power of two, at least the block and a word."""
        unit = max(self.block, 4)
        while unit * _MOST_UNITS < self.record_bytes:
            unit *= 2
        return unit

    @property
    def storage_bytes(self) -> int:
        """Bytes of all records in storage; a record's last unit may reach beyond its pitch."""
        return self.count * self.record_bytes

    def last_line(self, record: int) -> int:
        """The last line of a record."""
        return min((record + 1) * self.group, self.lines) - 1


def have_records(tensor: TensorType) -> bool:
    """Whether records have numbers and lengths enough for a tensor's lines."""
    return tensor.lines <= _MOST_LINES and tensor.line_bytes + 1 < _LARGEST_RECORD


def check_codec(codec: str) -> None:
    """Raises ValueError for a codec that does not exist."""
    if codec not in CODECS:
        raise ValueError(f"codec {codec!r} is none of {', '.join(CODECS)}")


def part_of_lines(tensor: TensorType, first: int, lines: int) -> TensorType:
    """The type of ``lines`` lines of a tensor from line ``first`` on; 0 lines: all that follow.

    Raises:
        ValueError: the tensor has not so many lines.
    """
    count = lines or tensor.lines - first
    if first < 0 or count < 1 or first + count > tensor.lines:
        raise ValueError(f"lines {first} to {first + count - 1} are not all in a tensor of {tensor.lines}")
    axis = tensor.line_axis
    if axis is None:
        return tensor
    return TensorType((*tensor.shape[:axis], count, *tensor.shape[axis + 1 :]), tensor.dtype)
