"""Reads ONNX models: loads them safely, normalises the graph, imports it into Relax with the node names kept.

``from_onnx(model) -> (module, {})`` is the entry, ``supported_operators()`` the matrix behind ``tinyseg ops``.
``from_tflite`` reads TensorFlow Lite models: see the package ``tflite``, which has other forms.

What later stages find in ``main``, whatever the file looked like:

================  ==================================================================================================
names             the binding of an ONNX node's result has the node's name (names.py: unique, printable); further
                  calls of the same node are ``<node>_<operator>``, items of a tuple ``<node>_<index>``. The last
                  binding is TVM's ``gv``, an alias (or a tuple) of the results
shapes            static everywhere; no shape arithmetic; feature maps NCHW; sequences (N, C, L) run as maps (N, C,
                  L, 1), with ``reshape`` ahead of the first and behind the last such operator only
quantised tensor  ``relax.quantize(x, scale, zero_point, axis, out_dtype)`` and ``relax.dequantize`` with constants:
                  scalars per tensor, vectors per channel (``axis`` counts only then). int8 throughout: uint8 is
                  shifted by 128. A uint8 graph input is converted by ``dequantize(uint8)`` -> ``quantize(int8)`` of
                  equal scale and shifted zero point (the identity, bindings ``input_<i>_dequantize``,
                  ``input_<i>_quantize``), an output by ``output_<i>_...`` the other way round. uint8 remains where
                  anything else than quantisers and value-moving operators reads it (a Cast to float)
weight            ``relax.dequantize(constant int8, scale, zero_point, axis)`` as the operand, never folded to
                  float; also where the file transposed or reshaped it behind the dequantiser, stored floats, int4
                  or uint4
conv              ``nn.conv2d`` (NCHW, OIHW), with a bias ``add(conv2d, reshape(bias, (1, C, 1, 1)))``; the bias is
                  ``dequantize(constant int32, ...)`` or a float constant; padding explicit
conv transpose    ``nn.conv2d_transpose`` (NCHW, IOHW), bias likewise; padding and output_padding explicit
fully connected   ``matmul(x, w)`` with ``permute_dims(w)`` for Gemm's transB, ``add`` for the bias; alpha, beta as
                  ``multiply``
pooling           ``nn.max_pool2d``, ``nn.avg_pool2d`` with ceil_mode False; MaxPool also directly on int8. Global:
                  ``mean`` or ``max`` over axes [2, 3], keepdims
clamp             ``nn.relu``, or ``clip`` with two constant bounds, or ``maximum``/``minimum`` with one constant.
                  May stand on int8, too (values of 4 bits)
pad               ``nn.pad`` (constant); other modes are TVM's ``call_tir``
reshape           ``reshape`` to a constant shape for Reshape, Flatten, Squeeze, Unsqueeze; no two in a row
resize            ``image.resample2d`` (resample_operator.py) of maps NCHW: tables of sources and weights
batch norm        none: in the float weights, or ``multiply`` and ``add`` with constants (1, C, 1, 1)
DepthToSpace      ``reshape``, ``permute_dims``, ``reshape``
control flow      none: If, Loop and Scan are the nodes that they run
16-bit floats     none: float32
removed           Identity, Dropout, casts, transposes and reshapes that change nothing, nodes nobody reads
================  ==================================================================================================

QOperator models come in the same forms; the float operator has the QLinear node's name, its quantisers
``<node>_dequantize_<operand>`` and ``<node>_quantize``.
"""

from tinyseg_tvm.frontend.onnx_model import from_onnx
from tinyseg_tvm.frontend.operator_support import OperatorSupport, supported_operators
from tinyseg_tvm.frontend.tflite import from_tflite, is_tflite

__all__ = ["OperatorSupport", "from_onnx", "from_tflite", "is_tflite", "supported_operators"]
