"""Measure both networks on the held-out scenes with ONNX Runtime and write the figures to metrics.json.

IoU is intersection over union of the vehicle pixels, over all test scenes together; ``mean_scene_iou`` is the mean over
scenes that have a vehicle. The int8 network runs without graph optimisation, so that every operator is the one of the
file.

    python evaluate.py tinyunet_float.onnx tinyunet_int8.onnx metrics.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from scenes import TEST_SEEDS, Scene, quantised, scene

Predictor = Callable[[NDArray[np.uint8]], NDArray[np.bool_]]


def overlap(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> tuple[int, int]:
    """Pixels of the intersection and of the union."""
    return int((mask & truth).sum()), int((mask | truth).sum())


def iou(predict: Predictor, scenes: Iterable[Scene]) -> dict[str, float]:
    """Figures of one network over scenes."""
    pairs = [overlap(predict(one.image), one.mask) for one in scenes]
    intersection, union = np.array(pairs).sum(axis=0)
    single = [i / u for i, u in pairs if u]
    return {"iou": round(float(intersection / union), 4), "mean_scene_iou": round(float(np.mean(single)), 4)}


def float_predictor(path: Path) -> Predictor:
    """Picture to mask by the float network."""
    session = onnxruntime.InferenceSession(path)

    def predict(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
        feed = image.transpose(2, 0, 1)[None].astype(np.float32) / 255
        return np.asarray(session.run(None, {"image": feed})[0][0, 0] > 0)

    return predict


def int8_predictor(path: Path) -> Predictor:
    """Picture to mask by the int8 network: vehicle where the logit is above its zero point."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options)
    zero_point = int(session.get_modelmeta().custom_metadata_map["logits.zero_point"])

    def predict(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
        return np.asarray(session.run(None, {"image": quantised(image)})[0][0, 0] > zero_point)

    return predict


def main() -> None:
    """Measure and write."""
    floating, integer, metrics = (Path(name) for name in sys.argv[1:4])
    scenes = [scene(seed) for seed in TEST_SEEDS]
    figures = {
        "test_scenes": len(scenes),
        "test_seeds": [TEST_SEEDS.start, TEST_SEEDS.stop],
        "float": iou(float_predictor(floating), scenes),
        "int8": iou(int8_predictor(integer), scenes),
        "int8_bytes": integer.stat().st_size,
    }
    text = json.dumps(figures, indent=2)
    metrics.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
