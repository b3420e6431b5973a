"""TensorFlow Lite's schema, version 3: numbers of operators, element types and the fields of operators' options.

Source: tensorflow/compiler/mlir/lite/schema/schema.fbs. Only options that a converter reads are listed.
"""

from __future__ import annotations

from dataclasses import dataclass

IDENTIFIERS = (b"TFL3",)
VERSION = 3


def _numbered(names: str) -> dict[int, str]:
    """Names by their number, which is their place."""
    return dict(enumerate(names.split()))


OPERATORS: dict[int, str] = _numbered(
    """
    ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
    FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC
    LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH
    SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER
    BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE
    BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM
    ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE
    TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK
    LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL
    FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL
    REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND
    HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM
    BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS
    HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE
    ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU
    DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2
    UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT
    """
)
"""Names of the builtin operators by their numbers."""

PLACEHOLDER = 127
"""In the old one-byte field: the operator's number is in the field of 32 bits alone."""

CUSTOM = "CUSTOM"
TRANSPOSE_CONV_BIAS = "CUSTOM_CONVOLUTION2D_TRANSPOSE_BIAS"
"""MediaPipe's TRANSPOSE_CONV with a bias, the one custom operator that is read."""
CUSTOM_KINDS = {"Convolution2DTransposeBias": TRANSPOSE_CONV_BIAS}
"""What custom operators are called here, by their custom code."""

TYPES: dict[int, str] = _numbered(
    """
    float32 float16 int32 uint8 int64 string bool int16 complex64 int8 float64 complex128 uint64 resource variant
    uint32 uint16 int4 bfloat16
    """
)
"""Names of the element types by their numbers; those that NumPy has are named as there."""

ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")
PADDINGS = ("SAME", "VALID")
MIRROR_PADS = ("REFLECT", "SYMMETRIC")


@dataclass(frozen=True)
class Option:
    """A field of an operator's options.

    Attributes:
        field: its number in the table.
        code: struct's code of a number, or one with ``*`` behind it for a vector of such.
        default: where it is absent.
        names: of an enumeration's values.
    """

    field: int
    code: str
    default: int | float = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Options:
    """The options of some operators.

    Attributes:
        union: number of the table in the union of all options.
        fields: by name.
    """

    union: int
    fields: dict[str, Option]


def _activation(field: int) -> dict[str, Option]:
    return {"fused_activation_function": Option(field, "b", 0, ACTIVATIONS)}


def _windows(first: int) -> dict[str, Option]:
    return {
        "padding": Option(first, "b", 0, PADDINGS),
        "stride_w": Option(first + 1, "i"),
        "stride_h": Option(first + 2, "i"),
    }


def _dilations(first: int) -> dict[str, Option]:
    return {"dilation_w_factor": Option(first, "i", 1), "dilation_h_factor": Option(first + 1, "i", 1)}


_REDUCER = Options(27, {"keep_dims": Option(0, "b")})

OPTIONS: dict[str, Options] = {
    "CONV_2D": Options(1, {**_windows(0), **_activation(3), **_dilations(4)}),
    "DEPTHWISE_CONV_2D": Options(
        2, {**_windows(0), "depth_multiplier": Option(3, "i"), **_activation(4), **_dilations(5)}
    ),
    "AVERAGE_POOL_2D": Options(
        5, {**_windows(0), "filter_width": Option(3, "i"), "filter_height": Option(4, "i"), **_activation(5)}
    ),
    "MAX_POOL_2D": Options(
        5, {**_windows(0), "filter_width": Option(3, "i"), "filter_height": Option(4, "i"), **_activation(5)}
    ),
    "SVDF": Options(6, {"rank": Option(0, "i"), **_activation(1)}),
    "FULLY_CONNECTED": Options(
        8, {**_activation(0), "weights_format": Option(1, "b"), "keep_num_dims": Option(2, "b")}
    ),
    "SOFTMAX": Options(9, {"beta": Option(0, "f")}),
    "CONCATENATION": Options(10, {"axis": Option(0, "i"), **_activation(1)}),
    "ADD": Options(11, {**_activation(0), "pot_scale_int16": Option(1, "b", 1)}),
    "L2_NORMALIZATION": Options(12, _activation(0)),
    "RESIZE_BILINEAR": Options(15, {"align_corners": Option(2, "b"), "half_pixel_centers": Option(3, "b")}),
    "RESHAPE": Options(17, {"new_shape": Option(0, "i*")}),
    "SPACE_TO_DEPTH": Options(19, {"block_size": Option(0, "i")}),
    "MUL": Options(21, _activation(0)),
    "GATHER": Options(23, {"axis": Option(0, "i"), "batch_dims": Option(1, "i")}),
    "MEAN": _REDUCER,
    "SUM": _REDUCER,
    "REDUCE_MAX": _REDUCER,
    "REDUCE_MIN": _REDUCER,
    "REDUCE_PROD": _REDUCER,
    "SUB": Options(28, {**_activation(0), "pot_scale_int16": Option(1, "b", 1)}),
    "DIV": Options(29, _activation(0)),
    "SQUEEZE": Options(30, {"squeeze_dims": Option(0, "i*")}),
    "STRIDED_SLICE": Options(
        32,
        {
            "begin_mask": Option(0, "i"),
            "end_mask": Option(1, "i"),
            "ellipsis_mask": Option(2, "i"),
            "new_axis_mask": Option(3, "i"),
            "shrink_axis_mask": Option(4, "i"),
            "offset": Option(5, "b"),
        },
    ),
    "SPLIT": Options(35, {"num_splits": Option(0, "i")}),
    "CAST": Options(37, {}),
    "ARG_MAX": Options(40, {"output_type": Option(0, "b")}),
    "TRANSPOSE_CONV": Options(49, {**_windows(0), **_activation(3)}),
    "SHAPE": Options(55, {"out_type": Option(0, "b")}),
    "ARG_MIN": Options(57, {"output_type": Option(0, "b")}),
    "PACK": Options(59, {"values_count": Option(0, "i"), "axis": Option(1, "i")}),
    "UNPACK": Options(64, {"num": Option(0, "i"), "axis": Option(1, "i")}),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Options(
        71,
        {
            **_activation(0),
            "cell_clip": Option(1, "f"),
            "proj_clip": Option(2, "f"),
            "time_major": Option(3, "b"),
            "diagonal_recurrent_tensors": Option(5, "b"),
        },
    ),
    "RESIZE_NEAREST_NEIGHBOR": Options(74, {"align_corners": Option(0, "b"), "half_pixel_centers": Option(1, "b")}),
    "LEAKY_RELU": Options(75, {"alpha": Option(0, "f")}),
    "MIRROR_PAD": Options(77, {"mode": Option(0, "b", 0, MIRROR_PADS)}),
    "SPLIT_V": Options(79, {"num_splits": Option(0, "i")}),
    "DEPTH_TO_SPACE": Options(94, {"block_size": Option(0, "i")}),
    "BATCH_MATMUL": Options(101, {"adj_x": Option(0, "b"), "adj_y": Option(1, "b")}),
    "CALL_ONCE": Options(103, {"init_subgraph_index": Option(0, "i")}),
    "VAR_HANDLE": Options(111, {"container": Option(0, "s"), "shared_name": Option(1, "s")}),
    "GELU": Options(116, {"approximate": Option(0, "b")}),
}
"""Options by the operator's name."""
