"""Relax to Relax: from an imported QDQ model to integer operators in NHWC, then to the lowered network.

Every pass is a ``tvm.transform.Pass`` over an IRModule, one per file, named as the file. They work on the function
``main``: one dataflow block, static shapes. ``lowering.py`` holds their order in two halves, ``integer_pipeline()`` and
``layout_pipeline()``; ``lower`` runs both and hands out the ``network.Network``. ``rewriting.py`` is the engine of all.

``contracts.py`` states what ``main`` must hold at three seams, and every build checks it: as imported, after the first
half (below), and lowered.

**The seam after ``integer_pipeline``.** ``main`` then holds only

* ``relax.tinyseg.<kind>`` calls, built by ``operators_registration.call`` and read by ``operator_of``: attributes are
  the dataclass' fields, operands the activations followed by the constants (``GenericConst``) in the order of
  ``constant_names``. They have NHWC semantics. A layout-sensitive one stands between
  ``permute_dims(x, [0, 2, 3, 1])`` and ``permute_dims(y, [0, 3, 1, 2])`` (both with explicit axes); Elementwise of
  equal shapes and Lookup do not care for the layout and stand bare.
* pure data movement on any element type: ``permute_dims`` (axes may be None: reversal), ``reshape`` (flatten, squeeze
  and expand_dims have become reshape), ``concat``, ``strided_slice`` (as has split), ``nn.pad`` (``pad_value`` is the
  quantised value). Concat operands have equal quantisation. Dense has ``flatten=False``; a flattened feature map
  arrives by ``permute_dims`` and ``reshape``, and turning those into ``flatten=True`` with permuted weights is the
  layout pass' business.
* Relax operators that have neither an integer form nor a float32 operator: on float32, between ``tinyseg.dequantize``
  and ``tinyseg.quantize`` or in a float32 network, and on other types (indices, masks). Float32 operators follow the
  same rules as the integer ones.

Names: the variable of an integer operator is named after the ONNX compute node (the Conv, not its QuantizeLinear).
Wrapping transposes are called ``<name>_nhwc`` (operand) and ``<name>_nchw`` (result).

Quantisation: the attribute ``tinyseg.quantization`` of ``main`` maps the name of a parameter or variable to
``[scale, zero_point]``, for every quantised tensor (of 8 or 16 bits) whose quantisation is known. Names in ``main`` are
unique.
``rewriting.rewrite_main`` carries it (by variable) through a rewrite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # so that importing this package does not import TVM
    from tinyseg_tvm.network.network import Network
    from tinyseg_tvm.relay_passes.expressions import Module, Pass


def integer_pipeline() -> Pass:
    """The passes of the first half: see lowering.integer_pipeline."""
    from tinyseg_tvm.relay_passes import lowering

    return lowering.integer_pipeline()


def layout_pipeline(io_type: str = "model", *, keep_dead: bool = False) -> Pass:
    """The passes of the second half: see lowering.layout_pipeline."""
    from tinyseg_tvm.relay_passes import lowering

    return lowering.layout_pipeline(io_type, keep_dead=keep_dead)


def lower(module: Module, io_type: str = "model", name: str = "network") -> Network:
    """Both halves and the ``network.Network`` they lead to: see lowering.lower."""
    from tinyseg_tvm.relay_passes import lowering

    return lowering.lower(module, io_type, name)
