"""Images by rows reach the network and masks come back by rows, whatever a line of the plan is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.end_to_end.small_models import segmenter
from tests.passes.qdq_models import QdqModel
from tinyseg_tvm import relay
from tinyseg_tvm.network import reference

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "segmentation" / "tinyunet_int8.onnx"
MAIN = """
#include <stdio.h>

static UNET_INPUT0_TYPE image[UNET_INPUT0_HEIGHT][UNET_INPUT0_WIDTH][UNET_INPUT0_CHANNELS];
static UNET_OUTPUT0_TYPE mask[UNET_OUTPUT0_HEIGHT][UNET_OUTPUT0_WIDTH][UNET_OUTPUT0_CHANNELS];

int main(void)
{
    FILE *file = fopen("image.bin", "rb");
    if (file == NULL || fread(image, 1, sizeof image, file) != sizeof image || fclose(file) != 0) {
        return 100;
    }
    unet_status status = segment(&image[0][0][0], &mask[0][0][0]);
    file = fopen("mask.bin", "wb");
    if (file == NULL || fwrite(mask, 1, sizeof mask, file) != sizeof mask || fclose(file) != 0) {
        return 101;
    }
    return (int)status;
}
"""


def run_with_image(factory: relay.Factory, application: str, image: np.ndarray, folder: Path) -> bytes:
    """The mask of an application that is linked with the library alone."""
    for path, content in factory.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    (folder / "application.c").write_text(application)
    (folder / "image.bin").write_bytes(np.ascontiguousarray(image).tobytes())
    sources = [str(path) for part in ("src", "runtime") for path in sorted((folder / part).glob("*.c"))]
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-O1", "-Iinclude", "-Isrc", "-Iruntime"]
    subprocess.run(["gcc", *flags, "application.c", *sources, "-lm", "-o", "application"], cwd=folder, check=True)
    subprocess.run(["./application"], cwd=folder, check=True, timeout=60)
    return (folder / "mask.bin").read_bytes()


def readme_application() -> str:
    """The C of README.md."""
    (snippet,) = re.findall(r"```c\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return str(snippet) + MAIN


@pytest.mark.parametrize("axis", ["auto", "rows"])
def test_the_readmes_application_gives_the_mask_of_an_image_by_rows(axis: str, tmp_path: Path) -> None:
    factory = relay.build(relay.frontend.from_onnx(EXAMPLE, name="unet"), f"c -tinyseg -stream-axis={axis}")
    assert factory.axis == {"auto": "columns", "rows": "rows"}[axis]
    image = np.random.default_rng(0).integers(-128, 128, (80, 120, 3), dtype=np.int8)
    (expected,) = reference.run(factory.network, [image.transpose(2, 0, 1)[np.newaxis]])
    assert run_with_image(factory, readme_application(), image, tmp_path) == expected.tobytes()  # one channel


def classes() -> onnx.ModelProto:
    """A convolution and the class of each pixel: int8 (1, 3, 6, 9) to class indices (1, 6, 9), without channels."""
    m = QdqModel(seed=3)
    x = m.activation(1, 3, 6, 9, scale=0.05)
    weight = m.weight(5, 3, 3, 3, axis=0)
    y = m.op("Conv", x, weight, m.bias(5, x, weight), name="conv", pads=[1] * 4)
    y = m.dequantize(m.quantize(y, 0.05, 5), 0.05, 5)
    return m.build(m.op("ArgMax", y, name="classes", axis=1, keepdims=0))


@pytest.mark.parametrize("axis", ["rows", "columns"])
def test_a_mask_without_channels_is_an_image_of_one(axis: str, tmp_path: Path) -> None:
    options = f"c -tinyseg -io-type=quantized -stream-axis={axis}"
    factory = relay.build(relay.frontend.from_onnx(classes(), name="unet"), options)
    shape = factory.network.inputs[0].model_shape
    image = np.random.default_rng(0).integers(-128, 128, (shape[2], shape[3], shape[1]), dtype=np.int8)
    (expected,) = reference.run(factory.network, [image.transpose(2, 0, 1)[np.newaxis]])
    mask = run_with_image(factory, readme_application(), image, tmp_path)
    np.testing.assert_array_equal(np.frombuffer(mask, np.uint8).reshape(6, 9), expected[0])


WRONG_CALLS = (
    "write_image(NULL, 0, image, UNET_INPUT0_BYTES)",
    "write_image(&context, 0, NULL, UNET_INPUT0_BYTES)",
    "write_image(&context, UNET_INPUTS, image, UNET_INPUT0_BYTES)",
    "write_image(&context, 0, image, UNET_INPUT0_BYTES - 1u)",
    "read_image(NULL, 0, mask, UNET_OUTPUT0_BYTES)",
    "read_image(&context, 0, NULL, UNET_OUTPUT0_BYTES)",
    "read_image(&context, UNET_OUTPUTS, mask, UNET_OUTPUT0_BYTES)",
    "read_image(&context, 0, mask, UNET_OUTPUT0_BYTES + 1u)",
)


@pytest.mark.parametrize("call", WRONG_CALLS)
def test_a_wrong_call_is_an_error_of_its_argument(call: str, wrong_calls: dict[str, str]) -> None:
    assert wrong_calls[call] == "1"


@pytest.fixture(scope="module")
def wrong_calls(tmp_path_factory) -> dict[str, str]:
    """The status of each wrong call, in one program."""
    application = readme_application().replace(
        "unet_status status = segment(&image[0][0][0], &mask[0][0][0]);",
        "\n".join(
            [
                "(void)unet_init(&context, arena, sizeof arena, NULL);",
                *(f'printf("%d\\n", (int)unet_{call});' for call in WRONG_CALLS),
                "unet_status status = segment(&image[0][0][0], &mask[0][0][0]);",
            ]
        ),
    )
    folder = tmp_path_factory.mktemp("wrong")
    factory = relay.build(relay.frontend.from_onnx(segmenter(), name="unet"), "c -tinyseg -stream-axis=columns")
    run_with_image(factory, application, np.zeros((16, 12, 3), np.int8), folder)
    printed = subprocess.run(["./application"], cwd=folder, check=True, capture_output=True, text=True, timeout=60)
    return dict(zip(WRONG_CALLS, printed.stdout.split(), strict=True))
