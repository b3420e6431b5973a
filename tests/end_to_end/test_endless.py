"""Endless input in C: lines that are pushed one by one give the lines of one tall map."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.end_to_end.small_models import save, segmenter
from tests.frontend.onnx_models import model, node, port
from tests.network.endless_models import random_map_network, random_window_network
from tinyseg_tvm.cli.main import main
from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.network import reference
from tinyseg_tvm.network.states import initial_states
from tinyseg_tvm.relay import Factory, build, frontend

HEIGHT = 64
APPLICATION = """#include <stdio.h>
#include "net.h"
static _Alignas(16) unsigned char arena[NET_ARENA_SIZE];
static unsigned char line[NET_INPUT0_LINE_BYTES];
int main(void)
{
    net_context context;
    net_stream stream;
    uint32_t made[NET_OUTPUTS];
    if (net_init(&context, arena, sizeof arena, NULL) != NET_OK ||
        net_begin_stream(&context, NULL) != NET_ERROR_ARGUMENT) {
        return 1;
    }
    for (int time = 0; time < 2; time++) { /* what came before the begin does not matter */
        if (net_begin_stream(&context, &stream) != NET_OK || fseek(stdin, 0, SEEK_SET) != 0) {
            return 2;
        }
        if (net_push_line(&context, &stream, line, sizeof line + 1u, made) != NET_ERROR_ARGUMENT) {
            return 3;
        }
        while (fread(line, 1, sizeof line, stdin) == sizeof line) {
            if (net_push_line(&context, &stream, line, sizeof line, made) != NET_OK) {
                return 4;
            }
            const size_t bytes = (size_t)made[0] * NET_OUTPUT0_LINE_BYTES;
            if (fwrite(arena + NET_OUTPUT0_OFFSET + NET_OUTPUT0_BYTES - bytes, 1, bytes, stdout) != bytes) {
                return 5;
            }
        }
    }
    return 0;
}
"""


def by_pushed_lines(factory: Factory, lines: np.ndarray, folder: Path) -> np.ndarray:
    """All lines of the first output for ``lines`` (H, W, C), pushed twice over."""
    for path, content in factory.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    (folder / "application.c").write_text(APPLICATION)
    (folder / "lines.bin").write_bytes(np.ascontiguousarray(lines).tobytes())
    sources = [str(path) for part in ("src", "runtime") for path in sorted((folder / part).glob("*.c"))]
    flags = [
        "-std=c11",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-O1",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all",
    ]
    command = ["gcc", *flags, "-Iinclude", "-Isrc", "-Iruntime", "application.c", *sources, "-lm", "-o", "application"]
    subprocess.run(command, cwd=folder, check=True)
    with (folder / "lines.bin").open("rb") as stream:
        printed = subprocess.run(
            ["./application"], cwd=folder, check=True, stdin=stream, capture_output=True, timeout=60
        )
    kind = factory.network.tensors[factory.network.outputs[0].tensor].type
    first, second = np.frombuffer(printed.stdout, kind.dtype).reshape(2, -1, *kind.line_shape)
    assert np.array_equal(first, second)
    return np.asarray(first)


def image(source: onnx.ModelProto, seed: int = 0) -> np.ndarray:
    """A random map for the model's input (1, C, H, W) or (1, H, W, C)."""
    given = source.graph.input[0].type.tensor_type
    shape = [each.dim_value for each in given.shape.dim]
    rng = np.random.default_rng(seed)
    if given.elem_type == onnx.TensorProto.FLOAT:
        return rng.normal(0, 1, shape).astype(np.float32)
    return rng.integers(-128, 128, shape).astype(np.int8)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        pytest.param(segmenter(HEIGHT, 12, gated=False), "c -tinyseg -endless", id="segmenter"),
        pytest.param(
            segmenter(HEIGHT, 12, gated=False),
            "c -tinyseg -endless=8 -objective=ram",
            id="rounds of 8",
            marks=pytest.mark.release,
        ),
        pytest.param(random_map_network(4, HEIGHT), "c -tinyseg -endless", id="float32", marks=pytest.mark.release),
        pytest.param(random_map_network(5, HEIGHT), "c -tinyseg -endless", id="float32 5", marks=pytest.mark.release),
    ],
)
def test_pushed_lines_give_those_of_one_tall_map(source: onnx.ModelProto, target: str, tmp_path: Path):
    module, params = frontend.from_onnx(source)
    whole = build(module, "c -tinyseg -stream-axis=rows -layerwise", params, name="net").lowered.network
    factory = build(module, target, params, name="net")
    assert factory.memory.total < build(module, "c -tinyseg -stream-axis=rows -layerwise", params).memory.total
    data = image(source)
    (expected,) = reference.run(whole, [data])
    got = by_pushed_lines(factory, data[0].transpose(1, 2, 0), tmp_path)
    (given,), (port_,) = factory.network.inputs, factory.network.outputs
    taken, made = (factory.network.tensors[each.tensor].type.lines for each in (given, port_))
    assert len(got) == HEIGHT // taken * made - (port_.delay or 0) > 0
    np.testing.assert_array_equal(got, expected[0].transpose(1, 2, 0)[: len(got)])


def test_pushed_lines_give_the_result_of_each_window(tmp_path: Path):
    source = random_window_network(3, 13)
    module, params = frontend.from_onnx(source)
    factory = build(module, "c -tinyseg -endless", params, name="net")
    step = factory.network.tensors[factory.network.inputs[0].tensor].type.lines
    data = np.concatenate([image(source, seed) for seed in range(4)], axis=2)
    whole = build(module, "c -tinyseg -stream-axis=rows", params).lowered.network
    got = by_pushed_lines(factory, data[0].transpose(1, 2, 0), tmp_path)
    assert len(got) >= 3
    expected = [
        reference.run(whole, [data[:, :, first : first + 13]])[0].ravel() for first in range(data.shape[2] - 12)
    ]
    begin = next(i for i, each in enumerate(expected) if np.array_equal(each, got[0].ravel()))
    for number, result in enumerate(got[: (len(expected) - begin - 1) // step + 1]):
        np.testing.assert_array_equal(result.ravel(), expected[begin + number * step])


@pytest.mark.release
@pytest.mark.parametrize("board", ["host", "mps2_an386"])
@pytest.mark.parametrize("io", ["line", "resident"])
def test_rounds_are_a_sequence_of_inferences(board: str, io: str, tmp_path: Path):
    module, params = frontend.from_onnx(segmenter(HEIGHT, 12, gated=False))
    factory = build(module, f"c -tinyseg -endless -io={io} -board={board}", params)
    (given,) = factory.network.inputs
    rng = np.random.default_rng(1)
    frames = [rng.integers(-128, 128, given.model_shape).astype(np.int8) for _ in range(8)]
    states = initial_states(factory.network)
    result = generate_project(factory.board, factory, tmp_path / "p").run([[frame] for frame in frames])
    for frame, got in zip(frames, result.outputs, strict=True):
        (expected,) = reference.run(factory.network, [frame], states=states)
        np.testing.assert_array_equal(got[0], expected)


def test_the_command_line_compiles_runs_and_says_what_a_round_is(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    path, out = save(segmenter(HEIGHT, 12, gated=False), tmp_path / "net.onnx"), tmp_path / "out"
    assert main(["compile", str(path), "-o", str(out), "--endless"]) == 0
    printed = capfd.readouterr().out
    assert "a round takes 2 lines" in printed
    assert main(["run", str(out)]) == 0
    assert main(["analyze", str(path), "--endless", "3"]) == 2
    assert "a multiple of 2" in capfd.readouterr().err


def test_what_cannot_be_endless_is_refused():
    two = model(
        [node("Add", "a b", "y")],
        [port("a", [1, 2, 8, 4]), port("b", [1, 2, 8, 4])],
        [port("y", [1, 2, 8, 4])],
    )
    with pytest.raises(TinySegError, match="has 2 inputs"):
        build(frontend.from_onnx(two), "c -tinyseg -endless")
    gated = build(frontend.from_onnx(segmenter()), "c -tinyseg -endless")
    assert any("bottom_mean" in remark and "anew" in remark for remark in gated.remarks)
    with pytest.raises(UsageError, match="0 lines or more"):
        build(frontend.from_onnx(two), "c -tinyseg -endless=-1")
