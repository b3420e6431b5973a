"""Bytes of code that a kernel is reckoned with before any compiler has seen it.

Fast memory is divided when the C is generated (fast_memory.py), on computers that may have no Arm compiler. The linker
knows the truth, and refuses what does not fit.
"""

from __future__ import annotations

from tinyseg_tvm.codegen.core import Core

UNKNOWN = (8192, 12288)  # of a module that is not in the table
_SLACK, _EXTRA = 1.25, 64  # for other versions of the compiler, and of the kernels
_AROUND = 288  # loops and copies around the micro-kernels of an operator, which their estimate leaves out
_WITHOUT_FPU = 2  # for their requantisation in integers

# Module: text with a floating point unit, and without. The largest of all cores that may use it, GCC 12.2 with -O2.
_MEASURED = {
    "tinyseg_argmax": (656, 680),
    "tinyseg_argmax_i16": (160, 164),
    "tinyseg_average_dsp": (1344, 2844),
    "tinyseg_average_mve": (892, 892),
    "tinyseg_channel_lookup": (56, 56),
    "tinyseg_channel_v7m": (1048, 1048),
    "tinyseg_codec_delta": (1124, 1468),
    "tinyseg_codec_mask": (280, 308),
    "tinyseg_columns_dsp": (1096, 1008),
    "tinyseg_columns_mve": (348, 348),
    "tinyseg_conv2d": (2252, 4100),
    "tinyseg_conv2d_direct_dsp": (3916, 5520),
    "tinyseg_conv2d_direct_dsp_plain": (3940, 5476),
    "tinyseg_conv2d_direct_mve": (1440, 1440),
    "tinyseg_conv2d_dsp": (4956, 7840),
    "tinyseg_conv2d_dsp_plain": (5048, 7960),
    "tinyseg_conv2d_f32": (3444, 4708),
    "tinyseg_conv2d_i16": (1148, 1984),
    "tinyseg_conv2d_i16_pairs": (1208, 1752),
    "tinyseg_conv2d_i16_pairs_s64": (1284, 1824),
    "tinyseg_conv2d_i16_s64": (1212, 2284),
    "tinyseg_conv2d_i16_vectors": (1116, 1116),
    "tinyseg_conv2d_i16_vectors_s64": (1136, 1136),
    "tinyseg_conv2d_i16_w16": (1196, 2276),
    "tinyseg_conv2d_mve": (2400, 2400),
    "tinyseg_conv2d_sums": (2148, 2308),
    "tinyseg_conv2d_sums_w16": (2212, 2384),
    "tinyseg_conv2d_transpose": (1172, 2496),
    "tinyseg_conv2d_transpose_f32": (1160, 1456),
    "tinyseg_conv2d_transpose_i16": (812, 1616),
    "tinyseg_conv2d_transpose_i16_s64": (868, 1836),
    "tinyseg_conv2d_transpose_i16_w16": (876, 1860),
    "tinyseg_conv2d_transpose_sums": (1056, 1124),
    "tinyseg_conv2d_transpose_sums_w16": (1064, 1160),
    "tinyseg_conv2d_transpose_w16": (1168, 2512),
    "tinyseg_conv2d_v6m": (2472, 2692),
    "tinyseg_conv2d_w16": (2336, 4104),
    "tinyseg_conv2d_winograd": (4132, 6072),
    "tinyseg_copy": (160, 192),
    "tinyseg_crc32": (136, 136),
    "tinyseg_dense": (736, 2188),
    "tinyseg_dense_dsp": (1784, 3216),
    "tinyseg_dense_f32": (808, 964),
    "tinyseg_dense_i16": (500, 1300),
    "tinyseg_dense_i16_pairs": (524, 1060),
    "tinyseg_dense_i16_pairs_s64": (640, 1188),
    "tinyseg_dense_i16_s64": (604, 1552),
    "tinyseg_dense_i16_vectors": (468, 468),
    "tinyseg_dense_i16_vectors_s64": (556, 556),
    "tinyseg_dense_i16_w16": (576, 1528),
    "tinyseg_dense_mve": (344, 344),
    "tinyseg_dense_sums": (772, 808),
    "tinyseg_dense_sums_w16": (788, 844),
    "tinyseg_dense_w16": (828, 2228),
    "tinyseg_depthwise": (1716, 3316),
    "tinyseg_depthwise_block_mve": (1660, 1660),
    "tinyseg_depthwise_f32": (2424, 3208),
    "tinyseg_depthwise_i16": (520, 1428),
    "tinyseg_depthwise_i16_s64": (560, 1544),
    "tinyseg_depthwise_i16_w16": (568, 1552),
    "tinyseg_depthwise_w16": (1728, 2980),
    "tinyseg_elementwise": (892, 1176),
    "tinyseg_elementwise_f32": (2580, 3256),
    "tinyseg_elementwise_i16": (264, 352),
    "tinyseg_fma_f32": (784, 856),
    "tinyseg_functions_f32": (2104, 2360),
    "tinyseg_gather": (160, 240),
    "tinyseg_global_pool": (272, 1624),
    "tinyseg_lanes_mve": (216, 216),
    "tinyseg_linear_dsp": (3052, 2776),
    "tinyseg_linear_mve": (148, 148),
    "tinyseg_lookup": (124, 104),
    "tinyseg_lookup_dsp": (180, 148),
    "tinyseg_lstm_tflite": (1224, 1424),
    "tinyseg_lookup_mve": (28, 28),
    "tinyseg_matmul": (816, 2504),
    "tinyseg_matmul_f32": (832, 932),
    "tinyseg_matmul_i16": (404, 1228),
    "tinyseg_planes_mve": (2184, 2184),
    "tinyseg_pool2d": (956, 2572),
    "tinyseg_pool2d_dsp": (1708, 1652),
    "tinyseg_pool2d_f32": (1648, 1672),
    "tinyseg_pool2d_i16": (1320, 2344),
    "tinyseg_pool2d_mve": (612, 612),
    "tinyseg_product_dsp": (632, 580),
    "tinyseg_product_mve": (176, 176),
    "tinyseg_quantize": (180, 264),
    "tinyseg_reduce": (900, 2200),
    "tinyseg_reduce_f32": (1200, 1900),
    "tinyseg_reduction": (900, 1300),
    "tinyseg_quantize_i16": (180, 264),
    "tinyseg_recurrent_f32": (1856, 1996),
    "tinyseg_requantization": (236, 308),
    "tinyseg_resample2d": (400, 1800),
    "tinyseg_resample2d_f32": (300, 400),
    "tinyseg_resize2d": (300, 1668),
    "tinyseg_resize2d_i16": (320, 1132),
    "tinyseg_select": (120, 112),
    "tinyseg_softmax": (232, 300),
    "tinyseg_softmax_f32": (424, 476),
    "tinyseg_softmax_i16": (296, 356),
    "tinyseg_spill": (852, 904),
    "tinyseg_storage": (668, 688),
    "tinyseg_tile_dsp": (260, 224),
    "tinyseg_tile_mve": (64, 64),
    "tinyseg_tile_v7m": (48, 48),
    "tinyseg_unpool2d": (700, 700),
    "tinyseg_wide_channels": (2004, 3588),
    "tinyseg_wide_channels_pairs": (2152, 2972),
    "tinyseg_wide_channels_vectors": (1712, 1712),
    "tinyseg_wide_terms": (60, 48),
}


def code_bytes(module: str, core: Core) -> int:
    """Bytes to set aside for a module of the runtime, a multiple of 16."""
    return _with_slack(_MEASURED.get(module, UNKNOWN)[0 if core.has_fpu else 1])


def program_bytes(estimate: int, core: Core) -> int:
    """Bytes to set aside for an operator's own functions, estimated to compile to so many; a multiple of 16."""
    return _with_slack(estimate * (1 if core.has_fpu else _WITHOUT_FPU) + _AROUND)


def _with_slack(size: int) -> int:
    return -(-int(size * _SLACK + _EXTRA) // 16) * 16
