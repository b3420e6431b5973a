"""The rule for DepthToSpace, which TVM imports as reshape, transpose and reshape."""

from __future__ import annotations

from tinyseg_tvm.operators import DepthToSpace
from tinyseg_tvm.operators.tensor_type import QUANTIZED_TYPES
from tinyseg_tvm.relay_passes.expressions import Expr, dtype_of, has_static_shape, is_call, is_constant, shape_of
from tinyseg_tvm.relay_passes.quantized_operands import in_nhwc
from tinyseg_tvm.relay_passes.rewriting import Rewrite

_PERMUTATIONS = {"DCR": [0, 3, 4, 1, 5, 2], "CRD": [0, 1, 4, 2, 5, 3]}


def rewrite_depth_to_space(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """DepthToSpace on quantised values."""
    is_quantized = is_call(value, "reshape") and dtype_of(value) in QUANTIZED_TYPES
    return depth_to_space(rewrite, value, name) if is_quantized else None


def lower_depth_to_space(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """DepthToSpace on float32."""
    return depth_to_space(rewrite, value, name) if is_call(value, "reshape") and dtype_of(value) == "float32" else None


def depth_to_space(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """(N, C, H, W) split into blocks, transposed and joined as ONNX DepthToSpace does."""
    if not is_call(value, "reshape") or not has_static_shape(value):
        return None
    transpose = rewrite.producing_call(value.args[0], "permute_dims")
    split = None if transpose is None else rewrite.producing_call(transpose.args[0], "reshape")
    if transpose is None or split is None or transpose.attrs.axes is None or is_constant(split.args[0]):
        return None
    permutation = [int(axis) for axis in transpose.attrs.axes]
    before, middle, after = shape_of(split.args[0]), shape_of(split), shape_of(value)
    if len(before) != 4 or len(middle) != 6 or len(after) != 4:
        return None
    batch, _, height, width = before
    for mode, expected in _PERMUTATIONS.items():
        block = middle[1] if mode == "DCR" else middle[2]
        depth = after[1]
        blocks = (batch, block, block, depth) if mode == "DCR" else (batch, depth, block, block)
        result = (batch, depth, height * block, width * block)
        if permutation == expected and middle == (*blocks, height, width) and after == result:
            operator = DepthToSpace(block=block, mode=mode)
            source = split.args[0]
            own_name = rewrite.name(value, name)
            return in_nhwc(rewrite, operator, source, {}, name=own_name, quantization=rewrite.quantization.get(source))
    return None
