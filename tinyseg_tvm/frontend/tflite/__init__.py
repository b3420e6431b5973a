"""Reads TensorFlow Lite models: the flatbuffer without trusting it, then Relax with the tensors' names kept.

``from_tflite(model) -> (module, {})`` is the entry. What later stages find in ``main``:

================  ==================================================================================================
names             a binding has the name of the file's result tensor (names.py: unique, printable)
layout            TensorFlow Lite's: maps NHWC, weights OHWI
calls             ``relax.tflite.<operator>`` in lower case: operands in the file's order, without absent ones;
                  attributes ``options`` (schema.py), ``operands`` and ``results`` (each the file's ``dtype``, ``shape``
                  and, where it is quantised, ``scales``, ``zero_points``, ``axis``; empty for an absent operand),
                  ``shapes`` and ``dtypes`` of the results as Relax has them. Several results are a tuple
quantised tensor  a variable of int8 (or int16), which calls read as it is: the meaning is TensorFlow Lite's. uint8 is
                  shifted by 128, zero points with it; the file's ``dtype`` still says uint8. At the edges it is
                  converted by ``dequantize(uint8)`` -> ``quantize(int8)`` of equal scale, and the other way round
constants         folded where they depend on constants and shapes; float16 is float32, sparse is dense, int4 is int8
================  ==================================================================================================
"""

from tinyseg_tvm.frontend.tflite.importing import from_tflite, is_tflite

__all__ = ["from_tflite", "is_tflite"]
