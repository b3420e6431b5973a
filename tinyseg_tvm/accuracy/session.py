"""ONNX Runtime as reference: always without graph optimisation, so that every operator is the one of the file.

With optimisation it leaves operators of quantised networks in float or replaces them: such results are no reference.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyseg_tvm.errors import TinySegError

REMEDY = "pip install 'tinyseg-tvm[quantize]'"
ERRORS_ONLY = 3  # of ONNX Runtime's log


def needed(library: str) -> Any:
    """A library of the extra ``quantize``.

    Raises:
        TinySegError: it is not installed; names the command that does it.
    """
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise TinySegError(f"this needs the library {library} ({error}): {REMEDY}") from None


@dataclass(frozen=True)
class InputPort:
    """An input of a network: its name, NumPy type and shape; None for dimensions that are open."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


class Session:
    """An ONNX network that ONNX Runtime runs on one core, or on as many as are told.

    Attributes:
        inputs: in the order of the file.
        outputs: names, likewise.
    """

    def __init__(self, model: Path | bytes, threads: int = 1) -> None:
        """Loads a file, or a serialised model.

        Raises:
            TinySegError: ONNX Runtime is not installed, or refuses the model.
        """
        runtime = needed("onnxruntime")
        options = runtime.SessionOptions()
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = threads
        options.log_severity_level = ERRORS_ONLY
        what = "the quantised model" if isinstance(model, bytes) else str(model)
        if isinstance(model, Path) and not model.is_file():
            raise TinySegError(f"{model}: no such file")
        try:
            source = model if isinstance(model, bytes) else str(model)
            self._session = runtime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise TinySegError(f"{what}: ONNX Runtime does not take it: {_line(error)}") from None
        self.inputs = tuple(_port(port) for port in self._session.get_inputs())
        self.outputs = tuple(port.name for port in self._session.get_outputs())
        self._what = what

    def run(self, feeds: Mapping[str, np.ndarray], outputs: Sequence[str] | None = None) -> list[np.ndarray]:
        """The outputs (all, or those that are named) of one inference.

        Raises:
            TinySegError: arrays that the network does not take.
        """
        try:
            return [np.asarray(value) for value in self._session.run(outputs, dict(feeds))]
        except Exception as error:
            raise TinySegError(f"{self._what}: {_line(error)}") from None


def _port(port: Any) -> InputPort:
    kinds = {"float": "float32", "double": "float64"}
    name = str(port.type).removeprefix("tensor(").removesuffix(")")
    shape = tuple(extent if isinstance(extent, int) else None for extent in port.shape)
    return InputPort(str(port.name), kinds.get(name, name), shape)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:400]
