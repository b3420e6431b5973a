"""States across inferences, in ONNX by pairs of ports: sequences as firmware equal the reference, and ONNX Runtime."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from tests.frontend.onnx_models import model, node, port
from tests.frontend.test_tflite_variables import STATEFUL, moving_window
from tinyseg_tvm.cli.main import main
from tinyseg_tvm.errors import TinySegError, UsageError
from tinyseg_tvm.micro import generate_project
from tinyseg_tvm.network import reference
from tinyseg_tvm.network.states import initial_states
from tinyseg_tvm.relay import Factory, build, frontend

MAP = [1, 4, 6, 8]
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-Iinclude", "-Isrc", "-Iruntime", "-Iweights"]


def of_maps(nodes: list[onnx.NodeProto], states: list[str]) -> onnx.ModelProto:
    """A model of input x, output y, and maps as states: s becomes s_next."""
    rng = np.random.default_rng(4)
    return model(
        nodes,
        [port(name, MAP) for name in ("x", *states)],
        [port(name, MAP) for name in ("y", *(f"{name}_next" for name in states))],
        {"w": rng.normal(0, 0.3, (4, 4, 3, 3)).astype(np.float32)},
    )


CASES = {
    "sum": of_maps(
        [
            node("Conv", "x w", "c", pads=[1, 1, 1, 1]),
            node("Add", "c s", "s_next"),
            node("Relu", "s_next", "y"),
        ],
        ["s"],
    ),
    "next value without the old one": of_maps(
        [node("Conv", "s w", "c", pads=[1, 1, 1, 1]), node("Add", "c x", "y"), node("Relu", "x", "s_next")], ["s"]
    ),
    "delay line": of_maps(
        [node("Add", "a x", "y"), node("Identity", "b", "a_next"), node("Identity", "x", "b_next")], ["a", "b"]
    ),
    "states that change places": of_maps(
        [node("Add", "a x", "y"), node("Identity", "b", "a_next"), node("Sub", "a x", "b_next")], ["a", "b"]
    ),
    "output is the old state": of_maps([node("Identity", "s", "y"), node("Relu", "x", "s_next")], ["s"]),
}


def bound(source: onnx.ModelProto, target: str) -> Factory:
    module, params = frontend.from_onnx(source)
    states = {f"{each.name}_next": each.name for each in source.graph.input if each.name != "x"}
    return build(frontend.bind_states(module, states), target, params)


def sequence(factory: Factory, count: int = 4) -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    (given,) = factory.network.inputs
    if given.model_dtype == "float32":
        return [rng.normal(0, 1, given.model_shape).astype(np.float32) for _ in range(count)]
    return [rng.integers(-128, 128, given.model_shape).astype(given.model_dtype) for _ in range(count)]


def referenced(factory: Factory, frames: list[np.ndarray]) -> list[np.ndarray]:
    states = initial_states(factory.network)
    return [reference.run(factory.network, [frame], states=states)[0] for frame in frames]


def by_onnxruntime(source: onnx.ModelProto, frames: list[np.ndarray]) -> list[np.ndarray]:
    session = ort.InferenceSession(source.SerializeToString())
    states = {each.name: np.zeros(MAP, np.float32) for each in source.graph.input if each.name != "x"}
    found = []
    for frame in frames:
        results = dict(
            zip([each.name for each in session.get_outputs()], session.run(None, {"x": frame, **states}), strict=True)
        )
        states = {name: results[f"{name}_next"] for name in states}
        found.append(results["y"])
    return found


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("target", ["c -tinyseg", "c -tinyseg -io=line", "c -tinyseg -stream-axis=columns"])
def test_the_reference_carries_states_as_onnxruntime_with_its_ports(case: str, target: str):
    factory = bound(CASES[case], target)
    frames = sequence(factory)
    assert len(factory.network.inputs) == len(factory.network.outputs) == 1
    for got, expected in zip(referenced(factory, frames), by_onnxruntime(CASES[case], frames), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("case", "target"),
    [
        ("next value without the old one", "c -tinyseg -io=line"),
        ("states that change places", "c -tinyseg"),
        *(
            pytest.param(case, target, marks=pytest.mark.release)
            for case in CASES
            for target in ("c -tinyseg -max-recompute=50", "c -tinyseg -stream-axis=columns", "c -tinyseg -layerwise")
        ),
    ],
)
def test_firmware_carries_states_from_vector_to_vector(case: str, target: str, tmp_path: Path):
    factory = bound(CASES[case], target)
    frames = sequence(factory)
    result = generate_project(factory.board, factory, tmp_path / "p").run([[f] for f in frames], sanitize=True)
    for got, expected in zip(result.outputs, referenced(factory, frames), strict=True):
        assert np.array_equal(got[0], expected)


def test_a_reset_begins_anew(tmp_path: Path):
    made, x, result = moving_window()
    module, params = frontend.from_tflite(made.to_bytes([x], [result]), name="net")
    factory = build(module, "c -tinyseg -stream-axis=rows", params)
    for path, content in factory.files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    (tmp_path / "main.c").write_text(
        """#include <stdio.h>
#include <string.h>
#include "net.h"
static _Alignas(16) unsigned char arena[NET_ARENA_SIZE];
int main(void)
{
    net_context context;
    if (net_reset(NULL) != NET_ERROR_ARGUMENT || net_init(&context, arena, sizeof arena, NULL) != NET_OK) {
        return 1;
    }
    for (int run = 0; run < 3; run++) {
        if (run == 2 && net_reset(&context) != NET_OK) {
            return 2;
        }
        memset(arena + NET_INPUT0_OFFSET, 7, NET_INPUT0_BYTES);
        if (net_run(&context) != NET_OK) {
            return 3;
        }
        fwrite(arena + NET_OUTPUT0_OFFSET, 1, NET_OUTPUT0_BYTES, stdout);
    }
    return 0;
}
"""
    )
    sources = [path for path in factory.files if path.endswith((".c", ".S"))]
    flags = [flag for flag in FLAGS if flag != "-std=c99"]
    subprocess.run(["gcc", "-std=c11", *flags, "main.c", *sources, "-o", "program"], cwd=tmp_path, check=True)
    printed = subprocess.run(["./program"], cwd=tmp_path, check=True, capture_output=True).stdout
    first, second, third = np.frombuffer(printed, np.int8).reshape(3, -1)
    expected = referenced(factory, [np.full((1, 1, 2, 3), 7, np.int8)] * 2)
    assert np.array_equal(first, expected[0].ravel())
    assert np.array_equal(second, expected[1].ravel())
    assert np.array_equal(third, first)
    assert not np.array_equal(first, second)


def test_states_are_in_the_promise_and_in_the_metadata():
    factory = bound(CASES["sum"], "c -tinyseg")
    (state,) = factory.network.states
    assert factory.plan.pool_bytes[0] >= 2 * state.initial.nbytes  # the output and the state
    assert b"_STATES_BYTES 768u" in factory.files[f"include/{factory.name}.h"]


@pytest.mark.parametrize(
    ("states", "message"),
    [
        ({"z": "s"}, "no output 'z'"),
        ({"s_next": "z"}, "no input 'z'"),
        ({"y": "s", "s_next": "s"}, "bound to two outputs"),
        ({"small": "s"}, "a state has one shape and type"),
        ({"y": "s", "s_next": "x", "small": "k"}, "at least one must leave"),
    ],
)
def test_wrong_bindings_are_refused(states: dict[str, str], message: str):
    wrong = model(
        [node("Add", "x s", "y"), node("Relu", "y", "s_next"), node("Relu", "k", "small")],
        [port("x", MAP), port("s", MAP), port("k", [1, 3])],
        [port("y", MAP), port("s_next", MAP), port("small", [1, 3])],
    )
    module, _ = frontend.from_onnx(wrong)
    with pytest.raises(UsageError, match=message):
        frontend.bind_states(module, states)


def test_a_state_has_one_quantisation():
    def quantised(name: str, scale: str) -> list[onnx.NodeProto]:
        return [
            node("QuantizeLinear", f"{name} {scale} z", f"{name}_q"),
            node("DequantizeLinear", f"{name}_q {scale} z", f"{name}_d"),
        ]

    wrong = model(
        [
            *quantised("x", "a"),
            *quantised("s", "a"),
            node("Add", "x_d s_d", "c"),
            node("QuantizeLinear", "c b z", "c_q"),
            node("DequantizeLinear", "c_q b z", "s_next"),
            node("Relu", "s_d", "r"),
            node("QuantizeLinear", "r a z", "r_q"),
            node("DequantizeLinear", "r_q a z", "y"),
        ],
        [port("x", MAP), port("s", MAP)],
        [port("y", MAP), port("s_next", MAP)],
        {"a": np.float32(0.05), "b": np.float32(0.1), "z": np.int8(0)},
    )
    with pytest.raises(TinySegError, match="has scale and zero point"):
        bound(wrong, "c -tinyseg -io-type=quantized")


@pytest.mark.skipif(not STATEFUL, reason="shared/tflite is absent")
@pytest.mark.parametrize(
    ("path", "board"),
    [
        *((path, "mps2_an386") for path in STATEFUL if path.stem == "mww_vad_v2"),
        *(pytest.param(path, "host", marks=pytest.mark.release) for path in STATEFUL),
        *(pytest.param(path, "mps2_an386", marks=pytest.mark.release) for path in STATEFUL if path.stem == "mww_alexa"),
    ],
    ids=lambda value: getattr(value, "stem", value),
)
def test_fifty_frames_of_wake_word_networks_equal_the_reference(path: Path, board: str, tmp_path: Path):
    module, params = frontend.from_tflite(path)
    factory = build(module, f"c -tinyseg -board={board}", params)
    frames = sequence(factory, 50)
    result = generate_project(factory.board, factory, tmp_path / "p").run([[f] for f in frames], count="none")
    expected = referenced(factory, frames)
    assert len(result.outputs) == 50
    for got, wanted in zip(result.outputs, expected, strict=True):
        assert np.array_equal(got[0], wanted)


def test_the_command_line_binds_runs_and_verifies(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    path, out = tmp_path / "net.onnx", tmp_path / "out"
    onnx.save(CASES["sum"], path)
    assert main(["compile", str(path), "-o", str(out), "--state", "s_next=s"]) == 0
    assert main(["run", str(out)]) == 0  # the project's own vectors, a sequence
    assert main(["verify", str(out)]) == 0
    capfd.readouterr()
    for words in (["--state", "s_next"], ["--state", "s_next=t"], ["--state", "s_next=s", "--state", "s_next=x"]):
        assert main(["analyze", str(path), *words]) == 2
        assert "state" in capfd.readouterr().err
