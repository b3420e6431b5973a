"""Weights of uint8 less their zero point: layers of which a few weights leave int8 go to the kernels of int8 weights,
and equal the reference bit for bit by every family of kernels and both rules.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from tests.codegen.harness import NetworkBuilder, mutate_runtime
from tests.kernels.kernel_cases import accepted_case
from tests.kernels.test_kernels import BOARDS, DSP, MVE, SIMILAR, check_on_host, run_on_board
from tests.operators.operator_cases import Case
from tinyseg_tvm.codegen import Core
from tinyseg_tvm.codegen.operators import FunctionWriter, NodeView, Variant, emitter_for, select_variant
from tinyseg_tvm.codegen.operators.emission import constant_bytes
from tinyseg_tvm.codegen.text.constants import ConstantPool
from tinyseg_tvm.codegen.text.identifiers import Names
from tinyseg_tvm.network.network import Network
from tinyseg_tvm.operators import Dense, TensorType
from tinyseg_tvm.operators.arithmetic import onnx, tflite
from tinyseg_tvm.operators.arithmetic.tflite_functions import quantize_multiplier

KINDS = ["conv2d", "conv2d_transpose", "dense", "depthwise"]
PLAIN = Core("host")
M0 = Core("host", has_fpu=False, has_wide_multiply=False)
CORES = {"dsp": DSP, "mve": MVE, "v7m": PLAIN, "v6m": M0}


def uint8_weights(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Codes of all of uint8 less a zero point; most layers have their largest codes in a channel or two."""
    zero_point = int(rng.integers(60, 196))
    if rng.integers(6) == 0:
        return np.asarray(rng.integers(0, 256, shape).astype(np.int16) - np.int16(zero_point))
    codes = np.clip(np.rint(rng.normal(zero_point, 20, shape)), 0, 255)
    for _ in range(int(rng.integers(1, 4))):
        codes.reshape(-1)[rng.integers(codes.size)] = 255 if zero_point < 128 else 0
    return np.asarray(codes - zero_point, np.int16)


def wide_case(kind: str, rng: np.random.Generator, *, by_tflite: bool) -> Case:
    """A node of uint8 weights that leave int8, of three output channels at least."""
    while True:
        case = accepted_case(kind, rng)
        constants: dict[str, np.ndarray] = dict(case.constants)
        constants["weight"] = uint8_weights(rng, constants["weight"].shape)
        operator: Any = case.operator
        if by_tflite:
            old = cast(onnx.WeightedSum, case.arithmetic)
            zeros = (old.input_zero_point, old.output_zero_point)
            operator = replace(operator, arithmetic=tflite.WeightedSum(*zeros, old.output_min, old.output_max))
            constants["multiplier"], constants["shift"] = quantize_multiplier(
                constants["multiplier"].astype(np.float64)
            )
        if len(constants["weight"]) < 3 or np.abs(constants["weight"]).max() <= 128:
            continue
        try:
            operator.check(case.input_types, constants)
        except ValueError:
            continue
        return Case(operator, case.inputs, constants)


def wide_network(
    kinds: list[str], each: int, seed: int, *, by_tflite: bool = False
) -> tuple[Network, list[np.ndarray]]:
    """Independent nodes of uint8 weights, and operands for them."""
    rng = np.random.default_rng(seed)
    builder = NetworkBuilder("wide")
    inputs: list[np.ndarray] = []
    for kind in kinds:
        for number in range(each):
            case = wide_case(kind, rng, by_tflite=by_tflite)
            names = [builder.input(f"{kind}{number}_{k}", t) for k, t in enumerate(case.input_types)]
            inputs += case.inputs
            builder.output(builder.node(f"{kind}_{number}", case.operator, names, **case.constants))
    return builder.build(), inputs


def test_a_few_layers_of_uint8_weights_equal_the_reference(tmp_path: Path) -> None:
    network, inputs = wide_network(KINDS, 1, 5, by_tflite=True)
    check_on_host(network, inputs, tmp_path, streamed=False, core=DSP)


def test_more_channels_than_the_tables_count_are_left_to_others() -> None:
    rng = np.random.default_rng(1)
    for values, apart in ((60_000, True), (70_000, False)):
        weight = rng.integers(-9, 9, (4, values)).astype(np.int16)
        weight[1, 5] = 200
        constants: dict[str, np.ndarray] = {"weight": weight, "bias": np.zeros(4, np.int32)}
        constants["multiplier"] = np.full(4, 1e-5, np.float32)
        builder = NetworkBuilder("long")
        x = builder.input("x", TensorType((1, 1, 1, values), "int8"))
        builder.output(builder.node("dense", Dense(False, onnx.WeightedSum(0, 0, -128, 127)), [x], **constants))
        network = builder.build()
        for core in CORES.values():
            view: NodeView[Any] = NodeView.of(network.nodes[0], network, core)
            assert any("apart" in each.name for each in emitter_for("dense") if each.supports(view)) == apart


@pytest.mark.release
@pytest.mark.parametrize(
    ("family", "by_tflite"), [("dsp", False), ("mve", False), ("mve", True), ("v7m", False), ("v6m", False)]
)
def test_many_layers_of_uint8_weights_equal_the_reference(family: str, by_tflite: bool, tmp_path: Path) -> None:
    network, inputs = wide_network(KINDS, 3, 20 + by_tflite, by_tflite=by_tflite)
    check_on_host(network, inputs, tmp_path, streamed=by_tflite, core=CORES[family])


@pytest.mark.parametrize(
    "board",
    [pytest.param(b, marks=pytest.mark.slow if b in SIMILAR else pytest.mark.release) for b in (*BOARDS, "microbit")],
)
def test_layers_of_uint8_weights_equal_the_reference_on_every_core(board: str, tmp_path: Path) -> None:
    each = 1 if board == "microbit" else 4
    network, inputs = wide_network(KINDS, each, 40, by_tflite=board == "mps2_an386")
    assert run_on_board(board, network, inputs, tmp_path / "project") == []


@pytest.mark.parametrize("family", CORES)
def test_a_layer_of_one_wide_weight_takes_about_the_flash_of_int8_weights(family: str) -> None:
    network, _ = wide_network(KINDS, 4, 7)
    view: NodeView[Any]
    for node in network.nodes:
        view = NodeView.of(node, network, CORES[family])
        weight = np.zeros_like(node.constants["weight"])
        weight.reshape(-1)[weight.size // 2] = 200
        variants = usable(replace(view, node=replace(node, constants={**node.constants, "weight": weight})))
        if len(weight) >= 8 and weight.size >= 1024 and any("apart" in variant.name for variant in variants):
            least = min(variant.flash(view) for variant in variants)
            assert least < 0.75 * constant_bytes(view), node.name


def usable(view: NodeView[Any]) -> list[Variant[Any]]:
    return [variant for variant in emitter_for(view.operator.kind) if variant.supports(view)]


@pytest.mark.parametrize("family", CORES)
def test_the_flash_of_a_cost_is_what_is_stored_apart(family: str) -> None:
    network, _ = wide_network(KINDS, 5, 9)
    seen = set()
    for node in network.nodes:
        view = NodeView.of(node, network, CORES[family])
        for variant in usable(view):
            if "apart" not in variant.name:
                continue
            pool = ConstantPool(Names())
            reads = tuple("line" for _ in node.inputs)
            out = FunctionWriter(view, "node", reads, ("out",), "state", "scratch", pool)
            variant.emit(view, out)
            padding = sum(c.array.nbytes for c in pool.constants if "padding" in c.symbol)
            terms = 8 * sum(text.count("}, {") + 1 for text in out.definitions if "tinyseg_wide_term " in text)
            stored = sum(c.array.nbytes for c in pool.constants) - padding + terms
            assert abs(variant.flash(view) - stored) <= max(padding, 256), variant.name  # equal ones are one
            seen.add(variant.name)
    assert len(seen) >= 3


def test_layers_most_of_whose_channels_are_wide_keep_their_weights_in_two_bytes() -> None:
    network, _ = wide_network(["conv2d"], 1, 3)
    node = network.nodes[0]
    weight = np.full_like(node.constants["weight"], 200)
    view = NodeView.of(node, network, DSP)
    wide = replace(view, node=replace(node, constants={**node.constants, "weight": weight}))
    assert not any("apart" in variant.name for variant in usable(wide))


def test_many_layers_go_to_the_kernels_of_each_family() -> None:
    network, _ = wide_network(KINDS, 4, 1)
    for family in ("dsp", "mve", "v7m"):
        names = [select_variant(NodeView.of(node, network, CORES[family])).name for node in network.nodes]
        assert sum("apart" in name and family in name for name in names) >= len(names) // 4, family


# kind of operator, seed, file, text, another text, family
MUTATIONS = [
    ("conv2d", 1, "tinyseg_wide_channels_body.h", "+ first + i] : p->input_zero_point", "+ first + i] : 0", "v7m"),
    ("conv2d", 1, "tinyseg_wide_channels_body.h", "return p->input_zero_point * sum;", "return 0 * sum;", "mve"),
    ("depthwise", 3, "tinyseg_wide_channels_body.h", "column * channels + first", "column * channels", "dsp"),
    ("conv2d", 1, "tinyseg_wide_channels_pairs.c", "add_four(x + 4, w + 4, sum)", "add_four(x + 4, w, sum)", "dsp"),
    ("conv2d_transpose", 3, "tinyseg_wide_channels_body.h", "to += p->output_step", "to += p->stride", "v7m"),
    ("dense", 1, "tinyseg_wide_terms.c", "* term->beyond", "* 0", "dsp"),
]


@pytest.mark.release
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: f"{mutation[2]} {mutation[3]}")
def test_a_mutated_kernel_is_found(mutation: tuple[Any, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, seed, file, before, after, family = mutation
    mutate_runtime(monkeypatch, (file, before, after))
    network, inputs = wide_network([kind], 8, seed)
    with pytest.raises(AssertionError):
        check_on_host(network, inputs, tmp_path, streamed=False, core=CORES[family])
