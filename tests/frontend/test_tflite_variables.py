"""Variables of TensorFlow Lite: states across inferences, with the values that a subgraph called once gives them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.frontend.tflite_files import TfliteFile
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_tflite
from tinyseg_tvm.network import Network, reference
from tinyseg_tvm.network.states import initial_states
from tinyseg_tvm.relay_passes import lower

MODELS = Path(__file__).parents[2].parent / "shared" / "tflite" / "models"
STATEFUL = sorted(MODELS.glob("*mww_*.tflite"))
LINE = (1, 1, 2, 3)
WINDOW = (1, 3, 2, 3)


def handle(made: TfliteFile, name: str) -> int:
    tensor = made.tensor((), "resource", None)
    made.operator("VAR_HANDLE", [], [tensor], container="", shared_name=name)
    return tensor


def constant(made: TfliteFile, *values: int) -> int:
    return made.constant(np.array(values, np.int32))


def moving_window(dtype: str = "int8", zero_point: int = 5) -> tuple[TfliteFile, int, int]:
    """The last three lines of all inferences, the newest behind; with its input and output."""
    made = TfliteFile()
    x = made.tensor(LINE, dtype, 0.1, zero_point, name="x")
    old, joined, kept = (made.tensor(shape, dtype, 0.1, zero_point) for shape in (WINDOW, (1, 4, 2, 3), WINDOW))
    variable = handle(made, "window")
    made.operator("READ_VARIABLE", [variable], [old])
    made.operator("CONCATENATION", [old, x], [joined], axis=1, fused_activation_function="NONE")
    ends = [constant(made, *values) for values in ((0, 1, 0, 0), (1, 4, 2, 3), (1, 1, 1, 1))]
    masks = {"begin_mask": 0, "end_mask": 0, "ellipsis_mask": 0, "new_axis_mask": 0, "shrink_axis_mask": 0}
    made.operator("STRIDED_SLICE", [joined, *ends], [kept], **masks)
    made.operator("ASSIGN_VARIABLE", [variable, kept], [])
    return made, x, joined


def once(values: np.ndarray, name: str = "window") -> TfliteFile:
    """The subgraph that gives a variable its first values."""
    made = TfliteFile()
    variable = handle(made, name)
    made.operator("ASSIGN_VARIABLE", [variable, made.tensor(values.shape, str(values.dtype), 0.1, 5, values)], [])
    return made


def outputs(network: Network, frames: list[np.ndarray]) -> list[np.ndarray]:
    states = initial_states(network)
    return [reference.run(network, [frame], states=states)[0] for frame in frames]


@pytest.mark.parametrize(("dtype", "zero_point"), [("int8", 5), ("uint8", 133)])
@pytest.mark.parametrize("given", [False, True])
def test_a_window_moves_on_from_the_zero_point_or_what_is_assigned_once(dtype: str, zero_point: int, given: bool):
    rng = np.random.default_rng(3)
    made, x, result = moving_window(dtype, zero_point)
    first = rng.integers(0, 100, WINDOW).astype(dtype) if given else np.full(WINDOW, zero_point, dtype)
    if given:
        made.operators.insert(0, ("CALL_ONCE", [], [], {"init_subgraph_index": 1}))
    network = lower(from_tflite(made.to_bytes([x], [result], [once(first)] if given else []))[0])
    frames = [rng.integers(0, 100, LINE).astype(dtype) for _ in range(5)]
    lines = np.concatenate([first, *frames], axis=1)
    for number, got in enumerate(outputs(network, frames)):
        assert np.array_equal(got, lines[:, number : number + 4])


def test_a_variable_is_what_the_inference_assigned_to_it_last():
    made = TfliteFile()
    x, doubled, read, result = (made.tensor(LINE, "int8", 0.1, 0) for _ in range(4))
    variable = handle(made, "v")
    made.operator("ADD", [x, x], [doubled], fused_activation_function="NONE")
    made.operator("ASSIGN_VARIABLE", [variable, doubled], [])
    made.operator("READ_VARIABLE", [variable], [read])
    made.operator("ADD", [read, x], [result], fused_activation_function="NONE")
    network = lower(from_tflite(made.to_bytes([x], [result]))[0])
    frame = np.arange(6, dtype=np.int8).reshape(LINE)
    assert network.states == ()
    assert np.array_equal(outputs(network, [frame])[0], 3 * frame)


def test_a_variable_that_nothing_assigns_is_constant():
    made = TfliteFile()
    x, read, result = (made.tensor(LINE, "int8", 0.1, 0) for _ in range(3))
    made.operator("CALL_ONCE", [], [], init_subgraph_index=1)
    made.operator("READ_VARIABLE", [handle(made, "v")], [read])
    made.operator("ADD", [read, x], [result], fused_activation_function="NONE")
    values = np.arange(6, dtype=np.int8).reshape(LINE)
    network = lower(from_tflite(made.to_bytes([x], [result], [once(values, "v")]))[0])
    assert network.states == ()
    assert np.array_equal(outputs(network, [values])[0], 2 * values)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("shape", "in one place, int8 of shape"),
        ("handle", "no VAR_HANDLE made"),
        ("subgraph", "calls subgraph 7 of 1"),
        ("first", "at first"),
    ],
)
def test_contradictions_are_refused(kind: str, message: str):
    made, x, result = moving_window()
    further = []
    if kind == "shape":
        made.operator("ASSIGN_VARIABLE", [handle(made, "window"), x], [])
    elif kind == "handle":
        made.operator("ASSIGN_VARIABLE", [x, x], [])
    elif kind == "subgraph":
        made.operator("CALL_ONCE", [], [], init_subgraph_index=7)
    else:
        made.operator("CALL_ONCE", [], [], init_subgraph_index=1)
        further = [once(np.zeros(LINE, np.int8))]
    with pytest.raises(TinySegError, match=message):
        from_tflite(made.to_bytes([x], [result], further))


@pytest.mark.skipif(not STATEFUL, reason="shared/tflite is absent")
@pytest.mark.parametrize("path", STATEFUL, ids=lambda path: path.stem)
def test_wake_word_networks_equal_the_reference_kernels_without_a_reset(path: Path):
    network = lower(from_tflite(path)[0])
    vectors = np.load(path.with_suffix(".npz"))
    assert network.states
    for case, got in enumerate(outputs(network, [vectors["in0_0"], vectors["in1_0"]])):
        assert np.array_equal(got, vectors[f"out{case}_0"])
