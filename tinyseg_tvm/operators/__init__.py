"""The operators of the lowered network, one per file. See base.py for what each states."""

from tinyseg_tvm.operators.base import LineAccess, Operator
from tinyseg_tvm.operators.tensor_type import TensorType

__all__ = ["LineAccess", "Operator", "TensorType"]
