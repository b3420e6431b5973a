"""The hand-written network of fake_net/, as the files that a code generator would hand over."""

from __future__ import annotations

from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "fake_net"
NOWHERE = 0xE0000004 - 0x30000000
Vector = list[np.ndarray]


def fake_files(line_io: bool = False, arena: int = 128, work: int = 100, nowhere: int = NOWHERE) -> dict[str, bytes]:
    """The library's files: line or resident I/O, size of the arena, amount of the optional work."""
    files = {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in sorted(FOLDER.rglob("*.[ch]"))}
    header = files["include/fake.h"].decode()
    header = header.replace("FAKE_ARENA_SIZE 128u", f"FAKE_ARENA_SIZE {arena}u")
    header = header.replace("FAKE_IO_LINES 0", f"FAKE_IO_LINES {int(line_io)}")
    extra = f"#define FAKE_WORK {work}u\n#define FAKE_NOWHERE {nowhere:#x}u\n"
    files["include/fake.h"] = header.replace("#include <stddef.h>", extra + "#include <stddef.h>").encode()
    for index, (vector, expected) in enumerate((v, fake_outputs(v)) for v in fake_vectors(2)):
        for port, array in enumerate(vector):
            files[f"tests/input{index}_{port}.bin"] = array.tobytes()
        for port, array in enumerate(expected):
            files[f"tests/output{index}_{port}.bin"] = array.tobytes()
    return files


def fake_vectors(count: int, first_byte: int | None = None) -> list[Vector]:
    """Random inputs; the first byte may ask for misbehaviour (fake.c)."""
    random = np.random.default_rng(0)
    vectors = []
    for _ in range(count):
        first = random.integers(0, 100, (6, 8), np.uint8)
        if first_byte is not None:
            first[0, 0] = first_byte
        vectors.append([first, random.integers(0, 256, (2, 4), np.uint8)])
    return vectors


def fake_outputs(vector: Vector) -> Vector:
    """What the network computes."""
    first, second = vector
    return [first + np.arange(1, 9, dtype=np.uint8), (second[:1] ^ second[1:])]
