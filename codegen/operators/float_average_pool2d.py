"""Average pooling in float32."""

from __future__ import annotations

import math
from typing import cast

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.codegen.operators.float_pooling import emit_window, window_cost
from tinyseg_tvm.operators.float_average_pool2d import FloatAveragePool2d


def _emit(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(FloatAveragePool2d, view.operator)
    fixed = operator.count_include_pad
    emit_window(view, out, operator, "average", dilation=(1, 1), fixed_count=math.prod(operator.kernel) if fixed else 0)


VARIANTS = (Variant("float_average_pool2d", always, window_cost, _emit),)
