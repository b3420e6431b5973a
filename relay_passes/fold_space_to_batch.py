"""Pass ``fold_space_to_batch``: a convolution between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND becomes a dilated one.

TensorFlow's converter writes dilated convolutions so. The blocks' extents are the dilation; what is padded before, less
what is cropped behind, is the padding. Codes are copied and padding stands for 0, so that no result changes.
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import relax

from tinyseg_tvm.relay_passes.dataflow import Dataflow
from tinyseg_tvm.relay_passes.expressions import Call, Expr, Module, array_of, is_constant, shape_of
from tinyseg_tvm.relay_passes.rewriting import Rewrite, module_pass, rewrite_main
from tinyseg_tvm.relay_passes.tflite.calls import is_tflite_call, kind_of

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


@module_pass("fold_space_to_batch")
def fold_space_to_batch(module: Module) -> Module:
    """See the module's docstring."""
    if not any(_is(binding.value, "BATCH_TO_SPACE_ND") for binding in Dataflow.of(module).bindings):
        return module
    return rewrite_main(module, [_dilated])


def _is(value: Expr | None, *kinds: str) -> bool:
    return value is not None and is_tflite_call(value) and kind_of(value) in kinds


def _dilated(rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    if not _is(value, "BATCH_TO_SPACE_ND") or not value.args:
        return None
    convolution = rewrite.producer(value.args[0])
    if convolution is None or not _is(convolution, *CONVOLUTIONS) or not convolution.args:
        return None
    if rewrite.uses(value.args[0]) != 1:
        return None
    batches = rewrite.producer(convolution.args[0])
    if batches is None or not _is(batches, "SPACE_TO_BATCH_ND") or not batches.args:
        return None
    before, after = _blocks(batches), _blocks(value)
    options = convolution.attrs["options"]
    plain = str(options["padding"]) == "VALID" and all(
        int(options[name]) == 1 for name in ("stride_h", "stride_w", "dilation_h_factor", "dilation_w_factor")
    )
    shape = shape_of(batches.args[0])
    if not plain or before is None or after is None or before[0] != after[0] or len(shape) != 4:
        return None
    dilation, pads, crops = before[0], before[1], after[1]
    divides = all((shape[1 + i] + sum(pads[i])) % dilation[i] == 0 for i in (0, 1))
    (top, bottom), (left, right) = ((a - c, b - d) for (a, b), (c, d) in zip(pads, crops, strict=True))
    if not divides or min(top, bottom, left, right) < 0 or not _same_codes(batches) or not _same_codes(value):
        return None
    attributes = {
        "options": {
            **{str(key): options[key] for key in options},
            "padding": "EXPLICIT",
            "explicit_padding": [top, left, bottom, right],
            "dilation_h_factor": dilation[0],
            "dilation_w_factor": dilation[1],
        },
        "operands": [batches.attrs["operands"][0], *list(convolution.attrs["operands"])[1:]],
        "results": value.attrs["results"],
        "shapes": value.attrs["shapes"],
        "dtypes": value.attrs["dtypes"],
    }
    operands = [batches.args[0], *list(convolution.args)[1:]]
    return relax.Call(convolution.op, operands, tvm.ir.make_node("ir.DictAttrs", **attributes))


Pairs = list[tuple[int, int]]


def _blocks(call: Call) -> tuple[list[int], Pairs] | None:
    """A block's two extents, and what is padded or cropped along them; None where they are not constant or not two."""
    if len(call.args) != 3 or not all(is_constant(operand) for operand in call.args[1:]):
        return None
    block, amounts = array_of(call.args[1]).reshape(-1), array_of(call.args[2])
    if block.size != 2 or amounts.shape != (2, 2) or block.min() < 1 or amounts.min() < 0:
        return None
    return [int(extent) for extent in block], [(int(a), int(b)) for a, b in amounts]


def _same_codes(call: Call) -> bool:
    """Whether operand and result are quantised alike."""
    described: list[Any] = [call.attrs["operands"][0], call.attrs["results"][0]]
    first, second = ([list(each.get(name, [])) for name in ("scales", "zero_points")] for each in described)
    return first == second
