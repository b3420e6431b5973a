"""Input and output arrays of a project, in the model's own layout, as .npy files."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np

from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.given import LARGEST_STATEMENT, Table, check, check_links, parse_json, read_regular, shown
from tinyseg_tvm.micro.stated import FOLDERS, METADATA
from tinyseg_tvm.network import Network, Port, agreement, reference
from tinyseg_tvm.network.serialization import load_network

NETWORK_FILE = Path("tests", "network.npz")
METADATA_FILE = Path("metadata.json")
LARGEST_NETWORK = 1 << 31  # bytes
LONGEST_HEADER = 10_000  # bytes of a .npy file before its values
LARGEST_ELEMENT = 8  # bytes of a value


def project_network(directory: Path) -> Network:
    """The lowered network that a project carries for its reference executor."""
    check_links(directory, FOLDERS)
    path = directory / NETWORK_FILE
    try:
        return load_network(read_regular(path, LARGEST_NETWORK), str(path))
    except FileNotFoundError:
        raise TinySegError(
            f"{directory}: not a project made by 'tinyseg compile' ({NETWORK_FILE} is missing)"
        ) from None


def project_metadata(directory: Path) -> dict[str, Any]:
    """The project's metadata.json."""
    path = directory / METADATA_FILE
    check_links(directory, FOLDERS)
    try:
        content: dict[str, Any] = parse_json(read_regular(path, LARGEST_STATEMENT), str(path))
    except OSError as error:
        raise TinySegError(f"{path}: {error}; is {directory} a project made by 'tinyseg compile'?") from None
    check(METADATA, content, str(path))
    check(Table({}, ("promised",)), content, str(path))
    return content


def read_inputs(network: Network, paths: list[Path]) -> list[np.ndarray]:
    """One vector of device arrays, one file per input port.

    Raises:
        UsageError: another number of files than inputs, or an array of the wrong shape or type.
    """
    if len(paths) != len(network.inputs):
        raise UsageError(f"--input: the network has {len(network.inputs)} inputs, {len(paths)} files are given")
    arrays = []
    for port, path in zip(network.inputs, paths, strict=True):
        array = _read_array(path, math.prod(port.model_shape))
        try:
            arrays.append(reference.to_device(network, port, array))
        except UsageError as error:
            raise UsageError(f"--input {path}: {error}") from None
    return arrays


def _read_array(path: Path, elements: int) -> np.ndarray:
    """The array of a .npy file of at most so many elements; the header is believed only where the file is as long.

    Raises:
        UsageError: it is none, or another one.
    """
    try:
        data = read_regular(path, LONGEST_HEADER + LARGEST_ELEMENT * elements)
        stream = io.BytesIO(data)
        version = np.lib.format.read_magic(stream)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
        if read is None:
            raise ValueError(f"version {version}, must be 1.0 or 2.0")
        shape, fortran, dtype = read(stream, max_header_size=LONGEST_HEADER)
        if dtype.hasobject or dtype.fields or dtype.subdtype or dtype.kind not in "biuf":
            raise ValueError(f"its values are of type {dtype}, must be numbers")
        if len(data) - stream.tell() != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"shape {shape} of {dtype} does not fit the file's {len(data)} bytes")
        return np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape, order="F" if fortran else "C")
    except TinySegError as error:
        raise UsageError(f"--input: {error}") from None
    except Exception as error:  # NumPy evaluates the header as a Python literal: many kinds of errors
        raise UsageError(f"--input {path}: no readable .npy file ({shown(str(error))})") from None


def model_outputs(network: Network, outputs: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    """Output buffers of a run (bytes per line) as arrays in the model's layout."""
    arrays = []
    for port, data in zip(network.outputs, outputs, strict=True):
        kind = network.tensors[port.tensor].type
        device = np.frombuffer(data.tobytes(), kind.dtype).reshape(kind.shape)
        arrays.append(reference.from_device(network, port, device))
    return arrays


def expected_outputs(network: Network, directory: Path, vectors: int) -> list[list[np.ndarray]]:
    """The reference's outputs that the project carries for its own test vectors, in device layout.

    Raises:
        TinySegError: one is missing or has another size.
    """

    def read(vector: int, number: int, port: Port) -> np.ndarray:
        path, kind = directory / "tests" / f"output{vector}_{number}.bin", network.tensors[port.tensor].type
        try:
            return np.frombuffer(path.read_bytes(), kind.dtype).reshape(kind.shape)
        except (OSError, ValueError) as error:
            raise TinySegError(f"{path}: {error}; compile the model again") from None

    return [[read(vector, *numbered) for numbered in enumerate(network.outputs)] for vector in range(vectors)]


def mismatches(expected: list[np.ndarray], outputs: tuple[np.ndarray, ...]) -> int:
    """Bytes of the outputs that differ from the reference's."""
    return sum(
        int(np.count_nonzero(np.frombuffer(want.tobytes(), np.uint8) != np.frombuffer(got.tobytes(), np.uint8)))
        for want, got in zip(expected, outputs, strict=True)
    )


def disagreements(network: Network, expected: list[np.ndarray], outputs: tuple[np.ndarray, ...]) -> int:
    """Values of the outputs that the contract forbids: other ones, or ones outside the long tail's tolerance."""
    approximate = agreement.approximate_tensors(network)
    count = 0
    for port, want, data in zip(network.outputs, expected, outputs, strict=True):
        got = np.frombuffer(data.tobytes(), want.dtype).reshape(want.shape)
        wrong = agreement.outside_tolerance if port.tensor in approximate else agreement.unequal
        count += int(np.count_nonzero(wrong(want, got)))
    return count
