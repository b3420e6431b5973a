"""The rewriting engine: names, dead bindings, quantisation, errors."""

from __future__ import annotations

from typing import Any

import pytest
import tvm
from tvm import relax
from tvm.script import ir as I
from tvm.script import relax as R

from tests.passes.before_expected import expect, names
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.relay_passes.dataflow import Dataflow
from tinyseg_tvm.relay_passes.expressions import is_call
from tinyseg_tvm.relay_passes.quantization import QUANTIZATION_ATTRIBUTE, Quantization
from tinyseg_tvm.relay_passes.rewriting import Rewrite, main_pass, module_pass, rewrite_main


@I.ir_module
class Chain:
    @R.function
    def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
        with R.dataflow():
            a = R.exp(x)
            unused = R.sin(a)  # noqa: F841
            b = R.sqrt(a)
            c = R.negative(b)
            R.output(c)
        return c


def test_dead_bindings_are_dropped_and_their_names_are_free() -> None:
    def take_over(rewrite: Rewrite, value: Any, name: str) -> Any:
        if not is_call(value, "sqrt"):
            return None
        operand = rewrite.producer(value.args[0])
        assert operand is not None
        return rewrite.emit(relax.op.abs(operand.args[0]), "a")

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            with R.dataflow():
                a = R.abs(x)
                c = R.negative(a)
                R.output(c)
            return c

    expect(main_pass("take_over", take_over), Chain, Expected)


def test_names_are_unique() -> None:
    def twice(rewrite: Rewrite, value: Any, name: str) -> Any:
        return relax.op.exp(rewrite.emit(relax.op.exp(value.args[0]), "x")) if is_call(value, "exp") else None

    assert names(rewrite_main(Chain, [twice])) == ["x_2", "a", "b", "c"]


def test_result_may_be_a_parameter() -> None:
    def drop(_rewrite: Rewrite, value: Any, _name: str) -> Any:
        return value.args[0]

    module = rewrite_main(Chain, [drop])
    relax.analysis.well_formed(module)
    assert [type(binding.value) for binding in module["main"].body.blocks[0].bindings] == [relax.Var]


def test_quantisation_is_carried_by_variable() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((4,), "int8")) -> R.Tensor((4,), "int8"):
            with R.dataflow():
                real = R.dequantize(x, R.const(0.5, "float32"), R.const(3, "int8"), axis=0)
                root = R.sqrt(real)
                q = R.quantize(root, R.const(0.25, "float32"), R.const(-1, "int8"), axis=0)
                R.output(q)
            return q

    def rename(rewrite: Rewrite, value: Any, name: str) -> Any:
        return rewrite.emit(value, f"new_{name}")

    module = rewrite_main(rewrite_main(Module, []), [rename])
    stored = module["main"].attrs[QUANTIZATION_ATTRIBUTE]
    assert {name: tuple(pair) for name, pair in stored.items()} == {"x": (0.5, 3), "new_q": (0.25, -1)}


def test_uses_are_counted() -> None:
    seen: dict[str, int] = {}

    def count(rewrite: Rewrite, value: Any, name: str) -> Any:
        for operand in value.args:
            seen[rewrite.name(operand)] = rewrite.uses(operand)

    rewrite_main(Chain, [count])
    assert seen == {"x": 1, "a": 2, "b": 1}


def test_emitted_quantisation_is_kept() -> None:
    rewrite = Rewrite(Dataflow.of(Chain))
    x = relax.Var("x", relax.TensorType((4,), "int8"))
    y = rewrite.emit(relax.op.reshape(x, (2, 2)), "y", Quantization(0.5, 1))
    assert rewrite.quantization[y] == Quantization(0.5, 1)


def test_module_without_main_is_refused() -> None:
    with pytest.raises(TinySegError, match="no Relax function 'main'"):
        rewrite_main(tvm.IRModule({}), [])


def test_control_flow_is_refused_by_name() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((4,), "float32"), flag: R.Tensor((), "bool")) -> R.Tensor((4,), "float32"):
            if flag:  # noqa: SIM108
                choice = R.exp(x)
            else:
                choice = R.sin(x)
            return choice

    with pytest.raises(TinySegError, match="'choice'"):
        rewrite_main(Module, [])


def test_replaced_parameters_take_name_place_and_quantisation() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((4,), "int8"), y: R.Tensor((4,), "int8")) -> R.Tensor((4,), "int8"):
            R.func_attr({QUANTIZATION_ATTRIBUTE: {"x": [0.5, 3]}})
            with R.dataflow():
                total = R.add(x, y)
                R.output(total)
            return total

    module: tvm.IRModule = Module
    y = module["main"].params[1]
    wide = relax.Var("wide", relax.TensorType((2, 2), "int8"))

    def read_wide(rewrite: Rewrite, value: Any, _name: str) -> Any:
        return relax.op.add(rewrite.emit(relax.op.reshape(wide, (4,)), "flat"), y) if is_call(value, "add") else None

    function = rewrite_main(Module, [read_wide], parameters=[wide, y])["main"]
    relax.analysis.well_formed(function)
    assert [parameter.name for parameter in function.params] == ["wide", "y"]
    assert {name: tuple(pair) for name, pair in function.attrs[QUANTIZATION_ATTRIBUTE].items()} == {"wide": (0.5, 3)}
    with pytest.raises(TinySegError, match="left 'x' unbound"):
        rewrite_main(Module, parameters=[wide, y])


def test_every_parameter_needs_a_replacement() -> None:
    with pytest.raises(ValueError, match="shorter"):
        rewrite_main(Chain, parameters=[])


def test_results_may_be_replaced_by_new_bindings_and_record_attributes() -> None:
    def take_back(rewrite: Rewrite, leaves: list[Any]) -> list[Any]:
        rewrite.attributes["taken_back"] = [rewrite.name(leaf) for leaf in leaves]
        negative = rewrite.producing_call(leaves[0], "negative")
        assert negative is not None
        return [rewrite.emit(relax.op.abs(negative.args[0]), "c")]

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            R.func_attr({"taken_back": ["c"]})
            with R.dataflow():
                a = R.exp(x)
                b = R.sqrt(a)
                c = R.abs(b)
                R.output(c)
            return c

    expect(module_pass("take_back")(lambda module: rewrite_main(module, results=take_back)), Chain, Expected)


@I.ir_module
class Twins:
    @R.function
    def main(x: R.Tensor((4,), "float32")) -> R.Tuple(R.Tensor((4,), "float32"), R.Tensor((4,), "float32")):
        with R.dataflow():
            first = R.exp(x)
            second = R.exp(x)
            left = R.sqrt(first)
            right = R.sin(second)
            both = R.add(left, right)
            R.output(both, second)
        return both, second


def test_readers_of_what_was_merged_are_those_of_both() -> None:
    seen: list[str | None] = []

    def merge(rewrite: Rewrite, value: Any, _name: str) -> Any:
        if is_call(value, "exp"):
            return rewrite.memory.setdefault("exp", rewrite.emit(value, "merged"))
        if is_call(value, "sqrt"):
            seen.extend(None if reader is None else reader.name for reader in rewrite.readers(value.args[0]))
            assert rewrite.uses(value.args[0]) == len(seen)
        return None

    assert names(rewrite_main(Twins, [merge])) == ["merged", "left", "right", "both"]
    assert seen == ["left", "right", None]


def test_who_is_dropped_reads_no_longer() -> None:
    seen: list[str] = []

    def drop(rewrite: Rewrite, value: Any, _name: str) -> Any:
        if is_call(value, "sqrt"):
            return value.args[0]
        if is_call(value, "negative"):
            seen.extend(reader.name for reader in rewrite.readers(value.args[0]) if reader is not None)
        return None

    rewrite_main(Chain, [drop])
    assert seen == ["unused", "c"]  # not "b", whose operand now stands for it


def test_a_stand_in_must_be_gone_at_the_end() -> None:
    stand_in = relax.Var("stand_in", relax.TensorType((4,), "float32"))

    def begin(_rewrite: Rewrite, value: Any, _name: str) -> Any:
        return stand_in if is_call(value, "exp") else None

    def finish(rewrite: Rewrite, value: Any, _name: str) -> Any:
        return relax.op.abs(rewrite.parameters[0]) if stand_in in value.args else None

    assert names(rewrite_main(Chain, [begin, finish])) == ["b", "c"]
    with pytest.raises(TinySegError, match=r"internal: .* left 'stand_in' unbound"):
        rewrite_main(Chain, [begin])
