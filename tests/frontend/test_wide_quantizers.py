"""Quantisers of 16 bits in operator sets below 21, where they are those of com.microsoft: what ONNX Runtime writes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.frontend.onnx_models import TYPES, check, model, node, port
from tinyseg_tvm.frontend import from_onnx
from tinyseg_tvm.relay_passes import lower


@pytest.mark.parametrize("opset", [13, 17])
@pytest.mark.parametrize("dtype", ["int16", "uint16"])
def test_quantisers_of_16_bits_are_read_in_old_operator_sets(dtype: str, opset: int, monkeypatch) -> None:
    element = np.dtype(dtype)
    monkeypatch.setitem(TYPES, dtype, 5 if dtype == "int16" else 4)
    zero = np.array(0 if dtype == "int16" else 1 << 15, element)
    constants = {"s": np.float32(0.001), "z": zero, "t": np.float32(0.002)}
    nodes = [
        node("DequantizeLinear", "x s z", "f", domain="com.microsoft"),
        node("LeakyRelu", "f", "g", alpha=0.25),
        node("QuantizeLinear", "g t z", "y", domain="com.microsoft"),
    ]
    proto = model(nodes, [port("x", [1, 7], dtype)], [port("y", [1, 7], dtype)], constants, opset, microsoft=True)
    check(proto)
    types = {tensor.type.dtype for tensor in lower(from_onnx(proto)[0]).tensors.values()}
    assert "float32" not in types
