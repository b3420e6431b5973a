"""ONNX to ONNX rewrites, one subject per module. The order is in normalization.py."""
