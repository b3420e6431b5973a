"""Rules for ``relax.tflite`` calls: a module per kind of operator. ``tflite_to_operators`` applies them.

A rule is given a ``TfliteCall`` and gives what stands for its result. It raises ``UnsupportedError`` where the operator
cannot be computed as TensorFlow Lite computes it. Integers follow the rule ``tflite`` of operators/arithmetic, float32
its own.
"""
