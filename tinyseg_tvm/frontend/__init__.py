"""Frontend."""

from tinyseg_tvm.frontend.onnx_model import from_onnx

__all__ = ["from_onnx"]
