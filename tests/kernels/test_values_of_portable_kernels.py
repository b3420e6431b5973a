"""The type of activations of the portable kernels is stated once, in tinyseg_requantize.h."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.codegen.harness import NetworkBuilder
from tinyseg_tvm.codegen import Core
from tinyseg_tvm.codegen.operators import FunctionWriter, NodeView
from tinyseg_tvm.codegen.text.constants import ConstantPool
from tinyseg_tvm.codegen.text.identifiers import Names
from tinyseg_tvm.codegen.text.runtime_files import RUNTIME, runtime_text, struct_fields
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.operators import Dense, TensorType
from tinyseg_tvm.operators.arithmetic import onnx

FLAGS = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-DTINYSEG_REQUANTIZE_INTEGER=0"]
OF_INT16 = {
    "typedef int8_t tinyseg_value;": "typedef int16_t tinyseg_value;",
    "TINYSEG_VALUE_BITS 8": "TINYSEG_VALUE_BITS 16",
    "TINYSEG_VALUE_MIN (-128)": "TINYSEG_VALUE_MIN (-32768)",
    "TINYSEG_VALUE_MAX 127": "TINYSEG_VALUE_MAX 32767",
}
PROGRAM = """
#include "tinyseg_conv2d.h"
#include "tinyseg_pool2d.h"

int main(void)
{
    static const int16_t line[4] = {-3000, 2000, 7, -9};
    static const int8_t weight[1] = {2};
    static const int32_t bias[1] = {10};
    static const uint16_t channels[1] = {1};
    static const float half[1] = {0.5f};
    const int16_t *lines[1] = {line};
    int16_t out[4];
    tinyseg_conv2d p = {0};
    tinyseg_pool2d pool = {0};
    p.weight = weight;
    p.bias = bias;
    p.multiplier = half;
    p.piece_channels = channels;
    p.input_width = p.output_width = 4;
    p.output_channels = p.kernel_height = p.kernel_width = p.stride = p.dilation = p.groups = p.pieces = 1;
    p.output.minimum = -32768;
    p.output.maximum = 32767;
    tinyseg_conv2d_line(&p, lines, out);
    for (int i = 0; i < 4; ++i) {
        if (out[i] != line[i] + 5) {
            return 1;
        }
    }
    pool.channels = pool.kernel_height = pool.kernel_width = pool.stride = pool.dilation = 1;
    pool.input_width = pool.output_width = 4;
    lines[0] = NULL;
    tinyseg_max_pool2d_line(&pool, lines, out);
    return out[0] == -32768 && out[3] == -32768 ? 0 : 2;
}
"""


@pytest.fixture(scope="module")
def runtime_of_int16(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runtime's files, with another type of values in one of them."""
    folder = tmp_path_factory.mktemp("runtime")
    for path in RUNTIME.glob("*/*.[ch]"):
        (folder / path.name).write_text(runtime_text(path.name))
    text = runtime_text("tinyseg_requantize.h")
    for old, new in OF_INT16.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    (folder / "tinyseg_requantize.h").write_text(text)
    return folder


def test_portable_kernels_mix_no_int8_with_values(runtime_of_int16: Path) -> None:
    kernels = sorted(path.name for path in (RUNTIME / "portable").glob("*.c"))
    of_tflite = [name for name in kernels if name.endswith("_tflite.c")]
    assert of_tflite
    others = [name for name in kernels if name not in of_tflite]
    for names, rule in ((others, []), (of_tflite, ["-DTINYSEG_RULE_TFLITE"])):
        subprocess.run(["gcc", *FLAGS, *rule, "-fsyntax-only", *names], cwd=runtime_of_int16, check=True)


def test_portable_kernels_compute_values_of_another_type(runtime_of_int16: Path) -> None:
    (runtime_of_int16 / "main.c").write_text(PROGRAM)
    sources = ["main.c", "tinyseg_conv2d.c", "tinyseg_pool2d.c"]
    subprocess.run(["gcc", *FLAGS, *sources, "-o", "program"], cwd=runtime_of_int16, check=True)
    subprocess.run(["./program"], cwd=runtime_of_int16, check=True)


def test_no_signature_of_a_kernel_for_values_says_int8() -> None:
    named = re.compile(r"^(?:void|TINYSEG_IN\w+ \w+|static \w+) \w+\([^)]*\bint8_t\b", re.MULTILINE)
    of_int8 = {path.name for path in (RUNTIME / "portable").glob("*.[ch]") if named.search(path.read_text())}
    indices = {"tinyseg_argmax.h", "tinyseg_unpool2d.h"}
    softmax = {f"tinyseg_softmax{name}" for name in (".c", ".h", "_tflite.h", "_tflite_body.h")}
    vectors = {f"tinyseg_{name}_tflite.{kind}" for name in ("l2_normalize", "log_softmax") for kind in "ch"}
    wide = {f"tinyseg_wide_{name}" for name in ("channels.c", "channels.h", "channels_body.h", "terms.c", "terms.h")}
    assert of_int8 == {*indices, *softmax, *vectors, *wide, "tinyseg_reduction.c", "tinyseg_reduction.h"}


def test_a_parameter_that_is_no_value_of_the_result_is_refused() -> None:
    builder = NetworkBuilder("one")
    x = builder.input("x", TensorType((1, 1), "int8"))
    constants: dict[str, np.ndarray] = {
        "weight": np.ones((1, 1), np.int8),
        "bias": np.zeros(1, np.int32),
        "multiplier": np.ones(1, np.float32),
    }
    builder.output(builder.node("node", Dense(False, onnx.WeightedSum(0, 0, -128, 127)), [x], **constants))
    network = builder.build()
    view = NodeView.of(network.nodes[0], network, Core())
    out = FunctionWriter(view, "node", ("line",), ("out",), None, None, ConstantPool(Names()))
    least: dict[str, int] = dict.fromkeys(struct_fields("tinyseg_linear"), 0)
    assert ".minimum = -128" in out.struct_value(view, "tinyseg_linear", {**least, "minimum": -128})
    with pytest.raises(TinySegError, match=r"minimum -129 exceeds the kernel's range \(int8_t\)"):
        out.struct_value(view, "tinyseg_linear", {**least, "minimum": -129})
