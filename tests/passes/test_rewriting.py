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
from tinyseg_tvm.relay_passes.rewriting import Rewrite, main_pass, rewrite_main


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
        return rewrite.emit(relax.op.abs(rewrite.producer(value.args[0]).args[0]), "a")

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
