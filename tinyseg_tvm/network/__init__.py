"""The lowered network: integer operators over tensors of lines. Knows NumPy, not TVM."""

from tinyseg_tvm.network.network import Network, Node, Port, State, Tensor

__all__ = ["Network", "Node", "Port", "State", "Tensor"]
