"""MediaPipe's Convolution2DTransposeBias is TRANSPOSE_CONV with a bias."""

from __future__ import annotations

import numpy as np
import pytest

from tests.frontend.tflite_files import TfliteFile
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.frontend import from_tflite
from tinyseg_tvm.network.reference import run
from tinyseg_tvm.relay_passes import lower

KIND = "CUSTOM Convolution2DTransposeBias"


def upsampled(options: tuple[int, ...] | None, size: tuple[int, int], padding: str = "SAME") -> bytes:
    """A map (1, 4, 5, 3) to (1, *size, 2) by a kernel of 3 x 2 and strides of 2 rows and 3 columns.

    ``options``: the custom operator's; None is TRANSPOSE_CONV.
    """
    rng, made = np.random.default_rng(3), TfliteFile()
    image = made.tensor((1, 4, 5, 3), "float32", None)
    weight = made.constant(rng.normal(size=(2, 3, 2, 3)).astype(np.float32))
    bias = made.constant(rng.normal(size=2).astype(np.float32))
    result = made.tensor((1, *size, 2), "float32", None, name="result")
    if options is None:
        shape = made.constant(np.array([1, *size, 2], np.int32))
        made.operator("TRANSPOSE_CONV", [shape, weight, image, bias], [result], padding=padding, stride_w=3, stride_h=2)
    else:
        made.operator(KIND, [image, weight, bias], [result], custom_options=np.array(options, "<i4").tobytes())
    return made.to_bytes([image], [result])


@pytest.mark.parametrize(("padding", "size"), [("SAME", (8, 15)), ("VALID", (9, 14))])
def test_it_is_a_transposed_convolution_with_a_bias(padding, size):
    custom, plain = (
        lower(from_tflite(upsampled(options, size, padding))[0])
        for options in ((1 if padding == "SAME" else 2, 3, 2), None)
    )
    image = np.random.default_rng(1).normal(size=(1, 4, 5, 3)).astype(np.float32)
    np.testing.assert_array_equal(run(custom, [image])[0], run(plain, [image])[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "has 0 bytes of options; a padding and two strides take 12"),
        ((0, 3, 2), "padding of .* is 0; values are 1 and 2"),
        ((1, 3, 0), "its stride 0 is not positive"),
        ((1, -3, 2), "its stride -3 is not positive"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(TinySegError, match=message):
        lower(from_tflite(upsampled(options, (8, 15)))[0])
