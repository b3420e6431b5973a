"""Input and output vectors of a run, as files of its working directory (port/main.c reads and writes them).

A vector is one array per port; in the files it has the device layout: ``input<i>_<k>.bin`` is port k of vector i.
"""

from __future__ import annotations

import dataclasses
import re
import shutil
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.given import read_regular
from tinyseg_tvm.micro.library import Library
from tinyseg_tvm.micro.results import Observation, StorageTraffic

Vector = Sequence[np.ndarray]

REPORT_FILE = "report.txt"
OBSERVATION_HEADER = struct.Struct("<4I")  # node, output, line, bytes


def encode_vectors(library: Library, vectors: Sequence[Vector]) -> list[list[bytes]]:
    """The bytes of input vectors that ``check_vectors`` lets pass.

    Raises:
        UsageError: a wrong number of bytes.
    """
    return [_encode_vector(library, index, vector) for index, vector in enumerate(vectors)]


def check_vectors(library: Library, vectors: Sequence[Vector]) -> None:
    """Raises UsageError where a vector is not one array per input port, or where there is none."""
    if not vectors:
        raise UsageError("at least one input vector is needed")
    for index, arrays in enumerate(vectors):
        _check_vector(library, index, arrays)


def _check_vector(library: Library, index: int, arrays: Vector) -> None:
    example = "inputs are vectors of one array per input port, as in run([[image]])"
    if not isinstance(arrays, list | tuple):
        raise UsageError(f"vector {index} is of type {type(arrays).__name__}: {example}")
    for port, array in enumerate(arrays):
        if not isinstance(array, np.ndarray):
            raise UsageError(f"vector {index}, input {port} is of type {type(array).__name__}: {example}")
    if len(arrays) != len(library.inputs):
        raise UsageError(f"vector {index} has {len(arrays)} arrays, the network has {len(library.inputs)} inputs")


def _encode_vector(library: Library, index: int, arrays: Vector) -> list[bytes]:
    for port, (array, shape) in enumerate(zip(arrays, library.inputs, strict=True)):
        if array.nbytes != shape.bytes:
            raise UsageError(
                f"vector {index}, input {port}: has {array.nbytes} bytes ({array.shape}, {array.dtype}), "
                f"the network reads {shape.bytes} ({shape.lines} lines of {shape.line_bytes})"
            )
    return [np.ascontiguousarray(array).tobytes() for array in arrays]


def read_test_vectors(library: Library, folder: Path) -> list[list[bytes]]:
    """The project's own input vectors; one without arrays where the network has no inputs.

    Raises:
        TinySegError: there are none, or one is incomplete.
    """
    if not library.inputs:
        return [[]]
    vectors: list[list[bytes]] = []
    while (folder / f"input{len(vectors)}_0.bin").is_file():
        paths = [folder / f"input{len(vectors)}_{port}.bin" for port in range(len(library.inputs))]
        try:
            vectors.append([path.read_bytes() for path in paths])
        except OSError as error:
            raise TinySegError(f"test vector {len(vectors)} is incomplete: {error}") from None
    if not vectors:
        raise TinySegError(f"{folder} has no test vectors (input0_0.bin): give inputs")
    return vectors


def prepare_folder(folder: Path, vectors: Sequence[Sequence[bytes]]) -> None:
    """Makes ``folder`` an empty working directory that holds the input vectors."""
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        for index, vector in enumerate(vectors):
            for port, data in enumerate(vector):
                (folder / f"input{index}_{port}.bin").write_bytes(data)
    except OSError as error:
        raise TinySegError(f"cannot write the input vectors: {error}") from None


def read_outputs(library: Library, folder: Path, vectors: int) -> tuple[tuple[np.ndarray, ...], ...]:
    """Outputs of the first ``vectors`` vectors: int8 arrays (lines, line bytes)."""
    return tuple(
        tuple(_read_output(folder, index, port, s.lines, s.line_bytes) for port, s in enumerate(library.outputs))
        for index in range(vectors)
    )


def _read_output(folder: Path, index: int, port: int, lines: int, line_bytes: int) -> np.ndarray:
    path = folder / f"output{index}_{port}.bin"
    try:
        data = read_regular(path, lines * line_bytes)
    except OSError as error:
        raise TinySegError(f"the program left no output {port} of vector {index}: {error}") from None
    if len(data) != lines * line_bytes:
        raise TinySegError(f"output {port} of vector {index} has {len(data)} bytes, {lines * line_bytes} were expected")
    return np.frombuffer(data, np.int8).reshape(lines, line_bytes)


def count_mismatches(folder: Path, outputs: Sequence[Vector]) -> int | None:
    """Bytes that differ from the expected outputs in ``folder``; a missing output counts whole; None: none expected."""
    paths = sorted(folder.glob("output*_*.bin"))
    mismatches = 0
    for path in paths:
        place = re.fullmatch(r"output([0-9]{1,9})_([0-9]{1,9})", path.stem, re.ASCII)
        if place is None:
            raise TinySegError(f"{path} is no expected output: such files are output<vector>_<port>.bin")
        index, port = map(int, place.groups())
        expected = np.frombuffer(path.read_bytes(), np.int8)
        there = index < len(outputs) and port < len(outputs[index])
        actual = outputs[index][port].reshape(-1) if there else None
        if actual is None or actual.size != expected.size:
            mismatches += expected.size
        else:
            mismatches += int(np.count_nonzero(actual != expected))
    return mismatches if paths else None


def read_observations(folder: Path, vectors: int) -> Iterator[Observation]:
    """Lines that a program built with ``observe`` recorded, in the order of their making."""
    for vector in range(vectors):
        path = folder / f"observed{vector}_0.bin"
        data = path.read_bytes() if path.is_file() else b""
        position = 0
        while position < len(data):
            if len(data) - position < OBSERVATION_HEADER.size:
                raise TinySegError(f"{path} ends within a record")
            node, output, line, size = OBSERVATION_HEADER.unpack_from(data, position)
            position += OBSERVATION_HEADER.size
            if len(data) - position < size:
                raise TinySegError(f"{path} ends within a record")
            yield Observation(vector, node, output, line, data[position : position + size])
            position += size


def read_report(folder: Path) -> list[tuple[str, int]]:
    """Keys and values that the harness wrote, in order; a key may come several times.

    Raises:
        TinySegError: there is no report.
    """
    try:
        lines = read_regular(folder / REPORT_FILE).decode("ascii", "replace").splitlines()
    except OSError:
        raise TinySegError("the program ended without a report: it did not start, or stopped early") from None
    pairs = [re.fullmatch(r"([a-z0-9_]+)=(?:0x)?([0-9a-fA-F]{1,16})", line, re.ASCII) for line in lines]
    if None in pairs:
        raise TinySegError(
            f"{folder / REPORT_FILE} holds something else than key=value in line {pairs.index(None) + 1}"
        )
    return [(pair[1], int(pair[2], 16)) for pair in pairs if pair is not None]


def storage_traffic(report: Sequence[tuple[str, int]]) -> StorageTraffic:
    """What the report says of the storages, summed."""
    return StorageTraffic(
        **{
            field.name: sum(value for key, value in report if key == f"storage_{field.name}")
            for field in dataclasses.fields(StorageTraffic)
        }
    )
