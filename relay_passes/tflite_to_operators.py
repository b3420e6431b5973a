"""Pass ``tflite_to_operators``: ``relax.tflite`` calls to operators of the numeric contract and movements of codes.

A module without such calls is left as it is. Everything that cannot be computed is listed in one error.
"""

from __future__ import annotations

from tvm import relax

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.relay_passes.dataflow import Dataflow
from tinyseg_tvm.relay_passes.expressions import Call, Expr, Module, is_constant, shape_of
from tinyseg_tvm.relay_passes.rewriting import Rewrite, module_pass, rewrite_main
from tinyseg_tvm.relay_passes.tflite import (
    blocks_of_batches,
    comparisons,
    conversions,
    elementwise,
    memories,
    movement,
    pointwise,
    pooling,
    products,
    recurrent,
    resizing,
    tables,
    weighted_sums,
    wide_functions,
)
from tinyseg_tvm.relay_passes.tflite.calls import Lower, TfliteCall, UnsupportedError, is_tflite_call, kind_of

RULES: dict[str, Lower] = {
    **blocks_of_batches.RULES,
    **comparisons.RULES,
    **conversions.RULES,
    **elementwise.RULES,
    **memories.RULES,
    **movement.RULES,
    **pointwise.RULES,
    **pooling.RULES,
    **products.RULES,
    **recurrent.RULES,
    **resizing.RULES,
    **tables.RULES,
    **weighted_sums.RULES,
}
"""The rule of each operator, by TensorFlow Lite's name; ``FLOAT_RULES`` stand before, of float32, and those of
``wide_functions``.
"""


def rule_of(call: Call) -> Lower | None:
    """The rule for a call, where there is one."""
    kind, operands = kind_of(call), [str(each["dtype"]) for each in call.attrs["operands"] if each]
    if operands and operands[0] in ("float32", "bool") and kind in pointwise.FLOAT_RULES:
        return pointwise.FLOAT_RULES[kind]
    types = {*operands[:1], str(call.attrs["results"][0]["dtype"])}
    if types & {"int16", "int32"} and "float32" not in types and kind in wide_functions.RULES:
        return wide_functions.RULES[kind]
    return RULES.get(kind)


_LISTED = 20  # refusals in one message


@module_pass("tflite_to_operators")
def tflite_to_operators(module: Module) -> Module:
    """See the module's docstring.

    Raises:
        TinySegError: operators cannot be computed as TensorFlow Lite computes them.
    """
    if not any(is_tflite_call(binding.value) for binding in Dataflow.of(module).bindings):
        return module
    refusals: dict[str, str] = {}

    def rule(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
        call, item = value, 0
        if isinstance(value, relax.TupleGetItem):
            call, item = rewrite.producer(value.tuple_value), value.index
        elif is_tflite_call(value) and len(value.attrs["results"]) > 1:
            return None  # its items are made one by one
        if not is_tflite_call(call):
            return None
        kind = kind_of(call)
        lower = rule_of(call)
        if lower is None:
            refusals.setdefault(name, f"{name} ({kind}): it is not supported. Remedy: replace the operator")
            return None
        try:
            found = TfliteCall(rewrite, call, name, item)
            result = lower(found)
            if not is_constant(result) and shape_of(result) != found.result.shape:
                raise UnsupportedError(f"it gives {shape_of(result)}, where the file says {found.result.shape}")
        except UnsupportedError as refusal:
            refusals.setdefault(name, f"{name} ({kind}): {refusal}")
            return None
        except Exception as error:  # a damaged file can contradict itself in more ways than can be listed
            text = " ".join(str(error).split())[:200]
            refusals.setdefault(name, f"{name} ({kind}): it contradicts itself: {text}. Remedy: convert the model anew")
            return None
        return result

    made = rewrite_main(module, [rule])
    if refusals:
        listed = "; ".join(list(refusals.values())[:_LISTED])
        more = f"; and {len(refusals) - _LISTED} more" if len(refusals) > _LISTED else ""
        raise TinySegError(f"operators of the model cannot be computed: {listed}{more}")
    return made
