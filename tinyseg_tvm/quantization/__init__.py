"""Quantisation of float networks after training: ``quantize`` gives the network, ``outlook`` what it needs.

The result is an ONNX network of QuantizeLinear and DequantizeLinear: int8 weights per output channel, activations per
tensor, and no operator in float but those that are excluded by name.
"""

from tinyseg_tvm.accuracy import Preprocessing
from tinyseg_tvm.accuracy.scores import Reading
from tinyseg_tvm.quantization.calibration import METHODS
from tinyseg_tvm.quantization.options import ACTIVATIONS, PORTS, QuantizationOptions
from tinyseg_tvm.quantization.outlook import Outlook, outlook
from tinyseg_tvm.quantization.quantizer import Quantized, quantize

__all__ = [
    "ACTIVATIONS",
    "METHODS",
    "PORTS",
    "Outlook",
    "Preprocessing",
    "QuantizationOptions",
    "Quantized",
    "Reading",
    "outlook",
    "quantize",
]
