"""Reductions over the columns of a map alone: a row is what the same reduction makes of it by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.frontend.tflite_files import TfliteFile
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.network import reference
from tinyseg_tvm.relay import Factory, build, frontend

HEIGHT, WIDTH, CHANNELS = 5, 7, 3


def reducing(kind: str, dtype: str, height: int, axes: list[int], keep: bool) -> Factory:
    """A file of one reduction of a map with so many rows."""
    made = TfliteFile()
    zero = {"int8": 4, "uint8": 131}.get(dtype, 0)
    same = kind == "REDUCE_MAX"
    quantised = {"scale": None} if dtype == "float32" else {"scale": 0.1, "zero_point": zero}
    after = {"scale": None} if dtype == "float32" else {"scale": 0.1 if same else 0.23, "zero_point": zero}
    x = made.tensor((1, height, WIDTH, CHANNELS), dtype, **quantised)
    shape = [1, height, WIDTH, CHANNELS]
    left = [1 if axis in axes else extent for axis, extent in enumerate(shape) if keep or axis not in axes]
    y = made.tensor(tuple(left), dtype, **after)
    made.operator(kind, [x, made.constant(np.array(axes, np.int32))], [y], keep_dims=keep)
    module, params = frontend.from_tflite(made.to_bytes([x], [y]), name="net")
    return build(module, "c -tinyseg", params)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize(
    "dtype", ["int8", *(pytest.param(each, marks=pytest.mark.release) for each in ("uint8", "int16", "float32"))]
)
@pytest.mark.parametrize("kind", ["MEAN", "SUM", "REDUCE_MAX"])
def test_each_row_is_reduced_by_itself(kind: str, dtype: str, keep: bool, tmp_path: Path):
    rng = np.random.default_rng(3)
    data = rng.normal(0, 1, (1, HEIGHT, WIDTH, CHANNELS)).astype(np.float32)
    if dtype != "float32":
        limits = np.iinfo(dtype)
        data = rng.integers(limits.min, limits.max, data.shape, endpoint=True).astype(dtype)
    factory = reducing(kind, dtype, HEIGHT, [2], keep)
    alone = reducing(kind, dtype, 1, [1, 2], keep).network
    (got,) = reference.run(factory.network, [data])
    rows = [reference.run(alone, [data[:, row : row + 1]])[0].reshape(CHANNELS) for row in range(HEIGHT)]
    np.testing.assert_array_equal(got.reshape(HEIGHT, CHANNELS), np.stack(rows))
    if keep:
        result = generate_project(factory.board, factory, tmp_path / "p").run([[data]])
        np.testing.assert_array_equal(result.outputs[0][0], got)
