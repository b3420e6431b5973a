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
    "tinyseg_average_dsp": (1800, 3104),
    "tinyseg_average_mve": (904, 904),
    "tinyseg_channel_lookup": (92, 80),
    "tinyseg_channel_v7m": (116, 1068),
    "tinyseg_codec_delta": (1124, 1468),
    "tinyseg_codec_mask": (280, 308),
    "tinyseg_columns_dsp": (1432, 1340),
    "tinyseg_columns_mve": (348, 348),
    "tinyseg_conv2d": (2260, 4200),
    "tinyseg_conv2d_direct_dsp": (4020, 5560),
    "tinyseg_conv2d_direct_dsp_plain": (4088, 5516),
    "tinyseg_conv2d_direct_mve": (1440, 1440),
    "tinyseg_conv2d_dsp": (5412, 8104),
    "tinyseg_conv2d_dsp_plain": (5508, 8212),
    "tinyseg_conv2d_f32": (3444, 4708),
    "tinyseg_conv2d_i16": (1380, 1984),
    "tinyseg_conv2d_i16_pairs": (1440, 1752),
    "tinyseg_conv2d_i16_pairs_s64": (1504, 1824),
    "tinyseg_conv2d_i16_s64": (1432, 2284),
    "tinyseg_conv2d_i16_vectors": (1364, 1364),
    "tinyseg_conv2d_i16_vectors_s64": (1408, 1408),
    "tinyseg_conv2d_i16_w16": (1416, 2276),
    "tinyseg_conv2d_mve": (2400, 2400),
    "tinyseg_conv2d_sums": (2208, 2336),
    "tinyseg_conv2d_sums_w16": (2316, 2408),
    "tinyseg_conv2d_transpose": (1172, 2524),
    "tinyseg_conv2d_transpose_f32": (1160, 1456),
    "tinyseg_conv2d_transpose_i16": (1092, 1616),
    "tinyseg_conv2d_transpose_i16_s64": (1116, 1836),
    "tinyseg_conv2d_transpose_i16_w16": (1124, 1860),
    "tinyseg_conv2d_transpose_sums": (1172, 1144),
    "tinyseg_conv2d_transpose_sums_w16": (1188, 1164),
    "tinyseg_conv2d_transpose_w16": (1168, 2560),
    "tinyseg_conv2d_v6m": (2748, 2748),
    "tinyseg_conv2d_w16": (2424, 4256),
    "tinyseg_conv2d_winograd": (4448, 6100),
    "tinyseg_convert": (444, 440),
    "tinyseg_copy": (160, 192),
    "tinyseg_crc32": (136, 136),
    "tinyseg_dense": (736, 2256),
    "tinyseg_dense_dsp": (1924, 3248),
    "tinyseg_dense_f32": (808, 964),
    "tinyseg_dense_i16": (784, 1300),
    "tinyseg_dense_i16_pairs": (784, 1060),
    "tinyseg_dense_i16_pairs_s64": (900, 1188),
    "tinyseg_dense_i16_s64": (864, 1552),
    "tinyseg_dense_i16_vectors": (728, 728),
    "tinyseg_dense_i16_vectors_s64": (816, 816),
    "tinyseg_dense_i16_w16": (836, 1528),
    "tinyseg_dense_mve": (344, 344),
    "tinyseg_dense_sums": (816, 824),
    "tinyseg_dense_sums_w16": (908, 856),
    "tinyseg_dense_w16": (828, 2292),
    "tinyseg_depthwise": (2140, 4400),
    "tinyseg_depthwise_block_mve": (1660, 1660),
    "tinyseg_depthwise_f32": (2424, 3208),
    "tinyseg_depthwise_i16": (812, 1428),
    "tinyseg_depthwise_i16_s64": (836, 1544),
    "tinyseg_depthwise_i16_w16": (840, 1552),
    "tinyseg_depthwise_w16": (2128, 4052),
    "tinyseg_elementwise": (892, 1176),
    "tinyseg_elementwise_f32": (2580, 3256),
    "tinyseg_elementwise_i16": (264, 352),
    "tinyseg_elementwise_tflite": (820, 1972),
    "tinyseg_elementwise_tflite_i16": (860, 1612),
    "tinyseg_fma_f32": (784, 856),
    "tinyseg_functions_f32": (2024, 2220),
    "tinyseg_gather": (160, 240),
    "tinyseg_global_pool": (352, 1692),
    "tinyseg_l2_normalize_tflite": (672, 808),
    "tinyseg_lanes_mve": (212, 212),
    "tinyseg_linear_dsp": (3048, 2772),
    "tinyseg_linear_mve": (148, 148),
    "tinyseg_log_softmax_tflite": (1604, 2420),
    "tinyseg_lookup": (124, 104),
    "tinyseg_lookup_dsp": (180, 148),
    "tinyseg_lookup_mve": (28, 28),
    "tinyseg_lstm_tflite": (1224, 1436),
    "tinyseg_lstm_tflite_i16": (1288, 1896),
    "tinyseg_matmul": (820, 2504),
    "tinyseg_matmul_f32": (832, 932),
    "tinyseg_matmul_i16": (716, 1228),
    "tinyseg_planes_mve": (2168, 2168),
    "tinyseg_pool2d": (1132, 2684),
    "tinyseg_pool2d_dsp": (1708, 1652),
    "tinyseg_pool2d_f32": (1652, 1680),
    "tinyseg_pool2d_i16": (2084, 2912),
    "tinyseg_pool2d_mve": (612, 612),
    "tinyseg_product_dsp": (632, 580),
    "tinyseg_product_mve": (176, 176),
    "tinyseg_quantize": (180, 264),
    "tinyseg_quantize_i16": (180, 264),
    "tinyseg_recurrent_f32": (1856, 1960),
    "tinyseg_reduce": (700, 2172),
    "tinyseg_reduce_f32": (1376, 1528),
    "tinyseg_reduction": (928, 984),
    "tinyseg_requantization": (236, 308),
    "tinyseg_resample2d": (340, 1740),
    "tinyseg_resample2d_f32": (260, 280),
    "tinyseg_rescaling_tflite": (276, 692),
    "tinyseg_resize2d": (576, 1820),
    "tinyseg_resize2d_i16": (640, 1132),
    "tinyseg_resize2d_tflite": (412, 508),
    "tinyseg_select": (100, 108),
    "tinyseg_softmax": (232, 300),
    "tinyseg_softmax_f32": (236, 248),
    "tinyseg_softmax_i16": (296, 356),
    "tinyseg_softmax_tflite": (608, 944),
    "tinyseg_softmax_tflite_i16": (428, 668),
    "tinyseg_softmax_tflite_wide": (604, 1004),
    "tinyseg_spill": (932, 968),
    "tinyseg_squashing_tflite": (272, 336),
    "tinyseg_storage": (1090, 1174),
    "tinyseg_tile_dsp": (288, 264),
    "tinyseg_tile_mve": (64, 64),
    "tinyseg_tile_v7m": (48, 48),
    "tinyseg_unpool2d": (624, 716),
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
