"""Elementary functions of float32: near the true values, and the same bits in C as in NumPy."""

from __future__ import annotations

import ctypes
import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinyseg_tvm.codegen.text.runtime_files import include_options, runtime_text
from tinyseg_tvm.operators.arithmetic import elementary_functions as elementary
from tinyseg_tvm.operators.arithmetic import expressions
from tinyseg_tvm.operators.arithmetic.float32_functions import exponential

TRUE: dict[str, tuple[Callable[..., np.ndarray], Callable[[float], float], tuple[float, float], float]] = {
    "exponential": (exponential, math.exp, (-86, 88.7), 2),
    "logarithm": (elementary.logarithm, math.log, (1e-6, 50), 2),
    "sigmoid": (elementary.sigmoid, lambda x: 1 / (1 + math.exp(-x)), (-80, 30), 3),
    "tanh": (elementary.tanh, math.tanh, (-10, 10), 3),
    "erf": (elementary.erf, math.erf, (-5, 5), 4),
    "sine": (elementary.sine, math.sin, (-9000, 9000), 3),
    "cosine": (elementary.cosine, math.cos, (-9000, 9000), 3),
    "arctangent": (elementary.arctangent, math.atan, (-20, 20), 4),
    "square_root": (elementary.square_root, math.sqrt, (0, 1e6), 0.5),
    "floor": (elementary.floor, math.floor, (-1e4, 1e4), 0),
    "ceiling": (elementary.ceiling, math.ceil, (-1e4, 1e4), 0),
    "truncated": (elementary.truncated, math.trunc, (-1e4, 1e4), 0),
    "rounded": (elementary.rounded, round, (-1e4, 1e4), 0),
}
"""Functions, what they approximate, where, and within how many units in the last place."""


@pytest.mark.parametrize("name", expressions.FUNCTIONS)
def test_functions_of_numbers_are_numbers(name):
    operands, function = expressions.FUNCTIONS[name]
    assert np.shape(function(*[np.asarray(np.float32(0.5))] * operands)) == ()


@pytest.mark.parametrize("name", TRUE)
def test_functions_lie_near_the_true_values(name):
    function, true, (low, high), places = TRUE[name]
    x = np.random.default_rng(0).uniform(low, high, 20000).astype(np.float32)
    x = np.concatenate([x, x[:2000] / 1000, np.rint(x[:500]) + np.float32(0.5)])
    x = x[(x >= low) & (x <= high)]
    wanted = np.array([true(float(each)) for each in x])
    unit = np.spacing(np.maximum(np.abs(wanted), 1e-3).astype(np.float32))
    assert (np.abs(function(x) - wanted) <= places * unit).all()


def test_powers():
    x = np.array([2, -2, -2, 0, 0, 3, -8, 1, 10], np.float32)
    y = np.array([10, 3, 2, 2, -1, 0, 0.5, 1e30, -3], np.float32)
    wanted = [1024, -8, 4, 0, np.inf, 1, np.nan, 1, 1e-3]
    np.testing.assert_allclose(elementary.power(x, y), wanted, rtol=1e-6)


@pytest.fixture(scope="module")
def in_c(tmp_path_factory) -> Callable[..., np.ndarray]:
    """Calls a function of the runtime on arrays."""
    directory: Path = tmp_path_factory.mktemp("functions")
    source = runtime_text("tinyseg_fma_f32.c") + runtime_text("tinyseg_functions_f32.c")
    for name in (*TRUE, "power"):
        scalar = f"tinyseg_{name}_f32({'x[i], y[i]' if name == 'power' else 'x[i]'})"
        source += (
            f"\nvoid many_{name}(const float *x, const float *y, float *out, int n)\n"
            f"{{\n    (void)y;\n    for (int i = 0; i < n; ++i) out[i] = {scalar};\n}}\n"
        )
    (directory / "functions.c").write_text(source)
    warnings = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
    command = ["gcc", "-std=c99", "-O2", *warnings, "-shared", "-fPIC", *include_options()]
    subprocess.run([*command, "functions.c", "-o", "functions.so"], cwd=directory, check=True, timeout=60)
    library = ctypes.CDLL(str(directory / "functions.so"))
    pointer = ctypes.POINTER(ctypes.c_float)

    def call(name: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        out = np.zeros_like(x)
        getattr(library, f"many_{name}")(*(array.ctypes.data_as(pointer) for array in (x, y, out)), x.size)
        return out

    return call


@pytest.mark.parametrize("name", [*TRUE, "power"])
def test_c_gives_the_same_bits(name, in_c):
    rng = np.random.default_rng(1)
    count = 40000
    bits = rng.integers(0, 2**32, (2, count), dtype=np.uint32).view(np.float32)
    near, wide = rng.normal(0, 3, (2, count)), rng.uniform(-100, 100, count)
    x = np.concatenate([*(each.astype(np.float32) for each in (near[0], wide)), bits[0]])
    y = np.concatenate([*(each.astype(np.float32) for each in (rng.integers(-4, 5, count), near[1])), bits[1]])
    wanted = elementary.power(x, y) if name == "power" else TRUE[name][0](x)
    got = in_c(name, x, y)
    defined = ~np.isnan(x) & ~np.isnan(y)
    same = (got.view(np.int32) == wanted.view(np.int32)) | (np.isnan(got) & np.isnan(wanted))
    assert (same | ~defined).all()
