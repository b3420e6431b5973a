"""Reads an ONNX file without trusting it.

Every size a file claims is checked against the bytes that are there before anything of that size is allocated, and
external data is read only from regular files inside the model's own folder.
"""

from __future__ import annotations

import hashlib
import math
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tinyseg_tvm.errors import TinySegError

# Protocol buffers end here; no network for a microcontroller comes near.
MAX_FILE_BYTES = (1 << 31) - 1
# A single tensor. Addresses on the device have 32 bits and flash is smaller still.
MAX_TENSOR_BYTES = 1 << 30
MAX_RANK = 16  # numpy's own limit is 32 in places

_BITS = {
    TensorProto.FLOAT: 32,
    TensorProto.UINT8: 8,
    TensorProto.INT8: 8,
    TensorProto.UINT16: 16,
    TensorProto.INT16: 16,
    TensorProto.INT32: 32,
    TensorProto.INT64: 64,
    TensorProto.BOOL: 8,
    TensorProto.FLOAT16: 16,
    TensorProto.DOUBLE: 64,
    TensorProto.UINT32: 32,
    TensorProto.UINT64: 64,
    TensorProto.BFLOAT16: 16,
    TensorProto.UINT4: 4,
    TensorProto.INT4: 4,
}


def dtype_name(elem_type: int) -> str:
    """ONNX's name of an element type, also for numbers it does not know."""
    try:
        return str(TensorProto.DataType.Name(elem_type)).lower()
    except ValueError:
        return f"element type {elem_type}"


def four_bit_type(tensor: onnx.TensorProto) -> str | None:
    """``int4`` or ``uint4`` for a tensor stored in 4 bits, else None."""
    name = dtype_name(tensor.data_type)
    return name if name in ("int4", "uint4") else None


def load_model(model: onnx.ModelProto | str | os.PathLike[str]) -> tuple[onnx.ModelProto, Path | None, str]:
    """The model, its folder (None for a model in memory), and the SHA-256 of its bytes in hex.

    Raises:
        TinySegError: the file cannot be read, is too large, or is not an ONNX model.
    """
    if isinstance(model, onnx.ModelProto):
        try:
            data = model.SerializeToString(deterministic=True)
        except ValueError as error:
            raise TinySegError(f"the model cannot be serialised: {error}. Remedy: models are limited to 2 GB") from None
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        check_text(copy, "the model")
        return copy, None, hashlib.sha256(data).hexdigest()
    if not isinstance(model, str | os.PathLike):
        raise TinySegError(f"a model is an onnx.ModelProto or a path, not {type(model).__name__}")
    path = Path(model)
    data = read_regular_file(path, "model file", MAX_FILE_BYTES)
    if data[4:8] == b"TFL3":
        raise TinySegError(f"{path} is a TensorFlow Lite file, not ONNX. Remedy: read it with from_tflite")
    return parse(data, str(path)), path.parent, hashlib.sha256(data).hexdigest()


def read_regular_file(path: Path, what: str, limit: int) -> bytes:
    """The file's bytes. Refuses directories, devices and pipes, and files above ``limit`` bytes."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise TinySegError(f"{what} {str(path)!r} is not a regular file")
        if status.st_size > limit:
            raise TinySegError(f"{what} {str(path)!r} has {status.st_size} bytes, more than the limit of {limit}")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise TinySegError(f"{what} {str(path)!r} cannot be read: {error}") from None


def parse(data: bytes, source: str) -> onnx.ModelProto:
    """Decode a model and check that it is one."""
    remedy = "Remedy: the file may be truncated or damaged; export or copy it again"
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception as error:  # google.protobuf has no typed exceptions
        raise TinySegError(f"{source} is not an ONNX model: {error}. {remedy}") from None
    if not model.HasField("graph") or not model.opset_import:
        raise TinySegError(f"{source} is not an ONNX model: it has no graph or no operator set. {remedy}")
    check_text(model, source)
    return model


def check_text(message: Any, source: str) -> None:
    """Refuse names that are not valid UTF-8; protocol buffers hand them out as bytes."""
    for field, value in message.ListFields():
        if field.type == field.TYPE_STRING:
            texts = [value] if isinstance(value, str | bytes) else value
            if any(isinstance(text, bytes) for text in texts):
                raise TinySegError(
                    f"{source}: a {field.name} is not valid UTF-8. Remedy: the file may be damaged; export it again"
                )
        elif field.type == field.TYPE_MESSAGE:
            for part in [value] if hasattr(value, "ListFields") else value:
                check_text(part, source)


def model_digest(digest: str, model: onnx.ModelProto, constants: dict[str, np.ndarray]) -> str:
    """``digest`` of the file, extended by the values of external data where there are any."""
    names = [t.name for t in model.graph.initializer if t.data_location == TensorProto.EXTERNAL]
    if not names:
        return digest
    extended = hashlib.sha256(digest.encode())
    for name in names:
        extended.update(constants[name].tobytes())
    return extended.hexdigest()


def tensor_array(tensor: onnx.TensorProto, folder: Path | None, where: str) -> np.ndarray:
    """The tensor's values; int4 and uint4 come unpacked as int8 and uint8, floats of 16 bits as float32.

    Raises:
        TinySegError: the declared size contradicts the bytes present, or the type is not supported.
    """
    dims = list(tensor.dims)
    if any(dim < 0 for dim in dims):
        raise TinySegError(f"{where}: negative dimension in shape {dims}. Remedy: export the model again")
    if tensor.data_type not in _BITS:
        raise TinySegError(
            f"{where}: element type {dtype_name(tensor.data_type)} is not supported. Remedy: use float32 or int8"
        )
    expected = (math.prod(dims) * _BITS[tensor.data_type] + 7) // 8
    if len(dims) > MAX_RANK:
        raise TinySegError(f"{where} has {len(dims)} dimensions, more than the limit of {MAX_RANK}. Remedy: reshape it")
    if expected > MAX_TENSOR_BYTES:
        raise TinySegError(f"{where}: shape {dims} claims {expected} bytes, more than the limit of {MAX_TENSOR_BYTES}")
    plain = onnx.TensorProto()
    plain.CopyFrom(tensor)
    if tensor.data_location == TensorProto.EXTERNAL:
        plain.raw_data = _external_bytes(tensor, folder, expected, where)
        plain.data_location = TensorProto.DEFAULT
        del plain.external_data[:]
    _check_stored_size(plain, expected, where)
    try:
        array: np.ndarray = numpy_helper.to_array(plain)
    except Exception as error:
        raise TinySegError(f"{where}: the tensor cannot be decoded: {error}") from None
    if tensor.data_type in (TensorProto.INT4, TensorProto.UINT4):
        return array.astype(np.int8 if tensor.data_type == TensorProto.INT4 else np.uint8)
    if tensor.data_type in (TensorProto.BFLOAT16, TensorProto.FLOAT16):
        return array.astype(np.float32)
    return np.ascontiguousarray(array).reshape(dims)


def _check_stored_size(tensor: onnx.TensorProto, expected: int, where: str) -> None:
    elements = math.prod(tensor.dims)
    if tensor.HasField("raw_data"):
        stored, needed, unit = len(tensor.raw_data), expected, "bytes"
    else:
        field = helper.tensor_dtype_to_field(tensor.data_type)
        packed = 2 if _BITS[tensor.data_type] == 4 else 1
        stored, needed, unit = len(getattr(tensor, field)), (elements + packed - 1) // packed, "values"
    if stored != needed:
        raise TinySegError(
            f"{where}: shape {list(tensor.dims)} of {dtype_name(tensor.data_type)} needs {needed} {unit}, but the file "
            f"holds {stored}. Remedy: the file is damaged or incomplete; export it again"
        )


def _external_bytes(tensor: onnx.TensorProto, folder: Path | None, expected: int, where: str) -> bytes:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    if folder is None:
        raise TinySegError(f"{where}: its data is in file {location!r}. Remedy: give the model's path, not the proto")
    refusal = f"{where}: external data {location!r} lies outside the model's folder. Remedy: put it beside the model"
    if not location or "\0" in location or Path(location).is_absolute() or ".." in Path(location).parts:
        raise TinySegError(refusal)
    try:
        root = folder.resolve(strict=True)
        path = (root / location).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise TinySegError(f"{where}: external data {location!r} cannot be read: {error}") from None
    if not path.is_relative_to(root):
        raise TinySegError(refusal)
    offset, length = _entry(entries, "offset", 0, where), _entry(entries, "length", expected, where)
    size = path.stat().st_size
    if length != expected or offset + length > size:
        raise TinySegError(
            f"{where}: needs {expected} bytes, but claims {length} at offset {offset} of {location!r} ({size} bytes)"
        )
    if not path.is_file():
        raise TinySegError(f"{where}: external data {location!r} is not a regular file")
    with path.open("rb") as file:
        file.seek(offset)
        data: bytes = file.read(length)
        return data


def _entry(entries: dict[str, Any], key: str, default: int, where: str) -> int:
    text = entries.get(key, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise TinySegError(f"{where}: external data has {key} {text!r}, which is not a number of bytes")
    return int(text)
