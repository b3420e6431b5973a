"""Front ends: ``from_onnx(model)`` and ``from_tflite(model)`` give ``(mod, params)``; ``from_file`` takes either.

``bind_states(mod, {output: input})`` makes states across inferences of pairs of ports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tvm

from tinyseg_tvm.errors import UsageError
from tinyseg_tvm.frontend import from_onnx, from_tflite, is_tflite
from tinyseg_tvm.relay_passes.ports import read_ports
from tinyseg_tvm.relay_passes.states import bind_states

__all__ = ["bind_states", "from_file", "from_onnx", "from_tflite", "port_names"]


def from_file(
    model: Path, shapes: Mapping[str, Sequence[int] | int] | None = None, batch: int = 1
) -> tuple[tvm.IRModule, dict[str, Any]]:
    """Import a file of either format, whatever it is called.

    Args:
        model: the file.
        shapes: as of ``from_onnx``; files of TensorFlow Lite say their shapes themselves.
        batch: as of ``from_onnx``; likewise.

    Raises:
        TinySegError: as of the front end for the format.
        UsageError: shapes are given for a file of TensorFlow Lite.
    """
    if not is_tflite(model):
        return from_onnx(model, shapes=shapes, batch=batch)
    if shapes or batch != 1:
        raise UsageError(
            f"{model} is a TensorFlow Lite file, whose shapes are fixed: --shape and --batch do not apply to it"
        )
    return from_tflite(model)


def port_names(mod: tvm.IRModule) -> tuple[list[str], list[str]]:
    """Names of the model's inputs and outputs."""
    ports = read_ports(mod)
    return [port.name for port in ports.inputs], [port.name for port in ports.outputs]
