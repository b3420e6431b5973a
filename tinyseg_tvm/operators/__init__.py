"""The operators of the lowered network, one per file. See base.py for what each states.

A file here is enough for an operator to be in ``OPERATORS``.
"""

from importlib import import_module
from pkgutil import iter_modules

from tinyseg_tvm.operators import arithmetic
from tinyseg_tvm.operators.argmax import ArgMax
from tinyseg_tvm.operators.average_pool2d import AveragePool2d
from tinyseg_tvm.operators.base import LineAccess, Operator
from tinyseg_tvm.operators.channel_lookup import ChannelLookup
from tinyseg_tvm.operators.clip import Clip
from tinyseg_tvm.operators.concat import Concat
from tinyseg_tvm.operators.conv2d import Conv2d
from tinyseg_tvm.operators.conv2d_transpose import Conv2dTranspose
from tinyseg_tvm.operators.dense import Dense
from tinyseg_tvm.operators.depth_to_space import DepthToSpace
from tinyseg_tvm.operators.dequantize import Dequantize
from tinyseg_tvm.operators.elementwise import Elementwise
from tinyseg_tvm.operators.elementwise_constant import ElementwiseConstant
from tinyseg_tvm.operators.fetch import Fetch
from tinyseg_tvm.operators.gather import Gather
from tinyseg_tvm.operators.global_pool import GlobalPool
from tinyseg_tvm.operators.lookup import Lookup
from tinyseg_tvm.operators.max_pool2d import MaxPool2d
from tinyseg_tvm.operators.pad import Pad
from tinyseg_tvm.operators.pointwise import Pointwise
from tinyseg_tvm.operators.quantize import Quantize
from tinyseg_tvm.operators.rearrange import Rearrange
from tinyseg_tvm.operators.reduce import Reduce
from tinyseg_tvm.operators.requantize import Requantize
from tinyseg_tvm.operators.reshape import Reshape
from tinyseg_tvm.operators.resize2d import Resize2d
from tinyseg_tvm.operators.select import Select
from tinyseg_tvm.operators.slice import Slice
from tinyseg_tvm.operators.softmax import Softmax
from tinyseg_tvm.operators.spill import Spill
from tinyseg_tvm.operators.tensor_type import TensorType
from tinyseg_tvm.operators.transpose import Transpose
from tinyseg_tvm.operators.unary import Unary

for _module in iter_modules(__path__):
    if _module.name != "opaque":  # any tensor program of TVM: no operator of ``relax.tinyseg``
        import_module(f"{__name__}.{_module.name}")

OPERATORS: dict[str, type[Operator]] = {operator.kind: operator for operator in Operator.__subclasses__()}
"""Every operator class by its kind."""

__all__ = [
    "OPERATORS",
    "ArgMax",
    "AveragePool2d",
    "ChannelLookup",
    "Clip",
    "Concat",
    "Conv2d",
    "Conv2dTranspose",
    "Dense",
    "DepthToSpace",
    "Dequantize",
    "Elementwise",
    "ElementwiseConstant",
    "Fetch",
    "Gather",
    "GlobalPool",
    "LineAccess",
    "Lookup",
    "MaxPool2d",
    "Operator",
    "Pad",
    "Pointwise",
    "Quantize",
    "Rearrange",
    "Reduce",
    "Requantize",
    "Reshape",
    "Resize2d",
    "Select",
    "Slice",
    "Softmax",
    "Spill",
    "TensorType",
    "Transpose",
    "Unary",
    "arithmetic",
]
