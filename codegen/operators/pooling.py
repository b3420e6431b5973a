"""What the emitters of pooling share: windows over the lines of a map."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.emission import Field, FunctionWriter, NodeView
from tinyseg_tvm.operators.average_pool2d import AveragePool2d
from tinyseg_tvm.operators.max_pool2d import MaxPool2d
from tinyseg_tvm.operators.max_positions import MaxPositions


def emit_windows(
    view: NodeView[AveragePool2d | MaxPool2d | MaxPositions],
    out: FunctionWriter,
    struct: str,
    kernel: str,
    results: dict[str, Field],
) -> None:
    """Write the call of a kernel over windows.

    Args:
        view: the node.
        out: where to.
        struct: the kernel's parameters.
        kernel: its name.
        results: fields of ``struct`` beside those of the windows.
    """
    operator = view.operator
    dilation = operator.dilation if isinstance(operator, MaxPool2d) else (1, 1)
    dilated: dict[str, Field] = {} if isinstance(operator, MaxPositions) else {"dilation": dilation[1]}
    windows: dict[str, Field] = {
        "channels": view.inputs[0].shape[3],
        "input_width": view.inputs[0].shape[2],
        "output_width": view.outputs[0].shape[2],
        "kernel_height": operator.kernel[0],
        "kernel_width": operator.kernel[1],
        "stride": operator.strides[1],
        "pad_left": operator.padding[1],
    }
    parameters = out.parameters(view, struct, {**windows, **dilated, **results})
    out.window(
        1,
        operator.kernel[0],
        stride=operator.strides[0],
        before=operator.padding[0],
        dilation=dilation[0],
        extent=view.inputs[0].lines,
        steps=view.outputs[0].lines,
    )
    out.write(f"{kernel}({parameters}, lines, {out.output()});")
