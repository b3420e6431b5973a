"""How ONNX's operators run, by the type of their operands: the columns of ``tinyseg ops``.

``tests/frontend/test_operator_list.py`` lowers a form of each operator in each type, and compares.
"""

from __future__ import annotations

TYPES = ("int8", "int16", "float32")
"""Types of an operator's first operand: the columns. Truths are of what was compared."""

INTEGER, FLOAT, WHOLE, NOT = "integer", "float", "whole", "-"

_MOSTLY = (INTEGER, INTEGER, FLOAT)

_OF_FLOATS = """
    AffineGrid Attention CausalConvWithState DFT EyeLike GlobalLpPool GroupNormalization GRU InstanceNormalization
    LayerNormalization LinearAttention LogSoftmax LpNormalization LpPool LSTM MeanVarianceNormalization MelWeightMatrix
    ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceProd ReduceSumSquare RMSNormalization RNN STFT
"""
_OF_WHOLE_TENSORS = """
    ArgMin BitCast Col2Im CumProd CumSum DeformConv DynamicQuantizeLinear Einsum GatherElements GatherND GridSample
    Hardmax LRN MaxRoiPool NegativeLogLikelihoodLoss OneHot ReverseSequence RoiAlign Scatter ScatterElements ScatterND
    SoftmaxCrossEntropyLoss TensorScatter TopK Trilu
"""

_WORDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_OF_FLOATS.split(), (FLOAT, FLOAT, FLOAT)),
    **dict.fromkeys(_OF_WHOLE_TENSORS.split(), (WHOLE, WHOLE, WHOLE)),
    **dict.fromkeys(("BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor"), (WHOLE, WHOLE, NOT)),
    **dict.fromkeys(("ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul"), (INTEGER, NOT, NOT)),
    "Cast": (FLOAT, FLOAT, WHOLE),
    "DequantizeLinear": (INTEGER, FLOAT, NOT),
    "MaxUnpool": (INTEGER, WHOLE, FLOAT),
    "Mod": (INTEGER, WHOLE, WHOLE),
    "ReduceMin": (INTEGER, WHOLE, FLOAT),
    "ReduceSum": (INTEGER, FLOAT, FLOAT),
    "TfIdfVectorizer": (NOT, NOT, NOT),  # of integers of 32 and 64 bits
}


def operator_words(name: str) -> tuple[str, ...]:
    """How an operator of ONNX's own that is compiled runs in each of ``TYPES``."""
    return _WORDS.get(name, _MOSTLY)
