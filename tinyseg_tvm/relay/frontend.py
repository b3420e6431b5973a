"""Front ends: ``from_onnx(model) -> (mod, params)``."""

from tinyseg_tvm.frontend import from_onnx

__all__ = ["from_onnx"]
