"""Layers that remember: UNIDIRECTIONAL_SEQUENCE_LSTM with its states in variable tensors."""

from __future__ import annotations

import numpy as np

from tests.tflite_networks.growing import Impossible, Network, Value

MOST_UNITS = 6


def lstm(n: Network, x: Value) -> Value:
    """Of either order of time and batch, cells in steps of a power of two, sometimes limited, sometimes unbiased."""
    time_major = n.maybe(0.5)
    batch = x.shape[1 if time_major else 0]
    inputs, units = x.shape[2], n.between(1, MOST_UNITS)
    if inputs > 64:
        raise Impossible("the layer is too large")
    wide = n.dtype == "int16"
    scale = float(np.float32((2.0**-15 if wide else 2.0**-7) * n.draw.uniform(0.8, 1.2)))
    zero_point = 0 if wide else n.between(-20, 20)

    def weights(count: int) -> list[int]:
        return [
            n.file.tensor(
                (units, count), "int8", float(n.draw.uniform(0.2, 2.0)) / 128, 0, n.codes((units, count), "int8")
            )
            for _ in range(4)
        ]

    own, recurrent = weights(inputs), weights(units)
    kind = "int64" if wide else "int32"
    spread = 1 / x.scale / 0.008
    biases = [
        -1
        if n.maybe(0.1)
        else n.file.tensor((units,), kind, 0.001, 0, np.rint(n.draw.normal(0, spread, units)).astype(kind))
        for _ in range(4)
    ]
    state = n.file.tensor((batch, units), n.dtype, scale, zero_point, variable=True)
    cells = n.file.tensor((batch, units), "int16", 2.0 ** n.between(-15, -8), 0, variable=True)
    operands: list[int | Value] = [x, *own, *recurrent, -1, -1, -1, *biases, -1, -1, state, cells, -1, -1, -1, -1]
    options = {
        "time_major": int(time_major),
        "cell_clip": n.one_of(0.0, 0.7, 10.0),
        "fused_activation_function": "TANH",
    }
    return n.add("UNIDIRECTIONAL_SEQUENCE_LSTM", operands, (*x.shape[:2], units), scale, zero_point, **options)
