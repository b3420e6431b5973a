"""A TensorFlow Lite model of int8 layers as C that calls Arm's CMSIS-NN, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyseg_tvm.frontend.tflite.model import OperatorCall, Subgraph, Tensor
from tinyseg_tvm.frontend.tflite.reading import read_model

PARTS = ("Convolution", "FullyConnected", "NNSupport", "Pooling", "Softmax", "BasicMath", "Reshape")
LEFT_OUT = ("_f16", "_f32", "_s4", "lstm", "svdf", "_u8", "_s64", "transpose_conv", "batch_matmul")
CORE = Path(__file__).resolve().parent / "cmsis_core" / "cmsis_compiler.h"
RADIUS_BITS = 5  # of softmax's fixed point


@dataclass(frozen=True)
class Emitted:
    """Statements in C and the data that they name."""

    data: str
    statements: str


def multiplier(real: float) -> tuple[int, int]:
    """A factor as CMSIS-NN takes it: 31 bits and a left shift."""
    mantissa, shift = math.frexp(real)
    fixed = round(mantissa * (1 << 31))
    return (fixed // 2, shift + 1) if fixed == 1 << 31 else (fixed, shift)


def _array(kind: str, name: str, values: Sequence[int] | np.ndarray) -> str:
    flat = np.asarray(values).ravel().tolist()
    return f"static const {kind} {name}[{len(flat)}] = {{{','.join(map(str, flat))}}};\n"


def _dims(*shape: int) -> str:
    return f"&(const cmsis_nn_dims){{{', '.join(map(str, shape))}}}"


def _call(function: str, *arguments: object) -> str:
    """A call whose status is looked at."""
    return f"bad |= {function}({', '.join(map(str, arguments))}) != 0;"


def _scope(*statements: str) -> str:
    lines = "".join(f"        {statement}\n" for statement in statements)
    return f"{{\n{lines}    }}"


def _zero(tensor: Tensor) -> int:
    assert tensor.quantization is not None
    return tensor.quantization.zero_point


def _scale(tensor: Tensor) -> float:
    assert tensor.quantization is not None
    return tensor.quantization.scale


def _number(call: OperatorCall, option: str) -> float:
    value = call.options[option]
    assert isinstance(value, (int, float))
    return value


def _windows(call: OperatorCall, x: Tensor, out: Tensor, high: int, wide: int) -> tuple[str, str]:
    """Strides and padding, width first."""
    down, along = int(_number(call, "stride_h")), int(_number(call, "stride_w"))

    def padding(axis: int, window: int, stride: int) -> int:
        missing = (out.shape[axis] - 1) * stride + window - x.shape[axis]
        return max(missing, 0) // 2 if call.options["padding"] == "SAME" else 0

    return f"{{{along}, {down}}}", f"{{{padding(2, wide, along)}, {padding(1, high, down)}}}"


def _clamp(call: OperatorCall, out: Tensor) -> str:
    chosen = call.options.get("fused_activation_function", call.options.get("activation", "NONE"))
    low = max(_zero(out), -128) if chosen in ("RELU", "RELU6") else -128
    high = min(127, _zero(out) + round(6 / _scale(out))) if chosen == "RELU6" else 127
    return f"{low}, {high}"


class Program:
    """A network's calls, its arena and its ports."""

    def __init__(self, path: Path) -> None:
        """Reads a ``.tflite`` file with one input and one output."""
        self.graph: Subgraph = read_model(path.read_bytes(), str(path)).subgraphs[0]
        self.calls = [self._emitted(number, call) for number, call in enumerate(self.graph.operators)]
        self.offsets = self._placed()
        self.arena = max(at + self._bytes(index) for index, at in self.offsets.items())

    def files(self, cmsis: Path, golden: Path) -> dict[str, bytes]:
        """A library as projects are generated from, with the golden vectors as its tests.

        Args:
            cmsis: a checkout of CMSIS-NN.
            golden: ``.npz`` with ``in0_0`` and ``out0_0``.
        """
        vectors = np.load(golden)
        files = {"include/net.h": self._header().encode(), "src/net.c": self._source().encode()}
        for path in sorted(cmsis.glob("Include/**/*.h")):
            files[f"runtime/{path.relative_to(cmsis / 'Include').as_posix()}"] = path.read_bytes()
        for part in PARTS:
            for path in sorted((cmsis / "Source" / f"{part}Functions").glob("*.c")):
                if not any(word in path.name for word in LEFT_OUT):
                    files[f"runtime/{path.name}"] = path.read_bytes()
        files[f"runtime/{CORE.name}"] = CORE.read_bytes()
        files["tests/input0_0.bin"] = vectors["in0_0"].tobytes()
        files["tests/output0_0.bin"] = vectors["out0_0"].tobytes()
        return files

    def _bytes(self, index: int) -> int:
        return -(-math.prod(self.graph.tensors[index].shape) // 8) * 8

    def _placed(self) -> dict[int, int]:
        """Where each computed tensor lies, largest first."""
        last = dict.fromkeys(self.graph.outputs, len(self.graph.operators))
        first = dict.fromkeys(self.graph.inputs, -1)
        for step, call in enumerate(self.graph.operators):
            first.update(dict.fromkeys(call.outputs, step))
            for index in (*call.inputs, *call.outputs):
                last[index] = max(last.get(index, step), step)
        offsets: dict[int, int] = {}
        for index in sorted(first, key=lambda index: -self._bytes(index)):
            together = [other for other in offsets if first[other] <= last[index] and first[index] <= last[other]]
            at = 0
            for other in sorted(together, key=lambda other: offsets[other]):
                if at + self._bytes(index) > offsets[other]:
                    at = max(at, offsets[other] + self._bytes(other))
            offsets[index] = at
        return offsets

    def _emitted(self, number: int, call: OperatorCall) -> Emitted:
        kinds = {
            "CONV_2D": self._convolution,
            "DEPTHWISE_CONV_2D": self._convolution,
            "FULLY_CONNECTED": self._dense,
            "AVERAGE_POOL_2D": self._average,
            "ADD": self._add,
            "RESHAPE": self._copy,
            "SOFTMAX": self._softmax,
        }
        return kinds[call.kind](str(number), call)

    def _operands(self, call: OperatorCall) -> tuple[list[Tensor], Tensor, list[str], str]:
        """Tensors and where they lie: those of the inputs, that of the result."""
        inputs = [self.graph.tensors[index] for index in call.inputs]
        places = [f"(int8_t *)(a + T{index})" for index in (*call.inputs, *call.outputs)]
        return inputs, self.graph.tensors[call.outputs[0]], places[:-1], places[-1]

    def _convolution(self, n: str, call: OperatorCall) -> Emitted:
        (x, w, bias), out, places, place = self._operands(call)
        assert w.data is not None
        assert bias.data is not None
        assert w.quantization is not None
        strides, padding = _windows(call, x, out, *w.shape[1:3])
        scales = np.broadcast_to(w.quantization.scales.astype(np.float64), (out.shape[3],))
        pairs = [multiplier(float(scale) * _scale(x) / _scale(out)) for scale in scales]
        data = _array("int8_t", f"w{n}", w.data) + _array("int32_t", f"b{n}", bias.data)
        data += _array("int32_t", f"m{n}", [m for m, _ in pairs]) + _array("int32_t", f"s{n}", [s for _, s in pairs])
        deep = call.kind == "DEPTHWISE_CONV_2D"
        params, function = ("dw_conv", "arm_depthwise_conv") if deep else ("conv", "arm_convolve")
        offsets = [-_zero(x), _zero(out), *([out.shape[3] // x.shape[3]] if deep else [])]
        fields = [*map(str, offsets), strides, padding, "{1, 1}", f"{{{_clamp(call, out)}}}"]
        shapes = [_dims(*x.shape), _dims(*w.shape), _dims(*out.shape)]
        sized = f"{function}_wrapper_s8_get_buffer_size(&p, {', '.join(shapes)})"
        read = [shapes[0], places[0], shapes[1], f"w{n}", _dims(1, 1, 1, out.shape[3]), f"b{n}"]
        return Emitted(
            data,
            _scope(
                f"const cmsis_nn_{params}_params p = {{{', '.join(fields)}}};",
                f"const cmsis_nn_per_channel_quant_params q = {{(int32_t *)m{n}, (int32_t *)s{n}}};",
                f"const cmsis_nn_context c = {{scratch, {sized}}};",
                "bad |= c.size > (int32_t)sizeof scratch;",
                _call(f"{function}_wrapper_s8", "&c", "&p", "&q", *read, shapes[2], place),
            ),
        )

    def _dense(self, n: str, call: OperatorCall) -> Emitted:
        (x, w, *more), out, places, place = self._operands(call)
        assert w.data is not None
        made, depth = w.shape
        bias = more[0].data if more and call.inputs[2] >= 0 else None
        data = _array("int8_t", f"w{n}", w.data)
        data += _array("int32_t", f"b{n}", np.zeros(made, np.int32) if bias is None else bias)
        m, s = multiplier(_scale(w) * _scale(x) / _scale(out))
        shapes = [_dims(1, 1, 1, depth), _dims(depth, 1, 1, made), _dims(1, 1, 1, made)]
        read = [shapes[0], places[0], shapes[1], f"w{n}", shapes[2], f"b{n}"]
        return Emitted(
            data,
            _scope(
                f"const cmsis_nn_fc_params p = {{{-_zero(x)}, 0, {_zero(out)}, {{{_clamp(call, out)}}}}};",
                f"const cmsis_nn_per_tensor_quant_params q = {{{m}, {s}}};",
                f"const cmsis_nn_context c = {{scratch, arm_fully_connected_s8_get_buffer_size({shapes[1]})}};",
                _call("arm_fully_connected_s8", "&c", "&p", "&q", *read, shapes[2], place),
            ),
        )

    def _average(self, n: str, call: OperatorCall) -> Emitted:
        (x,), out, places, place = self._operands(call)
        high, wide = int(_number(call, "filter_height")), int(_number(call, "filter_width"))
        strides, padding = _windows(call, x, out, high, wide)
        sized = f"arm_avgpool_s8_get_buffer_size({out.shape[2]}, {x.shape[3]})"
        read = [_dims(*x.shape), places[0], _dims(1, high, wide, 1)]
        return Emitted(
            "",
            _scope(
                f"const cmsis_nn_pool_params p = {{{strides}, {padding}, {{{_clamp(call, out)}}}}};",
                f"const cmsis_nn_context c = {{scratch, {sized}}};",
                _call("arm_avgpool_s8", "&c", "&p", *read, _dims(*out.shape), place),
            ),
        )

    def _add(self, n: str, call: OperatorCall) -> Emitted:
        (x, y), out, places, place = self._operands(call)
        widest = 2 * max(_scale(x), _scale(y))
        reals = (_scale(x) / widest, _scale(y) / widest, widest / ((1 << 20) * _scale(out)))
        one, two, three = (f"{m}, {s}" for m, s in map(multiplier, reals))
        read = [*places, -_zero(x), one, -_zero(y), two, 20]
        size = math.prod(out.shape)
        return Emitted("", _call("arm_elementwise_add_s8", *read, place, _zero(out), three, _clamp(call, out), size))

    def _copy(self, n: str, call: OperatorCall) -> Emitted:
        _, out, places, place = self._operands(call)
        return Emitted("", f"memcpy({place}, {places[0]}, {math.prod(out.shape)});")

    def _softmax(self, n: str, call: OperatorCall) -> Emitted:
        (x,), _, places, place = self._operands(call)
        real = min(_number(call, "beta") * _scale(x) * (1 << (31 - RADIUS_BITS)), (1 << 31) - 1.0)
        m, s = multiplier(real)
        radius = math.floor(((1 << RADIUS_BITS) - 1) * (1 << (31 - RADIUS_BITS)) / (1 << s))
        return Emitted("", f"arm_softmax_s8({places[0]}, 1, {x.shape[-1]}, {m}, {s}, {-radius}, {place});")

    def _header(self) -> str:
        facts = {"ARENA_SIZE": self.arena, "ARENA_ALIGN": 16, "OPERATORS": 1, "INPUTS": 1, "OUTPUTS": 1}
        for port, index in (("INPUT0", self.graph.inputs[0]), ("OUTPUT0", self.graph.outputs[0])):
            size = math.prod(self.graph.tensors[index].shape)
            values = {"BYTES": size, "LINES": 1, "LINE_BYTES": size, "OFFSET": self.offsets[index]}
            facts |= {f"{port}_{key}": value for key, value in values.items()}
        return _HEADER.replace("FACTS", "".join(f"#define NET_{key} {value}u\n" for key, value in facts.items()))

    def _source(self) -> str:
        places = "".join(f"#define T{index} {at}u\n" for index, at in sorted(self.offsets.items()))
        data = "".join(call.data for call in self.calls)
        body = "\n    ".join(call.statements for call in self.calls)
        return _SOURCE.replace("DATA", places + data).replace("BODY", body)


_HEADER = """#ifndef NET_H
#define NET_H
#include <stddef.h>
#include <stdint.h>
FACTS#define NET_IO_LINES 0
typedef enum { NET_OK = 0, NET_ERROR_ARGUMENT = 1 } net_status;
typedef struct {
    int (*read_line)(void *user, uint32_t input, uint32_t line, void *data, size_t bytes);
    int (*write_line)(void *user, uint32_t output, uint32_t line, const void *data, size_t bytes);
    void *user;
} net_io;
typedef struct {
    uint8_t *arena;
    net_io io;
    uint16_t next_step[1];
} net_context;
net_status net_init(net_context *context, void *arena, size_t arena_bytes, const net_io *io);
net_status net_run(net_context *context);
#endif
"""
_SOURCE = """#include "net.h"
#include "arm_nnfunctions.h"
#include <string.h>
DATA
static int32_t scratch[4096];

net_status net_init(net_context *context, void *arena, size_t arena_bytes, const net_io *io)
{
    (void)arena_bytes;
    context->arena = arena;
    context->io = *io;
    return NET_OK;
}

net_status net_run(net_context *context)
{
    uint8_t *a = context->arena;
    int bad = 0;
    BODY
    return bad ? NET_ERROR_ARGUMENT : NET_OK;
}
"""
