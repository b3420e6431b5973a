"""Which TensorFlow Lite operators are compiled, in which types: what ``tinyseg ops`` prints beside ONNX's."""

from __future__ import annotations

from tinyseg_tvm.frontend.tflite.folding import FOLDED

TYPES = ("int8", "uint8", "int16", "float32")
"""Types of an operator's first operand: the columns."""

_BYTES = ("int8", "uint8", "float32")

_ALL = """
    CONV_2D DEPTHWISE_CONV_2D TRANSPOSE_CONV FULLY_CONNECTED ADD SUB MUL MAXIMUM MINIMUM RELU RELU6 RELU_N1_TO_1
    RELU_0_TO_1 ABS LEAKY_RELU LOGISTIC TANH SOFTMAX AVERAGE_POOL_2D MAX_POOL_2D MEAN SUM REDUCE_MAX REDUCE_MIN
    ARG_MAX SELECT SELECT_V2 QUANTIZE DEQUANTIZE CAST CONCATENATION PACK UNPACK SPLIT SPLIT_V PAD PADV2 MIRROR_PAD
    RESHAPE SQUEEZE EXPAND_DIMS TRANSPOSE STRIDED_SLICE SLICE GATHER GATHER_ND EMBEDDING_LOOKUP TILE BROADCAST_TO
    FILL REVERSE_V2 SPACE_TO_DEPTH DEPTH_TO_SPACE SPACE_TO_BATCH_ND BATCH_TO_SPACE_ND RESIZE_BILINEAR
    RESIZE_NEAREST_NEIGHBOR VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE LOGICAL_AND LOGICAL_OR LOGICAL_NOT
"""
_OF_BYTES = """
    SQUARED_DIFFERENCE PRELU ELU EXP GELU HARD_SWISH L2_NORMALIZATION EQUAL NOT_EQUAL GREATER GREATER_EQUAL LESS
    LESS_EQUAL
"""
_OF_REALS = "DIV FLOOR_DIV POW LOG SQRT RSQRT SIN COS NEG FLOOR CEIL ROUND SIGN SQUARE REDUCE_PROD ADD_N"

OPERATOR_TYPES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_ALL.split(), TYPES),
    **dict.fromkeys(_OF_BYTES.split(), _BYTES),
    **dict.fromkeys(_OF_REALS.split(), ("float32",)),
    **dict.fromkeys(("SVDF", "LOG_SOFTMAX"), ("int8", "float32")),
    "BATCH_MATMUL": ("int8", "int16", "float32"),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": ("int8", "int16"),
    "ARG_MIN": ("int8", "uint8"),
}
"""Types in which an operator is compiled, by its name. That of logic is of bool, whatever was compared."""

NOTES: dict[str, str] = {
    **dict.fromkeys(sorted(FOLDED - OPERATOR_TYPES.keys()), "folded, where its operands are constant"),
    "CALL_ONCE": "constants that are assigned to variables",
    "Convolution2DTransposeBias": "custom; TRANSPOSE_CONV of float32 with a bias",
    "TFLite_Detection_PostProcess": "custom; the network ends before it",
}
"""What becomes of other operators."""
